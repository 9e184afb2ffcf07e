"""What is simulated: the typed scenario, and how it is read from YAML or a mapping, naming every error at once.

No time passes here and no physics happens; `run` turns a scenario into events. The reference of the keys is
`configs/scenarios/plant.yaml`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.base import Simulator
from simulators.document import (
    Findings,
    Mismatch,
    ScenarioError,
    Section,
    choice,
    duration,
    integer,
    moment,
    number,
    optional,
    parse_yaml,
    text,
)
from simulators.document import Path as Place
from simulators.faults import EFFECTS, Fault, RandomFaults
from simulators.kinds import find

MOST_ASSETS = 100_000
TRUTH_TOPIC = "sim/truth/{asset}"
_NAME = re.compile(r"[^\s/+#{}\x00-\x1f]{1,64}")
_COUNTER = re.compile(r"\{n(?::0?(\d?)d)?\}")


@dataclass(frozen=True, slots=True)
class Asset:
    """One simulated asset."""

    name: str
    kind: str
    simulator: type[Simulator[Any]]
    parameters: object
    period: float  # seconds between readings
    topic: str  # still with {channel} where the format is `number`
    format: str  # json or number


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that is needed to simulate, but the time where `start` is now."""

    assets: tuple[Asset, ...]
    faults: tuple[Fault, ...] = ()
    random_faults: RandomFaults | None = None
    seed: int = 1
    speed: float | None = None  # simulated seconds per second, infinite: as fast as possible; None: left to the output
    start: float | None = None  # UTC seconds; None: now
    duration: float | None = None  # seconds; None: without end
    truth: str | None = TRUTH_TOPIC  # topic template of the labels of faults; None: not told

    def at(self, time: float) -> Scenario:
        """This scenario, starting at `time` if it would start now."""
        return self if self.start is not None else dataclasses.replace(self, start=round(time, 3))


def load(source: str | Path | Mapping[str, object]) -> Scenario:
    """Read a scenario from a YAML file or a mapping; raises ScenarioError with all that is wrong, or OSError."""
    if isinstance(source, Mapping):
        findings = Findings("scenario")
        raw: object = source
    else:
        findings = Findings(str(source))
        try:
            raw = parse_yaml(Path(source).read_text(encoding="utf-8"), findings)
        except UnicodeDecodeError:
            findings.add((), "not UTF-8 text")
            raise ScenarioError(findings.errors) from None
    scenario = _scenario(findings, raw)
    findings.raise_any()
    return scenario


def parse_speed(raw: object) -> float:
    """Parser of a speed: a number above 0, or `max`."""
    if raw == "max":
        return math.inf
    try:
        return number(1e-6, 1e9)(raw)
    except Mismatch:
        raise Mismatch("a number of simulated seconds per second above 0, or max") from None


def parse_start(raw: object) -> float | None:
    """Parser of a start: a time, or `now`."""
    return None if raw == "now" else moment(raw)


def _scenario(findings: Findings, raw: object) -> Scenario:
    top = Section.of(
        findings, (), raw, ("seed", "speed", "start", "duration", "truth", "assets", "faults", "random_faults")
    )
    length = top.take("duration", optional(duration(1e-3)), None)
    families = top.items("assets")
    if not families and not findings.errors:
        findings.add((), "expected at least one element in the list 'assets'")
    assets: dict[str, Asset] = {}
    before = len(findings.errors)
    for place, item in families:
        for asset in _family(findings, place, item, MOST_ASSETS - len(assets)):
            if asset.name in assets:
                findings.add(place, f"expected names of their own, got {asset.name!r} a second time")
                break
            assets[asset.name] = asset
    known = assets if families and len(findings.errors) == before else None
    faults: list[Fault] = []
    for place, item in top.items("faults"):
        for fault in _faults(findings, place, item, known, length):
            _refuse_overlap(findings, place, fault, faults)
            faults.append(fault)
    return Scenario(
        assets=tuple(assets.values()),
        faults=tuple(faults),
        random_faults=_random_faults(findings, top),
        seed=top.take("seed", integer(0, 2**63 - 1), 1),
        speed=top.take("speed", parse_speed, None),
        start=top.take("start", parse_start, None),
        duration=length,
        truth=top.take("truth", _truth, TRUTH_TOPIC),
    )


def _family(findings: Findings, place: Place, raw: object, room: int) -> Iterator[Asset]:
    before = len(findings.errors)
    block = Section.of(findings, place, raw, ("kind", "count", "name", "period", "topic", "payload", "parameters"))
    kind = block.take("kind", text, "", required=True)
    simulator = block.take("kind", lambda raw: find(text(raw)), None) if kind else None
    count = block.take("count", integer(1, MOST_ASSETS), 1)
    stem = kind.rpartition(":")[2].lower()
    counted = count > 1
    name = block.take("name", lambda raw: _name(raw, counted), f"{stem}-{{n:03d}}" if counted else stem)
    period = block.take("period", duration(1e-3), 1.0)
    form = block.take("payload", choice(("json", "number")), "json")
    needs = ("channel",) if form == "number" else ()
    topic = block.take(
        "topic",
        lambda raw: _topic(raw, {"asset", "kind", *needs}, needs),
        "plant/{kind}/{asset}/" + ("{channel}" if form == "number" else "telemetry"),
    )
    if count > room:
        findings.add(place, f"expected at most {MOST_ASSETS} assets in all")
    if simulator is None:
        return
    parameters = _parameters(findings, (*place, "parameters"), block.values.get("parameters", {}), simulator)
    if len(findings.errors) > before:
        return
    for n in range(1, count + 1):
        own = _numbered(name, n)
        where = topic.replace("{asset}", own).replace("{kind}", stem)
        yield Asset(own, kind, simulator, parameters, period, where, form)


