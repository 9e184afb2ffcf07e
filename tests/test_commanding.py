"""Commands as the service takes them: over MQTT with an answer where answers may go, over HTTP from this machine only."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from agent.encode import schemas
from agent.shell.views import snapshot_of
from agent.types import Asking, Batch
from tests.services import Bench, settings
from tests.test_service_store import HOT, bench, durable, readings

LIMIT = {
    "topic": "plant/{asset}/telemetry",
    "channels": {"temperature": {"limits": {"high": 30.0, "latched": True}}},
    "learning": 4,
    "alarms": {},
}
ALARM = "temperature_high"
REPLY = "twinned/test/$reply/me"


def ask(
    bench: Bench,
    verb: str,
    payload: dict[str, Any] | bytes,
    *,
    asking: Asking | None = None,
    retained: bool = False,
) -> list[dict[str, Any]]:
    """A command over MQTT; the answers that were published."""
    mark = len(bench.session.published)
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    places = [] if asking is None else [(0, asking)]
    bench.pass_time(1.0)
    topic = f"twinned/test/$command/{verb}".encode()
    bench.turn(Batch((topic,), (data,), (bench.now.time,), (retained,), places))
    said = bench.session.published[mark:]
    answers = [json.loads(group.payloads[0]) for group in said if b"/alarm/" not in group.topics[0]]
    for answer in answers:
        jsonschema.validate(answer, schemas()["reply"])
    return answers


def hot(**sections: Any) -> Bench:
    """An agent with an alarm that is active."""
    one = Bench(settings(assets=[LIMIT], **sections))
    readings(one, "a", 20.0, 21.0, 20.0, 21.0, 20.0, *HOT)
    return one


def states(bench: Bench) -> list[str]:
    """What was published of the alarm, in order."""
    said = [zip(group.topics, group.payloads, strict=True) for group in bench.session.published]
    return [json.loads(payload)["state"] for group in said for topic, payload in group if b"/alarm/" in topic]


def counted(bench: Bench, verb: str, result: str) -> float:
    value = snapshot_of(bench.service)["twinned_commands_total"]
    assert isinstance(value, dict)
    count = value[verb, result]
    assert isinstance(count, int)
    return count


def test_a_command_over_mqtt_is_done_and_answered_where_the_payload_says() -> None:
    with hot() as one:
        command = {"asset": "a", "alarm": ALARM, "by": "anna", "comment": "seen", "id": "7", "reply": REPLY}
        (answer,) = ask(one, "acknowledge", command)
        assert (answer["ok"], answer["result"], answer["id"]) == (True, "done", "7")
        assert answer["changed"] == [{"alarm": ALARM, "state": "acknowledged", "seq": 2}]
        assert states(one) == ["active", "acknowledged"]
        assert one.session.topics()[-1] == REPLY
        assert counted(one, "acknowledge", "done") == 1


def test_the_log_says_who_did_what_on_one_line_whatever_the_name() -> None:
    with hot() as one:
        ask(one, "acknowledge", {"asset": "a", "alarm": ALARM, "by": "anna\nERROR \x1b[2J"})
        (line,) = [line for line in one.stderr.getvalue().splitlines() if "alarm acknowledged" in line]
        assert "asset=a" in line
        assert r'by="anna\nERROR \x1b[2J"' in line


def test_a_command_that_mqtt_5_brought_is_answered_on_its_response_topic_with_its_correlation() -> None:
    with hot() as one:
        (answer,) = ask(one, "acknowledge", {"asset": "a", "alarm": ALARM}, asking=Asking(REPLY.encode(), b"\0\xff"))
        assert answer["ok"]
        group = one.session.published[-1]
        assert (group.topics, group.qos, group.retain) == ((REPLY.encode(),), 1, False)
        assert group.correlation == b"\0\xff"


def test_a_command_that_comes_twice_is_done_once_and_answered_twice() -> None:
    with hot() as one:
        command = {"asset": "a", "alarm": ALARM, "for": "1h", "id": "x", "reply": REPLY}
        (first,) = ask(one, "shelve", command)
        (second,) = ask(one, "shelve", command)
        assert (first["result"], second["result"]) == ("done", "repeated")
        assert second["unchanged"] == first["changed"]
        assert states(one) == ["active", "shelved"]


def test_a_retained_command_is_not_carried_out_and_counted() -> None:
    with hot() as one:
        assert ask(one, "disable", {"asset": "a", "alarm": "*", "reply": REPLY}, retained=True) == []
        assert states(one) == ["active"]
        assert counted(one, "disable", "retained") == 1
        assert "a retained command is not carried out" in one.stderr.getvalue()


@pytest.mark.parametrize(
    ("verb", "payload", "where", "hint"),
    [
        ("acknowlege", {"asset": "a", "alarm": ALARM}, "verb", "acknowledge"),
        ("acknowledge", {"asset": "aa", "alarm": ALARM}, "asset", "did you mean a?"),
        ("acknowledge", {"asset": "a", "alarm": "temperature_hi"}, "alarm", ALARM),
        ("acknowledge", {"alarm": ALARM}, "asset", "for example"),
        ("acknowledge", {"asset": "a"}, "alarm", "* means all"),
        ("acknowledge", {"asset": "a", "alarm": ALARM, "by": 7}, "by", ""),
        ("acknowledge", {"asset": "a", "alarm": ALARM, "comment": "x" * 257}, "comment", ""),
        ("acknowledge", {"asset": "a", "alarm": ALARM, "for": "1h"}, "for", ""),
        ("acknowledge", {"asset": "a", "alarm": ALARM, "form": "1h"}, "command", "for"),
        ("shelve", {"asset": "a", "alarm": ALARM}, "for", "8h"),
        ("shelve", {"asset": "a", "alarm": ALARM, "for": "8 moons"}, "for", "8h"),
        ("shelve", {"asset": "a", "alarm": ALARM, "for": "8d"}, "for", "604800"),
        ("shelve", {"asset": "a", "alarm": ALARM, "for": 0}, "for", "8h"),
        ("reset", {"asset": "a", "alarm": ALARM}, "alarm", "once its condition is gone"),
        ("acknowledge", b"{", "command", "for example"),
        ("acknowledge", b"[]", "command", "for example"),
        ("acknowledge", b"\xff", "command", "for example"),
        ("acknowledge", b"[" * 4000, "command", "for example"),
        ("acknowledge", b" " * 4097, "command", "commands.max_payload"),
    ],
)
def test_what_cannot_be_done_changes_nothing_and_its_answer_teaches(
    verb: str, payload: dict[str, Any] | bytes, where: str, hint: str
) -> None:
    with hot() as one:
        before = one.service.twins.detail("a")
        (answer,) = ask(one, verb, payload, asking=Asking(REPLY.encode()))
        error = answer["error"]
        assert (answer["ok"], answer["result"], error["where"]) == (False, "refused", where)
        assert error["expected"]
        assert error["got"]
        assert hint in error["hint"]
        assert one.service.twins.detail("a") == before
        assert states(one) == ["active"]
        assert counted(one, verb if verb in ("acknowledge", "shelve", "reset") else "unknown", "refused") == 1


@pytest.mark.parametrize("topic", ["plant/a/telemetry", "twinned/test/a/state", "twinned/test/$replay/x", "a/#", ""])
def test_an_agent_does_not_publish_wherever_it_is_told_to(topic: str) -> None:
    with hot() as one:
        command = {"asset": "a", "alarm": ALARM}
        assert ask(one, "acknowledge", command, asking=Asking(topic.encode())) == []
        if topic:
            assert ask(one, "acknowledge", {**command, "reply": topic}) == []
        assert states(one) == ["active"]
        assert topic not in [said for said in one.session.topics() if "/state" not in said]


def test_answers_may_also_go_where_the_configuration_says() -> None:
    with hot(commands={"reply_to": ["desk/+/inbox"]}) as one:
        assert ask(one, "acknowledge", {"asset": "a", "alarm": ALARM, "reply": "desk/7/inbox"})
        assert not ask(one, "acknowledge", {"asset": "a", "alarm": ALARM, "reply": "desk/7/8/inbox"})


def test_commands_over_mqtt_can_be_turned_off() -> None:
    with hot(commands={"mqtt": False}) as one:
        assert ask(one, "acknowledge", {"asset": "a", "alarm": ALARM, "reply": REPLY}) == []
        assert states(one) == ["active"]
        assert not [s for s in one.session.arguments["subscriptions"] if "$command" in s.filter]


def test_commands_are_subscribed_to_with_qos_1() -> None:
    with Bench() as one:
        assert ("twinned/test/$command/+", 1) in one.session.arguments["subscriptions"]


def test_a_command_in_the_midst_of_readings_is_done_after_them() -> None:
    with hot() as one:
        command = json.dumps({"asset": "a", "alarm": ALARM, "reply": REPLY}).encode()
        topics = (b"plant/a/telemetry", b"twinned/test/$command/acknowledge", b"plant/b/telemetry")
        payloads = (b'{"temperature": 99}', command, b'{"temperature": 20}')
        one.turn(Batch(topics, payloads, (one.now.time + 1,) * 3, (0, 0, 0)))
        assert len(one.service.twins) == 2
        assert states(one)[-1] == "acknowledged"
        assert one.session.topics()[-1] == REPLY


def test_a_command_is_committed_before_it_is_answered_and_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent.shell.store import Store

    with bench(tmp_path / "t.db", assets=[LIMIT]) as one:
        readings(one, "a", 20.0, 21.0, 20.0, 21.0, 20.0, *HOT)
        commit = Store.transaction

        def noted(self: Store, *, sync: bool) -> Any:
            one.session.calls.append("commit")
            return commit(self, sync=sync)

        monkeypatch.setattr(Store, "transaction", noted)
        one.session.calls.clear()
        ask(one, "acknowledge", {"asset": "a", "alarm": ALARM, "reply": REPLY})
        calls = one.session.calls
        assert calls.index("commit") < calls.index("publish") < calls.index("acknowledge") < calls.index("flush")


def test_what_was_decided_is_there_after_a_kill_and_a_command_that_comes_again_is_known(tmp_path: Path) -> None:
    command = {
        "asset": "a",
        "alarm": ALARM,
        "by": "anna",
        "comment": "pump out",
        "for": "2h",
        "id": "1",
        "reply": REPLY,
    }
    with bench(tmp_path / "t.db", assets=[LIMIT]) as one:
        readings(one, "a", 20.0, 21.0, 20.0, 21.0, 20.0, *HOT)
        (answer,) = ask(one, "shelve", command)
        assert answer["result"] == "done"
        expected = one.service.twins.detail("a")
        durable(one)._store.abandon()  # type: ignore[union-attr]  # it is open
    with bench(tmp_path / "t.db", assets=[LIMIT]) as two:
        assert two.service.twins.detail("a") == expected
        (answer,) = ask(two, "shelve", command)
        assert answer["result"] == "repeated"


# -- over HTTP


class Client:
    """Requests to an agent in this process, whose loop turns meanwhile."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
        assert self.bench.service.server is not None
        port = self.bench.service.server.server_port
        answers: list[tuple[int, bytes]] = []
        sent = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}

        def request() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            answers.append((response.status, response.read()))
            connection.close()

        asker = threading.Thread(target=request)
        asker.start()
        while asker.is_alive():
            self.bench.service.turn(0.01)
        asker.join()
        return answers[0][0], json.loads(answers[0][1])


