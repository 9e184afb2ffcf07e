"""What happens to the actors of a chaos run: one function a fault, and how often each is drawn.

A fault ends with everything running again, and with nothing lost but what it says in the ledger: a source that would
wait for a broker or an agent that lost readings sends them again from where the agent is.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.config import Config
from agent.shell.recovery import recover
from agent.shell.store import DamagedError, Owed, Store
from agent.twins import Twins
from tests.brokers import Proxy
from tests.chaos.actors import PATIENCE, AgentProcess, Clock, Disk, QuietMosquitto, Source
from tests.chaos.stream import ASSETS, Oracle, number_of
from tests.durables import copied

CAP = 256 << 20  # `store.max_size`, the default: 16,384 alarm changes may wait, which no run comes to
CLIENT = "twinned-test"


@dataclass
class Ledger:
    """What a run could not have, and what it found on the way."""

    forgotten: list[tuple[int, int]] = field(default_factory=list)  # readings within which a broker lost what it had
    unowed: set[str] = field(default_factory=set)  # identifiers of alarm changes that damage took, and that was told
    again: list[tuple[int, int]] = field(default_factory=list)  # readings that damage took, and that were sent again
    damaged: int = 0  # stores that lost something
    readings_lost: int = 0  # by damage, and sent again
    wrong: list[str] = field(default_factory=list)  # what must not be


@dataclass
class Ground:
    """The actors, and what is needed to judge them."""

    agent: AgentProcess
    broker: QuietMosquitto
    proxy: Proxy
    source: Source
    disk: Disk
    clock: Clock
    oracle: Oracle
    settled: Config
    store: Path
    strict: bool
    rng: random.Random
    gentle: bool = False  # no fault kills the agent but those that are named after it
    ledger: Ledger = field(default_factory=Ledger)

    def await_agent(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"the agent is never {what}")
            time.sleep(0.02)

    def taken(self) -> int:
        """How many readings from the start the agent has certainly taken."""
        deadline = time.monotonic() + PATIENCE
        while len(times := self.agent.times()) < ASSETS:
            if time.monotonic() > deadline:
                return 0
            time.sleep(0.1)
        return min(self.source.acknowledged, *(number_of(t) for t in times.values()))


def kill(ground: Ground) -> None:
    ground.agent.kill()
    ground.agent.start()


def kill_while_starting(ground: Ground) -> None:
    ground.agent.kill()
    ground.agent.start(ready=False)
    time.sleep(ground.rng.uniform(0.1, 0.8))
    ground.agent.kill()
    ground.agent.start()


def stop_and_continue(ground: Ground) -> None:
    ground.agent.signal(signal.SIGSTOP)
    time.sleep(ground.rng.uniform(0.05, 1.0))
    ground.agent.signal(signal.SIGCONT)


def cut(ground: Ground) -> None:
    ground.proxy.cut()


def cut_within_a_packet(ground: Ground) -> None:
    ground.proxy.cut_after(ground.rng.randrange(1, 20_000))


def trickle(ground: Ground) -> None:
    ground.proxy.delay = 0.03
    time.sleep(0.5)
    ground.proxy.delay = 0.0


def hold_up(ground: Ground) -> None:
    ground.proxy.hold()
    time.sleep(ground.rng.uniform(0.1, 1.5))
    ground.proxy.release()


def restart_the_broker(ground: Ground) -> None:
    ground.broker.restart()
    # A broker that did not end in time was killed, and lost what nobody sends again.
    assert not ground.broker.forced, "the broker did not end in time: the machine is too busy for this run"


def kill_the_broker(ground: Ground) -> None:
    """It loses what it has acknowledged and not written, which is all since its last orderly end."""
    _lose_the_broker(ground, forget=False)


def replace_the_broker(ground: Ground) -> None:
    """It comes back without its file: no session, nothing retained."""
    _lose_the_broker(ground, forget=True)


def _lose_the_broker(ground: Ground, *, forget: bool) -> None:
    ground.source.held.set()
    before = ground.taken()
    ground.broker.stop(kill=True)
    if forget:
        ground.broker.forget()
    ground.broker.start()
    time.sleep(1.0)
    ground.await_agent(ground.agent.subscribed, "subscribed again")
    # What it holds in memory only would be lost with the next kill, and nobody sends it again.
    ground.await_agent(ground.agent.stores, "storing again")
    position = ground.taken()
    ground.ledger.forgotten.append((before, ground.source.acknowledged))
    ground.source.rewind(position)
    ground.source.held.clear()


def fill_the_disk(ground: Ground) -> None:
    """No space is left on the device for a while; a file that is there may still be written within its size."""
    _without_disk(ground, ground.disk.fill, ground.disk.free)


def forbid_writing(ground: Ground) -> None:
    """Every write beyond the first page of a file fails for a while."""

    def forbid() -> None:
        ground.agent.limit_files(4096)

    def allow() -> None:
        ground.agent.limit_files(resource.RLIM_INFINITY)

    _without_disk(ground, forbid, allow)


def _without_disk(ground: Ground, begin: Callable[[], None], end: Callable[[], None]) -> None:
    begin()
    time.sleep(ground.rng.uniform(0.1, 2.5))
    if ground.strict and not ground.gentle and ground.rng.random() < 0.4:
        # Relaxed, the agent acknowledges what it has in memory only, and says so: a kill loses it.
        ground.agent.kill()
        if ground.rng.random() < 0.5:
            ground.agent.start()
            time.sleep(ground.rng.uniform(0.1, 1.0))
            end()
        else:
            end()
            ground.agent.start()
    else:
        end()
    if not ground.strict or ground.rng.random() < 0.5:
        ground.await_agent(ground.agent.stores, "storing again")


def step_the_clock(ground: Ground) -> None:
    """The agent's clock on the wall is another, hours before or after."""
    ground.clock.step(ground.rng.choice((0.0, ground.rng.uniform(-14400, 14400), ground.rng.uniform(-5, 5))))


