"""Exact instruction counts: what a message costs, whatever else the machine does.

`python -m bench instructions` runs the core under valgrind's callgrind, once with few turns and once with more, and divides
the difference by the messages between: start-up cancels out. Instructions are not time: division and cache misses cost
more than one each, and what waits for what before it cannot overlap.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agent.twins import Twins
from agent.types import Batch
from bench.core import batches
from bench.figures import Figure, config
from bench.scale import SIZE, samples

FEW, MORE = 2, 6  # turns, or pairs of turns of 100 messages
TOP = 6  # functions that are named


class Load(NamedTuple):
    """A name for the table, assets, and samples per message; 0: one, and turns as full as they come."""

    name: str
    assets: int
    samples: int = 0


LOADS = {
    "spread": Load("spread over 1,000 assets", 1000),
    "hot": Load("all of one asset", 1),
    "single": Load("one sample, 200 assets", 200, 1),
    "many": Load("50 samples, 200 assets", 200, 50),
}
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def turns(load: Load, count: int) -> list[Batch]:
    if load.samples:
        return [turn for k in range(count) for turn in samples(load.samples, k)]
    each = count * SIZE // load.assets + 1
    return batches(load.assets, each, SIZE, first=10_000)[:count]


def work(name: str, count: int) -> int:
    """So many turns of a load, or pairs of turns; how many messages that were. What callgrind looks at."""
    load = LOADS[name]
    twins = Twins(config(max_assets=1_000_000))
    # One asset alone goes past all that is made once; of many, some always have.
    for batch in batches(load.assets, 20 if load.assets > 1 else 4000, 1000):
        twins.on_batch(batch)
    messages = 0
    made = turns(load, MORE)  # as many in each run, which cancels out
    for turn in made[: len(made) * count // MORE]:
        twins.on_batch(turn)
        messages += len(turn.topics)
    return messages


def _counted(name: str, turns: int, out: Path) -> tuple[int, int, dict[str, int]]:
    """Messages, instructions, and instructions by function."""
    command = [sys.executable, "-c", f"from bench.instructions import work; print(work({name!r}, {turns}))"]
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet"]
    # The same dictionaries in each run, and no thread of a library that is not needed.
    environ = {**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    said = subprocess.run([*valgrind, *command], check=True, capture_output=True, text=True, env=environ).stdout
    found = _TOTAL.search(out.read_text())
    if found is None:
        raise RuntimeError(f"expected a total in what callgrind wrote, got none in {out}; hint: which valgrind is it?")
    return int(said), int(found[1]), by_function(out)


def by_function(out: Path) -> dict[str, int]:
    """Instructions of functions themselves, without what they call (the format is callgrind's, version 1)."""
    names: dict[str, str] = {}
    costs: dict[str, int] = {}
    name = ""
    call = False
    with out.open() as lines:
        for line in lines:
            if line.startswith("fn="):
                number, _, text = line[3:].strip().partition(" ")
                name = names.setdefault(number, text)
            elif line.startswith("cfn="):
                number, _, text = line[4:].strip().partition(" ")
                names.setdefault(number, text)
            elif line.startswith("calls="):
                call = True  # the next line is what was spent in there
            elif line[:1] in "+-*0123456789":
                if not call:
                    costs[name] = costs.get(name, 0) + int(line.split()[1])
                call = False
    return costs


def figures(_: int) -> Iterator[Figure]:
    if shutil.which("valgrind") is None:
        raise SystemExit("expected valgrind on the PATH, got none; hint: on Debian and Ubuntu, apt install valgrind")
    with tempfile.TemporaryDirectory() as home:
        for name, load in LOADS.items():
            few, base, before = _counted(name, FEW, Path(home) / "few")
            more, whole, after = _counted(name, MORE, Path(home) / "more")
            messages = more - few
            spent = {key: (after[key] - before.get(key, 0)) / messages for key in after}
            top = sorted(spent, key=lambda key: -spent[key])[:TOP]
            yield Figure(load.name, (whole - base) / messages, "instructions/message")
            for key in top:
                yield Figure(f"    {key.split('@')[0]}"[:58], spent[key], "instructions/message")
