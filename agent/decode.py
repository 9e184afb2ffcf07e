"""From messages to samples: which block, asset and channels a topic means, and what its payload says.

The one place where a message can fail: whatever is wrong with it ends here as a `Reject`. A topic that was routed
once is one dictionary look-up; the caches are bounded. Creates twins for assets that speak for the first time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import NamedTuple, TypeVar

from agent.block import Block, Samples
from agent.codecs import Codec, build
from agent.config import Config, Payload, Time
from agent.sequences import LARGEST, Counted, Sequences
from agent.topics import TopicTemplate, asset_name
from agent.types import Batch, Columns, DecodeError, Outputs, Reason, Reject

T = TypeVar("T")

_NEGATIVE = 4096  # unroutable topics remembered
_NOWHERE = -1


@dataclass(eq=False, slots=True)
class Lane:
    """Messages that are read alike: one block, one codec, the same channels in the same order."""

    number: int
    block: Block
    codec: Codec
    slots: tuple[int, ...]
    scale: tuple[tuple[float, float] | None, ...]  # per slot: (factor, offset), None where raw values are kept
    max_ahead: float
    refuse_retained: bool
    sequences: Sequences | None  # where a sample carries a number; it is the codec's last field


@dataclass(eq=False, slots=True)
class SharedInput:
    """A topic that drives one input of every twin of a block."""

    block: Block
    codec: Codec
    bank: int
    entry: int
    max_ahead: float
    sequences: Sequences | None


class Take(NamedTuple):
    """Samples for one block."""

    block: int
    samples: Samples
    counted: Sequence[Counted] = ()


class Drive(NamedTuple):
    """A new value of an input that all twins of a block share."""

    block: int
    bank: int
    entry: int
    time: float
    value: float
    message: int
    counted: Sequence[Counted] = ()


Step = Take | Drive


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
        self.lanes: list[Lane] = []
        self.sequences: list[tuple[Block, Sequences]] = []
        self.shared: dict[bytes, list[SharedInput]] = {}
        self.subscriptions: dict[str, int] = {}
        for block in blocks:
            self._add(block, config.mqtt.qos)
        self._commands = f"{config.prefix}/{config.site}/$command/".encode() if config.commands.mqtt else b""
        if self._commands:
            self._subscribe(f"{config.prefix}/{config.site}/$command/+", 1)
        self.found: list[tuple[int, int, str]] = []  # block, row, name of the group that a topic says the row is in
        # Where a topic leads: row * lanes + lane, or _NOWHERE for one that drives shared inputs only. Plain numbers,
        # because there is one for each topic of each asset.
        self._routes: dict[bytes, int] = {}
        self._refused: dict[bytes, tuple[Reason, str]] = {}
        caps = sum(b.config.max_assets * max(1, len(b.plan.channels)) for b in blocks)
        self._most_routes = min(2 * caps + 1024, 4_000_000)

    def _subscribe(self, topic: str, qos: int) -> None:
        self.subscriptions[topic] = max(qos, self.subscriptions.get(topic, 0))

    def _add(self, block: Block, qos: int) -> None:
        c = block.config
        level = qos if c.qos is None else c.qos
        channels = block.plan.channels

        def lane(slots: Sequence[int], payload: Payload, time: Time) -> Lane:
            fields = [channels[s].config.field or channels[s].name for s in slots]
            scale = [channels[s].config for s in slots]
            if payload.sequence is not None:
                fields.append(payload.sequence)
            made = Lane(
                len(self.lanes),
                block,
                build(payload, time, fields),
                tuple(slots),
                tuple(None if (k.scale, k.offset) == (1.0, 0.0) else (k.scale, k.offset) for k in scale),
                float(c.time.max_ahead),
                c.retained == "refuse",
                self._sequences(block, payload, shared=False),
            )
            self.lanes.append(made)
            return made

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
            sequences = self._sequences(block, payload, shared=True)
            codec = build(payload, time, [shared.field or "value", *([sequences.path] if sequences else [])])
            into = SharedInput(block, codec, shared.bank, shared.entry, float(c.time.max_ahead), sequences)
            self.shared.setdefault(shared.topic.encode(), []).append(into)
            self._subscribe(shared.topic, level)

    def _sequences(self, block: Block, payload: Payload, *, shared: bool) -> Sequences | None:
        if payload.sequence is None:
            return None
        made = Sequences(len(self.sequences), payload.sequence, shared=shared)
        self.sequences.append((block, made))
        return made

    def count(self, counted: Sequence[Counted]) -> None:
        """A replay: these numbers were taken."""
        for each in counted:
            self.sequences[each.sequences][1].repeat(each.rows, each.numbers)

    def forget(self) -> None:
        """The batch decoded last failed: its readings will come again, and are not to be taken for duplicates."""
        for _, sequences in self.sequences:
            sequences.undo()

    # -- routing

    def route(self, batch: Batch, k: int, out: Outputs) -> int | tuple[Reason, str] | None:
        """The number that says where a message's topic leads; a reason and detail where that is nowhere.

        An asset that speaks for the first time gets its twin here, but only by a message that holds a reading for it:
        None, with the rejects said, where it holds none, so that neither junk nor old news makes twins.
        """
        topic = batch.topics[k]
        known = self._routes.get(topic)
        if known is not None:
            return known
        refused = self._refused.get(topic)
        if refused is not None:
            return refused
        found = self._resolve(batch, k, out)
        if found is None:
            return None
        if isinstance(found, int):
            if len(self._routes) >= self._most_routes:
                self._routes.clear()
            self._routes[topic] = found
        else:
            if len(self._refused) >= _NEGATIVE:
                self._refused.clear()
            self._refused[topic] = found
        return found

    def _resolve(self, batch: Batch, k: int, out: Outputs) -> int | tuple[Reason, str] | None:
        topic, now = batch.topics[k], batch.received[k]
        shared = topic in self.shared
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
                trial = Outputs()
                if refused is not None or not self._decode_one(_Table(lane), k, -1, batch, trial):
                    if shared:
                        break
                    out.rejects.extend(trial.rejects)
                    return refused
                row = entry.block.add(name, now)
                out.made.append((self.blocks.index(entry.block), name, now))
            if (parent := entry.block.config.parent) is not None:
                group = asset_name(parent, levels, entry.template.names)
                self.found.append((self.blocks.index(entry.block), row, group))
            # With one lane it is the row's own number, which the block holds anyway.
            return row if len(self.lanes) == 1 else row * len(self.lanes) + lane.number
        if shared:
            return _NOWHERE
        return Reason.UNROUTED, "no asset block has a topic that matches"

    def _discoverable(self, block: Block, name: str) -> tuple[Reason, str] | None:
        if not block.config.discover:
            return Reason.UNKNOWN_ASSET, f"{name!r} is not under `known`, and `discover` is off"
        if len(block) >= block.config.max_assets:
            return Reason.ASSET_LIMIT, f"max_assets is {block.config.max_assets}"
        if any(name in b.rows.row_of for b in self.blocks):
            return (
                Reason.UNKNOWN_ASSET,
                f"the name {name!r} is taken by another asset block: set `name` to tell them apart",
            )
        return None

    # -- decoding

    def decode(self, batch: Batch, out: Outputs) -> list[Step]:
        """Route and decode a whole batch. What cannot be used is among `out.rejects`; new assets in `out.made`."""
        for _, sequences in self.sequences:
            sequences.settle()
        get = self._routes.get
        found: list[int | None] = [get(t) for t in batch.topics]
        routes: list[int] = found  # type: ignore[assignment]  # as soon as no None is left
        if None in found:
            routes = [self._known(batch, k, out) if r is None else r for k, r in enumerate(found)]
        steps: list[Step] = []
        if not self.shared:
            self._segment(range(len(routes)), routes, batch, steps, out)
            return steps
        start = 0
        for k, topic in enumerate(batch.topics):
            driven = self.shared.get(topic)
            if driven is not None:
                self._segment(range(start, k), routes, batch, steps, out)
                for shared in driven:
                    self._drive(shared, k, batch, steps, out)
                start = k
        self._segment(range(start, len(routes)), routes, batch, steps, out)
        return steps

    def _known(self, batch: Batch, k: int, out: Outputs) -> int:
        if self._commands and batch.topics[k].startswith(self._commands):
            out.commands.append(k)
            return _NOWHERE
        found = self.route(batch, k, out)
        if isinstance(found, int):
            return found
        if found is not None:
            out.rejects.append(Reject(batch.topics[k], *found))
        return _NOWHERE

    def _segment(self, span: range, routes: Sequence[int], batch: Batch, steps: list[Step], out: Outputs) -> None:
        """Messages between two shared inputs, lane by lane, then put together block by block."""
        count = len(self.lanes)
        found: dict[int, tuple[list[int], list[int]]] = {}  # positions and rows by lane
        if count == 1 and len(span) == len(routes) and min(routes) >= 0:
            found[0] = list(span), list(routes)
        else:
            for k in span:
                if routes[k] != _NOWHERE:
                    row, number = divmod(routes[k], count)
                    ks, rows = found.get(number) or found.setdefault(number, ([], []))
                    ks.append(k)
                    rows.append(row)
        tables: dict[int, list[_Table]] = {}
        for number, (ks, rows) in found.items():
            lane = self.lanes[number]
            table = _Table(lane)
            self._fill(table, ks, rows, batch, out)
            if table.message:
                tables.setdefault(self.blocks.index(lane.block), []).append(table)
        steps.extend(Take(number, _join(parts), _counted(parts)) for number, parts in tables.items())

    def _fill(self, into: _Table, ks: list[int], rows: list[int], batch: Batch, out: Outputs) -> None:
        """Decode messages in bulk where they are all ordinary; else halve until the unusual one is alone."""
        if len(ks) > 1 or not batch.retained[ks[0]]:
            whole = len(ks) == len(batch.topics)
            payloads = batch.payloads if whole else [batch.payloads[k] for k in ks]
            received = batch.received if whole else [batch.received[k] for k in ks]
            if not any(batch.retained if whole else [batch.retained[k] for k in ks]):
                decoded = into.lane.codec.columns(payloads)
                if decoded is not None:
                    if decoded.counts is not None:
                        ks, rows = _repeated(ks, decoded.counts), _repeated(rows, decoded.counts)
                        received = _repeated(received, decoded.counts)
                    times = _filled(decoded.times, received)
                    if max(times) > min(received) + into.lane.max_ahead:
                        ks, rows, times, decoded = _not_ahead(into.lane, ks, rows, times, decoded, batch, out)
                    if into.lane.sequences is not None:
                        ks, rows, times, decoded = _not_again(into.lane, ks, rows, times, decoded, batch, out)
                    if ks:
                        into.extend(ks, rows, times, decoded.values)
                    return
        if len(ks) == 1:
            self._decode_one(into, ks[0], rows[0], batch, out)
            return
        half = len(ks) // 2
        self._fill(into, ks[:half], rows[:half], batch, out)
        self._fill(into, ks[half:], rows[half:], batch, out)

    @staticmethod
    def _decode_one(into: _Table, k: int, row: int, batch: Batch, out: Outputs) -> bool:
        """Any message whatever; each reason not to use it, or a sample of it, becomes a reject. Whether one was left."""
        lane, topic, received, retained = into.lane, batch.topics[k], batch.received[k], batch.retained[k]
        if retained and lane.refuse_retained:
            out.rejects.append(Reject(topic, Reason.RETAINED, "this block refuses retained messages"))
            return False
        try:
            decoded = lane.codec.decode(batch.payloads[k])
        except DecodeError as e:
            out.rejects.append(Reject(topic, e.reason, e.detail))
            return False
        out.rejects.extend(Reject(topic, e.reason, e.detail) for e in decoded.errors)
        for sample in decoded.samples:
            if sample.time is None and retained:
                out.rejects.append(Reject(topic, Reason.RETAINED, "a retained message without a time of its own"))
                continue
            time = received if sample.time is None else sample.time
            if time > received + lane.max_ahead:
                out.rejects.append(_ahead(batch, k, time))
                continue
            if lane.sequences is not None:
                *values, number = sample.values
                refused = _refused(lane.sequences, row, values, number)
                if refused is not None:
                    out.rejects.append(Reject(topic, *refused))
                    continue
            into.extend([k], [row], [time], [[v] for v in sample.values])
        return bool(into.message)

    def _drive(self, shared: SharedInput, k: int, batch: Batch, steps: list[Step], out: Outputs) -> None:
        """A shared input: a retained one is welcome, since it is the input's present value."""
        topic, received = batch.topics[k], batch.received[k]
        try:
            decoded = shared.codec.decode(batch.payloads[k])
        except DecodeError as e:
            out.rejects.append(Reject(topic, e.reason, e.detail))
            return
        out.rejects.extend(Reject(topic, e.reason, e.detail) for e in decoded.errors)
        for sample in decoded.samples:
            time, value = received if sample.time is None else sample.time, sample.values[0]
            if time > received + shared.max_ahead:
                out.rejects.append(_ahead(batch, k, time))
                continue
            counted: list[Counted] = []
            if shared.sequences is not None:
                refused = _refused(shared.sequences, 0, [value], sample.values[1])
                if refused is not None:
                    out.rejects.append(Reject(topic, *refused))
                    continue
                taken = shared.sequences.taken()
                counted += [taken] if taken else []
            if value is not None:
                block = self.blocks.index(shared.block)
                steps.append(Drive(block, shared.bank, shared.entry, time, value, k, counted))


