"""From an asset block's configuration to its plan: components, where each channel goes, and its alarms.

Pure construction. What cannot be built raises `PlanError` with the path of the setting, so that the loader can point at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from agent.alarms.anomaly import Anomaly
from agent.alarms.joint import Joint
from agent.alarms.lifecycle import Lifecycle
from agent.alarms.rules import Absence, Flat, Limit, Rate, Rule, Surprise, Watched
from agent.bank import Bank
from agent.config import (
    AbsenceAlarm,
    Alarm,
    AnomalyAlarm,
    AssetBlock,
    Channel,
    Duration,
    FlatAlarm,
    LimitAlarm,
    RateAlarm,
    Size,
)
from agent.models import find
from agent.models.base import ChannelInfo, Component
from agent.rows import Rows
from agent.topics import safe_level
from agent.types import Severity


class PlanError(ValueError):
    """A setting that has the right type but cannot be built; `path` is relative to the asset block."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """One channel of the block, by slot."""

    name: str
    config: Channel


@dataclass(frozen=True, slots=True)
class Shared:
    """An input fed by a topic of its own, for every twin of the block."""

    topic: str
    field: str | None
    bank: int
    entry: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that follows from the configuration of one block."""

    config: AssetBlock
    channels: tuple[ChannelPlan, ...]
    components: tuple[Component, ...]
    targets: tuple[tuple[tuple[int, int], ...], ...]  # per slot: (bank, entry), the measured one first
    shape: tuple[tuple[str, tuple[int, int] | None, tuple[int, int] | None], ...]  # per slot, for the encoder
    shared: tuple[Shared, ...]
    model: str
    prefix: bytes
    robust: bool


def duration_hook(kind: type, raw: object) -> object:
    """msgspec's hook for the configuration's own types."""
    if kind is Duration:
        return Duration.parse(raw)
    if kind is Size:
        return Size.parse(raw)
    raise NotImplementedError(f"cannot read a {kind.__name__}")


def model_settings(model: str | dict[str, object], path: tuple[str | int, ...]) -> tuple[Any, Any]:
    """The model's class and its settings. Raises PlanError."""
    raw = {"type": model} if isinstance(model, str) else model
    name = raw.get("type")
    if not isinstance(name, str):
        raise PlanError((*path, "type"), "expected the name of a model under `type`")
    found = find(name)
    if found is None:
        raise PlanError(
            path, f"expected a model (level, level_rate, first_order, tank, linear, or module:attribute), got {name!r}"
        )
    try:
        settings = msgspec.convert(raw | {"type": found.name}, found.Settings, dec_hook=duration_hook)
    except (msgspec.ValidationError, ValueError) as e:
        raise PlanError(path, str(e)) from None
    return found, settings


def plan_block(config: AssetBlock, site: str, prefix: str = "twinned") -> Plan:
    """Work out the components of a block. Raises PlanError."""
    channels = tuple(ChannelPlan(name, c or Channel()) for name, c in config.channels.items())
    by_name = {c.name: c for c in channels}
    info = {c.name: ChannelInfo(c.name, c.config.unit, c.config.noise) for c in channels}
    components: list[Component] = []
    measured: dict[str, tuple[int, int]] = {}

    def build(found: Any, settings: Any, names: Sequence[str], path: tuple[str | int, ...]) -> None:
        for name in names:
            if name not in info:
                raise PlanError(path, f"expected a channel of this block ({', '.join(info)}), got {name!r}")
            if name in measured:
                raise PlanError(path, f"channel {name!r} is measured by two models")
        try:
            component = found.build(settings, [info[n] for n in names])
        except ValueError as e:
            raise PlanError(path, str(e)) from None
        for k, name in enumerate(component.channels):
            measured[name] = (len(components), k)
        components.append(component)

    found, settings = model_settings(config.model, ("model",))
    own = {
        c.name: model_settings(c.config.model, ("channels", c.name, "model"))
        for c in channels
        if c.config.model is not None
    }
    for name, (other, _) in own.items():
        if other.scope != "channel":
            raise PlanError(
                ("channels", name, "model"), f"model {other.name!r} spans several channels: set it on the block"
            )
    observed, inputs = found.uses(settings)
    driven = set(inputs).union(*(other.uses(s)[1] for other, s in own.values()))
    for name in driven:
        if name not in by_name:
            raise PlanError(("model",), f"expected a channel of this block ({', '.join(info)}), got {name!r}")
    if found.scope == "asset":
        build(found, settings, observed, ("model",))
    for c in channels:
        if c.name in measured or (c.name in driven and c.name not in own):
            continue
        if c.name in own:
            build(*own[c.name], [c.name], ("channels", c.name, "model"))
        elif found.scope == "channel":
            build(found, settings, [c.name], ("model",))
        else:
            build(*model_settings("level_rate", ("model",)), [c.name], ("model",))
    if not components:
        raise PlanError(("channels",), "expected at least one channel that is measured, got only inputs")
    components = _distinct_states(components)
    driving: dict[str, list[tuple[int, int]]] = {}
    shared: list[Shared] = []
    for b, component in enumerate(components):
        for k, source in enumerate(component.inputs):
            entry = len(component.channels) + k
            if source.channel is not None:
                driving.setdefault(source.channel, []).append((b, entry))
            elif source.topic is not None:
                shared.append(Shared(source.topic, source.field, b, entry))
    targets, shape = [], []
    for c in channels:
        to = ([measured[c.name]] if c.name in measured else []) + driving.get(c.name, [])
        targets.append(tuple(to))
        feeds = driving.get(c.name)
        drives = (feeds[0][0], feeds[0][1] - len(components[feeds[0][0]].channels)) if feeds else None
        shape.append((c.name, measured.get(c.name), None if c.name in measured else drives))
    model = "+".join(sorted({c.label for c in components}))
    return Plan(
        config, channels, tuple(components), tuple(targets), tuple(shape), tuple(shared), model,
        f"{prefix}/{safe_level(site)}/".encode(), config.gate == "robust",
    )  # fmt: skip


