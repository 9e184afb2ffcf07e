"""MQTT over WebSocket (RFC 6455, subprotocol `mqtt`), as a stream of bytes: the framing, and the client's handshake.

Frame boundaries mean nothing to MQTT, so payload bytes are handed on as they come, whatever the frame's size.
"""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Callable, Sequence

from agent.shell.stream import TLS_RECORD, Part, SocketStream

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
_MAX_ANSWER = 1 << 14
_CONTINUATION, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x2, 0x8, 0x9, 0xA


class WebSocketError(ConnectionError):
    """The peer does not speak WebSocket, or not this one."""


class WebSocketStream(SocketStream):
    """The inside of a WebSocket whose handshake is done; `early` is what came with its answer."""

    def __init__(self, sock: socket.socket, *, entropy: Callable[[int], bytes], early: bytes = b"") -> None:
        super().__init__(sock)
        self.at_once = TLS_RECORD  # a frame is made of several copies
        self._entropy = entropy
        self._raw = early  # not yet unwrapped
        self._left = 0  # bytes to come of the data frame at hand
        self._out = bytearray()  # whole frames
        self._closed = False

    def recv(self, size: int) -> bytes:
        data = b"" if self._closed else super().recv(size)
        if not data:
            return b""
        inside = self._unwrap(self._raw + data)
        if inside:
            return inside
        if self._closed:
            return b""
        raise BlockingIOError

    def send(self, parts: Sequence[Part]) -> int:
        self._drain()
        if self._out:
            raise BlockingIOError
        data = b"".join(parts)
        if not data:
            return 0
        self._out += self._frame(_BINARY, data)
        self._drain()
        return len(data)

    def unsent(self) -> bool:
        return bool(self._out) or super().unsent()

    def _drain(self) -> None:
        out = self._out
        try:
            while out:
                with memoryview(out) as whole:
                    sent = super().send((whole,))
                del out[:sent]
        except BlockingIOError:
            pass

    def _unwrap(self, raw: bytes) -> bytes:
        inside: list[bytes] = []
        at, size = 0, len(raw)
        while at < size and not self._closed:
            if self._left:
                part = raw[at : at + self._left]
                inside.append(part)
                at += len(part)
                self._left -= len(part)
                continue
            if size - at < 2:
                break
            opcode, length = raw[at] & 15, raw[at + 1]
            body = at + 2
            if length > 127:
                raise WebSocketError("the broker masks its WebSocket frames, which only clients may do")
            if length > 125:
                body += 2 if length == 126 else 8
                if size < body:
                    break
                length = int.from_bytes(raw[at + 2 : body], "big")
            if opcode in (_BINARY, _CONTINUATION):
                self._left = length
                at = body
            elif opcode in (_CLOSE, _PING, _PONG) and length <= 125:
                if size < body + length:
                    break
                self._control(opcode, raw[body : body + length])
                at = body + length
            else:
                raise WebSocketError(f"a WebSocket frame with opcode {opcode} and {length} bytes has no place in MQTT")
        self._raw = raw[at:]
        return b"".join(inside)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == _PONG:
            return
        # One answer that has not left is enough: a peer that only pings cannot make this grow.
        if not self._out:
            self._out += self._frame(_PONG if opcode == _PING else _CLOSE, payload)
            self._drain()
        if opcode == _CLOSE:
            self._closed = True

    def _frame(self, opcode: int, data: Part) -> bytes:
        n = len(data)
        mask = self._entropy(4)
        if n < 126:
            head = bytes((0x80 | opcode, 0x80 | n))
        elif n < 1 << 16:
            head = bytes((0x80 | opcode, 0xFE)) + n.to_bytes(2, "big")
        else:
            head = bytes((0x80 | opcode, 0xFF)) + n.to_bytes(8, "big")
        key = (mask * (n // 4 + 1))[:n]
        masked = int.from_bytes(data, "big") ^ int.from_bytes(key, "big")
        return head + mask + masked.to_bytes(n, "big")


def handshake(sock: socket.socket, *, host: str, path: str, entropy: Callable[[int], bytes]) -> WebSocketStream:
    """Open the WebSocket on a connected, blocking socket that has a timeout; `host` with its port if unusual."""
    key = base64.b64encode(entropy(16))
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    )
    sock.sendall(request.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        try:
            data = sock.recv(4096)
        except ConnectionError:
            data = b""
        if not data or len(answer) > _MAX_ANSWER:
            raise WebSocketError("no answer to the WebSocket handshake; is this port a WebSocket listener?")
        answer += data
    head, _, early = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if status.split(" ")[1:2] != ["101"]:
        raise WebSocketError(f"the WebSocket was refused with {status[:100]!r}; `mqtt.path` is {path!r}")
    expected = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest()).decode()
    if headers.get("sec-websocket-accept") != expected:
        raise WebSocketError("the answer to the WebSocket handshake does not belong to it; is there a cache between?")
    return WebSocketStream(sock, entropy=entropy, early=early)