HTTP = {"http": {"port": 0}}
ACKNOWLEDGE = f"/api/alarms/a/{ALARM}/acknowledge"


def test_alarms_are_listed_by_state_and_asset_and_page_by_page() -> None:
    with hot(**HTTP) as one:
        readings(one, "b", 20.0, 21.0, 20.0, 21.0, 20.0, *HOT)
        readings(one, "c", 20.0, 21.0, 20.0, 21.0, 20.0)
        get: Callable[..., Any] = Client(one)
        status, first = get("GET", "/api/alarms?limit=1")
        assert (status, first["total"], first["alarms"][0]["asset"]) == (200, 2, "a")
        assert (first["alarms"][0]["state"], first["alarms"][0]["acknowledged"]) == ("active", False)
        _, second = get("GET", first["next"])
        assert ([a["asset"] for a in second["alarms"]], second["next"]) == (["b"], None)
        assert get("POST", "/api/alarms/b/*/shelve", {"for": "1h", "by": "anna", "comment": "ours"})[0] == 200
        (shelved,) = get("GET", "/api/alarms?state=shelved")[1]["alarms"]
        assert (shelved["asset"], shelved["shelving"]["by"], shelved["shelving"]["comment"]) == ("b", "anna", "ours")
        assert shelved["until"] == shelved["shelving"]["time"] + 3600
        assert [a["asset"] for a in get("GET", "/api/alarms?state=active,acknowledged")[1]["alarms"]] == ["a"]
        assert [a["asset"] for a in get("GET", "/api/alarms?state=cleared")[1]["alarms"]] == ["c"]
        assert [a["state"] for a in get("GET", "/api/alarms?asset=c")[1]["alarms"]] == ["cleared"]
        assert [a["asset"] for a in get("GET", "/api/alarms?state=unacknowledged")[1]["alarms"]] == ["a"]
        status, error = get("GET", "/api/alarms?state=hot")
        assert (status, "expected some of active" in error["error"]) == (400, True)
        assert snapshot_of(one.service)["twinned_alarms"] == {
            ("active",): 1,
            ("acknowledged",): 0,
            ("latched",): 0,
            ("shelved",): 1,
            ("disabled",): 0,
        }


