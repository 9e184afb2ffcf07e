"""What `steps.c` offers to `agent.native`."""

from collections.abc import Mapping, Sequence
from typing import Any

CODES: Mapping[str, int]
FORMAT: int

class Program:
    translated: bool
    def __new__(
        cls,
        code: bytes,
        constants: bytes,
        registers: int,
        widths: bytes,
        slots: int,
        series: int,
        results: int,
    ) -> Program: ...
    def bind(self, columns: Sequence[Any]) -> None: ...
    def release(self) -> None: ...
    def one(self, *places: float) -> tuple[float, ...]: ...
    def many(
        self, count: int, slots: tuple[Any, ...], series: tuple[Any, ...], results: tuple[Any, ...], ends: Any, /
    ) -> None: ...

def weave(
    fragments: tuple[bytes, ...], columns: tuple[int, ...], texts: Sequence[bytes], written: bytes, /
) -> list[bytes]: ...
