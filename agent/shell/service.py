"""The daemon: startup, the loop, shutdown. One thread turns the loop, and everything about twins happens on it.

Waiting and acting only: what a message means is the core's (`agent.twins`), how it travels is the session's
(`agent.shell.mqtt`). What is shown, logged and reloaded is in the files of these names.
"""

from __future__ import annotations

import gc
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from select import POLLIN, POLLOUT, poll
from typing import TYPE_CHECKING, NamedTuple, TextIO

from agent import __version__, native
from agent.build import PlanError
from agent.config import Config
from agent.encode import ENCODER, Answer, StatusMessage
from agent.shell.calls import Calls
from agent.shell.commanding import Commanding
from agent.shell.exits import Exit, ExitError
from agent.shell.http import Health, Server
from agent.shell.logs import Logger
from agent.shell.memory import reserve, settle, thrift
from agent.shell.mqtt import Session, Subscription
from agent.shell.outage import Outage
from agent.shell.places import placed
from agent.shell.reload import plan_exit, reload
from agent.shell.signals import Signals
from agent.shell.systemd import Notifier
from agent.shell.tally import Tally
from agent.shell.telling import tell_error, tell_outputs
from agent.shell.views import Shown, make_views, status_words
from agent.shell.wall import Wall, elapsed
from agent.twins import Twins
from agent.types import Batch, Outputs, Reject

if TYPE_CHECKING:
    from agent.shell.durable import Durable

MAX_WAIT = 2.0  # seconds; the loop turns at least this often, so that a stuck loop can be told from an idle one
TIMER_GRAIN = 0.02  # seconds; deadlines of ten thousand twins are met together rather than one by one
AFTER_ERROR = 1.0  # seconds without `on_time` after it failed
HOUSEKEEPING = 1.0
STATUS_INTERVAL = 10.0
DRAIN_TIMEOUT = 1.0
RESERVE, RESERVE_AFTER = 512 << 10, 180.0  # bytes, and seconds since the start, when most has happened once
STOP_TIMEOUT = 3.0


class Loaded(NamedTuple):
    """What a run needs to know; `load` makes it anew for each reload."""

    config: Config
    username: str | None = None
    password: str | None = None
    warnings: tuple[str, ...] = ()  # lines for the log

    def __repr__(self) -> str:
        return f"Loaded(site={self.config.site!r})"


@dataclass(frozen=True)
class World:
    """Everything outside that a test may want to replace."""

    environ: Mapping[str, str]
    stderr: TextIO
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    random: random.Random = field(default_factory=random.SystemRandom)
    session: Callable[..., Session] = Session
    elapsed: Callable[[], float] = elapsed


def run(load: Callable[[], Loaded], world: World, signals: Signals | None = None) -> Exit:
    """Run until told to stop; the exit code says how it ended.

    `load` reads the configuration, at start and on SIGHUP, and raises ExitError with a line for each thing wrong.
    Pass `signals` that were installed earlier to have no moment in which a SIGHUP kills.
    """
    own = signals is None
    if signals is None:
        signals = Signals()
        signals.install()
    log = Logger(world.stderr, environ=world.environ, monotonic=world.monotonic, now=world.now)
    notifier = Notifier(world.environ)
    try:
        service = Service(load, world, signals, log, notifier)
        service.start()
        service.loop()
        service.stop()
    except ExitError as error:
        for line in error.message.splitlines():
            log.error(line)
        return error.code
    except Exception:
        log.error("internal error: the agent stops; please report this", traceback=traceback.format_exc())
        return Exit.INTERNAL
    finally:
        log.sweep(everything=True)
        notifier.close()
        if own:
            signals.close()
    return Exit.OK


