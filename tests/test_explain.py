"""Why an alarm is what it is: what is said is true now, and what is said to end it does, no sooner and no later."""

from __future__ import annotations

import io
import json
import random
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.alarms.commands import Command
from agent.alarms.operator import Verb
from agent.cli import DEEDS, main
from agent.config import Http
from agent.shell import asking
from agent.shell.exits import Exit, ExitError
from agent.shell.explain import explain
from agent.showing import alike
from agent.types import Batch
from tests.brokers import free_port
from tests.services import Bench, batch, config, settings
from tests.streams import START, core, following


class Plant:
    """One twin with these alarms, and a clock in seconds since the start."""

    def __init__(self, alarms: dict[str, Any], **block: Any) -> None:
        block = following(alarms, **block)
        self.twins = core(settings(assets=[block]))
        self.now = 0.0

    def say(self, *values: float) -> None:
        for value in values:
            payload = json.dumps({"t": START + self.now, "c": value}).encode()
            self.twins.on_batch(Batch.of("plant/pump", payload, START + self.now))
            self.now += 1.0

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.twins.on_time(START + self.now)

    def why(self) -> dict[str, Any]:
        """The only alarm, as it is explained at the time of the last reading."""
        found = self.twins.explain("pump", START + self.now - 1.0)
        assert found is not None
        json.loads(json.dumps(found, allow_nan=False))
        (alarm,) = found["alarms"]
        return dict(alarm)


def test_an_active_limit_gives_its_numbers_and_the_value_that_ends_it() -> None:
    plant = Plant({"hot": {"type": "limit", "high": 80.0, "deadband": 1.0, "off_delay": 10}})
    plant.say(70, 70, 70, 70, 85, 85, 85)
    why = plant.why()
    assert (why["state"], why["severity"], why["channel"], why["rule"]) == (
        "active", "warning", "c", "estimate above 80 degC",
    )  # fmt: skip
    assert why["value"] == pytest.approx(85, abs=0.01)
    assert (why["limit"], why["reported"], why["unit"]) == (80.0, 85.0, "degC")
    assert why["expected"] == pytest.approx(85, abs=0.01)
    assert (why["since"], why["seconds"]) == (START + 4, 2.0)
    assert why["clears"] == "once the estimate is down to 79 degC (limit 80, deadband 1), for 10 s"
    assert why["text"].startswith("estimate above 80 degC: now 85 degC, limit 80 degC; reported 85 degC, expected 85 ±")
    assert why["text"].endswith("active for 2 s, clears " + why["clears"])


