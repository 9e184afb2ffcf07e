"""The pictures of docs/alarms.md. Matplotlib is the bench's, never the agent's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

matplotlib.use("svg")
import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from bench.alarms import Month

PARTS = 6
STYLE: Any = {"svg.hashsalt": "twinned", "font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False}


def rate(months: Sequence[Month], assets: Sequence[int], readings: int, file: Path) -> None:
    """Alarms over those stated: in all, and by sixths of the month."""
    with plt.rc_context(STYLE):
        figure, (whole, parts) = plt.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained", width_ratios=(1, 1.3))
        names = [m.name for m in months]
        total = [len(m.raised) / n for m, n in zip(months, assets, strict=True)]
        whole.barh(names[::-1], total[::-1], color="#4c78a8")
        whole.axvspan(1 / 1.5, 1.5, color="0.88", zorder=0)
        whole.axvline(1.0, color="0.4", linewidth=0.8)
        whole.set_xlabel("alarms in 30 days, over those stated")
        for m, n in zip(months, assets, strict=True):
            counts = np.histogram(m.raised, PARTS, (0, readings))[0] * PARTS / n
            parts.plot(np.arange(PARTS) * 5 + 2.5, counts, marker=".", label=m.name)
        parts.axhspan(1 / 1.5, 1.5, color="0.88", zorder=0)
        parts.axhline(1.0, color="0.4", linewidth=0.8)
        parts.set_xlabel("day")
        parts.set_ylabel("rate in five days, over that stated")
        parts.set_ylim(0.0)
        parts.legend(fontsize=7, frameon=False, ncols=2)
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)


def surprise(months: Sequence[Month], levels: Sequence[float], file: Path) -> None:
    """How often surprise was as large, over how often it claims to be."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
        for m in months:
            seen = np.where(m.surprises > 0.0, m.surprises, np.nan)  # never is nothing a logarithm shows
            axes.plot(levels, seen, marker=".", label=m.name)
        axes.axhspan(0.5, 2.0, color="0.88", zorder=0)
        axes.axhline(1.0, color="0.4", linewidth=0.8)
        axes.set_yscale("log")
        axes.set_xticks(levels)
        axes.set_yticks([0.1, 0.2, 0.5, 1.0, 2.0], ["0.1", "0.2", "0.5", "1", "2"])
        axes.set_ylim(0.05, 3.0)
        axes.set_xlabel("surprise, at least")
        axes.set_ylabel("observed over nominal")
        axes.legend(fontsize=7, frameon=False, ncols=2)
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)
