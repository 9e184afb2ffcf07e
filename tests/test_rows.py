"""Twins as rows: their names in topics and in JSON."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.names import WIDEST, Names
from agent.rows import Index, Rows
from agent.topics import safe_level

NAMES = st.text(max_size=12) | st.sampled_from(["press7", "line 1/press", 'a"b', "µ-1", "a\\b", "+", "\n"])


@given(st.lists(NAMES, min_size=1, max_size=20, unique=True), st.data())
def test_a_name_is_spelled_for_topics_and_for_json(names: list[str], data: st.DataObject) -> None:
    rows = Rows(1, 0, b"twinned/site/")
    rows.grow(32)
    for name in names:
        rows.add(name, 0.0)
    asked = data.draw(st.lists(st.integers(0, len(names) - 1), max_size=8))
    levels, texts = rows.spelled(np.array(asked, np.intp))
    assert [rows.names[row] for row in asked] == [names[row] for row in asked]
    assert levels == [safe_level(names[row]).encode() for row in asked]
    assert [b'"' + text + b'"' for text in texts] == [msgspec.json.encode(names[row]) for row in asked]
    assert [rows.topic(row, b"/state") for row in asked] == [b"twinned/site/" + level + b"/state" for level in levels]


AWKWARD = st.sampled_from(["", "\0", "a\0", "a\0b", "é" * 32, "é" * 33, "x" * WIDEST, "x" * (WIDEST + 1)])


@given(st.lists(NAMES | AWKWARD, max_size=60), st.data())
def test_names_are_read_as_they_were_given(given_names: list[str], data: st.DataObject) -> None:
    names = Names()
    for count, name in enumerate(given_names):
        assert len(names) == count
        names.append(name)
        assert names[count] == name
    assert list(names) == given_names
    assert [names[row] for row in range(len(names))] == given_names
    asked = data.draw(st.lists(st.integers(0, len(names) - 1), max_size=8)) if given_names else []
    texts = [given_names[row].encode() for row in asked]
    assert names.encoded_many(np.array(asked, np.intp)) == texts
    assert [names.encoded(row) for row in asked] == texts


def test_more_names_than_are_read_at_a_time_are_read_in_order() -> None:
    names, expected = Names(), [f"asset{k}" * (1 + k % 12) for k in range(2500)]
    for name in expected:
        names.append(name)
    assert list(names) == expected


class Colliding(str):
    """A name that is looked for at the same place as many others."""

    __slots__ = ()

    def __hash__(self) -> int:
        return len(self) % 3 - 1

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True


@given(st.lists(NAMES, max_size=80, unique=True), NAMES, st.sampled_from([str, Colliding]))
def test_a_row_is_found_by_its_name_and_only_by_that(names: list[str], other: str, kind: type[str]) -> None:
    held: list[str] = []
    index = Index(held)
    for row, name in enumerate(names):
        assert kind(name) not in index
        held.append(kind(name))
        index.add(row)
        assert len(index) == row + 1
    assert dict(index) == {kind(name): row for row, name in enumerate(names)}
    assert index.get(kind(other)) == (names.index(other) if other in names else None)
