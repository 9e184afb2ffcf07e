"""The inside of a WebSocket, frame by frame, and its handshake."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import threading
from collections.abc import Iterator
from itertools import cycle
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.shell.websocket import WebSocketError, WebSocketStream, handshake


def _frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """As a server writes it."""
    n = len(payload)
    head = bytes((final << 7 | opcode,))
    if n < 126:
        return head + bytes((n,)) + payload
    if n < 1 << 16:
        return head + b"\x7e" + n.to_bytes(2, "big") + payload
    return head + b"\x7f" + n.to_bytes(8, "big") + payload


class Frame(NamedTuple):
    opcode: int
    payload: bytes


def _frames(written: bytes) -> Iterator[Frame]:
    """What a client wrote; each frame must be final and masked."""
    while written:
        assert written[0] & 0xF0 == 0x80
        assert written[1] & 0x80
        n, at = written[1] & 0x7F, 2
        if n > 125:
            size = 2 if n == 126 else 8
            n, at = int.from_bytes(written[2 : 2 + size], "big"), 2 + size
        mask, body = written[at : at + 4], written[at + 4 : at + 4 + n]
        assert len(body) == n
        yield Frame(written[0] & 15, bytes(a ^ b for a, b in zip(body, cycle(mask), strict=False)))
        written = written[at + 4 + n :]


class _Pair:
    def __init__(self) -> None:
        self.server, client = socket.socketpair()
        self.server.setblocking(False)
        self.stream = WebSocketStream(client, entropy=lambda n: b"\x01\x80\xff\x33"[:n])

    def received(self) -> bytes:
        """Everything that can be read now."""
        data = b""
        try:
            while piece := self.stream.recv(1 << 16):
                data += piece
        except BlockingIOError:
            pass
        return data

    def written(self) -> list[Frame]:
        data = b""
        try:
            while piece := self.server.recv(1 << 20):
                data += piece
        except BlockingIOError:
            pass
        return list(_frames(data))

    def close(self) -> None:
        self.server.close()
        self.stream.close()


@pytest.fixture
def pair() -> Iterator[_Pair]:
    both = _Pair()
    yield both
    both.close()


@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([125, 126, 127, 65_535, 65_536]).map(bytes), max_size=6),
    st.lists(st.integers(1, 90), min_size=1),
)
def test_payloads_come_out_whole_however_they_are_framed_and_cut(payloads: list[bytes], sizes: list[int]) -> None:
    both = _Pair()
    stream = b"".join(
        _frame(2 if n == 0 else 0, payload, final=n == len(payloads) - 1) + _frame(9, b"ping")
        for n, payload in enumerate(payloads)
    )
    received = b""
    steps = cycle(sizes)
    while stream:
        n = next(steps) * (1 if len(stream) < 5000 else 500)
        both.server.send(stream[:n])
        stream = stream[n:]
        received += both.received()
    assert received == b"".join(payloads)
    assert set(both.written()) <= {Frame(10, b"ping")}
    both.close()


@pytest.mark.parametrize("n", [0, 1, 3, 125, 126, 127, 65_535, 65_536, 100_000])
def test_what_is_sent_is_masked_and_whole(pair: _Pair, n: int) -> None:
    payload = bytes(i * 7 % 256 for i in range(n))
    assert pair.stream.send((memoryview(payload)[:1], memoryview(payload)[1:])) == n
    assert pair.written() == ([Frame(2, payload)] if n else [])
    assert not pair.stream.unsent()


def test_a_full_connection_takes_one_frame_more_and_then_says_so(pair: _Pair) -> None:
    payload = b"x" * 200_000
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += pair.stream.send((payload,))
    assert pair.stream.unsent()
    data = b""
    while len(data) < sent:
        try:
            data += pair.server.recv(1 << 20)
        except BlockingIOError:
            break
        assert pair.stream.send(()) == 0 or pair.stream.unsent()
    frames = list(_frames(data))
    assert frames == [Frame(2, payload)] * (sent // len(payload))
    assert not pair.stream.unsent()


def test_a_ping_is_answered_and_a_pong_ignored(pair: _Pair) -> None:
    pair.server.send(_frame(9, b"are you there") + _frame(10, b"unasked") + _frame(2, b"data"))
    assert pair.received() == b"data"
    assert pair.written() == [Frame(10, b"are you there")]


def test_a_close_is_answered_and_ends_the_stream(pair: _Pair) -> None:
    pair.server.send(_frame(2, b"last") + _frame(8, b"\x03\xe8") + _frame(2, b"never"))
    assert pair.stream.recv(100) == b"last"
    assert pair.stream.recv(100) == b""
    assert pair.written() == [Frame(8, b"\x03\xe8")]


def test_the_end_of_the_connection_is_the_end_of_the_stream(pair: _Pair) -> None:
    pair.server.shutdown(socket.SHUT_WR)
    assert pair.stream.recv(100) == b""


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"\x82\x84abcdhell", "masks"), (_frame(1, b"text"), "opcode 1"), (_frame(9, bytes(126)), "opcode 9")],
)
def test_frames_that_have_no_place_here_are_refused(pair: _Pair, raw: bytes, words: str) -> None:
    pair.server.send(raw)
    with pytest.raises(WebSocketError, match=words):
        pair.stream.recv(100)


def _answer(key: bytes, *, status: str = "101 Switching Protocols", accept: str | None = None) -> bytes:
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    value = base64.b64encode(digest).decode() if accept is None else accept
    return (
        f"HTTP/1.1 {status}\r\nUpgrade: websocket\r\nconnection: upgrade\r\n"
        f"SEC-WEBSOCKET-ACCEPT: {value}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    ).encode()


def _shake(status: str = "101 Switching Protocols", accept: str | None = None, raw: bytes | None = None) -> bytes:
    """Go through a handshake with a server that answers so; returns the request."""
    server, client = socket.socketpair()
    requests: list[bytes] = []

    def serve() -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += server.recv(4096)
        requests.append(request)
        key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        answer = _answer(key, status=status, accept=accept) if raw is None else raw
        with contextlib.suppress(OSError):
            for i in range(0, len(answer), 50):
                server.sendall(answer[i : i + 50])
            server.shutdown(socket.SHUT_WR)

    client.settimeout(10)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        handshake(client, host="broker:8080", path="/mqtt", entropy=bytes)
    finally:
        client.close()
        thread.join()
        server.close()
    return requests[0]


def test_the_handshake_asks_for_mqtt() -> None:
    request = _shake()
    assert request.startswith(b"GET /mqtt HTTP/1.1\r\nHost: broker:8080\r\n")
    assert b"\r\nSec-WebSocket-Protocol: mqtt\r\n" in request
    assert b"\r\nSec-WebSocket-Version: 13\r\n" in request


def test_a_refused_handshake_says_the_status_and_the_path() -> None:
    with pytest.raises(WebSocketError, match=r"404 Not Found.*'/mqtt'"):
        _shake("404 Not Found")


def test_an_answer_to_another_handshake_is_refused() -> None:
    with pytest.raises(WebSocketError, match="does not belong"):
        _shake(accept="bm9wZQ==")


@pytest.mark.parametrize("raw", [b"", b"\x20\x02\x00\x00", b"x" * 40_000])
def test_something_that_is_no_http_is_refused(raw: bytes) -> None:
    with pytest.raises(WebSocketError, match="WebSocket listener"):
        _shake(raw=raw)
