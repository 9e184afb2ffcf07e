"""JSON: where values and times are found, what of a damaged payload is still used, and why the rest is not."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import paths
from agent.codecs import build
from agent.config import Payload, Time
from agent.times import seconds
from agent.types import DecodeError, Reason, Sample
from tests.conformance import check_columns, decode


def read(payload: bytes | str, *fields: str, time: Time | None = None, **settings: Any) -> list[Sample]:
    decoded = build(Payload(**settings), time or Time(), fields or ("a",)).decode(
        payload if isinstance(payload, bytes) else payload.encode()
    )
    assert not decoded.errors
    return decoded.samples


def reasons(
    payload: bytes | str, *fields: str, time: Time | None = None, **settings: Any
) -> tuple[list[Sample], list[Reason]]:
    codec = build(Payload(**settings), time or Time(), fields or ("a",))
    try:
        decoded = codec.decode(payload if isinstance(payload, bytes) else payload.encode())
    except DecodeError as error:
        return [], [error.reason]
    return decoded.samples, [error.reason for error in decoded.errors]


def test_values_lie_at_keys_dotted_paths_indexes_and_pointers() -> None:
    payload = '{"a":1,"n":{"b":2,"c":[{"d":3},4]},"x.y":5,"p/q":6,"r~s":7,"0":8}'
    fields = ("a", "n.b", "n.c[0].d", "/n/c/1", "/x.y", "/p~1q", "/r~0s", "/0", "n.c[9]", "a.b")
    assert read(payload, *fields) == [Sample(None, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, None, None))]


def test_the_time_is_the_first_of_the_usual_names_that_is_there() -> None:
    assert read('{"a":1,"timestamp":3,"ts":2,"time":1}')[0].time == 1.0
    assert read('{"a":1,"timestamp":3,"ts":2,"time":null}')[0].time == 2.0
    assert read('{"a":1,"timestamp":3}')[0].time == 3.0
    assert read('{"a":1}')[0].time is None


def test_a_named_time_is_used_and_arrival_ignores_the_payload() -> None:
    assert read('{"a":1,"ts":2,"meta":{"at":5}}', time=Time(field="meta.at"))[0].time == 5.0
    assert read('{"a":1,"ts":2}', time=Time(field="/meta/at"))[0].time is None
    assert read('{"a":1,"ts":"nonsense"}', time=Time(field="arrival"))[0].time is None


def test_an_array_of_samples_has_a_time_for_each() -> None:
    assert read('[{"ts":1,"a":10},{"ts":2,"a":20}]') == [Sample(1.0, (10.0,)), Sample(2.0, (20.0,))]
    assert read('{"d":{"s":[{"ts":1,"a":10},{"a":20}]},"ts":9}', samples="d.s") == [
        Sample(1.0, (10.0,)),
        Sample(9.0, (20.0,)),
    ]
    assert read('{"s":{"a":20}}', samples="/s") == [Sample(None, (20.0,))]
    assert read("[[1,10],[2,20]]", "/1", time=Time(field="/0")) == [Sample(1.0, (10.0,)), Sample(2.0, (20.0,))]


def test_switches_and_quoted_numbers_are_values() -> None:
    assert read('{"a":true,"b":false,"c":"21.5","d":" -1e3 "}', "a", "b", "c", "d") == [
        Sample(None, (1.0, 0.0, 21.5, -1000.0))
    ]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ('{"a":"warm","b":2}', Reason.WRONG_TYPE),
        ('{"a":"","b":2}', Reason.WRONG_TYPE),
        ('{"a":"1_000","b":2}', Reason.WRONG_TYPE),
        ('{"a":[1],"b":2}', Reason.WRONG_TYPE),
        ('{"a":{},"b":2}', Reason.WRONG_TYPE),
        ('{"a":NaN,"b":2}', Reason.NON_FINITE),
        ('{"a":-Infinity,"b":2}', Reason.NON_FINITE),
        ('{"a":"nan","b":2}', Reason.NON_FINITE),
        ('{"a":"-inf","b":2}', Reason.NON_FINITE),
        ('{"a":1e400,"b":2}', Reason.NON_FINITE),
        ('{"a":-1.0000001e100,"b":2}', Reason.NON_FINITE),
        ('{"a":' + "9" * 5000 + ',"b":2}', Reason.NON_FINITE),
        ('{"a":' + "9" * 350 + ',"b":2}', Reason.NON_FINITE),
    ],
)
def test_a_bad_field_is_reported_and_the_good_ones_beside_it_are_used(payload: str, reason: Reason) -> None:
    assert reasons(payload, "a", "b") == ([Sample(None, (None, 2.0))], [reason])
    assert reasons(payload, "a") == ([], [reason])


def test_bad_samples_are_reported_and_the_good_ones_beside_them_are_used() -> None:
    payload = '[{"a":1,"ts":1},{"a":2,"ts":"soon"},{"a":"x","ts":3},{"q":1},7,null,{"a":8,"ts":8}]'
    assert reasons(payload) == (
        [Sample(1.0, (1.0,)), Sample(8.0, (8.0,))],
        [Reason.BAD_TIME, Reason.WRONG_TYPE, Reason.MISSING, Reason.WRONG_TYPE, Reason.WRONG_TYPE],
    )


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.EMPTY),
        (b" \r\n", Reason.EMPTY),
        (b"\xef\xbb\xbf", Reason.EMPTY),
        (b"{", Reason.MALFORMED),
        (b"\x00", Reason.MALFORMED),
        (b'{"a":1}{"a":2}', Reason.MALFORMED),
        (b'{"a":1,"x":"\xff"}', Reason.MALFORMED),
        (b'{"a":01}', Reason.MALFORMED),
        (b"21.5", Reason.WRONG_TYPE),
        (b"null", Reason.WRONG_TYPE),
        (b'"a"', Reason.WRONG_TYPE),
        (b"[]", Reason.MISSING),
        (b"{}", Reason.MISSING),
        (b'{"a":null}', Reason.MISSING),
        (b'{"A":1}', Reason.MISSING),
        (b'{"a":1,"ts":"12:00"}', Reason.BAD_TIME),
        (b'{"a":1,"ts":-5}', Reason.BAD_TIME),
        (b'{"a":1,"ts":9e9}', Reason.BAD_TIME),
        (b'{"a":1,"ts":false}', Reason.BAD_TIME),
        (b"[" * 5000, Reason.TOO_DEEP),
        (b'{"a":' * 5000, Reason.TOO_DEEP),
        (b'{"x":NaN,"a":' + b"[" * 40 + b"]" * 40 + b"}", Reason.TOO_DEEP),
    ],
)
def test_an_unusable_payload_has_its_reason(payload: bytes, reason: Reason) -> None:
    assert reasons(payload) == ([], [reason])


def test_the_errors_say_where_what_was_expected_and_what_was_found() -> None:
    codec = build(Payload(), Time(), ["n.temp", "flow"])
    (wrong,) = codec.decode(b'{"n":{"temp":"warm"},"flow":1}').errors
    assert wrong.detail == "n.temp: expected a number, got 'warm'"
    (missing,) = codec.decode(b'{"Flow":1,"n":{}}').errors
    assert missing.detail == "expected n.temp or flow, got an object with Flow, n"
    (bare,) = codec.decode(b"21.5").errors
    assert bare.detail == "expected an object, got 21.5; hint: a bare number is `format: number`"
    _, second = codec.decode(b'[{"n":1,"Temp":2},{"flow":{}}]').errors
    assert second.detail == "samples[1].flow: expected a number, got an object"
    assert len(codec.decode(b'{"' + b"\x7f" * 9999 + b'":1}').errors[0].detail) < 250


@pytest.mark.parametrize("depth", [1, 2, 7, 16])
def test_the_depth_limit_is_exact_for_used_and_unused_parts(depth: int) -> None:
    for inner in ("1", ""):
        deep = "[" * (depth - 1) + inner + "]" * (depth - 1)
        payload = f'{{"a":1,"x":{deep or 0}}}'
        assert reasons(payload, max_depth=depth) == ([Sample(None, (1.0,))], [])
        payload = f'{{"a":1,"x":[{deep}]}}'
        assert reasons(payload, max_depth=depth) == ([], [Reason.TOO_DEEP])
        assert build(Payload(max_depth=depth), Time(), ["a"]).columns([payload.encode()]) is None


def test_brackets_inside_strings_are_no_depth() -> None:
    assert reasons('{"a":1,"x":"' + "[{" * 50 + '"}') == ([Sample(None, (1.0,))], [])


def test_one_sample_more_than_allowed_refuses_the_payload() -> None:
    assert len(read("[" + ",".join(['{"a":1}'] * 5) + "]", max_samples=5)) == 5
    assert reasons("[" + ",".join(['{"a":1}'] * 6) + "]", max_samples=5) == ([], [Reason.TOO_MANY])


def test_a_byte_order_mark_is_ignored() -> None:
    assert read(b'\xef\xbb\xbf{"a":1}') == [Sample(None, (1.0,))]


def test_a_payload_that_needs_the_plain_way_does_not_change_its_neighbours() -> None:
    codec = build(Payload(), Time(), ["a", "b"])
    usual = [b'{"a":%d,"b":1,"ts":%d}' % (i, i) for i in range(50)]
    columns = codec.columns(usual)
    assert columns is not None
    assert [*columns.times] == [float(i) for i in range(50)]
    assert [*columns.values[0]] == [float(i) for i in range(50)]
    assert codec.columns([*usual, b'{"a":NaN,"b":1}']) is None
    assert codec.columns([*usual, b'{"x":1}']) is None


LEAF = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.floats(0, 2e9) | st.text(max_size=5) | st.integers(10**17, 10**120)
    | st.sampled_from(["1.5", "nan", "2026-01-31T12:00:00Z", -0.0, 1e100, 1.1e100, 2**53 + 1, 2**64, 1700000000, 1700000000000])
)  # fmt: skip
KEY = st.sampled_from(["a", "b", "n", "ts", "time", "timestamp", "x"])
DOCUMENT = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=4), max_leaves=10
)
SHALLOW = st.dictionaries(KEY, LEAF, min_size=1)
CODECS = [
    (build(Payload(), Time(), fields), fields)
    for fields in (["a"], ["a", "b"], ["n.a", "b"], ["a", "x.x.x"], ["/n/a", "a[0]"])
]  # fmt: skip


@given(st.lists(SHALLOW | DOCUMENT, min_size=1, max_size=4), st.booleans())
def test_generated_documents_give_the_same_bits_on_both_ways(documents: list[object], ascii_only: bool) -> None:
    payloads = [
        json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") for document in documents
    ]
    for codec, fields in CODECS:
        for payload in payloads:
            decode(codec, payload, len(fields))
            check_columns(codec, [payload], len(fields))
        check_columns(codec, payloads, len(fields))


@given(st.lists(st.lists(SHALLOW | LEAF, max_size=4) | SHALLOW, min_size=1, max_size=4))
def test_generated_arrays_give_the_same_bits_on_both_ways(documents: list[object]) -> None:
    payloads = [json.dumps(document).encode() for document in documents]
    for codec, fields in CODECS:
        check_columns(codec, payloads, len(fields))


def test_arrays_of_plain_samples_are_read_in_bulk() -> None:
    codec = build(Payload(max_samples=5), Time(), ["a", "b"])
    payloads = [
        b"[" + b",".join(b'{"a":%d,"b":1,"ts":%d}' % (k, k) for k in range(count)) + b"]" for count in (3, 1, 5)
    ]
    columns = codec.columns(payloads)
    assert columns is not None
    assert columns.counts == [3, 1, 5]
    assert [*columns.values[0]] == [*columns.times] == [0, 1, 2, 0, 0, 1, 2, 3, 4]
    too_many = b"[" + b",".join([b'{"a":1}'] * 6) + b"]"
    for unusual in (b"[]", too_many, b'[{"a":1},{"x":1}]', b'[{"a":1,"x":[]}]', b'{"a":1}', b'[{"a":"1"}]', b"[1]"):
        assert codec.columns([*payloads, unusual]) is None
    shallow = build(Payload(max_depth=1), Time(), ["a", "b"])
    assert shallow.columns(payloads) is None


@given(SHALLOW)
def test_a_generated_object_gives_what_its_values_say(document: dict[str, Any]) -> None:
    samples, found = reasons(json.dumps(document), "a", "b")

    def value(raw: object) -> float | None:
        try:
            number = float(raw) if isinstance(raw, (int, float, str)) else math.nan
        except (ValueError, OverflowError):
            return None
        return (
            number
            if abs(number) <= 1e100 and not (isinstance(raw, str) and ("_" in raw or not raw.isascii()))
            else None
        )

    values = (value(document.get("a")), value(document.get("b")))
    stamps = [document[key] for key in ("time", "ts", "timestamp") if document.get(key) is not None]
    try:
        time = seconds(stamps[0], "auto") if stamps else None
    except DecodeError:
        if values != (None, None):
            assert not samples
            assert Reason.BAD_TIME in found
        return
    assert samples == ([] if values == (None, None) else [Sample(time, values)])
    present = [raw for raw in (document.get("a"), document.get("b")) if raw is not None]
    assert len(found) == (len(present) - sum(v is not None for v in values) if present else 1)


PART = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(st.lists(PART, min_size=1, max_size=5))
def test_any_key_can_be_reached_by_a_pointer(keys: list[str]) -> None:
    document: object = 7.0
    for key in reversed(keys):
        document = {key: document}
    pointer = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
    assert paths.get(document, paths.parse(pointer)) == 7.0
    codec = build(Payload(), Time(), [pointer])
    payload = json.dumps(document).encode()
    assert [sample.values for sample in codec.decode(payload).samples] == [(7.0,)]
    check_columns(codec, [payload], 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"), ("a.", "character 3"), (".a", "character 1"), ("a..b", "character 3"), ("a[", "character 2"), ("a[x]", "character 2"),
        ("a[-1]", "character 2"), ("a[01]", "character 2"), ("a[0]b", "character 5"), ("a.[0]", "character 3"), ("a]", "character 2"),
        ("/a~", "as ~0"), ("/a~2b", "as ~0"), ("a" * 1025, "1024"), ("/a" * 101, "100 steps"),
    ],
)  # fmt: skip
def test_a_path_that_is_none_is_refused_with_an_explanation(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        paths.parse(text)
    assert words in str(caught.value)


def test_paths_are_keys_and_indexes() -> None:
    assert paths.parse("a.b[0][12].c-d e") == ("a", "b", 0, 12, "c-d e")
    assert paths.parse("[0].a") == (0, "a")
    assert paths.parse("/a//0") == ("a", "", "0")
    assert paths.get({"0": [5]}, paths.parse("/0/0")) == 5
    assert paths.get([[5]], paths.parse("/0/00")) is None
    assert paths.get([5], ("٠",)) is None
    assert paths.get({"a": 5}, (0,)) is None
