"""The loop, turn by turn: a real core, a pretended session, and time that passes when the test says so."""

from __future__ import annotations

import io
import math
import signal
import socket
import threading
import weakref
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.shell.calls import Unanswered
from agent.shell.exits import Exit, ExitError
from agent.shell.http import Health
from agent.shell.service import Loaded, World, run
from agent.shell.signals import Signals
from agent.shell.views import SLICE, make_views, snapshot_of, status_words
from agent.twins import Twins
from agent.types import Batch, Outputs, Reason, Reject
from tests.brokers import free_port
from tests.services import PLANT, Bench, batch, get, settings


def log_lines(bench: Bench) -> list[str]:
    return [line.split(" ", 1)[1] for line in bench.stderr.getvalue().splitlines()]


# Batches


def test_a_batch_is_published_then_acknowledged_and_leaves_in_one_go() -> None:
    with Bench() as bench:
        bench.turn(batch(("a", 20.0), ("b", 30.0)))
        assert bench.session.calls == ["publish", "acknowledge", "flush"]
        assert {"twinned/test/a/state", "twinned/test/b/state"} <= set(bench.session.topics())


def test_a_broker_that_forgot_what_it_retained_is_told_the_active_alarms_again_with_their_ids() -> None:
    watched = {**PLANT, "channels": {"temperature": {"limits": {"high": 25.0}}}, "learning": 4, "alarms": {}}
    with Bench(settings(assets=[watched])) as bench:
        for second in range(14):
            hot = 40.0 if second > 5 else 20.0 + 0.01 * second
            bench.turn(batch(("a", hot), ("b", 20.0 + 0.01 * second), received=1000.0 + second))
        first = [p for p in bench.session.published if b"/alarm/" in p.topics[0]]
        assert [p.topics[0] for p in first] == [b"twinned/test/a/alarm/temperature_high"]
        bench.session.published.clear()
        bench.session.forgotten = True
        bench.turn()
        (again,) = bench.session.published
        assert again.topics == first[0].topics and again.retain and again.qos == 1
        was, now = (msgspec.json.decode(p.payloads[0]) for p in (first[0], again))
        assert (now["id"], now["state"], now["since"]) == (was["id"], "active", was["since"])
        bench.session.published.clear()
        bench.turn()
        assert bench.session.published == []


def test_what_a_lost_connection_leaves_is_collected_at_once() -> None:
    """Or the memory of an agent whose network comes and goes rises for as long as the collector's patience lasts."""

    class Link:
        pass

    with Bench() as bench:
        bench.turn()
        lost = Link()
        lost.itself = lost  # type: ignore[attr-defined]
        left = weakref.ref(lost)
        del lost
        bench.session.connected, bench.session.reason = False, "the broker closed the connection"
        bench.turn()
        assert left() is None


def test_an_idle_turn_sends_nothing() -> None:
    with Bench() as bench:
        bench.turn()
        assert bench.session.calls == []
        assert bench.service.tally.turns == 1


def test_what_a_batch_brought_is_counted() -> None:
    with Bench() as bench:
        bench.turn(batch(("a", 20.0), ("b", 30.0), ("plant/a/telemetry", b"{"), ("elsewhere/x", 1.0)))
        snapshot = snapshot_of(bench.service)
        assert snapshot["twinned_messages_total"] == 4
        assert snapshot["twinned_readings_total"] == {("used",): 2, ("late",): 0}
        assert snapshot["twinned_assets_discovered_total"] == 2
        assert snapshot["twinned_twins"] == {("learning",): 2, ("live",): 0, ("coasting",): 0, ("stale",): 0}
        assert snapshot["twinned_last_batch_timestamp_seconds"] == bench.now.time
        rejects: Any = snapshot["twinned_rejects_total"]
        assert {key[0]: count for key, count in rejects.items() if count} == {"malformed": 1, "unrouted": 1}


def test_what_the_wire_refused_is_counted_and_told_like_any_reject() -> None:
    with Bench() as bench:
        bench.turn([Reject(b"plant/a/telemetry", Reason.TOO_LARGE, "300000 bytes")])
        assert bench.service.tally.rejects[Reason.TOO_LARGE] == 1
        assert bench.service.tally.messages == 1
        assert 'WARNING not used reason=too_large topic=plant/a/telemetry detail="300000 bytes"' in log_lines(bench)


