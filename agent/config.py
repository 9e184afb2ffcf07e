"""The configuration as one typed model: it is the validator, the JSON Schema and the reference page.

It knows no file, no YAML and no environment; `agent.configfile` reads those and builds these objects.
Every field has a description, because the reference and the schema are generated from here.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from agent.types import Severity


class Duration(float):
    """Seconds; written as a number of seconds or with a unit, `250ms`, `10s`, `5min`, `2h`, `7d`."""

    UNITS: ClassVar[dict[str, float]] = {"ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    PATTERN = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|m|h|d)\s*$")
    LONGEST = 36525 * 86400.0  # a century: beyond it lies a slip of the unit, not a wish
    EXPECTED = "a duration such as 250ms, 10s, 5min, 2h or 7d, or a number of seconds"

    @classmethod
    def parse(cls, raw: object) -> Duration:
        """Build from a YAML scalar; raises ValueError that says what was expected."""
        seconds: float
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            seconds = raw
        elif isinstance(raw, str) and (m := cls.PATTERN.match(raw)):
            seconds = float(m[1]) * cls.UNITS[m[2]]
        else:
            raise ValueError(cls.EXPECTED)
        if not 0 <= seconds <= cls.LONGEST:
            raise ValueError("a duration from 0 to 100 years")
        return cls(seconds)


class Size(int):
    """Bytes; written as a number of bytes or with a unit, `64KiB`, `10MB`."""

    UNITS: ClassVar[dict[str, int]] = {
        "B": 1,
        "kB": 1000,
        "KB": 1000,
        "MB": 10**6,
        "GB": 10**9,
        "KiB": 2**10,
        "MiB": 2**20,
        "GiB": 2**30,
    }
    PATTERN = re.compile(r"^\s*([0-9]{1,15})\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)\s*$")
    LARGEST = 10**15
    EXPECTED = "a size such as 64KiB or 10MB, or a number of bytes"

    @classmethod
    def parse(cls, raw: object) -> Size:
        """Build from a YAML scalar; raises ValueError that says what was expected."""
        if isinstance(raw, int) and not isinstance(raw, bool):
            size = raw
        elif isinstance(raw, str) and (m := cls.PATTERN.match(raw)):
            size = int(m[1]) * cls.UNITS[m[2]]
        else:
            raise ValueError(cls.EXPECTED)
        if not 0 <= size <= cls.LARGEST:
            raise ValueError("a size from 0 to 1 PB")
        return cls(size)


Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Name = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="a name of letters, digits, _ . - (at most 64)")
]

Level = Annotated[
    str,
    Meta(
        pattern=r"^[^$+#/\x00-\x1f\x7f][^+#/\x00-\x1f\x7f]*$",
        max_length=64,
        description="one topic level, without + # / and without $ in front (at most 64 characters)",
    ),
]


class _Base(Struct, forbid_unknown_fields=True, frozen=True):
    """Shared behaviour of every section: unknown keys are errors, objects are immutable."""


class Tls(_Base, kw_only=True, frozen=True):
    """Encryption of the MQTT connection. The broker's certificate is always verified."""

    ca_file: Annotated[
        str | None,
        Meta(
            description="PEM file of the authority that signed the broker's certificate; default: the system's authorities."
        ),
    ] = None
    cert_file: Annotated[str | None, Meta(description="PEM file of the client's certificate, for mutual TLS.")] = None
    key_file: Annotated[str | None, Meta(description="PEM file of the client's private key, for mutual TLS.")] = None
    server_name: Annotated[
        str | None, Meta(description="Name the broker's certificate must carry when it differs from `host`.")
    ] = None


class Reconnect(_Base, kw_only=True, frozen=True):
    """How long to wait between attempts to connect: doubled each time, with jitter."""

    min: Annotated[Duration, Meta(description="First wait.")] = Duration(1)
    max: Annotated[Duration, Meta(description="Longest wait.")] = Duration(60)


