"""The command: `python -m tests.chaos --kills 210`. The seed is printed first; `--seed` draws the same faults again."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.faults import FAULTS
from tests.chaos.run import ALL, KILLS, report, run


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--kills", type=int, default=0, help="only kill -9 of the agent, so many times")
    parser.add_argument("--faults", type=int, default=100, help="faults of all kinds, so many")
    parser.add_argument("--only", choices=sorted(FAULTS), action="append", help="faults of this kind; may be repeated")
    parser.add_argument("--rate", type=float, default=1000.0, help="readings a second")
    parser.add_argument("--mode", choices=("strict", "relaxed"), default="strict")
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}", flush=True)
    kinds = KILLS if given.kills else ALL
    if given.only:
        kinds = dict.fromkeys(given.only, 1.0)
    with tempfile.TemporaryDirectory(prefix="twinned-chaos-") as home:
        outcome = run(
            seed=given.seed,
            faults=given.kills or given.faults,
            rate=given.rate,
            mode=given.mode,
            kinds=kinds,
            home=Path(home),
            say=lambda line: print(line, flush=True),
        )
    print("\n".join(report(outcome)))
    return 0 if outcome.faultless else 1


if __name__ == "__main__":
    sys.exit(main())
