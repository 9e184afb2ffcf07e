"""Suites that every plug-in of a kind must pass, and that the built-in ones are tested with.

from tests.conformance import check_codec

def test_my_codec_conforms() -> None:
    check_codec(MyCodec(Payload(), Time(), ["temperature"]), fields=1, plain=[b"...", b"..."])
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.codecs import Codec
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
    assert len(rows) == len(payloads)
    for row, payload in zip(rows, payloads, strict=True):
        decoded = decode(codec, payload, fields)
        assert isinstance(decoded, Decoded), payload
        assert not decoded.errors, payload
        assert [_bits(sample) for sample in decoded.samples] == [_bits(row)], payload
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