class Mqtt(_Base, kw_only=True, frozen=True):
    """The broker and the session with it."""

    host: Annotated[str, Meta(description="Name or address of the broker.")] = "localhost"
    port: Annotated[Port | None, Meta(description="Default: 1883, 8883 with TLS, 80 or 443 with WebSockets.")] = None
    transport: Annotated[Literal["tcp", "websockets"], Meta(description="How MQTT is carried.")] = "tcp"
    path: Annotated[str, Meta(description="Path of the WebSocket.")] = "/mqtt"
    protocol: Annotated[
        Literal["auto", "5", "3.1.1"],
        Meta(description="`auto` asks for MQTT 5 and falls back to 3.1.1 where the broker refuses it."),
    ] = "auto"
    client_id: Annotated[str | None, Meta(description="Must be unique at the broker; default: `twinned-<site>`.")] = (
        None
    )
    username: Annotated[
        str | None,
        Meta(description="User name at the broker. A systemd credential named `mqtt-username` takes its place."),
    ] = None
    password_file: Annotated[
        str | None,
        Meta(
            description="File that holds the password (its first line). A systemd credential named `mqtt-password` takes its place."
        ),
    ] = None
    tls: Annotated[Tls | None, Meta(description="Encrypt the connection; `tls: {}` uses the system's authorities.")] = (
        None
    )
    qos: Annotated[
        Literal[0, 1], Meta(description="Quality of service of the subscriptions; an asset block may differ.")
    ] = 0
    keepalive: Annotated[
        Duration, Meta(description="Longest silence before the broker and the agent ping each other.")
    ] = Duration(30)
    session_expiry: Annotated[
        Duration,
        Meta(
            description="How long the broker keeps the session, and QoS 1 messages for it, while the agent is away. 0: a clean session each time."
        ),
    ] = Duration(3600)
    receive_maximum: Annotated[
        int, Meta(ge=1, le=65535, description="QoS 1 messages the broker may have in flight (MQTT 5).")
    ] = 1000
    connect_timeout: Annotated[
        Duration, Meta(description="Longest wait for the broker to answer a connection attempt.")
    ] = Duration(10)
    reconnect: Annotated[Reconnect, Meta(description="Waits between connection attempts.")] = field(
        default_factory=Reconnect
    )
    gather: Annotated[
        Duration,
        Meta(
            description="Longest that messages of QoS 0 are left to gather before anything is read, where at least 128 of them come in that time: more at once costs less. At most 100ms; 0: never."
        ),
    ] = Duration(0.02)
    max_payload: Annotated[Size, Meta(description="A larger payload is rejected unread.")] = Size(262144)
    max_outgoing: Annotated[
        Size,
        Meta(description="Bytes that may wait for the network; beyond it QoS 0 publications are dropped and counted."),
    ] = Size(8 * 2**20)
    watch_drops: Annotated[
        bool,
        Meta(
            description="Subscribe to the broker's own count of messages it dropped, `$SYS/broker/publish/messages/dropped` with Mosquitto, and warn when it rises. Brokers without it, or that refuse it, say nothing."
        ),
    ] = True


class Outage(_Base, kw_only=True, frozen=True):
    """What becomes of states and forecasts of QoS 0 while the broker is away. Alarm changes are always kept."""

    keep: Annotated[
        Literal["drop", "last", "all"],
        Meta(
            description="`drop`: none; `last`: the last of each topic; `all`: all of them. In memory, the oldest dropped first."
        ),
    ] = "drop"
    max_size: Annotated[Size, Meta(description="Most bytes kept.")] = Size(8 * 2**20)


class Store(_Base, kw_only=True, frozen=True):
    """What survives a restart: the twins, their alarms, and alarm changes that the broker does not have yet."""

    mode: Annotated[
        Literal["strict", "relaxed", "off"] | None,
        Meta(
            description='`strict`: what is acknowledged to the broker is on the disk, and survives a power cut; `relaxed`: it survives the death of the process, and of a power cut all but the last `commit_interval`; `"off"`: nothing is stored. Default: `relaxed` where there is a path, else off.'
        ),
    ] = None
    path: Annotated[
        str | None, Meta(description="The file; default: `twinned.db` in the state directory that systemd gives.")
    ] = None
    commit_interval: Annotated[
        Duration,
        Meta(description="In `relaxed`: longest time until what was taken is on the disk."),
    ] = Duration(1)
    gather: Annotated[
        Duration,
        Meta(
            description="Longest time that messages of QoS 1 wait to be committed, and then acknowledged, together; in `strict` what is said of them waits as long. An alarm waits for none. Less time: more is written to the disk. 0: each batch is committed on its own."
        ),
    ] = Duration(0.2)
    snapshot_interval: Annotated[
        Duration,
        Meta(
            description="Least time between two snapshots; one is taken when as much was journalled since the last as it takes to write one."
        ),
    ] = Duration(300)
    max_size: Annotated[
        Size,
        Meta(
            description="Most bytes on the disk, the write-ahead log included; at least 32 MiB. Older history goes first."
        ),
    ] = Size(256 * 2**20)
    outage: Annotated[Outage, Meta(description="What is kept while the broker is away.")] = field(
        default_factory=Outage
    )