class _Table:
    """Samples of one lane while a batch is decoded."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.message: list[int] = []
        self.rows: list[int] = []
        self.times: list[float] = []
        self.columns: list[list[float | None]] = [[] for _ in lane.slots]

    def extend(
        self,
        messages: Sequence[int],
        rows: Sequence[int],
        times: Sequence[float],
        values: Sequence[Sequence[float | None]],
    ) -> None:
        for k, scale in enumerate(self.lane.scale):
            new = values[k]
            if scale is not None:
                new = [None if v is None else v * scale[0] + scale[1] for v in new]
            if self.message:
                self.columns[k].extend(new)
            else:
                self.columns[k] = list(new)
        if self.message:
            self.message.extend(messages)
            self.rows.extend(rows)
            self.times.extend(times)
        else:
            self.message, self.rows, self.times = list(messages), list(rows), list(times)


def _repeated(each: Sequence[T], counts: Sequence[int]) -> list[T]:
    """What belongs to a message, once for each of its samples."""
    return list(chain.from_iterable(map(repeat, each, counts)))


def _filled(times: Sequence[float | None], received: Sequence[float]) -> Sequence[float]:
    """Event times; that of arrival where a message carries none."""
    if None not in times:
        return times  # type: ignore[return-value] # just seen to hold no None
    return [r if t is None else t for t, r in zip(times, received, strict=True)]


def _not_ahead(
    lane: Lane, ks: list[int], rows: list[int], times: Sequence[float], decoded: Columns, batch: Batch, out: Outputs
) -> tuple[list[int], list[int], Sequence[float], Columns]:
    """Without the samples that are too far ahead of their arrival, which become rejects."""
    received, most = batch.received, lane.max_ahead
    ahead = [i for i, (k, time) in enumerate(zip(ks, times, strict=True)) if time > received[k] + most]
    if not ahead:
        return ks, rows, times, decoded
    out.rejects.extend(_ahead(batch, ks[i], times[i]) for i in ahead)
    refused = set(ahead)
    keep = [i for i in range(len(ks)) if i not in refused]
    values = [[column[i] for i in keep] for column in decoded.values]
    kept = [times[i] for i in keep]
    return [ks[i] for i in keep], [rows[i] for i in keep], kept, Columns(kept, values)


def _refused(
    sequences: Sequences, row: int, values: Sequence[float | None], number: float | None
) -> tuple[Reason, str] | None:
    """Why a sample with this sequence number is not used; row -1: nobody has a row for it yet, so nothing is counted."""
    if all(value is None for value in values):
        return Reason.MISSING, "expected a value beside the sequence number"
    if number is None:
        return None
    if number % 1 or abs(number) > LARGEST:
        return Reason.WRONG_TYPE, f"{sequences.path}: expected a whole number, got {number!r}"
    if row < 0:
        return None
    if not sequences.take(row, int(number)):
        return Reason.DUPLICATE, f"{sequences.path} {int(number)}"
    return None


def _not_again(
    lane: Lane, ks: list[int], rows: list[int], times: Sequence[float], decoded: Columns, batch: Batch, out: Outputs
) -> tuple[list[int], list[int], Sequence[float], Columns]:
    """Without the samples whose number was there before, which become rejects."""
    assert lane.sequences is not None  # noqa: S101  for the type checker: the caller has looked
    *values, numbers = decoded.values
    keep = []
    for i, (k, row, number) in enumerate(zip(ks, rows, numbers, strict=True)):
        refused = _refused(lane.sequences, row, [column[i] for column in values], number)
        if refused is None:
            keep.append(i)
        else:
            out.rejects.append(Reject(batch.topics[k], *refused))
    if len(keep) == len(ks):
        return ks, rows, times, decoded
    kept = [times[i] for i in keep]
    columns = [[column[i] for i in keep] for column in values]
    return [ks[i] for i in keep], [rows[i] for i in keep], kept, Columns(kept, columns)


def _counted(parts: list[_Table]) -> Sequence[Counted]:
    """The sequence numbers that belong to these samples."""
    found = [part.lane.sequences.taken() for part in parts if part.lane.sequences is not None]
    return [each for each in found if each is not None] if found else ()


def _ahead(batch: Batch, k: int, time: float) -> Reject:
    return Reject(batch.topics[k], Reason.AHEAD, f"{time - batch.received[k]:.6g} s ahead of its arrival")


def _join(parts: list[_Table]) -> Samples:
    """The samples of one block in the order of its messages, whichever lanes they came by."""
    if len(parts) == 1:
        (only,) = parts
        return Samples(only.message, only.rows, only.times, only.columns, only.lane.slots)
    slots = tuple(sorted({s for part in parts for s in part.lane.slots}))
    order = sorted((k, p, i) for p, part in enumerate(parts) for i, k in enumerate(part.message))
    where = [dict(zip(part.lane.slots, part.columns, strict=True)) for part in parts]
    columns = [[where[p][s][i] if s in where[p] else None for _, p, i in order] for s in slots]
    return Samples(
        [k for k, _, _ in order],
        [parts[p].rows[i] for _, p, i in order],
        [parts[p].times[i] for _, p, i in order],
        columns,
        slots,
    )
