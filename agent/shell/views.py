"""What the service shows of itself: to the HTTP server, to Prometheus, and to systemd in words.

The functions of `make_views` run on HTTP threads. They read only what the loop replaces as a whole (`Shown`), and put
every question about the twins to the loop, a small slice at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from agent import native
from agent.alarms import listing
from agent.encode import Answer
from agent.shell.calls import Unanswered
from agent.shell.http import Health, Views
from agent.shell.scrape import Scrapes
from agent.shell.tally import Snapshot, Value
from agent.shell.wire import Counters
from agent.types import STATUS_NAMES

if TYPE_CHECKING:
    from agent.shell.service import Service

SLICE = 25  # twins looked at in one turn of the loop
ANSWER_SECONDS = 2.0

_MQTT = {
    "connects": "twinned_mqtt_connects_total",
    "reconnects": "twinned_mqtt_reconnects_total",
    "disconnects": "twinned_mqtt_disconnects_total",
    "received": "twinned_mqtt_received_messages_total",
    "sent": "twinned_mqtt_sent_messages_total",
    "dropped_out": "twinned_mqtt_dropped_messages_total",
    "acked": "twinned_mqtt_acknowledged_messages_total",
    "refused_out": "twinned_mqtt_refused_messages_total",
    "bytes_in": "twinned_mqtt_received_bytes_total",
    "bytes_out": "twinned_mqtt_sent_bytes_total",
    "oversize": "twinned_mqtt_oversize_messages_total",
    "protocol_errors": "twinned_mqtt_protocol_errors_total",
    "shed": "twinned_broker_dropped_messages_total",
}


@dataclass
class Shown:
    """What other threads may look at without asking. The loop replaces values, it never changes one in place."""

    turned: float = 0.0  # monotonic seconds
    health: Health = field(default_factory=Health)
    snapshot: Snapshot = field(default_factory=dict)
    retired: dict[str, int] = field(default_factory=dict)  # what sessions before the present one counted

    def retire(self, counters: Counters) -> None:
        """Keep what a session counted that makes room for another, so that no counter goes backwards."""
        self.retired = {name: getattr(counters, name) + self.retired.get(name, 0) for name in _MQTT}


def make_views(service: Service) -> Views:
    """What the HTTP server asks for, answered by this service."""

    def page(offset: int, limit: int) -> tuple[int, list[dict[str, object]]]:
        twins: list[dict[str, object]] = []

        def part() -> tuple[int, list[dict[str, object]]]:
            size = min(SLICE, limit - len(twins))
            return len(service.twins), service.twins.summaries(offset + len(twins), size)

        while True:
            total, some = service.calls.ask(part, ANSWER_SECONDS)
            twins += some
            if not some or len(twins) >= limit:
                return total, twins

    def detail(asset: str) -> dict[str, object] | None:
        return service.calls.ask(lambda: service.twins.detail(asset), ANSWER_SECONDS)

    def explained(asset: str) -> dict[str, object] | list[str]:
        found = service.twins.explain(asset, service.now())
        return service.twins.alike(asset, service.now()) if found is None else found

    def explain(asset: str) -> dict[str, object] | list[str]:
        return service.calls.ask(lambda: explained(asset), ANSWER_SECONDS)

    def alarms(
        wanted: Collection[str], asset: str | None, offset: int, limit: int
    ) -> tuple[int, list[dict[str, object]]]:
        found: list[dict[str, object]] = []

        def part() -> tuple[int, list[dict[str, object]]]:
            size = min(SLICE, limit - len(found))
            return listing.page(service.twins.floods, wanted, asset, offset + len(found), size)

        while True:
            total, some = service.calls.ask(part, ANSWER_SECONDS)
            found += some
            if not some or len(found) >= limit:
                return total, found

    def command(verb: str, asset: str, alarm: str, body: bytes) -> tuple[Answer, str]:
        return service.calls.ask(lambda: service.command(verb, asset, alarm, body), ANSWER_SECONDS)

    def details_of(names: list[str]) -> list[dict[str, Any] | None]:
        return [service.twins.detail(name) for name in names]

    def per_asset(limit: int) -> Snapshot:
        total, twins = page(0, limit)
        names = [str(twin["asset"]) for twin in twins]
        status: dict[tuple[str, ...], float] = {}
        estimate: dict[tuple[str, ...], float] = {}
        surprise: dict[tuple[str, ...], float] = {}
        for start in range(0, len(names), SLICE):
            some = names[start : start + SLICE]
            details = service.calls.ask(partial(details_of, some), ANSWER_SECONDS)
            for name, twin in zip(some, details, strict=True):
                if twin is None:
                    continue  # gone since it was listed
                status.update({(name, each): float(each == twin["status"]) for each in STATUS_NAMES})
                for state, value in twin["states"].items():
                    if value["mean"] is not None:
                        estimate[name, state] = value["mean"]
                for channel, value in twin["channels"].items():
                    if value.get("surprise") is not None:
                        surprise[name, channel] = value["surprise"]
        return {
            "twinned_metrics_assets_omitted": total - len(twins),
            "twinned_asset_status": status,
            "twinned_asset_estimate": estimate,
            "twinned_asset_surprise": surprise,
        }

    def scrape() -> Snapshot:
        try:
            snapshot: Snapshot = service.calls.ask(lambda: snapshot_of(service), ANSWER_SECONDS)
            http = service.loaded.config.http
            if http.per_asset_metrics:
                snapshot = {**snapshot, **per_asset(http.per_asset_limit)}
        except Unanswered:
            # A stuck loop is when the last figures are wanted most; `twinned_loop_turns_total` stands still in them.
            snapshot = service.shown.snapshot
            if not snapshot:
                raise
        service.shown.snapshot = snapshot
        return snapshot

    scrapes = Scrapes(scrape)
    return Views(
        idle=lambda: service.monotonic() - service.shown.turned,
        health=lambda: service.shown.health,
        metrics=scrapes.render,
        page=page,
        detail=detail,
        alarms=alarms,
        commands=lambda: service.loaded.config.commands,
        command=command,
        explain=explain,
    )


def snapshot_of(service: Service) -> dict[str, Value]:
    """All agent-level metrics; called by the loop, between two batches."""
    session, log, server = service.session, service.log, service.server
    counters, retired = session.counters, service.shown.retired
    snapshot = service.tally.snapshot()
    snapshot.update({metric: getattr(counters, name) + retired.get(name, 0) for name, metric in _MQTT.items()})
    snapshot.update(
        {
            "twinned_build_info": {(service.version, native.flavour()): 1},
            "twinned_twins": {(name,): count for name, count in service.twins.status_counts().items()},
            "twinned_active_alarms": {(name,): count for name, count in service.twins.active_alarms().items()},
            "twinned_alarms_withheld": {(name,): count for name, count in service.twins.floods.waiting().items()},
            "twinned_alarm_flood": int(service.twins.floods.flooded),
            "twinned_absent_groups": service.twins.floods.groups.standing(),
            "twinned_alarms": {(s.value,): n for s, n in listing.counts(service.twins.floods).items()},
            "twinned_commands_total": {
                (str(verb), result): count for (verb, result), count in service.commanding.counts.items()
            },
            "twinned_mqtt_connected": int(session.connected),
            "twinned_mqtt_subscribed": int(session.subscribed),
            "twinned_mqtt_pending_messages": counters.pending,
            "twinned_mqtt_queued_bytes": session.queued_bytes,
            "twinned_http_requests_total": {
                (str(code),): count for code, count in (dict(server.responses) if server else {}).items()
            },
            "twinned_log_lines_total": {(level,): count for level, count in log.lines.items()},
            "twinned_log_lines_suppressed_total": log.suppressed,
            "twinned_outage_kept_messages": len(service.outage),
            "twinned_outage_dropped_total": service.outage.dropped,
        }
    )
    if service.durable is not None:
        counts = service.durable.counts
        snapshot.update(
            {
                "twinned_store_up": int(not service.durable.trouble),
                "twinned_store_failures_total": counts.failures,
                "twinned_store_commits_total": counts.commits,
                "twinned_store_snapshots_total": counts.snapshots,
                "twinned_store_written_bytes_total": counts.bytes,
                "twinned_store_damaged_files_total": counts.damaged,
                "twinned_store_recovered_readings": counts.recovered_readings,
                "twinned_store_owed_messages": service.durable.owed(),
                "twinned_store_owed_dropped_total": counts.lost,
                "twinned_store_size_bytes": service.durable.size(),
            }
        )
    return snapshot


def status_words(health: Health, twins: Mapping[str, int], alarms: Mapping[str, int]) -> str:
    """How it goes, in one line for `systemctl status`."""
    link = "connected" if health.connected and health.subscribed else f"not ready: {health.reason}"
    shares = ", ".join(f"{count} {name}" for name, count in twins.items() if count)
    active = sum(alarms.values())
    return (
        f"{link}; {sum(twins.values())} twins{f' ({shares})' if shares else ''}; "
        f"{active} active alarm{'' if active == 1 else 's'}"
    )
