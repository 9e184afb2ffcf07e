"""Resident memory per further asset, and of the idle agent. Each figure is from a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from bench.figures import Figure

_GROWTH = """
import sys
from bench.core import batches
from bench.figures import config
from agent.twins import Twins
def rss():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
def fill(assets, readings):
    twins = Twins(config(max_assets=1_000_000))
    for k in range(readings):
        for batch in batches(assets, 1, 500, first=k):
            twins.on_batch(batch)
    return twins
small = fill(100, 2)
before = rss()
twins = fill(int(sys.argv[1]), int(sys.argv[2]))
print((rss() - before) / int(sys.argv[1]))
"""


def figures(rounds: int) -> Iterator[Figure]:
    for assets, readings in ((10_000, 2), (10_000, 70), (100_000, 2)):
        command = [sys.executable, "-c", _GROWTH, str(assets), str(readings)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        yield Figure(f"{assets} assets after {readings} readings each", float(out), "KiB/asset")
