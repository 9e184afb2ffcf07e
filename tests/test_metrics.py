"""Metrics: the table, what is counted, what a scrape says, and that the reference page says the same."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.shell.metrics import METRICS, reference
from agent.shell.scrape import FORMS, LARGEST, Scrapes
from agent.shell.tally import Histogram, HistogramValue, Snapshot, SummaryValue, Tally, Value
from agent.types import AlarmChange, Outputs, Reason, Reject, Severity, Transition

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "metrics.md"


def change(transition: Transition) -> AlarmChange:
    return AlarmChange("pump-1", "high", Severity.WARNING, transition, 1.0, b"{}", b"t")


def full_snapshot() -> Snapshot:
    """A value for every metric of the table, by the table alone."""
    snapshot: dict[str, Value] = {}
    for entry in METRICS:
        if entry.kind in ("counter", "gauge"):
            snapshot[entry.name] = {tuple("x" for _ in entry.labels): 1.0} if entry.labels else 1.0
    snapshot.update(Tally().snapshot())
    tally = Tally()
    tally.outputs(Outputs(nis_sum={"level": 2.0}, nis_count={"level": 3}))
    snapshot["twinned_normalised_innovation_squared"] = tally.snapshot()["twinned_normalised_innovation_squared"]
    snapshot["twinned_build_info"] = {("1.2.3", "compiled"): 1.0}
    return snapshot


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def scrape(snapshot: Snapshot, accept: str = "text/plain") -> str:
    return Scrapes(lambda: snapshot).render(accept)[0].decode()


def test_the_reference_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == reference(), "run: python -m agent.shell.metrics > docs/reference/metrics.md"


def test_every_counted_metric_is_in_the_table() -> None:
    assert set(Tally().snapshot()) <= {entry.name for entry in METRICS}


def own(body: bytes) -> list[str]:
    """The lines of a page that are not the process's or the platform's."""
    lines = body.decode().split("\n")
    return [
        line
        for line in lines
        if not line.removeprefix("# HELP ").removeprefix("# TYPE ").startswith(("process_", "python_"))
    ]


numbers = st.floats() | st.integers(0, 2**63)
labels = st.text(st.sampled_from('a %s"\\\n#{}\x85\u2028é'), max_size=6)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Some of the table's metrics, with any labels and numbers."""
    found: dict[str, Value] = {}
    for entry in METRICS:
        if not draw(st.booleans()):
            continue
        if entry.kind == "histogram":
            bounds = tuple(sorted(draw(st.sets(st.floats(0, 1e9), max_size=3))))
            counts = draw(st.lists(st.integers(0, 10**9), min_size=len(bounds) + 1, max_size=len(bounds) + 1))
            found[entry.name] = HistogramValue(bounds, tuple(counts), draw(numbers))
        elif entry.kind == "summary":
            keys = draw(st.sets(st.tuples(*[labels] * len(entry.labels)), max_size=2))
            found[entry.name] = {key: SummaryValue(draw(st.integers(0, 10**9)), draw(numbers)) for key in keys}
        elif entry.labels:
            keys = draw(st.sets(st.tuples(*[labels] * len(entry.labels)), max_size=3))
            found[entry.name] = {key: draw(numbers) for key in keys}
        else:
            found[entry.name] = draw(numbers)
    return found


def with_other_numbers(snapshot: Snapshot, number: float) -> Snapshot:
    def other(value: Value) -> Value:
        match value:
            case HistogramValue(bounds, counts, _):
                return HistogramValue(bounds, tuple(count + 7 for count in counts), number)
            case SummaryValue(times, _):
                return SummaryValue(times + 7, number)
            case Mapping():
                return {key: other(each) for key, each in value.items()}  # type: ignore[misc]  # of a number, a number
        return number

    return {name: other(value) for name, value in snapshot.items()}


OPEN = "application/openmetrics-text;version=1.0.0"


@settings(max_examples=150)
@given(snapshots(), snapshots(), numbers)
def test_a_page_that_was_kept_says_what_a_new_one_would(first: Snapshot, second: Snapshot, number: float) -> None:
    told = first
    scrapes = Scrapes(lambda: told)
    for told in (first, with_other_numbers(first, number), second, first):
        for accept in ("", OPEN):
            assert own(scrapes.render(accept)[0]) == own(Scrapes(lambda: told).render(accept)[0])  # noqa: B023


def test_while_only_numbers_change_the_library_makes_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    told = full_snapshot()
    scrapes = Scrapes(lambda: told)
    before = own(scrapes.render(OPEN)[0])
    monkeypatch.setattr("agent.shell.scrape._family", None)
    assert own(scrapes.render(OPEN)[0]) == before
    told = {**told, "twinned_messages_total": 1042}
    changed = own(scrapes.render(OPEN)[0])
    assert [line for line in changed if line not in before] == ["twinned_messages_total 1042.0"]