def _numbered(name: str, n: int) -> str:
    return _COUNTER.sub(lambda match: str(n).zfill(int(match[1] or 0)), name)


def _parameters(findings: Findings, place: Place, raw: object, simulator: type[Simulator[Any]]) -> object:
    before = len(findings.errors)
    fields = {f.name: f.metadata for f in dataclasses.fields(simulator.Parameters)}
    section = Section.of(findings, place, raw, tuple(fields))
    given = {
        name: section.take(name, number(meta["low"], meta["high"], meta["unit"]), 0.0)
        for name, meta in fields.items()
        if name in section.values
    }
    if len(findings.errors) > before:
        return None
    try:
        return simulator.Parameters(**given)
    except ValueError as error:
        findings.add(place, f"expected {error}")
        return None


def _faults(
    findings: Findings, place: Place, raw: object, assets: Mapping[str, Asset] | None, length: float | None
) -> Iterator[Fault]:
    before = len(findings.errors)
    section = Section.of(findings, place, raw, ("asset", "channel", "kind", "start", "duration", "magnitude"))
    kind = section.take("kind", choice(tuple(EFFECTS)), "", required=True)
    name = section.take("asset", text, "", required=True)
    start = section.take("start", duration(), 0.0, required=True)
    effect = EFFECTS.get(kind)
    if effect is None:
        return
    lasting = section.take("duration", duration(1e-3), 0.0, required=effect.has_duration)
    least = 0.0 if kind == "noise" else -1e300
    magnitude = section.take("magnitude", number(least, 1e300), 0.0, required=effect.has_magnitude)
    for key, has in (("duration", effect.has_duration), ("magnitude", effect.has_magnitude)):
        if key in section.values and not has:
            findings.add((*place, key), f"a {kind} has no {key}: {effect.text}")
    if length is not None and start >= length:
        findings.mismatch((*place, "start"), f"a start before the end of the scenario at {length:g} s", start)
    if assets is None:
        return
    asset = assets.get(name)
    if asset is None:
        if name:
            close = difflib.get_close_matches(name, assets, n=1)
            hint = f"did you mean {close[0]!r}?" if close else ""
            findings.mismatch((*place, "asset"), "the name of an asset of this scenario", name, hint)
        return
    channels = tuple(c.name for c in asset.simulator.channels)
    one = section.take("channel", choice(channels), "", required=kind != "dropout")
    if len(findings.errors) > before:
        return
    for channel in (one,) if one else channels:
        yield Fault(name, channel, kind, start, lasting, magnitude)


def _refuse_overlap(findings: Findings, place: Place, fault: Fault, others: list[Fault]) -> None:
    for other in others:
        if (other.asset, other.channel) == (fault.asset, fault.channel) and (
            other.start < fault.start + fault.duration and fault.start < other.start + other.duration
        ):
            findings.add(
                place,
                f"expected faults of one channel to follow each other, got a {fault.kind} on {fault.channel!r} "
                f"of {fault.asset!r} during a {other.kind}",
            )


def _random_faults(findings: Findings, top: Section) -> RandomFaults | None:
    raw = top.values.get("random_faults")
    if raw is None:
        return None
    section = Section.of(findings, ("random_faults",), raw, ("rate", "kinds", "duration", "magnitude"))

    def kinds(raw: object) -> tuple[str, ...]:
        if not isinstance(raw, list) or not raw:
            raise Mismatch(f"a list of some of {', '.join(EFFECTS)}")
        return tuple(choice(tuple(EFFECTS))(kind) for kind in raw)

    return RandomFaults(
        rate=section.take("rate", number(0.0, 3600.0, "1/h"), 0.0, required=True),
        kinds=section.take("kinds", kinds, tuple(EFFECTS)),
        duration=section.take("duration", lambda r: _range(r, duration(1e-3)), (30.0, 300.0)),
        magnitude=section.take("magnitude", lambda r: _range(r, number(0.0, 1e6)), (0.3, 1.0)),
    )


def _range(raw: object, parse: Any) -> tuple[float, float]:
    if not isinstance(raw, list) or len(raw) != 2:
        raise Mismatch("a list of two, the least and the most")
    low, high = parse(raw[0]), parse(raw[1])
    if low > high:
        raise Mismatch("the least before the most")
    return low, high


def _name(raw: object, counted: bool) -> str:
    name = text(raw)
    sample = _COUNTER.sub("1", name)
    if not _NAME.fullmatch(sample) or (counted and sample == name):
        raise Mismatch(
            "a name of at most 64 characters without spaces, / + or #" + (" and with {n}, {n:03d}" if counted else "")
        )
    return name


def _truth(raw: object) -> str | None:
    return None if raw is None else _topic(raw, {"asset"}, ())


def _topic(raw: object, fields: set[str], needs: tuple[str, ...]) -> str:
    topic = text(raw)
    found = set(re.findall(r"\{([^{}]*)\}", topic))
    bare = re.sub(r"\{[^{}]*\}", "", topic)
    if (
        not found <= fields
        or not found >= set(needs)
        or re.search(r"[+#{}\x00]", bare)
        or topic.startswith("$")
        or len(topic.encode()) > 1000
    ):
        also = f", with {{{needs[0]}}}" if needs else ""
        words = ", ".join(f"{{{f}}}" for f in sorted(fields))
        raise Mismatch(f"a topic without + or #, in which only {words} may stand in braces{also}")
    return topic
