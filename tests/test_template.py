"""Many messages at once are, to the byte, what one at a time is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.services
from agent import native
from agent.encode import ENCODER
from agent.template import _woven, joined, learn, quoted
from agent.twins import Twins
from agent.types import STATUS_NAMES
from tests.streams import configuration

needs_machine = pytest.mark.skipif(native.MACHINE is None, reason="the compiled steps were not built: no C compiler")
ASSETS = {"topic": "plant/{asset}", "channels": {"text0found": {}, "1.5e200": {}}, "learning": 4}
narrow = st.floats(allow_infinity=False, width=32)  # some columns hold no more
numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=False), st.sampled_from([0.0, -0.0, 1e16, 5e-324, 1.5e200])
)


def _message(text: str, values: list[float]) -> bytes:
    return ENCODER.encode({"a,": values[0], "text": text, "b": {"1.5e200": values[1:]}})


@given(st.lists(st.tuples(st.text(), numbers, numbers, numbers), min_size=1, max_size=20))
def test_a_template_gives_the_bytes_of_the_function_it_was_learned_from(
    rows: list[tuple[str, float, float, float]],
) -> None:
    template = learn(_message, 3)
    assert template is not None
    columns = [value for column in list(zip(*rows, strict=True))[1:] for value in column]
    texts = [row[0] for row in rows]
    assert template.fill([quoted(text) for text in texts], columns) == [_message(row[0], list(row[1:])) for row in rows]


@needs_machine
@given(
    st.lists(st.binary(max_size=9).filter(lambda b: b"\0" not in b), min_size=1, max_size=8),
    st.lists(st.binary(max_size=5).filter(lambda b: b"\0" not in b), max_size=6),
    st.data(),
)
def test_texts_are_woven_the_same_without_the_machine(
    fragments: list[bytes], texts: list[bytes], data: st.DataObject
) -> None:
    places = len(fragments) - 1
    named = data.draw(st.permutations([*range(max(0, places - 1)), -1][-places:] if places else []))
    numbers = [b"%d" % k * (k % 3) for k in range((len(named) - named.count(-1)) * len(texts))]
    given = tuple(fragments), tuple(named), texts, b",".join(numbers)
    woven = _woven(*given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "MACHINE", None)
        assert _woven(*given) == woven
    assert len(woven) == len(texts)


@needs_machine
@pytest.mark.parametrize(
    ("fragments", "columns", "texts", "written", "wrong"),
    [
        ((b"a",), (0,), [b"t"], b"1", "a fragment more"),
        ((b"a", b"b"), (1,), [b"t"], b"1", "columns from -1"),
        ((b"a", b"b"), (-2,), [b"t"], b"", "columns from -1"),
        ((b"a", b"b"), (0,), [b"t", b"u"], b"1", "2 numbers"),
        ((b"a", b"b"), (0,), [b"t"], b"1,2", "1 numbers"),
        ((b"a", b"b"), (-1,), [b"t"], b"1", "0 numbers"),
        ((b"a", b"b"), (-1,), ["t"], b"", "bytes"),
        ((b"a", "b"), (-1,), [b"t"], b"", "bytes"),
        ((b"a", b"b"), (0.5,), [b"t"], b"1", "integer"),
        ([b"a"], (), [b"t"], b"", "tuples"),
        ((b"a",), (), 5, b"", "iterable"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    fragments: Any, columns: Any, texts: Any, written: Any, wrong: str
) -> None:
    assert native.MACHINE is not None
    with pytest.raises((ValueError, TypeError), match=wrong):
        native.MACHINE.weave(fragments, columns, texts, written)


def test_a_message_that_shows_a_number_twice_or_not_at_all_has_no_template() -> None:
    assert learn(lambda text, values: ENCODER.encode([text, values[0], values[0]]), 1) is None
    assert learn(lambda text, values: ENCODER.encode([text, values[0]]), 2) is None
    assert learn(lambda text, values: ENCODER.encode(values), 1) is None


def test_texts_are_put_between_others_one_by_one() -> None:
    assert joined(b"a/", [b"1", b"", b"2\n"], b"/z") == [b"a/1/z", b"a//z", b"a/2\n/z"]
    assert joined(b"a/", [], b"/z") == []


@pytest.mark.parametrize("quality", [[0, 0, 0, 0], [0, 1, 0, 2]], ids=["alike", "of all kinds"])
@pytest.mark.parametrize("status", [[1, 1, 1, 1], [0, 1, 2, 3]], ids=["alike", "of all kinds"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_states_written_together_are_those_written_one_by_one(
    quality: list[int], status: list[int], data: st.DataObject
) -> None:
    names = ["plain", 'quo"te', "comma,nul\\\x01", "\u00fcml\u00e4ut\U0001f600"]
    names = [name + str(k) for k in range(10) for name in names]
    quality, status, count = quality * 10, status * 10, 40
    block = Twins(configuration(tests.services.settings(assets=[ASSETS]))).blocks[0]
    for name in names:
        block.add(name, 0.0)
    columns, encoder = block.rows.columns, block.announcer.encoder
    values = data.draw(st.lists(narrow, min_size=16, max_size=16))
    begun = data.draw(st.lists(st.integers(0, 2), min_size=4, max_size=4))
    kept = [(name, column) for bank in block.banks for name, column in bank.columns.items()]
    for first, (name, column) in enumerate(kept):
        shown = begun if name == "b" else [values[(first * 5 + k) % 16] for k in range(4)]
        column[:count] = shown * 10
    for slot in range(2):
        columns[f"quality{slot}"][:count] = quality
    times = np.array([1.5, math.nan, 3e9, -1.0] * 10)
    processed, seq = np.arange(count) / 8.0, np.arange(count) + 2**53
    one_by_one = [
        encoder.write(t, p, 0.0, name, STATUS_NAMES[s], n, encoder.gather(row))
        for row, (t, p, name, s, n) in enumerate(
            zip(times.tolist(), processed.tolist(), names, status, seq.tolist(), strict=True)
        )
    ]
    rows = np.arange(count)
    _, texts = block.rows.spelled(rows)
    together = encoder.write_many(rows, texts, np.array(status), times, processed, seq)
    assert together == one_by_one
