"""From numbers to the bytes that are published: states, forecasts, alarms, status.

The state message of a block has a fixed shape, so a function that gathers its numbers from the columns is emitted
once for floats and once for arrays, and the message is a typed struct that msgspec writes. A number that is not
known (no reading yet) is written as null. The schemas of all messages are generated from the types here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from agent.bank import Bank
from agent.expr import Expr, compile_function, const, emit, sqrt, sym, where
from agent.template import Template, learn, unquoted
from agent.types import STATUS_NAMES, AlarmState, Quality

ENCODER = msgspec.json.Encoder()
# By the codes in `agent.rows`.
QUALITIES = (Quality.GOOD.value, Quality.UNCERTAIN.value, Quality.BAD.value, *3 * (Quality.UNCERTAIN.value,))
REASONS = (UNSET, "improbable", "no reading yet", "stuck", "inconsistent", "relearned")

_TEMPLATE_PAYS = 8  # messages
_AT_ONCE = 128  # messages, so that what is in between stays in the cache and costs no fresh pages
_MOST_TEMPLATES = 64  # combinations of status and qualities whose text is remembered

Number = float | None
EpochSeconds = Annotated[float | None, Meta(description="UTC seconds since 1970.")]


class StateValue(Struct):
    """One state variable of the model."""

    mean: Annotated[Number, Meta(description="Estimate, in the state's unit.")]
    std: Annotated[Number, Meta(description="Standard deviation of the estimate.")]


class ChannelValue(Struct):
    """A channel: what was reported, and, where it is measured, what was expected before it was."""

    reported: Annotated[Number, Meta(description="Newest reading.")]
    # One struct for both, because the schema of a union of two could not tell them apart.
    expected: Annotated[
        Number | UnsetType, Meta(description="What the twin expected it to be; not of a channel that only drives it.")
    ] = UNSET
    std: Annotated[Number | UnsetType, Meta(description="Standard deviation of that expectation.")] = UNSET
    surprise: Annotated[
        Number | UnsetType, Meta(description="-log10 of the probability of a reading at least this far off.")
    ] = UNSET
    quality: Annotated[
        Literal["good", "uncertain", "bad"] | UnsetType,
        Meta(
            description="What is thought of that reading; `uncertain`: with a reason to doubt it; `bad`: there is none."
        ),
    ] = UNSET
    reason: Annotated[
        Literal["improbable", "no reading yet", "stuck", "inconsistent", "relearned"] | UnsetType,
        Meta(
            description="Where the quality is not good. `improbable`: used with less weight; `relearned`: it was for the fifth time in a row, and the twin took the new level for its own; `stuck`: readings no longer move; `inconsistent`: off what the asset's other channels say."
        ),
    ] = UNSET


class StateMessage(Struct):
    """Published under `<prefix>/<site>/<asset>/state`: what the twin is, and how sure."""

    time: Annotated[
        EpochSeconds,
        Meta(description="Event time: that of the newest reading, or of the prediction while no reading comes."),
    ]
    processed: Annotated[EpochSeconds, Meta(description="When the agent received what led to this message.")]
    age: Annotated[Number, Meta(description="Seconds since the newest reading arrived.")]
    asset: str
    status: Literal["learning", "live", "coasting", "stale"]
    seq: Annotated[int, Meta(description="Counts the state messages of this asset.")]
    model: Annotated[str, Meta(description="Models and their versions, joined by +.")]
    states: dict[str, StateValue]
    channels: dict[str, ChannelValue]


class HorizonValue(Struct):
    """The forecast of one channel's reading at one horizon."""

    horizon: Annotated[float, Meta(description="Seconds ahead of `time`.")]
    mean: Number
    std: Annotated[Number, Meta(description="Standard deviation of the reading to come, its noise included.")]
    low: Annotated[Number, Meta(description="Lower end of the 90 % band.")]
    high: Annotated[Number, Meta(description="Upper end of the 90 % band.")]


class ForecastMessage(Struct):
    """Published under `<prefix>/<site>/<asset>/forecast`."""

    time: Annotated[EpochSeconds, Meta(description="Event time that the horizons count from.")]
    processed: EpochSeconds
    asset: str
    seq: Annotated[int, Meta(description="That of the last state message.")]
    model: str
    channels: dict[str, list[HorizonValue]]


