"""Keeping the process small: settings of the C library's allocator, and giving back what start-up left behind.

Only where the C library is glibc, and on Linux; elsewhere these do nothing. Measured: docs/performance.md.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8  # from glibc's malloc.h
_TRIM_AT = 1 << 20  # bytes free at the top of the heap: a full turn takes about one MiB, and fresh pages are dear
_MADV_DONTNEED = 4  # from Linux's mman.h


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
    madvise = _libc("madvise")
    if madvise is not None:
        with suppress(OSError), Path("/proc/self/smaps").open(encoding="utf-8", errors="replace") as mappings:
            for start, size in clean_mappings(mappings):
                madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _MADV_DONTNEED)


def clean_mappings(smaps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Address and size of what is mapped from files, cannot be written and was not: code and constants of libraries.

    The kernel maps sixteen pages for each one touched, and most of what start-up runs never runs again. Such pages
    have their contents in the file: dropped, those that are wanted come back from the page cache. What the loader wrote
    into them and the kernel has swapped out since is in no file, and shows as neither anonymous nor dirty.
    """
    start = size = 0
    candidate = False
    for line in smaps:
        first, _, rest = line.partition(" ")
        if first[-1:] != ":":
            low, _, high = first.partition("-")
            start, size = int(low, 16), int(high, 16) - int(low, 16)
            access, *_, name = rest.split(maxsplit=4)
            candidate = access[1] == "-" and access[3] == "p" and name[:1] == "/"
        elif first in ("Anonymous:", "Private_Dirty:", "Swap:"):
            candidate &= rest.split()[0] == "0"
        elif first == "VmFlags:" and candidate:
            yield start, size