def test_a_flood_of_bad_messages_is_a_few_lines_and_an_exact_count() -> None:
    with Bench() as bench:
        for _ in range(10):
            bench.turn(batch(*(("plant/a/telemetry", b"{") for _ in range(100))))
        bench.log.sweep(everything=True)
        lines = [line for line in log_lines(bench) if "not used" in line]
        assert len(lines) == 2
        assert lines[0].endswith("times=100")
        assert "times=900" in lines[1]


def test_bad_messages_on_ever_new_topics_are_a_bounded_number_of_lines() -> None:
    with Bench() as bench:
        for number in range(100):
            bench.turn(batch(*((f"plant/{number}-{k}/telemetry", b"{") for k in range(100))))
        assert bench.service.tally.rejects[Reason.MALFORMED] == 10_000
        assert len([line for line in log_lines(bench) if "not used" in line]) < 300


def test_the_lag_counts_from_the_readings_own_time() -> None:
    class Dated(Twins):
        def on_batch(self, batch: Batch) -> Outputs:
            outputs = super().on_batch(batch)
            outputs.event_time = 998.5
            return outputs

    with Bench() as bench:
        bench.service.twins = Dated(bench.service.loaded.config)
        bench.turn(batch(("a", 20.0)))
        assert bench.service.tally.publish_lag.sum == pytest.approx(1.5)


def test_the_lag_is_never_negative() -> None:
    with Bench() as bench:
        bench.turn(batch(("a", 20.0), received=bench.now.time + 5))
        assert bench.service.tally.publish_lag.sum == 0


# Bugs of ours


class Touchy(Twins):
    """A core with a bug: it cannot stand the asset `cursed`."""

    def on_batch(self, batch: Batch) -> Outputs:
        if any(b"cursed" in topic for topic in batch.topics):
            raise ZeroDivisionError("cursed")
        return super().on_batch(batch)

    def on_time(self, now: float) -> Outputs:
        raise ZeroDivisionError("time")

    def next_time(self) -> float:
        return 0.0


def test_a_message_the_core_fails_on_is_lost_alone() -> None:
    with Bench() as bench:
        bench.service.twins = Touchy(bench.service.loaded.config)
        names = [f"a{number}" for number in range(37)]
        names[5] = names[22] = "cursed"
        bench.turn(batch(*((name, 20.0) for name in names)))
        states = [topic for topic in bench.session.topics() if topic.endswith("/state")]
        assert states == [f"twinned/test/{name}/state" for name in names if name != "cursed"]
        assert "acknowledge" in bench.session.calls
        assert bench.service.tally.internal_errors == 3  # one more for the time


def test_a_bug_is_told_with_its_traceback_on_one_line_and_not_again_and_again() -> None:
    with Bench() as bench:
        bench.service.twins = Touchy(bench.service.loaded.config)
        for _ in range(50):
            bench.turn(batch(("cursed", 20.0)))
        lines = [line for line in log_lines(bench) if "internal error" in line and "cursed" in line]
        assert len(lines) == 1
        assert "topic=plant/cursed/telemetry" in lines[0]
        assert "Traceback (most recent call last):\\n" in lines[0]


def test_a_core_that_fails_with_time_is_not_asked_again_at_once() -> None:
    with Bench() as bench:
        bench.service.twins = Touchy(bench.service.loaded.config)
        for _ in range(10):
            bench.turn()
        assert bench.service.tally.internal_errors == 1
        bench.pass_time(1.1)
        bench.turn()
        assert bench.service.tally.internal_errors == 2


# Time


def test_silence_is_published_when_its_time_has_come() -> None:
    with Bench() as bench:
        for _ in range(40):
            bench.turn(batch(("a", 20.0), received=bench.now.time))
            bench.pass_time(1.0)
        bench.session.published.clear()
        due = bench.service.twins.next_time()
        assert bench.now.time < due < math.inf
        bench.turn()
        assert bench.session.published == []
        bench.pass_time(due - bench.now.time + 0.001)
        bench.turn()
        assert "twinned/test/a/state" in bench.session.topics()


