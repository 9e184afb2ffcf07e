"""Twins as rows: their names in topics and in JSON."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agent.rows import Rows
from agent.topics import safe_level

NAMES = st.text(max_size=12) | st.sampled_from(["press7", "line 1/press", 'a"b', "µ-1", "a\\b", "+", "\n"])


@given(st.lists(NAMES, min_size=1, max_size=20, unique=True), st.data())
def test_a_name_is_spelled_for_topics_and_for_json(names: list[str], data: st.DataObject) -> None:
    rows = Rows(1, 0, b"twinned/site/")
    rows.grow(32)
    for name in names:
        rows.add(name, 0.0)
    asked = data.draw(st.lists(st.integers(0, len(names) - 1), max_size=8))
    called, levels, texts = rows.spelled(asked)
    assert called == [names[row] for row in asked]
    assert levels == [safe_level(names[row]).encode() for row in asked]
    assert [b'"' + text + b'"' for text in texts] == [msgspec.json.encode(names[row]) for row in asked]
    assert [rows.topic(row, b"/state") for row in asked] == [b"twinned/site/" + level + b"/state" for level in levels]
