"""A reading with a sequence number counts once, however often it comes, with or without a time of its own."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent.sequences import BEHIND, WINDOW, after
from agent.twins import Twins
from agent.types import Batch, Outputs, Reason
from tests.brokers import Proxy, free_port
from tests.chaos.actors import AgentProcess, QuietMosquitto, Source
from tests.chaos.stream import Reading
from tests.durables import Agent, copied
from tests.services import config, settings
from tests.streams import START, Event, bits, configuration

BLOCK = {
    "topic": "pump/{asset}",
    "time": {"field": "arrival"},
    "payload": {"sequence": "n"},
    "channels": {"flow": {}},
    "alarms": {},
    "silence": {"coasting": "10h", "stale": "20h"},
    "forecast": {"horizons": []},
}


def core(**changes: Any) -> Twins:
    return Twins(config(settings(assets=[{**BLOCK, **changes}])))


def batch(*messages: tuple[str, object], at: float = START) -> Batch:
    payloads = [p if isinstance(p, bytes) else json.dumps(p).encode() for _, p in messages]
    count = len(messages)
    return Batch([t.encode() for t, _ in messages], payloads, [at + k * 1e-3 for k in range(count)], bytes(count))


def sent(number: int | float | None, flow: float = 20.0, asset: str = "a") -> tuple[str, dict[str, Any]]:
    return f"pump/{asset}", {"n": number, "flow": flow}


def reasons(out: Outputs) -> list[Reason]:
    return [reject.reason for reject in out.rejects]


# What makes it the same


@given(st.lists(st.integers(0, WINDOW - 1), max_size=200))
def test_within_the_window_each_number_is_taken_exactly_once_in_any_order(numbers: list[int]) -> None:
    state, taken = None, []
    for number in numbers:
        now = after(state, number)
        if now is not None:
            state = now
            taken.append(number)
    assert taken == list(dict.fromkeys(numbers))


def test_a_counter_that_starts_over_or_wraps_around_is_followed() -> None:
    for newest, anew in ((5000, 0), (5000, 1), (65535, 0), (2**32 - 1, 3), (10**6, 10**5), (WINDOW, 0)):
        state = after((newest, 1), anew)
        assert state == (anew, 1)
        assert after(state, anew + 1) == (anew + 1, 3)


def test_what_a_broker_sends_again_is_not_taken_for_a_counter_that_starts_over() -> None:
    state: tuple[int, int] | None = None
    for number in range(100, 100 + BEHIND):
        state = after(state, number)
    assert [number for number in range(100, 100 + BEHIND) if after(state, number) is not None] == []


def test_a_gap_is_no_fault_and_what_fills_it_is_taken() -> None:
    state = after(after(None, 7), 12)
    assert after(state, 7) is None
    assert after(state, 9) is not None
    assert after(after(None, 7), 7 + 10**9) == (7 + 10**9, 1)


# In the core


def test_without_a_time_a_reading_that_comes_again_is_a_duplicate_by_its_number() -> None:
    twins = core()
    assert twins.on_batch(batch(sent(1), sent(2, 21.0))).readings == 2
    before = bits(twins)
    out = twins.on_batch(batch(sent(2, 21.0), sent(1), at=START + 10))
    assert (out.readings, reasons(out)) == (0, [Reason.DUPLICATE] * 2)
    assert out.rejects[0].detail == "n 2"
    assert bits(twins) == before


def test_each_asset_counts_for_itself_and_so_does_each_topic_of_a_channel() -> None:
    twins = core()
    assert twins.on_batch(batch(sent(1), sent(1, asset="b"))).readings == 2
    split = core(topic="pump/{asset}/{channel}", channels={"flow": {}, "heat": {}})
    messages = [(f"pump/a/{name}", {"n": 1, name: 1.0}) for name in ("flow", "heat", "flow")]
    out = split.on_batch(batch(*messages))
    assert (out.readings, reasons(out)) == (2, [Reason.DUPLICATE])


@hypothesis_settings(deadline=None)
@given(st.data())
def test_a_stream_with_repeats_cut_anywhere_gives_the_same_state(data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    kinds = (sent, lambda n: sent(n, asset="b"), lambda n: ("pump/a", b"junk"), lambda n: sent(None, n))
    messages = [rng.choice(kinds)(rng.choice((rng.randrange(12), 1000 + rng.randrange(90)))) for _ in range(60)]
    whole = core()
    out = whole.on_batch(batch(*messages))
    cut = core()
    rejects, at = [], 0
    received = [START + k * 1e-3 for k in range(len(messages))]
    while at < len(messages):
        size = rng.randrange(1, 20)
        part = batch(*messages[at : at + size])._replace(received=received[at : at + size])
        rejects += cut.on_batch(part).rejects
        at += size
    assert bits(cut) == bits(whole)
    assert sorted(map(str, rejects)) == sorted(map(str, out.rejects))


def test_numbers_that_are_none_and_messages_without_a_value_are_refused_and_one_without_a_number_counts() -> None:
    out = core().on_batch(batch(sent(1.5), sent(2.0**60), ("pump/a", {"n": 3}), sent(None), sent(3)))
    assert reasons(out) == [Reason.WRONG_TYPE, Reason.WRONG_TYPE, Reason.MISSING]
    assert out.readings == 2


def test_a_number_that_is_none_makes_no_twin() -> None:
    twins = core()
    assert reasons(twins.on_batch(batch(sent(1.5)))) == [Reason.WRONG_TYPE]
    assert len(twins) == 0


def test_a_message_that_only_counts_makes_no_twin_and_uses_up_no_number() -> None:
    twins = core()
    assert reasons(twins.on_batch(batch(("pump/a", {"n": 1})))) == [Reason.MISSING]
    assert len(twins) == 0
    assert twins.on_batch(batch(sent(1))).readings == 1


def test_samples_of_one_message_and_lines_of_csv_have_numbers_of_their_own() -> None:
    twins = core()
    series: object = [{"n": k, "flow": 20.0, "t": START + k} for k in (1, 2, 2)]
    timed = core(time={"field": "t", "format": "s"})
    assert timed.on_batch(batch(("pump/a", series))).readings == 2
    lines = core(payload={"format": "csv", "columns": ["n", "flow"], "sequence": "n"})
    out = lines.on_batch(batch(("pump/a", b"1,20.0"), ("pump/a", b"2,21.0"), ("pump/a", b"1,20.0")))
    assert (out.readings, reasons(out)) == (2, [Reason.DUPLICATE])
    assert len(twins) == 0


def test_a_shared_input_that_comes_again_drives_nothing() -> None:
    model = {"type": "first_order", "tau": "60s", "target": {"topic": "weather", "field": "air"}}
    twins = Twins(configuration(settings(assets=[{**BLOCK, "model": model}])))
    twins.on_batch(batch(*[sent(k, 20.0 + k % 2) for k in range(8)]))
    out = twins.on_batch(batch(("weather", {"n": 5, "air": 10.0}), at=START + 1))
    assert (out.readings, out.rejects) == (1, [])
    before = bits(twins)
    out = twins.on_batch(batch(("weather", {"n": 5, "air": 10.0}), at=START + 2))
    assert reasons(out) == [Reason.DUPLICATE]
    assert bits(twins) == before


def test_a_plain_number_has_no_place_for_a_sequence_and_the_error_says_so() -> None:
    with pytest.raises(ValueError, match=r"expected no `sequence` with `format: number`.*hint: json or csv"):
        core(payload={"format": "number", "sequence": "n"})


def test_a_batch_that_fails_uses_up_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    twins = core()
    twins.on_batch(batch(sent(1)))
    with monkeypatch.context() as patch:
        patch.setattr(Twins, "assimilate", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            twins.on_batch(batch(sent(1), sent(2), sent(3)))
    out = twins.on_batch(batch(sent(1), sent(2), sent(3)))
    assert (out.readings, reasons(out)) == (2, [Reason.DUPLICATE])


# Across restarts and reloads


def agent_of(path: Path, mode: str = "strict", wall: float = START) -> Agent:
    return Agent(path, mode, settings(assets=[BLOCK]), wall)  # type: ignore[arg-type]  # a mode


@pytest.mark.parametrize("mode", ["strict", "relaxed"])
@pytest.mark.parametrize("snapshot", [False, True])
def test_after_a_kill_what_was_taken_is_still_known_from_journal_and_snapshot(
    tmp_path: Path, mode: str, snapshot: bool
) -> None:
    rng = random.Random(3)
    with agent_of(tmp_path / "t.db", mode) as agent:
        for k in range(120):
            agent.play(Event(START + k, [sent(k // 2, 20.0 + rng.random(), rng.choice("ab"))]))
        if snapshot:
            agent.rest(400.0)
        with agent_of(copied(tmp_path / "t.db", tmp_path / "copy"), mode, agent.wall) as back:
            agent.resume()
            assert bits(back.twins) == bits(agent.twins)
            for k in (0, 30, 59):
                again = [sent(k, 5.0, asset) for asset in "ab"]
                out = back.play(Event(START + 200 + k, again))[0]
                expected = agent.play(Event(START + 200 + k, again))[0]
                assert (out.readings, reasons(out)) == (expected.readings, reasons(expected))
            assert bits(back.twins) == bits(agent.twins)


def test_turning_numbers_on_keeps_the_twins_and_a_reload_keeps_the_numbers() -> None:
    plain = core(payload={})
    plain.on_batch(batch(sent(1), sent(2)))
    counted, lines = plain.reconfigure(core().config)
    assert (lines, len(counted)) == ([], 1)
    counted.on_batch(batch(sent(3), at=START + 5))
    more, lines = counted.reconfigure(core(max_assets=7).config)
    assert lines == []
    assert reasons(more.on_batch(batch(sent(3), at=START + 6))) == [Reason.DUPLICATE]


class Counting:
    """Readings of five assets that carry a number and no time, for a paced source."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def part(self, start: int, end: int) -> list[Reading]:
        return [
            Reading(b"pump/a%d" % (k % 5), b'{"n": %d, "flow": %d}' % (100 + k // 5, 20 + k % 3))
            for k in range(start, min(end, self._count))
        ]


@pytest.mark.broker
@pytest.mark.parametrize("mode", ["strict", "relaxed"])
def test_killed_at_any_instant_readings_without_a_time_count_once_and_none_is_lost(tmp_path: Path, mode: str) -> None:
    rng = random.Random(5)
    with QuietMosquitto(tmp_path) as broker, Proxy(broker.port) as proxy:
        raw = settings(
            mqtt={"host": "127.0.0.1", "port": proxy.port, "qos": 1, "reconnect": {"min": "20ms", "max": "100ms"}},
            store={"mode": mode, "path": str(tmp_path / "twinned.db"), "gather": "50ms"},
            http={"port": free_port()},
            log={"level": "warning"},
            assets=[BLOCK],
        )
        base = f"http://127.0.0.1:{raw['http']['port']}"
        with AgentProcess(raw, tmp_path) as agent:
            agent.start()
            _until(lambda: _metric(base, "twinned_mqtt_subscribed") == 1)
            source = Source(broker.port, Counting(1_000_000), 1500.0)  # type: ignore[arg-type]  # as long as a Stream
            source.start()
            duplicates = 0.0
            for _ in range(4):
                time.sleep(rng.uniform(0.2, 0.6))
                proxy.cut()
                time.sleep(rng.uniform(0.2, 0.5))
                duplicates += max(0.0, _metric(base, 'twinned_rejects_total{reason="duplicate"}'))
                agent.kill()
                agent.start()
            source.ended.set()
            source.join()
            newest = {f"a{k}": 0 for k in range(5)}

            def all_there() -> bool:
                found = {twin["asset"]: _readings(base, twin["asset"]) for twin in _get(base + "/api/twins")["twins"]}
                still = found == newest
                newest.update(found)
                return still and sum(found.values()) >= source.acknowledged

            _until(all_there)
            duplicates += _metric(base, 'twinned_rejects_total{reason="duplicate"}')
            total = sum(newest.values())
            # What the source had under way when it ended may have come, too: it is the very next of its readings.
            assert source.acknowledged <= total <= source.acknowledged + 500
            assert newest == {f"a{k}": (total + 4 - k) // 5 for k in range(5)}
            assert duplicates > 0
            agent.stop()


def _get(address: str) -> Any:
    with urlopen(address, timeout=5) as answer:
        return json.load(answer)


def _readings(base: str, asset: str) -> int:
    count: int = _get(f"{base}/api/twins/{asset}")["channels"]["flow"]["readings"]
    return count


def _metric(base: str, name: str) -> float:
    try:
        with urlopen(base + "/metrics", timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[-1])
    except OSError:
        pass
    return -1.0


def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