class Http(_Base, kw_only=True, frozen=True):
    """The HTTP server: /metrics, /healthz, /readyz, /api/twins."""

    enabled: Annotated[bool, Meta(description="Serve HTTP.")] = True
    host: Annotated[
        str, Meta(description="Address to listen on. Loopback unless you decide otherwise: there is no login.")
    ] = "127.0.0.1"
    port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)], Meta(description="Port to listen on; 0 picks a free one.")
    ] = 9464
    per_asset_metrics: Annotated[
        bool, Meta(description="Also export state, surprise and status of each asset, up to `per_asset_limit`.")
    ] = False
    per_asset_limit: Annotated[
        int,
        Meta(
            ge=0,
            description="Most assets with metrics of their own; the others are counted in `twinned_metrics_assets_omitted`.",
        ),
    ] = 100


class Commands(_Base, kw_only=True, frozen=True):
    """What operators may do about alarms: acknowledge, shelve, disable, reset; over MQTT and over HTTP."""

    mqtt: Annotated[bool, Meta(description="Take commands over MQTT, under `<prefix>/<site>/$command/`.")] = True
    http: Annotated[
        bool, Meta(description="Take commands over HTTP, `POST /api/alarms/...`, where it listens on loopback only.")
    ] = True
    http_anywhere: Annotated[
        bool,
        Meta(
            description="Also where `http.host` is no loopback address. There is no login: whoever reaches the port may command, and so may a web page that is open in a browser which does, where its name is made to lead here."
        ),
    ] = False
    max_shelve: Annotated[Duration, Meta(description="Longest time for which an alarm may be shelved.")] = Duration(
        7 * 86400
    )
    reply_to: Annotated[
        list[str],
        Meta(
            max_length=32,
            description="Topic filters that answers may go to, apart from `<prefix>/<site>/$reply/#`, where they always may.",
        ),
    ] = field(default_factory=list)
    max_payload: Annotated[Size, Meta(description="A larger command is refused.")] = Size(4096)


class Log(_Base, kw_only=True, frozen=True):
    """What is written to standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least level that is written.")] = (
        "info"
    )
    format: Annotated[
        Literal["auto", "text", "json"], Meta(description="`auto`: text on a terminal, JSON lines under systemd.")
    ] = "auto"
    repeat_interval: Annotated[
        Duration, Meta(description="The same event is written once in this time, with a count of what was held back.")
    ] = Duration(60)


class Time(_Base, kw_only=True, frozen=True):
    """Where a reading's time comes from, and which times are believed."""

    field: Annotated[
        str | None,
        Meta(
            description="Path of the time in the payload; default: the first of `time`, `ts`, `timestamp` that is there. `arrival`: ignore the payload."
        ),
    ] = None
    format: Annotated[
        Literal["auto", "s", "ms", "us", "ns", "rfc3339"],
        Meta(description="`auto` tells epoch seconds, ms, µs and ns apart by size, and reads RFC 3339 strings."),
    ] = "auto"
    max_ahead: Annotated[
        Duration, Meta(description="A reading further than this ahead of its arrival is rejected.")
    ] = Duration(60)
    late: Annotated[
        Duration,
        Meta(description="A reading up to this much older than the newest one of its twin is put in its place."),
    ] = Duration(30)
    window: Annotated[
        Literal[8, 16, 32, 64, 128, 256],
        Meta(
            description="Readings of each channel kept for that, 16 bytes each. At least half of them may be newer than one that is put in its place."
        ),
    ] = 16


