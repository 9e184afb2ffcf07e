"""The long fuzz run: random, mutated, generated and adversarial payloads through all codecs.

    python -m tests.fuzz --count 1000000 --seed 1

Every payload must give samples or a `DecodeError` that keep their promises (`tests.conformance`), the fast way must
give the bits of the plain way, and memory must not grow. Prints what became of the payloads; exits 1 with the payload
that broke something.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agent.codecs import Codec, build
from agent.config import Payload, Time
from agent.types import Decoded, Reason
from tests.conformance import check_columns, decode
from tests.payloads import ADVERSARIAL

GROWTH = 4 * 2**20  # bytes of resident memory allowed between the first tenth and the end
BATCH = 16


class Target(NamedTuple):
    name: str
    codec: Codec
    fields: int
    valid: Callable[[random.Random], bytes]


class Tally:
    """What became of the payloads of one codec."""

    def __init__(self) -> None:
        self.payloads = 0
        self.samples = 0
        self.fast = 0
        self.reasons: Counter[Reason] = Counter()

    def add(self, outcome: Decoded | Reason, fast: bool) -> None:
        self.payloads += 1
        self.fast += fast
        if isinstance(outcome, Reason):
            self.reasons[outcome] += 1
        else:
            self.samples += len(outcome.samples)
            self.reasons.update(error.reason for error in outcome.errors)


def targets() -> list[Target]:
    def of(
        name: str,
        fields: list[str],
        valid: Callable[[random.Random], bytes],
        time: Time | None = None,
        **settings: object,
    ) -> Target:
        payload = Payload(**settings)  # type: ignore[arg-type]  # each call below gives the types of its settings
        return Target(name, build(payload, time or Time(), fields), len(fields), valid)

    return [
        of("json", ["a", "b"], _json_object),
        of("json, nested", ["n.a", "b", "n.x.b"], _json_object),
        of("json, indexed", ["n.b[1]", "/n/a", "a"], _json_object, Time(field="ts", format="rfc3339")),
        of("json, samples", ["a", "b"], _json_samples, samples="s", max_samples=20, max_depth=6),
        of("number", ["a"], _number, format="number"),
        of("csv", ["a", "b"], _line, format="csv", columns=["ts", "a", "x", "b"], max_samples=20),
        of("csv, tabs", ["a"], _line, Time(field="b", format="ms"), format="csv", columns=["a", "b"], delimiter="\t"),
    ]


def run(count: int, seed: int, say: Callable[[str], None] = print) -> dict[str, Tally]:
    """Put this many payloads through the codecs in turn; AssertionError or any other exception is a fault found."""
    rng = random.Random(seed)
    chosen = targets()
    tallies = {target.name: Tally() for target in chosen}
    start = done = 0
    while done < count:
        target = chosen[(done // BATCH) % len(chosen)]
        batch = [_payload(rng, target) for _ in range(min(BATCH, count - done))]
        for payload in batch:
            try:
                outcome = decode(target.codec, payload, target.fields)
                fast = check_columns(target.codec, [payload], target.fields)
            except Exception:
                say(f"{target.name}: {payload!r}")
                raise
            tallies[target.name].add(outcome, fast)
        try:
            check_columns(target.codec, batch, target.fields)
            check_columns(target.codec, [target.valid(rng) for _ in range(4)], target.fields)
        except Exception:
            say(f"{target.name}: {batch!r}")
            raise
        done += len(batch)
        if start == 0 and done >= count // 10:
            start = _resident()
    grown = _resident() - start
    say(_table(tallies))
    say(f"{done} payloads, seed {seed}: resident memory grew by {grown / 1024:.0f} KiB after the first tenth")
    if count >= 100_000:
        assert grown <= GROWTH, f"memory grew by {grown} bytes, allowed are {GROWTH}"
    return tallies


def _payload(rng: random.Random, target: Target) -> bytes:
    kind = rng.random()
    if kind < 0.1:
        return rng.randbytes(rng.randrange(1, 80))
    if kind < 0.2:
        return rng.choice(ADVERSARIAL)
    if kind < 0.5:
        return target.valid(rng)
    payload = bytearray(target.valid(rng) if kind < 0.9 else rng.choice(ADVERSARIAL))
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(payload) + 1)
        match rng.randrange(5):
            case 0:
                payload[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                payload[at:at] = rng.choice(_TOKENS)
            case 2:
                del payload[at : at + rng.randrange(1, 8)]
            case 3:
                payload[at:at] = payload[at : at + rng.randrange(1, 20)]
            case _:
                other = rng.choice(ADVERSARIAL)
                payload[at:] = other[rng.randrange(len(other) + 1) :]
    return bytes(payload)


_TOKENS = (
    b"NaN", b"Infinity", b"-", b"1e400", b"null", b"true", b'"', b"\\", b"\\ud800", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x00", b"[", b"]", b"{", b"}",
    b",", b":", b"\n", b"\r", b"\t", b".", b"e", b"_", b"0" * 50, b"9" * 400, b'"a":1,', b'"ts":-1,', b"[" * 20, b"\xc3\xa9", b"\x1c",
)  # fmt: skip


def _scalar(rng: random.Random) -> object:
    match rng.randrange(14):
        case 0:
            return None
        case 1:
            return rng.random() < 0.5
        case 2:
            return rng.choice(["21.5", "", "warm", "nan", " 7 ", "1_0", "\ud800", "é", "2026-01-31T12:00:00Z"])
        case 3:
            return rng.getrandbits(rng.randrange(1, 400))
        case 4:
            return rng.choice([float("nan"), float("inf"), -0.0, 1e100, 1.01e100, 5e-324])
        case 5:
            return [rng.random() for _ in range(rng.randrange(3))]
        case 6:
            return {"a": rng.random(), "b": [1, rng.random()]}
        case _:
            return rng.gauss(20.0, 5.0)


def _stamp(rng: random.Random) -> object:
    seconds = rng.uniform(1.5e9, 2e9)
    match rng.randrange(12):
        case 0:
            return int(seconds * 1e3)
        case 1:
            return int(seconds * 1e9)
        case 2:
            return f"20{rng.randrange(100):02}-{rng.randrange(14):02}-{rng.randrange(33):02}T{rng.randrange(25):02}:00:{rng.randrange(62):02}.{rng.randrange(1000)}Z"
        case 3:
            return rng.choice([None, "", "soon", -1, 1e12, 1e15, 9e9, True, str(seconds)])
        case _:
            return seconds


def _object(rng: random.Random, deep: bool = True) -> dict[str, object]:
    document: dict[str, object] = {}
    for key in ("a", "b", "n", "x"):
        if rng.random() < 0.7:
            document[key] = _object(rng, deep=False) if deep and key in "nx" else _scalar(rng)
    if rng.random() < 0.8:
        document[rng.choice(["ts", "ts", "time", "timestamp"])] = _stamp(rng)
    return document


def _dumped(rng: random.Random, document: object) -> bytes:
    return json.dumps(document, ensure_ascii=rng.random() < 0.8).encode("utf-8", "surrogatepass")


def _json_object(rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        return b'{"a":%.3f,"b":%d,"ts":%.2f}' % (rng.gauss(20, 5), rng.randrange(100), rng.uniform(1.5e9, 2e9))
    return _dumped(rng, _object(rng) if rng.random() < 0.9 else [_object(rng) for _ in range(rng.randrange(4))])


def _json_samples(rng: random.Random) -> bytes:
    return _dumped(rng, {"s": [_object(rng, deep=False) for _ in range(rng.randrange(24))], "ts": _stamp(rng)})


def _number(rng: random.Random) -> bytes:
    return rng.choice([b"%.3f", b"%r\n", b" %g", b"%.0f"]) % rng.gauss(0.0, 10.0 ** rng.randrange(-3, 12))


def _line(rng: random.Random) -> bytes:
    delimiter = rng.choice([",", "\t"])
    width = 4 if delimiter == "," else 2

    def cell(i: int) -> str:
        text = str(_stamp(rng) if i == width % 3 else _scalar(rng))
        return f'"{text}"' if rng.random() < 0.1 else text

    lines = [delimiter.join(cell(i) for i in range(width)) for _ in range(rng.choice([1, 1, 1, 2, 24]))]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _table(tallies: dict[str, Tally]) -> str:
    seen = [reason for reason in Reason if any(tally.reasons[reason] for tally in tallies.values())]
    table = [["codec", "payloads", "fast", "samples", *(reason.value for reason in seen)]]
    for name, tally in tallies.items():
        counts = (tally.payloads, tally.fast, tally.samples, *(tally.reasons[reason] for reason in seen))
        table.append([name, *map(str, counts)])
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000, help="payloads in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the generator (default: %(default)s)")
    arguments = parser.parse_args()
    run(arguments.count, arguments.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
