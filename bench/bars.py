"""The picture of `python -m bench loop session --plots docs`: what a message costs, and how long it takes.

Written as SVG by hand, so that `make bench` needs nothing that draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, log10
from pathlib import Path
from typing import NamedTuple

from bench.figures import Figure

COST, PACED, DELAYS = "µs/message", "/s", ("p50", "p99")
WIDTH, LABELS, ROW, HEAD, FOOT = 900, 380, 20, 34, 34  # in pixels
RIGHT = 60
BLUE, ORANGE, GREY, INK = "#4c78a8", "#f58518", "#d9d9d9", "#333"


class Delay(NamedTuple):
    name: str
    half: float  # ms that half of the messages take at most
    most: float  # ms that 99 in a hundred take at most


def costs(figures: Sequence[Figure]) -> list[Figure]:
    """CPU per message where messages come as fast as they can."""
    found = [f for f in figures if f.unit == COST and f.name.endswith(": CPU") and PACED not in f.name]
    return [f._replace(name=f.name.removesuffix(": CPU").removesuffix(", as fast as it goes")) for f in found]


def delays(figures: Sequence[Figure]) -> list[Delay]:
    """Those that were measured, which is where messages come at a pace."""
    by_name = {f.name: f.value for f in figures if f.unit == "ms"}
    names = [name.removesuffix(": p50") for name in by_name if name.endswith(": p50")]
    return [Delay(name, *(by_name[f"{name}: {p}"] for p in DELAYS)) for name in names]


class _Panel:
    """Rows under a title, and an axis below them."""

    def __init__(self, title: str, top: float) -> None:
        self.top, self.at = top, top + HEAD
        self.parts = [f'<text x="8" y="{top + 18:g}" font-weight="bold">{escape(title)}</text>']

    def row(self, label: str, *marks: str) -> None:
        self.parts.append(f'<text x="{LABELS - 8}" y="{self.at + 14:g}" text-anchor="end">{escape(label)}</text>')
        self.parts += marks
        self.at += ROW

    def ticks(self, places: Sequence[tuple[float, str]]) -> None:
        lines = []
        for x, label in places:
            lines.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self.top + HEAD - 4:g}" y2="{self.at + 4:g}" stroke="{GREY}"/>'
            )
            lines.append(f'<text x="{x:.1f}" y="{self.at + 18:g}" text-anchor="middle" fill="{INK}">{label}</text>')
        self.parts[1:1] = lines
        self.at += FOOT


def _cost_panel(found: Sequence[Figure], top: float) -> _Panel:
    panel = _Panel("CPU of the agent (or what its name says) per message, as fast as the broker sends, µs", top)
    step = 10 ** ceil(log10(max(f.value for f in found)) - 1)
    end = step * ceil(max(f.value for f in found) / step)
    scale = (WIDTH - LABELS - RIGHT) / end
    for f in found:
        y, length = panel.at, f.value * scale
        panel.row(
            f.name,
            f'<rect x="{LABELS}" y="{y + 3:g}" width="{length:.1f}" height="{ROW - 7}" fill="{BLUE}"/>',
            f'<text x="{LABELS + length + 5:.1f}" y="{y + 14:g}">{f.value:.3g}</text>',
        )
    panel.ticks([(LABELS + k * step * scale, f"{k * step:g}") for k in range(round(end / step) + 1)])
    return panel


def _delay_panel(found: Sequence[Delay], top: float) -> _Panel:
    panel = _Panel(
        "from a reading's departure to its state's arrival: half (blue) and 99 % (orange) of messages within, ms", top
    )
    low = 10.0 ** int(log10(min(d.half for d in found)) - 1)
    decades = ceil(log10(max(d.most for d in found) / low))
    scale = (WIDTH - LABELS - RIGHT) / decades

    def place(value: float) -> float:
        return LABELS + log10(value / low) * scale

    for d in found:
        y, half, most = panel.at + 10, place(d.half), place(d.most)
        panel.row(
            d.name,
            f'<line x1="{half:.1f}" x2="{most:.1f}" y1="{y:g}" y2="{y:g}" stroke="{GREY}" stroke-width="3"/>',
            f'<circle cx="{half:.1f}" cy="{y:g}" r="4" fill="{BLUE}"/>',
            f'<circle cx="{most:.1f}" cy="{y:g}" r="4" fill="{ORANGE}"/>',
        )
    panel.ticks([(LABELS + k * scale, f"{low * 10**k:g}") for k in range(decades + 1)])
    return panel


def draw(figures: Sequence[Figure], file: Path) -> None:
    """Cost and delays, one above the other; nothing where there is neither."""
    panels: list[_Panel] = []
    if cost := costs(figures):
        panels.append(_cost_panel(cost, 4.0))
    if delay := delays(figures):
        panels.append(_delay_panel(delay, panels[-1].at if panels else 4.0))
    if not panels:
        return
    height = panels[-1].at
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}"'
    )
    style = ' font-family="DejaVu Sans, Verdana, sans-serif" font-size="12">'
    ground = f'<rect width="{WIDTH}" height="{height:g}" fill="white"/>'
    lines = [head + style, ground, *(part for panel in panels for part in panel.parts), "</svg>"]
    file.write_text("\n".join(lines) + "\n")
