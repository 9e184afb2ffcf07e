"""The values that travel from hop to hop: messages in, readings, rejects, alarm changes, publications out.

Only plain data lives here. Everything is columnar where there is one value per message, because a turn of the
loop handles anything from one message to thousands; a record is a row across the columns.
No I/O, no clock, no behaviour beyond construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from agent.alarms.lifecycle import Lifecycle


class Reason(StrEnum):
    """Why a message or a reading was not used. Each value is a label of `twinned_rejects_total`."""

    TOO_LARGE = "too_large"  # payload over the configured size
    EMPTY = "empty"  # nothing in the payload
    MALFORMED = "malformed"  # not the stated format at all (JSON syntax, not UTF-8)
    TOO_DEEP = "too_deep"  # nested beyond the limit
    WRONG_TYPE = "wrong_type"  # a field is there but is no number (or no time)
    NON_FINITE = "non_finite"  # NaN, infinity, or beyond ±1e100
    MISSING = "missing"  # none of the configured channels is in the message
    BAD_TIME = "bad_time"  # a timestamp that cannot be read or is out of range
    TOO_MANY = "too_many"  # more samples in one message than allowed
    UNROUTED = "unrouted"  # no asset block takes this topic
    UNKNOWN_ASSET = "unknown_asset"  # the block does not discover assets, and this one is not listed
    ASSET_LIMIT = "asset_limit"  # the cap on discovered assets is reached
    UNKNOWN_CHANNEL = "unknown_channel"  # the topic names a channel that is not configured
    LATE = "late"  # older than the late-data window holds
    DUPLICATE = "duplicate"  # this channel and time was already used
    AHEAD = "ahead"  # further in the future than `max_ahead`
    RETAINED = "retained"  # a retained message where the block refuses them


class Quality(StrEnum):
    """What is thought of the last reading of a channel."""

    GOOD = "good"
    UNCERTAIN = "uncertain"  # used, but with a reduced weight: it was improbable
    BAD = "bad"  # no usable reading yet


class Status(IntEnum):
    """Life cycle of a twin."""

    LEARNING = 0  # not enough readings yet to judge by
    LIVE = 1
    COASTING = 2  # readings are overdue: predicting through the gap
    STALE = 3  # silent for so long that the prediction says little


STATUS_NAMES = tuple(s.name.lower() for s in Status)


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Asking(NamedTuple):
    """Where the sender of a message wants an answer to go, as MQTT 5 says it."""

    topic: bytes
    correlation: bytes | None = None  # what the answer has to carry, so that it is recognised


class Batch(NamedTuple):
    """What one turn of the loop read from the wire; all columns have one entry per message."""

    topics: Sequence[bytes]
    payloads: Sequence[bytes]
    received: Sequence[float]  # UTC seconds of arrival
    retained: Sequence[int]  # 1 for a retained message replayed at subscribe (any truthy value)
    asking: Sequence[tuple[int, Asking]] = ()  # by position: where a command's answer is wanted

    @staticmethod
    def of(topic: str, payload: bytes, received: float, retained: bool = False) -> Batch:
        """A batch of one message."""
        return Batch((topic.encode(),), (payload,), (received,), (retained,))


class Sample(NamedTuple):
    """What a codec makes of one payload (or of one element of an array payload)."""

    time: float | None  # UTC seconds; None: the time of arrival counts
    values: tuple[float | None, ...]  # by the codec's field order; None: not in this sample


class Reject(NamedTuple):
    """A message, or one reading of it, that was not used."""

    topic: bytes
    reason: Reason
    detail: str = ""


class DecodeError(Exception):
    """The only exception a codec may raise: the payload is not usable, and why."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def within(self, where: str) -> DecodeError:
        """The same error, said to be in this part of the payload."""
        return DecodeError(self.reason, f"{where}: {self.detail}")


class Decoded(NamedTuple):
    """What a codec makes of one payload that it could read: never both empty."""

    samples: list[Sample]  # each has at least one value
    errors: Sequence[DecodeError] = ()  # fields and samples that were left out; the rest of the payload is still used


class Columns(NamedTuple):
    """Payloads of plain samples, as columns with one entry per sample."""

    times: Sequence[float | None]  # UTC seconds; None: the time of arrival counts
    values: Sequence[Sequence[float | None]]  # one column per field of the codec; None: not in that sample
    counts: Sequence[int] | None = None  # samples of each payload, at least one; None: one each


