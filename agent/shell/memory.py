"""Keeping the process small: settings of the C library's allocator, and giving back what start-up left behind.

Only where the C library is glibc; elsewhere these do nothing. Measured with 100 assets: docs/performance.md.
"""

from __future__ import annotations

import ctypes
import gc

_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8  # from glibc's malloc.h
_TRIM_AT = 128 * 1024


def _libc(name: str) -> ctypes._NamedFuncPointer | None:
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except OSError:
        return None


def thrift() -> None:
    """One arena for all threads: a second one costs more memory than the contention of a scrape is worth."""
    mallopt = _libc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_AT)


def settle() -> None:
    """What is there now stays for long: keep the collector from walking through it, and give the rest back."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    trim = _libc("malloc_trim")
    if trim is not None:
        trim(0)