class Payload(_Base, kw_only=True, frozen=True):
    """How a payload is read."""

    format: Annotated[str, Meta(description="`json`, `number`, `csv`, or a codec plug-in as `module:attribute`.")] = (
        "json"
    )
    samples: Annotated[
        str | None,
        Meta(description="Path of an array of samples in a JSON payload; a top-level array is recognised without it."),
    ] = None
    sequence: Annotated[
        str | None,
        Meta(
            description="Path, or column, of a number that the device counts up with each sample. A sample with a number that was there already is dropped as a duplicate; without this, the same channel and time make a duplicate. Not with `number`."
        ),
    ] = None
    columns: Annotated[
        list[str], Meta(description="Field names of a CSV line, in order; a name that is no channel is skipped.")
    ] = field(default_factory=list)
    delimiter: Annotated[str, Meta(min_length=1, max_length=1, description="Separator of a CSV line.")] = ","
    max_samples: Annotated[int, Meta(ge=1, le=100_000, description="Most samples in one message.")] = 1000
    max_depth: Annotated[int, Meta(ge=1, le=100, description="Deepest nesting of a JSON payload.")] = 16


class Limits(_Base, kw_only=True, frozen=True):
    """Alarm limits of one channel, on its filtered estimate; each one given is an alarm of that name."""

    lowlow: Annotated[float | None, Meta(description="Critical below this.")] = None
    low: Annotated[float | None, Meta(description="Warning below this.")] = None
    high: Annotated[float | None, Meta(description="Warning above this.")] = None
    highhigh: Annotated[float | None, Meta(description="Critical above this.")] = None
    deadband: Annotated[
        NonNegative, Meta(description="How far back inside the limit the estimate must be for the alarm to clear.")
    ] = 0.0
    on_delay: Annotated[Duration, Meta(description="The condition must hold this long before the alarm is raised.")] = (
        Duration(0)
    )
    off_delay: Annotated[
        Duration, Meta(description="The condition must be gone this long before the alarm clears.")
    ] = Duration(0)
    latched: Annotated[
        bool, Meta(description="When the condition is gone the alarms stay until somebody resets them.")
    ] = False


class Channel(_Base, kw_only=True, frozen=True):
    """One measured quantity of an asset."""

    unit: Annotated[str, Meta(max_length=32, description="Unit, shown in publications and in the API.")] = ""
    field: Annotated[
        str | None,
        Meta(description="Path in the payload, `a.b`, `a[0].b` or JSON pointer `/a/b`; default: the channel's name."),
    ] = None
    topic: Annotated[str | None, Meta(description="Topic template of this channel when it has one of its own.")] = None
    noise: Annotated[
        Positive | None, Meta(description="Standard deviation of the sensor in the channel's unit. Left out: learned.")
    ] = None
    model: Annotated[
        str | dict[str, object] | None, Meta(description="Model of this channel when it differs from the block's.")
    ] = None
    limits: Annotated[Limits | None, Meta(description="Alarm limits.")] = None
    scale: Annotated[float, Meta(ge=-1e12, le=1e12, description="Raw values are multiplied by this ...")] = 1.0
    offset: Annotated[float, Meta(ge=-1e12, le=1e12, description="... and then this is added.")] = 0.0


class _Alarm(_Base, kw_only=True, frozen=True):
    channel: Annotated[
        str | None, Meta(description="Channel it watches; default: each channel of the block has its own.")
    ] = None
    severity: Annotated[Severity, Meta(description="How bad it is.")] = Severity.WARNING
    on_delay: Annotated[Duration, Meta(description="The condition must hold this long before the alarm is raised.")] = (
        Duration(0)
    )
    off_delay: Annotated[
        Duration, Meta(description="The condition must be gone this long before the alarm clears.")
    ] = Duration(0)
    message: Annotated[str, Meta(max_length=200, description="Words of your own that go into the alarm.")] = ""
    latched: Annotated[
        bool, Meta(description="When the condition is gone the alarm stays until somebody resets it.")
    ] = False