def test_the_loop_sleeps_until_the_next_deadline_and_never_long() -> None:
    with Bench() as bench:
        assert bench.service._pause() == 2.0
        bench.session.due = bench.monotonic.time + 0.5
        assert bench.service._pause() == pytest.approx(0.5)
        bench.session.due = -math.inf
        assert bench.service._pause() == 0.0


def test_the_session_is_told_when_its_time_has_come() -> None:
    with Bench() as bench:
        bench.session.due = bench.monotonic.time + 1
        bench.turn()
        assert bench.session.calls == []
        bench.pass_time(1)
        bench.turn()
        assert bench.session.calls == ["on_time"]


# Supervision


def test_the_watchdog_is_fed_by_turns_alone(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "n"))
        sock.setblocking(False)

        def fed() -> int:
            count = 0
            try:
                while True:
                    count += sock.recv(4096) == b"WATCHDOG=1"
            except BlockingIOError:
                return count

        environ = {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "4000000"}
        with Bench(environ=environ) as bench:
            assert bench.service._pause() <= 1.0
            bench.turn()
            assert fed() == 1
            bench.turn()
            assert fed() == 0
            bench.pass_time(2.0)
            assert fed() == 0
            bench.turn()
            assert fed() == 1


def test_the_status_says_in_words_how_it_goes() -> None:
    counts = {"learning": 2, "live": 10, "coasting": 0, "stale": 1}
    assert (
        status_words(Health(True, True, ""), counts, {"warning": 1, "critical": 0})
        == "connected; 13 twins (2 learning, 10 live, 1 stale); 1 active alarm"
    )
    assert (
        status_words(Health(False, False, "nothing listens there"), {"learning": 0}, {})
        == "not ready: nothing listens there; 0 twins; 0 active alarms"
    )


def test_health_follows_the_session() -> None:
    with Bench() as bench:
        bench.turn()
        assert bench.service.shown.health == Health(True, True, "")
        bench.session.connected = bench.session.subscribed = False
        bench.session.reason = "the broker closed the connection"
        bench.turn()
        assert bench.service.shown.health == Health(False, False, "the broker closed the connection")


# Questions


