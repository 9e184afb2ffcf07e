"""The HTTP server over real sockets: what it answers, what it refuses and how, and that nobody can hold it up."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.config import Commands, Http
from agent.encode import Answer
from agent.shell import http
from agent.shell.calls import Calls, Unanswered
from agent.shell.exits import Exit, ExitError
from agent.shell.http import MAX_PAGE, MAX_THREADS, Health, Server, Views
from agent.shell.logs import Logger

TWINS = [{"asset": f"pump-{number}"} for number in range(250)]


class World:
    """What the server is shown, changeable by a test."""

    def __init__(self) -> None:
        self.idle = 0.5
        self.health = Health(True, True, "")
        self.log = io.StringIO()

    def page(self, offset: int, limit: int) -> tuple[int, list[dict[str, object]]]:
        twins: list[dict[str, object]] = [dict(twin) for twin in TWINS[offset : offset + limit]]
        return len(TWINS), twins

    def detail(self, asset: str) -> dict[str, object] | None:
        if asset == "slow":
            raise Unanswered("no answer within 1 s")
        if asset == "bug":
            raise RuntimeError("a bug in a view")
        known = {"pump-1", "hall 3/pump ü", "a%2Fb"}
        return {"asset": asset, "x": float("nan")} if asset in known else None

    def explain(self, asset: str) -> dict[str, object] | list[str]:
        return {"asset": asset, "alarms": []} if self.detail(asset) else ["pump-1", "pump-2"]

    def command(self, *_: object) -> tuple[Answer, str]:
        raise AssertionError("nobody commands here")

    def views(self) -> Views:
        return Views(
            idle=lambda: self.idle,
            health=lambda: self.health,
            metrics=lambda accept: (f"# {accept}\n".encode(), "text/plain"),
            page=self.page,
            detail=self.detail,
            explain=self.explain,
            alarms=lambda *_: (0, []),
            commands=Commands,
            command=self.command,
        )


def logger(stream: io.StringIO) -> Logger:
    return Logger(stream, environ={}, monotonic=lambda: 0.0, now=lambda: 0.0)


@contextmanager
def serving(world: World, host: str = "127.0.0.1") -> Iterator[Server]:
    server = Server(Http(host=host, port=0), world.views(), logger(world.log), "1.2.3")
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def server(world: World) -> Iterator[Server]:
    with serving(world) as server:
        yield server


def raw(server: Server, data: bytes) -> bytes:
    """Everything the server says to these bytes, until it closes."""
    with socket.create_connection(server.server_address[:2], timeout=10) as sock:  # type: ignore[arg-type]
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := sock.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def get(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    headers = {"Host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    head, _, body = raw(server, "\r\n".join(lines).encode()).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body


def get_json(server: Server, path: str, **headers: str) -> tuple[int, Any]:
    status, _, body = get(server, path, **headers)
    return status, msgspec.json.decode(body)


def test_metrics_are_served_in_the_format_that_was_asked_for(server: Server) -> None:
    status, headers, body = get(server, "/metrics", Accept="application/openmetrics-text")
    assert (status, headers["Content-Type"], body) == (200, "text/plain", b"# application/openmetrics-text\n")
    assert headers["Cache-Control"] == "no-store"


def test_healthy_means_that_the_loop_has_turned_lately(server: Server, world: World) -> None:
    assert get_json(server, "/healthz") == (200, {"status": "ok", "seconds_since_turn": 0.5})
    world.idle = http.HEALTHY_SECONDS + 1
    try:
        assert get_json(server, "/healthz")[0] == 503
    finally:
        world.idle = 0.5


@pytest.mark.parametrize(
    ("health", "status"),
    [
        (Health(True, True, ""), 200),
        (Health(True, False, "the broker refused plant/#"), 503),
        (Health(False, False, "nothing listens there"), 503),
    ],
)
def test_ready_means_connected_and_subscribed_else_it_says_why(
    server: Server, world: World, health: Health, status: int
) -> None:
    world.health = health
    code, body = get_json(server, "/readyz")
    assert code == status
    assert body == {"ready": status == 200, **health._asdict()}


def test_twins_come_in_pages_that_lead_through_all_of_them(server: Server) -> None:
    seen = []
    path: str | None = "/api/twins?limit=99"
    while path is not None:
        status, page = get_json(server, path)
        assert status == 200
        assert page["total"] == len(TWINS)
        seen += page["twins"]
        path = page["next"]
    assert seen == TWINS
    assert len(get_json(server, "/api/twins")[1]["twins"]) == 100
    assert get_json(server, "/api/twins?offset=100000")[1]["twins"] == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("limit=1001", f"limit: expected a number from 0 to {MAX_PAGE}, got '1001'"),
        ("offset=-1", "offset: expected a number from 0 to 2147483648, got '-1'"),
        ("offset=", "offset: expected a number"),
        ("limit=9" + "9" * 500, "limit: expected a number"),
        ("limit=٣", "limit: expected a number"),
        ("page=2", "unknown parameter 'page'"),
        ("&".join(f"limit={number}" for number in range(50)), "more than 20 parameters"),
    ],
)
def test_a_wrong_page_is_refused_with_what_was_expected(server: Server, query: str, says: str) -> None:
    status, body = get_json(server, "/api/twins?" + query.replace("٣", "%D9%A3"))
    assert status == 400
    assert says in body["error"]


@pytest.mark.parametrize(
    ("path", "asset"),
    [("pump-1", "pump-1"), ("hall%203%2Fpump%20%C3%BC", "hall 3/pump ü"), ("a%252Fb", "a%2Fb")],
)
def test_an_asset_is_found_under_its_percent_encoded_name(server: Server, path: str, asset: str) -> None:
    assert get_json(server, f"/api/twins/{path}") == (200, {"asset": asset, "x": None})


def test_what_is_not_there_is_said_with_a_hint(server: Server) -> None:
    assert get_json(server, "/api/twins/pump-9") == (
        404,
        {"status": 404, "error": "no twin is called 'pump-9'", "hint": "/api/twins lists them"},
    )
    status, body = get_json(server, "/etc/passwd")
    assert (status, body["error"]) == (404, "there is no /etc/passwd")
    assert "/healthz" in body["hint"]
    assert get_json(server, "/api/twins/%FF")[0] == 400
    assert get_json(server, "/../agent/config.py")[0] == 404


def test_a_busy_loop_is_an_answer_too(server: Server) -> None:
    status, headers, body = get(server, "/api/twins/slow")
    assert (status, headers["Retry-After"]) == (503, "1")
    assert b"no answer within 1 s" in body


def test_twins_can_only_be_read(server: Server) -> None:
    for method in ("PUT", "DELETE", "PATCH", "BREW"):
        status, headers, body = get(server, "/api/twins", method=method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD, POST")
        assert msgspec.json.decode(body)["error"] == f"expected GET, HEAD or POST, got '{method}'"
    status, headers, body = get(server, "/api/twins", method="POST")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert msgspec.json.decode(body)["error"] == "nothing can be posted to /api/twins"


def test_head_is_get_without_the_body(server: Server) -> None:
    status, headers, body = get(server, "/api/twins/pump-1", method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == len(get(server, "/api/twins/pump-1")[2])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00 TLS here\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 200),
    ],
)
def test_an_oversized_or_broken_request_is_refused_in_json(server: Server, request_: bytes, status: int) -> None:
    answer = raw(server, request_)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert b"application/json" in head
    assert isinstance(msgspec.json.decode(body), dict)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: b"GET /api/twins" + tail))
def test_no_bytes_make_the_server_stumble(server: Server, world: World, data: bytes) -> None:
    before = world.log.getvalue()
    raw(server, data)
    assert world.log.getvalue() == before
    assert get(server, "/healthz")[0] == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9464", "127.0.0.1:9464", "[::1]:9464", "127.0.0.1"])
def test_loopback_names_are_answered(server: Server, host: str) -> None:
    assert get(server, "/healthz", Host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "localhost.evil.example", "", "[::2]"])
def test_a_web_page_that_rebinds_its_name_to_loopback_gets_nothing(server: Server, host: str) -> None:
    status, body = get_json(server, "/api/twins", Host=host)
    assert status == 421
    assert "http.host" in body["hint"]


def test_a_server_for_others_answers_to_any_name(world: World) -> None:
    with serving(world, host="0.0.0.0") as server:
        port = server.server_address[1]
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: gateway.local\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.0 200")


def test_more_at_once_than_there_are_threads_are_told_to_come_again(world: World) -> None:
    with serving(world) as server:
        held = [socket.create_connection(server.server_address[:2], timeout=10) for _ in range(MAX_THREADS)]  # type: ignore[arg-type]
        for sock in held:
            sock.sendall(b"GET /healthz")  # and no more: each holds a thread
        status, headers, body = get(server, "/healthz")
        assert (status, headers["Retry-After"]) == (503, "1")
        assert b"requests at once" in body
        for sock in held:
            sock.sendall(b" HTTP/1.0\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.0 200")
            while sock.recv(1000):
                pass
            sock.close()
        # A thread frees its place just after the client has seen the end of the answer.
        for _ in range(1000):
            if get(server, "/healthz")[0] == 200:
                break
        else:
            pytest.fail("the places were never freed")


def test_who_trickles_a_request_is_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REQUEST_SECONDS", 0.0)
    with serving(world) as server, closing(socket.create_connection(server.server_address[:2], timeout=10)) as sock:  # type: ignore[arg-type]
        sock.sendall(b"GET /healthz")
        assert sock.recv(100) == b""


def test_a_bug_in_a_view_is_logged_and_the_server_goes_on(world: World) -> None:
    world = World()
    with serving(world) as server:
        assert raw(server, b"GET /api/twins/bug HTTP/1.0\r\n\r\n") == b""
        assert get(server, "/healthz")[0] == 200
    assert "http: internal error" in world.log.getvalue()
    assert "a bug in a view" in world.log.getvalue()


def test_answers_are_counted_by_status(world: World) -> None:
    with serving(world) as server:
        get(server, "/healthz")
        get(server, "/healthz")
        get(server, "/nothing")
        get(server, "/", method="POST")
        assert server.responses == {200: 2, 404: 1, 405: 1}


def test_a_port_in_use_is_one_line_and_a_temporary_failure(server: Server, world: World) -> None:
    port = int(server.server_address[1])
    with pytest.raises(ExitError) as caught:
        Server(Http(port=port), world.views(), logger(world.log), "1")
    assert caught.value.code is Exit.TEMPORARY
    assert str(caught.value).startswith(f"http: cannot listen on 127.0.0.1:{port}: Address already in use")


def test_an_address_that_is_not_ours_is_one_line(world: World) -> None:
    with pytest.raises(ExitError, match=r"http: cannot listen on 192\.0\.2\.1:9464: .* \(set http\.host"):
        Server(Http(host="192.0.2.1"), world.views(), logger(world.log), "1")


def test_the_port_is_free_again_after_stop(world: World) -> None:
    with serving(world) as server:
        port = int(server.server_address[1])
        assert get(server, "/healthz")[0] == 200
    again = Server(Http(port=port), world.views(), logger(world.log), "1")
    again.stop()


# Questions to the loop


def asking(calls: Calls, question: Callable[[], object], timeout: float = 10) -> tuple[threading.Thread, list[object]]:
    results: list[object] = []

    def run() -> None:
        try:
            results.append(calls.ask(question, timeout))
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_a_question_is_answered_on_the_thread_that_answers() -> None:
    woken = threading.Event()
    calls = Calls(woken.set)
    thread, results = asking(calls, threading.get_ident)
    assert woken.wait(10)
    calls.answer_one()
    thread.join(10)
    assert results == [threading.get_ident()]


def test_a_question_that_fails_fails_for_the_asker_only() -> None:
    woken = threading.Event()
    calls = Calls(woken.set)
    thread, results = asking(calls, lambda: 1 // 0)
    assert woken.wait(10)
    calls.answer_one()
    thread.join(10)
    assert isinstance(results[0], ZeroDivisionError)


def test_a_question_nobody_waits_for_any_more_is_not_answered() -> None:
    calls = Calls(lambda: None)
    answered: list[int] = []
    with pytest.raises(Unanswered, match="no answer within 0 s"):
        calls.ask(lambda: answered.append(1), timeout=0)
    calls.answer_one()
    assert answered == []
    assert not calls


def test_questions_do_not_pile_up() -> None:
    calls = Calls(lambda: None, limit=2)
    for _ in range(2):
        with pytest.raises(Unanswered, match="no answer"):
            calls.ask(int, timeout=0)
    with pytest.raises(Unanswered, match="too many"):
        calls.ask(int, timeout=0)
