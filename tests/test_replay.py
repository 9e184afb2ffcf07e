"""Replay: recordings in both formats through the real command, judged by hand-written oracles and recorded truth."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.cli import main
from agent.configfile import load
from agent.twins import Twins
from agent.types import Batch
from simulators import scenario
from simulators.run import events

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data" / "replay"
START = 1_769_839_200.0  # 2026-01-31T06:00:00Z

LEVEL = """\
site: s
assets:
  - topic: plant/{asset}
    model: {type: level, wander: 0.5}
    gate: none
    learning: 4
    channels:
      a: {noise: 2.0, field: Column A}
    forecast: {horizons: []}
    alarms: {}
"""


class Replay:
    """Runs `twinned replay` in a directory and reads what it wrote."""

    def __init__(self, directory: Path, config: str) -> None:
        self.directory = directory
        self.config = directory / "twinned.yaml"
        self.config.write_text(config)
        self.trace = directory / "trace.csv"
        self.out = directory / "out.jsonl"

    def __call__(self, *arguments: str) -> int:
        return main(["replay", "-c", str(self.config), *arguments, "--trace", str(self.trace), "--out", str(self.out)])

    def table(self, text: str, *arguments: str, time: str = "time", asset: str = "x") -> int:
        path = self.directory / "in.csv"
        path.write_text(text, encoding="utf-8")
        return self("--csv", str(path), "--asset", asset, "--time", time, *arguments)

    def lines(self, records: Iterable[dict[str, Any]]) -> int:
        path = self.directory / "in.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return self(str(path))

    def traced(self) -> list[dict[str, str]]:
        with self.trace.open(newline="") as file:
            return list(csv.DictReader(file))

    def published(self, kind: str = "") -> list[dict[str, Any]]:
        records = [json.loads(line) for line in self.out.read_text().splitlines()]
        return [r | {"message": json.loads(r["payload"])} for r in records if kind in r["topic"]]


@pytest.fixture
def level(tmp_path: Path) -> Replay:
    return Replay(tmp_path, LEVEL)


def plant(seconds: float) -> Iterator[dict[str, Any]]:
    """The messages of the bundled plant, with a fault in it."""
    loaded = scenario.load(ROOT / "configs" / "scenarios" / "plant.yaml").at(START)
    for event in events(loaded):
        if event.time > START + seconds:
            return
        if event.announces is None:
            yield {"topic": event.topic, "payload": event.payload.decode(), "received": event.time}


def test_a_trace_agrees_with_a_kalman_filter_written_out_by_hand(level: Replay) -> None:
    values = [10.0, 11.5, 9.0, 30.0, 10.5, 10.0]
    times = [0.0, 1.0, 2.5, 3.0, 60.0, 61.0]
    rows = "".join(f"{START + t},{v}\n" for t, v in zip(times, values, strict=True))
    assert level.table("time,Column A\n" + rows) == 0
    traced = level.traced()
    assert [float(row["value"]) for row in traced] == values
    assert [float(row["time"]) for row in traced] == [START + t for t in times]
    # The first reading counts once: it is the prior, with its own variance.
    mean, variance, before = values[0], 4.0, times[0]
    for row, t, z in zip(traced[1:], times[1:], values[1:], strict=True):
        variance += 0.25 * (t - before)
        s = variance + 4.0
        nis = (z - mean) ** 2 / s
        assert float(row["expected"]) == pytest.approx(mean, rel=1e-12)
        assert float(row["std"]) == pytest.approx(math.sqrt(s), rel=1e-12)
        assert float(row["nis"]) == pytest.approx(nis, rel=1e-9)
        gain = variance / s
        mean, variance, before = mean + gain * (z - mean), variance * (1.0 - gain), t


TWO = LEVEL.replace("a: {noise: 2.0, field: Column A}", "a: {noise: 2.0, scale: 10, offset: 1}\n      b: {noise: 1.0}")


def test_each_row_of_a_table_has_a_trace_row_for_each_channel(tmp_path: Path) -> None:
    replay = Replay(tmp_path, TWO)
    table = """\
time,a,note,b
2026-01-31 06:00:00,1,fine,2
2026-01-31 06:00:01,,"a, comma",3
2026-01-31 06:00:02,4,bad cell,broken
2026-01-31 06:00:02,5,a repeated time,6
2026-01-31 06:00:04,7,cut
2026-01-31 06:00:05,nan,not finite,8
soon,9,no time,10

