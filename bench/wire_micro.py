"""What the wire costs per message, without a broker: cutting PUBLISH frames, framing them, and the way through a socket.

usage: python bench/wire_micro.py [--messages 3000] [--repeats 40]

The least of the repeats is shown, in microseconds of CPU per message. Topics and payloads are those of a telemetry
stream: 30 and 45 bytes.
"""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Callable
from functools import partial

from agent.shell.frames import Decoder, Encoder, encode_varint, pubacks
from agent.shell.stream import SocketStream
from agent.shell.wire import Counters, Wire

LIMIT = 1 << 18


def stream_of(topics: list[bytes], payloads: list[bytes], *, v5: bool, qos: int) -> bytes:
    """The messages as a broker sends them."""
    frames = []
    for n, (topic, payload) in enumerate(zip(topics, payloads, strict=True)):
        body = len(topic).to_bytes(2, "big") + topic
        if qos:
            body += (n % 65535 + 1).to_bytes(2, "big")
        body += (b"\0" if v5 else b"") + payload
        frames.append(bytes((0x30 | qos << 1,)) + encode_varint(len(body)) + body)
    return b"".join(frames)


def cost(call: Callable[[], object], messages: int, repeats: int) -> float:
    """Least CPU time of the repeats, in microseconds per message."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time_ns()
        call()
        best = min(best, time.process_time_ns() - start)
    return best / 1e3 / messages


def decode(stream: bytes, v5: bool) -> None:
    """Cut and take everything."""
    decoder = Decoder(v5=v5, max_payload=LIMIT)
    decoder.feed(stream)
    decoder.take()


class Through:
    """A wire over a socket pair; the other end takes and gives bytes as they are."""

    def __init__(self, v5: bool) -> None:
        self.far, near = socket.socketpair()
        for end in (self.far, near):
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                end.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
        self.decoder = Decoder(v5=v5, max_payload=LIMIT)
        self.wire = Wire(SocketStream(near), self.decoder, Counters())

    def read(self, stream: bytes, batch: int) -> float:
        """CPU time of reading the stream in turns of `batch` bytes, the sender's not included."""
        spent = 0
        for i in range(0, len(stream), batch):
            self.far.sendall(stream[i : i + batch])
            start = time.process_time_ns()
            self.wire.fill()
            self.decoder.take()
            spent += time.process_time_ns() - start
        return spent / 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=40)
    arguments = parser.parse_args()
    n, repeats = arguments.messages, arguments.repeats
    topics = [b"plant/line1/asset%05d/telemetry" % i for i in range(n)]
    payloads = [b'{"ts":%.6f,"temperature":%.3f}' % (1.7e9 + i, 20.5 + i % 7 * 0.1) for i in range(n)]
    print(f"{n} messages a batch, µs of CPU per message")
    for v5 in (False, True):
        version = "5    " if v5 else "3.1.1"
        encoder = Encoder(v5=v5)
        for qos in (0, 1):
            stream = stream_of(topics, payloads, v5=v5, qos=qos)
            print(f"MQTT {version} QoS {qos}  cut       {cost(partial(decode, stream, v5), n, repeats):6.3f}")
        stream = stream_of(topics, payloads, v5=v5, qos=0)
        for batch in (1000, 100, 1):
            through = Through(v5)
            spent = min(through.read(stream, batch * len(stream) // n) for _ in range(max(1, repeats // 8))) / n
            print(f"MQTT {version} QoS 0  read+cut  {spent:6.3f}  ({batch} messages a turn)")

        def frame(encoder: Encoder = encoder) -> bytes:
            return b"".join(encoder.qos0(topics, payloads, retain=False, expiry=None))

        print(f"MQTT {version} QoS 0  frame     {cost(frame, n, repeats):6.3f}")
    ids = [(i % 65535 + 1).to_bytes(2, "big") for i in range(n)]
    print(f"           QoS 1  ack       {cost(lambda: pubacks(ids), n, repeats):6.3f}")


if __name__ == "__main__":
    main()
