"""What `python -m bench instructions` reads out of callgrind's files, which name a function once and then by its number."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import instructions

FILE = """\
# callgrind format
version: 1
positions: line
events: Ir

fl=(1) main.c
fn=(1) main
3 40
+2 5
cfn=(2) work
calls=2 10
5 700
* 1

fl=(1)
fn=(2)
10 300
cfn=(1)
calls=1 3
-1 46
+1 400

fn=(1)
7 4

totals: 750
"""


def test_what_was_spent_in_callees_is_theirs(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text(FILE)
    found = instructions.by_function(file)
    assert found == {"main": 50, "work": 700}
    assert sum(found.values()) == 750


@pytest.mark.parametrize("name", instructions.LOADS)
def test_more_turns_are_the_same_turns_and_some(name: str) -> None:
    load = instructions.LOADS[name]
    few, more = (instructions.turns(load, count) for count in (instructions.FEW, instructions.MORE))
    assert more[: len(few)] == few
    assert len(more) == 3 * len(few)


def test_without_valgrind_there_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="apt install valgrind"):
        next(instructions.figures(1))
