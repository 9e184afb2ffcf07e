"""`python -m bench [kernel core scale memory loop session] [--rounds N] [--json FILE]`: a table on standard output, figures as JSON.

Machines are noisy: each figure is the median of its rounds, and yardsticks run in turns with what they measure.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench import alarms, bars, core, instructions, kernel, loop, memory, scale, session
from bench.figures import Figure

SECTIONS: dict[str, Callable[[int], Iterator[Figure]]] = {
    "kernel": kernel.figures,
    "core": core.figures,
    "scale": scale.figures,
    "memory": memory.figures,
    "loop": loop.figures,
    "session": session.figures,
}
MINUTES = ("alarms", "instructions")  # take minutes, so they are run only where they are asked for


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "sections", nargs="*", default=list(SECTIONS), metavar="SECTION", help=", ".join((*SECTIONS, *MINUTES))
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each figure is taken (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument(
        "--plots", type=Path, metavar="DIR", help="draw the pictures of docs/alarms.md and docs/performance.md there"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="with `alarms`: keep simulated readings there for next time"
    )
    arguments = parser.parse_args()
    for folder in (arguments.plots, arguments.json and arguments.json.parent):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)  # now, and not when all has been measured
    found_alarms = partial(alarms.figures, plots=arguments.plots, keep=arguments.keep)
    sections = SECTIONS | dict(zip(MINUTES, (found_alarms, instructions.figures), strict=True))
    unknown = [s for s in arguments.sections if s not in sections]
    if unknown:
        parser.error(f"expected {', '.join(sections)}, got {', '.join(unknown)}")
    found: list[Figure] = []
    for section in arguments.sections:
        print(f"\n{section}", flush=True)
        for figure in sections[section](arguments.rounds):
            found.append(figure)
            print(f"  {figure.name:58s} {figure.value:10.3f} {figure.unit}", flush=True)
    if arguments.plots is not None:
        bars.draw(found, arguments.plots / "cost.svg")
    if arguments.json is not None:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        figures = [f._asdict() for f in found]
        arguments.json.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
