"""Keeping the process small: settings of the C library's allocator, and giving back what start-up left behind.

Only where the C library is glibc, and on Linux; elsewhere these do nothing. Measured: docs/performance.md.
"""

from __future__ import annotations

import ctypes
import gc
import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8  # from glibc's malloc.h
_TRIM_AT = 1 << 20  # bytes free at the top of the heap: a full turn takes about one MiB, and fresh pages are dear
_MADV_DONTNEED = 4  # from Linux's mman.h
_PIECE = 1 << 14  # bytes, of the heap
_SIZES = range(16, 513, 16)  # bytes, of the objects that Python keeps in pools: each pool holds those of one size
_BYTES = 33  # of a `bytes` object, beside what it holds
_POOL = 1 << 14  # bytes, from 3.10 on
_ARENA = 1 << 20  # bytes that Python takes for pools at a time, from 3.10 on
_LOOKED_THROUGH = 1 << 22  # bytes of the heap at most that are gone through for a reserve
_MOST = 4096  # objects of one size, likewise


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


def reserve(size: int) -> list[object]:
    """Take `size` bytes of the heap and a like amount of Python's pools, that were never in use, and give them back.

    What is in use goes up and down with what happens, and now and then higher than before; then the process grows by a few
    pages, which nobody can tell from a leak. What was touched once stays, so later peaks find room. A pool is for objects of
    one size, and the last one of each size has pages that none has come to yet. Where there are gaps of some MiB, there is
    room already and none is taken. Keep what is returned: with it Python keeps its pools.
    """
    mallopt, malloc, free = _libc("mallopt"), _libc("malloc"), _libc("free")
    if mallopt is None or malloc is None or free is None:
        return []
    mallopt(_M_TRIM_THRESHOLD, _TRIM_AT + 2 * size)  # or the end of the heap, free up to here, would be given back now
    malloc.restype = ctypes.c_void_p
    pieces: list[int] = []

    def piece() -> None:
        if place := malloc(ctypes.c_size_t(_PIECE)):
            ctypes.memset(place, 0, _PIECE)
            pieces.append(place)

    _until_new(size, piece, _LOOKED_THROUGH // _PIECE)
    for place in pieces:
        free(ctypes.c_void_p(place))
    # As long as it gets before the pages that it takes itself could be counted.
    objects: list[object] = [None] * (_MOST * (len(_SIZES) + 1))
    slots = iter(range(len(objects)))

    def another(each: int) -> int:
        """One more of this size; the bytes behind it in its pool."""
        k = next(slots)
        objects[k] = made = _small(each, k)
        return _POOL - id(made) % _POOL - each

    for each in _SIZES:
        _until_new(1, partial(another, each), _MOST // 2)
        for _ in range(_MOST // 2):  # to the end of the pool whose next page that was
            if another(each) < each:
                break
    _until_new(size // 2, partial(another, _SIZES[-1]), _MOST)
    return list({id(each) // _ARENA: each for each in objects if each is not None}.values())  # about one in each arena


def _small(size: int, number: int) -> object:
    """A new object that takes so many bytes, one of `_SIZES`; none of those that Python keeps for later by itself."""
    if size == _SIZES[0]:
        return object()
    return (1 << 40) + number if size == _SIZES[1] else bytes(size - _BYTES)


def _until_new(size: int, more: Callable[[], object], most: int) -> None:
    """Take `more` until the kernel has given so many bytes for it, to the page; `most` times, which goes through what it gave
    before."""
    page = resource.getpagesize()
    wanted = resource.getrusage(resource.RUSAGE_SELF).ru_minflt + (size + page - 1) // page
    for _ in range(most):
        if resource.getrusage(resource.RUSAGE_SELF).ru_minflt >= wanted:
            break
        more()


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