class AlarmMessage(Struct):
    """Published under `<prefix>/<site>/<asset>/alarm/<name>`, retained, QoS 1."""

    id: Annotated[str, Meta(description="The same for every delivery of this change: drop repeats by it.")]
    alarm: str
    asset: str
    state: Annotated[
        Literal["active", "acknowledged", "cleared", "latched", "shelved", "disabled"],
        Meta(
            description="`latched`: the condition is gone, the alarm stays until it is reset; `shelved`: nothing is said until `until`; `disabled`: out of service."
        ),
    ]
    acknowledged: Annotated[
        bool, Meta(description="False while nobody has acknowledged it, also when it has cleared by itself.")
    ]
    acknowledged_at: Annotated[EpochSeconds, Meta(description="When it was first acknowledged, while it lasts.")]
    until: Annotated[EpochSeconds, Meta(description="When shelving ends.")]
    cause: Annotated[
        Literal["reading", "time", "command", "configuration", "again"],
        Meta(
            description="What made it change; `again`: nothing did, it is said once more to a broker that had forgotten."
        ),
    ]
    by: Annotated[str, Meta(description="Who, where it was a command that said so.")]
    comment: Annotated[str, Meta(description="And why.")]
    severity: Literal["info", "warning", "critical"]
    channel: str | None
    rule: Annotated[str, Meta(description="What is watched, in words.")]
    value: Annotated[Number, Meta(description="What the rule looked at; of an absence, the seconds of silence.")]
    limit: Annotated[Number, Meta(description="What it was compared with.")]
    value_unit: Annotated[str, Meta(description="Unit of `value` and `limit`; empty where they are scores.")]
    unit: Annotated[str, Meta(description="Unit of `reported`, `expected` and `std`: the channel's.")]
    reported: Annotated[Number, Meta(description="Newest reading of the channel.")]
    expected: Annotated[Number, Meta(description="What the twin expected it to be.")]
    std: Annotated[Number, Meta(description="Standard deviation of that expectation.")]
    surprise: Number
    since: Annotated[EpochSeconds, Meta(description="Event time at which it was raised.")]
    time: Annotated[EpochSeconds, Meta(description="Event time of this change.")]
    processed: EpochSeconds
    seq: Annotated[int, Meta(description="Counts the changes of this alarm.")]
    model: str
    message: Annotated[str, Meta(description="Words from the configuration.")]
    text: Annotated[str, Meta(description="The alarm in one sentence.")]
    withheld: Annotated[
        int | UnsetType,
        Meta(
            description="Changes before this one that were not published while it waited: there were too many, or its group might stand for it. A gap in `seq` shows all that were not."
        ),
    ] = UNSET
    assets: Annotated[
        list[str] | UnsetType, Meta(description="Of the alarm of a group: the first few of the assets that are silent.")
    ] = UNSET
    suspect: Annotated[
        Literal["sensor", "process", "unknown"] | UnsetType,
        Meta(
            description="Where the asset's channels are held against each other: whether the others speak for a fault of this channel's sensor or for a change of the process."
        ),
    ] = UNSET


class StatusMessage(Struct):
    """Published under `<prefix>/<site>/$status`, retained; the broker publishes `offline` when the agent is lost."""

    status: Literal["online", "offline"]
    time: EpochSeconds
    version: str
    reason: str
    twins: int


class FloodMessage(Struct):
    """Published under `<prefix>/<site>/$flood`, retained: whether changes of alarms are withheld, all limits together."""

    status: Literal["flood", "calm"]
    time: EpochSeconds
    since: Annotated[EpochSeconds, Meta(description="When the flood began.")]
    withheld: Annotated[int, Meta(description="Changes that were not published when they happened, since then.")]
    waiting: Annotated[int, Meta(description="Alarms that are not told as they are, and will be.")]
    limit: Annotated[str, Meta(description="How many changes are published at most.")]


class Told(Struct):
    """How an alarm stands now."""

    alarm: str
    state: AlarmState
    seq: Annotated[int, Meta(description="Counts the changes of this alarm.")]


class Trouble(Struct):
    """Why a command was refused: nothing has changed."""

    where: Annotated[str, Meta(description="The part of the command that is wrong.")]
    expected: str
    got: str
    hint: str


