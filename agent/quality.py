"""What is thought of the newest reading of each channel, and why: the codes in the quality columns of `agent.rows`.

Judged from what filters and alarms have left in their columns; nothing is remembered here but the codes. Of several
reasons the first in this order is given: relearned, improbable, stuck, inconsistent. What the codes are called in
messages is `agent.encode`'s.

    relearned     improbable for the fifth time in a row: the twin has taken the new level for its own
    improbable    beyond the robust gate: used with less weight
    stuck         at rest for much longer than ever before, by the `flat` detector of the channel's anomaly alarm, or for
                  as long as a `flat` alarm says
    inconsistent  off what the siblings say (`agent.alarms.joint`), in one judgement of ten thousand
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.alarms import score
from agent.alarms.anomaly import Anomaly
from agent.alarms.joint import Joint
from agent.alarms.lifecycle import Lifecycle
from agent.alarms.rules import Flat
from agent.bank import Bank
from agent.kernel import GATE
from agent.rows import GOOD, INCONSISTENT, RELEARNED, STUCK, UNCERTAIN, Rows

_SURE = 3.0  # evidence of a rest: one reading in a thousand


class Quality:
    """The quality columns of one block."""

    def __init__(
        self, rows: Rows, by_slot: Sequence[Sequence[Lifecycle]], joint: Joint | None, *, robust: bool
    ) -> None:
        self.rows = rows
        self.robust = robust
        self.joint = joint
        self.flat = [[a.rule for a in alarms if isinstance(a.rule, Flat)] for alarms in by_slot]
        self.rests = [
            [a.rule for a in alarms if isinstance(a.rule, Anomaly) and "flat" in a.rule.detectors] for alarms in by_slot
        ]

    # -- one channel by itself

    def mark(self, slot: int, row: int, bank: Bank, entry: int) -> bool:
        """Judge a reading that the filter and the channel's alarms have taken; whether the level was taken over."""
        code, relearned = GOOD, False
        if self.robust and bank.views[f"i{entry}"][row] > GATE:
            # The count of improbable readings in a row begins anew where the level was taken over.
            relearned = bank.views[f"o{entry}"][row] == 0.0
            code = RELEARNED if relearned else UNCERTAIN
        elif self._stuck(slot, row):
            code = STUCK
        self.rows.views[f"quality{slot}"][row] = code
        return relearned

    def mark_many(self, slot: int, rows: NDArray[np.intp], bank: Bank, entry: int) -> NDArray[np.bool_]:
        """As `mark`, for different rows."""
        codes = np.zeros(len(rows), np.uint8)
        relearned = np.zeros(len(rows), bool)
        for rest in self.rests[slot]:
            for j in np.flatnonzero(rest.columns["r"][rows] >= score.FLAT_LEAST).tolist():
                if self._stuck(slot, int(rows[j])):
                    codes[j] = STUCK
        for rule in self.flat[slot]:
            codes[rule.conditions(None, rows)[0]] = STUCK
        if self.robust:
            gated = bank.columns[f"i{entry}"][rows] > GATE
            if gated.any():
                relearned = gated & (bank.columns[f"o{entry}"][rows] == 0.0)
                codes[gated] = UNCERTAIN
                codes[relearned] = RELEARNED
        self.rows.columns[f"quality{slot}"][rows] = codes
        return relearned

    def mark_run(
        self, nis: NDArray[np.float64], gated: NDArray[np.float64] | None, rests: Sequence[Sequence[Any]]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The codes of many readings in order, and where the level was taken over; nothing is kept.

        gated: improbable ones in a row, with each. rests: for each `flat` detector readings at rest, the most before,
        and how often it moves, with each reading.
        """
        codes = np.zeros(len(nis), np.uint8)
        relearned = np.zeros(len(nis), bool)
        for at_rest, most, often in rests:
            for j in np.flatnonzero((at_rest >= score.FLAT_LEAST) & (at_rest > 2.0 * most)).tolist():
                if _sure(float(at_rest[j]), float(often[j])):
                    codes[j] = STUCK
        if self.robust and gated is not None:
            beyond = nis > GATE
            relearned = beyond & (gated == 0.0)
            codes[beyond] = UNCERTAIN
            codes[relearned] = RELEARNED
        return codes, relearned

    def _stuck(self, slot: int, row: int) -> bool:
        for rule in self.flat[slot]:
            if rule.conditions(None, row)[0]:
                return True
        for rest in self.rests[slot]:
            v = rest.views
            still = v["r"][row]
            if still >= score.FLAT_LEAST and still > 2.0 * v["R"][row] and _sure(still, v["o"][row]):
                return True
        return False

    # -- channels together

    def relate(self, row: int) -> None:
        """After the channels were held against each other: mark those that are off what the others say."""
        if self.joint is not None and (odd := self.joint.inconsistent(row)):
            self._odd(row, odd)

    def relate_many(self, rows: NDArray[np.intp]) -> None:
        """As `relate`, for different rows."""
        if self.joint is not None:
            odd = self.joint.inconsistent_many(rows)
            for j in np.flatnonzero(odd).tolist():
                self._odd(int(rows[j]), int(odd[j]))

    def _odd(self, row: int, odd: int) -> None:
        assert self.joint is not None  # noqa: S101  for the type checker: asked by those who know
        views: dict[str, Any] = self.rows.views
        for k, w in enumerate(self.joint.members):
            quality = views[f"quality{w.slot}"]
            if odd & (1 << k) and quality[row] == GOOD:
                quality[row] = INCONSISTENT


def _sure(still: float, often: float) -> bool:
    """Whether so many readings at rest are improbable for what moves so often."""
    return often >= 1.0 or -still * math.log10(1.0 - often) >= _SURE
