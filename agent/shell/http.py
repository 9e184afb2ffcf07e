"""The HTTP server: /metrics, /healthz, /readyz, /api/twins and /api/alarms, in a thread of its own.

It never touches the twins: what it shows it is given by the callables of `Views`, which know how to ask the loop.
Everything is bounded: threads, the time and the size of a request, the size of an answer. There is no login, so it
listens on loopback unless configured otherwise, and there it answers only to loopback names, because a web page that
rebinds its own name to 127.0.0.1 is not a local user. Commands about alarms are all that can be posted.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from errno import EADDRINUSE
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import BoundedSemaphore, Lock, Thread
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl, unquote, urlencode

import msgspec

from agent.alarms.listing import FILTERS
from agent.config import Commands, Http
from agent.encode import Answer
from agent.shell.calls import Unanswered
from agent.shell.exits import Exit, ExitError
from agent.shell.logs import Logger

MAX_THREADS = 16
MAX_PATH = 2048
MAX_BODY = 65536
MAX_DIGITS = 20  # of a length
MAX_PAGE = 1000
DEFAULT_PAGE = 100
REQUEST_SECONDS = 15.0  # from accepting to closing
HEALTHY_SECONDS = 10.0  # a loop that has not turned for longer is stuck

JSON = "application/json; charset=utf-8"
PATHS = (
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/twins",
    "/api/twins/<asset>",
    "/api/twins/<asset>/explain",
    "/api/alarms",
)
COMMAND = "/api/alarms/<asset>/<alarm>/<verb>"


class Health(NamedTuple):
    """Replaced as a whole by the loop, read by anyone."""

    connected: bool = False
    subscribed: bool = False
    reason: str = "starting"


class Views(NamedTuple):
    """Where the server gets what it shows. All may be called from any thread; what asks the loop may raise Unanswered."""

    idle: Callable[[], float]  # seconds since the loop last turned
    health: Callable[[], Health]
    metrics: Callable[[str], tuple[bytes, str]]  # by the Accept header: body and content type
    page: Callable[[int, int], tuple[int, list[dict[str, object]]]]  # by offset and limit: number of twins, summaries
    detail: Callable[[str], dict[str, object] | None]
    alarms: Callable[[Collection[str], str | None, int, int], tuple[int, list[dict[str, object]]]]
    commands: Callable[[], Commands]  # what is allowed
    command: Callable[[str, str, str, bytes], tuple[Answer, str]]  # by verb, asset, alarm, body; kind of trouble
    explain: Callable[[str], dict[str, object] | list[str]]  # of an asset; of an unknown one, names that are alike


class _Refusal(Exception):  # noqa: N818  # an answer, not a fault
    """An answer other than the one that was asked for."""

    def __init__(self, status: int, message: str, hint: str = "", **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Server(ThreadingHTTPServer):
    """Listens from construction on; serves from `start` to `stop`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, config: Http, views: Views, log: Logger, version: str) -> None:
        self.views = views
        self.version = version
        self.log = log
        self.responses: dict[int, int] = {}
        self._lock = Lock()
        self._slots = BoundedSemaphore(MAX_THREADS)
        self._deadlines: dict[socket.socket, float] = {}
        self._thread: Thread | None = None
        self._stopping = False
        where = f"{config.host}:{config.port}"
        try:
            family, _, _, _, address = socket.getaddrinfo(
                config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            self.address_family = family
            super().__init__(cast("tuple[str, int]", address[:2]), _Handler)
        except OSError as error:
            hint = (
                "is another agent running? set http.port" if error.errno == EADDRINUSE else "set http.host, http.port"
            )
            raise ExitError(
                Exit.TEMPORARY,
                f"http: cannot listen on {where}: {error.strerror or error} ({hint}, or http.enabled: false)",
            ) from None
        self.hosts: frozenset[str] | None = None
        if ipaddress.ip_address(str(self.server_address[0]).partition("%")[0]).is_loopback:
            self.hosts = frozenset({"localhost", "127.0.0.1", "::1", config.host.lower(), str(self.server_address[0])})

    def server_bind(self) -> None:
        # The inherited method looks its own name up in DNS, which can hang for seconds on a gateway without network.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def start(self) -> None:
        self._thread = Thread(target=self.serve_forever, args=(0.5,), name="http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port. Answers under way are finished in their threads, or die with the process."""
        if self._thread is not None:
            self._stopping = True
            with suppress(OSError):  # not every system shuts down what only listens
                self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, which would look half a second later
            self.shutdown()
            self._thread = None
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except OSError:
            if not self._stopping:
                time.sleep(0.1)  # out of descriptors: the connection stays pending, so without a pause this would spin
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            self.count(503)
            body = _error(503, f"more than {MAX_THREADS} requests at once", "ask again later")
            head = f"HTTP/1.0 503 Service Unavailable\r\nContent-Type: {JSON}\r\nRetry-After: 1\r\n"
            with suppress(OSError):
                request.settimeout(0.2)
                request.recv(MAX_BODY)  # closing with unread bytes would reset the connection before the answer
                request.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            self.shutdown_request(request)
            return
        self._deadlines[request] = time.monotonic() + REQUEST_SECONDS
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._deadlines.pop(request, None)
            self._slots.release()

    def service_actions(self) -> None:
        """Cut off who trickles a request or does not read the answer; called twice a second by `serve_forever`."""
        if self._deadlines:
            now = time.monotonic()
            for request, deadline in list(self._deadlines.items()):
                if now > deadline:
                    with suppress(OSError):
                        request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys
        import traceback

        error = sys.exc_info()[1]
        if not isinstance(error, (OSError, TimeoutError)):  # else the client went away, which is its own business
            self.log.error("http: internal error", traceback=traceback.format_exc())

    def count(self, status: int) -> None:
        with self._lock:
            self.responses[status] = self.responses.get(status, 0) + 1


class _Handler(BaseHTTPRequestHandler):
    """One request per connection, which keeps idle clients from holding the few threads there are."""

    server: Server
    timeout = REQUEST_SECONDS

    def do_GET(self) -> None:
        try:
            self._check()
            status, body, content_type = self._answer()
        except _Refusal as refusal:
            body = _error(refusal.status, refusal.message, refusal.hint)
            self._send(refusal.status, body, JSON, refusal.headers)
        except Unanswered as error:
            body = _error(503, f"the agent is busy: {error}", "ask again, or see /healthz")
            self._send(503, body, JSON, {"Retry-After": "1"})
        else:
            self._send(status, body, content_type, {})

    def do_POST(self) -> None:
        try:
            status, body = self._command(self._check())
        except _Refusal as refusal:
            body = _error(refusal.status, refusal.message, refusal.hint)
            self._send(refusal.status, body, JSON, refusal.headers)
        except Unanswered as error:
            hint = "it may have been done or not: ask again with the same id, which does it once"
            self._send(503, _error(503, f"the agent is busy: {error}", hint), JSON, {"Retry-After": "1"})
        else:
            self._send(status, body, JSON, {})

    def _command(self, body: bytes) -> tuple[int, bytes]:
        path = self.path.partition("?")[0]
        parts = path.removeprefix("/api/alarms/").split("/")
        if not path.startswith("/api/alarms/") or len(parts) != 3:
            raise _Refusal(405, f"nothing can be posted to {path[:200]}", f"there is POST {COMMAND}", Allow="GET, HEAD")
        allowed = self.server.views.commands()
        if not allowed.http:
            raise _Refusal(403, "commands over HTTP are turned off", "see commands.http")
        if self.server.hosts is None and not allowed.http_anywhere:
            hint = "use MQTT, or see commands.http_anywhere"
            raise _Refusal(403, "commands are only taken where http.host is a loopback address", hint)
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            # A web page can post other types to any address without asking.
            hint = "-H 'Content-Type: application/json'"
            raise _Refusal(415, f"Content-Type: expected application/json, got {kind[:100]!r}", hint)
        asset, alarm, verb = map(_unquoted, parts)
        answer, trouble = self.server.views.command(verb, asset, alarm, body)
        return {"": 200, "missing": 404, "state": 409}.get(trouble, 400), _json(answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _check(self) -> bytes:
        """The body of a request that may be answered. Raises _Refusal."""
        if len(self.path) > MAX_PATH:
            raise _Refusal(414, f"the path has {len(self.path)} characters, at most {MAX_PATH} are read")
        if "Transfer-Encoding" in self.headers:
            # Taken for a request without a body, it would be a command without the half of what it says.
            raise _Refusal(411, "a body that does not say how long it is", "send Content-Length, not Transfer-Encoding")
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            raise _Refusal(400, f"Content-Length: expected a number, got {length[:40]!r}")
        if len(length) > MAX_DIGITS or int(length) > MAX_BODY:
            raise _Refusal(413, f"a body of {length[:40]} bytes, at most {MAX_BODY} are read", "a GET needs no body")
        body = self.rfile.read(int(length)) if int(length) else b""
        host = self.headers.get("Host")
        if self.server.hosts is not None and host is not None and _host_name(host) not in self.server.hosts:
            raise _Refusal(
                421,
                f"the name {host[:100]!r} does not belong to this server, which listens on loopback only",
                "use localhost or 127.0.0.1; to serve other machines set http.host",
            )
        return body

    def _answer(self) -> tuple[int, bytes, str]:
        views = self.server.views
        path, _, query = self.path.partition("?")
        match path:
            case "/metrics":
                body, content_type = views.metrics(self.headers.get("Accept", ""))
                return 200, body, content_type
            case "/healthz":
                idle = views.idle()
                well = idle < HEALTHY_SECONDS
                record = {"status": "ok" if well else "stuck", "seconds_since_turn": round(idle, 3)}
                return 200 if well else 503, _json(record), JSON
            case "/readyz":
                health = views.health()
                ready = health.connected and health.subscribed
                return 200 if ready else 503, _json({"ready": ready, **health._asdict()}), JSON
            case "/api/twins" | "/api/twins/":
                return 200, self._page(query), JSON
            case "/api/alarms" | "/api/alarms/":
                return 200, self._alarms(query), JSON
            case "/":
                return 200, _json({"agent": "twinned", "version": self.server.version, "paths": PATHS}), JSON
        if path.startswith("/api/twins/") and path.endswith("/explain"):
            return 200, self._explain(path.removeprefix("/api/twins/").removesuffix("/explain")), JSON
        if path.startswith("/api/twins/"):
            return 200, self._detail(path.removeprefix("/api/twins/")), JSON
        raise _Refusal(404, f"there is no {path[:200]}", f"there are {', '.join(PATHS)}")

    def _page(self, query: str) -> bytes:
        offset, limit, _ = _parameters(query)
        total, twins = self.server.views.page(offset, limit)
        after = offset + len(twins)
        more = f"/api/twins?offset={after}&limit={limit}" if twins and after < total else None
        return _json({"total": total, "offset": offset, "limit": limit, "next": more, "twins": twins})

    def _alarms(self, query: str) -> bytes:
        offset, limit, texts = _parameters(query, "state", "asset")
        wanted = [state for state in texts.get("state", "").split(",") if state]
        for state in wanted:
            if state not in FILTERS:
                raise _Refusal(400, f"state: expected some of {', '.join(FILTERS)}, got {state[:40]!r}")
        total, alarms = self.server.views.alarms(wanted, texts.get("asset"), offset, limit)
        after = offset + len(alarms)
        more = None
        if alarms and after < total:
            more = f"/api/alarms?{urlencode({**texts, 'offset': after, 'limit': limit})}"
        return _json({"total": total, "offset": offset, "limit": limit, "next": more, "alarms": alarms})

    def _explain(self, quoted: str) -> bytes:
        asset = _unquoted(quoted)
        found = self.server.views.explain(asset)
        if isinstance(found, list):
            hint = f"perhaps {' or '.join(found)}; " if found else ""
            raise _Refusal(404, f"no twin is called {asset[:200]!r}", f"{hint}/api/twins lists them")
        return _json(found)

    def _detail(self, quoted: str) -> bytes:
        asset = _unquoted(quoted)
        detail = self.server.views.detail(asset)
        if detail is None:
            raise _Refusal(404, f"no twin is called {asset[:200]!r}", "/api/twins lists them")
        return _json(detail)

    def _send(self, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        self.request_version = "HTTP/1.0"  # a request too broken to name its version counts as 0.9, without headers
        self.send_response(status)
        for name, value in {
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses by itself, in our words: a method without `do_…`, a malformed request."""
        if code == 501:
            body = _error(405, f"expected GET, HEAD or POST, got {self.command[:40]!r}", f"there is POST {COMMAND}")
            self._send(405, body, JSON, {"Allow": "GET, HEAD, POST"})
        else:
            self._send(code, _error(code, message or "bad request"), JSON, {})

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.server.count(int(code))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged per request: `twinned_http_requests_total` counts them."""

    def version_string(self) -> str:
        return "twinned"


def _unquoted(level: str) -> str:
    try:
        return unquote(level, errors="strict")
    except UnicodeDecodeError:
        raise _Refusal(400, f"expected percent-encoded UTF-8, got {level[:200]!r}") from None


def _parameters(query: str, *words: str) -> tuple[int, int, dict[str, str]]:
    """Offset, limit, and those of the words that are given."""
    numbers = {"offset": 0, "limit": DEFAULT_PAGE}
    most = {"offset": 2**31, "limit": MAX_PAGE}
    texts: dict[str, str] = {}
    there = f"there are {', '.join([*words, 'offset'])} and limit"
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise _Refusal(400, "more than 20 parameters", there) from None
    for name, text in pairs:
        if name in words:
            texts[name] = text
        elif name not in numbers:
            raise _Refusal(400, f"unknown parameter {name[:100]!r}", there)
        elif not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most[name]):
            raise _Refusal(400, f"{name}: expected a number from 0 to {most[name]}, got {text[:40]!r}")
        else:
            numbers[name] = int(text)
    return numbers["offset"], numbers["limit"], texts


def _json(record: object) -> bytes:
    return msgspec.json.encode(record)


def _error(status: int, message: str, hint: str = "") -> bytes:
    return _json({"status": status, "error": message, **({"hint": hint} if hint else {})})


def _host_name(host: str) -> str:
    """The name in a Host header, without the port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host
