"""What twins learn from each other about a budget: the rate one states is the rate one gets, and no fault deafens it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from agent import snapshot
from agent.alarms import fleet as fleet_module
from agent.alarms.fleet import TALK_FIRST, Fleet
from agent.block import Arrivals, Samples
from agent.decode import Take
from agent.twins import Twins
from agent.types import Outputs, Transition
from tests.test_anomaly import PERIOD, START, rule, twins

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
RATE = 1.0 / (30 * 86400.0)
ADDED = ("talk", "heard", "missing", "resting", "running")  # to what is stored, with standstills
NOTHING = -math.inf  # of a twin whose score was nothing in a step


def steps(fleet: Fleet, distances: Floats) -> list[float]:
    """Let the fleet take distances of (step, twin); the share above the offset in each step, before it learns from it."""
    often = np.zeros(distances.shape[1])
    spans = np.ones(distances.shape[1])
    above = []
    for k, row in enumerate(distances):
        above.append(float((row >= fleet.offset).mean()))
        often = fleet.step(START + k * fleet.length, row, spans, often)
    return above


def test_what_befalls_all_twins_within_hours_deafens_none_of_them() -> None:
    fleet = Fleet(RATE)
    steps(fleet, exponential(1.0, 0.0)(np.random.default_rng(5), (200, 500)))
    before = fleet.offset
    steps(fleet, np.full((2, 500), 2.0))
    assert before < fleet.offset <= before + 2.0 * fleet_module.RISE + 1e-12


def exponential(slope: float, shift: float) -> Draw:
    """Highest scores of a step whose tail is 10^-(x - shift) / slope, in terms of what is borne in a step."""
    return lambda rng, size: np.log10(rng.random(size) * 240.0) * -slope + shift


TAILS: dict[str, Draw] = {
    "as claimed": exponential(1.0, 0.0),
    "ends sooner": exponential(0.4, -0.6),
    "ends later": exponential(1.3, 0.4),
    "normal": lambda rng, size: rng.standard_normal(size) * 0.3 - 1.5,
}


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("count", [1000, 20])
def test_the_share_of_steps_with_an_alarm_is_what_is_borne(tail: str, count: int) -> None:
    drawn = TAILS[tail](np.random.default_rng(3), (400_000 // count, count))
    above = steps(Fleet(RATE), drawn)
    share = np.mean(above[len(above) // 4 :])
    assert 1.0 / 1.25 < share * 240.0 < 1.25


def test_scores_that_become_smaller_for_weeks_still_raise_what_is_borne() -> None:
    count, length = 250, 480
    drawn = exponential(0.3, -0.5)(np.random.default_rng(11), (length, count)) - 0.004 * np.arange(length)[:, None]
    fleet = Fleet(RATE)
    without = Fleet(RATE)
    above, lagging = [], []
    for row in drawn:
        above += steps(fleet, row[None, :])
        without.correction = 0.0
        lagging += steps(without, row[None, :])
    assert np.mean(lagging[length // 4 :]) * 240.0 < 1.0 / 1.5  # what it was counted by is old
    assert 1.0 / 1.25 < np.mean(above[length // 4 :]) * 240.0 < 1.25


@pytest.mark.parametrize("cries", [True, False])
def test_neither_faults_of_all_nor_their_quiet_move_the_threshold_without_bound(cries: bool) -> None:
    fleet = Fleet(RATE)
    steps(fleet, np.full((400, 300), 2.9 if cries else -3.9))
    assert fleet.correction == (fleet_module.HIGHER if cries else fleet_module.LOWER)
    drawn, usual = exponential(0.5, -0.5)(np.random.default_rng(12), (400, 300)), Fleet(RATE)
    steps(fleet, drawn)
    steps(usual, drawn)
    assert abs(fleet.offset - usual.offset) < 0.5  # from 1.5 above and 3.5 below
    assert fleet_module.LOWER < fleet.correction < fleet_module.HIGHER


def often_silent(rng: np.random.Generator, size: tuple[int, int], share: float) -> Floats:
    """Highest scores of steps, in this share of which anything is scored at all."""
    drawn = exponential(0.6, -0.3)(rng, size)
    return np.where(drawn >= np.quantile(drawn, 1.0 - share), drawn, NOTHING)


MONTH = 240  # steps


@pytest.mark.parametrize("share", [0.45, 0.05])
@pytest.mark.parametrize("count", [50, 300])
@pytest.mark.parametrize("weeks", [1, 6])
def test_a_fleet_that_stood_still_raises_what_is_borne_when_it_runs_again(weeks: int, count: int, share: float) -> None:
    ratios, days = [], []
    for seed in range(2):
        drawn = often_silent(np.random.default_rng([14, seed]), (3 * MONTH + 56 * weeks, count), share)
        drawn[2 * MONTH : 2 * MONTH + 56 * weeks] = NOTHING
        above = steps(Fleet(RATE), drawn)[-MONTH:]
        ratios.append(np.mean(above) * 240.0)
        days.append(np.mean(above[:24]) * 240.0)
    assert 1.0 / 1.5 < np.mean(ratios) < 1.5  # within 30 days
    assert np.mean(days) < 2.5  # the first three


@pytest.mark.parametrize("count", [5, 1])
def test_few_that_stood_still_raise_no_more_than_twice_what_is_borne(count: int) -> None:
    above = []
    for seed in range(60 // count):
        drawn = often_silent(np.random.default_rng([15, seed]), (3 * MONTH + 56, count), 0.45)
        drawn[2 * MONTH : 2 * MONTH + 56] = NOTHING
        above.append(np.mean(steps(Fleet(RATE), drawn)[-MONTH:]) * 240.0)
    assert np.mean(above) < 2.0


@pytest.mark.parametrize("share", [0.45, 0.05])
@pytest.mark.parametrize("count", [1, 5, 50])
def test_quiet_steps_of_a_few_twins_are_no_standstill(count: int, share: float) -> None:
    above = []
    for seed in range(max(8 // count, 1)):
        drawn = often_silent(np.random.default_rng([16, seed]), (21 * MONTH, count), share)
        above += steps(Fleet(RATE), drawn)[MONTH:]
    assert 1.0 / 1.25 < np.mean(above) * 240.0 < 1.25


@pytest.mark.parametrize("count", [300, 20])
def test_a_plant_of_one_shift_raises_by_the_calendar_what_is_borne(count: int) -> None:
    """Nothing is said of nights and weekends, which are three quarters of the time."""
    drawn = often_silent(np.random.default_rng(17), (9 * MONTH, count), 0.45)
    step = np.arange(len(drawn))
    drawn[(step % 8 >= 3) | (step // 8 % 7 >= 5)] = NOTHING
    assert 1.0 / 1.25 < np.mean(steps(Fleet(RATE), drawn)[MONTH:]) * 240.0 < 1.25


def test_a_fleet_begins_to_learn_when_it_begins_to_run() -> None:
    idle, usual = Fleet(RATE), Fleet(RATE)
    drawn = often_silent(np.random.default_rng(18), (MONTH, 300), 0.45)
    steps(idle, np.full((100, 300), NOTHING))
    assert idle.offset == usual.offset == 0.0
    assert steps(idle, drawn) == steps(usual, drawn)


@pytest.mark.parametrize("count", [100, 300])
@pytest.mark.parametrize("stray", [20, 3])
def test_a_score_now_and_then_while_a_new_plant_stands_still_is_not_how_it_runs(count: int, stray: int) -> None:
    """Six weeks without a run, in which one twin scores something now and then, and then it runs."""
    fleet, rng = Fleet(RATE), np.random.default_rng(22)
    still = np.full((6 * 56, count), NOTHING)
    still[::stray, 0] = 0.0
    steps(fleet, still)
    raised = steps(fleet, often_silent(rng, (MONTH, count), 0.45))
    if count == 300:  # a smaller one has to be quiet for some steps until it is no chance
        assert np.mean(raised[:8]) * 240.0 < 2.0
    assert 1.0 / 1.5 < np.mean(raised) * 240.0 < 1.5


def test_a_first_step_in_which_all_score_is_not_how_a_fleet_usually_is() -> None:
    fleet, rng = Fleet(RATE), np.random.default_rng(23)
    steps(fleet, exponential(0.6, 0.0)(rng, (1, 200)))
    usual = often_silent(rng, (MONTH, 200), 0.15)
    steps(fleet, usual)
    assert fleet.heard > 0.9 * MONTH


def test_steps_in_which_nobody_is_heard_teach_nothing() -> None:
    fleet = Fleet(RATE)
    steps(fleet, often_silent(np.random.default_rng(24), (50, 30), 0.4))
    before = fleet.export()
    for k in range(300_000):
        fleet.step(START + k * fleet.length, np.zeros(0), np.zeros(0), np.zeros(0))
    after = fleet.export()
    assert all(np.array_equal(before[name], after[name]) for name in before if name != "due")


def test_a_fleet_that_says_less_for_good_is_no_standstill_for_ever() -> None:
    fleet, rng = Fleet(RATE), np.random.default_rng(19)
    steps(fleet, often_silent(rng, (MONTH, 300), 0.5))
    steps(fleet, often_silent(rng, (6 * MONTH, 300), 0.08))
    assert fleet.missing == 0.0
    assert 1.0 / 1.25 < np.mean(steps(fleet, often_silent(rng, (2 * MONTH, 300), 0.08))) * 240.0 < 1.25


@pytest.mark.parametrize("cut", [30, 130, 150])
def test_a_fleet_that_stands_still_goes_on_from_what_was_stored(cut: int) -> None:
    drawn = often_silent(np.random.default_rng(20), (200, 30), 0.3)
    drawn[120:170] = NOTHING
    whole, before, after = Fleet(RATE), Fleet(RATE), Fleet(RATE)
    often = np.zeros(30)
    for k, row in enumerate(drawn):
        if k == cut:
            after.load(before.export())
        (before if k < cut else after).step(float(k), row, np.ones(30), often)
        often = whole.step(float(k), row, np.ones(30), often)
    one, other = whole.export(), after.export()
    assert one.pop("counts").tobytes() == other.pop("counts").tobytes()
    assert one == other
    assert 0.0 < one["talk"] < 1.0 > one["running"]


def test_a_fleet_of_before_standstills_were_known_still_opens() -> None:
    old, new = Fleet(RATE), Fleet(RATE)
    drawn = often_silent(np.random.default_rng(21), (100, 100), 0.45)
    steps(old, drawn[:50])
    saved = {name: value for name, value in old.export().items() if name not in ADDED}
    new.load(saved)
    assert (new.offset, new.running, new.talk) == (old.offset, 1.0, TALK_FIRST)
    steps(new, drawn[50:])
    assert 0.3 < new.talk < 0.6


def test_a_fleet_of_before_there_was_a_correction_still_opens() -> None:
    old, new = Fleet(RATE), Fleet(RATE)
    steps(old, exponential(0.6, 0.0)(np.random.default_rng(13), (50, 100)))
    saved = old.export()
    del saved["correction"]
    new.load(saved)
    assert (new.offset, new.correction) == (old.offset, 0.0)


def test_a_twin_alone_goes_by_the_nominal_threshold_at_first() -> None:
    fleet = Fleet(RATE)
    assert fleet.offset == 0.0
    steps(fleet, np.full((5, 1), -1.6))
    assert abs(fleet.offset) < 0.2


def usual_offset(drawn: Floats) -> float:
    """The mean over the second half: that of few twins comes and goes with their alarms."""
    fleet, often, offsets = Fleet(RATE), np.zeros(drawn.shape[1]), []
    for k, row in enumerate(drawn):
        often = fleet.step(START + k * fleet.length, row, np.ones(len(row)), often)
        offsets.append(fleet.offset)
    return float(np.mean(offsets[len(offsets) // 2 :]))


@pytest.mark.parametrize("count", [10, 1000])
def test_a_twin_that_always_cries_deafens_no_other(count: int) -> None:
    drawn = exponential(0.6, 0.0)(np.random.default_rng(4), (4000 * 10 // count, count))
    healthy = usual_offset(drawn)
    drawn[:, 0] = 2.9
    assert abs(usual_offset(drawn) - healthy) < 0.6 * math.log10(1.0 + 2.0 * fleet_module.MOST_OFTEN / count) + 0.05


def test_the_offset_stays_within_its_bounds() -> None:
    low, high = Fleet(RATE), Fleet(RATE)
    steps(low, np.full((3000, 3), -3.9))
    steps(high, np.full((3000, 200), 50.0))
    assert fleet_module.LEAST <= low.offset < -1.0
    assert 0.0 < high.offset <= fleet_module.MOST


def test_a_clock_that_is_set_back_does_not_stop_the_counting() -> None:
    fleet = Fleet(RATE)
    fleet.expect(START)
    assert fleet.due == START + fleet.length
    fleet.expect(START + 1.0)
    assert fleet.due == START + fleet.length
    fleet.expect(START - 5e6)
    assert fleet.due == START - 5e6 + fleet.length


def play(core: Twins, values: Floats, first: int = 0, size: int = 1) -> list[tuple[int, str]]:
    """Readings of (moment, asset), one a minute, in batches of as many moments as `size`; time passes before each."""
    count = values.shape[1]
    raised = []
    for a in range(count):
        core.make(0, f"a{a}", START)
    for low in range(0, len(values), size):
        moments = range(first + low, first + min(len(values), low + size))
        if core.next_time() <= START + moments[0] * PERIOD:
            core.on_time(START + moments[0] * PERIOD)
        out = Outputs()
        times = [START + k * PERIOD for k in moments for _ in range(count)]
        rows = [a for _ in moments for a in range(count)]
        column: list[float | None] = list(values[low : low + size].ravel().tolist())
        samples = Samples(list(range(len(rows))), rows, times, [column], (0,))
        core.assimilate([Take(0, samples)], Arrivals(times, [b""] * len(rows)), out)
        raised += [(moments[0], c.asset) for c in out.alarms if c.transition is Transition.RAISED]
    return raised


@pytest.mark.parametrize("noise", ["normal", "Laplace", "Student"])
def test_the_rate_one_gets_is_the_rate_one_stated(noise: str) -> None:
    rng = np.random.default_rng(6)
    size = (2880, 150)  # two days; one false alarm a day and asset is stated
    draw: dict[str, Draw] = {
        "normal": lambda rng, size: rng.standard_normal(size),
        "Laplace": lambda rng, size: rng.laplace(size=size),
        "Student": lambda rng, size: rng.standard_t(3, size),
    }
    raised = play(twins("false_alarms: 1, per: 1d"), draw[noise](rng, size))
    second_day = sum(k >= 1440 for k, _ in raised)
    assert 150 / 1.5 < second_day < 150 * 1.5


def test_a_stream_cut_anywhere_between_steps_gives_the_same_offset() -> None:
    values = np.random.default_rng(7).standard_t(3, (360, 24))
    one, other = twins("false_alarms: 1, per: 12h"), twins("false_alarms: 1, per: 12h")
    play(one, values)
    play(other, values, size=3)  # a step is three minutes long
    assert rule(one).fleet.offset != 0.0
    assert snapshot_bytes(one) == snapshot_bytes(other)


def snapshot_bytes(core: Twins) -> list[bytes]:
    return list(snapshot.dump({"alarms": [b["alarms"] for b in core.snapshot()["blocks"]]}))


def test_what_the_fleet_learned_comes_back_with_a_snapshot() -> None:
    values = np.random.default_rng(8).standard_t(3, (600, 24))
    whole, before, after = (twins("false_alarms: 1, per: 6h") for _ in range(3))
    play(whole, values)
    play(before, values[:300])
    assert not after.restore(snapshot.load(snapshot.dump(before.snapshot())))
    assert rule(after).fleet.offset == rule(before).fleet.offset != 0.0
    play(after, values[300:], first=300)
    assert snapshot_bytes(after) == snapshot_bytes(whole)


def test_a_snapshot_of_before_there_were_fleets_still_opens() -> None:
    core, after = twins(), twins()
    play(core, np.random.default_rng(9).standard_normal((200, 3)))
    saved = core.snapshot()
    (alarm,) = saved["blocks"][0]["alarms"].values()
    del alarm["fleet"], alarm["rows"]["rule_top"], alarm["rows"]["rule_often"]
    assert not after.restore(saved)
    assert rule(after).columns["n"][0] == rule(core).columns["n"][0] == 200
    assert rule(after).fleet.offset == 0.0