class Service:
    """The running agent."""

    def __init__(
        self, load: Callable[[], Loaded], world: World, signals: Signals, log: Logger, notifier: Notifier
    ) -> None:
        self.world = world
        self.monotonic, self.now = world.monotonic, world.now
        self.signals, self.log, self.notifier = signals, log, notifier
        thrift()
        self.version = __version__
        self.load = load
        self.loaded = load()
        self.tally = Tally()
        self.calls = Calls(signals.wake)
        self.shown = Shown()
        self.durable: Durable | None = None
        self.stopping = False
        self._poll = poll()
        self._poll.register(signals.fileno(), POLLIN)
        self._selected: tuple[int, int] | None = None  # the session's descriptor and what is waited for on it
        self.elapsed = world.elapsed
        self.wall = Wall(self.now, self.elapsed)
        self._time_due = 0.0  # monotonic; not before this is `on_time` called again
        self._core_due: float | None = None  # UTC seconds; when the core has something to do, where that was just asked
        self._house_due = 0.0
        self._status_due = 0.0
        self._alive_due = 0.0
        self._reserve_due = inf
        self._reserved: list[object] = []
        self._said = ""
        self._trouble_said = ""
        self._untold: list[float] = []  # UTC seconds of the newest reading of each batch that is not published yet
        # A turn must come well within the watchdog's interval even when nothing happens.
        self._wait = min(MAX_WAIT, notifier.watchdog / 4) if notifier.watchdog else MAX_WAIT

    # startup, loop, shutdown

    def start(self) -> None:
        """Everything that can fail does so here, before READY; a broker that is away is no failure."""
        config = self.loaded.config
        self.log.configure(config.log.level, config.log.format, config.log.repeat_interval)
        self.log.hide(self.loaded.password)
        for line in self.loaded.warnings:
            self.log.warning("configuration", key=line, detail=line)
        try:
            self.durable, self.twins = self._make_twins(config)
        except PlanError as error:
            raise plan_exit(error) from None
        self.commanding = Commanding(config, self.now, lambda event: self.log.log(*event))
        self.outage = Outage(config.store.outage, clock=self.monotonic)
        self.server = self.make_server(config)
        self.session = self.make_session(self.loaded, self.twins)
        self.tally.config_read = self.now()
        if self.server is not None:
            self.server.start()
        settle()
        # The HTTP thread hands the interpreter back within this time when the loop has something to do.
        sys.setswitchinterval(0.001)
        self.log.info("started", version=self.version, site=config.site, twins=len(self.twins), steps=native.flavour())
        self.shown.turned = self.monotonic()
        # Snapshots, and what waits while a disk or a broker is away, are what needs more at times.
        if self.durable is not None:
            self._reserve_due = self.shown.turned + RESERVE_AFTER
        self._said = self.words()
        self.notifier.ready(self._said)

    def loop(self) -> None:
        """Turn until told to stop."""
        while not self.stopping:
            self.turn(self._pause())

    def turn(self, timeout: float) -> None:
        """Wait for the socket, a deadline or a signal; then do what there is to do."""
        self._select()
        batch: Batch | None = None
        rejects: list[Reject] = []
        noted: list[int] = []
        ready = self._poll.poll(timeout * 1000)
        began = self.monotonic()
        for descriptor, events in ready:
            if descriptor == self.signals.fileno():
                noted = self.signals.take()
                continue
            if events & POLLOUT:
                self.session.on_writable()
            if events & ~POLLOUT:
                batch = self.session.on_readable()
                rejects = self.session.take_rejects()
        if began >= self.session.next_time():
            self.session.on_time()
        self._work(batch, rejects, began)
        if self.durable is not None:
            self._store(self.durable)
        if self.outage and self.session.connected and not self.session.queued_bytes:
            self.session.publish(self.outage.release())
            self.session.flush()
        self.calls.answer_one()
        for number in noted:
            self._on_signal(number)
        self._keep_house(began)

    def stop(self) -> None:
        """Take what the wire still holds, say offline, and go; within five seconds."""
        self.notifier.stopping("stopping")
        self.log.info("stopping")
        end = self.monotonic() + DRAIN_TIMEOUT
        self.session.drain()
        before = -1
        while before != self.tally.messages and self.monotonic() < end:
            before = self.tally.messages
            self.turn(0.0)
        if self.durable is not None:
            self.durable.settle()
            self._store(self.durable)
            if not self.durable.holds_back:
                self.session.acknowledge()  # or what waited for this commit would come again
                self.session.flush()
        self.session.stop(STOP_TIMEOUT)
        if self.durable is not None:
            self.durable.delivered(self.session.take_settled())
            self.durable.close()
        if self.server is not None:
            self.server.stop()
        self.log.info("stopped", messages=self.tally.messages, readings=self.tally.used + self.tally.late)

    # one turn

    def _pause(self) -> float:
        """Seconds until something is due."""
        if self.calls:
            return 0.0
        monotonic = self.monotonic()
        self._core_due = self.twins.next_time()
        core = max(self._core_due - self.now(), self._time_due - monotonic)
        if self.outage and self.session.connected and not self.session.queued_bytes:
            return 0.0
        store = inf if self.durable is None else self.durable.next_time() - monotonic
        return max(0.0, min(self._wait, core, store, self.session.next_time() - monotonic))

    def _select(self) -> None:
        descriptor = self.session.fileno()
        wanted: tuple[int, int] | None = None
        if descriptor >= 0:
            session = self.session
            wanted = descriptor, POLLIN * session.wants_read() | POLLOUT * session.wants_write()
        if wanted != self._selected:
            if self._selected is not None:
                self._poll.unregister(self._selected[0])
            if wanted is not None:
                self._poll.register(*wanted)
            self._selected = wanted

    def _work(self, batch: Batch | None, rejects: list[Reject], began: float) -> None:
        """Messages and time through the core, and what comes of it to the broker in one go."""
        outputs: list[Outputs] = []
        # Where a batch brings something forward, it is due in the next turn, which follows at once.
        due, self._core_due = self._core_due, None
        now = self.now()
        if by := self.wall.step(now, self.elapsed()):
            self._on_step(by, now)
        if batch is not None:
            outputs += self._on_batch(batch)
        if began >= self._time_due and (now := self.now()) >= (self.twins.next_time() if due is None else due):
            self._time_due = began + TIMER_GRAIN
            outputs += self._on_time(now)
        if self.session.take_forgotten():
            outputs.append(self.twins.active_again(self.now()))
        if rejects:
            outputs.append(Outputs(messages=len(rejects), rejects=rejects))
        if not outputs:
            return
        session, durable = self.session, self.durable
        if durable is not None:
            durable.commit(outputs, acknowledging=session.unacknowledged)
        connected = session.connected
        for each in outputs:
            if each.publications:
                session.publish(self.outage.through(each.publications, connected=connected))
        if durable is None or not durable.holds_back:
            session.acknowledge()
        session.flush()
        if batch is not None:
            self._count_batch(batch, outputs, began)
        self._tell(outputs)
        if rejects:
            self.tally.messages += len(rejects)

    def _store(self, durable: Durable) -> None:
        """The store's share of a turn."""
        session = self.session
        trouble = durable.trouble
        held_back = durable.holds_back
        durable.delivered(session.take_settled())
        said = durable.on_turn()
        if said:
            session.publish(self.outage.through(said, connected=session.connected))
        changed = durable.trouble != trouble or durable.trouble != self._trouble_said
        if changed:
            self._trouble_said = durable.trouble
            self._status_due = 0.0
            session.announce()
        # Some may be left from a commit that was not this method's: for a command, a reload, or the end.
        released = (held_back or session.unacknowledged > 0) and not durable.holds_back
        if released:
            session.acknowledge()
        if said or changed or released:
            session.flush()
        if self._untold and not durable.holds_words:
            self._tell_lags()

    def _on_batch(self, batch: Batch) -> list[Outputs]:
        """Through the core; should that fail, then all of the batch but the message it fails on."""
        try:
            if self.durable is None:
                out = self.twins.on_batch(batch)
            else:
                out = self.twins.on_batch(batch, self.durable.record)
            return [out, *self._on_commands(batch, out.commands)] if out.commands else [out]
        except Exception as error:
            if len(batch.topics) > 1:
                # What was taken before the failure comes as a duplicate now, and is dropped as one.
                half = len(batch.topics) // 2
                return self._on_batch(_part(batch, slice(half))) + self._on_batch(_part(batch, slice(half, None)))
            self.tally.internal_errors += 1
            tell_error(self.log, error, topic=batch.topics[0])
            return []

    def _on_commands(self, batch: Batch, places: Sequence[int]) -> list[Outputs]:
        record = None if self.durable is None else self.durable.commanded
        try:
            return self.commanding.on_messages(self.twins, batch, places, record)
        except Exception as error:
            self.tally.internal_errors += 1
            tell_error(self.log, error, topic=batch.topics[places[0]])
            return []

    def command(self, verb: str, asset: str, alarm: str, body: bytes) -> tuple[Answer, str]:
        """A command that came over HTTP: carried out, stored and published before it is answered."""
        record = None if self.durable is None else self.durable.commanded
        out, answer, trouble = self.commanding.on_request(self.twins, verb, asset, alarm, body, record)
        if out.publications:
            if self.durable is not None:
                self.durable.commit([out], acknowledging=0)
            self.session.publish(self.outage.through(out.publications, connected=self.session.connected))
            if self.durable is not None and not self.durable.holds_back:
                self.session.acknowledge()  # what was committed along with it
            self.session.flush()
        elif self.durable is not None and answer.ok:
            self.durable.settle()  # its id must be known when it comes again
        self._tell([out])
        return answer, trouble

    def _tell(self, outputs: Sequence[Outputs]) -> None:
        for each in outputs:
            self.tally.outputs(each)
            tell_outputs(self.log, each, self.twins)

    def _on_step(self, by: float, now: float) -> None:
        self.log.log("warning", "the clock was set", "clock", {"seconds": round(by, 3)})
        if self.durable is not None:
            self.durable.stepped(by, now)
        self.twins.step(by, now)

    def _on_time(self, now: float) -> list[Outputs]:
        if self.durable is not None:
            self.durable.passed(now)
        try:
            return [self.twins.on_time(now)]
        except Exception as error:
            self._time_due = self.monotonic() + AFTER_ERROR
            self.tally.internal_errors += 1
            tell_error(self.log, error)
            return []

    def _count_batch(self, batch: Batch, outputs: Sequence[Outputs], began: float) -> None:
        now = self.now()
        # The newest reading's own time where there is one: how old the world is by the time it hears of itself.
        newest = 0.0
        for each in outputs:
            newest = max(newest, each.event_time)
        newest = newest or min(batch.received)
        self.tally.batch(len(batch.topics), self.monotonic() - began, now)
        self._untold.append(newest)
        if self.durable is None or not self.durable.holds_words:
            self._tell_lags()

    def _tell_lags(self) -> None:
        """What was computed of these batches is published."""
        now = self.now()
        for newest in self._untold:
            self.tally.publish_lag.observe(max(0.0, now - newest))
        self._untold.clear()

    def _keep_house(self, began: float) -> None:
        """What is not about messages: being seen to be alive, and saying how it goes."""
        self.tally.turns += 1
        self.shown.turned = began
        session, health = self.session, self.shown.health
        if (
            session.reason != health.reason
            or session.connected is not health.connected
            or session.subscribed is not health.subscribed
        ):
            if health.connected and not session.connected:
                gc.collect()  # what a connection leaves refers to itself, and would lie about until more has come together
            self.shown.health = Health(session.connected, session.subscribed, session.reason)
            self._status_due = 0.0
        if self.notifier.watchdog and began >= self._alive_due:
            self._alive_due = began + self.notifier.watchdog / 2
            self.notifier.alive()
        if began >= self._house_due:
            self._house_due = began + HOUSEKEEPING
            self.log.sweep()
            if began >= self._reserve_due:
                self._reserve_due = inf
                self._reserved = reserve(RESERVE)
            if began >= self._status_due:
                self._status_due = began + STATUS_INTERVAL
                if (words := self.words()) != self._said:
                    self._said = words
                    self.notifier.status(words)

    def words(self) -> str:
        words = status_words(self.shown.health, self.twins.status_counts(), self.twins.active_alarms())
        trouble = self._trouble()
        return f"{words}; {trouble}" if trouble else words

    def _trouble(self) -> str:
        return f"nothing is stored: {self.durable.trouble}" if self.durable is not None and self.durable.trouble else ""

    # signals

    def _on_signal(self, number: int) -> None:
        if number != signal.SIGHUP:
            self.stopping = True
        elif not self.stopping:
            if self.durable is not None:
                self.durable.settle()
                self._store(self.durable)
            reload(self)
            settle()

    # making parts

    def _make_twins(self, config: Config) -> tuple[Durable | None, Twins]:
        """New twins, or those that were stored."""
        place = placed(config.store, self.world.environ.get("STATE_DIRECTORY"))
        if place is None:
            return None, Twins(config)
        from agent.shell.durable import Durable  # brings SQLite, which costs memory

        durable = Durable(
            config.store, *place, clock=self.monotonic, now=self.now, events=lambda event: self.log.log(*event)
        )
        twins, lines = durable.recover(config)
        for line in lines:
            self.log.warning("started over", key=line, detail=line)
        return durable, twins

    def make_server(self, config: Config) -> Server | None:
        if not config.http.enabled:
            return None
        return Server(config.http, make_views(self), self.log, self.version)

    def make_session(self, loaded: Loaded, twins: Twins) -> Session:
        config = loaded.config
        offline = StatusMessage("offline", None, self.version, "stopped, or lost", 0)
        return self.world.session(
            config.mqtt,
            client_id=config.mqtt.client_id or f"twinned-{config.site}",
            subscriptions=[Subscription(filter, qos) for filter, qos in twins.subscriptions()],
            status_topic=f"{config.prefix}/{config.site}/$status",
            online=self._online,
            offline=ENCODER.encode(offline),
            secrets=(loaded.username, loaded.password),
            clock=self.monotonic,
            now=self.now,
            random=self.world.random,
            events=lambda event: self.log.log(*event),
            wake=self.signals.wake,
            answered=f"{config.prefix}/{config.site}/$command/".encode() if config.commands.mqtt else b"",
        )

    def _online(self) -> bytes:
        return ENCODER.encode(StatusMessage("online", self.now(), self.version, self._trouble(), len(self.twins)))


def _part(batch: Batch, rows: slice) -> Batch:
    first, end, _ = rows.indices(len(batch.topics))
    asking = [(place - first, where) for place, where in batch.asking if first <= place < end]
    return Batch(batch.topics[rows], batch.payloads[rows], batch.received[rows], batch.retained[rows], asking)
