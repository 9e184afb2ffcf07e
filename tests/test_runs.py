"""Many readings of the same assets at once: the same bits as one at a time, in filter, score, alarms and messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import trajectory
from agent.alarms import score, scored
from agent.bank import Bank
from agent.kernel import WARMED
from agent.runs import LEAST, Runs
from agent.trajectory import sequence
from agent.twins import Twins
from agent.types import Batch, Outputs
from tests.services import settings as raw_settings
from tests.streams import bits, core
from tests.test_bank import COMPONENTS
from tests.test_invariance import Arrived, counted, play, rejected, said

SOLO = [name for name, c in COMPONENTS.items() if Bank(c, robust=True, window=8, late=1.0).runs]
ROOM = 400  # rows of a bank, of which every example takes others: to emit a bank takes longer than an example
DAY = 86400.0


@cache
def banks(name: str, robust: bool) -> tuple[Bank, Bank, list[int]]:
    made = [Bank(COMPONENTS[name], robust=robust, window=16, late=1e9) for _ in range(2)]
    for bank in made:
        bank.grow(ROOM)
    return made[0], made[1], [0]


def fresh(used: list[int], count: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    used[0] = 0 if used[0] + count > ROOM else used[0]
    used[0] += count
    return np.arange(used[0] - count, used[0])


def assert_same(one: Bank, other: Bank, rows: Sequence[int]) -> None:
    first, second = one.export(rows), other.export(rows)
    assert first.keys() == second.keys()
    for name in first:
        assert np.asarray(first[name]).tobytes() == np.asarray(second[name]).tobytes(), name


def start_over(bank: Bank, rows: Any) -> None:
    """Rows as they were when they were made."""
    for name, column in bank.columns.items():
        column[rows] = bank._start(name)
    bank.history.position[rows] = bank.history.backlog[rows] = 0


def test_what_has_runs_are_the_models_of_one_channel_and_nothing_else() -> None:
    assert {"level learned", "level_rate learned"} <= set(SOLO)
    assert {"tank learned", "linear learned"}.isdisjoint(SOLO)


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("name", SOLO)
def test_a_run_ends_where_one_reading_after_the_other_does(name: str, robust: bool, arrays: bool) -> None:
    one, other, used = banks(name, robust)

    @settings(max_examples=12, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
        rows = fresh(used, data.draw(st.sampled_from([1, 2, 7])))
        for bank in (one, other):
            start_over(bank, rows)
        clock, scale = np.zeros(len(rows)), 10.0 ** float(rng.integers(-3, 4))
        warm = data.draw(st.sampled_from([3, 3, int(WARMED)]))
        for _ in range(data.draw(st.integers(1, 4))):
            for k in range(warm):
                for i, row in enumerate(rows.tolist()):
                    clock[i] += 1.0
                    value = scale * float(rng.normal()) + k % 3
                    assert one.update(row, 0, clock[i], value) == other.update(row, 0, clock[i], value)
            which = rng.integers(0, len(rows), data.draw(st.integers(1, 90)))
            values = scale * rng.normal(size=len(which)) * np.where(rng.random(len(which)) < 0.1, 40.0, 1.0)
            values = np.where(rng.random(len(which)) < 0.3, np.round(values), values)
            times = np.empty(len(which))
            for k, i in enumerate(which.tolist()):
                clock[i] += float(rng.choice([1.0, 1.0, 0.25, 7.5, 1e-3, 5000.0]))
                times[k] = clock[i]
                one.update(int(rows[i]), 0, times[k], float(values[k]))
            s = sequence(rows[which], arrays=arrays)
            before = other.export(rows.tolist())
            path = trajectory.run(other, s, s.order(), times[s.which], values[s.which])
            assert path is not None
            untouched = other.export(rows.tolist())
            assert all(before[name].tobytes() == untouched[name].tobytes() for name in before)
            trajectory.keep(other, path)
            assert_same(one, other, rows.tolist())
            late = float(clock[0]) - 2.25
            assert one.update(int(rows[0]), 0, late, 0.5) == other.update(int(rows[0]), 0, late, 0.5)
            assert_same(one, other, rows.tolist())
            warm = 1

    check()


@pytest.mark.parametrize("arrays", [False, True])
def test_each_step_of_a_run_can_be_shown(arrays: bool) -> None:
    one, other, used = banks("level_rate learned", True)
    rows = fresh(used, 3)
    for bank in (one, other):
        start_over(bank, rows)
        for k in range(4):
            for row in rows.tolist():
                bank.update(row, 0, float(k), float(k % 2))
    rng = np.random.default_rng(3)
    which = rng.integers(0, 3, 60)
    times, values = 10.0 + np.arange(60.0), rng.normal(size=60)
    s = sequence(rows[which], arrays=arrays)
    path = trajectory.run(other, s, s.order(), times[s.which], values[s.which])
    assert path is not None
    place = {int(k): step for step, k in enumerate(s.which)}
    for k in range(60):
        row = int(rows[which[k]])
        one.update(row, 0, float(times[k]), float(values[k]))
        ordinal = int(np.flatnonzero(s.rows == row)[0])
        trajectory.show(other, path, ordinal, place[k])
        assert place[k] in s.steps(ordinal).tolist()
        for name in path.columns:
            assert one.columns[name][row].tobytes() == other.columns[name][row].tobytes(), name


@pytest.mark.parametrize("arrays", [False, True])
def test_a_run_that_leaves_what_numbers_hold_is_none_and_touches_nothing(arrays: bool) -> None:
    one, _, used = banks("level_rate learned", False)
    rows = fresh(used, 2)
    start_over(one, rows)
    for k in range(5):
        for row in rows.tolist():
            one.update(row, 0, float(k), 1.0)
    before = one.export(rows.tolist())
    s = sequence(np.tile(rows, 3), arrays=arrays)
    times, values = np.repeat([1e150, 2e200, 3e250], 2), np.array([1e200, 1.0, -1e200, 1.0, 1e200, 1.0])
    assert trajectory.run(one, s, s.order(), times[s.which], values[s.which]) is None
    after = one.export(rows.tolist())
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_the_score_of_settled_rows_is_worked_out_with_less() -> None:
    lengths = [len(score.plan_run(score.DETECTORS, weekly=False, settled=settled)._needs) for settled in (False, True)]
    assert lengths[1] < lengths[0]


# -- whole agents

TIME = {"field": "t", "format": "s", "window": 16, "late": 50, "max_ahead": 1e9}
ANOMALY = {"type": "anomaly", "false_alarms": 1, "per": "1h"}


def configured(**changes: Any) -> Callable[[], Twins]:
    block: dict[str, Any] = {
        "topic": "plant/{asset}",
        "time": TIME,
        "channels": {"v": {"unit": "bar", "limits": {"high": 3.0, "deadband": 0.5, "on_delay": 4.0, "off_delay": 2.0}}},
        "learning": 5,
        "forecast": {"horizons": []},
        "alarms": {"odd": ANOMALY, "fast": {"type": "rate", "above": 0.8}, "gone": {"type": "absence", "after": 40}},
    }
    raw = raw_settings(assets=[block | changes])
    return lambda: core(raw)


TWO = {"v": {}, "w": {"model": "level", "noise": 0.3}}
PLAIN = {"odd": ANOMALY | {"detectors": ["hour", "sudden", "shift", "noise", "flat"]}}
CASES = {
    "plain": configured(),
    "forecasts": configured(forecast={"horizons": [2, 30], "interval": 5}),
    "seldom told": configured(state={"policy": "interval", "interval": 7}, forecast={"horizons": [5], "interval": 3}),
    "never told": configured(state={"policy": "never"}, alarms={"odd": ANOMALY | {"season": "week"}}),
    "level": configured(model="level", alarms={"odd": ANOMALY | {"season": "none"}}),
    "two channels": configured(channels=TWO, alarms=PLAIN, forecast={"horizons": [3], "interval": 4}),
    "drift": configured(alarms={"odd": ANOMALY | {"detectors": ["drift", "sudden"]}}),
    "no gate": configured(gate="none", alarms={}),
}


def stream(rng: np.random.Generator, assets: int, messages: int, start: float, *, wild: bool) -> list[Arrived]:
    """Messages of few assets: arrays of samples, gaps, late and double ones, spikes, and values that do not move."""
    out, now = [], start
    clock = dict.fromkeys(range(assets), start)
    held = dict.fromkeys(range(assets), 0.0)
    for _ in range(messages):
        asset = int(rng.integers(0, assets)) if rng.random() < 0.5 else 0
        samples = []
        for _ in range(int(rng.choice([1, 1, 1, 4]))):
            clock[asset] += float(rng.choice([1.0, 1.0, 0.5, 3.0, 60.0 if rng.random() < 0.05 else 1.0]))
            when = clock[asset]
            if wild and rng.random() < 0.02:
                when -= float(rng.choice([0.0, 2.0, 2.5, 400.0]))
            if rng.random() > 0.2:
                held[asset] = float(np.round(rng.normal() * (30.0 if rng.random() < 0.03 else 1.0), 2))
            value = 1e90 * rng.normal() if wild and rng.random() < 0.004 else held[asset]
            sample: dict[str, float] = {"t": when, "v": value}
            if rng.random() < 0.7:
                sample["w"] = float(rng.normal())
            if rng.random() < 0.1:
                del sample["v"]
            samples.append(sample)
        now = max(now, clock[asset])
        body = samples[0] if len(samples) == 1 else samples
        out.append(Arrived(f"plant/a{asset}".encode(), json.dumps(body).encode(), now))
    return out


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many readings each committed run had."""
    sizes: list[int] = []
    commit = Runs._commit

    def counting(self: Runs, runs: Any, *rest: Any) -> None:
        sizes.extend(len(run.path.times) for run in runs)
        commit(self, runs, *rest)

    monkeypatch.setattr(Runs, "_commit", counting)
    return sizes