def _distinct_states(components: list[Component]) -> list[Component]:
    """State names that clash between components are told apart by their first channel."""
    taken: dict[str, int] = {}
    for c in components:
        for s in c.states:
            taken[s.name] = taken.get(s.name, 0) + 1
    return [
        replace(
            c, states=tuple(replace(s, name=f"{c.channels[0]}_{s.name}") if taken[s.name] > 1 else s for s in c.states)
        )
        for c in components
    ]


def lifecycles(plan: Plan, rows: Rows, banks: Sequence[Bank]) -> list[Lifecycle]:
    """The alarms of a block: those of `alarms`, the default one where none are given, and the channels' limits."""
    watched: dict[str, Watched] = {}
    for slot, (name, where, _) in enumerate(plan.shape):
        if where is not None:
            b, k = where
            watched[name] = Watched(rows, banks[b], k, slot, name, plan.channels[slot].config.unit)
    specs: list[tuple[str, Alarm, Watched, bool]] = []
    if isinstance(plan.config.alarms, msgspec.UnsetType):
        given: dict[str, Alarm] = {"anomaly": AnomalyAlarm()}
    else:
        given = plan.config.alarms
    together: list[tuple[str, AnomalyAlarm]] = []
    shares: dict[str, int] = {}  # parts in which an alarm's budget goes
    for name, whole in given.items():
        spec: Alarm = whole
        if isinstance(whole, AnomalyAlarm):
            own, joint = _split(name, whole, len(watched))
            shares[name] = (0 if own is None else 1 if own.channel is not None else len(watched)) + (joint is not None)
            together += [(name, joint)] if joint is not None else []
            if own is None:
                continue
            spec = own
        if spec.channel is not None:
            if spec.channel not in watched:
                raise PlanError(
                    ("alarms", name, "channel"),
                    f"expected a measured channel ({', '.join(watched)}), got {spec.channel!r}",
                )
            specs.append((name, spec, watched[spec.channel], False))
        elif isinstance(spec, AbsenceAlarm):
            specs.append((name, spec, next(iter(watched.values())), True))
        else:
            for channel, w in watched.items():
                called = name if len(watched) == 1 else f"{name}_{channel}"
                specs.append((called, spec, w, False))
                shares[called] = shares.get(name, 1)
    for name, w in watched.items():
        specs += [(n, s, w, False) for n, s in _limit_alarms(name, plan.channels[w.slot].config)]
    names = [n for n, *_ in specs] + [f"{n}_joint" for n, _ in together]
    for n in names:
        if names.count(n) > 1:
            raise PlanError(("alarms",), f"two alarms would be called {n!r}: rename one")
    alarms = [
        Lifecycle(n, s, _rule(s, w, whole=all_of_it, shares=shares.get(n, 1)), w, plan.config.learning)
        for n, s, w, all_of_it in specs
    ]
    for n, s in together:
        rule = Joint(s, list(watched.values())[: s.joint_channels], shares[n])
        alarms.append(Lifecycle(f"{n}_joint", s, rule, rule.watched, plan.config.learning))
        alarms[-1].in_order = False  # channels that report apart do so at equal times, too
    return alarms


def _split(name: str, spec: AnomalyAlarm, channels: int) -> tuple[AnomalyAlarm | None, AnomalyAlarm | None]:
    """What of an anomaly alarm is of single channels, and what of all together."""
    own = [d for d in spec.detectors if d != "joint"]
    many = spec.channel is None and channels > 1
    if not own and not many:
        hint = "leave `channel` out" if spec.channel is not None else "this block measures one"
        raise PlanError(("alarms", name, "detectors"), f"`joint` holds several channels against each other: {hint}")
    joint = spec if many and "joint" in spec.detectors else None
    return (msgspec.structs.replace(spec, detectors=own) if own else None), joint


def _limit_alarms(channel: str, config: Channel) -> list[tuple[str, LimitAlarm]]:
    limits = config.limits
    if limits is None:
        return []
    out = []
    for key, side, severity in (
        ("lowlow", "low", Severity.CRITICAL),
        ("low", "low", Severity.WARNING),
        ("high", "high", Severity.WARNING),
        ("highhigh", "high", Severity.CRITICAL),
    ):
        value = getattr(limits, key)
        if value is not None:
            spec = LimitAlarm(
                severity=severity,
                low=value if side == "low" else None,
                high=value if side == "high" else None,
                deadband=limits.deadband,
                on_delay=limits.on_delay,
                off_delay=limits.off_delay,
                latched=limits.latched,
            )
            out.append((f"{channel}_{key}", spec))
    return out


def _rule(spec: Alarm, w: Watched, *, whole: bool, shares: int) -> Rule:
    if isinstance(spec, LimitAlarm):
        return Limit(spec, w)
    if isinstance(spec, RateAlarm):
        return Rate(spec, w)
    if isinstance(spec, FlatAlarm):
        return Flat(spec, w)
    if isinstance(spec, AbsenceAlarm):
        return Absence(spec, w, whole_asset=whole)
    if isinstance(spec, AnomalyAlarm):
        return Anomaly(spec, w, shares)
    return Surprise(spec, w)