class LimitAlarm(_Alarm, kw_only=True, frozen=True, tag="limit", tag_field="type"):
    """Raised when a value is beyond a limit, or is forecast to be."""

    low: Annotated[float | None, Meta(description="Raised below this.")] = None
    high: Annotated[float | None, Meta(description="Raised above this.")] = None
    # In YAML it is `watch`, because YAML 1.1 reads the key `on` as the boolean true.
    on: Annotated[
        Literal["estimate", "reading", "forecast"],
        Meta(description="What is compared: the filtered estimate, the raw reading, or the forecast."),
    ] = field(default="estimate", name="watch")
    within: Annotated[Duration, Meta(description="With `watch: forecast`: how far ahead.")] = Duration(600)
    confidence: Annotated[
        Annotated[float, Meta(ge=0.5, lt=1)],
        Meta(description="With `watch: forecast`: probability of crossing at which it is raised."),
    ] = 0.5
    deadband: Annotated[NonNegative, Meta(description="How far back inside the limit the value must be to clear.")] = (
        0.0
    )


class RateAlarm(_Alarm, kw_only=True, frozen=True, tag="rate", tag_field="type"):
    """Raised when a value changes too quickly. Uses the model's rate where it has one, else differences of the estimate."""

    above: Annotated[float | None, Meta(description="Raised when it rises faster than this, per `per`.")] = None
    below: Annotated[
        float | None, Meta(description="Raised when it falls faster than this (a negative number), per `per`.")
    ] = None
    per: Annotated[Duration, Meta(description="Unit of time of the rates.")] = Duration(1)
    deadband: Annotated[NonNegative, Meta(description="How far back the rate must be to clear.")] = 0.0


class FlatAlarm(_Alarm, kw_only=True, frozen=True, tag="flat", tag_field="type"):
    """Raised when readings keep arriving but do not move: a stuck sensor."""

    duration: Annotated[Duration, Meta(description="How long the reading must not have moved.")] = Duration(600)
    tolerance: Annotated[NonNegative, Meta(description="Moves up to this do not count.")] = 0.0
    readings: Annotated[int, Meta(ge=2, description="And at least this many readings.")] = 10


class AbsenceAlarm(_Alarm, kw_only=True, frozen=True, tag="absence", tag_field="type"):
    """Raised when no reading of the asset, or of the channel named, arrives."""

    after: Annotated[
        Duration | None, Meta(description="Silence after which it is raised; default: when the twin turns stale.")
    ] = None


class SurpriseAlarm(_Alarm, kw_only=True, frozen=True, tag="surprise", tag_field="type"):
    """Raised when readings are improbable given everything the twin has learned."""

    threshold: Annotated[Positive, Meta(description="Surprise at which it is raised: 4 means one in ten thousand.")] = (
        5.0
    )
    readings: Annotated[
        int,
        Meta(
            ge=1,
            le=32,
            description="Over how many readings the surprise is averaged, about half of which have to be improbable; 1 reacts to a single one.",
        ),
    ] = 1


class AnomalyAlarm(_Alarm, kw_only=True, frozen=True, tag="anomaly", tag_field="type"):
    """Raised when readings are out of the ordinary: sudden, unusual for the hour, shifted, noisier, flat, or at odds."""

    false_alarms: Annotated[
        Positive,
        Meta(description="How many false alarms of an asset are bearable in `per`; its channels share them."),
    ] = 1.0
    per: Annotated[Duration, Meta(description="The time in which so many false alarms are bearable.")] = Duration(
        30 * 86400
    )
    detectors: Annotated[
        list[Literal["hour", "sudden", "shift", "noise", "flat", "drift", "joint"]],
        Meta(
            min_length=1,
            max_length=7,
            description="What it looks for: unusual for the hour of the day, sudden, shifted, noisier or quieter, flat; and channels of an asset that do not go together as usual. `drift` has to be asked for: beyond every level held before, and silent between them.",
        ),
    ] = field(default_factory=lambda: ["hour", "sudden", "shift", "noise", "flat", "joint"])
    season: Annotated[
        Literal["auto", "none", "day", "week"],
        Meta(
            description="What of the time decides what is usual: `day`: the hour (UTC); `week`: the day of the week as well; `none`: nothing; `auto`: the hour, and the day of the week where it is found to explain something."
        ),
    ] = "auto"
    joint_channels: Annotated[
        int,
        Meta(
            ge=2,
            le=12,
            description="With `joint`: most channels that are held against each other, the first of the block. Memory and time grow with their square.",
        ),
    ] = 8


