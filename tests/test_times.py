"""Times are read to the double nearest to what was written; the standard library is the oracle."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.times import END, Format, column, rfc3339, seconds
from agent.types import DecodeError, Reason

UTC = datetime.UTC
MOMENTS = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2199, 12, 31, 23, 59, 59, 999999))
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m)))
FORMATS: tuple[Format, ...] = ("auto", "s", "ms", "us", "ns", "rfc3339")


@given(MOMENTS, OFFSETS, st.sampled_from("Tt "))
def test_any_moment_at_any_offset_is_what_the_standard_library_says(
    moment: datetime.datetime, offset: datetime.timezone, separator: str
) -> None:
    aware = moment.replace(tzinfo=offset)
    for timespec in ("auto", "milliseconds", "microseconds"):
        text = aware.isoformat(sep=separator, timespec=timespec)
        assert rfc3339(text) == datetime.datetime.fromisoformat(text).timestamp()


@given(MOMENTS, st.sampled_from(["", "Z", "z", " Z", "+00:00", "-00:00", "+0000", "+00"]))
def test_no_offset_and_every_way_of_writing_none_is_utc(moment: datetime.datetime, offset: str) -> None:
    assert rfc3339(moment.isoformat() + offset) == moment.replace(tzinfo=UTC).timestamp()


@given(
    MOMENTS.map(lambda moment: moment.replace(microsecond=0)),
    st.text("0123456789", min_size=1, max_size=40),
    st.sampled_from(".,"),
)
def test_a_fraction_of_any_length_is_read(moment: datetime.datetime, digits: str, mark: str) -> None:
    want = int(moment.replace(tzinfo=UTC).timestamp()) + Fraction(int(digits), 10 ** len(digits))
    assert rfc3339(f"{moment.isoformat()}{mark}{digits}Z") == pytest.approx(float(want), rel=0, abs=2.4e-7 * 4)
    if len(digits) <= 12:
        assert rfc3339(f"{moment.isoformat()}{mark}{digits}Z") == float(want)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5Z"),
        ("2016-12-31T15:59:60-08:00", "2017-01-01T00:00:00Z"),
        ("2016-12-31t23:59:59z", "2016-12-31T23:59:59Z"),
        (" 2016-12-31 23:59:59 ", "2016-12-31T23:59:59Z"),
        ("2024-02-29T00:00:00+05:30", "2024-02-28T18:30:00Z"),
        ("2024-02-29T00:00:00-0530", "2024-02-29T05:30:00Z"),
        ("2024-02-29T00:00:00-05", "2024-02-29T05:00:00Z"),
    ],
)
def test_the_corners_of_rfc_3339_are_read(text: str, want: str) -> None:
    assert rfc3339(text) == rfc3339(want)


@pytest.mark.parametrize(
    "text",
    ["", "2024-01-01", "12:00:00", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "0000-01-01T00:00:00Z",
     "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z", "2024-01-01T12:00:60Z", "2024-01-01T00:00:00+24:00",
     "2024-01-01T00:00:00+00:60", "2024-01-01T00:00:00.Z", "2024-01-01T00:00Z", "20240101T000000Z", "2024-W01-1T00:00:00Z",
     "2024-01-01T00:00:00ZZ", "２０２４-01-01T00:00:00Z", "2024-01-01T00:00:00+05:30:15", "2024-01-01T00:00:00." + "1" * 100 + "Z", "+2024-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        rfc3339(text)
    with pytest.raises(DecodeError) as caught:
        seconds(text, "auto")
    assert caught.value.reason is Reason.BAD_TIME


@given(MOMENTS.filter(lambda moment: moment.year >= 1974))
def test_auto_tells_the_units_of_epoch_time_apart(moment: datetime.datetime) -> None:
    micros = (moment - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
    for raw, form, step in (
        (micros / 1e6, "s", 1e-6),
        (micros // 1000, "ms", 1e-3),
        (micros, "us", 1e-6),
        (micros * 1000, "ns", 1e-6),
    ):
        for given_as in (raw, float(raw), repr(raw)):
            want = micros / 1e6
            assert seconds(given_as, "auto") == seconds(given_as, form)  # type: ignore[arg-type]  # a literal from the tuple
            assert seconds(given_as, "auto") == pytest.approx(want, rel=0, abs=2 * step)


@pytest.mark.parametrize(
    "raw",
    [
        -1,
        -0.001,
        END,
        7.3e9,
        99999999999,
        1e300,
        10**400,
        float("nan"),
        float("inf"),
        True,
        None,
        {},
        [],
        "",
        "soon",
        "nan",
    ],
)
@pytest.mark.parametrize("form", FORMATS)
def test_what_is_no_time_within_the_range_is_refused_with_an_explanation(raw: object, form: Format) -> None:
    if form in ("ms", "us", "ns") and type(raw) in (int, float) and 0 <= float(str(raw)) < END * 1e3:
        return
    with pytest.raises(DecodeError, match="expected") as caught:
        seconds(raw, form)
    assert caught.value.reason is Reason.BAD_TIME


@pytest.mark.parametrize(
    ("raw", "form"),
    [("2024-01-01T00:00:00Z", "s"), ("2024-01-01T00:00:00Z", "ms"), (1700000000, "rfc3339"), ("1700000000", "rfc3339")],
)
def test_a_stated_format_takes_no_other(raw: object, form: Format) -> None:
    with pytest.raises(DecodeError):
        seconds(raw, form)


RAW = (
    st.floats(0, 8e9) | st.floats(9e10, 8e12) | st.floats(0, 1e20) | st.floats(allow_nan=False) | st.just("2026-01-31T12:00:00Z") | st.just("1700000000000")
    | st.none() | st.sampled_from([0.0, -0.0, END, 1e11, 1e14, 1e17, "soon"])
)  # fmt: skip


@given(
    st.one_of(
        st.lists(RAW, max_size=6),
        st.lists(st.floats(1e9, 2e9), min_size=1),
        st.lists(st.floats(1e12, 2e12), min_size=1),
    ),
    st.sampled_from(FORMATS),
)
def test_a_column_of_times_is_its_entries_one_by_one(raws: Sequence[float | str | None], form: Format) -> None:
    try:
        want = [None if raw is None else seconds(raw, form) for raw in raws]
    except DecodeError:
        with pytest.raises(DecodeError):
            column(raws, form)
    else:
        assert [repr(time) for time in column(raws, form)] == [repr(time) for time in want]