def ask(bench: Bench, question: Any) -> Any:
    """Put a question from another thread, and turn until it is answered."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(question()))
    thread.start()
    while thread.is_alive():
        bench.service.turn(0.05)
    return results[0]


def test_pages_are_put_together_from_small_slices() -> None:
    with Bench() as bench:
        bench.turn(batch(*((f"a{number:03}", 20.0) for number in range(3 * SLICE))))
        views = make_views(bench.service)
        turns = bench.service.tally.turns
        total, twins = ask(bench, lambda: views.page(5, 2 * SLICE))
        assert total == 3 * SLICE
        assert [twin["asset"] for twin in twins] == [f"a{number:03}" for number in range(5, 5 + 2 * SLICE)]
        assert bench.service.tally.turns - turns >= 2  # not in one go
        assert ask(bench, lambda: views.page(0, 0)) == (3 * SLICE, [])
        assert ask(bench, lambda: views.page(9999, 10)) == (3 * SLICE, [])


def test_one_twin_is_shown_whole() -> None:
    with Bench() as bench:
        bench.turn(batch(("a", 20.0)))
        views = make_views(bench.service)
        twin = ask(bench, lambda: views.detail("a"))
        assert twin["asset"] == "a"
        assert twin["channels"]["temperature"]["reported"] == 20.0
        assert ask(bench, lambda: views.detail("b")) is None
        msgspec.json.encode(twin)


def test_a_scrape_says_what_the_loop_counted() -> None:
    with Bench() as bench:
        bench.turn(batch(("a", 20.0)))
        views = make_views(bench.service)
        body, _ = ask(bench, lambda: views.metrics(""))
        assert b"\ntwinned_messages_total 1.0\n" in body
        assert b"twinned_asset_status" not in body


def test_a_scrape_of_a_stuck_loop_gets_the_last_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    with Bench() as bench:
        views = make_views(bench.service)
        monkeypatch.setattr("agent.shell.views.ANSWER_SECONDS", 0.0)
        with pytest.raises(Unanswered):
            views.metrics("")
        monkeypatch.setattr("agent.shell.views.ANSWER_SECONDS", 5.0)
        bench.turn(batch(("a", 20.0)))
        ask(bench, lambda: views.metrics(""))
        monkeypatch.setattr("agent.shell.views.ANSWER_SECONDS", 0.0)
        assert b"\ntwinned_messages_total 1.0\n" in views.metrics("")[0]


def test_assets_have_metrics_of_their_own_only_on_request_and_up_to_the_cap() -> None:
    raw = settings(http={"enabled": False, "per_asset_metrics": True, "per_asset_limit": 2})
    with Bench(raw) as bench:
        bench.turn(batch(("a", 20.0), ("b", 21.0), ("c", 22.0)))
        views = make_views(bench.service)
        text = ask(bench, lambda: views.metrics(""))[0].decode()
        assert 'twinned_asset_status{asset="a",status="learning"} 1.0' in text
        assert 'twinned_asset_status{asset="a",status="live"} 0.0' in text
        assert 'twinned_asset_estimate{asset="b",state="temperature"} 21.0' in text
        assert 'twinned_asset_surprise{asset="b",channel="temperature"}' in text
        assert 'asset="c"' not in text
        assert "\ntwinned_metrics_assets_omitted 1.0\n" in text


def test_the_metrics_of_an_asset_go_with_it() -> None:
    block = {"topic": "plant/{asset}/telemetry", "channels": {"temperature": {}}, "discover": False}
    raw = settings(http={"enabled": False, "per_asset_metrics": True}, assets=[{**block, "known": ["a", "b"]}])
    with Bench(raw) as bench:
        views = make_views(bench.service)
        assert b'asset="b"' in ask(bench, lambda: views.metrics(""))[0]
        bench.raw = {**raw, "assets": [{**block, "known": ["a"]}]}
        bench.signals.note(signal.SIGHUP)
        bench.turn()
        text = ask(bench, lambda: views.metrics(""))[0]
        assert b'asset="a"' in text
        assert b'asset="b"' not in text


# Reload


def hang_up(bench: Bench) -> None:
    bench.signals.note(signal.SIGHUP)
    bench.turn()


def test_a_reload_of_the_same_configuration_keeps_every_twin_and_the_connection() -> None:
    with Bench() as bench:
        bench.turn(batch(("a", 20.0), ("b", 30.0)))
        before = [bench.service.twins.detail(name) for name in ("a", "b")]
        hang_up(bench)
        assert [bench.service.twins.detail(name) for name in ("a", "b")] == before
        assert len(bench.sessions) == 1
        assert "stop" not in bench.session.calls
        assert bench.service.tally.reloads == {"success": 1, "failure": 0}


def test_a_reload_with_another_broker_connects_anew_and_no_counter_goes_back() -> None:
    with Bench() as bench:
        bench.session.counters.received = 100
        bench.turn(batch(("a", 20.0)))
        bench.raw = settings(mqtt={"host": "other"})
        hang_up(bench)
        assert bench.sessions[0].calls[-1] == "stop"
        assert len(bench.sessions) == 2
        assert bench.session.settings.host == "other"  # type: ignore[attr-defined]  # Mqtt
        bench.session.counters.received = 7
        assert snapshot_of(bench.service)["twinned_mqtt_received_messages_total"] == 107
        bench.turn(batch(("a", 21.0), received=1001.0))
        assert "twinned/test/a/state" in bench.session.topics()
        assert len(bench.service.twins) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"site": "elsewhere"},
        {"prefix": "twins"},
        {"assets": [{"topic": "other/{asset}", "channels": {"temperature": {}}}]},
    ],
)
def test_whatever_the_session_was_made_from_makes_a_new_one(change: dict[str, Any]) -> None:
    with Bench() as bench:
        bench.raw = settings(**change)
        hang_up(bench)
        assert len(bench.sessions) == 2


def test_a_changed_password_makes_a_new_session_and_is_written_nowhere() -> None:
    with Bench() as bench:
        bench.password = "correct horse battery"
        hang_up(bench)
        assert bench.session.arguments["secrets"] == ("user", "correct horse battery")
        bench.log.error("broker says: bad login correct horse battery")
        assert "horse" not in bench.stderr.getvalue()
        assert "horse" not in repr(bench.service.loaded)


def test_a_bad_file_is_refused_whole_and_the_agent_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with Bench() as bench:
        bench.turn(batch(("a", 20.0)))

        def broken() -> Loaded:
            raise ExitError(Exit.CONFIG, "twinned.yaml:3:1: expected a, got b\ntwinned.yaml:4:1: expected c, got d")

        bench.service.load = broken
        hang_up(bench)
        assert bench.service.tally.reloads == {"success": 0, "failure": 1}
        assert snapshot_of(bench.service)["twinned_config_last_reload_successful"] == 0
        told = [line for line in log_lines(bench) if "configuration refused" in line]
        assert len(told) == 2
        assert "twinned.yaml:4:1: expected c, got d" in told[1]
        bench.turn(batch(("a", 21.0), received=1001.0))
        assert bench.service.tally.used == 2


def test_a_model_that_cannot_be_built_is_refused_too() -> None:
    with Bench() as bench:
        bench.raw = settings(assets=[{"topic": "p/{asset}", "model": "no_such", "channels": {"t": {}}}])
        hang_up(bench)
        assert bench.service.tally.reloads["failure"] == 1
        assert "no_such" in bench.stderr.getvalue()
        assert len(bench.sessions) == 1


def test_a_bug_while_reloading_stops_nothing() -> None:
    with Bench() as bench:

        def broken() -> Loaded:
            raise ZeroDivisionError("a bug")

        bench.service.load = broken
        hang_up(bench)
        bench.turn(batch(("a", 20.0)))
        assert bench.service.tally.used == 1
        assert bench.service.tally.reloads["failure"] == 1


def test_http_moves_to_another_port_and_a_port_in_use_changes_nothing() -> None:
    first, second = free_port(), free_port()
    raw = settings(http={"port": first})
    with Bench(raw) as bench:
        assert get(first, "/healthz")[0] == 200
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", second))
            taken.listen()
            bench.raw = settings(http={"port": second}, mqtt={"host": "other"})
            hang_up(bench)
            assert bench.service.tally.reloads["failure"] == 1
            assert len(bench.sessions) == 1
            assert get(first, "/healthz")[0] == 200
        hang_up(bench)
        assert get(second, "/healthz")[0] == 200
        with pytest.raises(OSError, match="refused"):
            get(first, "/healthz")
        bench.raw = settings()
        hang_up(bench)
        with pytest.raises(OSError, match="refused"):
            get(second, "/healthz")


def test_the_log_follows_a_reload() -> None:
    with Bench() as bench:
        bench.raw = settings(log={"level": "error"})
        hang_up(bench)
        before = bench.stderr.getvalue()
        bench.turn(batch(("new", 20.0)))
        assert bench.stderr.getvalue() == before


# Leaving


def test_what_the_wire_still_holds_is_worked_off_before_leaving() -> None:
    with Bench() as bench:
        bench.session.arrive(*(batch((f"a{number}", 20.0)) for number in range(5)))
        bench.service.stop()
        assert bench.service.tally.used == 5
        assert bench.session.calls[-1] == "stop"
        assert bench.session.calls.count("acknowledge") == 5


def test_a_reload_asked_for_while_leaving_is_ignored() -> None:
    with Bench() as bench:
        bench.signals.note(signal.SIGTERM)
        bench.signals.note(signal.SIGHUP)
        bench.service.loop()
        bench.service.stop()
        assert bench.service.tally.reloads == {"success": 0, "failure": 0}


def test_an_unexpected_error_of_the_shell_ends_with_the_code_for_a_bug() -> None:
    def load() -> Loaded:
        raise KeyError("surprise")

    stderr = io.StringIO()
    signals = Signals()
    assert run(load, World({}, stderr), signals) is Exit.INTERNAL
    signals.close()
    assert stderr.getvalue().count("\n") == 1
    assert "please report this" in stderr.getvalue()


def test_signals_and_wake_ups_are_told_apart_and_none_is_lost() -> None:
    signals = Signals()
    for _ in range(100_000):
        signals.wake()
    signals.note(15)
    signals.note(1)
    signals.note(15)
    assert signals.take() == [15, 1]
    assert signals.take() == []
    signals.close()
    signals.wake()  # from a thread that outlives the loop