@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_batches_with_many_samples_of_an_asset_say_the_same_as_one_by_one(
    case: str, wild: bool, taken: list[int]
) -> None:
    for seed, assets in ((1, 1), (2, 3), (3, 40)):
        rng = np.random.default_rng(seed)
        hour = 1.7e9 // DAY * DAY + 3600.0 * 5.0 - 300.0  # so that hours, and slots of the week, change on the way
        arrived = stream(rng, assets, 900 if assets < 40 else 2500, hour, wild=wild)
        one_by_one, first = play(arrived, [1] * len(arrived), CASES[case]())
        before = len(taken)
        cut, second = play(arrived, rng.integers(1, 700, 9).tolist(), CASES[case]())
        assert len(taken) > before
        assert bits(cut) == bits(one_by_one)
        assert said(second) == said(first)
        assert rejected(second) == rejected(first)
        assert counted(second) == counted(first)
        assert sorted(r for each in second for r in each.relearned) == sorted(r for e in first for r in e.relearned)
        assert [c.payload for each in second for c in each.alarms] == [c.payload for e in first for c in e.alarms]


def test_alarms_come_up_within_runs(taken: list[int]) -> None:
    """What the test above compares does happen: alarms, forecasts that are compared, levels that are taken over."""
    arrived = stream(np.random.default_rng(5), 1, 900, 1.7e9, wild=False)
    twins, outputs = play(arrived, [300, 300, 300], CASES["forecasts"]())
    assert sum(taken) > 500
    assert {c.transition.value for each in outputs for c in each.alarms} >= {"raised", "cleared"}
    assert sum(each.forecasts for each in outputs) > 50
    bands = twins.blocks[0].announcer.forecaster.bands[0]
    assert bands.factor.columns["count0_2"][0] > 10.0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 400), max_size=6), st.sampled_from(sorted(CASES)))