def test_a_command_over_http_is_done_published_and_answered() -> None:
    with hot(**HTTP) as one:
        status, answer = Client(one)("POST", ACKNOWLEDGE, {"by": "anna", "id": "1"})
        assert (status, answer["result"], answer["changed"][0]["state"]) == (200, "done", "acknowledged")
        jsonschema.validate(answer, schemas()["reply"])
        assert states(one) == ["active", "acknowledged"]
        assert Client(one)("POST", ACKNOWLEDGE, {"by": "anna", "id": "1"})[1]["result"] == "repeated"


def test_a_command_that_changed_nothing_is_known_after_a_kill_too(tmp_path: Path) -> None:
    with bench(tmp_path / "t.db", assets=[LIMIT], **HTTP) as one:
        readings(one, "a", 20.0, 21.0, 20.0, 21.0, 20.0, *HOT)
        assert Client(one)("POST", ACKNOWLEDGE, {"id": "1"})[1]["result"] == "done"
        assert Client(one)("POST", ACKNOWLEDGE, {"id": "2"})[1]["result"] == "unchanged"
        durable(one)._store.abandon()  # type: ignore[union-attr]  # it is open
    with bench(tmp_path / "t.db", assets=[LIMIT], **HTTP) as two:
        assert Client(two)("POST", ACKNOWLEDGE, {"id": "2"})[1]["result"] == "repeated"


