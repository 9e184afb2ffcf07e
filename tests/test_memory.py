"""Start-up's leavings are given back, and nothing that is still wanted goes with them."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from agent.shell.memory import clean_mappings

CODE = "7f0000001000-7f0000003000 r-xp 00026000 fe:00 339380                     /usr/lib/x86_64-linux-gnu/libc.so.6"


def mapping(head: str, *, dirty: int = 0, anonymous: int = 0, swapped: int = 0) -> list[str]:
    return [
        f"{head}\n",
        "Size:                  8 kB\n",
        f"Private_Dirty:         {dirty} kB\n",
        f"Anonymous:             {anonymous} kB\n",
        f"Swap:                  {swapped} kB\n",
        "VmFlags: rd ex mr mw me \n",
    ]


def test_code_mapped_from_a_file_and_never_written_is_found_with_its_size() -> None:
    assert list(clean_mappings(mapping(CODE))) == [(0x7F0000001000, 0x2000)]


@pytest.mark.parametrize(
    "lines",
    [
        mapping(CODE, anonymous=4),
        mapping(CODE, dirty=4),
        mapping(CODE, swapped=4),
        mapping(CODE.replace("r-xp", "rw-p")),
        mapping(CODE.replace("r-xp", "r--s")),
        mapping(CODE.replace("/usr/lib/x86_64-linux-gnu/libc.so.6", "[vdso]")),
        mapping("7f0000001000-7f0000003000 r--p 00000000 00:00 0"),
    ],
    ids=["relocated", "dirty", "swapped out", "writable", "shared", "the kernel's", "anonymous"],
)
def test_a_mapping_that_holds_what_no_file_does_is_left_alone(lines: list[str]) -> None:
    other = mapping(CODE.replace("7f00", "7e00"))
    assert list(clean_mappings([*lines, *other])) == [(0x7E0000001000, 0x2000)]


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="there is no /proc/self/smaps")
def test_a_settled_process_is_smaller_and_goes_on() -> None:
    script = """
import numpy
from agent.shell.memory import settle

def from_files():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("RssFile")).split()[1])

before = from_files()
settle()
after = from_files()
assert numpy.linalg.inv(numpy.eye(3)).sum() == 3.0
print(before, after)
"""
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    before, after = map(int, out.split())
    assert after < before / 2


needs_glibc = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists() or not hasattr(ctypes.CDLL(None), "mallopt"),
    reason="neither Linux with glibc nor as new as that",
)
ANONYMOUS = """
import ctypes
from agent.shell.memory import reserve, thrift

def anonymous():
    with open("/proc/self/smaps_rollup") as rollup:
        return int(next(line for line in rollup if line.startswith("Anonymous")).split()[1])

def burst(count):
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    places = [libc.malloc(16384) for _ in range(count)]
    for place in places:
        ctypes.memset(place, 1, 16384)
    for place in places:
        libc.free(ctypes.c_void_p(place))

thrift()
"""


RESERVE = "reserve(256 << 10)"


def _script(text: str) -> list[int]:
    out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout
    return [int(word) for word in out.split()]


@needs_glibc
def test_what_is_used_later_fits_into_the_reserve() -> None:
    """Of some 800 KiB: 200 KiB of small objects and 160 KiB of larger ones, which take as much more without it."""
    script = """
before = anonymous()
kept = {taken}
reserved = anonymous()
small = [bytes(200) for _ in range(900)]
large = [bytes(8000) for _ in range(20)]
print(before, reserved, anonymous())
"""
    before, reserved, used = _script(ANONYMOUS + script.format(taken=RESERVE))
    assert 700 <= reserved - before <= 950
    assert used - reserved <= 40
    before, reserved, used = _script(ANONYMOUS + script.format(taken=[]))
    assert reserved - before <= 40
    assert used - reserved >= 200


@needs_glibc
@pytest.mark.parametrize("seed", range(3))
def test_the_reserve_has_room_for_small_objects_of_any_size(seed: int) -> None:
    """8 KB of each size that has pools of its own, where pools are filled as far as they happen to be."""
    script = """
import random
random.seed({seed})
sizes = range(15, 480, 16)
held = [bytes(random.choice(sizes)) for _ in range(random.randrange(3000, 9000))]
before = anonymous()
kept = {taken}
reserved = anonymous()
later = [[bytes(size) for _ in range(8000 // (size + 33))] for size in sizes]
print(before, reserved, anonymous())
"""
    _, reserved, used = _script(ANONYMOUS + script.format(seed=seed, taken=RESERVE))
    assert used - reserved <= 40
    _, reserved, used = _script(ANONYMOUS + script.format(seed=seed, taken=[]))
    assert used - reserved >= 150


@needs_glibc
@pytest.mark.parametrize("pieces", [0, 40, 52])
def test_what_was_free_at_the_end_of_the_heap_stays_beside_the_reserve(pieces: int) -> None:
    """Of 16 KiB each; 52 are nearly what the C library keeps there by itself."""
    script = f"""
burst({pieces})
before = anonymous()
kept = reserve(256 << 10)
reserved = anonymous()
burst({pieces + 12})
print(before, reserved, anonymous())
"""
    before, reserved, used = _script(ANONYMOUS + script)
    assert reserved - before >= 400
    assert used - reserved <= 40
