"""Columns that grow together, in one piece of memory.

Rows are the last axis. One piece for all columns of an owner is large enough to be given back to the system when it
has been outgrown, where a hundred small ones would leave holes. Which columns there are is the owner's business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LINE = 64  # bytes of a cache line; one between columns, so that no power of two brings all of a row into one cache set
MANY = 1024  # rows up to which capacities double


def room(capacity: int, size: int) -> int:
    """The capacity to go on with when `size` rows do not fit into `capacity`: little is left unused when there are many."""
    return max(16, size, 2 * capacity if capacity < MANY else capacity * 9 // 8)


def grown(
    columns: Mapping[str, NDArray[Any]], capacity: int, start: Callable[[str], float] = lambda name: 0.0
) -> dict[str, NDArray[Any]]:
    """The same columns with room for `capacity` rows; `start` is what a new row holds. Untouched zeros cost no memory."""
    at, places = 0, {}
    for name, old in columns.items():
        shape = (*old.shape[:-1], capacity)
        size = math.prod(shape) * old.itemsize
        places[name] = at, at + size, shape
        at += (size + 2 * _LINE - 1) // _LINE * _LINE
    memory = np.zeros(at, np.uint8)
    out = {}
    for name, old in columns.items():
        low, high, shape = places[name]
        fresh = memory[low:high].view(old.dtype).reshape(shape)
        kept, value, slots = old.shape[-1], start(name), math.prod(old.shape[:-1])
        for part, before in zip(fresh.reshape(slots, capacity), old.reshape(slots, kept), strict=True):
            if before.view(np.uint8).any():
                part[:kept] = before
            if value != 0.0:
                part[kept:] = value
        out[name] = fresh
    return out
