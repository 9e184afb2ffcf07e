"""Suites that every plug-in of a kind must pass, and that the built-in ones are tested with.

from tests.conformance import check_codec

def test_my_codec_conforms() -> None:
    check_codec(MyCodec(Payload(), Time(), ["temperature"]), fields=1, plain=[b"...", b"..."])

def test_my_model_conforms() -> None:
    check_model(MyModel.build(MyModel.Settings(...), [ChannelInfo("temperature", "degC")]))
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import islice

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.bank import FEW, Bank
from agent.codecs import Codec
from agent.models.base import Component
from agent.times import END
from agent.types import Decoded, DecodeError, Reason, Sample
from agent.values import LIMIT
from tests.payloads import ADVERSARIAL


def check_codec(codec: Codec, fields: int, plain: Sequence[bytes], examples: int = 200) -> None:
    """Any bytes give samples or a DecodeError; the fast way and the plain way agree bit for bit, however a batch is cut.

    `fields` is the number of values of a sample; `plain` are payloads of one sample without errors.
    """
    for payload in plain:
        decoded = decode(codec, payload, fields)
        assert isinstance(decoded, Decoded), f"{payload!r} was said to be plain: {decoded}"
        assert len(decoded.samples) == 1, f"{payload!r} was said to be plain: {decoded}"
        assert not decoded.errors, f"{payload!r} was said to be plain: {decoded}"

    corpus = (*plain, *ADVERSARIAL)

    @settings(max_examples=examples, deadline=None, database=None, report_multiple_bugs=False)
    @given(
        st.binary(max_size=64)
        | st.sampled_from(corpus)
        | st.builds(_spliced, st.sampled_from(corpus), st.sampled_from(corpus), st.integers(0, 99), st.integers(0, 99))
        | st.builds(_overwritten, st.sampled_from(plain), st.binary(min_size=1, max_size=3), st.integers(0, 99))
    )
    def any_bytes_give_samples_or_a_decode_error(payload: bytes) -> None:
        decode(codec, payload, fields)
        check_columns(codec, [payload], fields)

    @settings(max_examples=examples, deadline=None, database=None, report_multiple_bugs=False)
    @given(st.lists(st.sampled_from(plain), max_size=12), st.lists(st.sampled_from(corpus), max_size=2))
    def a_batch_gives_what_its_payloads_give_one_by_one(usual: list[bytes], other: list[bytes]) -> None:
        check_columns(codec, usual, fields)
        check_columns(codec, [*usual, *other], fields)

    any_bytes_give_samples_or_a_decode_error()
    a_batch_gives_what_its_payloads_give_one_by_one()


def decode(codec: Codec, payload: bytes, fields: int) -> Decoded | Reason:
    """Decode and check every promise about the result; the reason when the payload as a whole is not usable."""
    try:
        decoded = codec.decode(payload)
    except DecodeError as error:
        _check_error(error)
        return error.reason
    assert decoded.samples or decoded.errors, "neither samples nor errors: nothing would be counted"
    for sample in decoded.samples:
        assert len(sample.values) == fields
        assert any(value is not None for value in sample.values), "a sample without a value is an error instead"
        for value in sample.values:
            assert value is None or (type(value) is float and -LIMIT <= value <= LIMIT)
        assert sample.time is None or (type(sample.time) is float and 0.0 <= sample.time < END)
    for left_out in decoded.errors:
        _check_error(left_out)
    return decoded


def check_columns(codec: Codec, payloads: Sequence[bytes], fields: int) -> bool:
    """Where the codec has a fast way for this batch, it gives the bits of the plain way. Says whether it had."""
    columns = codec.columns(payloads)
    if columns is None:
        return False
    assert len(columns.values) == fields
    rows = [Sample(time, tuple(values)) for time, *values in zip(columns.times, *columns.values, strict=True)]
    counts = [1] * len(payloads) if columns.counts is None else columns.counts
    assert len(counts) == len(payloads)
    assert len(rows) == sum(counts)
    rest = iter(rows)
    for count, payload in zip(counts, payloads, strict=True):
        decoded = decode(codec, payload, fields)
        assert isinstance(decoded, Decoded), payload
        assert not decoded.errors, payload
        assert [_bits(sample) for sample in decoded.samples] == [_bits(row) for row in islice(rest, count)], payload
    return True


def _check_error(error: DecodeError) -> None:
    assert isinstance(error.reason, Reason)
    assert len(error.detail) < 2000, "a payload must not choose how much is logged"
    assert error.detail.isprintable(), "nor what a terminal does"


def _bits(sample: Sample) -> tuple[bytes | None, ...]:
    return tuple(None if value is None else struct.pack("<d", value) for value in (sample.time, *sample.values))


def _spliced(one: bytes, other: bytes, cut: int, resume: int) -> bytes:
    return one[: len(one) * cut // 100] + other[len(other) * resume // 100 :]


def _overwritten(payload: bytes, patch: bytes, at: int) -> bytes:
    start = len(payload) * at // 100
    return payload[:start] + patch + payload[start + len(patch) :]


# Seconds between readings, as quotients of integers so that a hundred of them add up without rounding.
_INTERVALS = st.integers(0, 2**14).map(lambda k: k / 128.0)


def check_model(component: Component, *, step: float = 0.0, composes: bool = True, examples: int = 100) -> None:
    """Elapsed time behaves as time does, noise as a covariance does, and floats as arrays do, bit for bit.

    `step`: intervals are multiples of this, for models that know no shorter ones. `composes`: False for a model whose
    noise over a + b is by design not that over a and then over b; its F must compose all the same.
    """
    n = len(component.states)
    zero, none = matrices(component, 0.0)
    assert np.array_equal(zero, np.eye(n)), f"F(0) is {zero.tolist()}, not the identity"
    assert not none.any(), f"Q(0) is {none.tolist()}, not zero"

    def on_grid(dt: float) -> float:
        return round(dt / step) * step if step else dt

    @settings(max_examples=examples, deadline=None, database=None)
    @given(_INTERVALS, _INTERVALS)
    def waiting_twice_is_waiting_for_the_sum(a: float, b: float) -> None:
        a, b = on_grid(a), on_grid(b)
        (fa, qa), (fb, qb), (f, q) = matrices(component, a), matrices(component, b), matrices(component, a + b)
        assert np.allclose(f, fb @ fa, rtol=1e-9, atol=1e-9 * float(np.abs(f).max()))
        if composes:
            assert np.allclose(q, fb @ qa @ fb.T + qb, rtol=1e-9, atol=1e-9 * float(np.abs(q).max()))

    @settings(max_examples=examples, deadline=None, database=None)
    @given(_INTERVALS)
    def noise_is_a_covariance(dt: float) -> None:
        _, q = matrices(component, on_grid(dt))
        assert np.allclose(q, q.T, rtol=1e-12, atol=0.0)
        assert float(np.linalg.eigvalsh(q).min()) >= -1e-12 * float(np.abs(q).max())

    entries = st.sampled_from(Bank(component, robust=True, window=16, late=1e9).entries)
    reading = st.tuples(entries, _INTERVALS, st.floats(-1e3, 1e3), st.integers(1, 2 * FEW))

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.booleans(), st.lists(reading, min_size=1, max_size=40))
    def floats_and_arrays_agree(robust: bool, readings: list[tuple[int, float, float, int]]) -> None:
        check_flavours(component, robust, [(e, on_grid(dt), value, count) for e, dt, value, count in readings])

    waiting_twice_is_waiting_for_the_sum()
    noise_is_a_covariance()
    floats_and_arrays_agree()


def matrices(component: Component, dt: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F and Q over dt, each learned intensity taken as one."""
    f = np.array(component.transition(dt), float)
    q = np.zeros((len(component.states), len(component.states)))
    for term in component.noises:
        intensity = 1.0 if term.intensity is None else term.intensity
        upper = np.triu(np.array(term.matrix(dt), float))
        q += intensity * (upper + np.triu(upper, 1).T)
    return f, q


