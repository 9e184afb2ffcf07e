"""A whole chaos run, and its verdict.

Faults are drawn at random until there were so many. Then the agent takes the rest of the readings, stops, and what it
stored is compared with a core that took the same readings without interruption: states, covariances, learning, alarm
states and sequence numbers must be equal to the bit. What depends on when a reading arrived, and therefore differs, is
named in `tests.streams.ARRIVAL`, and nothing else is left out. Every alarm change must have reached a subscriber with a
persistent session, in order, but for those that a fault took by its nature; these are in the ledger.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.shell.recovery import recover
from agent.shell.store import Store
from tests.brokers import Proxy, free_port
from tests.chaos.actors import AgentProcess, Clock, Disk, QuietMosquitto, Source, Subscriber
from tests.chaos.faults import CAP, FAULTS, Ground, Ledger
from tests.chaos.stream import CONFIGURED, PART, Change, Oracle, Stream, out_of_order, time_of
from tests.services import EVERY_CHANGE, config, settings

KILLS: Mapping[str, float] = {"kill": 1.0}
ALL: Mapping[str, float] = {
    "kill": 10.0,
    "kill while starting": 2.0,
    "stop and continue": 1.0,
    "cut": 1.0,
    "cut within a packet": 1.0,
    "trickle": 0.5,
    "hold up": 0.5,
    "restart the broker": 0.5,
    "kill the broker": 0.3,
    "replace the broker": 0.3,
    "fill the disk": 1.0,
    "forbid writing": 1.0,
    "step the clock": 1.0,
    "flip a bit": 1.0,
    "truncate": 0.7,
}
UNHEARD = 2.0  # seconds before a broker is lost from which a change may not have reached the subscriber


@dataclass
class Outcome:
    """What a run came to."""

    faults: dict[str, int]
    readings: int
    seconds: float
    changes: int  # alarm changes that the readings bring about
    repeated: int  # came again
    out_of_order: int
    excused: list[str] = field(default_factory=list)  # did not come, and a fault in the ledger says why
    missing: list[str] = field(default_factory=list)  # did not come
    invented: list[str] = field(default_factory=list)  # came, and should not have
    differs: list[str] = field(default_factory=list)  # where the state is not that of an uninterrupted run
    ledger: Ledger = field(default_factory=Ledger)
    ready_after: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)  # lines of the agent's log that must not be

    @property
    def faultless(self) -> bool:
        lines = (self.missing, self.invented, self.differs, self.ledger.wrong, self.errors)
        return not any(lines) and not self.out_of_order


@contextmanager
def prepared(
    home: Path, seed: int, *, count: int, rate: float, mode: str, cap: int = CAP
) -> Iterator[tuple[Ground, Subscriber]]:
    """Broker, agent and subscriber, started; a source that is not."""
    with ExitStack() as stack:
        disk = Disk(home)
        stack.callback(disk.close)
        clock = Clock(home / "clock")
        stack.callback(clock.close)
        broker = stack.enter_context(QuietMosquitto(home))
        proxy = stack.enter_context(Proxy(broker.port))
        store = disk.path / "twinned.db"
        raw = settings(
            mqtt={"host": "127.0.0.1", "port": proxy.port, "qos": 1, "reconnect": {"min": "20ms", "max": "200ms"}},
            store={"mode": mode, "path": str(store), "snapshot_interval": "3s", "max_size": cap},
            http={"port": free_port()},
            log={"level": "warning"},
            # Each change must arrive; and when a bucket is full again follows the clock on the wall.
            floods=EVERY_CHANGE,
            assets=[CONFIGURED],
        )
        subscriber = Subscriber(broker.port, home / "heard")
        stack.callback(subscriber.stop)
        stream = Stream(seed, count)
        source = Source(broker.port, stream, rate)
        stack.callback(source.ended.set)
        agent = stack.enter_context(AgentProcess(raw, home, TEST_CLOCK=str(clock.path)))
        agent.start()
        settled = config(raw)
        oracle = Oracle(settled, stream)
        rng = random.Random(seed)
        ground = Ground(agent, broker, proxy, source, disk, clock, oracle, settled, store, mode == "strict", rng)
        ground.await_agent(agent.subscribed, "subscribed")
        yield ground, subscriber


def run(
    *,
    seed: int,
    faults: int,
    rate: float,
    mode: str,
    kinds: Mapping[str, float],
    home: Path,
    say: Callable[[str], None],
) -> Outcome:
    """One run until so many faults have happened and the rest of the readings were taken."""
    counts = dict.fromkeys(kinds, 0)
    with prepared(home, seed, count=int((faults * 8.0 + 20) * rate), rate=rate, mode=mode) as (ground, subscriber):
        names, weights = possible(ground, kinds)
        rng, source = random.Random(seed), ground.source
        began = time.monotonic()
        source.start()
        while sum(counts.values()) < faults and not source.ended.is_set():
            (name,) = rng.choices(names, weights)
            time.sleep(rng.choice((0.02, 0.2, 0.6, 1.2)) * rng.random())
            strike(ground, name, rng)
            counts[name] += 1
            if sum(counts.values()) % 20 == 0:
                say(f"{sum(counts.values())} faults, {source.acknowledged} readings sent")
        return concluded(ground, subscriber, counts, began, rate, say)


def strike(ground: Ground, name: str, rng: random.Random) -> None:
    """A fault draws from a generator of its own: how often it does, which may depend on the moment, moves no other."""
    ground.rng = random.Random(rng.getrandbits(64))
    FAULTS[name](ground)


def possible(ground: Ground, kinds: Mapping[str, float]) -> tuple[list[str], list[float]]:
    """Faults that can be done here, in an order that does not depend on that of `kinds`, and their weights."""
    names = [name for name in sorted(kinds) if name != "fill the disk" or ground.disk.own]
    return names, [kinds[name] for name in names]


def concluded(
    ground: Ground,
    subscriber: Subscriber,
    counts: dict[str, int],
    began: float,
    rate: float,
    say: Callable[[str], None],
) -> Outcome:
    """Let the agent take what was sent, stop it, and compare."""
    source, agent = ground.source, ground.agent
    # What an agent had taken before a fault set it back has been told, and belongs to the run.
    deadline = time.monotonic() + 300
    while source.acknowledged < source.furthest and time.monotonic() < deadline:
        time.sleep(0.05)
    source.held.set()
    time.sleep(0.5)
    seconds = time.monotonic() - began
    say(
        f"{source.acknowledged} readings in {seconds:.1f} s ({source.acknowledged / seconds:.0f}/s); waiting for the agent"
    )
    count = _settle(ground)
    source.ended.set()
    ground.await_agent(agent.stores, "storing again")
    time.sleep(1.0)  # for the last alarm changes to be acknowledged
    code = agent.stop()
    assert code == 0, f"the agent left with {code}"
    time.sleep(0.5)
    subscriber.stop()
    heard = subscriber.heard()
    ground.oracle.advance(count)
    store = Store(ground.store, max_bytes=CAP)
    found = recover(store, ground.settled)
    store.abandon()
    assert not found.damage, found.damage
    first = list(dict.fromkeys(heard))
    changes = ground.oracle.changes
    unheard = set(heard)
    # What damage took is told anew in a second life, also where the broker lost it in the first: it has no one place.
    spans = ground.ledger.again
    again = {c.id for c in changes if any(begin - PART <= c.cause < end for begin, end in spans)}
    absent = [change for change in changes if change.id not in unheard]
    outcome = Outcome(
        counts, count, seconds, len(changes), len(heard) - len(first),
        out_of_order([id for id in first if id not in again]),
        ledger=ground.ledger, ready_after=agent.ready_after, differs=ground.oracle.differences(found.twins)[:5],
    )  # fmt: skip
    outcome.invented = sorted(set(heard) - {change.id for change in changes})
    for change in absent:
        (outcome.excused if _excused(change, ground.ledger, rate) else outcome.missing).append(change.id)
    # The second is a bound that is as documented; a run that comes to it shows nothing of alarm changes.
    told = ("internal error", "too many alarm changes wait")
    outcome.errors = [line for line in agent.said() if any(words in line for words in told)]
    return outcome


def _excused(change: Change, ledger: Ledger, rate: float) -> bool:
    """Whether a fault by its nature took this one: a broker that lost what it had, or damage that said so."""
    if change.id in ledger.unowed:
        return True
    return any(begin - UNHEARD * rate - PART <= change.cause < end for begin, end in ledger.forgotten)


def _settle(ground: Ground) -> int:
    """Wait until the agent has taken all that was sent, and what was on the way; how many readings that is."""
    deadline = time.monotonic() + 300
    source, stream = ground.source, ground.oracle.stream
    times: dict[str, float] = {}
    while time.monotonic() < deadline:
        times = ground.agent.times()
        count = max(source.acknowledged, ground.agent.position())
        if times and times == stream.times(count):
            return count
        time.sleep(0.2)
    raise AssertionError(f"the agent never took the end of the stream:\n{time_of(source.acknowledged)}\n{times}")


def report(outcome: Outcome) -> list[str]:
    """The verdict in words."""
    ready = sorted(outcome.ready_after)
    ledger = outcome.ledger
    lines = [
        "faults: " + ", ".join(f"{count} {name}" for name, count in outcome.faults.items() if count),
        f"readings: {outcome.readings} in {outcome.seconds:.1f} s, {outcome.readings / outcome.seconds:.0f} a second",
        f"alarm changes: {outcome.changes}, came again {outcome.repeated}, out of order {outcome.out_of_order}, "
        f"missing {len(outcome.missing)}, lost with a broker or with damage {len(outcome.excused)}, "
        f"invented {len(outcome.invented)}",
        f"start to READY: median {ready[len(ready) // 2]:.2f} s, longest {ready[-1]:.2f} s",
    ]
    if ledger.damaged:
        lines.append(
            f"damage that cost something: {ledger.damaged} times, {ledger.readings_lost} readings (sent again) and "
            f"{len(ledger.unowed)} alarm changes"
        )
    lines.append(f"state equal to that of an uninterrupted run: {'NO' if outcome.differs else 'yes'}")
    wrong = outcome.differs + ledger.wrong + outcome.errors + outcome.missing + outcome.invented
    return lines + [f"  {line}" for line in wrong[:20]]


def plain(outcome: Outcome) -> dict[str, Any]:
    """For a file."""
    return {
        "faults": outcome.faults,
        "readings": outcome.readings,
        "seconds": round(outcome.seconds, 1),
        "changes": outcome.changes,
        "repeated": outcome.repeated,
        "missing": len(outcome.missing),
        "equal": not outcome.differs,
        "faultless": outcome.faultless,
    }
