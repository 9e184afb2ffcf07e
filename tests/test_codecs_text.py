"""Bare numbers and CSV lines: what is read, and why the rest is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.codecs import build
from agent.config import Payload, Time
from agent.types import DecodeError, Reason, Sample
from tests.conformance import check_columns

NUMBER = build(Payload(format="number"), Time(), ["a"])


def csv(
    payload: bytes, columns: str, *fields: str, time: Time | None = None, **settings: Any
) -> tuple[list[Sample], list[Reason]]:
    codec = build(Payload(format="csv", columns=columns.split(), **settings), time or Time(), fields)
    try:
        decoded = codec.decode(payload)
    except DecodeError as error:
        return [], [error.reason]
    return decoded.samples, [error.reason for error in decoded.errors]


@given(st.floats(-1e100, 1e100))
def test_a_number_written_by_python_is_read_to_the_bit(value: float) -> None:
    (sample,) = NUMBER.decode(f" {value!r}\n".encode()).samples
    assert repr(sample) == repr(Sample(None, (value,)))
    assert check_columns(NUMBER, [repr(value).encode()] * 3, 1)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.EMPTY),
        (b" \n", Reason.EMPTY),
        (b"\xef\xbb\xbf", Reason.EMPTY),
        (b"on", Reason.MALFORMED),
        (b"21.5 degC", Reason.MALFORMED),
        (b"21,5", Reason.MALFORMED),
        (b"1_000", Reason.MALFORMED),
        (b"0x10", Reason.MALFORMED),
        (b"1 2", Reason.MALFORMED),
        (b"\xff", Reason.MALFORMED),
        (b"21.5\x00", Reason.MALFORMED),
        ("١٢".encode(), Reason.MALFORMED),
        (b"nan", Reason.NON_FINITE),
        (b"-Infinity", Reason.NON_FINITE),
        (b"1e400", Reason.NON_FINITE),
        (b"1.1e100", Reason.NON_FINITE),
    ],
)
def test_what_is_no_number_has_its_reason(payload: bytes, reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        NUMBER.decode(payload)
    assert caught.value.reason is reason
    assert NUMBER.columns([b"1", payload]) is None


def test_each_line_is_a_sample_and_columns_are_found_by_name() -> None:
    payload = b"1700000000,x,21.5,3\r\n1700000001,y,22.5,4\r\n\r\n"
    want = [Sample(1700000000.0, (3.0, 21.5)), Sample(1700000001.0, (4.0, 22.5))]
    assert csv(payload, "ts note temperature flow", "flow", "temperature") == (want, [])


def test_quotes_delimiters_and_byte_order_marks_are_understood() -> None:
    assert csv(b'\xef\xbb\xbf"1.5";"say ""hi""; twice";" 2 "', "a note b", "a", "b", delimiter=";") == (
        [Sample(None, (1.5, 2.0))],
        [],
    )
    assert csv(b"1\t\t2", "a x b", "a", "b", delimiter="\t") == ([Sample(None, (1.0, 2.0))], [])


def test_the_time_is_a_named_column_or_the_usual_one() -> None:
    assert csv(b"2026-01-31T12:00:00Z,1", "at a", "a", time=Time(field="at"))[0][0].time == 1769860800.0
    assert csv(b"5,1", "at a", "a")[0][0].time is None
    assert csv(b"5,6,1", "timestamp ts a", "a")[0][0].time == 6.0
    assert csv(b"5,1", "ts a", "a", time=Time(field="arrival"))[0][0].time is None
    assert csv(b" ,1", "ts a", "a")[0][0].time is None


@pytest.mark.parametrize(
    ("payload", "samples", "reasons"),
    [
        (b"", [], [Reason.EMPTY]),
        (b"\n \n", [], [Reason.EMPTY]),
        (b"1,2,\xff", [], [Reason.MALFORMED]),
        (b"1,2", [], [Reason.MALFORMED]),
        (b"1,2,3,4", [], [Reason.MALFORMED]),
        (b'1,2,"3', [], [Reason.MALFORMED]),
        (b"1,,", [], [Reason.MISSING]),
        (b"soon,2,3", [], [Reason.BAD_TIME]),
        (b"1,warm,3", [Sample(1.0, (None, 3.0))], [Reason.WRONG_TYPE]),
        (b"1,nan,1e400", [], [Reason.NON_FINITE, Reason.NON_FINITE]),
        (b"1,2,3\n4,5\n7,8,9", [Sample(1.0, (2.0, 3.0)), Sample(7.0, (8.0, 9.0))], [Reason.MALFORMED]),
        (b"1,2,\n1,,3,,\n", [Sample(1.0, (2.0, None)), Sample(1.0, (None, 3.0))], []),
        (b"1,1,1\n" * 6, [], [Reason.TOO_MANY]),
    ],
)
def test_a_damaged_payload_gives_what_is_whole_and_reasons_for_the_rest(
    payload: bytes, samples: list[Sample], reasons: list[Reason]
) -> None:
    assert csv(payload, "ts a b", "a", "b", max_samples=5) == (samples, reasons)


def test_the_errors_say_in_which_line_and_column() -> None:
    codec = build(Payload(format="csv", columns=["a", "b"]), Time(), ["a", "b"])
    assert [error.detail for error in codec.decode(b"1,x\n2").errors] == [
        "line 1, b: expected a number, got 'x'",
        "line 2: expected 2 cells, got 1",
    ]


CELL = st.sampled_from(
    [
        "1",
        "-2.5",
        " 3 ",
        "",
        "x",
        '"4"',
        "nan",
        "1700000000",
        "2026-01-31T12:00:00Z",
        "\r",
        "\n",
        "é",
        "\u2028",
        "1e400",
        '"',
        "\x1c5",
    ]
)
LINE = st.lists(CELL, max_size=4).map(",".join)
CODEC = build(Payload(format="csv", columns=["ts", "a", "x"]), Time(), ["a"])


@given(st.lists(LINE | LINE.map(lambda line: line + "\r\n"), min_size=1, max_size=3))
def test_generated_lines_give_the_same_bits_on_both_ways(lines: list[str]) -> None:
    check_columns(CODEC, [line.encode() for line in lines], 1)
