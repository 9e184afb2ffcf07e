"""Recordings as records: JSON lines of messages, or a CSV file whose rows are messages of one asset.

A recording stands in for the broker, so what comes out of here is what a subscription would have delivered: topic,
payload bytes and time of arrival. Bytes are not understood here; a CSV row becomes a payload in the CSV format and
takes the same way through the core as one that a device sends. Nothing is written here and no clock is read.
"""

from __future__ import annotations

import base64
import binascii
import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple, TextIO

import msgspec
from msgspec import Struct

from agent import times
from agent.config import AssetBlock, Channel, Config, Payload
from agent.types import DecodeError, Reason, Reject

LONGEST_LINE = 16 * 2**20
_CSV_TOPIC = "replay/{asset}"


class Record(NamedTuple):
    """One message as it arrived."""

    topic: bytes
    payload: bytes
    received: float  # UTC seconds
    retained: bool = False


class BadLine(NamedTuple):
    """A line of a recording that is no record."""

    line: int
    reason: str


class _Line(Struct):
    topic: str
    received: float | str
    payload: str | None = None
    payload_base64: str | None = None
    retained: bool = False


def json_lines(file: BinaryIO) -> Iterator[Record | BadLine]:
    """One JSON object per line: `topic`, `received` (epoch or RFC 3339), and `payload` or `payload_base64`."""
    decode = msgspec.json.Decoder(_Line).decode
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
            while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield BadLine(number, f"expected at most {LONGEST_LINE} bytes, got more")
            continue
        if line.isspace():
            continue
        try:
            yield _record(decode(line))
        except (msgspec.DecodeError, DecodeError, binascii.Error, ValueError) as error:
            yield BadLine(number, f"expected an object with topic, payload and received, got: {error}")


def _record(line: _Line) -> Record:
    received = line.received
    at = received if type(received) is float else times.seconds(received, "auto")
    if not 0.0 <= at < times.END:
        raise ValueError(f"received {at!r} is no UTC epoch in seconds")
    if (line.payload is None) == (line.payload_base64 is None):
        raise ValueError("neither or both of payload and payload_base64")
    if line.payload is not None:
        payload = line.payload.encode()
    else:
        payload = base64.b64decode(line.payload_base64 or "", validate=True)
    return Record(line.topic.encode(), payload, at, line.retained)


class Row(NamedTuple):
    """One data row of a CSV file, as a message where it can be one."""

    time: float | None  # UTC seconds; None: unreadable
    cells: Sequence[str]  # of the channels, in their order; empty where the row is broken
    record: Record | None
    reject: Reject | None  # why there is no record


class ColumnError(Exception):
    """The file's columns and the configuration do not meet; one line that says where they differ."""


class CsvSource:
    """A CSV file with a header, and the asset block it is read through.

    Every row is one message in CSV format to a topic of its own, holding the time and the channels' columns. `config`
    is the given configuration cut down to the one block, listening to that topic. Times are RFC 3339 or epoch; without
    an offset they are UTC.
    """

    def __init__(self, file: TextIO, config: Config, *, asset: str, time: str, delimiter: str = ",") -> None:
        """Raises ColumnError."""
        self._reader = csv.reader(file, delimiter=delimiter)
        try:
            header = [name.strip() for name in next(self._reader)]
        except (StopIteration, csv.Error) as error:
            raise ColumnError(
                f"expected a header with the names of the columns, got {error if error.args else 'an empty file'}"
            ) from None
        if time not in header:
            raise ColumnError(f"expected the time in a column, got no {time!r}{_near(time, header, delimiter)}")
        block, columns = _block_for(config, header, time, delimiter)
        names = list(dict.fromkeys([time, *columns.values()]))
        channels = {name: _from_column(block.channels[name], column) for name, column in columns.items()}
        block = msgspec.structs.replace(
            block,
            topic=_CSV_TOPIC,
            name=None,
            channels=channels,
            known=[],
            discover=True,
            payload=Payload(format="csv", columns=names),
            time=msgspec.structs.replace(block.time, field=time, format="auto"),
        )
        self.config = msgspec.structs.replace(config, assets=[block])
        self.channels = list(channels)
        self.scale = [(c.scale, c.offset) for c in channels.values()]
        self._topic = _CSV_TOPIC.replace("{asset}", asset).encode()
        self._width = len(header)
        self._time = header.index(time)
        self._picked = [header.index(name) for name in names[1:]]
        self._cells = [header.index(column) for column in columns.values()]

    def rows(self) -> Iterator[Row]:
        """The data rows in order. A row without a readable time arrives when the one before it did."""
        topic, width, picked, where = self._topic, self._width, self._picked, self._cells
        reader = self._reader
        received: float | None = None
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(None, (), None, self._malformed(str(error)))
                continue
            if not row:
                continue
            if len(row) != width and (len(row) < width or any(row[width:])):
                yield Row(None, (), None, self._malformed(f"expected {width} cells, got {len(row)}"))
                continue
            raw = row[self._time].strip()
            time: float | None = None
            try:
                time = received = times.seconds(raw, "auto")
            except DecodeError as error:
                if received is None:
                    reject = Reject(topic, error.reason, f"line {reader.line_num}: {error.detail}")
                    yield Row(None, [row[k] for k in where], None, reject)
                    continue
            # A readable time is read once, here; an unreadable one is for the core to refuse.
            line = [raw if time is None else repr(time), *[row[k] for k in picked]]
            yield Row(time, [row[k] for k in where], Record(topic, _csv_line(line), received), None)

    def _malformed(self, detail: str) -> Reject:
        return Reject(self._topic, Reason.MALFORMED, f"line {self._reader.line_num}: {detail}")


def _from_column(channel: Channel | None, column: str) -> Channel:
    return msgspec.structs.replace(channel or Channel(), field=column, topic=None)


def _block_for(config: Config, header: Sequence[str], time: str, delimiter: str) -> tuple[AssetBlock, dict[str, str]]:
    """The first block of which every channel has a column, and those columns by channel."""
    best: tuple[int, str] = (-1, "")
    for block in config.assets:
        found: dict[str, str] = {}
        missing: list[str] = []
        for name, channel in block.channels.items():
            field = (channel.field if channel is not None else None) or name
            column = next((c for c in (field, name) if c in header and c != time), None)
            if column is None:
                missing.append(field)
            else:
                found[name] = column
        if not missing:
            return block, found
        if len(found) > best[0]:
            best = (len(found), f"got no {', '.join(map(repr, missing))}{_near(missing[0], header, delimiter)}")
    raise ColumnError(f"expected a column for each channel of an asset block, {best[1]}")


def _near(name: str, header: Sequence[str], delimiter: str) -> str:
    if len(header) == 1:
        other = next((c for c in ";,\t|" if c != delimiter and c in header[0]), None)
        if other is not None:
            return f"; hint: --delimiter '{other}' (the header is {header[0][:60]!r})"
    close = difflib.get_close_matches(name, header, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; the columns are {', '.join(header)[:200]}"


def _csv_line(cells: Sequence[str]) -> bytes:
    line = ",".join(cells)
    if line.count(",") != len(cells) - 1 or '"' in line or "\n" in line or "\r" in line:
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(cells)
        line = text.getvalue()
    return line.encode("utf-8", "surrogateescape")
