"""From messages to samples: which block, asset and channels a topic means, and what its payload says.

The one place where a message can fail: whatever is wrong with it ends here as a `Reject`. A topic that was routed
once is one dictionary look-up; the caches are bounded. Creates twins for assets that speak for the first time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import NamedTuple

from agent.block import Arrivals, Block, Samples
from agent.codecs import Codec, build
from agent.config import Config, Payload, Time
from agent.topics import TopicTemplate, asset_name
from agent.types import Batch, DecodeError, Outputs, Reason, Reject

_NEGATIVE = 4096  # unroutable topics remembered


@dataclass(eq=False, slots=True)
class Lane:
    """Messages that are read alike: one block, one codec, the same channels in the same order."""

    block: Block
    codec: Codec
    slots: tuple[int, ...]
    scale: tuple[tuple[float, float] | None, ...]  # per slot: (factor, offset), None where raw values are kept
    max_ahead: float
    refuse_retained: bool


@dataclass(eq=False, slots=True)
class SharedInput:
    """A topic that drives one input of every twin of a block."""

    block: Block
    codec: Codec
    bank: int
    entry: int
    max_ahead: float


class Route(NamedTuple):
    """Where a topic leads: at most one asset, and any number of shared inputs."""

    lane: Lane | None
    row: int
    shared: tuple[SharedInput, ...]


@dataclass(eq=False, slots=True)
class _Entry:
    """One topic template of one block, with the lane of each channel it may name."""

    template: TopicTemplate
    block: Block
    lanes: dict[str | None, Lane] = field(default_factory=dict)


class Decoder:
    """Routes and decodes batches for a set of blocks."""

    def __init__(self, config: Config, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self.entries: list[_Entry] = []
        self.shared: dict[bytes, list[SharedInput]] = {}
        self.subscriptions: dict[str, int] = {}
        for block in blocks:
            self._add(block, config.mqtt.qos)
        self._routes: dict[bytes, Route] = {}
        self._refused: dict[bytes, tuple[Reason, str]] = {}
        caps = sum(b.config.max_assets * max(1, len(b.plan.channels)) for b in blocks)
        self._most_routes = min(2 * caps + 1024, 4_000_000)
        self.owner: dict[str, Block] = {name: b for b in blocks for name in b.rows.names}

    def _subscribe(self, topic: str, qos: int) -> None:
        self.subscriptions[topic] = max(qos, self.subscriptions.get(topic, 0))

    def _add(self, block: Block, qos: int) -> None:
        c = block.config
        level = qos if c.qos is None else c.qos
        channels = block.plan.channels

        def lane(slots: Sequence[int], payload: Payload, time: Time) -> Lane:
            fields = [channels[s].config.field or channels[s].name for s in slots]
            scale = [channels[s].config for s in slots]
            return Lane(
                block,
                build(payload, time, fields),
                tuple(slots),
                tuple(None if (k.scale, k.offset) == (1.0, 0.0) else (k.scale, k.offset) for k in scale),
                float(c.time.max_ahead),
                c.retained == "refuse",
            )

        together = [s for s, ch in enumerate(channels) if ch.config.topic is None]
        if c.topic is not None and together:
            template = TopicTemplate.parse(c.topic)
            entry = _Entry(template, block)
            if "channel" in template.names:
                entry.lanes = {channels[s].name: lane([s], c.payload, c.time) for s in together}
            else:
                entry.lanes = {None: lane(together, c.payload, c.time)}
            self.entries.append(entry)
            self._subscribe(template.filter, level)
        for s, ch in enumerate(channels):
            if ch.config.topic is not None:
                template = TopicTemplate.parse(ch.config.topic)
                self.entries.append(_Entry(template, block, {None: lane([s], c.payload, c.time)}))
                self._subscribe(template.filter, level)
        for shared in block.plan.shared:
            payload = Payload(format="number") if shared.field is None else c.payload
            time = Time(field="arrival") if shared.field is None else c.time
            codec = build(payload, time, [shared.field or "value"])
            into = SharedInput(block, codec, shared.bank, shared.entry, float(c.time.max_ahead))
            self.shared.setdefault(shared.topic.encode(), []).append(into)
            self._subscribe(shared.topic, level)

    # -- routing

    def route(self, topic: bytes, now: float, out: Outputs) -> Route | tuple[Reason, str]:
        """The route of a topic; a reason and detail where there is none."""
        known = self._routes.get(topic)
        if known is not None:
            return known
        refused = self._refused.get(topic)
        if refused is not None:
            return refused
        found = self._resolve(topic, now, out)
        if isinstance(found, Route):
            if len(self._routes) >= self._most_routes:
                self._routes.clear()
            self._routes[topic] = found
        else:
            if len(self._refused) >= _NEGATIVE:
                self._refused.clear()
            self._refused[topic] = found
        return found

    def _resolve(self, topic: bytes, now: float, out: Outputs) -> Route | tuple[Reason, str]:
        shared = tuple(self.shared.get(topic, ()))
        for entry in self.entries:
            levels = entry.template.match(topic)
            if levels is None:
                continue
            channel = levels.get("channel")
            lane = entry.lanes.get(channel)
            if lane is None:
                if shared:
                    break
                return Reason.UNKNOWN_CHANNEL, f"expected one of {', '.join(map(str, entry.lanes))}, got {channel!r}"
            name = asset_name(entry.block.config.name, levels, entry.template.names)
            row = entry.block.rows.row_of.get(name)
            if row is None:
                refused = self._discoverable(entry.block, name)
                if refused is not None:
                    return refused
                row = entry.block.add(name, now)
                self.owner[name] = entry.block
                out.discovered += 1
            return Route(lane, row, shared)
        if shared:
            return Route(None, -1, shared)
        return Reason.UNROUTED, "no asset block has a topic that matches"

    def _discoverable(self, block: Block, name: str) -> tuple[Reason, str] | None:
        if not block.config.discover:
            return Reason.UNKNOWN_ASSET, f"{name!r} is not under `known`, and `discover` is off"
        if len(block) >= block.config.max_assets:
            return Reason.ASSET_LIMIT, f"max_assets is {block.config.max_assets}"
        if name in self.owner:
            return (
                Reason.UNKNOWN_ASSET,
                f"the name {name!r} is taken by another asset block: set `name` to tell them apart",
            )
        return None

    # -- decoding

    def on_batch(self, batch: Batch, out: Outputs) -> None:
        """Route, decode and hand on the whole batch; shared inputs take effect at their place in it."""
        get = self._routes.get
        routes: list[Route | None] = [get(t) for t in batch.topics]
        lanes = {id(r.lane): r.lane for r in routes if r is not None}
        if None not in routes and len(lanes) == 1 and not any(r.shared for r in routes if r is not None):
            (lane,) = lanes.values()
            if lane is not None and not any(batch.retained):
                rows = [r.row for r in routes if r is not None]
                samples = self._plain(lane, rows, batch, out)
                if samples is not None:
                    lane.block.take(samples, Arrivals(batch.received, batch.topics), out)
                    return
        self._mixed(routes, batch, out)

    def _plain(self, lane: Lane, rows: list[int], batch: Batch, out: Outputs) -> Samples | None:
        """The way of a batch in which every message is one ordinary sample; None when it is not."""
        decoded = lane.codec.columns(batch.payloads)
        if decoded is None:
            return None
        times, columns = decoded.times, decoded.values
        if None in times:
            filled = [r if t is None else t for t, r in zip(times, batch.received, strict=True)]
        else:
            filled = times  # type: ignore[assignment]
        if max(filled) > min(batch.received) + lane.max_ahead:
            return None
        scaled = [_scaled(c, s) for c, s in zip(columns, lane.scale, strict=True)]
        return Samples(list(range(len(rows))), rows, filled, scaled, lane.slots)

    def _mixed(self, routes: list[Route | None], batch: Batch, out: Outputs) -> None:
        """Any batch, one message after the other; samples of one block are collected until a shared input interrupts."""
        collected: dict[int, tuple[Block, _Collector]] = {}

        def flush() -> None:
            for block, c in collected.values():
                if c.message:
                    block.take(c.samples(), Arrivals(batch.received, batch.topics), out)
            collected.clear()

        for k, known in enumerate(routes):
            topic, payload, received = batch.topics[k], batch.payloads[k], batch.received[k]
            route = known if known is not None else self.route(topic, received, out)
            if not isinstance(route, Route):
                out.rejects.append(Reject(topic, *route))
                continue
            if route.shared:
                flush()
                for shared in route.shared:
                    self._drive(shared, topic, payload, received, bool(batch.retained[k]), out)
            if route.lane is not None:
                lane = route.lane
                if id(lane.block) not in collected:
                    collected[id(lane.block)] = (lane.block, _Collector(len(lane.block.plan.channels)))
                self._decode_one(lane, route.row, k, batch, collected[id(lane.block)][1], out)
        flush()

    def _decode_one(self, lane: Lane, row: int, k: int, batch: Batch, into: _Collector, out: Outputs) -> None:
        topic, received, retained = batch.topics[k], batch.received[k], batch.retained[k]
        if retained and lane.refuse_retained:
            out.rejects.append(Reject(topic, Reason.RETAINED, "this block refuses retained messages"))
            return
        try:
            decoded = lane.codec.decode(batch.payloads[k])
        except DecodeError as e:
            out.rejects.append(Reject(topic, e.reason, e.detail))
            return
        out.rejects.extend(Reject(topic, e.reason, e.detail) for e in decoded.errors)
        for sample in decoded.samples:
            time = sample.time
            if time is None:
                if retained:
                    out.rejects.append(Reject(topic, Reason.RETAINED, "a retained message without a time of its own"))
                    continue
                time = received
            if time > received + lane.max_ahead:
                out.rejects.append(Reject(topic, Reason.AHEAD, f"{time - received:.6g} s ahead of its arrival"))
                continue
            into.message.append(k)
            into.rows.append(row)
            into.times.append(time)
            values = dict(zip(lane.slots, sample.values, strict=True))
            scale = dict(zip(lane.slots, lane.scale, strict=True))
            for slot, column in enumerate(into.columns):
                value = values.get(slot)
                factor = scale.get(slot)
                column.append(value if value is None or factor is None else value * factor[0] + factor[1])

    @staticmethod
    def _drive(
        shared: SharedInput, topic: bytes, payload: bytes, received: float, retained: bool, out: Outputs
    ) -> None:
        """A shared input: a retained one is welcome, since it is the input's present value."""
        try:
            decoded = shared.codec.decode(payload)
        except DecodeError as e:
            out.rejects.append(Reject(topic, e.reason, e.detail))
            return
        out.rejects.extend(Reject(topic, e.reason, e.detail) for e in decoded.errors)
        for sample in decoded.samples:
            time = received if sample.time is None else sample.time
            value = sample.values[0]
            if time > received + shared.max_ahead:
                out.rejects.append(Reject(topic, Reason.AHEAD, f"{time - received:.6g} s ahead of its arrival"))
            elif value is not None:
                if shared.block.drive(shared.bank, shared.entry, time, value):
                    out.readings += 1
                elif len(shared.block):
                    out.rejects.append(Reject(topic, Reason.LATE, f"shared input at {time!r}"))


class _Collector:
    """Samples of one block while a batch is decoded message by message."""

    def __init__(self, slots: int) -> None:
        self.message: list[int] = []
        self.rows: list[int] = []
        self.times: list[float] = []
        self.columns: list[list[float | None]] = [[] for _ in range(slots)]

    def samples(self) -> Samples:
        return Samples(self.message, self.rows, self.times, self.columns, tuple(range(len(self.columns))))


def _scaled(column: list[float | None], scale: tuple[float, float] | None) -> list[float | None]:
    if scale is None:
        return column
    return [None if v is None else v * f + o for v, (f, o) in zip(column, repeat(scale))]
