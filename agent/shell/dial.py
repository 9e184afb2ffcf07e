"""Getting a connected stream to the broker without stopping the loop: names, TCP, TLS and the WebSocket handshake.

Each of these can block for as long as the network likes, so they happen on a thread that lives for one attempt.
Nothing of MQTT is here.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

from agent.config import Mqtt, Tls
from agent.shell.stream import SocketStream, Stream
from agent.shell.websocket import WebSocketError, handshake


class DialError(Exception):
    """There is no connection; says why in words, and what to look at."""


def default_port(config: Mqtt) -> int:
    """The configured port, else the usual one of the transport."""
    if config.port is not None:
        return config.port
    if config.transport == "websockets":
        return 443 if config.tls else 80
    return 8883 if config.tls else 1883


class Dial:
    """One attempt to connect. `wake` is called from its thread when `result` has something to say."""

    def __init__(self, config: Mqtt, *, clock: Callable[[], float], wake: Callable[[], None]) -> None:
        self._config = config
        self._clock = clock
        self._wake = wake
        self._lock = threading.Lock()
        self._result: Stream | DialError | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name="dial", daemon=True)

    def start(self) -> None:
        """Begin; RuntimeError if the system has no thread left."""
        self._thread.start()

    def result(self) -> Stream | DialError | None:
        """The stream, the reason why there is none, or None as long as it is not known."""
        return self._result

    def abandon(self) -> None:
        """Nobody waits any more: a stream that still comes is closed."""
        with self._lock:
            self._abandoned = True
            result, self._result = self._result, None
        if result is not None and not isinstance(result, DialError):
            result.close()

    def running(self) -> bool:
        """Whether its thread still lives; a name server that does not answer can hold it for a minute."""
        return self._thread.is_alive()

    def _run(self) -> None:
        result: Stream | DialError
        try:
            result = connect(self._config, self._clock)
        except DialError as error:
            result = error
        except Exception as error:
            result = DialError(f"connecting failed: {error!r}")
        with self._lock:
            abandoned = self._abandoned
            if not abandoned:
                self._result = result
        if not abandoned:
            self._wake()
        elif not isinstance(result, DialError):
            result.close()


def connect(config: Mqtt, clock: Callable[[], float]) -> Stream:
    """A stream to the broker, or a DialError; blocks for about `connect_timeout` at most (names may take longer)."""
    port = default_port(config)
    where = f"{config.host}:{port}"
    deadline = clock() + config.connect_timeout
    context = _context(config.tls) if config.tls else None
    try:
        addresses = socket.getaddrinfo(config.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DialError(f"the name {config.host!r} cannot be resolved: {_words(error)}") from error
    refusal: Exception = OSError("it has no address")
    for family, kind, protocol, _, address in addresses:
        left = deadline - clock()
        if left <= 0:
            break
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            refusal = error
            continue
        try:
            sock.settimeout(left)
            sock.connect(address)
            # The wire coalesces by itself; waiting for more would only add latency.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None and config.tls is not None:
                name = config.tls.server_name or config.host
                sock = _encrypt(context, sock, name, max(deadline - clock(), 0.1))
            if config.transport == "websockets":
                sock.settimeout(max(deadline - clock(), 0.1))
                return handshake(sock, host=_host_header(config, port), path=config.path, entropy=os.urandom)
            return SocketStream(sock)
        except (OSError, ValueError) as error:
            sock.close()
            refusal = error
    raise DialError(f"no connection to {where}: {_words(refusal)}") from refusal


def _context(tls: Tls) -> ssl.SSLContext:
    # Made anew for each attempt, so that certificates renewed on disk are used from the next connection on.
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except OSError as error:
        raise DialError(f"`tls.ca_file` {tls.ca_file!r} cannot be used: {_words(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file is not None:
        try:
            # A password prompt on the terminal would hang a daemon; an encrypted key is an error instead.
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
        except (OSError, ValueError) as error:
            files = f"{tls.cert_file!r} and `tls.key_file` {tls.key_file!r}"
            raise DialError(f"`tls.cert_file` {files} cannot be used: {_words(error)}") from error
    return context


def _encrypt(context: ssl.SSLContext, sock: socket.socket, name: str, timeout: float) -> ssl.SSLSocket:
    encrypted = context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
    try:
        encrypted.settimeout(timeout)
        encrypted.do_handshake()
    except BaseException:
        encrypted.close()
        raise
    return encrypted


def _host_header(config: Mqtt, port: int) -> str:
    host = f"[{config.host}]" if ":" in config.host else config.host
    return host if port == (443 if config.tls else 80) else f"{host}:{port}"


def _words(error: Exception) -> str:
    """What an operator should know of a failure to connect."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the broker's certificate is not trusted ({error.verify_message}); "
            "`tls.ca_file` names the authority that signed it, `tls.server_name` the name it carries"
        )
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, WebSocketError):
        return str(error)
    if isinstance(error, ssl.SSLError):
        return (
            f"TLS failed ({error.reason or error.args[-1]}); is this port a TLS listener, and wants it a certificate?"
        )
    with suppress(AttributeError):
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
    return str(error)