2026-01-31 06:00:06,1e300,beyond,11
"""
    assert replay.table(table) == 0
    traced = replay.traced()
    assert [row["channel"] for row in traced] == ["a", "b"] * 8
    used = [(float(r["value"]), r["channel"]) for r in traced if r["expected"]]
    assert used == [(11, "a"), (2, "b"), (3, "b"), (41, "a"), (6, "b"), (8, "b"), (11, "b")]
    refused = {(r["time"] and float(r["time"]) - START, r["channel"]): r for r in traced if not r["expected"]}
    assert {key: r["value"] for key, r in refused.items()} == {
        (1.0, "a"): "",
        (2.0, "b"): "",
        (2.0, "a"): "51.0",  # the duplicate
        ("", "a"): "91.0",  # without a time; the cut row before it says nothing for sure
        ("", "b"): "10.0",
        (5.0, "a"): "",
        (6.0, "a"): "",
    }
    for row in refused.values():
        assert (row["std"], row["nis"], row["surprise"], row["score"], row["alarm"]) == ("", "", "0.0", "0.0", "0")


def test_a_refused_reading_does_not_hide_that_an_alarm_is_active(tmp_path: Path) -> None:
    replay = Replay(tmp_path, LEVEL.replace("field: Column A", "limits: {high: 50}"))
    rows = [f"{START + t},{20 if t < 8 else 99 if t < 12 else 'cut'}" for t in range(14)]
    assert replay.table("time,a\n" + "\n".join(rows)) == 0
    alarms = [row["alarm"] for row in replay.traced()]
    assert alarms[:8] == ["0"] * 8
    assert alarms[-3:] == ["1"] * 3, "an unreadable cell clears no alarm"


def test_a_recording_played_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    config = (ROOT / "configs" / "plant.yaml").read_text()
    results = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        replay = Replay(tmp_path / name, config)
        assert replay.lines(plant(40.0)) == 0
        results.append((replay.trace.read_bytes(), replay.out.read_bytes()))
    assert results[0] == results[1]
    assert len(results[0][0].splitlines()) > 5000


def test_a_table_and_a_recording_of_the_same_readings_publish_the_same_bytes(tmp_path: Path) -> None:
    values = [(START + 0.25 * k, round(20 + math.sin(k / 5) + (k == 40) * 9, 3)) for k in range(80)]
    config = LEVEL.replace("field: Column A", "limits: {high: 20.4}")
    table, lines = (Replay(tmp_path / name, config) for name in (_made(tmp_path / "table"), _made(tmp_path / "lines")))
    assert table.table("time,a\n" + "".join(f"{t!r},{v!r}\n" for t, v in values)) == 0
    assert (
        lines.lines({"topic": "plant/x", "payload": json.dumps({"ts": t, "a": v}), "received": t} for t, v in values)
        == 0
    )
    assert table.out.read_bytes() == lines.out.read_bytes()
    assert table.trace.read_bytes() == lines.trace.read_bytes()
    assert {r["topic"] for r in lines.published()} >= {"twinned/s/x/state", "twinned/s/x/alarm/a_high"}


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def test_replay_publishes_what_the_core_does_when_it_is_driven_directly(tmp_path: Path) -> None:
    config = ROOT / "configs" / "plant.yaml"
    replay = Replay(tmp_path, config.read_text())
    recording = list(plant(30.0))
    assert replay.lines(recording) == 0
    twins = Twins(load(config, environ={}))
    direct = []
    for record in recording:
        if twins.next_time() <= record["received"]:
            assert not twins.on_time(record["received"]).publications, "nothing falls silent in this recording"
        out = twins.on_batch(Batch.of(record["topic"], record["payload"].encode(), record["received"]))
        direct += [
            (t.decode(), p.decode())
            for group in out.publications
            for t, p in zip(group.topics, group.payloads, strict=True)
        ]
    assert [(r["topic"], r["payload"]) for r in replay.published()] == direct


SILENT = LEVEL.replace("field: Column A", "limits: {high: 50, on_delay: 10s}").replace(
    "alarms: {}", "silence: {coasting: 5s, stale: 20s}\n    alarms: {gone: {type: absence, after: 8s}}"
)


def test_what_falls_due_between_two_records_happens_at_its_own_time(tmp_path: Path) -> None:
    replay = Replay(tmp_path, SILENT)
    times = [0, 1, 2, 3, 4, 100]
    assert (
        replay.lines({"topic": "plant/x", "payload": f'{{"a": {20 + t}}}', "received": START + t} for t in times) == 0
    )
    states = [(r["received"] - START, r["message"]["status"]) for r in replay.published("/state")]
    assert states[-4:] == [(4.0, "live"), (9.0, "coasting"), (24.0, "stale"), (100.0, "live")]
    alarms = [(r["received"] - START, r["message"]["state"]) for r in replay.published("/alarm/gone")]
    assert alarms == [(12.0, "active"), (100.0, "cleared")]
    assert all(r["retain"] and r["qos"] == 1 for r in replay.published("/alarm/"))


def test_time_passes_for_those_who_speak_while_a_known_asset_never_does(tmp_path: Path) -> None:
    replay = Replay(tmp_path, SILENT.replace("gate: none", "gate: none\n    known: [mute]"))
    records = [{"topic": "plant/x", "payload": '{"a": 20}', "received": START + t} for t in (0, 1, 2, 3, 4, 100)]
    assert replay.lines(records) == 0
    states = [
        (r["topic"].split("/")[2], r["received"] - START, r["message"]["status"]) for r in replay.published("/state")
    ]
    assert ("x", 9.0, "coasting") in states
    assert ("mute", 20.0, "stale") in states
    assert [r["received"] - START for r in replay.published("/x/alarm/gone")] == [12.0, 100.0]


def test_a_cell_that_runs_empty_is_told_once_however_its_load_swings(tmp_path: Path) -> None:
    replay = Replay(tmp_path, (ROOT / "configs/battery.yaml").read_text())
    plan = tmp_path / "cells.yaml"
    plan.write_text(
        "{seed: 5, duration: 40min, assets: "
        "[{kind: battery, count: 3, period: 4s, topic: 'plant/battery/{asset}/telemetry'}]}"
    )
    made = events(scenario.load(plan).at(START))
    assert replay.lines({"topic": e.topic, "payload": e.payload.decode(), "received": e.time} for e in made) == 0
    told = [(r["message"]["asset"], r["message"]["state"]) for r in replay.published("/alarm/empty")]
    assets = {asset for asset, _ in told}
    assert len(assets) == 3
    for asset in assets:
        assert [state for who, state in told if who == asset] == ["active", "cleared"]


def test_a_delay_of_an_alarm_runs_out_without_a_reading(tmp_path: Path) -> None:
    replay = Replay(tmp_path, SILENT.replace("after: 8s", "after: 1h"))
    records = [{"topic": "plant/x", "payload": '{"a": 99}', "received": START + t} for t in (0, 1, 2, 3, 4, 5, 60)]
    assert replay.lines(records) == 0
    (raised,) = replay.published("/alarm/a_high")
    assert raised["message"]["state"] == "active"
    began = next(r["received"] for r in replay.published("/state") if r["message"]["status"] == "live")
    assert raised["received"] == pytest.approx(began + 10.0, abs=0.01)


def test_time_goes_on_where_a_deadline_is_met_a_hair_early(tmp_path: Path) -> None:
    replay = Replay(tmp_path, SILENT)
    assert (
        replay.lines(
            {"topic": "plant/x", "payload": json.dumps({"a": 99, "ts": START + t - 0.1}), "received": START + t + 1e-7}
            for t in (0.1, 1.7, 2.3, 3.9, 4.2, 5.1, 1e6)
        )
        == 0
    )
    assert [r["message"]["state"] for r in replay.published("/alarm/a_high")] == ["active"]


def test_lines_that_are_no_records_are_counted_and_the_rest_is_played(
    level: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    path = level.directory / "in.jsonl"
    good = '{"topic": "plant/x", "payload": "{\\"Column A\\": 1}", "received": %s}\n'
    both = '{"topic": "t", "payload": "1", "payload_base64": "MQ==", "received": 1}\n'
    path.write_text(good % START + "nonsense\n" + both + "\n" + good % (START + 1) + (good % (START + 2))[:30])
    assert level(str(path)) == 0
    said = capsys.readouterr().err
    assert "2 messages, 2026-01-31T06:00:00Z to 2026-01-31T06:00:01Z" in said
    assert "3 lines are no records, first: line 2" in said


def test_a_file_without_any_record_is_an_error(level: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    path = level.directory / "in.jsonl"
    path.write_text("time,a\n1,2\n")
    assert level(str(path)) == 2
    assert "expected JSON lines with topic, payload and received, got none" in capsys.readouterr().err


def test_bytes_that_are_no_text_come_in_base64(level: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    payload = base64.b64encode(b'{"Column A": 1.5}').decode()
    broken = base64.b64encode(b"\xff\xfe").decode()
    assert (
        level.lines(
            [
                {"topic": "plant/x", "payload_base64": payload, "received": "2026-01-31T06:00:00+00:00"},
                {"topic": "plant/x", "payload_base64": broken, "received": START + 1},
            ]
        )
        == 0
    )
    (row,) = level.traced()
    assert (float(row["time"]), row["value"]) == (START, "1.5")
    assert "malformed 1, first: plant/x" in capsys.readouterr().err


def test_what_a_session_would_refuse_is_refused(level: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    level.config.write_text(LEVEL + "mqtt: {max_payload: 40}\n")
    small, large = '{"Column A": 1}', json.dumps({"Column A": 1, "padding": "x" * 40})
    level.lines({"topic": "plant/x", "payload": p, "received": START + t} for t, p in enumerate([small, large]))
    assert len(level.traced()) == 1
    assert "too_large 1, first: plant/x: 70 bytes, mqtt.max_payload is 40" in capsys.readouterr().err


def test_a_retained_record_without_a_time_of_its_own_is_refused(
    level: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    level.lines([{"topic": "plant/x", "payload": '{"Column A": 1}', "received": START, "retained": True}])
    assert level.traced() == []
    assert "retained 1" in capsys.readouterr().err


def test_what_is_published_is_a_recording_again(tmp_path: Path) -> None:
    first, second = Replay(_made(tmp_path / "a"), LEVEL), Replay(_made(tmp_path / "b"), LEVEL)
    second.config.write_text(
        "prefix: again\n"
        + LEVEL.replace("plant/{asset}", "twinned/s/{asset}/state").replace("Column A", "states.a.mean")
    )
    first.table("time,Column A\n" + "".join(f"{START + t},{t}\n" for t in range(9)))
    assert second(str(first.out)) == 0
    assert [float(r["value"]) for r in second.traced()] == [
        r["message"]["states"]["a"]["mean"] for r in first.published("/state")
    ]


@pytest.mark.parametrize(
    ("written", "epoch"),
    [
        ("2026-01-31 06:00:00", START),
        ("2026-01-31T06:00:00.250Z", START + 0.25),
        ("2026-01-31T08:00:00+02:00", START),
        (f"{START}", START),
        (f"{START * 1000:.0f}", START),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(level: Replay, written: str, epoch: float) -> None:
    assert level.table(f"time,Column A\n{written},1\n") == 0
    assert [float(row["time"]) for row in level.traced()] == [epoch]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", " "])
def test_any_delimiter_and_quoting_reads_the_same(level: Replay, delimiter: str) -> None:
    text = delimiter.join(["when", '"Column A"', "rest"]) + "\n"
    text += delimiter.join([f"{START}", '"1.5"', '"x, ""y"""']) + "\r\n"
    assert level.table("\ufeff" + text, "--delimiter", delimiter, time="when") == 0
    assert [row["value"] for row in level.traced()] == ["1.5"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a header with the names of the columns, got an empty file"),
        ("tme,Column A\n", "expected the time in a column, got no 'time'; did you mean 'tme'?"),
        ("time;Column A\n", "hint: --delimiter ';'"),
        ("time,ColumnA\n", "expected a column for each channel of an asset block, got no 'Column A'; did you mean 'ColumnA'?"),
        ("time,x,y\n", "got no 'Column A'; the columns are time, x, y"),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit_are_explained(
    level: Replay, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    assert level.table(text) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1


def test_the_first_block_with_all_columns_takes_the_table(tmp_path: Path) -> None:
    other = LEVEL.split("assets:\n")[1].replace("a: {noise: 2.0, field: Column A}", "b: {noise: 1}")
    replay = Replay(tmp_path, LEVEL + other.replace("plant/{asset}", "other/{asset}"))
    assert replay.table(f"time,b\n{START},7\n") == 0
    assert [(row["asset"], row["channel"]) for row in replay.traced()] == [("x", "b")]


def test_the_asset_is_the_one_named_whatever_the_block_lists(tmp_path: Path) -> None:
    listed = LEVEL.replace("gate: none", "gate: none\n    discover: false\n    known: [other]\n    name: 'p-{asset}'")
    replay = Replay(tmp_path, listed)
    assert replay.table(f"time,Column A\n{START},7\n", asset="line 1.pump %2") == 0
    assert [row["asset"] for row in replay.traced()] == ["line 1.pump %2"]
    assert [r["topic"] for r in replay.published()] == ["twinned/s/line 1.pump %252/state"]


@pytest.mark.parametrize("asset", ["", "a/b", "+", "#"])
def test_an_asset_that_can_be_no_topic_is_refused(
    level: Replay, capsys: pytest.CaptureFixture[str], asset: str
) -> None:
    assert level.table(f"time,Column A\n{START},7\n", asset=asset) == 2
    assert "--asset: expected a name that can be one topic level" in capsys.readouterr().err


def test_files_that_are_not_there_say_so_in_one_line(level: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    assert level("nowhere.jsonl") == 78
    assert level("--csv", "nowhere.csv", "--asset", "x", "--time", "t") == 78
    level.out = level.directory / "no" / "such" / "out.jsonl"
    (level.directory / "in.jsonl").write_text("")
    assert level(str(level.directory / "in.jsonl")) == 78
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "nowhere.jsonl: no such file or directory"
    assert lines[1] == "nowhere.csv: no such file or directory"
    assert len(lines) == 3


def test_a_disk_that_is_full_ends_the_replay_with_one_line(level: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    level.out = Path("/dev/full")
    rows = "".join(f"{START + t},{t}\n" for t in range(100))
    assert level.table("time,Column A\n" + rows) == 1
    assert capsys.readouterr().err == "replay stopped: no space left on device\n"


CELLS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.sampled_from(["", " ", "-", "1,5", "1_0", '"', "\n", "2026-01-31 06:00:00", "1e999", "NaN"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
TIMES = st.one_of(st.integers(0, 50).map(lambda t: repr(START + t)), st.sampled_from(["", "x", "9e99", "1e15"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TIMES, CELLS, CELLS), max_size=20))
def test_any_cells_give_as_many_trace_rows_as_the_table_has_rows(
    tmp_path: Path, rows: Sequence[tuple[str, str, str]]
) -> None:
    replay = Replay(tmp_path, TWO)
    text = io.StringIO()
    csv.writer(text).writerows([("time", "a", "b"), *rows])
    path = tmp_path / "any.csv"
    path.write_bytes(text.getvalue().encode())
    assert replay("--csv", str(path), "--asset", "x", "--time", "time") == 0
    traced = replay.traced()
    assert [row["channel"] for row in traced] == ["a", "b"] * len(rows)
    for row in traced:
        assert row["alarm"] in "01"
        for name in ("time", "value", "expected", "std", "nis", "surprise", "score"):
            assert not row[name] or math.isfinite(float(row[name]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.one_of(st.binary(max_size=40), st.just(b'{"topic":"plant/x","payload":"{}","received":1}')), max_size=8)
)
def test_any_bytes_are_a_recording_with_bad_lines(tmp_path: Path, lines: Sequence[bytes]) -> None:
    replay = Replay(tmp_path, LEVEL)
    path = tmp_path / "any.jsonl"
    path.write_bytes(b"\n".join(lines))
    assert replay(str(path)) in (0, 2)
    assert replay.traced() == []


@pytest.mark.parametrize("name", ["recording", "table"])
def test_a_known_recording_gives_what_it_gave_before(tmp_path: Path, name: str) -> None:
    """Recorded truth; `UPDATE_GOLDEN=1 pytest tests/test_replay.py` records it anew.

    But for surprise: it is calibrated by what the twin has seen, and other tests hold it to its rate.
    """
    replay = Replay(tmp_path, (DATA / "twinned.yaml").read_text())
    if name == "recording":
        assert replay(str(DATA / "recording.jsonl")) == 0
        made, golden = _published(replay.out), DATA / "published.jsonl"
        if os.environ.get("UPDATE_GOLDEN"):
            golden.write_bytes(replay.out.read_bytes())
        assert made == _published(golden)
    else:
        assert replay("--csv", str(DATA / "table.csv"), "--asset", "rig", "--time", "when", "--delimiter", ";") == 0
        golden = DATA / "trace.csv"
        if os.environ.get("UPDATE_GOLDEN"):
            golden.write_bytes(replay.trace.read_bytes())
        with golden.open(newline="") as file:
            truth = list(csv.DictReader(file))
        assert [_close(row) for row in replay.traced()] == [_close(row) for row in truth]
        assert any(row["alarm"] == "1" for row in truth)


def _published(path: Path) -> list[Any]:
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [_close(r | {"payload": json.loads(r["payload"])}) for r in records]


def _close(value: Any) -> Any:
    """Numbers to nine digits: the last bits of a logarithm are the C library's business."""
    if isinstance(value, dict):
        return {k: _close(v) for k, v in value.items() if k not in ("surprise", "score")}
    if isinstance(value, list):
        return [_close(v) for v in value]
    if isinstance(value, str):
        try:
            return _close(float(value))
        except ValueError:
            return value
    return float(f"{value:.9g}") if isinstance(value, float) else value
