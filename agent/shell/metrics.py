"""The agent's metrics: what they are called and mean.

`METRICS` is the single table: the exposition (`agent.shell.scrape`) and `docs/reference/metrics.md` are made from it;
`agent.shell.tally` has the numbers. Nothing grows with what messages contain: labels come from enums and the configuration.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from agent.alarms import commands
from agent.alarms.operator import Verb
from agent.shell.commanding import UNKNOWN
from agent.shell.logs import LEVELS
from agent.shell.tally import KINDS, RELOADS, RESULTS
from agent.types import AlarmState, Reason, Severity, Transition, Withheld


class Entry(NamedTuple):
    """One metric: its full name, what it is, and what it tells. `labels` name the label and say its values."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary", "info"]
    help: str
    labels: tuple[str, ...] = ()
    values: str = ""


def _all(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


METRICS: tuple[Entry, ...] = (
    Entry(
        "twinned_build_info",
        "info",
        "Version of the agent, and how it computes: `compiled` or `python`.",
        ("version", "steps"),
    ),
    Entry("twinned_messages_total", "counter", "Messages taken from the broker."),
    Entry(
        "twinned_readings_total",
        "counter",
        "Readings used: in order, or late and put in their place.",
        ("result",),
        _all(RESULTS),
    ),
    Entry(
        "twinned_rejects_total", "counter", "Messages or readings that were not used.", ("reason",), _all(list(Reason))
    ),
    Entry(
        "twinned_relearned_levels_total",
        "counter",
        "Levels that twins took for their own because improbable readings persisted.",
    ),
    Entry("twinned_assets_discovered_total", "counter", "Assets that spoke for the first time."),
    Entry(
        "twinned_twins_set_back_total",
        "counter",
        "Times that a twin started over in time, because its newest one was told by a clock that has been set back.",
    ),
    Entry("twinned_publications_total", "counter", "Messages made by the twins.", ("kind",), _all(KINDS)),
    Entry("twinned_batch_messages", "histogram", "Messages taken in one turn of the loop."),
    Entry(
        "twinned_batch_duration_seconds", "histogram", "Time from the first byte of a batch to its last publication."
    ),
    Entry(
        "twinned_publish_lag_seconds",
        "histogram",
        "Age of the newest reading of a batch, by its own time (by its arrival if it carries none), when what came of "
        "it was published.",
    ),
    Entry(
        "twinned_last_batch_timestamp_seconds",
        "gauge",
        "When a batch was last worked off without an internal error, in Unix time.",
    ),
    Entry(
        "twinned_twins",
        "gauge",
        "Twins by status.",
        ("status",),
        "`learning`, `live`, `coasting`, `stale`",
    ),
    Entry(
        "twinned_active_alarms",
        "gauge",
        "Alarms whose condition is there, also those that are shelved or disabled, and those of groups; not those that "
        "nobody was told of.",
        ("severity",),
        _all(list(Severity)),
    ),
    Entry(
        "twinned_alarms",
        "gauge",
        "Alarms by what is published of them; of those that are cleared, none.",
        ("state",),
        _all([state for state in AlarmState if state is not AlarmState.CLEARED]),
    ),
    Entry(
        "twinned_alarm_changes_total", "counter", "Changes of alarms, as told.", ("transition",), _all(list(Transition))
    ),
    Entry(
        "twinned_alarm_changes_withheld_total",
        "counter",
        "Changes of alarms that were not told when they happened: too many of one asset, too many overall, or its group "
        "stands for it or may soon.",
        ("cause",),
        _all(list(Withheld)),
    ),
    Entry(
        "twinned_alarms_withheld",
        "gauge",
        "Alarms that are not told as they are, for now.",
        ("cause",),
        _all(list(Withheld)),
    ),
    Entry("twinned_alarm_flood", "gauge", "1 while changes of alarms are withheld because of all together."),
    Entry("twinned_absent_groups", "gauge", "Groups whose alarm stands for the absence of their assets."),
    Entry(
        "twinned_commands_total",
        "counter",
        "Commands about alarms, over MQTT and HTTP.",
        ("verb", "result"),
        f"{_all([*Verb, UNKNOWN])}; {_all(commands.RESULTS)}",
    ),
    Entry(
        "twinned_normalised_innovation_squared",
        "summary",
        "Squared innovations in units of their predicted variance; the rate of the sum over the rate of the count is "
        "their mean, which is 1 for a model that fits.",
        ("model",),
        "models in use",
    ),
    Entry("twinned_mqtt_connected", "gauge", "1 while connected to the broker."),
    Entry("twinned_mqtt_subscribed", "gauge", "1 while the broker has granted every subscription."),
    Entry("twinned_mqtt_connects_total", "counter", "Connections the broker accepted."),
    Entry("twinned_mqtt_reconnects_total", "counter", "Connections the broker accepted after the first one."),
    Entry("twinned_mqtt_disconnects_total", "counter", "Connections that ended."),
    Entry("twinned_mqtt_received_messages_total", "counter", "Messages read from the broker."),
    Entry("twinned_mqtt_sent_messages_total", "counter", "Publications handed to the network."),
    Entry(
        "twinned_mqtt_dropped_messages_total",
        "counter",
        "Publications given up because the broker was away or too slow.",
    ),
    Entry("twinned_mqtt_acknowledged_messages_total", "counter", "QoS 1 publications the broker acknowledged."),
    Entry("twinned_mqtt_refused_messages_total", "counter", "QoS 1 publications the broker answered with an error."),
    Entry("twinned_mqtt_received_bytes_total", "counter", "Bytes read from the broker."),
    Entry("twinned_mqtt_sent_bytes_total", "counter", "Bytes written to the broker."),
    Entry("twinned_mqtt_oversize_messages_total", "counter", "Messages over `mqtt.max_payload`, skipped unread."),
    Entry(
        "twinned_mqtt_protocol_errors_total", "counter", "Connections closed because the broker's bytes made no sense."
    ),
    Entry(
        "twinned_broker_dropped_messages_total",
        "counter",
        "Messages that the broker says it dropped for want of room, for all its clients, while the agent was connected.",
    ),
    Entry("twinned_mqtt_pending_messages", "gauge", "QoS 1 publications waiting for the broker's acknowledgement."),
    Entry("twinned_mqtt_queued_bytes", "gauge", "Bytes waiting for the network."),
    Entry("twinned_outage_kept_messages", "gauge", "States and forecasts that wait for the broker to come back."),
    Entry(
        "twinned_outage_dropped_total", "counter", "States and forecasts of those that were given up, for want of room."
    ),
    Entry("twinned_store_up", "gauge", "1 while everything is stored, 0 while the agent goes on in memory."),
    Entry("twinned_store_failures_total", "counter", "Attempts to store something that failed."),
    Entry("twinned_store_commits_total", "counter", "Transactions of the journal."),
    Entry("twinned_store_snapshots_total", "counter", "Snapshots completed."),
    Entry(
        "twinned_store_written_bytes_total",
        "counter",
        "Bytes of journal and snapshots, as handed to SQLite, which writes them at least twice.",
    ),
    Entry("twinned_store_damaged_files_total", "counter", "Store files that were damaged and moved aside."),
    Entry("twinned_store_recovered_readings", "gauge", "Readings of the journal that were replayed at the start."),
    Entry("twinned_store_owed_messages", "gauge", "Alarm changes that the broker has not acknowledged."),
    Entry(
        "twinned_store_owed_dropped_total",
        "counter",
        "Alarm changes given up because more waited for the broker than the store may hold.",
    ),
    Entry("twinned_store_size_bytes", "gauge", "Size of the store on the disk, with its write-ahead log."),
    Entry("twinned_config_reloads_total", "counter", "Reloads of the configuration.", ("result",), _all(RELOADS)),
    Entry("twinned_config_last_reload_successful", "gauge", "1 if the configuration on disk was taken when last read."),
    Entry(
        "twinned_config_last_reload_timestamp_seconds",
        "gauge",
        "When the configuration in use was read, in Unix time.",
    ),
    Entry("twinned_loop_turns_total", "counter", "Turns of the loop; it turns at least every two seconds."),
    Entry("twinned_internal_errors_total", "counter", "Exceptions out of the core: each is a bug, please report it."),
    Entry(
        "twinned_http_requests_total", "counter", "HTTP requests answered, by status code.", ("code",), "status codes"
    ),
    Entry("twinned_log_lines_total", "counter", "Lines written to the log.", ("level",), _all(LEVELS)),
    Entry("twinned_log_lines_suppressed_total", "counter", "Lines held back because they repeated."),
    Entry(
        "twinned_metrics_assets_omitted",
        "gauge",
        "With `http.per_asset_metrics`: assets beyond `http.per_asset_limit`, which have no metrics of their own.",
    ),
    Entry(
        "twinned_asset_status",
        "gauge",
        "With `http.per_asset_metrics`: 1 for the twin's status, 0 for the others.",
        ("asset", "status"),
    ),
    Entry(
        "twinned_asset_estimate",
        "gauge",
        "With `http.per_asset_metrics`: estimate of a state, in the state's unit.",
        ("asset", "state"),
    ),
    Entry(
        "twinned_asset_surprise",
        "gauge",
        "With `http.per_asset_metrics`: surprise of the last reading, as the negative decimal logarithm of its probability.",
        ("asset", "channel"),
    ),
)


def reference() -> str:
    """The page `docs/reference/metrics.md`."""
    rows = [f"| `{entry.name}` | {entry.kind} | {_labels(entry)} | {entry.help} |" for entry in METRICS]
    return "\n".join([*_PREAMBLE, *rows, ""])


def _labels(entry: Entry) -> str:
    names = ", ".join(f"`{label}`" for label in entry.labels)
    return f"{names}: {entry.values}" if entry.values else names


_PREAMBLE = (
    "# Metrics",
    "",
    "<!-- Made by `python -m agent.shell.metrics > docs/reference/metrics.md`; edit the table in that module. -->",
    "",
    "Served at `/metrics`, as OpenMetrics where the scraper asks for it. The `process_*` and `python_info` metrics of",
    "the Prometheus client library are there as well. Every label value of an enum is there from the start, at 0.",
    "Per-asset metrics are off by default; they go away with their asset.",
    "",
    "| metric | kind | labels | meaning |",
    "| --- | --- | --- | --- |",
)

if __name__ == "__main__":
    print(reference(), end="")
