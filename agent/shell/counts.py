"""What the store counts, for the metrics. Nothing else is here, because all of the store's rooms count."""

from __future__ import annotations


class Counts:
    """Totals since the start."""

    def __init__(self) -> None:
        self.commits = 0
        self.samples = 0  # journalled
        self.bytes = 0  # of journal records and snapshots, before SQLite writes them twice
        self.snapshots = 0
        self.failures = 0
        self.damaged = 0  # files set aside
        self.lost = 0  # owed alarm changes forgotten because nothing could be written
        self.recovered_readings = 0