def test_a_command_over_http_needs_no_body() -> None:
    with hot(**HTTP) as one:
        assert Client(one)("POST", ACKNOWLEDGE)[1]["result"] == "done"


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/alarms/x/y/acknowledge", {}, 404, "asset"),
        (f"/api/alarms/a/{ALARM}/silence", {}, 404, "verb"),
        (f"/api/alarms/a/{ALARM}/reset", {}, 409, "condition is gone"),
        (f"/api/alarms/a/{ALARM}/shelve", {}, 400, "how long"),
        (ACKNOWLEDGE, {"asset": "b"}, 400, "as in the path"),
        (ACKNOWLEDGE, {"reply": REPLY}, 400, "none"),
        (ACKNOWLEDGE, b"{", 400, "a JSON object"),
        ("/api/twins/a", {}, 405, "nothing can be posted"),
    ],
)
def test_a_request_that_cannot_be_done_says_why(path: str, body: object, status: int, words: str) -> None:
    with hot(**HTTP) as one:
        found, answer = Client(one)("POST", path, body)
        assert (found, words in json.dumps(answer)) == (status, True)
        assert states(one) == ["active"]


def test_a_web_page_cannot_command() -> None:
    """It may post forms and plain text anywhere, and rebind its own name to 127.0.0.1; neither is enough."""
    with hot(**HTTP) as one:
        post = Client(one)
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            assert post("POST", ACKNOWLEDGE, {}, Content_Type=kind)[0] == 415
        assert post("POST", ACKNOWLEDGE, {}, Host="evil.example")[0] == 421
        assert post("OPTIONS", ACKNOWLEDGE)[0] == 405
        assert states(one) == ["active"]


def test_commands_over_http_can_be_turned_off() -> None:
    with hot(**HTTP, commands={"http": False}) as one:
        assert Client(one)("POST", ACKNOWLEDGE, {})[0] == 403


def test_where_http_listens_for_other_machines_it_takes_no_commands_unless_told_to() -> None:
    with hot(http={"port": 0, "host": "0.0.0.0"}) as one:
        status, answer = Client(one)("POST", ACKNOWLEDGE, {})
        assert (status, "loopback" in answer["error"]) == (403, True)
        one.raw["commands"] = {"http_anywhere": True}
        one.service._on_signal(1)
        assert Client(one)("POST", ACKNOWLEDGE, {})[0] == 200
