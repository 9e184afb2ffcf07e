"""Questions that other threads put to the loop, because only the loop's thread may look at the twins.

The loop answers one question a turn, between two batches, so a crowd of askers delays a batch by one answer at most;
askers therefore ask for little at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Event
from typing import Generic, TypeVar

T = TypeVar("T")


class Unanswered(Exception):  # noqa: N818  # reads as what happened; it is no fault of the asker
    """The loop did not answer in time, or too many are asking already."""


class _Call(Generic[T]):
    __slots__ = ("abandoned", "answer", "done", "question", "trouble")

    def __init__(self, question: Callable[[], T]) -> None:
        self.question = question
        self.done = Event()
        self.abandoned = False
        self.answer: T
        self.trouble: Exception | None = None


class Calls:
    """A bounded queue of questions; `wake` makes the loop turn."""

    def __init__(self, wake: Callable[[], None], limit: int = 32) -> None:
        self._wake = wake
        self._limit = limit
        self._waiting: deque[_Call[object]] = deque()

    def ask(self, question: Callable[[], T], timeout: float) -> T:
        """Have the loop's thread call `question`, and return or raise what it did."""
        if len(self._waiting) >= self._limit:
            raise Unanswered("too many questions are waiting")
        call: _Call[T] = _Call(question)
        self._waiting.append(call)  # type: ignore[arg-type]  # invariant; the loop never looks at the answer
        self._wake()
        if not call.done.wait(timeout):
            call.abandoned = True
            raise Unanswered(f"no answer within {timeout:g} s")
        if call.trouble is not None:
            raise call.trouble
        return call.answer

    def answer_one(self) -> None:
        """The loop's side: answer the oldest question that is still of interest."""
        while self._waiting:
            call = self._waiting.popleft()
            if call.abandoned:
                continue
            try:
                call.answer = call.question()
            except Exception as error:
                call.trouble = error
            call.done.set()
            return

    def __bool__(self) -> bool:
        """Whether somebody is waiting."""
        return bool(self._waiting)