class Publications(NamedTuple):
    """Messages to publish that share their delivery options; `topics` and `payloads` are parallel columns."""

    topics: Sequence[bytes]
    payloads: Sequence[bytes]
    qos: int = 0
    retain: bool = False
    expiry: int | None = None  # seconds, sent where MQTT 5 is spoken
    owed: bool = False  # kept until the broker has them, across restarts where there is a store
    ids: Sequence[int] = ()  # the store's numbers of those that are owed, filled in by the shell
    correlation: bytes | None = None  # of an answer, sent where MQTT 5 is spoken


class AlarmState(StrEnum):
    """What is published of an alarm."""

    ACTIVE = "active"  # and nobody has acknowledged it
    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"
    LATCHED = "latched"  # the condition is gone, and the alarm stays until it is reset
    SHELVED = "shelved"  # nothing is said for a while
    DISABLED = "disabled"  # out of service


class Transition(StrEnum):
    """What happened to an alarm. Each value is a label of `twinned_alarm_changes_total`."""

    RAISED = "raised"
    CLEARED = "cleared"
    LATCHED = "latched"  # the condition went, the alarm stays
    ACKNOWLEDGED = "acknowledged"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    DISABLED = "disabled"
    ENABLED = "enabled"
    RESET = "reset"


class Cause(StrEnum):
    """What made an alarm change."""

    READING = "reading"
    TIME = "time"
    COMMAND = "command"
    CONFIGURATION = "configuration"
    AGAIN = "again"  # nothing changed: said once more, to a broker that had forgotten


class Withheld(StrEnum):
    """Why a change of an alarm is not said. Each value is a label of `twinned_alarm_changes_withheld_total`."""

    ASSET = "asset"  # too many changes of this asset's alarms
    OVERALL = "overall"  # too many changes of all alarms together
    GROUP = "group"  # its group stands for it, or may soon


class AlarmChange(NamedTuple):
    """One alarm of one asset changed its state; `payload` is the self-explaining JSON that is published."""

    asset: str
    name: str
    severity: Severity
    transition: Transition
    time: float
    payload: bytes
    topic: bytes
    by: str = ""  # who, where it was a command


class TraceRow(NamedTuple):
    """One reading's way through the core, in input order; only filled when tracing is on."""

    time: float | None
    asset: str
    channel: str
    value: float | None
    expected: float | None
    std: float | None
    nis: float | None
    surprise: float
    score: float
    alarm: int


class Said(NamedTuple):
    """A change of an alarm of which it is not decided yet whether it is published."""

    order: int  # position in the batch of the message that caused it
    alarm: Lifecycle
    row: int
    change: AlarmChange | None  # None: an absence that nobody wants to hear of
    received: float  # UTC seconds of arrival
    cause: Cause


@dataclass(slots=True)
class Outputs:
    """What one call of the core returns. The shell publishes, counts and journals it; nothing flows back."""

    publications: list[Publications] = field(default_factory=list)
    alarms: list[AlarmChange] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    trace: list[TraceRow] = field(default_factory=list)
    messages: int = 0  # messages in this batch
    readings: int = 0  # readings used
    late: int = 0  # of these, put in their place by re-filtering
    states: int = 0  # state messages among the publications
    forecasts: int = 0  # forecast messages among the publications
    nis_sum: dict[str, float] = field(default_factory=dict)  # per model name: sum of normalised innovation squared
    nis_count: dict[str, int] = field(default_factory=dict)
    event_time: float = 0.0  # UTC seconds of the newest reading used; 0: none
    commands: list[int] = field(default_factory=list)  # positions of messages that are commands, for the shell
    set_back: list[float] = field(
        default_factory=list
    )  # by how many seconds twins started over in time: `agent.setback`
    relearned: list[tuple[str, str]] = field(
        default_factory=list
    )  # asset, channel: the twin took a new level for its own
    made: list[tuple[int, str, float]] = field(default_factory=list)  # new twins: block, asset, when (UTC seconds)
    said: list[Said] = field(default_factory=list)  # only while the core is at work
    withheld: dict[Withheld, int] = field(default_factory=dict)  # changes of alarms that were not said, by cause

    @property
    def discovered(self) -> int:
        return len(self.made)

    def add_nis(self, model: str, total: float, count: int) -> None:
        """Count normalised innovations squared towards their model."""
        self.nis_sum[model] = self.nis_sum.get(model, 0.0) + total
        self.nis_count[model] = self.nis_count.get(model, 0) + count
