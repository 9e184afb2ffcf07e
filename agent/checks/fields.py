"""Checks of one section on its own: orders, ranges across fields, settings that need or exclude each other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from agent.checks.place import Keys, Place
from agent.config import (
    AbsenceAlarm,
    Channel,
    FlatAlarm,
    ForecastPublish,
    LimitAlarm,
    Limits,
    Mqtt,
    RateAlarm,
    Reconnect,
    Silence,
    StatePublish,
    Store,
    Tls,
)


def _above_zero(place: Place, keys: Keys, value: float | None) -> None:
    if value is not None and value <= 0:
        place.report(keys, "a duration above zero")


def _mqtt(mqtt: Mqtt, place: Place) -> None:
    if not mqtt.host.strip():
        place.report(("host",), "the name or address of the broker")
    if not 1 <= mqtt.keepalive <= 65535:
        place.report(("keepalive",), "a duration from 1s to 65535s")
    if mqtt.gather > 0.1:
        place.report(("gather",), "a duration of at most 100ms")
    _above_zero(place, ("connect_timeout",), mqtt.connect_timeout)
    if not mqtt.path.startswith("/"):
        place.report(("path",), "a path that begins with /")
    if mqtt.password_file is not None and mqtt.username is None:
        hint = "MQTT 3.1.1 does not allow a password without a name"
        place.report(("password_file",), "`username` beside it", "a password only", hint)
    for key in ("max_payload", "max_outgoing"):
        if getattr(mqtt, key) < 1:
            place.report((key,), "a size above zero")


def _tls(tls: Tls, place: Place) -> None:
    for key, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if getattr(tls, key) is not None and getattr(tls, other) is None:
            place.report((key,), f"`{other}` beside it", f"`{key}` alone", "a client certificate needs both")


def _reconnect(reconnect: Reconnect, place: Place) -> None:
    _above_zero(place, ("min",), reconnect.min)
    if reconnect.max < reconnect.min:
        place.report(("max",), f"at least `min`, {reconnect.min:g}s", f"{reconnect.max:g}s")


def _store(store: Store, place: Place) -> None:
    if not 0.01 <= store.commit_interval <= 60:
        place.report(("commit_interval",), "a duration from 10ms to 60s")
    if store.max_size < 32 * 2**20:
        place.report(("max_size",), "at least 32MiB", hint="the write-ahead log and two snapshots must fit")
    if store.path is not None and not store.path.strip():
        place.report(("path",), "the path of a file")


def _limits(limits: Limits, place: Place) -> None:
    given = [
        (key, value) for key in ("lowlow", "low", "high", "highhigh") if (value := getattr(limits, key)) is not None
    ]
    for (below, low), (above, high) in pairwise(given):
        if not low < high:
            place.report((above,), f"a number above `{below}`, {low:g}")
    _deadband(
        place,
        limits.deadband,
        limits.low if limits.low is not None else limits.lowlow,
        limits.high if limits.high is not None else limits.highhigh,
    )


def _deadband(place: Place, deadband: float, low: float | None, high: float | None) -> None:
    if low is not None and high is not None and low < high and deadband >= high - low:
        hint = "an alarm could never clear"
        place.report(("deadband",), f"less than the distance between the limits, {high - low:g}", hint=hint)


def _channel(channel: Channel, place: Place) -> None:
    if channel.scale == 0:
        place.report(("scale",), "a number other than zero", hint="all readings would be the same")


def _limit_alarm(alarm: LimitAlarm, place: Place) -> None:
    if alarm.low is None and alarm.high is None:
        place.report((), "`low`, `high`, or both", "a limit alarm without a limit")
    if alarm.low is not None and alarm.high is not None and not alarm.low < alarm.high:
        place.report(("high",), f"a number above `low`, {alarm.low:g}")
    _deadband(place, alarm.deadband, alarm.low, alarm.high)
    _above_zero(place, ("within",), alarm.within)
    if alarm.on != "forecast":
        for key in ("within", "confidence"):
            if place.has(key):
                place.report((key,), "`watch: forecast` beside it", f"`watch: {alarm.on}`")


def _rate_alarm(alarm: RateAlarm, place: Place) -> None:
    if alarm.above is None and alarm.below is None:
        place.report((), "`above`, `below`, or both", "a rate alarm without a rate")
    if alarm.above is not None and alarm.below is not None and not alarm.below < alarm.above:
        place.report(("above",), f"a number above `below`, {alarm.below:g}")
    _deadband(place, alarm.deadband, alarm.below, alarm.above)
    _above_zero(place, ("per",), alarm.per)


def _flat_alarm(alarm: FlatAlarm, place: Place) -> None:
    _above_zero(place, ("duration",), alarm.duration)


def _absence_alarm(alarm: AbsenceAlarm, place: Place) -> None:
    _above_zero(place, ("after",), alarm.after)


def _silence(silence: Silence, place: Place) -> None:
    _above_zero(place, ("coasting",), silence.coasting)
    _above_zero(place, ("stale",), silence.stale)
    if silence.coasting is not None and silence.stale is not None and silence.stale <= silence.coasting:
        place.report(("stale",), f"more than `coasting`, {silence.coasting:g}s")


def _state(state: StatePublish, place: Place) -> None:
    _above_zero(place, ("interval",), state.interval)
    _above_zero(place, ("expiry",), state.expiry)


def _forecast(forecast: ForecastPublish, place: Place) -> None:
    for i, horizon in enumerate(forecast.horizons):
        _above_zero(place, ("horizons", i), horizon)
        if horizon in forecast.horizons[:i]:
            place.report(("horizons", i), "each horizon once", f"{horizon:g}s twice")


CHECKS: Final[dict[type, Callable[[Any, Place], None]]] = {
    Mqtt: _mqtt,
    Tls: _tls,
    Reconnect: _reconnect,
    Store: _store,
    Limits: _limits,
    Channel: _channel,
    LimitAlarm: _limit_alarm,
    RateAlarm: _rate_alarm,
    FlatAlarm: _flat_alarm,
    AbsenceAlarm: _absence_alarm,
    Silence: _silence,
    StatePublish: _state,
    ForecastPublish: _forecast,
}