def test_what_is_kept_of_pages_is_bounded() -> None:
    scrapes = Scrapes(full_snapshot)
    for k in range(5 * FORMS):
        scrapes.render(f"application/openmetrics-text;version=1.0.{k}")
        assert len(scrapes._pages) <= FORMS  # what it holds cannot be seen from outside
    many = {(f"asset{k:05}", "mean"): 1.0 for k in range(LARGEST // 40)}
    large = Scrapes(lambda: {"twinned_asset_estimate": many})
    assert large.render("")[0].count(b"twinned_asset_estimate{") == len(many)
    assert not large._pages


def test_names_follow_the_conventions() -> None:
    for entry in METRICS:
        assert entry.name.startswith("twinned_")
        assert entry.name.endswith("_total") == (entry.kind == "counter")
        assert entry.help.endswith(".")
    assert len({entry.name for entry in METRICS}) == len(METRICS)


def test_outputs_of_the_core_are_counted() -> None:
    tally = Tally()
    outputs = Outputs(
        readings=10,
        late=3,
        states=7,
        forecasts=2,
        made=[(0, "pump-1", 1.0)],
        rejects=[Reject(b"t", Reason.LATE), Reject(b"t", Reason.LATE), Reject(b"t", Reason.EMPTY)],
        alarms=[change(Transition.RAISED), change(Transition.CLEARED), change(Transition.RAISED)],
        nis_sum={"tank": 1.5},
        nis_count={"tank": 2},
    )
    tally.outputs(outputs)
    tally.outputs(outputs)
    tally.batch(messages=20, duration=0.002, now=1234.5)
    tally.publish_lag.observe(0.004)
    found = samples(scrape(tally.snapshot()))
    expected: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {
        ("twinned_messages_total", ()): 20,
        ("twinned_readings_total", (("result", "used"),)): 14,
        ("twinned_readings_total", (("result", "late"),)): 6,
        ("twinned_rejects_total", (("reason", "late"),)): 4,
        ("twinned_rejects_total", (("reason", "empty"),)): 2,
        ("twinned_rejects_total", (("reason", "too_deep"),)): 0,
        ("twinned_assets_discovered_total", ()): 2,
        ("twinned_publications_total", (("kind", "state"),)): 14,
        ("twinned_publications_total", (("kind", "forecast"),)): 4,
        ("twinned_publications_total", (("kind", "alarm"),)): 6,
        ("twinned_alarm_changes_total", (("transition", "raised"),)): 4,
        ("twinned_alarm_changes_total", (("transition", "cleared"),)): 2,
        ("twinned_normalised_innovation_squared_sum", (("model", "tank"),)): 3.0,
        ("twinned_normalised_innovation_squared_count", (("model", "tank"),)): 4,
        ("twinned_last_batch_timestamp_seconds", ()): 1234.5,
        ("twinned_batch_messages_bucket", (("le", "20.0"),)): 1,
        ("twinned_batch_messages_bucket", (("le", "10.0"),)): 0,
        ("twinned_batch_messages_sum", ()): 20,
        ("twinned_batch_duration_seconds_bucket", (("le", "0.0025"),)): 1,
        ("twinned_publish_lag_seconds_count", ()): 1,
    }
    assert {key: found.get(key) for key in expected} == expected


def test_every_reason_severity_and_transition_has_its_label_from_the_start() -> None:
    found = samples(scrape(Tally().snapshot()))
    for reason in Reason:
        assert found[("twinned_rejects_total", (("reason", reason.value),))] == 0
    for transition in Transition:
        assert found[("twinned_alarm_changes_total", (("transition", transition.value),))] == 0


def test_buckets_are_cumulative_and_a_bound_belongs_to_its_bucket() -> None:
    histogram = Histogram(1, 2, 5)
    for value in (0.5, 1, 2, 3, 5, 6, 1000):
        histogram.observe(value)
    found = samples(scrape({"twinned_batch_messages": histogram.snapshot()}))
    assert [found[("twinned_batch_messages_bucket", (("le", le),))] for le in ("1.0", "2.0", "5.0", "+Inf")] == [
        2,
        3,
        5,
        7,
    ]
    assert found[("twinned_batch_messages_count", ())] == 7
    assert found[("twinned_batch_messages_sum", ())] == 1017.5


def test_a_snapshot_does_not_change_when_the_loop_goes_on_counting() -> None:
    tally = Tally()
    before = tally.snapshot()
    text = scrape(before)
    tally.outputs(Outputs(readings=5, rejects=[Reject(b"t", Reason.LATE)], nis_sum={"a": 1}, nis_count={"a": 1}))
    tally.batch(5, 0.1, 1.0)
    tally.publish_lag.observe(0.1)
    lines = [line for line in scrape(before).splitlines() if line.startswith("twinned_")]
    assert lines == [line for line in text.splitlines() if line.startswith("twinned_")]


def test_openmetrics_is_served_to_who_asks_for_it() -> None:
    scrapes = Scrapes(full_snapshot)
    body, content_type = scrapes.render("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    names = {family.name for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]  # of prometheus_client
    assert {"twinned_rejects", "twinned_build", "twinned_batch_messages", "process_resident_memory_bytes"} <= names
    plain, content_type = scrapes.render("")
    assert content_type.startswith("text/plain")
    assert b"twinned_rejects_total{" in plain


def test_nothing_is_said_of_when_a_series_was_created() -> None:
    assert "_created" not in scrape(full_snapshot())


def test_process_metrics_are_there_even_where_the_boot_time_is_hidden(tmp_path: Path) -> None:
    usual = samples(scrape({}))
    (tmp_path / "self").symlink_to("/proc/self")
    found = samples(Scrapes(dict, proc=str(tmp_path)).render("")[0].decode())
    assert found[("process_resident_memory_bytes", ())] > 0
    start = ("process_start_time_seconds", ())
    assert found[start] == pytest.approx(usual[start], abs=2)


def test_two_agents_share_nothing() -> None:
    one = Scrapes(lambda: {"twinned_messages_total": 1})
    other = Scrapes(lambda: {"twinned_messages_total": 2})
    for _ in range(2):
        assert b"twinned_messages_total 1.0" in one.render("")[0]
        assert b"twinned_messages_total 2.0" in other.render("")[0]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say() -> None:
    text = scrape(full_snapshot())
    for entry in METRICS:
        assert f"# TYPE {entry.name} " in text, entry.name
    result = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
