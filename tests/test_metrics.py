"""Metrics: the table, what is counted, what a scrape says, and that the reference page says the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.shell.metrics import METRICS, build_registry, reference, render
from agent.shell.tally import Histogram, Snapshot, Tally, Value
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
    return render(build_registry(lambda: snapshot), accept)[0].decode()


def test_the_reference_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == reference(), "run: python -m agent.shell.metrics > docs/reference/metrics.md"


def test_every_counted_metric_is_in_the_table() -> None:
    assert set(Tally().snapshot()) <= {entry.name for entry in METRICS}


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
    registry = build_registry(full_snapshot)
    body, content_type = render(registry, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    names = {family.name for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]  # of prometheus_client
    assert {"twinned_rejects", "twinned_build", "twinned_batch_messages", "process_resident_memory_bytes"} <= names
    plain, content_type = render(registry, "")
    assert content_type.startswith("text/plain")
    assert b"twinned_rejects_total{" in plain


def test_nothing_is_said_of_when_a_series_was_created() -> None:
    assert "_created" not in scrape(full_snapshot())


def test_process_metrics_are_there_even_where_the_boot_time_is_hidden(tmp_path: Path) -> None:
    usual = samples(scrape({}))
    (tmp_path / "self").symlink_to("/proc/self")
    registry = build_registry(dict, proc=str(tmp_path))
    found = samples(render(registry, "")[0].decode())
    assert found[("process_resident_memory_bytes", ())] > 0
    start = ("process_start_time_seconds", ())
    assert found[start] == pytest.approx(usual[start], abs=2)


def test_registries_share_nothing() -> None:
    one = build_registry(lambda: {"twinned_messages_total": 1})
    other = build_registry(lambda: {"twinned_messages_total": 2})
    assert b"twinned_messages_total 1.0" in render(one, "")[0]
    assert b"twinned_messages_total 2.0" in render(other, "")[0]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say() -> None:
    text = scrape(full_snapshot())
    for entry in METRICS:
        assert f"# TYPE {entry.name} " in text, entry.name
    result = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
