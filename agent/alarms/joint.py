"""The channels of one asset against each other: readings that are improbable together, though each alone is not.

A rule over all measured channels of an asset, which share the budget of its `anomaly` alarm. Owns the columns and the
words, and decides when the channels are judged; the arithmetic is `agent.alarms.relation`'s, and what is made of a
channel that is off, `agent.alarms.suspect`'s.

Channels that come in one message are judged with it. Where each has messages of its own they are judged together when
none of them is due to report, so once in a cycle with its last, but not for ever later. A channel is at hand for one
and a half of its usual intervals after it reported, and is then left out until it reports again. What is learned is in
order of arrival: late readings judge nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.alarms import relation
from agent.alarms.rules import Condition, Index, Watched
from agent.alarms.suspect import PROCESS, SENSOR, Finding, find
from agent.config import AnomalyAlarm
from agent.emitted import Emitted
from agent.kernel import GATE

_CALM = 0.5  # of the threshold, below which a judgement is calm
_CALM_JUDGEMENTS = 60  # in a row that end an alarm
_LEAST = 2.0  # whatever the budget, an alarm takes less than one judgement in a hundred
_INCONSISTENT = 4.0  # evidence from which the channels that are off are marked
_HELD = 1.5  # usual intervals for which a reading stands for its channel
_DUE = 0.75  # and after which the next one is waited for
_TOGETHER = 0.5  # usual intervals within which readings are of one moment
_MOVED = 2.0  # standard deviations off its mean, beyond which a channel is not where it usually is,
_JUMPED = 3.0  # and of an innovation, beyond which it did not stay where it was
_NEVER = 1e6


class Joint:
    """Channels of one asset that do not go together as usual."""

    unit = ""  # its value is a score

    def __init__(self, spec: AnomalyAlarm, members: Sequence[Watched], shares: int) -> None:
        """members: the channels; shares: in how many equal parts the budget goes, of which this is one."""
        self.members = tuple(members)
        self.watched = self.members[0]
        self.position = {w.slot: k for k, w in enumerate(self.members)}
        self.rate = spec.false_alarms / float(spec.per) / shares  # per second
        listed = ", ".join(w.name for w in self.members)
        self.words = f"channels that do not go together as usual: {listed}"
        self.columns: dict[str, NDArray[Any]] = {name: np.zeros(0) for name in relation.names(len(self.members))}
        self.columns |= {
            f"at{k}": np.zeros(0) for k in range(len(self.members))
        }  # time of each channel's newest reading
        # Calm judgements in a row, and whom the alarm is about.
        self.columns |= {name: np.zeros(0, np.int64) for name in ("calm", "who")}
        self.views: dict[str, Any] = {}
        self._emitted: dict[str, Emitted] = {}

    def grow(self, capacity: int) -> None:
        for name, old in self.columns.items():
            fresh = np.zeros(capacity, old.dtype)
            fresh[: len(old)] = old
            fresh[len(old) :] = self._start(name)
            self.columns[name] = fresh
            self.views[name] = fresh.data
        if not self._emitted:
            functions = relation.program(len(self.members))
            self._emitted = {name: function.made() for name, function in functions.items()}
        for function in self._emitted.values():
            function.bind(self.columns)
        self._own = []
        for k, w in enumerate(self.members):
            bank = w.bank.views
            time = bank["T" if w.bank.solo else f"t{w.channel}"]
            self._own.append((1 << k, time, self.views[f"at{k}"], bank["d"], w.bank.measured))
        self._readings = [w.bank.views[f"z{w.channel}"] for w in self.members]

    @staticmethod
    def _start(name: str) -> float:
        if name.startswith("at"):
            return -math.inf
        return _CALM_JUDGEMENTS if name == "calm" else relation.start(name)

    # -- taking what the channels say

    def observe(self, row: int, time: float) -> None:
        v, came, newest = self.views, 0, -math.inf
        for bit, times, at, _, _ in self._own:
            if times[row] > at[row]:
                at[row] = times[row]
                came |= bit
            newest = max(newest, at[row])
        if not came:
            return
        at_hand, apart, due, shortest = [], False, False, math.inf
        for bit, _, at, d, share in self._own:
            age, interval = newest - at[row], share * d[row]
            here = age <= _HELD * interval
            at_hand.append(1.0 if here else 0.0)
            if here and not came & bit:
                apart = True
                due |= age > _DUE * interval
            if here:
                shortest = min(shortest, interval)
        passed = newest - v["T"][row]
        if apart and ((due and passed <= _HELD * shortest) or passed < _TOGETHER * shortest):
            return
        readings = [z[row] for z in self._readings]
        if v["whole"][row] and 0.0 not in at_hand:
            (evidence,) = self._emitted["judge_all"].one(row, newest, *readings)
        else:
            (evidence,) = self._emitted["judge"].one(row, newest, *readings, *at_hand)
        if v["n"][row] % relation.BLOCK == 0.0:
            self._emitted["learn"].one(row)
        self._settle(row, evidence)

    def observe_many(self, rows: NDArray[np.intp], times: NDArray[np.float64]) -> None:
        c = self.columns
        at: list[NDArray[np.float64]] = []
        came: list[NDArray[np.bool_]] = []
        for k, w in enumerate(self.members):
            said, before = w.bank.columns["T" if w.bank.solo else f"t{w.channel}"][rows], c[f"at{k}"][rows]
            came.append(said > before)
            at.append(np.where(came[k], said, before))
            c[f"at{k}"][rows] = at[k]
        newest = np.maximum.reduce(at)
        at_hand, shortest = [], np.full(len(rows), math.inf)
        apart, due = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
        with np.errstate(invalid="ignore"):
            for k, w in enumerate(self.members):
                age, interval = newest - at[k], w.bank.measured * w.bank.columns["d"][rows]
                here = age <= _HELD * interval
                at_hand.append(np.where(here, 1.0, 0.0))
                shortest = np.where(here, np.minimum(shortest, interval), shortest)
                apart |= here & ~came[k]
                due |= here & ~came[k] & (age > _DUE * interval)
            passed = newest - c["T"][rows]
            wait = apart & ((due & (passed <= _HELD * shortest)) | (passed < _TOGETHER * shortest))
        judged = np.logical_or.reduce(came) & ~wait
        if not judged.all():
            if not judged.any():
                return
            rows, newest, at_hand = rows[judged], newest[judged], [a[judged] for a in at_hand]
        readings = [w.bank.columns[f"z{w.channel}"][rows] for w in self.members]
        with np.errstate(all="ignore"):
            whole = (c["whole"][rows] > 0.0) & (np.minimum.reduce(at_hand) > 0.0)
            if whole.all():
                (evidence,) = self._emitted["judge_all"].many(rows, newest, *readings)
            else:
                # Apart they would be two calls of half the size, which cost more than the masks.
                (evidence,) = self._emitted["judge"].many(rows, newest, *readings, *at_hand)
            full = c["n"][rows] % relation.BLOCK == 0.0
            if full.any():
                self._emitted["learn"].many(rows[full])
        plain = evidence < _LEAST * _CALM
        c["calm"][rows[plain]] += 1
        for j in np.flatnonzero(~plain).tolist():
            self._settle(int(rows[j]), float(evidence[j]))

    def _settle(self, row: int, evidence: float) -> None:
        """Count calm judgements, and note whom an alarm that begins here is about."""
        v = self.views
        # Below this nothing is anything but calm, so the threshold is asked for where it matters only.
        if evidence < _LEAST * _CALM or evidence < (threshold := self.threshold(row)) * _CALM:
            v["calm"][row] += 1
            return
        if evidence >= threshold and v["calm"][row] >= _CALM_JUDGEMENTS:
            odd = int(v["odd"][row])
            v["who"][row] = (odd & -odd).bit_length() - 1 if odd else 0
        if evidence >= threshold or v["calm"][row] < _CALM_JUDGEMENTS:
            v["calm"][row] = 0

    # -- as a rule

    def shift(self, rows: Index, by: float) -> None:
        for name in ("T", *(f"at{k}" for k in range(len(self.members)))):
            self.columns[name][rows] += by

    def threshold(self, row: int) -> float:
        """The evidence at which this row's alarm is raised."""
        per_judgement = self.rate * self.views["d"][row]
        return max(_LEAST, -math.log10(per_judgement)) if per_judgement > 0.0 else _NEVER

    def limit_of(self, row: int) -> float | None:
        return self.threshold(row)

    def conditions(self, columns: Any, i: Index) -> tuple[Condition, Condition]:
        if not isinstance(i, np.ndarray):
            told = self.views["evidence"][i]
            on = told >= _LEAST and told >= self.threshold(i)
            return on, on or self.views["calm"][i] < _CALM_JUDGEMENTS
        told = self.columns["evidence"][i]
        many = told >= _LEAST
        for j in np.flatnonzero(many).tolist():
            many[j] = told[j] >= self.threshold(int(i[j]))
        return many, many | (self.columns["calm"][i] < _CALM_JUDGEMENTS)

    def value(self, row: int) -> float:
        return float(self.views["evidence"][row])

    def subject(self, row: int) -> Watched:
        """The channel that the alarm is, or was last, about."""
        return self.members[int(self.views["who"][row])]

    def clears(self, row: int) -> str:
        left = max(1, _CALM_JUDGEMENTS - int(self.views["calm"][row]))
        return f"after {left} judgement{'s' if left != 1 else ''} in a row below {self.threshold(row) * _CALM:.3g}"

    def explain(self, row: int) -> str:
        """What triggered, in words and numbers."""
        w = self.subject(row)
        found = self.finding(w.slot, row)
        told = f"score {self.value(row):.3g} of {self.threshold(row):.3g}"
        if found is None:
            return f"{w.name} does not go together with its siblings as usual; {told}"
        unit = f" {w.unit}" if w.unit else ""
        by = self._listed(found)
        return f"{w.name} is off what {by} say{'s' if len(found.by) == 1 else ''} by {found.off:.3g}{unit} on average, usually by {found.std:.3g}; {told}"

    # -- what others ask

    def inconsistent(self, row: int) -> int:
        """Channels that are off what their siblings say, as bits."""
        return int(self.views["odd"][row]) if self.views["evidence"][row] >= _INCONSISTENT else 0

    def inconsistent_many(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        odd = np.where(self.columns["evidence"][rows] >= _INCONSISTENT, self.columns["odd"][rows], 0.0)
        return odd.astype(np.int64)

    def finding(self, slot: int, row: int) -> Finding | None:
        """What its siblings say of a channel now; None of one that is not compared, or before enough was learned.

        A sudden reading is held against what the siblings did at that moment, all else against their levels.
        """
        channel, v = self.position.get(slot), self.views
        if channel is None or not v["n"][row] > relation.WARM:
            return None
        moments = [at[row] for _, _, at, _, _ in self._own]
        newest = max(moments)
        ages = [newest - at for at in moments]
        intervals = [share * d[row] for _, _, _, d, share in self._own]
        here = [age <= _HELD * interval for age, interval in zip(ages, intervals, strict=True)]
        size = range(len(self.members))
        means = [v[f"m{k}"][row] for k in size]
        usual = [[v[f"S{min(j, k)}_{max(j, k)}"][row] * (here[j] and here[k]) for k in size] for j in size]
        banks = [(w.bank.views, w.channel) for w in self.members]
        noisy = [list(line) for line in usual]
        for k, (bank, c) in enumerate(banks):
            if usual[k][k] > 0.0:
                noisy[k][k] += bank[f"s{c}"][row]

        def view(off: Sequence[float], covariance: Sequence[Sequence[float]], most: Sequence[float]) -> Finding | None:
            moved = [here[k] and abs(off[k]) > most[k] for k in size]
            known = [off[k] if here[k] else 0.0 for k in size]
            return find(channel, known, covariance, moved, v["K0"][row], v["K1"][row])

        levels = [_MOVED * math.sqrt(usual[k][k]) for k in size]
        readings = [bank[f"z{c}"][row] for bank, c in banks]
        bank, c = banks[channel]
        if bank[f"i{c}"][row] > GATE:
            # Readings of another moment say nothing of this one.
            if any(here[k] and ages[k] > _TOGETHER * intervals[k] for k in size):
                return None
            sudden = [z - b[f"y{k}"][row] for z, (b, k) in zip(readings, banks, strict=True)]
            jumps = [_JUMPED * math.sqrt(max(b[f"s{k}"][row], 0.0)) for b, k in banks]
            first = view(sudden, noisy, jumps)
        else:
            first = view([v[f"f{k}"][row] - means[k] for k in size], usual, levels)
        # What is smoothed shows late that siblings are off, too; the readings themselves show it at once.
        second = view([z - m for z, m in zip(readings, means, strict=True)], noisy, levels)
        if first is None or second is None or first.suspect != SENSOR or second.alone:
            return first
        return first._replace(suspect=second.suspect)

    def say(self, slot: int, found: Finding) -> str:
        """What was found of a channel, in words; nothing where nothing is claimed."""
        name = self.members[self.position[slot]].name
        one = len(found.by) == 1
        if found.suspect == SENSOR:
            return (
                f"{name} alone is off, {self._listed(found)} {'is' if one else 'are'} not: sensor of {name} suspected"
            )
        if found.suspect == PROCESS:
            return f"{self._listed(found)} changed along with {name}: process change suspected"
        return ""

    def _listed(self, found: Finding) -> str:
        *most, last = [self.members[k].name for k in found.by]
        return f"{', '.join(most)} and {last}" if most else last

    # -- snapshots

    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        return {name: column[rows] for name, column in self.columns.items()}

    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None:
        """What fewer channels had learned says nothing of more: then it is learned anew."""
        if self.columns.keys() <= data.keys():
            for name, column in self.columns.items():
                column[rows] = data[name]
