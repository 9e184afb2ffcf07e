"""The trace of a replay: one CSV row per reading, in input order, with what was expected of it and thought of it.

Columns: `time` (UTC epoch seconds), `asset`, `channel`, `value`; `expected` and `std` of the reading before it was
used; `nis`, its normalised innovation squared; `surprise`, -log10 of the probability of a reading this far off;
`score`, what the surprise and anomaly alarms hold against their threshold; `alarm`, 1 while an alarm of the channel
is active. A rejected reading keeps its row: expected, std and nis empty, surprise and score 0.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from typing import TextIO

from agent.types import TraceRow
from agent.values import LIMIT, numeric


class Trace:
    """Writes a trace."""

    def __init__(self, file: TextIO) -> None:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(TraceRow._fields)
        self.write = writer.writerows

    def write_whole(
        self,
        rows: Sequence[TraceRow],
        blank: TraceRow,
        channels: Sequence[tuple[str, tuple[float, float]]],
        cells: Sequence[str],
        alarming: Callable[[int], int],
    ) -> None:
        """One row for each channel: those that the core traced, and the readings that never came to be.

        blank: a row of this time and asset with nothing known; channels: name and (scale, offset); cells: what
        stands in the file for each of them, or nothing at all; alarming: 1 while an alarm of that channel is active.
        """
        traced = {row.channel: row for row in rows}
        whole = []
        for k, (name, (scale, offset)) in enumerate(channels):
            row = traced.get(name)
            if row is None:
                value = numeric(cells[k]) if cells else None
                if value is not None:
                    value = value * scale + offset if math.isfinite(value) and abs(value) <= LIMIT else None
                row = blank._replace(channel=name, value=value, alarm=alarming(k))
            whole.append(row)
        self.write(whole)
