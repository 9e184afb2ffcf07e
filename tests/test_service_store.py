"""The loop with a store: what is written before what is said, and what happens when nothing can be written."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from agent.shell import service
from agent.shell.durable import Durable
from agent.shell.store import PAGE, WAL_BYTES, Store, StoreError
from agent.shell.views import snapshot_of
from tests.services import Bench, batch, settings

LIMIT = {
    "topic": "plant/{asset}/telemetry",
    "channels": {"temperature": {"limits": {"high": 30.0}}},
    "learning": 4,
    "alarms": {},
}

HOT = [99.0] * 8  # a step is believed after a few readings


def bench(path: Path, mode: str = "strict", **sections: Any) -> Bench:
    return Bench(settings(store={"mode": mode, "path": str(path), "gather": 0}, **sections))


def readings(bench: Bench, asset: str, *values: float) -> None:
    for value in values:
        bench.pass_time(1.0)
        bench.turn(batch((asset, value), received=bench.now.time))


def durable(bench: Bench) -> Durable:
    assert bench.service.durable is not None
    return bench.service.durable


def break_disk(monkeypatch: pytest.MonkeyPatch, *, broken: bool) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("database or disk is full")

    if broken:
        monkeypatch.setattr(Store, "transaction", fail)
        monkeypatch.setattr(Store, "__init__", fail)
    else:
        monkeypatch.undo()


def test_without_a_state_directory_nothing_is_stored_and_sqlite_is_not_even_asked() -> None:
    with Bench() as one:
        assert one.service.durable is None
        assert "twinned_store_up" not in snapshot_of(one.service)


def test_under_systemd_it_is_stored_where_systemd_says(tmp_path: Path) -> None:
    with Bench(environ={"STATE_DIRECTORY": str(tmp_path)}) as one:
        readings(one, "a", 20.0)
        one.service.stop()
        assert [file.name for file in tmp_path.iterdir()] == ["twinned.db"]
    with Bench(environ={"STATE_DIRECTORY": str(tmp_path)}) as two:
        assert len(two.service.twins) == 1
        two.service.stop()


def test_a_batch_is_committed_before_it_is_published_and_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(tmp_path / "t.db") as one:
        commit = Store.transaction

        def noted(self: Store, *, sync: bool) -> Any:
            one.session.calls.append(f"commit {sync}")
            return commit(self, sync=sync)

        monkeypatch.setattr(Store, "transaction", noted)
        one.turn(batch(("a", 20.0)))
        assert one.session.calls[:4] == ["commit True", "publish", "acknowledge", "flush"]


def test_memory_is_held_in_reserve_once_and_only_where_there_is_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(service, "reserve", lambda size: asked.append(size) or [])
    with bench(tmp_path / "t.db") as one:
        one.turn()
        one.pass_time(service.RESERVE_AFTER - 1.0)
        one.turn()
        assert asked == []
        for _ in range(3):
            one.pass_time(2.0)
            one.turn()
        assert asked == [service.RESERVE]
        one.service.stop()
    with Bench() as two:
        two.pass_time(2 * service.RESERVE_AFTER)
        two.turn()
        assert asked == [service.RESERVE]


def test_sequence_numbers_and_states_go_on_after_a_kill(tmp_path: Path) -> None:
    with bench(tmp_path / "t.db") as one:
        readings(one, "a", 20.0, 21.0, 20.5)
        expected = one.service.twins.detail("a")
        durable(one)._store.abandon()  # type: ignore[union-attr]  # it is open
    with bench(tmp_path / "t.db") as two:
        assert two.service.twins.detail("a") == expected
        two.pass_time(100.0)
        readings(two, "a", 20.0)
        said = [zip(group.topics, group.payloads, strict=True) for group in two.session.published]
        states = [json.loads(payload) for group in said for topic, payload in group if topic.endswith(b"/state")]
        assert [state["seq"] for state in states] == [4]


def test_an_alarm_change_is_published_until_the_broker_has_it_and_never_after(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with bench(path, assets=[LIMIT]) as one:
        readings(one, "a", 20.0, 21.0, 20.0, 21.0, 20.0, *HOT)
        (group,) = [g for g in one.session.published if g.owed]
        durable(one)._store.abandon()  # type: ignore[union-attr]  # it is open
    with bench(path, assets=[LIMIT]) as two:
        two.turn()
        (again,) = [g for g in two.session.published if g.owed]
        assert (list(again.topics), list(again.payloads)) == (list(group.topics), list(group.payloads))
        assert (again.qos, again.retain) == (1, True)
        two.session.settled = list(again.ids)
        two.turn()
        assert snapshot_of(two.service)["twinned_store_owed_messages"] == 0
        two.service.stop()
    with bench(path, assets=[LIMIT]) as three:
        three.turn()
        assert [g for g in three.session.published if g.owed] == []


def test_a_full_disk_is_said_everywhere_holds_acknowledgements_back_and_is_over_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(tmp_path / "t.db") as one:
        readings(one, "a", 20.0)
        break_disk(monkeypatch, broken=True)
        one.session.calls.clear()
        readings(one, "a", 21.0)
        assert "acknowledge" not in one.session.calls
        assert "publish" in one.session.calls
        assert "announce" in one.session.calls
        assert json.loads(one.session.arguments["online"]())["reason"] == "nothing is stored: database or disk is full"
        assert one.service.words().endswith("; nothing is stored: database or disk is full")
        assert snapshot_of(one.service)["twinned_store_up"] == 0
        assert (
            'ERROR   nothing can be stored: going on in memory reason="database or disk is full"'
            in one.stderr.getvalue()
        )
        break_disk(monkeypatch, broken=False)
        one.session.calls.clear()
        one.pass_time(2.0)
        one.turn()
        assert one.session.calls == ["announce", "acknowledge", "flush"]
        assert json.loads(one.session.arguments["online"]())["reason"] == ""
        assert snapshot_of(one.service)["twinned_store_up"] == 1
        expected = one.service.twins.detail("a")
        durable(one)._store.abandon()  # type: ignore[union-attr]  # it is open
    with bench(tmp_path / "t.db") as two:
        assert two.service.twins.detail("a") == expected


def test_in_relaxed_mode_acknowledgements_go_on_without_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(tmp_path / "t.db", "relaxed") as one:
        break_disk(monkeypatch, broken=True)
        one.session.unacknowledged = True
        readings(one, "a", 21.0)
        assert durable(one).trouble
        assert "acknowledge" in one.session.calls


def test_a_reload_keeps_what_is_stored_in_step_with_the_configuration(tmp_path: Path) -> None:
    with bench(tmp_path / "t.db") as one:
        readings(one, "a", 20.0, 21.0)
        one.raw["assets"] = [{**one.raw["assets"][0], "known": ["zero"]}]
        one.service._on_signal(1)
        assert "configuration taken over" in one.stderr.getvalue()
        readings(one, "a", 20.0)
        expected = one.service.twins.detail("a")
        raw = one.raw
        durable(one)._store.abandon()  # type: ignore[union-attr]  # it is open
    with Bench(raw) as two:
        assert two.service.twins.detail("a") == expected
        assert "started over" not in two.stderr.getvalue()


def test_a_new_session_is_given_what_the_old_one_still_owed(tmp_path: Path) -> None:
    with bench(tmp_path / "t.db", assets=[LIMIT]) as one:
        readings(one, "a", 20.0, 21.0, 20.0, 21.0, 20.0, *HOT)
        (group,) = [g for g in one.session.published if g.owed]
        one.raw["mqtt"] = {"host": "elsewhere"}
        one.service._on_signal(1)
        one.turn()
        assert len(one.sessions) == 2
        (again,) = [g for g in one.session.published if g.owed]
        assert list(again.payloads) == list(group.payloads)


def test_a_reload_takes_over_how_much_how_often_and_how_strictly_is_stored(tmp_path: Path) -> None:
    with bench(tmp_path / "t.db", "relaxed", mqtt={"qos": 1}) as one:
        one.session.unacknowledged = 1
        readings(one, "a", 20.0)
        assert "acknowledge" in one.session.calls
        one.raw["store"] |= {"mode": "strict", "gather": "10s", "max_size": "40MiB", "outage": {"keep": "last"}}
        one.service._on_signal(1)
        assert "next start" not in one.stderr.getvalue()
        assert durable(one).mode == "strict"
        store = durable(one)._store
        assert store is not None
        assert store._db.execute("PRAGMA max_page_count").fetchone()[0] * PAGE + WAL_BYTES == 40 * 2**20
        one.session.calls.clear()
        one.session.published.clear()
        readings(one, "a", 21.0)
        assert (one.session.published, one.session.calls.count("acknowledge")) == ([], 0)
        one.pass_time(10.0)
        one.turn()
        assert one.session.calls.count("acknowledge") == 1
        assert one.session.published
        one.session.connected = False
        readings(one, "a", 22.0)
        one.pass_time(10.0)
        one.turn()
        assert len(one.service.outage) > 0  # by default nothing is kept


def test_a_reload_says_what_of_the_store_needs_a_restart_and_goes_on_with_the_old_file(tmp_path: Path) -> None:
    with bench(tmp_path / "t.db") as one:
        one.raw["store"] |= {"path": str(tmp_path / "other.db")}
        one.service._on_signal(1)
        assert "taken over at the next start" in one.stderr.getvalue()
        readings(one, "a", 20.0)
        one.service.stop()
        assert [file.name for file in tmp_path.iterdir()] == ["t.db"]


def test_a_reload_to_a_store_without_a_place_is_refused(tmp_path: Path) -> None:
    with bench(tmp_path / "t.db") as one:
        one.raw["store"] = {"mode": "strict"}
        one.service._on_signal(1)
        assert "expected a place to store" in one.stderr.getvalue()
        assert durable(one).path == tmp_path / "t.db"


def test_a_store_that_is_switched_off_or_on_by_a_reload_waits_for_the_next_start(tmp_path: Path) -> None:
    with bench(tmp_path / "t.db") as one:
        one.raw["store"] = {"mode": "off", "gather": 0}
        one.service._on_signal(1)
        assert "then=off" in one.stderr.getvalue()
        readings(one, "a", 20.0)
        assert durable(one).counts.commits == 1
    with Bench() as two:
        two.raw["store"] = {"mode": "strict", "path": str(tmp_path / "u.db")}
        two.service._on_signal(1)
        assert "now=off" in two.stderr.getvalue()
        assert two.service.durable is None


def test_messages_that_an_operators_alarm_change_took_to_the_disk_are_acknowledged_with_it(tmp_path: Path) -> None:
    store = {"mode": "strict", "path": str(tmp_path / "t.db"), "gather": 1000, "commit_interval": 1000}
    with Bench(settings(store=store, assets=[LIMIT])) as one:
        readings(one, "a", 20.0, 21.0, 20.0, 21.0, 20.0, *HOT)
        one.session.unacknowledged = 1
        readings(one, "a", 99.0)
        one.session.calls.clear()
        one.turn()
        assert "acknowledge" not in one.session.calls
        answer, _ = one.service.command("acknowledge", "a", "temperature_high", b"{}")
        assert answer.result == "done"
        assert one.session.calls == ["publish", "acknowledge", "flush"]


@pytest.mark.parametrize("end", ["stop", "reload"])
def test_messages_that_are_gathered_are_acknowledged_before_the_connection_ends(tmp_path: Path, end: str) -> None:
    store = {"mode": "relaxed", "path": str(tmp_path / "t.db"), "gather": 1000, "commit_interval": 1000}
    with Bench(settings(store=store)) as one:
        session = one.session
        session.unacknowledged = 1
        readings(one, "a", 20.0)
        assert "acknowledge" not in session.calls
        one.raw = {**one.raw, "site": "another"}
        if end == "stop":
            one.service.stop()
        else:
            one.signals.note(signal.SIGHUP)
            one.turn()
        assert session.calls.index("acknowledge") < session.calls.index("stop")
