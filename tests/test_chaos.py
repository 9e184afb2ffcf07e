"""A short run of the chaos suite (`make chaos` is the long one): kills and cuts, and nothing lost or counted twice."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from tests.chaos.run import run
from tests.chaos.stream import CONFIGURED, Oracle, Stream
from tests.services import EVERY_CHANGE, config, settings

pytestmark = pytest.mark.broker


@pytest.mark.parametrize(("mode", "seed"), [("strict", 1), ("relaxed", 2)])
def test_after_kills_at_random_instants_the_state_is_that_of_an_uninterrupted_run(
    tmp_path: Path, mode: Literal["strict", "relaxed"], seed: int
) -> None:
    kinds = {"kill": 3.0, "cut": 1.0, "cut within a packet": 1.0, "stop and continue": 0.5}
    outcome = run(seed=seed, faults=5, rate=400.0, mode=mode, kinds=kinds, home=tmp_path, say=lambda _: None)
    assert outcome.faults["kill"]
    assert outcome.readings > 500
    assert outcome.differs == []
    assert outcome.faultless, str(outcome)


def test_damage_a_disk_that_takes_nothing_and_a_clock_that_is_set_cost_nothing_that_is_not_told(tmp_path: Path) -> None:
    kinds = {"flip a bit": 1.0, "truncate": 1.0, "forbid writing": 1.0, "step the clock": 1.0}
    outcome = run(seed=6, faults=5, rate=400.0, mode="strict", kinds=kinds, home=tmp_path, say=lambda _: None)
    assert all(outcome.faults.values()), outcome.faults
    assert outcome.faultless, str(outcome)
    assert len(outcome.missing) == 0
    assert outcome.changes > 0


def test_the_stream_of_the_chaos_suite_raises_and_clears_alarms_of_every_kind() -> None:
    oracle = Oracle(config(settings(assets=[CONFIGURED], floods=EVERY_CHANGE)), Stream(1, 60_000))
    oracle.advance(60_000)
    changes = [change.id for change in oracle.changes]
    kinds = {change.split("/")[1] for change in changes}
    assert {"odd", "flat", "new", "temperature_high"} <= kinds
    assert any(change.endswith("/2") for change in changes)
