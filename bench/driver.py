"""The load of the session benchmarks, a process of its own: publishes readings, and takes what comes back.

`python -m bench.driver PORT ANSWERS --messages N --assets A [--qos 1] [--rate R] [--start EPOCH]` prints one JSON line.
Raw sockets and MQTT 3.1.1, so that it costs as little as it can. Without a rate, an asset's readings have times `STEP`
after each other from `start` on; with one, each carries the moment at which it is sent, and an answer with that time
tells its delay.
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.brokers import packet, publish

PIECE = 200  # messages written at once where there is no rate
STEP = 0.01  # seconds between readings of an asset where there is no rate: they end well before `max_ahead`
GRAIN = 0.001  # seconds slept between messages that are due
IDLE = 5.0  # seconds without an answer after which the rest counts as lost
IDS = 65_535


def connect(port: int, name: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name))
    sock.recv(4)
    return sock


def subscribe(sock: socket.socket, topics: bytes) -> None:
    sock.sendall(packet(0x82, b"\x00\x01" + len(topics).to_bytes(2, "big") + topics + b"\x00"))
    sock.recv(5)


def frames(sock: socket.socket) -> Iterator[list[bytes]]:
    """What is published to this connection, as it comes, until nothing has for a while."""
    sock.settimeout(IDLE)
    left = b""
    while True:
        try:
            chunk = sock.recv(1 << 18)
        except TimeoutError:
            return
        if not chunk:
            return
        left += chunk
        at, found = 0, []
        while len(left) - at >= 2:
            size, shift, place = 0, 0, at + 1
            while place < len(left):
                size |= (left[place] & 127) << shift
                shift += 7
                place += 1
                if not left[place - 1] & 128:
                    break
            else:
                break
            if place + size > len(left):
                break
            if left[at] >> 4 == 3:
                found.append(left[place : place + size])
            at = place + size
        left = left[at:]
        yield found


def told(frame: bytes) -> float:
    """The reading's time that an answer carries, under `time`, or under `ts` where the message came back as it was."""
    for key in (b'"time":', b'"ts":'):
        at = frame.find(key)
        if at >= 0:
            end = min(e for e in (frame.find(c, at) for c in (b",", b"}")) if e >= 0)
            return float(frame[at + len(key) : end])
    raise ValueError(f"no time in {frame!r}")


class Answers(threading.Thread):
    """Counts what comes back, and how long after it was sent."""

    def __init__(self, sock: socket.socket, wanted: int, timed: bool) -> None:
        super().__init__(daemon=True)
        self.count, self.last = 0, time.time()
        self.delays: list[float] = []
        self._sock, self._wanted, self._timed = sock, wanted, timed

    def run(self) -> None:
        for found in frames(self._sock):
            self.last = time.time()
            self.count += len(found)
            if self._timed:
                self.delays += [self.last - told(frame) for frame in found]
            if self.count >= self._wanted:
                return


def _discard(sock: socket.socket) -> None:
    """Acknowledgements, so that the broker can go on."""
    while sock.recv(1 << 16):
        pass


def message(k: int, assets: int, at: float, qos: int) -> bytes:
    topic = b"plant/line1/asset%05d/telemetry" % (k % assets)
    payload = b'{"ts":%.6f,"temperature":%.3f}' % (at, 20.5 + k % 7 * 0.1)
    return publish(topic, payload, first=0x30 | qos << 1, packet_id=k % IDS + 1)


def drive(port: int, answers: str, messages: int, assets: int, qos: int, rate: float, start: float) -> dict[str, Any]:
    taking, giving = connect(port, b"bench-takes"), connect(port, b"bench-gives")
    subscribe(taking, answers.encode())
    heard = Answers(taking, messages, rate > 0)
    heard.start()
    threading.Thread(target=_discard, args=(giving,), daemon=True).start()
    if rate:
        began = time.time()
        for k in range(messages):
            due = began + k / rate
            while (now := time.time()) < due:
                time.sleep(min(due - now, GRAIN))
            giving.sendall(message(k, assets, now, qos))
    else:
        frames = [message(k, assets, start + k // assets * STEP, qos) for k in range(messages)]
        began = time.time()
        for k in range(0, messages, PIECE):
            giving.sendall(b"".join(frames[k : k + PIECE]))
    heard.join()
    delays = sorted(heard.delays)
    result = {"returned": heard.count, "rate": heard.count / max(heard.last - began, 1e-9)}
    if delays:
        result |= {f"p{p}": delays[min(len(delays) * p // 100, len(delays) - 1)] for p in (50, 99)}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.driver")
    parser.add_argument("port", type=int)
    parser.add_argument("answers", help="topic filter of what comes back")
    for name in ("messages", "assets"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--qos", type=int, choices=(0, 1), default=0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--start", type=float, default=0.0)
    print(json.dumps(drive(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
