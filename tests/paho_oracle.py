"""What plain paho, on an ordinary socket, makes of a stream of bytes: the oracle of the wire."""

from __future__ import annotations

import socket
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

_ORDERLY = (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_CONN_LOST, MQTTErrorCode.MQTT_ERR_NO_CONN)


class Verdict(NamedTuple):
    """Messages in order, QoS 1 identifiers acknowledged in order, and whether the stream was found malformed."""

    messages: list[tuple[bytes, bytes, bool]]
    acknowledged: list[int]
    malformed: bool


class _Plain(Client):
    def __init__(self, sock: socket.socket, v5: bool) -> None:
        protocol = MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311
        super().__init__(CallbackAPIVersion.VERSION2, "oracle", protocol=protocol, reconnect_on_failure=False)
        self._given = sock

    def _create_socket(self) -> socket.socket:
        return self._given


def connack(v5: bool) -> bytes:
    return b"\x20\x03\x00\x00\x00" if v5 else b"\x20\x02\x00\x00"


def paho_reads(stream: bytes, *, v5: bool) -> Verdict:
    """Let paho connect, give it the stream after its CONNACK, and end it."""
    ours, theirs = socket.socketpair()
    messages: list[tuple[bytes, bytes, bool]] = []

    def on_message(client: Client, _: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic.encode()
        except UnicodeDecodeError:
            return
        messages.append((topic, bytes(message.payload), bool(message.retain)))

    with ours, theirs:
        for sock in (ours, theirs):
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
        client = _Plain(theirs, v5)
        client.on_message = on_message
        client.connect("oracle")
        ours.setblocking(False)
        ours.recv(1 << 16)
        ours.sendall(connack(v5) + stream)
        ours.shutdown(socket.SHUT_WR)
        malformed = False
        while client.socket() is not None:
            try:
                code = client.loop_read()
            except Exception:
                # paho before 2.2 lets some malformed packets through to its own code.
                malformed = True
                break
            malformed = malformed or code not in _ORDERLY
        written = b""
        try:
            while data := ours.recv(1 << 20):
                written += data
        except (BlockingIOError, ConnectionResetError):
            pass
    return Verdict(messages, acknowledged_in(written), malformed)


def acknowledged_in(written: bytes) -> list[int]:
    """Identifiers of the PUBACK packets in what a client wrote (all short)."""
    found, i = [], 0
    while i + 1 < len(written):
        if written[i] == 0x40:
            found.append(int.from_bytes(written[i + 2 : i + 4], "big"))
        i += 2 + written[i + 1]
    return found
