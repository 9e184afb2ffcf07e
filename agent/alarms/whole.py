"""One score for a whole asset, of all its channels and what they are together, with one budget.

The parts of an `anomaly` alarm share its budget, and each is raised at a threshold of its own (`agent.alarms.anomaly`,
`agent.alarms.joint`). The asset's score is as far above or below the asset's threshold as the part that is nearest to
its own:

    score = threshold + max (evidence of a part - threshold of that part)

so it reaches the threshold when, and only when, the evidence of one of them does (an alarm goes by what is told of an
episode, once, and may be normal while readings after a peak are still far out): the weighted Bonferroni bound of `agent.alarms.score`,
-log10 min p/w, once more, over parts. The asset's threshold is what its whole budget leaves to each of its readings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from agent.alarms.anomaly import Anomaly
from agent.alarms.joint import Joint
from agent.alarms.lifecycle import Lifecycle

_MOST_OFTEN = 0.1  # of an asset's readings that a budget can leave to chance


class _Part(NamedTuple):
    above: float  # its own threshold
    evidence: float
    alarm: str
    detector: str | None
    interval: float  # usual seconds between readings


def score(alarms: Iterable[Lifecycle], row: int) -> dict[str, Any] | None:
    """The score of the asset's last readings and its threshold, JSON-able; None where no anomaly alarm can judge yet.

    `alarm` is the part that it comes from, and `detector` that which told its present episode; None while there is no
    evidence, or no episode. A score below zero says nothing, and is zero.
    """
    parts, budget = [], 0.0
    for alarm in alarms:
        rule = alarm.rule
        if not isinstance(rule, (Anomaly, Joint)):
            continue
        budget += rule.rate
        columns = rule.watched.bank.views
        interval = columns["d"][row]
        if interval > 0.0 and columns[f"n{rule.watched.channel}"][row] >= alarm.learning:
            evidence = rule.evidence(row) if isinstance(rule, Anomaly) else rule.value(row)
            detector = rule.detector(row) if isinstance(rule, Anomaly) else "joint"
            parts.append(_Part(evidence - rule.threshold(row), evidence, alarm.name, detector, interval))
    if not parts:
        return None
    most = max(parts)
    threshold = -math.log10(min(_MOST_OFTEN, budget * min(part.interval for part in parts)))
    said = most.evidence > 0.0
    return {
        "value": max(0.0, threshold + most.above),
        "threshold": threshold,
        "alarm": most.alarm if said else None,
        "detector": most.detector if said else None,
    }