class Answer(Struct):
    """Published where a command asks for it, and the body of the answer to one that came over HTTP."""

    ok: Annotated[bool, Meta(description="False where it was refused.")]
    result: Annotated[
        Literal["done", "unchanged", "repeated", "refused"],
        Meta(description="`unchanged`: it was so already; `repeated`: this very command was done before."),
    ]
    verb: str
    id: Annotated[str, Meta(description="That of the command.")]
    asset: str
    changed: Annotated[list[Told], Meta(description="Alarms that are otherwise now.")]
    unchanged: Annotated[list[Told], Meta(description="Alarms that it was about, and that were so already.")]
    error: Annotated[Trouble | None, Meta(description="Why it was refused.")] = None


MESSAGES: dict[str, type[Struct]] = {
    "state": StateMessage,
    "forecast": ForecastMessage,
    "alarm": AlarmMessage,
    "status": StatusMessage,
    "flood": FloodMessage,
    "reply": Answer,
}


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of each message, by name."""
    return {name: msgspec.json.schema(kind) for name, kind in MESSAGES.items()}


def _record(title: str, names: Sequence[str]) -> type[Struct]:
    """A struct with one field per name, whatever characters the names hold."""
    fields = [f"f{k}" for k in range(len(names))]
    return msgspec.defstruct(title, [(f, Any) for f in fields], rename=dict(zip(fields, names, strict=True)))


class StateEncoder:
    """State messages of one block. `values` per row: see `gather`; `write` turns one row of them into bytes."""

    def __init__(
        self,
        banks: Sequence[Bank],
        channels: Sequence[tuple[str, tuple[int, int] | None, tuple[int, int] | None]],
        model: str,
    ) -> None:
        """channels: (name, (bank, channel) where it is measured, (bank, input) where it only drives), by slot."""
        self.banks = banks
        self._floats: dict[str, Any] = {}
        self._arrays: dict[str, Any] = {}
        returns: list[Expr] = []
        loads: dict[str, str] = {}

        def load(name: str) -> Expr:
            loads[name] = f"{name}_[i]"
            return sym(name)

        def std(variance: Expr) -> Expr:
            return sqrt(where(variance < 0.0, 0.0, variance))  # not `maximum`, which takes an unknown for zero

        state_names, parts = [], []
        for b, bank in enumerate(banks):
            for j, state in enumerate(bank.component.states):
                state_names.append(state.name)
                parts.append(f"S(v[{len(returns)}], v[{len(returns) + 1}])")
                # Before the first reading nothing is known, and before the second no rate: neither is exactly zero.
                known = load(f"b{b}_b") >= (2.0 if state.order else 1.0)
                spread = where(known, std(load(f"b{b}_p{j}_{j}")), math.nan)
                returns += [where(known, load(f"b{b}_x{j}"), math.nan), spread]
        channel_parts = []
        for slot, (_, measured, driven) in enumerate(channels):
            at = len(returns)
            if measured is not None:
                b, c = measured
                channel_parts.append(
                    f"C(v[{at}], v[{at + 1}], v[{at + 2}], v[{at + 3}], Q[v[{at + 4}]], R[v[{at + 4}]])"
                )
                returns += [load(f"b{b}_z{c}"), load(f"b{b}_y{c}"), std(load(f"b{b}_s{c}"))]
                returns += [load(f"surprise{slot}"), load(f"quality{slot}")]
            else:
                channel_parts.append(f"I(v[{at}])")
                returns.append(load(f"b{driven[0]}_u{driven[1]}") if driven is not None else const(float("nan")))
        self.width = len(returns)
        self._codes = [at for at, part in enumerate(returns) if part.name.startswith("quality")]
        self._templates: dict[tuple[int, ...], Template | None] = {}
        self.names = tuple(loads)  # of the columns that are read: of the block, or b<bank>_<column>
        self.state_count = len(state_names)
        sources = [emit("gather", ("i",), loads, [], returns, arrays=arrays) for arrays in (False, True)]
        self._gather = compile_function("gather", sources[0], self._floats, arrays=False)
        self._gather_arrays = compile_function("gather", sources[1], self._arrays, arrays=True)
        scope: dict[str, Any] = {
            "M": msgspec.defstruct("State", [(f, Any) for f in StateMessage.__struct_fields__]),
            "X": _record("States", state_names),
            "Y": _record("Channels", [name for name, _, _ in channels]),
            "S": StateValue,
            "C": ChannelValue,
            "I": ChannelValue,
            "Q": QUALITIES,
            "R": REASONS,
            "model": model,
            "encode": ENCODER.encode,
        }
        source = (
            "def write(time, processed, age, asset, status, seq, v):\n    return encode("
            f"M(time, processed, age, asset, status, seq, model, X({', '.join(parts)}), Y({', '.join(channel_parts)})))\n"
        )
        self.write: Callable[..., bytes] = compile_function("write", source, scope, arrays=False)

    def bind(self, columns: dict[str, Any], views: dict[str, Any]) -> None:
        """Point at the present storage of banks and block, after it grew."""
        floats = {f"{name}_": view for name, view in views.items()}
        arrays = {f"{name}_": column for name, column in columns.items()}
        for b, bank in enumerate(self.banks):
            floats |= {f"b{b}_{name}_": view for name, view in bank.views.items()}
            arrays |= {f"b{b}_{name}_": column for name, column in bank.columns.items()}
        self._gather.__globals__.update(floats)
        self._gather_arrays.__globals__.update(arrays)

    def gather(self, row: int) -> tuple[Any, ...]:
        """The numbers of one row's message."""
        values: tuple[Any, ...] = self._gather(row)
        return values

    def write_many(
        self,
        rows: Any,
        quoted: Sequence[bytes],
        statuses: Any,
        times: Any,
        processed: Any,
        seq: Any,
        *,
        shown: dict[str, Any] | None = None,
    ) -> list[bytes]:
        """What `write` makes of each row, with an age of zero. quoted: the names as they stand in JSON.

        shown: what to read instead of the rows' present columns, by `names`.
        """
        if shown is None:
            gathered = self._gather_arrays(rows)
        else:
            scope = self._gather_arrays.__globals__ | {f"{name}_": column for name, column in shown.items()}
            gathered = FunctionType(self._gather_arrays.__code__, scope)(slice(None))
        columns = [np.broadcast_to(np.asarray(c), len(quoted)) for c in gathered]
        codes = [statuses, *(columns[at] for at in self._codes)]
        key = tuple(int(code[0]) for code in codes)
        if all((code == first).all() for code, first in zip(codes, key, strict=True)):
            return self._write_alike(key, columns, quoted, times, processed, seq)
        alike: dict[tuple[int, ...], list[int]] = {}
        for k, own in enumerate(zip(*(code.tolist() for code in codes), strict=True)):
            alike.setdefault(own, []).append(k)
        messages = [b""] * len(quoted)
        for key, places in alike.items():
            own_texts = [quoted[k] for k in places]
            own_columns = [column[places] for column in columns]
            numbers = times[places], processed[places], seq[places]
            written = self._write_alike(key, own_columns, own_texts, *numbers)
            for k, message in zip(places, written, strict=True):
                messages[k] = message
        return messages

    def _write_alike(
        self,
        key: tuple[int, ...],
        columns: Sequence[Any],
        quoted: Sequence[bytes],
        times: Any,
        processed: Any,
        seq: Any,
    ) -> list[bytes]:
        """Messages with the same status and qualities, `key`."""
        template = self._template(key) if len(quoted) >= _TEMPLATE_PAYS else None
        if template is None:
            status, values = STATUS_NAMES[key[0]], zip(*(column.tolist() for column in columns), strict=True)
            names = map(unquoted, quoted)
            listed = (times.tolist(), processed.tolist(), names, seq.tolist(), values)
            return [self.write(t, p, 0.0, name, status, n, v) for t, p, name, n, v in zip(*listed, strict=True)]
        shown = [times, processed, seq, *(column for at, column in enumerate(columns) if at not in self._codes)]
        messages: list[bytes] = []
        for low in range(0, len(quoted), _AT_ONCE):
            part = slice(low, low + _AT_ONCE)
            numbers: list[float] = []
            for column in shown:
                numbers += column[part].tolist()
            messages += template.fill(quoted[part], numbers)
        return messages

    def _template(self, key: tuple[int, ...]) -> Template | None:
        """The text around the numbers of messages with this status and these qualities."""
        if key not in self._templates:
            if len(self._templates) >= _MOST_TEMPLATES:
                self._templates.clear()
            codes = dict(zip(self._codes, key[1:], strict=True))

            def write(name: str, numbers: list[float]) -> bytes:
                rest = iter(numbers[3:])
                values = [codes[at] if at in codes else next(rest) for at in range(self.width)]
                return self.write(numbers[0], numbers[1], 0.0, name, STATUS_NAMES[key[0]], numbers[2], values)

            self._templates[key] = learn(write, 3 + self.width - len(codes))
        return self._templates[key]
