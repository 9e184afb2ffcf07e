"""What a block's state is as plain columns, and what it depends on: its share of a snapshot.

Who takes it over, and what becomes of what nobody takes over, is decided in `agent.twins`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from agent.block import Block
from agent.config import AssetBlock


def place(config: AssetBlock) -> str:
    """Where its assets speak: what a block goes by when its state does not fit any more."""
    return config.topic or ",".join(c.topic or "" for c in config.channels.values() if c is not None)


_CARRIED = re.compile(r"\b(?:window=\d+|sequence=(?:None|'[^']*'|\"[^\"]*\")),? ?")
_STATE_KEYS = ("topic", "name", "model", "payload", "time", "learning", "gate")


def identity(config: AssetBlock) -> dict[str, str]:
    """What a twin's state depends on: while all of these stay the same, state is carried over."""
    out = {key: repr(getattr(config, key)) for key in _STATE_KEYS}
    out["channels"] = repr(
        [(n, c and (c.field, c.topic, c.noise, c.model, c.scale, c.offset)) for n, c in config.channels.items()]
    )
    return sizeless(out)


def sizeless(said: Mapping[str, str]) -> dict[str, str]:
    """Without how many readings are kept, and where their number stands: these begin anew, the twin goes on."""
    return {key: _CARRIED.sub("", value) for key, value in said.items()}


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Settings in which two identities differ."""
    return ", ".join(k for k in new if old.get(k) != new[k])


_BLOCK_COLUMNS = ("back", "seen", "made", "time", "forecast", "published", "status", "seq")


def export(b: Block) -> dict[str, Any]:
    """All that the twins of a block have learned."""
    rows = np.arange(len(b))
    names = [n for n in b.rows.columns if n in _BLOCK_COLUMNS or n.startswith(("quality", "sent"))]
    return {
        "identity": identity(b.config),
        "settings": repr(b.config),
        "due": b.silence.due,
        "resumed": b.silence.resumed,
        "topic": place(b.config),
        "names": list(b.rows.names),
        "columns": {n: b.rows.columns[n][rows] for n in names},
        "banks": [bank.export(rows.tolist()) for bank in b.banks],
        "bands": [bands.export(rows) for bands in b.announcer.forecaster.bands],
        "held": [[[bank.measured + k, t, v] for k, (t, v) in bank.held.items()] for bank in b.banks],
        "prefix": b.rows.prefix,
        "model": b.model,
        "alarms": {
            a.name: {
                "spec": a.identity,
                "severity": a.severity.value,
                "rule": a.rule.words,
                "rows": a.export(rows),
                "decisions": a.operator.export(len(b)),
                **({"fleet": a.fleet.export()} if a.fleet is not None else {}),
            }
            for a in b.alarms
        },
    }
