"""What all codecs have in common: any bytes are survived, the fast way is the plain way, and how one is found."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent.codecs import Codec, build
from agent.config import Payload, Time
from agent.types import Columns, Decoded, DecodeError, Reason, Sample
from tests import fuzz
from tests.conformance import check_codec, check_columns

CASES: dict[str, tuple[Payload, Time, list[str], list[bytes]]] = {
    "json": (
        Payload(), Time(), ["a", "b"],
        [b'{"a":1,"b":2.5}', b'{"ts":1700000000.25,"a":-0.0}', b'{"timestamp":1700000000000,"b":3}', b'{"time":"2026-01-31T12:00:00Z","a":1}',
         b'{"a":true,"b":"21.5","x":[1,{"y":"\xc3\xa9"}]}', b'{"time":null,"ts":17e8,"timestamp":"no","a":1,"b":null}'],
    ),
    "json with a named time": (
        Payload(), Time(field="meta.t", format="ms"), ["b", "/a", "b"],
        [b'{"a":1,"b":2,"meta":{"t":1700000000000}}', b'{"a":1}', b'{"b":1,"meta":{}}', b'{"b":1,"meta":{"t":"1700000000000"}}'],
    ),
    "json of RFC 3339 at arrival": (Payload(), Time(field="arrival", format="rfc3339"), ["a"], [b'{"a":1,"ts":"no"}', b'{"a":2}']),
    "json nested": (
        Payload(), Time(), ["n.a", "n.c.d", "b"],
        [b'{"n":{"a":1,"c":{"d":2}},"b":3}', b'{"n":{"a":1},"ts":1}', b'{"b":1}', b'{"n":{"c":{"d":true}}}'],
    ),
    "json indexed": (Payload(), Time(), ["n.b[1]", "/n/a"], [b'{"n":{"b":[1,2]}}', b'{"n":{"a":1},"ts":5}']),
    "json of samples": (Payload(samples="s", max_samples=10, max_depth=4), Time(), ["a"], [b'{"s":[{"a":1,"ts":7}]}', b'{"s":{"a":1},"ts":3}']),
    "json with odd keys": (Payload(), Time(field='/"t\\'), ['/"a', "/"], [b'{"\\"a":1,"":2,"\\"t\\\\":3}', b'{"":1}']),
    "json with a key for two things": (Payload(), Time(), ["ts", "n", "n.a"], [b'{"ts":5,"n":3}', b'{"n":3}']),
    "number": (Payload(format="number"), Time(), ["a"], [b"21.5", b" -7\r\n", b"1e3", b"0", b"-0"]),
    "csv": (
        Payload(format="csv", columns=["ts", "a", "x"]), Time(), ["a"],
        [b"1700000000,1,z", b"1700000000000,2.5,\r\n", b",1,", b"2026-01-31T12:00:00Z, 1 ,x\n", b'"1700000000","1","x,y"', b"1,2,3,,"],
    ),
    "csv without time": (Payload(format="csv", columns=["b", "a"], delimiter=";", max_samples=3), Time(), ["a", "b"], [b"1;2", b"-1e-3;0\n"]),
    "csv of tabs, RFC 3339": (
        Payload(format="csv", columns=["t", "a"], delimiter="\t"), Time(field="t", format="rfc3339"), ["a"],
        [b"2026-01-31T12:00:00+01:00\t5", b"\t5"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_codec_conforms(case: str) -> None:
    payload, time, fields, plain = CASES[case]
    check_codec(build(payload, time, fields), len(fields), plain)


@pytest.mark.parametrize(
    ("case", "usual"),
    [
        ("json", CASES["json"][3]),
        ("json with a named time", CASES["json with a named time"][3]),
        ("json nested", CASES["json nested"][3]),
        ("number", CASES["number"][3]),
        ("csv", [b"1700000000,1,z", b"1700000000000,-2.5,\r\n", b"1,1,1\n"]),
        ("csv", [b"2026-01-31T12:00:00Z,1,z", b",1,z", b"5,1,z"]),
        ("csv without time", [b"1;2", b"-1e-3;0\n"]),
        ("csv of tabs, RFC 3339", [b"2026-01-31T12:00:00+01:00\t5", b"\t5"]),
    ],
)
def test_a_batch_of_plain_payloads_takes_the_fast_way(case: str, usual: list[bytes]) -> None:
    payload, time, fields, _ = CASES[case]
    codec = build(payload, time, fields)
    assert check_columns(codec, usual * 10, len(fields))
    assert codec.columns([*usual, b"broken"]) is None
    assert codec.columns([]) is None


class Pair(Codec):
    """A codec as someone else would write it."""

    def __init__(self, payload: Payload, time: Time, fields: Sequence[str]) -> None:
        self._width = len(fields)

    def decode(self, payload: bytes) -> Decoded:
        if len(payload) != self._width:
            raise DecodeError(Reason.MALFORMED, f"expected {self._width} bytes, got {len(payload)}")
        return Decoded([Sample(None, tuple(float(byte) for byte in payload))])


class Sloppy(Pair):
    """Raises what it must not."""

    def decode(self, payload: bytes) -> Decoded:
        return Decoded([Sample(None, (float(payload[0]), float(payload[1])))])


class Boastful(Pair):
    """Its fast way disagrees with its plain way."""

    def columns(self, payloads: Sequence[bytes]) -> Columns | None:
        return Columns([None] * len(payloads), [[0.0] * len(payloads), [0.0] * len(payloads)])


NOT_A_CODEC = 7


def nothing(payload: Payload, time: Time, fields: Sequence[str]) -> None:
    """Called as a codec is, and returns none."""


def test_a_codec_of_ones_own_is_found_by_module_and_attribute() -> None:
    codec = build(Payload(format="tests.test_codecs:Pair"), Time(), ["a", "b"])
    assert codec.decode(b"\x01\x02") == Decoded([Sample(None, (1.0, 2.0))])
    assert codec.columns([b"\x01\x02"]) is None
    check_codec(codec, 2, [b"ab"])


@pytest.mark.parametrize("codec", [Sloppy, Boastful])
def test_the_conformance_suite_finds_a_codec_that_breaks_a_promise(codec: type[Pair]) -> None:
    with pytest.raises((IndexError, AssertionError)):
        check_codec(codec(Payload(), Time(), ["a", "b"]), 2, [b"ab"])


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("jsn", "(json, number, csv), got 'jsn'"),
        ("tests.test_codecs:Nothing", "Nothing"),
        ("no_such_module:Codec", "no_such_module"),
        (":Codec", "hint: module:attribute"),
        ("tests.test_codecs:NOT_A_CODEC", "called with (payload, time, fields)"),
        ("tests.test_codecs:nothing", "without decode"),
        ("builtins:max", "called with (payload, time, fields)"),
    ],
)
def test_a_codec_that_is_none_is_refused_with_an_explanation(form: str, words: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        build(Payload(format=form), Time(), ["a"])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("payload", "time", "fields", "words"),
    [
        (Payload(), Time(), [], "at least one"),
        (Payload(), Time(), ["a..b"], "character 3"),
        (Payload(samples=""), Time(), ["a"], "empty"),
        (Payload(), Time(field="/~2"), ["a"], "~0"),
        (Payload(format="number"), Time(), ["a", "b"], "{channel} in the topic"),
        (Payload(format="number"), Time(field="ts"), ["a"], "at its arrival"),
        (Payload(format="csv"), Time(), ["a"], "columns: ["),
        (Payload(format="csv", columns=["a", "a"]), Time(), ["a"], "once"),
        (Payload(format="csv", columns=["b"]), Time(), ["a"], "add it to `columns`"),
        (Payload(format="csv", columns=["a"]), Time(field="t"), ["a"], "one of the columns"),
        (Payload(format="csv", columns=["a"], delimiter="."), Time(), ["a"], "no number holds"),
        (Payload(format="csv", columns=["a"], delimiter="1"), Time(), ["a"], "no number holds"),
        (Payload(format="csv", columns=["a"], delimiter="\x00"), Time(), ["a"], "no number holds"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_an_explanation(
    payload: Payload, time: Time, fields: list[str], words: str
) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        build(payload, time, fields)
    assert words in str(caught.value)


def test_a_short_fuzz_run_meets_every_reason_a_codec_has() -> None:
    tallies = fuzz.run(7_000, seed=5, say=lambda line: None)
    assert sum(tally.payloads for tally in tallies.values()) == 7_000
    met = {reason for tally in tallies.values() for reason in tally.reasons}
    assert met == {
        Reason.EMPTY, Reason.MALFORMED, Reason.TOO_DEEP, Reason.WRONG_TYPE, Reason.NON_FINITE, Reason.MISSING, Reason.BAD_TIME, Reason.TOO_MANY,
    }  # fmt: skip
    assert all(tally.samples > 50 for tally in tallies.values())
    assert sum(tally.fast for tally in tallies.values()) > 500