def test_what_somebody_decided_is_said_with_who_until_when_and_why_and_cannot_pass_for_our_words() -> None:
    plant = Plant({"hot": {"type": "limit", "high": 80.0}})
    plant.say(70, 70, 70, 70, 85)

    def act(verb: Verb, by: str = "", comment: str = "", lasts: float = 0.0) -> None:
        plant.twins.on_command(Command(verb, "pump", "hot", lasts, by, comment), START + plant.now)

    act(Verb.ACKNOWLEDGE, "anna")
    assert plant.why()["text"].endswith("; acknowledged by anna")
    act(Verb.SHELVE, "an\x1b[2Jna; clears now", "new seal\non Monday", lasts=3600.0)
    act(Verb.DISABLE)
    end = datetime.fromtimestamp(START + plant.now + 3600.0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert plant.why()["text"].split("; ")[-3:] == [
        "acknowledged by anna",
        f"shelved until {end} by an [2Jna  clears now (new seal on Monday)",
        "out of service",
    ]


@pytest.mark.parametrize(
    ("alarm", "raising", "short_of", "enough"),
    [
        ({"type": "limit", "high": 30.0, "deadband": 2.0, "watch": "reading"}, [40.0], 28.01, 28.0),
        ({"type": "limit", "low": 10.0, "deadband": 2.0, "watch": "reading"}, [5.0], 11.99, 12.0),
        ({"type": "limit", "low": 10.0, "high": 30.0, "deadband": 2.0, "watch": "reading"}, [40.0], 28.01, 28.0),
        ({"type": "flat", "duration": 3, "readings": 3, "tolerance": 0.5}, [], 20.5, 20.51),
    ],
)
def test_the_value_that_is_said_to_end_an_alarm_does_and_one_short_of_it_does_not(
    alarm: dict[str, Any], raising: list[float], short_of: float, enough: float
) -> None:
    plant = Plant({"a": alarm})
    plant.say(20, 20, 20, 20, *raising)
    why = plant.why()
    assert why["state"] == "active"
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", why["clears"])]
    assert any(abs(enough - n) < 0.011 for n in (*numbers, sum(numbers[:2]))), why["clears"]
    plant.say(short_of)
    assert plant.why()["state"] == "active"
    plant.say(enough)
    assert plant.why()["state"] == "normal"


def test_a_rate_is_said_to_end_at_the_limit_less_the_deadband() -> None:
    plant = Plant({"fast": {"type": "rate", "above": 60.0, "per": 60, "deadband": 30.0}})
    plant.say(20, 20, 20, 20, 25)
    assert plant.why()["clears"] == "once its rate is at most 30 degC per 60 s (deadband 30)"
    plant.say(25.6)
    assert plant.why()["state"] == "active"
    plant.say(26.0)
    assert plant.why()["state"] == "normal"


def test_an_anomaly_counts_the_calm_readings_that_are_left_and_ends_after_just_as_many() -> None:
    rng = random.Random(4)
    anomaly = {"type": "anomaly", "false_alarms": 1, "per": "1h"}
    plant = Plant({"odd": anomaly}, model="level_rate", channels={"c": {"unit": "degC"}}, gate="robust", learning=30)
    plant.say(*(20 + rng.gauss(0, 1) for _ in range(600)))
    plant.say(60.0)
    why = plant.why()
    assert why["state"] == "active"
    assert why["detector"] in ("hour", "sudden")
    assert f"told by the detector `{why['detector']}`" in why["text"]
    calm = 0
    while (why := plant.why())["state"] == "active":
        left = int(re.match(r"after (\d+) more readings? in a row", why["clears"])[1])  # type: ignore[index]
        plant.say(20 + rng.gauss(0, 1))
        after = plant.why()
        assert after["state"] == "normal" if left == 1 else True
        calm += 1
        assert calm < 100
    assert calm >= 10


def test_a_mean_surprise_is_explained_with_the_readings_it_is_over() -> None:
    plant = Plant({"odd": {"type": "surprise", "threshold": 2.0, "readings": 3}}, channels={"c": {"noise": 1.0}})
    plant.say(20, 20, 20, 20)
    assert plant.why()["state"] == "normal"
    plant.say(500, 900, 100)
    why = plant.why()
    assert why["state"] == "active"
    assert why["clears"] == "once the mean surprise of the last 3 readings is below 1 (half of 2)"


def test_an_absence_counts_its_silence_and_ends_with_the_next_reading() -> None:
    plant = Plant({"gone": {"type": "absence", "after": 10}})
    plant.say(20, 20, 20, 20)
    plant.wait(20)
    why = plant.why()
    assert (why["state"], why["channel"], why["unit"], why["limit"]) == ("active", None, "s", 10.0)
    assert why["value"] == pytest.approx(20.0)
    assert why["clears"] == "when the next reading of the asset arrives"
    assert why["reported"] is None
    plant.say(20)
    assert plant.why()["state"] == "normal"


def test_delays_that_run_are_counted_down() -> None:
    plant = Plant({"hot": {"type": "limit", "high": 30.0, "watch": "reading", "on_delay": 5, "off_delay": 7}})
    plant.say(20, 20, 20, 20, 40, 40)
    assert "raised in 4 s unless its condition goes before that" in plant.why()["text"]
    plant.say(*[40] * 5, 20, 20, 20)
    why = plant.why()
    assert why["state"] == "falling"
    assert why["clears"] == "in 5 s, unless its condition comes back before that"


def test_what_is_not_judged_yet_says_how_many_readings_are_missing() -> None:
    plant = Plant({"hot": {"type": "limit", "high": 30.0}}, learning=10)
    plant.say(40, 40, 40)
    assert plant.why()["text"].startswith("not judged yet, 3 of 10 readings to learn from; estimate above 30 degC")


def test_a_channel_that_never_spoke_has_no_numbers() -> None:
    plant = Plant({"hot": {"type": "limit", "high": 30.0, "channel": "mute"}}, channels={"c": {}, "mute": {}})
    plant.say(40)
    why = plant.why()
    assert [why[n] for n in ("value", "limit", "reported", "expected", "std", "surprise")] == [None] * 6
    assert "no reading yet" in why["text"]


def test_an_explanation_changes_nothing() -> None:
    from tests.streams import bits

    plant = Plant({"hot": {"type": "limit", "high": 30.0}, "odd": {"type": "anomaly"}, "gone": {"type": "absence"}})
    plant.say(20, 20, 20, 20, 40)
    before = bits(plant.twins)
    assert plant.twins.explain("pump", START + 5) is not None
    assert plant.twins.explain("nobody", START + 5) is None
    assert bits(plant.twins) == before


def test_names_that_are_alike_are_offered_and_never_many() -> None:
    plant = Plant({})
    for name in ("pump-1", "pump-2", "pump-11", "boiler", "hall/PUMP-9"):
        plant.twins.make(0, name, START)
    assert alike(plant.twins.blocks, "pmup-1")[0] == "pump-1"
    assert alike(plant.twins.blocks, "pump-9")[0] == "hall/PUMP-9"
    assert alike(plant.twins.blocks, "Boil") == ["boiler"]
    assert alike(plant.twins.blocks, "zzz") == []
    assert alike(plant.twins.blocks, "p") == ["pump-1", "pump-2", "pump-11"]


def test_one_wrong_name_after_another_is_searched_for_once_a_second() -> None:
    plant = Plant({})
    plant.twins.make(0, "pump-1", START)
    found = [plant.twins.alike("pmup-1", START + 0.25 * k) for k in range(9)]
    assert [k for k, names in enumerate(found) if names] == [0, 4, 8]


# -- the verb


@pytest.fixture
def running() -> Any:
    """A service that answers while the test asks, with one hot pump."""
    import threading

    raw = settings(
        http={"port": free_port()},
        assets=[
            {
                "topic": "plant/{asset}/telemetry",
                "channels": {"temperature": {"unit": "degC", "limits": {"high": 30.0}, "noise": 0.1}},
                "gate": "none",
                "learning": 4,
                "alarms": {},
            }
        ],
    )
    with Bench(raw) as bench:
        for k in range(8):
            bench.turn(batch(("pump-1", 20.0 if k < 5 else 40.0), received=1000.0 + k))
            bench.pass_time(1.0)
        ended = threading.Event()

        def turn() -> None:
            while not ended.is_set():
                bench.service.turn(0.02)

        thread = threading.Thread(target=turn)
        thread.start()
        yield raw
        ended.set()
        thread.join()


def test_the_verb_shows_people_the_sentence_and_programs_the_record(
    running: dict[str, Any], tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "twinned.yaml"
    path.write_text(json.dumps(running))
    assert main(["explain", "pump-1", "-c", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "pump-1: live, last heard 1970-01-01T00:16:47Z\n  temperature_high: active, warning, since 1970-"
    )
    for part in (
        "    temperature: estimate above 30 degC: now ",
        "degC, limit 30 degC\n    reported 40 degC, expected ",
        ", clears once the estimate is down to 30 degC (limit 30)\n",
    ):
        assert part in said, said
    assert main(["explain", "pump-1", "--json", "--url", f"http://127.0.0.1:{running['http']['port']}/"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["asset"] == "pump-1"
    assert record["alarms"][0]["state"] == "active"


def test_an_asset_that_there_is_not_is_refused_with_those_that_are_alike(
    running: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{running['http']['port']}"
    assert main(["explain", "pmup-1", "--url", url]) == 2
    assert "no twin is called 'pmup-1' (perhaps pump-1; /api/twins lists them)" in capsys.readouterr().err


def test_an_agent_that_does_not_run_is_said_to_be_temporary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "pump-1", "--url", f"http://127.0.0.1:{free_port()}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected an agent that answers, got: connection refused (is it running?" in line


@pytest.mark.parametrize(
    ("http", "words"),
    [
        (Http(enabled=False), "http.enabled: expected true, got false"),
        (Http(port=0), "http.port: expected a fixed port, got 0"),
    ],
)
def test_a_configuration_that_leads_to_no_agent_says_why(http: Http, words: str) -> None:
    with pytest.raises(ExitError, match=re.escape(words)) as caught:
        asking.address(http)
    assert caught.value.code == Exit.CONFIG


def test_an_agent_that_listens_everywhere_is_asked_on_loopback() -> None:
    assert asking.address(Http(host="0.0.0.0", port=1)) == "http://127.0.0.1:1"
    assert asking.address(Http(host="::", port=1)) == "http://[::1]:1"
    assert asking.address(Http(host="gateway", port=1)) == "http://gateway:1"


@pytest.mark.parametrize("url", ["localhost:9464", "ftp://localhost", "", "http://"])
def test_an_address_that_is_none_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(ExitError, match="--url: expected one such as"):
        explain(url, "pump", io.StringIO(), as_json=False)


def test_a_server_that_is_no_agent_is_not_believed() -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[1]")

        def log_message(self, *_: object) -> None:
            """Nobody asks."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(ExitError, match="expected a twinned agent that knows the question"):
            asking.ask(f"http://127.0.0.1:{server.server_port}", "/api/alarms", "alarms")


def test_a_configuration_is_not_needed_where_the_address_is_given(tmp_path: Any) -> None:
    assert config(settings()).http.enabled is False
    assert main(["explain", "x", "-c", str(tmp_path / "none"), "--url", f"http://127.0.0.1:{free_port()}"]) == 1


# -- its neighbours: what there is, and what an operator does about it


def test_alarms_are_listed_acknowledged_and_shelved_from_the_command_line(
    running: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    url = ["--url", f"http://127.0.0.1:{running['http']['port']}"]

    def said(*words: str) -> str:
        assert main([*words, *url]) == 0
        return capsys.readouterr().out

    assert said("alarms").startswith("pump-1 temperature_high: active, warning, since 1970-01-01T00:16:")
    assert said("alarm", "acknowledge", "pump-1", "temperature_high", "--by", "anna") == (
        "pump-1 temperature_high: acknowledged\n"
    )
    assert said("alarm", "acknowledge", "pump-1") == "pump-1 temperature_high: acknowledged already\n"
    assert said("alarms", "--state", "unacknowledged") == "none\n"
    assert ", by anna; estimate above 30 degC" in said("alarms", "--state", "acknowledged")
    assert said("alarm", "shelve", "pump-1", "--for", "8h", "--comment", "new seal") == (
        "pump-1 temperature_high: shelved\n"
    )
    record = json.loads(said("alarms", "--asset", "pump-1", "--json"))
    assert (record["state"], record["shelving"]["comment"]) == ("shelved", "new seal")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("alarm", "shelve", "pump-1"), "for: expected "),
        (("alarm", "reset", "pmup-1"), "asset: expected "),
        (("alarm", "reset", "pump-1", "cold"), "alarm: expected "),
        (("alarms", "--state", "loud"), "state: expected some of active, "),
    ],
)
def test_a_command_that_is_refused_says_what_was_expected(
    running: dict[str, Any], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], error: str
) -> None:
    url = f"http://127.0.0.1:{running['http']['port']}"
    assert main([*words, "--url", url]) == 2
    assert f"{url}: {error}" in capsys.readouterr().err


def test_the_command_line_knows_the_deeds_that_the_agent_does() -> None:
    assert set(DEEDS) == {verb.value for verb in Verb}
