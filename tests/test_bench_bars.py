"""The picture of the benchmarks shows the figures that it is given, at their scale, and nothing else."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.bars import BLUE, draw
from bench.figures import Figure

SVG = "{http://www.w3.org/2000/svg}"
COSTS = [("agent", 12.0), ("echo in C", 10.0), ("a & b, as fast as it goes", 48.0)]
DELAYS = [("agent, 2000/s", 0.5, 5.0), ("echo, 2000/s", 5.0, 50.0)]


def drawn(figures: list[Figure], path: Path) -> ElementTree.Element:
    draw(figures, path)
    return ElementTree.fromstring(path.read_text())


def figures() -> list[Figure]:
    found = [Figure(f"{name}: CPU", cost, "µs/message") for name, cost in COSTS]
    found += [Figure("agent, 2000/s: CPU", 200.0, "µs/message"), Figure("agent: lost", 0, "messages")]
    for name, half, most in DELAYS:
        found += [Figure(f"{name}: p50", half, "ms"), Figure(f"{name}: p99", most, "ms")]
    return found


def test_bars_are_as_long_as_the_costs_and_each_has_its_name(tmp_path: Path) -> None:
    picture = drawn(figures(), tmp_path / "x.svg")
    bars = [float(r.attrib["width"]) for r in picture.iter(f"{SVG}rect") if r.attrib["fill"] == BLUE]
    assert [bar / bars[0] for bar in bars] == pytest.approx([cost / COSTS[0][1] for _, cost in COSTS], rel=0.01)
    words = [t.text for t in picture.iter(f"{SVG}text")]
    assert all(word in words for word in ("agent", "echo in C", "a & b", "agent, 2000/s", "echo, 2000/s"))


def test_equal_ratios_of_delays_are_equal_distances(tmp_path: Path) -> None:
    picture = drawn(figures(), tmp_path / "x.svg")
    places = [float(c.attrib["cx"]) for c in picture.iter(f"{SVG}circle")]
    (a, b), (c, d) = places[:2], places[2:]
    assert b > a
    assert (c, d - c) == pytest.approx((b, b - a), abs=0.2)


def test_everything_lies_within_the_picture(tmp_path: Path) -> None:
    picture = drawn(figures(), tmp_path / "x.svg")
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    for one in picture.iter():
        for name, end in (("x", width), ("cx", width), ("x2", width), ("y", height), ("cy", height), ("y2", height)):
            assert 0 <= float(one.attrib.get(name, 0)) <= end


def test_without_figures_of_its_kind_there_is_no_picture(tmp_path: Path) -> None:
    draw([Figure("NAB", 74.0, "points")], tmp_path / "x.svg")
    assert not (tmp_path / "x.svg").exists()
