"""Deflated bytes, made in little memory.

`zlib.compress` takes 256 KiB for a moment, in pieces of 64. A process that does so several times a second has, sooner or later,
that much more at the end of its heap than it needs otherwise, a few pages at a time whenever the gaps lie badly. With a
window of 8 KiB it is 64 KiB in pieces of 16. Any reader of zlib's format reads it.
"""

from __future__ import annotations

import zlib

LEVEL = 1
WINDOW_BITS = 13  # 8 KiB
MEMORY_LEVEL = 6  # 64 KiB in all, with this window


def deflated(data: bytes) -> bytes:
    """What `zlib.decompress` makes `data` of."""
    stream = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW_BITS, MEMORY_LEVEL)
    return stream.compress(data) + stream.flush()
