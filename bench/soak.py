"""The picture of a soak: `python -m bench.soak soak.csv docs/soak.svg`. Matplotlib is the bench's, never the agent's."""

from __future__ import annotations

import csv
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from tests.soak import WARMUP, Row

STYLE: Any = {"svg.hashsalt": "twinned", "font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False}


def read(file: Path) -> list[Row]:
    with file.open(newline="") as lines:
        return [Row(float(r["seconds"]), *(int(r[name]) for name in Row._fields[1:])) for r in csv.DictReader(lines)]


def draw(rows: list[Row], file: Path) -> None:
    """Memory and files over the time; the minutes that are not judged are grey."""
    with plt.rc_context(STYLE):
        figure, (memory, files) = plt.subplots(2, 1, figsize=(8.4, 4.2), layout="constrained", sharex=True)
        for k, (_, group) in enumerate(groupby(rows, key=lambda row: row.pid)):
            segment = list(group)
            minutes = [row.seconds / 60 for row in segment]
            for axes in (memory, files):
                axes.axvspan(minutes[0], min(minutes[0] + WARMUP / 60, minutes[-1]), color="0.92", zorder=0)
            for name, colour in (("resident", "#4c78a8"), ("anonymous", "#f58518")):
                values = [getattr(row, name) / 2**20 for row in segment]
                memory.plot(minutes, values, color=colour, linewidth=0.9, label=None if k else name)
            for name, colour in (("database", "#54a24b"), ("log", "#b279a2")):
                values = [getattr(row, name) / 2**20 for row in segment]
                files.plot(minutes, values, color=colour, linewidth=0.9, label=None if k else name)
        memory.set_ylabel("memory, MiB")
        files.set_ylabel("files, MiB")
        files.set_xlabel("minutes")
        for axes in (memory, files):
            axes.set_ylim(0.0)
            axes.legend(fontsize=7, frameon=False, ncols=2, loc="lower right")
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    draw(read(Path(sys.argv[1])), Path(sys.argv[2]))
