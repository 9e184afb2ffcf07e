"""What the loop counts: plain numbers in one object, a few microseconds per batch.

Only the loop's thread touches a `Tally`; others get the unchanging copy that `snapshot` makes. Names and meanings of
the metrics are in `agent.shell.metrics`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

from agent.types import Outputs, Reason, Transition, Withheld

RESULTS = ("used", "late")
KINDS = ("state", "forecast", "alarm")
RELOADS = ("success", "failure")


class HistogramValue(NamedTuple):
    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float


class SummaryValue(NamedTuple):
    times: int
    sum: float


Number = float | SummaryValue | HistogramValue
Value = Number | Mapping[tuple[str, ...], Number]  # without labels, or one for each tuple of label values
Snapshot = Mapping[str, Value]


class Histogram:
    """Counts of values by upper bound, not cumulated: observing is one bisection and two additions."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def snapshot(self) -> HistogramValue:
        return HistogramValue(self.bounds, tuple(self.counts), self.sum)


class Tally:
    """Everything the loop counts. Only the loop's thread touches it."""

    def __init__(self) -> None:
        self.messages = 0
        self.used = 0
        self.late = 0
        self.rejects = dict.fromkeys(Reason, 0)
        self.relearned = 0
        self.discovered = 0
        self.set_back = 0
        self.states = 0
        self.forecasts = 0
        self.alarms = dict.fromkeys(Transition, 0)
        self.withheld = dict.fromkeys(Withheld, 0)
        self.nis_sum: dict[str, float] = {}
        self.nis_count: dict[str, int] = {}
        self.batch_messages = Histogram(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
        self.batch_duration = Histogram(1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
        self.publish_lag = Histogram(2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30)
        self.last_batch = 0.0  # UTC seconds
        self.reloads = dict.fromkeys(RELOADS, 0)
        self.last_reload_successful = True
        self.config_read = 0.0  # UTC seconds
        self.turns = 0
        self.internal_errors = 0

    def outputs(self, outputs: Outputs) -> None:
        """Count what a call of the core returned, other than the messages of the batch."""
        self.used += outputs.readings - outputs.late
        self.late += outputs.late
        for reject in outputs.rejects:
            self.rejects[reject.reason] += 1
        self.relearned += len(outputs.relearned)
        self.discovered += outputs.discovered
        self.set_back += len(outputs.set_back)
        self.states += outputs.states
        self.forecasts += outputs.forecasts
        for change in outputs.alarms:
            self.alarms[change.transition] += 1
        for cause, count in outputs.withheld.items():
            self.withheld[cause] += count
        for model, count in outputs.nis_count.items():
            self.nis_count[model] = self.nis_count.get(model, 0) + count
            self.nis_sum[model] = self.nis_sum.get(model, 0.0) + outputs.nis_sum[model]

    def batch(self, messages: int, duration: float, now: float) -> None:
        """Count one batch that was worked off, from the wire to the wire."""
        self.messages += messages
        self.batch_messages.observe(messages)
        self.batch_duration.observe(duration)
        self.last_batch = now

    def snapshot(self) -> dict[str, Value]:
        """An unchanging copy, by metric name."""
        return {
            "twinned_messages_total": self.messages,
            "twinned_readings_total": {("used",): self.used, ("late",): self.late},
            "twinned_rejects_total": {(reason.value,): count for reason, count in self.rejects.items()},
            "twinned_relearned_levels_total": self.relearned,
            "twinned_assets_discovered_total": self.discovered,
            "twinned_twins_set_back_total": self.set_back,
            "twinned_publications_total": {
                ("state",): self.states,
                ("forecast",): self.forecasts,
                ("alarm",): sum(self.alarms.values()),
            },
            "twinned_batch_messages": self.batch_messages.snapshot(),
            "twinned_batch_duration_seconds": self.batch_duration.snapshot(),
            "twinned_publish_lag_seconds": self.publish_lag.snapshot(),
            "twinned_last_batch_timestamp_seconds": self.last_batch,
            "twinned_alarm_changes_total": {(name.value,): count for name, count in self.alarms.items()},
            "twinned_alarm_changes_withheld_total": {(cause.value,): count for cause, count in self.withheld.items()},
            "twinned_normalised_innovation_squared": {
                (model,): SummaryValue(count, self.nis_sum[model]) for model, count in self.nis_count.items()
            },
            "twinned_config_reloads_total": {(name,): count for name, count in self.reloads.items()},
            "twinned_config_last_reload_successful": float(self.last_reload_successful),
            "twinned_config_last_reload_timestamp_seconds": self.config_read,
            "twinned_loop_turns_total": self.turns,
            "twinned_internal_errors_total": self.internal_errors,
        }
