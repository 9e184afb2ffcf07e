"""A twin for those who look at it: a line in a list, everything about it, names like the one that was asked for.

JSON-able records of what blocks hold at this moment; nothing changes here. Why an alarm is what it is, is
`agent.alarms.explain`'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from agent.alarms import whole
from agent.alarms.explain import STATES
from agent.block import Block
from agent.encode import QUALITIES, REASONS
from agent.types import STATUS_NAMES

_COMPARED = 500  # names, at most, that a wrong one is compared with letter by letter; takes some 20 ms


def summary(b: Block, row: int) -> dict[str, Any]:
    """The little that a list of twins shows."""
    v = b.rows.views
    seen = v["seen"][row]
    return {
        "asset": b.rows.names[row],
        "status": STATUS_NAMES[v["status"][row]],
        "model": b.model,
        "time": known(v["time"][row]),
        "seen": known(seen),
        "seq": v["seq"][row],
        "surprise": max((v[f"surprise{s}"][row] for s in range(len(b.plan.channels))), default=0.0),
        "alarms": [a.name for a in b.alarms if a.present(row)],
    }


def detail(b: Block, row: int) -> dict[str, Any]:
    """Everything about one twin."""
    values = b.announcer.encoder.gather(row)
    states, at = {}, 0
    for bank in b.banks:
        for s in bank.component.states:
            states[s.name] = {"mean": known(values[at]), "std": known(values[at + 1]), "unit": s.unit}
            at += 2
    channels: dict[str, Any] = {}
    for slot, (name, where, _) in enumerate(b.plan.shape):
        unit = b.plan.channels[slot].config.unit
        if where is None:
            channels[name] = {"reported": known(values[at]), "unit": unit}
            at += 1
            continue
        reported, expected, std, surprise, quality = values[at : at + 5]
        at += 5
        bank, k = b.banks[where[0]], where[1]
        channels[name] = {
            "reported": known(reported),
            "expected": known(expected),
            "std": known(std),
            "surprise": surprise,
            "quality": QUALITIES[quality],
            **({} if REASONS[quality] is UNSET else {"reason": REASONS[quality]}),
            "unit": unit,
            "noise": known(math.sqrt(max(bank.views[f"r{k}"][row], 0.0))),
            "readings": int(bank.views[f"n{k}"][row]),
        }
    alarms = [
        {
            "alarm": a.name,
            "state": STATES[int(a.phase[row])],
            "severity": a.severity.value,
            "rule": a.rule.words,
            "since": float(a.raised[row]) if a.present(row) else None,
            "published": a.state(row).value,
            "acknowledged": a.operator.acknowledged(row),
        }
        for a in b.alarms
    ]
    told = {"score": whole.score(b.alarms, row)}
    return summary(b, row) | told | {"states": states, "channels": channels, "alarms": alarms}


def alike(blocks: Sequence[Block], asset: str) -> list[str]:
    """At most three names of twins that may have been meant."""
    from difflib import get_close_matches  # here, because hardly anyone errs

    names = [name for b in blocks for name in b.rows.names]
    folded = asset.casefold()[:64]
    within = [name for name in names if folded in name.casefold()]
    near = get_close_matches(asset[:64], names, 3) if len(names) <= _COMPARED else []
    return list(dict.fromkeys(within + near))[:3]


def known(value: float) -> float | None:
    return value if math.isfinite(value) else None
