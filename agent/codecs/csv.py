"""CSV payloads (RFC 4180): one or several lines, each a sample; columns are named in the configuration.

The decimal sign is a point. A line with more or fewer cells than columns is not used, because it may have been cut
anywhere, even inside a number; empty cells at its end are allowed.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent import times
from agent.codecs import Codec
from agent.codecs.number import plain_numbers
from agent.config import Payload, Time
from agent.types import Columns, Decoded, DecodeError, Reason, Sample
from agent.values import are_text, number

TIME_COLUMNS = ("time", "ts", "timestamp")  # where a time is looked for when the configuration names none


class CsvCodec(Codec):
    """Reads lines of cells; `fields` are names of columns."""

    def __init__(self, payload: Payload, time: Time, fields: Sequence[str]) -> None:
        names = payload.columns
        if not names:
            raise ValueError("expected `columns` for `format: csv`, got none; hint: columns: [time, temperature]")
        if len(set(names)) < len(names):
            raise ValueError(f"expected each column once, got {', '.join(names)}")
        sign = payload.delimiter
        if sign in '"+-.' or sign.isalnum() or not (sign.isprintable() or sign == "\t"):
            raise ValueError(f"expected a delimiter that no number holds, got {sign!a}; hint: , ; | or a tab")
        if time.field is not None and time.field != "arrival" and time.field not in names:
            raise ValueError(f"expected the time in one of the columns ({', '.join(names)}), got {time.field!r}")
        for name in fields:
            if name not in names:
                raise ValueError(
                    f"expected a column for {name!r}, got {', '.join(names)}; hint: add it to `columns` where it stands in the line"
                )
        wanted = TIME_COLUMNS if time.field is None else (time.field,)
        self._time = next((names.index(name) for name in wanted if name in names), None)
        self._form = time.format
        self._fields = tuple((name, names.index(name)) for name in fields)
        self._width = len(names)
        self._delimiter = payload.delimiter
        self._max_samples = payload.max_samples

    def decode(self, payload: bytes) -> Decoded:
        try:
            text = payload.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DecodeError(Reason.MALFORMED, f"expected UTF-8, got something else at byte {error.start}") from None
        lines = [line for line in text.replace("\r\n", "\n").split("\n") if line and not line.isspace()]
        if not lines:
            raise DecodeError(Reason.EMPTY, "expected a line of cells, got an empty payload")
        if len(lines) > self._max_samples:
            raise DecodeError(Reason.TOO_MANY, f"expected at most {self._max_samples} lines, got {len(lines)}")
        samples: list[Sample] = []
        errors: list[DecodeError] = []
        for i, line in enumerate(lines):
            where = f"line {i + 1}" if len(lines) > 1 else ""
            try:
                sample = self._sample(line, where, errors)
            except DecodeError as error:
                errors.append(error.within(where) if where else error)
            else:
                if sample is not None:
                    samples.append(sample)
        return Decoded(samples, errors)

    def columns(self, payloads: Sequence[bytes]) -> Columns | None:
        delimiter = self._delimiter.encode()
        rows = [payload.rstrip(b"\r\n").split(delimiter) for payload in payloads]
        if not rows or any(len(row) != self._width for row in rows):
            return None
        joined = b"".join(payloads)
        inside = b"".join(map(b"".join, rows))
        if b'"' in joined or b"\n" in inside or b"\r" in inside or not are_text(payloads, joined):
            return None
        cells = list(zip(*rows, strict=True))
        values: list[Sequence[float]] = []
        for _, at in self._fields:
            column = plain_numbers(cells[at])
            if column is None:
                return None
            values.append(column)
        arrived: Sequence[float | None] = [None] * len(payloads)
        if self._time is not None:
            raws = cells[self._time]
            numbers = plain_numbers(raws) if self._form != "rfc3339" else None
            try:
                arrived = times.column(numbers or [raw.decode() or None for raw in raws], self._form)
            except DecodeError:
                return None
        return Columns(arrived, values)

    def _cells(self, line: str) -> list[str]:
        cells = line.split(self._delimiter)
        if '"' in line:
            import csv  # few devices quote their numbers

            try:
                cells = next(csv.reader([line], delimiter=self._delimiter, strict=True))
            except csv.Error:
                raise DecodeError(Reason.MALFORMED, "expected quotes in pairs around whole cells") from None
        if len(cells) < self._width or any(cell.strip() for cell in cells[self._width :]):
            raise DecodeError(Reason.MALFORMED, f"expected {self._width} cells, got {len(cells)}")
        return cells

    def _sample(self, line: str, where: str, errors: list[DecodeError]) -> Sample | None:
        cells = self._cells(line)
        prefix = f"{where}, " if where else ""
        values: list[float | None] = []
        found = False
        for name, at in self._fields:
            cell = cells[at].strip()
            value = None
            if cell:
                found = True
                try:
                    value = number(cell)
                except DecodeError as error:
                    errors.append(error.within(f"{prefix}{name}"))
            values.append(value)
        if not found:
            raise DecodeError(Reason.MISSING, "expected a value, got empty cells")
        if all(value is None for value in values):
            return None
        raw = cells[self._time].strip() if self._time is not None else ""
        return Sample(times.seconds(raw, self._form) if raw else None, tuple(values))
