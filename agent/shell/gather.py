"""When messages that wait for their acknowledgement are committed: together, as long as that holds nobody up.

A commit costs whole blocks of the disk however little it holds, so messages are gathered for a while. A broker sends
only so many unacknowledged messages and then stops; how many is not known, since it depends on the broker's settings.
So it is found out: where nothing more came, and something came as soon as all was acknowledged, the broker had stopped.
Pure arithmetic on times that are given; what a commit is, is `agent.shell.durable`'s.
"""

from __future__ import annotations

from math import inf

ENOUGH = 256  # messages: with so many, gathering more saves hardly a byte
PROBE = 0.003  # seconds for a broker that was thought to have stopped to prove otherwise
PROMPT = 0.005  # seconds within which a broker that had stopped goes on


class Gather:
    """`longest`: seconds that the first message may wait; 0: none waits."""

    def __init__(self, longest: float) -> None:
        self.longest = longest
        self.due = inf  # when all that waits should be committed
        self._since = inf  # when the first that waits arrived
        self._waiting = 0
        self._window = inf  # messages after which the broker was seen to stop
        self._stopped_at = 0  # as many waited when the broker seemed to have stopped, the last time
        self._newest = -inf
        self._committed = -inf

    def arrived(self, waiting: int, now: float) -> None:
        """So many messages wait by now; 0: only something to say."""
        first = self._since == inf
        if first:
            self._since = now
            self.due = now + self.longest
        if waiting <= self._waiting:
            return
        burst = waiting - self._waiting
        if not self._waiting:
            held_up = now - self._committed <= PROMPT
            self._window = self._stopped_at if held_up and self._stopped_at else inf
        self._waiting = waiting
        self._newest = now
        if waiting >= ENOUGH:
            self.due = now
        elif waiting >= self._window:
            # A broker that sends a whole window at once has said all it will.
            self.due = now if burst == self._window else min(self._since + self.longest, now + PROBE)
            self._window = waiting

    def committed(self, now: float) -> None:
        """Nothing waits any more."""
        if self._waiting:
            silent = now - self._newest
            stopped = self._waiting >= self._window or silent >= self.longest / 3
            self._stopped_at = self._waiting if stopped and self._waiting < ENOUGH else 0
            self._committed = now
        self._since = self.due = inf
        self._waiting = 0
