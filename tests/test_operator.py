"""What operators do about alarms, against a little model of its own: ISA-18.2's states and transitions as a table."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.alarms.commands import REMEMBERED, Command, Refused
from agent.alarms.listing import counts, page
from agent.alarms.operator import Verb
from agent.encode import Answer
from agent.journal import Commanded, Made, Passed, Replay, Taken, Turn, decode, encode
from agent.snapshot import dump, load
from agent.twins import Twins
from agent.types import AlarmState, Batch, Outputs
from tests.services import settings
from tests.streams import START, bits, core, following

UNLIMITED = {"changes": 1, "burst": 1, "per": 0}


def plant(*, latched: bool = True, **sections: Any) -> dict[str, Any]:
    """One alarm that latches and one that does not, on the same limit."""
    alarms = {
        "plain": {"type": "limit", "high": 30.0},
        "trip": {"type": "limit", "high": 30.0, "latched": latched},
    }
    block = following(alarms, silence={"coasting": 1e6, "stale": 1e7}, forecast={"horizons": []})
    return settings(assets=[block], floods={"asset": UNLIMITED, "overall": UNLIMITED}, **sections)


class Plant:
    """A core with one twin, `a`, and the journal of what moved it."""

    def __init__(self, raw: dict[str, Any] | None = None) -> None:
        self.raw = raw or plant()
        self.twins = core(self.raw)
        self.now = START
        self.turns: list[Turn] = []
        self.said: list[dict[str, Any]] = []
        for _ in range(6):
            self.reading(20.0)

    def reading(self, value: float) -> list[dict[str, Any]]:
        self.now += 1.0
        payload = json.dumps({"t": self.now, "c": value}).encode()
        made = len(self.twins)

        def record(steps: Any, received: Sequence[float]) -> None:
            new = [Made(0, "a", self.now)] if len(self.twins) > made else []
            self.turns.append(Taken(steps, received, new))

        return self._hear(self.twins.on_batch(Batch.of("plant/a", payload, self.now), record))

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        self.now += seconds
        self.turns.append(Passed(self.now))
        return self._hear(self.twins.on_time(self.now))

    def command(self, verb: Verb, alarm: str = "*", **more: Any) -> tuple[Answer, list[dict[str, Any]]]:
        """The answer, and what was published."""
        self.now += 1.0
        out, answer = self.twins.on_command(
            Command(verb, "a", alarm, **more), self.now, lambda *told: self.turns.append(Commanded(*told))
        )
        return answer, self._hear(out)

    def _hear(self, out: Outputs) -> list[dict[str, Any]]:
        said = [
            json.loads(payload)
            for group in out.publications
            for topic, payload in zip(group.topics, group.payloads, strict=True)
            if b"/alarm/" in topic
        ]
        assert all(group.owed for group in out.publications if b"/alarm/" in group.topics[0])
        self.said += said
        return said


# Process and acknowledgement (ISA-18.2-2016, figure of alarm states), without what is suppressed.
PLAIN = {
    ("NORM", "alarm"): "UNACK",
    ("UNACK", "acknowledge"): "ACKED",
    ("UNACK", "return"): "RTNUN",
    ("ACKED", "return"): "NORM",
    ("RTNUN", "acknowledge"): "NORM",
    ("RTNUN", "alarm"): "UNACK",
}
LATCHING = {
    ("NORM", "alarm"): "UNACK",
    ("UNACK", "acknowledge"): "ACKED",
    ("UNACK", "return"): "LTUNK",
    ("ACKED", "return"): "LTACK",
    ("LTUNK", "acknowledge"): "LTACK",
    ("LTUNK", "alarm"): "UNACK",
    ("LTACK", "alarm"): "UNACK",
    ("LTUNK", "reset"): "NORM",
    ("LTACK", "reset"): "NORM",
}
SHOWN = {
    "NORM": "cleared",
    "UNACK": "active",
    "ACKED": "acknowledged",
    "RTNUN": "cleared",
    "LTUNK": "latched",
    "LTACK": "latched",
}


class Model:
    """One alarm as the standard has it."""

    def __init__(self, table: dict[tuple[str, str], str]) -> None:
        self.table = table
        self.state = "NORM"
        self.until = -math.inf
        self.disabled = False
        self.said: list[tuple[str, bool]] = []  # what must have been published: state, acknowledged

    @property
    def suppressed(self) -> bool:
        return self.disabled or self.until > -math.inf

    def shown(self) -> tuple[str, bool]:
        state = "disabled" if self.disabled else "shelved" if self.until > -math.inf else SHOWN[self.state]
        return state, self.state not in ("UNACK", "RTNUN", "LTUNK")

    def process(self, event: str) -> None:
        state = self.table.get((self.state, event))
        if self.suppressed and state == "RTNUN":
            state = "NORM"  # nobody was told of it, or somebody wanted to hear no more
        if state is not None:
            self.state = state
            if not self.suppressed:
                self.said.append(self.shown())

    def operate(self, verb: Verb, now: float, lasts: float) -> bool:
        """Whether it changes anything."""
        before = (self.state, self.until, self.disabled)
        hidden = self.suppressed
        if verb is Verb.SHELVE:
            self.until = now + lasts
        elif verb is Verb.UNSHELVE:
            self.until = -math.inf
        elif verb in (Verb.DISABLE, Verb.ENABLE):
            self.disabled = verb is Verb.DISABLE
        else:
            self.state = self.table.get((self.state, verb.value), self.state)
        if (self.state, self.until, self.disabled) == before:
            return False
        self._back(hidden)
        self.said.append(self.shown())
        return True

    def pass_time(self, now: float) -> None:
        if -math.inf < self.until <= now:
            self.until = -math.inf
            self._back(True)
            self.said.append(self.shown())

    def _back(self, hidden: bool) -> None:
        if hidden and not self.suppressed and self.state in ("UNACK", "ACKED"):
            self.state = "UNACK"


class Alarms(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.plant = Plant()
        self.models = {"plain": Model(PLAIN), "trip": Model(LATCHING)}

    @rule(hot=st.booleans())
    def a_reading(self, hot: bool) -> None:
        self.plant.reading(40.0 if hot else 20.0)
        for model in self.models.values():
            model.process("alarm" if hot else "return")

    @rule(verb=st.sampled_from(Verb), alarm=st.sampled_from(["plain", "trip", "*"]), lasts=st.sampled_from([5.0, 60.0]))
    def a_command(self, verb: Verb, alarm: str, lasts: float) -> None:
        about = [alarm] if alarm != "*" else list(self.models)
        if verb is Verb.RESET and alarm == "trip" and self.models["trip"].state in ("UNACK", "ACKED"):
            with pytest.raises(Refused):
                self.plant.command(verb, alarm)
            return
        answer, _ = self.plant.command(verb, alarm, lasts=lasts, by="anna", comment="because")
        changed = [name for name in about if self.models[name].operate(verb, self.plant.now, lasts)]
        assert [told.alarm for told in answer.changed] == changed
        assert [told.alarm for told in answer.unchanged] == [name for name in about if name not in changed]
        for told in answer.changed + answer.unchanged:
            assert told.state == self.models[told.alarm].shown()[0]

    @rule(seconds=st.sampled_from([0.5, 3.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.plant.wait(seconds)
        for model in self.models.values():
            model.pass_time(self.plant.now)

    @rule()
    def a_restart(self) -> None:
        restarted = core(self.plant.raw)
        assert restarted.restore(load(dump(self.plant.twins.snapshot()))) == []
        assert bits(restarted) == bits(self.plant.twins)
        self.plant.twins = restarted

    @invariant()
    def all_is_said_in_order_and_nothing_else(self) -> None:
        for name, model in self.models.items():
            said = [message for message in self.plant.said if message["alarm"] == name]
            assert [(m["state"], m["acknowledged"]) for m in said] == model.said
            assert [m["seq"] for m in said] == list(range(1, len(said) + 1))

    @invariant()
    def the_list_shows_what_the_model_does(self) -> None:
        _, listed = page(self.plant.twins.floods, (), "a", 0, 10)
        assert [(a["state"], a["acknowledged"]) for a in listed] == [m.shown() for m in self.models.values()]
        shown = [m.shown()[0] for m in self.models.values()]
        assert counts(self.plant.twins.floods) == {s: shown.count(s) for s in AlarmState if s != "cleared"}
        for state in AlarmState:
            total, some = page(self.plant.twins.floods, (state.value,), None, 0, 10)
            assert total == len(some) == shown.count(state)

    def teardown(self) -> None:
        if hasattr(self, "plant"):
            again = core(self.plant.raw)
            replay = Replay(again)
            replay.add(decode(encode(self.plant.turns)))
            replay.finish()
            assert replay.failures == 0
            assert bits(again).split("\n") == bits(self.plant.twins).split("\n")


Alarms.TestCase.settings = hypothesis_settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAlarmsAreAsTheStandardHasThem = Alarms.TestCase


# -- one by one


def test_an_acknowledged_alarm_says_who_when_and_why_and_is_said_once() -> None:
    one = Plant()
    one.reading(40.0)
    _, (message,) = one.command(Verb.ACKNOWLEDGE, "plain", by="anna", comment="on my way")
    assert (message["state"], message["acknowledged"], message["acknowledged_at"]) == ("acknowledged", True, one.now)
    assert (message["cause"], message["by"], message["comment"]) == ("command", "anna", "on my way")
    assert message["text"].startswith("a c: acknowledged by anna: estimate above 30 degC")
    assert one.reading(41.0) == []
    assert one.command(Verb.ACKNOWLEDGE, "plain", by="bert")[1] == []


def test_an_alarm_that_went_by_itself_still_waits_to_be_acknowledged() -> None:
    one = Plant(plant(latched=False))
    one.reading(40.0)
    for message in one.reading(20.0):
        assert (message["state"], message["acknowledged"], message["cause"]) == ("cleared", False, "reading")
    for message in one.command(Verb.ACKNOWLEDGE)[1]:
        assert (message["state"], message["acknowledged"]) == ("cleared", True)


def test_shelving_ends_by_itself_and_what_is_there_then_is_announced() -> None:
    one = Plant()
    _, (message, _) = one.command(Verb.SHELVE, lasts=60.0, by="anna")
    assert (message["state"], message["until"]) == ("shelved", one.now + 60.0)
    assert one.twins.next_time() == one.now + 60.0
    began = one.now
    assert one.reading(40.0) == []
    assert one.wait(58.9) == []
    back = one.wait(0.1)
    assert one.now == began + 60.0
    assert [(m["alarm"], m["state"], m["cause"], m["until"]) for m in back] == [
        ("plain", "active", "time", None),
        ("trip", "active", "time", None),
    ]
    assert back[0]["since"] == began + 1.0
    assert one.twins.next_time() > one.now


def test_a_disabled_alarm_says_nothing_until_it_is_enabled() -> None:
    one = Plant()
    one.command(Verb.DISABLE, "plain")
    assert [m["alarm"] for m in one.reading(40.0)] == ["trip"]
    assert one.wait(1e6) == []
    _, (message,) = one.command(Verb.ENABLE, "plain")
    assert (message["state"], message["seq"]) == ("active", 2)


def test_a_broker_that_forgot_is_told_how_all_that_is_not_normal_stands() -> None:
    one = Plant()
    one.reading(40.0)
    one.command(Verb.ACKNOWLEDGE, "trip", by="anna", comment="seen")
    one.command(Verb.SHELVE, "plain", lasts=60.0, by="bert")
    again = [json.loads(p) for group in one.twins.active_again(one.now).publications for p in group.payloads]
    assert [(m["alarm"], m["state"], m["seq"], m["by"], m["cause"]) for m in again] == [
        ("plain", "shelved", 2, "bert", "again"),
        ("trip", "acknowledged", 2, "anna", "again"),
    ]
    one.reading(20.0)
    again = [json.loads(p) for group in one.twins.active_again(one.now).publications for p in group.payloads]
    assert [(m["alarm"], m["state"]) for m in again] == [("plain", "shelved"), ("trip", "latched")]


def test_a_reload_keeps_what_was_decided() -> None:
    one = Plant()
    one.reading(40.0)
    one.command(Verb.ACKNOWLEDGE, "plain", by="anna")
    first = one.now
    one.command(Verb.DISABLE, "trip")
    new, lines = one.twins.reconfigure(core(plant(log={"level": "debug"})).config)
    assert (lines, new.on_time(one.now).publications) == ([], [])
    one.twins = new
    (plain, trip) = page(new.floods, (), "a", 0, 10)[1]
    assert (plain["state"], plain["acknowledgement"]["time"]) == ("acknowledged", first)
    assert trip["state"] == "disabled"


def test_an_alarm_that_no_longer_latches_lets_go_and_says_so() -> None:
    one = Plant()
    one.reading(40.0)
    one.reading(20.0)
    new, lines = one.twins.reconfigure(core(plant(latched=False)).config)
    assert lines == []
    said = [json.loads(p) for group in new.on_time(one.now).publications for p in group.payloads]
    assert [(m["alarm"], m["state"], m["cause"], m["seq"]) for m in said] == [("trip", "cleared", "configuration", 3)]


def stricter(one: Plant) -> list[dict[str, Any]]:
    """The alarm `plain` has another limit now; what was said of that."""
    raw = plant()
    raw["assets"][0]["alarms"]["plain"]["high"] = 25.0
    one.twins, lines = one.twins.reconfigure(core(raw).config)
    assert lines == ["alarm plain changed and starts over"]
    return one.wait(0.0)


def test_an_alarm_that_starts_over_with_other_settings_gives_no_id_twice() -> None:
    one = Plant()
    for value in (40.0, 20.0, 40.0):
        one.reading(value)
    stricter(one)
    one.reading(40.0)
    assert [m["id"] for m in one.said if m["alarm"] == "plain"] == [f"a/plain/{n}" for n in range(1, 6)]


def test_an_alarm_that_is_out_of_service_or_shelved_stays_so_whatever_its_settings() -> None:
    one = Plant()
    one.reading(40.0)
    one.command(Verb.ACKNOWLEDGE, "plain", by="anna")
    one.command(Verb.DISABLE, "plain", by="anna")
    one.command(Verb.SHELVE, "plain", lasts=60.0)
    assert stricter(one) == []
    assert one.reading(40.0) == []
    assert [(m["state"], m["acknowledged_at"]) for m in one.command(Verb.ENABLE, "plain")[1]] == [("shelved", None)]
    assert [(m["state"], m["seq"]) for m in one.wait(60.0)] == [("active", 6)]


def test_an_alarm_that_is_no_longer_configured_is_cleared_also_when_it_was_shelved() -> None:
    one = Plant()
    one.command(Verb.SHELVE, "plain", lasts=60.0)
    raw = plant()
    del raw["assets"][0]["alarms"]["plain"]
    new, _ = one.twins.reconfigure(core(raw).config)
    said = [json.loads(p) for group in new.on_time(one.now).publications for p in group.payloads]
    assert [(m["alarm"], m["state"], m["cause"]) for m in said] == [("plain", "cleared", "configuration")]


def test_an_absence_that_is_shelved_is_still_followed() -> None:
    raw = plant()
    raw["assets"][0]["alarms"] = {"gone": {"type": "absence", "after": 40}}
    one = Plant(raw)
    one.command(Verb.SHELVE, lasts=500.0)
    assert one.wait(50.0) == []
    assert one.reading(20.0) == []
    assert one.wait(50.0) == []
    (message,) = one.wait(400.0)
    assert (message["state"], message["alarm"]) == ("active", "gone")
    (message,) = one.reading(20.0)
    assert message["state"] == "cleared"


def test_a_command_that_comes_again_is_known_until_many_others_came() -> None:
    one = Plant()
    one.command(Verb.SHELVE, "plain", lasts=60.0, id="same")
    one.command(Verb.UNSHELVE, "plain")
    assert one.command(Verb.SHELVE, "plain", lasts=60.0, id="same")[0].result == "repeated"
    assert one.command(Verb.SHELVE, "trip", lasts=60.0, id="same")[0].result == "done"
    for k in range(REMEMBERED):
        one.command(Verb.ACKNOWLEDGE, "plain", id=str(k))
    assert len(one.twins.commands.done) == REMEMBERED
    assert one.command(Verb.SHELVE, "plain", lasts=60.0, id="same")[0].result == "done"


def test_a_snapshot_of_before_there_were_operators_is_taken_over() -> None:
    one = Plant()
    one.reading(40.0)
    saved: dict[str, Any] = one.twins.snapshot()
    del saved["commands"]
    for alarm in saved["blocks"][0]["alarms"].values():
        del alarm["decisions"], alarm["rows"]["mark"]
    back = core(one.raw)
    assert back.restore(saved) == []
    assert [a["state"] for a in page(back.floods, (), "a", 0, 10)[1]] == ["active", "active"]


def test_an_alarm_is_known_by_what_it_was_called_before_it_could_latch() -> None:
    """As an earlier version wrote it into its stores."""
    for latched in (False, True):
        assert core(plant(latched=latched)).blocks[0].alarms[1].identity == (
            "(LimitAlarm(channel=None, severity=<Severity.WARNING: 'warning'>, on_delay=0.0, off_delay=0.0, message='', "
            "low=None, high=30.0, on='estimate', within=600.0, confidence=0.5, deadband=0.0), 'c')"
        )


def test_decisions_cost_nothing_where_there_are_none() -> None:
    one = Plant()
    for _ in range(3):
        one.reading(40.0)
        one.command(Verb.ACKNOWLEDGE)
        one.reading(20.0)
        one.command(Verb.RESET)
        one.command(Verb.SHELVE, lasts=1.0)
        one.wait(5.0)
    assert [len(alarm.operator.decisions) for alarm in one.twins.blocks[0].alarms] == [0, 0]


def lonely() -> Twins:
    return core(plant())


def test_a_command_to_a_plant_without_that_asset_is_refused_and_not_recorded() -> None:
    recorded: list[object] = []
    with pytest.raises(Refused, match="asset"):
        lonely().on_command(Command(Verb.DISABLE, "a", "*"), START, lambda *told: recorded.append(told))
    assert recorded == []


def test_one_wrong_name_after_another_does_not_keep_the_agent_busy_with_what_was_meant() -> None:
    twins = Plant().twins
    hints = []
    for later in (0.0, 0.5, 1.0, -5.0):  # the clock may be set back
        with pytest.raises(Refused) as refused:
            twins.on_command(Command(Verb.DISABLE, "A", "*"), START + later)
        hints.append(refused.value.trouble.hint)
    assert [hint.startswith("did you mean a?") for hint in hints] == [True, False, True, True]