def check_flavours(component: Component, robust: bool, readings: Sequence[tuple[int, float, float, int]]) -> None:
    """Each reading, (entry, time since the last, value, number of rows), goes into all rows: one by one and at once."""
    rows = 2 * FEW
    floats, arrays = (Bank(component, robust=robust, window=16, late=1e9) for _ in range(2))
    floats.grow(rows)
    arrays.grow(rows)
    time = 1e6
    for entry, dt, value, count in readings:
        time += dt
        values = value + np.arange(float(count))
        chosen = np.arange(count)
        codes = arrays.update_many(chosen, entry, np.full(count, time), values)
        one_by_one = [floats.update(r, entry, time, v) for r, v in enumerate(values.tolist())]
        assert (codes.tolist() if codes is not None else [0] * count) == one_by_one
    for (name, one), many in zip(floats.export(range(rows)).items(), arrays.export(range(rows)).values(), strict=True):
        assert one.tobytes() == many.tobytes(), f"column {name}: floats {one.tolist()}, arrays {many.tolist()}"
    for dt in (0.0, 1.0, 600.0):
        begun = np.flatnonzero(floats.columns["b"][:rows] > 0)
        if len(begun):
            many = arrays.ahead_many(begun, np.full(len(begun), dt))
            for k, row in enumerate(begun.tolist()):
                one_ahead = floats.ahead(row, dt)
                assert [struct.pack("<d", v) for v in one_ahead] == [struct.pack("<d", m[k]) for m in many]
