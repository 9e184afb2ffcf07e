"""What a budget of false alarms takes in scores, learned from all twins that share an alarm.

A score's tail probability is bounded (`agent.alarms.score`), and a bound is not a rate: light tails end sooner than it
allows, and what is correlated comes in episodes. One twin alone would need months to see how often it comes up by
chance. Together they see it in days: once in a while (`Fleet.step`) the highest score of each twin since the last time
is counted, as distance from the nominal threshold, and the offset is where the distances say that the budget is met.

    P(highest of a step > quantile) = rate * step               block maxima (Coles 2001, ch. 3)
    N(u) exp(-(x - u) / excess)  beyond the anchor u            an exponential tail of what was counted (ibid., ch. 4)
    offset = quantile + correction
    correction <- correction + GAIN (alarms - borne) / max(borne, 1)    in each step

What was counted is some time old, and while twins learn their scores become smaller: a quantile alone would lag behind, and
raise less than is borne. So the correction sums up by how much the budget was missed (a quantile tracker with an
integral term: Angelopoulos, Candès and Tibshirani 2023, Conformal PID control for time series prediction, §2). Its
bounds are what a fleet of faults can deafen it by, and what one of silence can make it hear.

A plant that stands still says nothing, and that says nothing of how often it raises when it runs. So a fleet knows how
many of its twins usually score anything in a step (`talk`), and a step in which nearly all of these are missing teaches
nothing else: at once where many are missing, and where a fleet is small, when so many have been missing in a row that it
is no chance, since a twin alone is often quiet. Skipped steps would make the stated rate one of running time; so what is
borne in a step is the more, the less of its time the fleet runs (`running`): with nights and weekends, not with the
months of a standstill.

Counts fade, so what the fleet was is forgotten; they begin with what the score's nominal tail makes of forty steps. A
twin whose score comes up again and again counts for no more than `MOST_OFTEN` times its due, so that one with a fault
deafens no other. Knows scores and rates; nothing of readings, rows that speak, or clocks: times are arguments.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

PER_ALARM = 240.0  # steps in the time in which one false alarm of a twin is bearable
SHORTEST, LONGEST = 60.0, 86400.0  # seconds of a step
LOW, HIGH, WIDTH = -4.0, 3.0, 0.1  # of the distances that are counted, and of a bin
BINS = round((HIGH - LOW) / WIDTH)
ENOUGH = 20.0  # false alarms borne by all twins together that are remembered
ANCHOR = 20.0  # highest scores that anchor the tail where fewer alarms than that were borne
ANCHOR_SHARE = 0.125  # of all steps, at most
PRIOR = 40.0  # steps of one twin that the nominal tail stands for at first
LEAST, MOST = -3.5, 1.5  # of the offset
RISE = 0.05  # of the offset in a step, at most, once there were twenty: what befalls all within hours deafens none
MOST_OFTEN = 4.0
GAIN = 0.05  # of the correction in a step without an alarm, where one or more are borne
LOWER, HIGHER = -1.5, 0.5  # of the correction
QUIET = 4.0  # of so many twins that usually score anything no more than one does: the fleet may stand still,
MISSING = 20.0  # and does, when so many were due in a row: by chance, five of 20 and less are seven in 100,000
TALK_FIRST, TALK_PRIOR = 0.1, 20.0  # share that scores anything, before it is known, and the steps that this stands for
TALK_STEPS, TALK_REST = 240.0, 2400.0  # steps over which `talk` is learned, and while the fleet stands still
TALK_UNHEARD = 480.0  # the latter, before it was ever seen to run
RUNNING_STEPS, RUNNING_FIRST = 480.0, 40.0  # over which the time that it runs is learned, and at first
REST_MOST = PER_ALARM / 4.0  # steps in a row in which it does not, of which more are an exception and count for nothing
RUNNING_LEAST = 0.125  # of the time, for what is borne
_STATE = {"due": math.inf, "offset": 0.0, "steps": 0, "exposure": PRIOR, "correction": 0.0}
_STATE |= {"talk": TALK_FIRST, "heard": 0, "missing": 0.0, "resting": 0, "running": 1.0}

Floats = NDArray[np.float64]


class Fleet:
    """How far the threshold of one alarm is off its nominal one, for all twins alike."""

    def __init__(self, rate: float) -> None:
        """rate: false alarms per second that one twin bears."""
        self.length = min(max(1.0 / (PER_ALARM * rate), SHORTEST), LONGEST)
        self.probability = min(rate * self.length, 0.5)  # of an alarm in a step
        self.due = math.inf  # arrival time of the next step
        self.offset = 0.0
        self.steps = 0
        self.exposure = PRIOR
        self.correction = 0.0
        self.talk = TALK_FIRST  # share of the twins that score anything in a step
        self.heard = 0  # steps that taught it
        self.missing = 0.0  # twins that were due to score anything since so few do
        self.resting = 0  # steps in a row in which the fleet stood still
        self.running = 1.0  # share of steps in which the fleet did not stand still
        edges = LOW + WIDTH * np.arange(BINS + 1)
        beyond = PRIOR * np.minimum(self.probability * np.array([10.0**-x for x in edges.tolist()]), 0.5)
        beyond[-1] = 0.0
        self.counts: Floats = beyond[:-1] - beyond[1:]

    def expect(self, now: float) -> None:
        """A twin came, or the clock was set."""
        if now == now and self.due - now > self.length:
            self.due = now + self.length

    def step(self, now: float, distances: Floats, spans: Floats, often: Floats) -> Floats:
        """Learn from the highest score of each twin since the last step.

        distances: from its nominal threshold, below `LOW` of one that scored nothing or next to it; spans: steps that it
        stands for, 1 where readings come often; often: a fading count of how often each twin was above the threshold.
        Returns the new count.
        """
        self.due = now + self.length
        forget = 1.0 / PER_ALARM
        often = often * (1.0 - forget) + (distances >= self.offset)
        if not len(distances):
            return often  # nobody was heard
        if self._rests(int((distances >= LOW).sum()), len(distances)):
            return often
        share = np.minimum(1.0, MOST_OFTEN / np.maximum(often, 1.0))
        total = float(spans.sum())
        borne = total * self._bearable()
        missed = (float(share[distances >= self.offset].sum()) - borne) / max(borne, 1.0)
        self.correction = min(max(self.correction + GAIN * missed, LOWER), HIGHER)
        keep = 1.0 - max(forget, min(borne / ENOUGH, 0.5))
        self.exposure = self.exposure * keep + total
        seen = distances >= LOW
        bins = np.floor((np.minimum(distances[seen], HIGH - WIDTH / 2.0) - LOW) / WIDTH).astype(np.intp)
        self.counts = self.counts * keep + np.bincount(bins, share[seen], minlength=BINS)
        self.steps += 1
        wanted = self._quantile() + self.correction
        self.offset = min(max(wanted, LEAST), MOST, self.offset + max(RISE, 1.0 / self.steps))
        return often

    def _rests(self, scoring: int, heard: int) -> bool:
        """Whether the fleet stands still in this step. scoring: twins with a score above nothing, of those heard."""
        due = self.talk * heard
        self.missing = self.missing + due if scoring * QUIET < due else 0.0
        rests = self.missing >= MISSING
        self.resting = self.resting + 1 if rests else 0
        if self.heard and self.resting <= REST_MOST:
            self.running += (float(not rests) - self.running) / min(self.heard + RUNNING_FIRST, RUNNING_STEPS)
        self.heard += not rests
        steps = (TALK_REST if self.heard else TALK_UNHEARD) if rests else min(self.heard + TALK_PRIOR, TALK_STEPS)
        self.talk += (scoring / heard - self.talk) / steps
        return rests

    def _bearable(self) -> float:
        """The probability of an alarm of a twin in a step in which the fleet does not stand still."""
        return min(self.probability / max(self.running, RUNNING_LEAST), 0.5)

    def _quantile(self) -> float:
        """The distance that a twin exceeds in a step with the probability that is borne."""
        borne = self._bearable() * self.exposure
        anchor = max(borne, min(ANCHOR, ANCHOR_SHARE * self.exposure, float(self.counts.sum()) / 2.0))
        at = self._exceeded(anchor)
        # The median rather than the mean excess: a few that are far off, such as faults, do not move it.
        excess = (self._exceeded(anchor / 2.0) - at) / math.log(2.0)
        return at + excess * math.log(anchor / borne)

    def _exceeded(self, often: float) -> float:
        """The distance that was exceeded so often."""
        beyond = 0.0
        for k in range(BINS - 1, -1, -1):
            count = float(self.counts[k])
            if beyond + count >= often:
                return LOW + WIDTH * (k + 1.0 - (often - beyond) / count)
            beyond += count
        return LOW

    def export(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STATE} | {"counts": self.counts.copy()}

    def load(self, data: dict[str, Any]) -> None:
        for name, start in _STATE.items():
            setattr(self, name, data.get(name, start))  # what was stored before there was a correction had none
        self.counts = np.array(data["counts"], float)