def flip_a_bit(ground: Ground) -> None:
    def spoil(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[ground.rng.randrange(len(data))] ^= 1 << ground.rng.randrange(8)
        path.write_bytes(data)

    _damage(ground, ground.rng.choice(_files(ground)), spoil, must_tell=True)


def truncate(ground: Ground) -> None:
    def spoil(path: Path) -> None:
        with path.open("r+b") as file:
            file.truncate(ground.rng.randrange(path.stat().st_size))

    path = ground.rng.choice(_files(ground))
    # A log that ends early is what a power cut leaves, and nothing in it says that there was more.
    _damage(ground, path, spoil, must_tell=path == ground.store)


def _files(ground: Ground) -> list[Path]:
    both = ground.store, ground.store.with_name(ground.store.name + "-wal")
    return [path for path in both if path.exists() and path.stat().st_size]


def _damage(ground: Ground, path: Path, spoil: Callable[[Path], None], *, must_tell: bool) -> None:
    """Kill the agent, damage its file, and have it go on from what survives.

    Exactly this must hold: what comes back is, to the bit, what the twins were after some number of readings in order;
    where that is less than was stored and `must_tell`, the log says that the store is damaged. The broker's session is
    dropped and the source sends all readings from that number on, so that the rest of the run is compared as ever.
    """
    agent, source, ledger = ground.agent, ground.source, ground.ledger
    source.held.set()
    agent.kill()
    ground.broker.forget_client(CLIENT)
    home = ground.store.parent.parent
    whole, owed = _read(copied(ground.store, home / "copy"), ground.settled)
    spoil(path)
    left, still_owed = _read(copied(ground.store, home / "copy"), ground.settled)
    before, after = _position(whole), _position(left)
    ground.oracle.advance(after)
    for line in ground.oracle.differences(left):
        ledger.wrong.append(f"after damage, at reading {after}: {line}")
    gone = _ids(owed) - _ids(still_owed)
    mark = agent.mark()
    agent.start()
    ground.await_agent(agent.subscribed, "subscribed again")
    if after < before or gone:
        if not any("the store is damaged" in line for line in agent.said(mark)) and must_tell:
            ledger.wrong.append(f"damage cost {before - after} readings and {len(gone)} alarm changes without a word")
        ledger.damaged += 1
        ledger.again.append((after, max(before, source.acknowledged)))
        ledger.readings_lost += before - after
        ledger.unowed |= gone
    if agent.position() != after:
        ledger.wrong.append(f"the agent came back at reading {agent.position()}, and its file says {after}")
    source.rewind(after)
    source.held.clear()


def _read(path: Path, settled: Config) -> tuple[Twins, list[Owed]]:
    """What a copy of the store holds, as the agent reads it."""
    try:
        store = Store(path, max_bytes=CAP)
    except DamagedError:
        return Twins(settled), []
    found = recover(store, settled)
    store.abandon()
    shutil.rmtree(path.parent)
    return found.twins, found.owed


def _position(twins: Twins) -> int:
    times = [b.rows.columns["time"][: len(b)].max(initial=0.0) for b in twins.blocks]
    newest = max(times, default=0.0)
    return number_of(float(newest)) + 1 if newest else 0


def _ids(owed: list[Owed]) -> set[str]:
    return {json.loads(one.payload).get("id", "") for one in owed} - {""}


FAULTS: Mapping[str, Callable[[Ground], None]] = {
    "kill": kill,
    "kill while starting": kill_while_starting,
    "stop and continue": stop_and_continue,
    "cut": cut,
    "cut within a packet": cut_within_a_packet,
    "trickle": trickle,
    "hold up": hold_up,
    "restart the broker": restart_the_broker,
    "kill the broker": kill_the_broker,
    "replace the broker": replace_the_broker,
    "fill the disk": fill_the_disk,
    "forbid writing": forbid_writing,
    "step the clock": step_the_clock,
    "flip a bit": flip_a_bit,
    "truncate": truncate,
}