def test_any_stream_cut_anywhere_gives_the_same(seed: int, cuts: list[int], case: str) -> None:
    arrived = stream(np.random.default_rng(seed), 1 + seed % 3, 350, 1.7e9 + seed, wild=bool(seed % 2))
    one_by_one, first = play(arrived, [1] * len(arrived), CASES[case]())
    cut, second = play(arrived, cuts, CASES[case]())
    assert bits(cut) == bits(one_by_one)
    assert said(second) == said(first)
    assert rejected(second) == rejected(first)


@pytest.mark.parametrize("case", ["plain", "drift"])
def test_rows_that_have_learned_enough_go_through_the_shorter_run(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    settled: list[bool] = []
    run = score.run

    def noticed(detectors: tuple[str, ...], **kind: bool) -> Any:
        settled.append(kind["settled"])
        return run(detectors, **kind)

    monkeypatch.setattr(score, "run", noticed)
    assert scored.score is score
    rng = np.random.default_rng(9)
    count = int(score.WARMED) + 600
    arrived = [
        Arrived(b"plant/a", b'{"t":%d,"v":%.2f}' % (1.7e9 + k, v), 1.7e9 + k)
        for k, v in enumerate(rng.normal(size=count).tolist())
    ]
    one_by_one, first = play(arrived, [1] * count, CASES[case]())
    cut, second = play(arrived, [500] * (count // 500), CASES[case]())
    assert settled[0] is False
    assert settled[-1] is True
    assert bits(cut) == bits(one_by_one)
    assert said(second) == said(first)


def test_few_samples_and_blocks_with_channels_held_against_each_other_go_their_own_way(taken: list[int]) -> None:
    arrived = stream(np.random.default_rng(1), 1, LEAST // 5, 1.7e9, wild=False)
    play(arrived, [], CASES["plain"]())
    together = configured(channels=TWO, alarms={"odd": ANOMALY})
    play(stream(np.random.default_rng(1), 1, 400, 1.7e9, wild=False), [], together())
    assert taken == []
    assert not together().blocks[0].runs.possible


@pytest.mark.parametrize("every", [0, LEAST + 4])
def test_late_readings_do_not_make_a_batch_be_looked_at_over_and_over(
    every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or whoever sends some of them among thousands keeps the agent busy with the square of their number."""
    looked: list[int] = []
    take = Runs.take

    def counting(self: Runs, s: Any, *rest: Any) -> Any:
        looked.append(len(s.rows))
        return take(self, s, *rest)

    monkeypatch.setattr(Runs, "take", counting)
    count = 8000
    stamps = [1.7e9 + k - (2.5 if every and k % every == every - 1 else 0.0) for k in range(count)]
    messages = [
        Arrived(b"plant/a0", b'{"t": %.3f, "v": %.3f}' % (t, k % 7), 1.7e9 + count) for k, t in enumerate(stamps)
    ]
    play(messages, [100, count], CASES["plain"]())
    assert max(looked) == count - 100
    assert sum(looked) < 20 * count


def _back_from_silence(twins: Twins, first: float, messages: list[Batch]) -> list[Outputs]:
    """Ten readings, silence until the asset is absent, then the messages; an hour passes after them."""
    for k in range(10):
        twins.on_batch(Batch.of("plant/a", json.dumps({"t": 1.7e9 + k, "v": k % 2, "w": k % 3}).encode(), first + k))
    out = [twins.on_time(first + 60.0)]
    out += [twins.on_batch(batch) for batch in messages]
    return [*out, *(twins.on_time(messages[-1].received[-1] + k) for k in range(1, 120))]


@pytest.mark.parametrize("ahead", [0.0, 600.0], ids=["one clock", "a clock that was set back"])
@pytest.mark.parametrize("channels", [{"v": {}}, TWO], ids=["one channel", "two channels"])
@pytest.mark.parametrize("delay", [0.0, 3.0])
def test_an_absent_asset_is_back_at_the_same_moment_however_its_readings_come(
    channels: dict[str, Any], delay: float, ahead: float, taken: list[int]
) -> None:
    gone = {"type": "absence", "after": 20, "off_delay": delay}
    silence = {"coasting": 5000, "stale": 9000}  # so that the asset is live when it comes back
    make = configured(channels=channels, model="level", alarms={"gone": gone}, silence=silence)
    stamps = [1.7e9 + 80.0 + k for k in range(LEAST + 12)]
    samples = [{"t": t, "w": k % 3} | ({"v": k % 2} if k >= 10 else {}) for k, t in enumerate(stamps)]
    payloads = [json.dumps(sample).encode() for sample in samples]
    one_by_one, whole = make(), make()
    first = _back_from_silence(
        one_by_one, 1.7e9 + ahead, [Batch.of("plant/a", p, t) for p, t in zip(payloads, stamps, strict=True)]
    )
    second = _back_from_silence(
        whole, 1.7e9 + ahead, [Batch([b"plant/a"] * len(stamps), payloads, stamps, bytes(len(stamps)))]
    )
    told = [[(c.transition, c.time, c.payload) for each in out for c in each.alarms] for out in (first, second)]
    assert told[0] == told[1]
    assert [change[0].value for change in told[0]] == ["raised", "cleared", "raised"]
    assert bits(whole) == bits(one_by_one)
    assert bool(taken) is (len(channels) == 1)