Alarm = LimitAlarm | RateAlarm | FlatAlarm | AbsenceAlarm | SurpriseAlarm | AnomalyAlarm


class StatePublish(_Base, kw_only=True, frozen=True):
    """When state messages are published."""

    policy: Annotated[
        Literal["update", "change", "interval", "never"],
        Meta(
            description="`update`: for each message; `change`: when an estimate moved by more than `beyond` standard deviations since the last; `interval`: at most once in `interval`."
        ),
    ] = "update"
    beyond: Annotated[Positive, Meta(description="With `change`: in standard deviations of the estimate.")] = 1.0
    interval: Annotated[
        Duration,
        Meta(description="With `interval`: the time between; with `change`: also published when this has passed."),
    ] = Duration(60)
    retain: Annotated[bool, Meta(description="Keep the last one at the broker.")] = False
    qos: Annotated[Literal[0, 1], Meta(description="Quality of service.")] = 0
    expiry: Annotated[Duration | None, Meta(description="Message expiry (MQTT 5); default: none.")] = None


class ForecastPublish(_Base, kw_only=True, frozen=True):
    """When and how far ahead forecasts are published."""

    horizons: Annotated[
        list[Duration], Meta(max_length=16, description="How far ahead; an empty list turns forecasts off.")
    ] = field(default_factory=lambda: [Duration(60), Duration(600)])
    interval: Annotated[Duration, Meta(description="Least time between two forecasts of one twin.")] = Duration(10)
    retain: Annotated[bool, Meta(description="Keep the last one at the broker.")] = False
    qos: Annotated[Literal[0, 1], Meta(description="Quality of service.")] = 0


class Silence(_Base, kw_only=True, frozen=True):
    """When a twin that hears nothing is no longer live. Left out: 5 and 20 times its usual interval, at least 5 s and 30 s."""

    coasting: Annotated[Duration | None, Meta(description="Silence after which the twin coasts on its prediction.")] = (
        None
    )
    stale: Annotated[Duration | None, Meta(description="Silence after which the twin is stale.")] = None


class AssetBlock(_Base, kw_only=True, frozen=True):
    """A family of assets: where they speak, how they are modelled, what is published."""

    topic: Annotated[
        str | None,
        Meta(
            description="Topic template; `{name}` captures a level, `+` and `#` as in MQTT. `{channel}` means one channel per topic."
        ),
    ] = None
    name: Annotated[
        str | None,
        Meta(
            description="Name of the asset from captured levels, such as `{line}-{asset}`; default: all captured levels but `{channel}`, joined by dots."
        ),
    ] = None
    model: Annotated[
        str | dict[str, object],
        Meta(
            description="`level`, `level_rate`, `first_order`, `tank`, `linear`, or a plug-in as `module:attribute`; or a mapping with `type` and its settings."
        ),
    ] = "level_rate"
    channels: Annotated[
        dict[Name, Channel | None], Meta(min_length=1, max_length=64, description="Measured quantities, by name.")
    ]
    parent: Annotated[
        str | None,
        Meta(
            description="Name of the group that the asset is in, from captured levels, such as `{gateway}`: where most of a group fall silent together, or the asset of this name does, one alarm stands for all. Needs an `absence` alarm."
        ),
    ] = None
    known: Annotated[list[str], Meta(description="Assets that exist from the start, by name.")] = field(
        default_factory=list
    )
    discover: Annotated[bool, Meta(description="Make a twin for each new asset that speaks.")] = True
    max_assets: Annotated[int, Meta(ge=1, le=1_000_000, description="Cap on the twins of this block.")] = 10_000
    payload: Annotated[Payload, Meta(description="How payloads are read.")] = field(default_factory=Payload)
    time: Annotated[Time, Meta(description="Times of readings.")] = field(default_factory=Time)
    qos: Annotated[Literal[0, 1] | None, Meta(description="QoS of the subscription; default: that of `mqtt`.")] = None
    retained: Annotated[
        Literal["use", "refuse"],
        Meta(
            description="`use`: a retained message counts with its own time, and is rejected where it carries none; `refuse`: never."
        ),
    ] = "use"
    learning: Annotated[
        Annotated[int, Meta(ge=4, le=100_000)],
        Meta(description="Readings per channel before the twin is live and alarms are judged."),
    ] = 30
    gate: Annotated[
        Literal["robust", "none"],
        Meta(
            description="`robust`: improbable readings move the twin less, until they persist; `none`: a plain Kalman filter."
        ),
    ] = "robust"
    silence: Annotated[Silence, Meta(description="When a silent twin coasts and goes stale.")] = field(
        default_factory=Silence
    )
    state: Annotated[StatePublish, Meta(description="State messages.")] = field(default_factory=StatePublish)
    forecast: Annotated[ForecastPublish, Meta(description="Forecast messages.")] = field(
        default_factory=ForecastPublish
    )
    alarms: Annotated[
        dict[Name, Alarm] | UnsetType,
        Meta(
            description="Alarms, by name. Left out: one `anomaly` alarm per channel; `{}` turns it off. Limits of channels come on top."
        ),
    ] = UNSET


