"""When to read: at once while little comes, less often while much does, so that more is done at a time.

A turn costs about a millisecond before its first message. Where messages come by the ten thousand a second and the
machine keeps up, every turn would find a few of them and pay that again; what is left to gather for some milliseconds
costs a third. Network cards do the same with their interrupts. No clock is here: times come with the calls.
"""

from __future__ import annotations

from math import inf

WORTH = 128  # messages that must be expected while gathering, or it is not worth the wait
LASTING = (
    3  # spans that all have to be that quick: a sender that was held up says at once what it had to say, and no more
)
ENOUGH = 512  # messages in one turn from which more of them hardly make one cheaper: `python -m bench core`


class Moderation:
    """Learns the rate of messages from what was read, and says when to read again."""

    def __init__(self, longest: float) -> None:
        """longest: seconds that a message may be left where it is; 0 for never."""
        self._longest = longest
        self._since = -inf
        self._count = 0
        self._rates = [0.0] * LASTING  # of the last spans
        self.rate = 0.0  # messages a second, that have come in each of them
        self.due = -inf  # when to read again

    def read(self, count: int, now: float, *, awaited: bool = False, more: bool = False) -> None:
        """So many messages were read.

        awaited: one side waits for acknowledgements of the other (QoS 1); more: not all that was there was read.
        """
        self._count += count
        elapsed = now - self._since
        if awaited:
            self._forget()
            self._since, self._count = now, 0
        elif elapsed >= self._longest:
            self._rates = [*self._rates[1:], self._count / elapsed if elapsed > 0.0 else 0.0]
            self.rate = min(self._rates)
            self._since, self._count = now, 0
        # Who cannot keep up with the stream is later than this anyhow, and never waits.
        pays = self.rate * self._longest >= WORTH and not more
        self.due = now + min(self._longest, ENOUGH / self.rate) if pays else -inf

    def begin(self) -> None:
        """Another connection: what came over the last one says nothing of it."""
        self._forget()
        self.due = -inf
        self._since, self._count = -inf, 0

    def _forget(self) -> None:
        self._rates, self.rate = [0.0] * LASTING, 0.0

    def stop(self) -> None:
        """From now on, read at once."""
        self._longest, self.due = 0.0, -inf
