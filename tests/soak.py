"""The soak: an hour of readings with faults, and what the agent takes of its machine meanwhile.

`python -m tests.soak --minutes 60` samples resident memory, descriptors, threads and file sizes each few seconds. The
agent is killed now and then, which begins a new segment; all other faults of `tests.chaos` but damage to the store (it
would only begin more segments) go on meanwhile: in the first minutes of a segment each kind twice, since each has an
appetite of its own and some come once in ten minutes by chance, then at random. At the end the state must be equal to
the bit to that of an uninterrupted run, and the verdict is: no slope of memory that could be told from none
(`tests.trend`; the first minutes of a segment are left out), as many descriptors at the end of each segment as at its
beginning, files under the cap.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.faults import Ground
from tests.chaos.run import concluded, possible, prepared, report, strike
from tests.trend import Sample, Slope, slope, thinned

KINDS = {
    "stop and continue": 1.0,
    "cut": 2.0,
    "cut within a packet": 2.0,
    "trickle": 1.0,
    "hold up": 1.0,
    "restart the broker": 0.5,
    "kill the broker": 0.3,
    "replace the broker": 0.3,
    "fill the disk": 1.0,
    "forbid writing": 1.0,
    "step the clock": 1.0,
}
ENDING = ("kill", "kill while starting")
SEGMENT = 1800.0  # seconds that the agent mostly runs
GAP = 8.0  # seconds between faults, on average
CAP = 32 << 20  # `store.max_size`: the least there is
WARMUP = 240.0  # seconds of a segment that are not judged: until the collector and the allocator have come round
THIN = 30.0  # seconds for which one sample stands


class Row(NamedTuple):
    """One look at the agent."""

    seconds: float  # since the run began
    pid: int
    resident: int  # bytes
    anonymous: int  # bytes of these that belong to no file
    descriptors: int
    threads: int
    database: int  # bytes
    log: int  # bytes, of the write-ahead log
    readings: int  # that the broker has taken
    faults: int


class Observer(threading.Thread):
    """Looks each few seconds, and writes down what it sees."""

    def __init__(self, ground: Ground, file: Path, interval: float) -> None:
        super().__init__(daemon=True)
        self._ground, self._file, self._interval = ground, file, interval
        self._ended = threading.Event()
        self._began = time.monotonic()
        self.faults = 0
        self.rows: list[Row] = []

    def run(self) -> None:
        with self._file.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(Row._fields)
            while not self._ended.wait(self._interval):
                if (row := self._look()) is not None:
                    self.rows.append(row)
                    writer.writerow((f"{row.seconds:.1f}", *row[1:]))
                    file.flush()

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def _look(self) -> Row | None:
        agent, store = self._ground.agent, self._ground.store
        process = agent.process
        vitals = agent.vitals()
        if vitals is None or process is None:
            return None
        database, log = _size(store), _size(store.with_name(store.name + "-wal"))
        seconds = time.monotonic() - self._began
        return Row(seconds, process.pid, *vitals, database, log, self._ground.source.acknowledged, self.faults)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class Verdict(NamedTuple):
    """What the samples say."""

    memory: Slope  # bytes a second
    descriptors: list[tuple[int, int]]  # per segment: median of the first and of the last third
    threads: int  # most
    largest: int  # bytes of database and log together, most
    resident: tuple[int, int]  # bytes, least and most, warm

    @property
    def flat(self) -> bool:
        return (
            self.memory.within_noise and all(last <= first for first, last in self.descriptors) and self.largest <= CAP
        )


def judge(rows: Sequence[Row]) -> Verdict:
    """Raises ValueError where there is too little to tell."""
    segments = [list(group) for _, group in groupby(rows, key=lambda row: row.pid)]
    warm = [[row for row in segment if row.seconds >= segment[0].seconds + WARMUP] for segment in segments]
    warm = [segment for segment in warm if len(segment) >= 3]
    memory = [thinned((Sample(row.seconds, row.resident) for row in segment), THIN) for segment in warm]
    descriptors = []
    for segment in warm:
        third = max(1, len(segment) // 3)
        counts = [row.descriptors for row in segment]
        descriptors.append((sorted(counts[:third])[third // 2], sorted(counts[-third:])[third // 2]))
    resident = [row.resident for segment in warm for row in segment]
    return Verdict(
        slope(memory),
        descriptors,
        max(row.threads for row in rows),
        max(row.database + row.log for row in rows),
        (min(resident), max(resident)),
    )


def soak(
    *, seed: int, minutes: float, rate: float, mode: str, gap: float, home: Path, out: Path, say: Callable[[str], None]
) -> tuple[bool, dict[str, Any]]:
    """One run; whether all is well, and what came of it."""
    counts = dict.fromkeys((*KINDS, *ENDING), 0)
    count = int((minutes * 60 + 600) * rate)
    with prepared(home, seed, count=count, rate=rate, mode=mode, cap=CAP) as (ground, subscriber):
        names, weights = possible(ground, KINDS)
        rng, source = random.Random(seed), ground.source
        ground.gentle = True
        began = time.monotonic()
        observer = Observer(ground, out / "soak.csv", 5.0)
        observer.start()
        source.start()
        ending = began + SEGMENT * rng.uniform(0.7, 1.3)
        said = began
        first = _each(names, rng)
        while time.monotonic() < began + minutes * 60:
            pause = rng.expovariate(1 / gap) if not first else gap / 2
            time.sleep(max(0.0, min(pause, 5 * gap, began + minutes * 60 - time.monotonic())))
            if time.monotonic() >= ending:
                name = rng.choice(ENDING)
                ending = time.monotonic() + SEGMENT * rng.uniform(0.7, 1.3)
                first = _each(names, rng)
            elif first:
                name = first.pop()
            else:
                (name,) = rng.choices(names, weights)
            strike(ground, name, rng)
            counts[name] += 1
            observer.faults += 1
            if time.monotonic() >= said + 60:
                said = time.monotonic()
                row = observer.rows[-1]
                say(
                    f"{row.seconds / 60:.0f} min: {row.readings} readings, {row.faults} faults, {row.resident >> 10} KiB"
                )
        observer.stop()
        outcome = concluded(ground, subscriber, counts, began, rate, say)
    verdict = judge(observer.rows)
    hour = 3600 / 1024
    lines = [
        *report(outcome),
        f"memory: {verdict.resident[0] >> 10} to {verdict.resident[1] >> 10} KiB warm; slope {verdict.memory.estimate * hour:.0f} "
        f"KiB an hour, 95 % interval {verdict.memory.low * hour:.0f} to {verdict.memory.high * hour:.0f}, from "
        f"{verdict.memory.samples} samples in {verdict.memory.segments} segments: "
        f"{'within noise' if verdict.memory.within_noise else 'it GROWS'}",
        f"descriptors at the beginning and end of each segment: {', '.join(f'{a} and {b}' for a, b in verdict.descriptors)}; "
        f"threads: at most {verdict.threads}",
        f"files: at most {verdict.largest / 2**20:.1f} MiB of {CAP >> 20}",
    ]
    for line in lines:
        say(line)
    well = outcome.faultless and verdict.flat
    record = {"seed": seed, "minutes": minutes, "rate": rate, "mode": mode, "well": well, "lines": lines}
    (out / "soak.json").write_text(json.dumps(record, indent=2) + "\n")
    return well, record


def _each(names: Sequence[str], rng: random.Random) -> list[str]:
    """Each twice, in any order."""
    return rng.sample(list(names) * 2, 2 * len(names))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--rate", type=float, default=1500.0, help="readings a second")
    parser.add_argument("--mode", choices=("strict", "relaxed"), default="strict")
    parser.add_argument("--gap", type=float, default=GAP, help="seconds between faults, on average")
    parser.add_argument("--out", type=Path, default=Path(), help="where soak.csv and soak.json go")
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}", flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="twinned-soak-") as home:
        well, _ = soak(
            seed=given.seed,
            minutes=given.minutes,
            rate=given.rate,
            mode=given.mode,
            gap=given.gap,
            home=Path(home),
            out=given.out,
            say=lambda line: print(line, flush=True),
        )
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