class RateLimit(_Base, kw_only=True, frozen=True):
    """How many changes of alarms are published. What is withheld is counted, and what it came to is published later."""

    changes: Annotated[int, Meta(ge=1, le=1_000_000, description="This many changes ...")] = 10
    per: Annotated[Duration, Meta(description="... in this time, on average. 0: any number.")] = Duration(60)
    burst: Annotated[int, Meta(ge=1, le=1_000_000, description="So many at once, after a calm time.")] = 20


class OverallLimit(RateLimit, kw_only=True, frozen=True):
    """The same for all alarms together."""

    changes: Annotated[int, Meta(ge=1, le=1_000_000, description="This many changes ...")] = 100
    burst: Annotated[int, Meta(ge=1, le=1_000_000, description="So many at once, after a calm time.")] = 200


class Groups(_Base, kw_only=True, frozen=True):
    """When one alarm stands for the absence of all assets behind one gateway; see `parent` of an asset block."""

    share: Annotated[
        float, Meta(gt=0, le=1, description="Share of a group's assets that are silent when its alarm is raised.")
    ] = 0.8
    least: Annotated[int, Meta(ge=2, description="Assets that a group has at least, to have an alarm.")] = 3
    wait: Annotated[
        Duration,
        Meta(
            description="Least time that the absence of an asset waits for the others of its group. It waits on until one of them speaks, or the group's alarm is raised."
        ),
    ] = Duration(5)
    severity: Annotated[Severity, Meta(description="How bad it is.")] = Severity.CRITICAL


class Floods(_Base, kw_only=True, frozen=True):
    """What keeps a fault from burying everybody in alarms."""

    asset: Annotated[RateLimit, Meta(description="For the alarms of each asset.")] = field(default_factory=RateLimit)
    overall: Annotated[OverallLimit, Meta(description="For all alarms together.")] = field(default_factory=OverallLimit)
    groups: Annotated[Groups, Meta(description="One alarm for a dead gateway.")] = field(default_factory=Groups)


class Config(_Base, kw_only=True, frozen=True):
    """The whole configuration of one agent."""

    schema_: Annotated[str | None, Meta(description="For editors: where the JSON Schema is.")] = field(
        default=None, name="$schema"
    )
    site: Annotated[Name, Meta(description="Name of this site; the second level of every topic the agent publishes.")]
    prefix: Annotated[Level, Meta(description="First level of every topic the agent publishes.")] = "twinned"
    mqtt: Annotated[Mqtt, Meta(description="Broker and session.")] = field(default_factory=Mqtt)
    store: Annotated[Store, Meta(description="What survives a restart.")] = field(default_factory=Store)
    http: Annotated[Http, Meta(description="HTTP server.")] = field(default_factory=Http)
    commands: Annotated[Commands, Meta(description="What operators may do.")] = field(default_factory=Commands)
    log: Annotated[Log, Meta(description="Logging.")] = field(default_factory=Log)
    floods: Annotated[Floods, Meta(description="How many alarms are published at most.")] = field(
        default_factory=Floods
    )
    assets: Annotated[
        list[AssetBlock], Meta(min_length=1, description="Asset blocks; the first whose topic matches takes a message.")
    ]
