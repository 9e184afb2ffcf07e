"""What the write-ahead log of an SQLite file claims to hold, read before SQLite opens it.

SQLite ends the log at the first frame whose checksum is wrong and says nothing, because after a crash that is how a log
ends. Commits that stand beyond that frame were once whole, so their loss is damage, and worth a word. Layout: "WAL File
Format" in SQLite's file format document.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = (0x377F0682, 0x377F0683)


class Claim(NamedTuple):
    """Frames up to the last commit of the log's present round; `sound` is False where its header is damaged."""

    frames: int
    sound: bool

    def lost(self, frames: int) -> bool:
        """Whether SQLite, which found so many frames, left out some that were committed."""
        return not self.sound or frames < self.frames


def claim(path: Path) -> Claim:
    """Read the log's frame headers; a log that is not there, or empty, claims nothing. Raises OSError."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
            if not head:
                return Claim(0, True)
            if len(head) < _HEADER.size:
                return Claim(0, file.read(1) == b"")
            magic, _, page, _, salt1, salt2, *checksum = _HEADER.unpack(head)
            if magic not in _MAGIC or list(_checksum(head[:24], magic)) != checksum or not page:
                return Claim(0, False)
            last = number = 0
            while len(frame := file.read(_FRAME.size)) == _FRAME.size:
                number += 1
                _, size, first, second, _, _ = _FRAME.unpack(frame)
                if size and (first, second) == (salt1, salt2):
                    last = number
                file.seek(page, 1)
            return Claim(last, True)
    except FileNotFoundError:
        return Claim(0, True)


def _checksum(data: bytes, magic: int) -> tuple[int, int]:
    words = struct.unpack(f"{'>' if magic & 1 else '<'}{len(data) // 4}I", data)
    a = b = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        a = (a + even + b) & 0xFFFFFFFF
        b = (b + odd + a) & 0xFFFFFFFF
    return a, b
