"""From numbers to the bytes that are published: states, forecasts, alarms, status.

The state message of a block has a fixed shape, so a function that gathers its numbers from the columns is emitted
once for floats and once for arrays, and the message is a typed struct that msgspec writes. A number that is not
known (no reading yet) is written as null. The schemas of all messages are generated from the types here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from agent.bank import Bank
from agent.expr import Expr, compile_function, const, emit, sqrt, sym, where
from agent.types import Quality

ENCODER = msgspec.json.Encoder()
QUALITIES = (Quality.GOOD.value, Quality.UNCERTAIN.value, Quality.BAD.value)

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
        Meta(description="`uncertain`: improbable, used with less weight; `bad`: no reading yet."),
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
    state: Literal["active", "cleared"]
    severity: Literal["info", "warning", "critical"]
    channel: str | None
    rule: Annotated[str, Meta(description="What is watched, in words.")]
    value: Annotated[Number, Meta(description="What the rule looked at; of an absence, the seconds of silence.")]
    limit: Annotated[Number, Meta(description="What it was compared with.")]
    unit: str
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


class StatusMessage(Struct):
    """Published under `<prefix>/<site>/$status`, retained; the broker publishes `offline` when the agent is lost."""

    status: Literal["online", "offline"]
    time: EpochSeconds
    version: str
    reason: str
    twins: int


MESSAGES: dict[str, type[Struct]] = {
    "state": StateMessage,
    "forecast": ForecastMessage,
    "alarm": AlarmMessage,
    "status": StatusMessage,
}


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of each message, by name."""
    return {name: msgspec.json.schema(kind) for name, kind in MESSAGES.items()}


def _record(title: str, names: Sequence[str]) -> type[Struct]:
    """A struct with one field per name, whatever characters the names hold."""
    fields = [f"f{k}" for k in range(len(names))]
    return msgspec.defstruct(title, [(f, Any) for f in fields], rename=dict(zip(fields, names, strict=True)))


class StateEncoder:
    """State messages of one block. `values` per row: see `gather_*`; `write` turns one row of them into bytes."""

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
                channel_parts.append(f"C(v[{at}], v[{at + 1}], v[{at + 2}], v[{at + 3}], Q[v[{at + 4}]])")
                returns += [load(f"b{b}_z{c}"), load(f"b{b}_y{c}"), std(load(f"b{b}_s{c}"))]
                returns += [load(f"surprise{slot}"), load(f"quality{slot}")]
            else:
                channel_parts.append(f"I(v[{at}])")
                returns.append(load(f"b{driven[0]}_u{driven[1]}") if driven is not None else const(float("nan")))
        self.width = len(returns)
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

    def gather_many(self, rows: Any) -> list[tuple[Any, ...]]:
        """The numbers of each row's message."""
        columns = [np.asarray(c).tolist() if np.ndim(c) else [float(c)] * len(rows) for c in self._gather_arrays(rows)]
        return list(zip(*columns, strict=True))
