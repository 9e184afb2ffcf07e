"""The core as a whole, in five verbs: `on_batch`, `on_time`, `next_time`, `snapshot`, `restore`.

Given the same batches and times it returns the same outputs. It imports no socket, clock, thread, file or random
generator; a test walks the imports to keep it so. Nothing an input holds can make it raise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from agent.alarms import floodstate, whole
from agent.alarms.commands import Command, Commands, OfTwin, Target
from agent.alarms.explain import explain
from agent.alarms.floods import Floods, OfGroup
from agent.alarms.lifecycle import ACTIVE, Lifecycle
from agent.alarms.operator import SUPPRESSED, UNACKNOWLEDGED
from agent.alarms.report import farewell
from agent.block import Arrivals, Block
from agent.build import plan_block
from agent.carry import difference, export, identity, place, sizeless
from agent.config import Config
from agent.decode import Decoder, Step, Take
from agent.encode import Answer
from agent.setback import SET_BACK
from agent.showing import alike, detail, summary
from agent.topics import safe_level
from agent.types import STATUS_NAMES, AlarmState, Batch, Outputs, Publications, Reason, Reject, Severity

SNAPSHOT_VERSION = 1
_SEARCH = 1.0  # seconds, at least, between two searches for names that are like a wrong one
Record = Callable[[Sequence[Step], Sequence[float]], None]
RecordCommand = Callable[[Command, float], None]


class Twins:
    """All twins of one agent."""

    def __init__(self, config: Config, *, trace: bool = False) -> None:
        """Raises `agent.build.PlanError` on settings that have the right types but cannot be built."""
        self.config = config
        self.blocks = [Block(plan_block(b, config.site, config.prefix)) for b in config.assets]
        for block in self.blocks:
            block.tracing = trace
            for name in block.config.known:
                block.add(name, math.nan)
        self.decoder = Decoder(config, self.blocks)
        self.floods = Floods(config.floods, self.blocks, f"{config.prefix}/{safe_level(config.site)}/".encode())
        self.joined: dict[tuple[int, int], str] = {}  # groups that rows joined, until it is recorded
        self.newest = -math.inf  # of the newest that was taken, by the present clock
        self.commands = Commands()
        self._searched = -math.inf  # when the names of all twins were last looked through for a command
        self._farewells: list[Publications] = []  # of alarms that are no longer configured, sent once

    def __len__(self) -> int:
        return sum(map(len, self.blocks))

    def on_batch(self, batch: Batch, record: Record | None = None) -> Outputs:
        """Take one turn's messages: states move, alarms change, publications come out.

        `record` is told of the decoded steps and the times of arrival before they move anything.
        """
        out = Outputs(messages=len(batch.topics))
        if batch.topics:
            steps = self.decoder.decode(batch, out)
            self._join()
            if record is not None:
                record(steps, batch.received)
            self.joined.clear()
            try:
                self.assimilate(steps, Arrivals(batch.received, batch.topics), out)
            except BaseException:
                self.decoder.forget()
                raise
        return out

    def _join(self) -> None:
        """Assets whose topic told their group, as their first one does."""
        for block, row, parent in self.decoder.found:
            if self.floods.groups.name_of(block, row) is None:
                self.floods.groups.join(block, row, parent)
                self.joined[block, row] = parent
        self.decoder.found.clear()

    def assimilate(self, steps: Sequence[Step], arrivals: Arrivals, out: Outputs) -> None:
        """Take decoded steps: the part of `on_batch` that moves the twins, and all that a journal has to repeat."""
        self._watch_clock(steps, arrivals.received)
        for step in steps:
            block = self.blocks[step.block]
            if isinstance(step, Take):
                newest = max(step.samples.times)
                out.event_time = max(out.event_time, newest)
                block.take(step.samples, arrivals, out)
            elif block.drive(step.bank, step.entry, step.time, step.value, arrivals.received[step.message]):
                out.readings += 1
            else:
                out.rejects.append(Reject(arrivals.topics[step.message], Reason.LATE, f"shared input at {step.time!r}"))
        if out.said:
            self.floods.settle(out, first=True)

    def make(self, block: int, name: str, now: float, parent: str = "") -> None:
        """A twin of this block that spoke for the first time at `now`, as the decoder makes it; or its group."""
        b = self.blocks[block]
        if name not in b.rows.row_of:
            b.add(name, now)
        if parent:
            self.floods.groups.join(block, b.rows.row_of[name], parent)

    def on_command(self, command: Command, now: float, record: RecordCommand | None = None) -> tuple[Outputs, Answer]:
        """An operator's command at `now`. `record` is told of it before it moves anything; a refused one is none.

        Raises `agent.alarms.commands.Refused`.
        """
        there = self._alarms_of(command.asset)
        alike = () if there is not None else self.alike(command.asset, now)
        targets = self.commands.targets(command, there, alike)
        if record is not None:
            record(command, now)
        out = Outputs()
        answer = self.commands.run(command, now, targets, out)
        self.floods.settle(out)
        return out, answer

    def _alarms_of(self, name: str) -> list[Target] | None:
        """All alarms of the twin, and of the group, that has this name; None where nothing has."""
        block, group = self._block(name), self.floods.groups.index.get(name)
        if block is None and group is None:
            return None
        found: list[Target] = [] if block is None else [OfTwin(block, a, block.rows.row_of[name]) for a in block.alarms]
        return found if group is None else [*found, OfGroup(self.floods, group)]

    def _watch_clock(self, steps: Sequence[Step], received: Sequence[float]) -> None:
        """Arrivals go on within a batch; one that begins before the last one ended has another clock."""
        if steps:
            first = min(s.samples.message[0] if isinstance(s, Take) else s.message for s in steps)
            last = max(s.samples.message[-1] if isinstance(s, Take) else s.message for s in steps)
            if received[first] < self.newest:
                self._set_back(received[first])
                # Here, where a replay comes by, too: deadlines decide which silence `on_time` looks at.
                for block in self.blocks:
                    block.silence.look_again()
                self.floods.look_again()
            self.newest = received[last]

    def _passed(self, now: float) -> None:
        """Arrivals may be counted on a little ahead of the clock."""
        if now < self.newest - SET_BACK:
            self._set_back(now)

    def _set_back(self, now: float) -> None:
        for block in self.blocks:
            if len(block):
                block.setback.mark(now)
        self.newest = now

    def step(self, by: float, now: float) -> None:
        """The clock that arrivals and `now` are told by was set forward (below 0: back) by so many seconds, to `now`."""
        for block in self.blocks:
            if len(block):
                block.setback.step(by)
                block.silence.step(by)
        self.newest += by
        self.floods.look_again()
        self.floods.resume(now)

    def resume(self, now: float) -> None:
        """Nobody was listening until `now`: the silence before it says nothing of the twins."""
        self._passed(now)
        for block in self.blocks:
            block.silence.resume(now)
        self.floods.resume(now)

    def mute(self, muted: bool) -> None:
        """While muted, states and forecasts are counted but not written: a replay's would be thrown away."""
        for block in self.blocks:
            block.announcer.muted = muted

    def on_time(self, now: float) -> Outputs:
        """What the passing of time brings. now: UTC seconds."""
        out = Outputs(publications=self._farewells)
        self._farewells = []
        self._passed(now)
        for block in self.blocks:
            if len(block):
                block.on_time(now, out)
        self.floods.settle(out)
        self.floods.on_time(now, out)
        return out

    def next_time(self) -> float:
        """UTC seconds at which `on_time` next has something to do; infinity when never."""
        if self._farewells:
            return -math.inf
        due = self.floods.next_time()
        for block in self.blocks:
            if len(block) and (wanted := block.next_time()) < due:
                due = wanted
        return due

    def subscriptions(self) -> list[tuple[str, int]]:
        """(filter, QoS) of everything the blocks listen to."""
        return list(self.decoder.subscriptions.items())

    def active_again(self, now: float) -> Outputs:
        """Every alarm that is not plainly normal once more, for a broker that has forgotten what it retained."""
        out = Outputs()
        for block in self.blocks:
            for alarm in block.alarms:
                for row in alarm.notable(len(block)).tolist():
                    if alarm.state(row) is not AlarmState.CLEARED and self.floods.unheard(alarm, row) is None:
                        block.reporter.again(alarm, row, now, out)
        self.floods.again(now, out)
        return out

    # -- what others look at

    def status_counts(self) -> dict[str, int]:
        total = np.zeros(len(STATUS_NAMES), int)
        for b in self.blocks:
            total += np.bincount(b.rows.columns["status"][: len(b)], minlength=len(STATUS_NAMES))
        return dict(zip(STATUS_NAMES, total.tolist(), strict=True))

    def active_alarms(self) -> dict[str, int]:
        """By severity; those of groups as well, and not those that nobody was told of."""
        counts = {s.value: 0 for s in Severity}
        for b in self.blocks:
            for alarm in b.alarms:
                counts[alarm.severity.value] += alarm.active
        for alarm, row in self.floods.silenced():
            counts[alarm.severity.value] -= alarm.present(row)
        counts[self.config.floods.groups.severity.value] += self.floods.groups.standing()
        return counts

    def summaries(self, offset: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """One small JSON-able record per twin, in a stable order."""
        out: list[dict[str, Any]] = []
        for b in self.blocks:
            if offset >= len(b):
                offset -= len(b)
                continue
            for row in range(offset, min(len(b), offset + limit - len(out))):
                out.append(summary(b, row))
            offset = 0
            if len(out) >= limit:
                break
        return out

    def detail(self, asset: str) -> dict[str, Any] | None:
        """Everything about one twin, JSON-able; None when there is none of that name."""
        b = self._block(asset)
        return None if b is None else detail(b, b.rows.row_of[asset])

    def explain(self, asset: str, now: float) -> dict[str, Any] | None:
        """Why each alarm of a twin is what it is, JSON-able; None when there is no twin of that name."""
        b = self._block(asset)
        if b is None:
            return None
        row = b.rows.row_of[asset]
        return summary(b, row) | {
            "now": now,
            "score": whole.score(b.alarms, row),
            "alarms": [explain(a, row, b.rows, now, self.floods.unheard(a, row)) for a in b.alarms],
        }

    def alike(self, asset: str, now: float) -> list[str]:
        """Names of twins that may have been meant; but now and then only, for whoever sends one wrong name after
        another is not to keep the agent busy.
        """
        if 0.0 <= now - self._searched < _SEARCH:
            return []
        self._searched = now
        return alike(self.blocks, asset)

    def _block(self, asset: str) -> Block | None:
        return next((b for b in self.blocks if asset in b.rows.row_of), None)

    # -- carrying state over

    def snapshot(self) -> dict[str, Any]:
        """Everything learned, as plain columns. `restore` gives back the same bits."""
        blocks = [export(b) for b in self.blocks]
        for k, saved in enumerate(blocks):
            saved["floods"] = floodstate.export_block(self.floods, k)
            if numbers := [s.export() for block, s in self.decoder.sequences if block is self.blocks[k]]:
                saved["sequences"] = numbers
        return {
            "version": SNAPSHOT_VERSION,
            "newest": self.newest,
            "blocks": blocks,
            "commands": self.commands.export(),
            "floods": floodstate.export(self.floods),
        }

    def restore(self, saved: Mapping[str, Any]) -> list[str]:
        """Take over what a snapshot holds, block by block; returns a line for each that had to start over and why.

        Alarms that were active and are no longer configured are cleared at the broker by the next `on_time`.
        """
        if saved.get("version") != SNAPSHOT_VERSION:
            return [
                f"the snapshot has version {saved.get('version')}, expected {SNAPSHOT_VERSION}: all twins start over"
            ]
        lines = []
        self.commands.load(saved.get("commands", ()))
        floodstate.load(self.floods, saved.get("floods"))
        unused = list(saved["blocks"])
        for b in self.blocks:
            match = next((s for s in unused if sizeless(s["identity"]) == identity(b.config)), None)
            if match is not None:
                unused = [s for s in unused if s is not match]
                lines += self._adopt(b, match)
                continue
            near = next((s for s in unused if s["topic"] == place(b.config)), None)
            if near is not None and near["names"]:
                what = difference(sizeless(near["identity"]), identity(b.config))
                lines.append(f"block {place(b.config)}: {what} changed, its twins start over")
        floodstate.fit(self.floods, saved.get("floods"))
        if unused:
            self.floods.look_again()
        for gone in unused:
            for name in gone["alarms"]:
                self._farewell(gone, name, range(len(gone["names"])))
        self.newest = saved.get("newest", -math.inf)
        return lines

    def _adopt(self, b: Block, saved: Mapping[str, Any]) -> list[str]:
        """Take over the rows of a block whose model did not change."""
        wanted = set(b.config.known)
        names = saved["names"]
        keep = [k for k, n in enumerate(names) if b.config.discover or n in wanted][: b.config.max_assets]
        rows = [b.rows.row_of[names[k]] if names[k] in b.rows.row_of else b.add(names[k], math.nan) for k in keep]
        lines = []
        for bank, held in zip(b.banks, saved["held"], strict=True):
            for entry, time, value in held:
                bank.hold(entry, time, value)
        kept_alarms = {a.name for a in b.alarms if (old := saved["alarms"].get(a.name)) and old["spec"] == a.identity}
        if rows:
            r, source = np.array(rows, np.intp), np.array(keep, np.intp)
            for name, column in saved["columns"].items():
                if name in b.rows.columns:
                    b.rows.columns[name][r] = column[source]
            b.setback.count()
            for bank, data in zip(b.banks, saved["banks"], strict=True):
                bank.load(rows, {k: v[..., source] for k, v in data.items()})
            for a in b.alarms:
                if a.name in kept_alarms:
                    old = saved["alarms"][a.name]
                    a.load(r, {k: v[source] for k, v in old["rows"].items()})
                    if a.fleet is not None and "fleet" in old:
                        a.fleet.load(old["fleet"])
                    a.operator.load(old.get("decisions", ()), dict(zip(keep, rows, strict=True)))
                    self._unlatch(b, a, rows)
            for bands, learned in zip(b.announcer.forecaster.bands, saved.get("bands", ()), strict=False):
                bands.load(r, {k: v[source] for k, v in learned.items()})
        number = self.blocks.index(b)
        floodstate.load_block(self.floods, number, saved.get("floods"), dict(zip(keep, rows, strict=True)), kept_alarms)
        own = [s for block, s in self.decoder.sequences if block is b]
        for sequences, old in zip(own, saved.get("sequences", ()), strict=False):
            sequences.load(old, dict(zip(keep, rows, strict=True)))
        b.silence.resumed = saved["resumed"]
        # The very deadline, so that a replay looks at the same times as the run that it repeats.
        b.silence.due = saved["due"] if saved["settings"] == repr(b.config) else -math.inf
        for name in saved["alarms"]:
            if name in kept_alarms:
                self._farewell(saved, name, sorted(set(range(len(names))) - set(keep)))
            else:
                lines.append(f"alarm {name} changed and starts over")
                self._begin_anew(b, saved, name, dict(zip(keep, rows, strict=True)))
        if len(keep) < len(names):
            lines.append(f"{len(names) - len(keep)} twins are no longer configured")
        return lines

    def _begin_anew(self, b: Block, saved: Mapping[str, Any], name: str, row_of: Mapping[int, int]) -> None:
        """An alarm has other settings now, or is gone."""
        data, decisions = saved["alarms"][name]["rows"], saved["alarms"][name].get("decisions", ())
        alarm = next((a for a in b.alarms if a.name == name), None)
        hidden = data["mark"] & SUPPRESSED != 0 if alarm is not None and "mark" in data else ()
        # What is shelved or disabled stays so, and the broker holds that.
        silent = {row for row in np.flatnonzero(hidden).tolist() if row in row_of}
        told = self._farewell(saved, name, [row for row in range(len(saved["names"])) if row not in silent])
        if alarm is not None:
            source, rows = np.array([*row_of], np.intp), np.array([*row_of.values()], np.intp)
            ended = np.array([row_of[row] for row in told if row in row_of], np.intp)
            alarm.begin_anew(rows, {k: data[k][source] for k in ("count", "mark") if k in data}, ended)
            alarm.operator.load(decisions, row_of, anew=True)

    def take_farewells(self) -> list[Publications]:
        """What `on_time` would say of alarms that are no longer configured, for a caller who says it now."""
        farewells, self._farewells = self._farewells, []
        return farewells

    def _unlatch(self, b: Block, alarm: Lifecycle, rows: Iterable[int]) -> None:
        """An alarm that no longer latches lets go of what it held."""
        out = Outputs()
        for row in rows if not alarm.operator.latching else ():
            if alarm.operator.release(row):
                b.reconfigured(alarm, row, out)
        self.floods.settle(out)
        self._farewells += out.publications

    def _farewell(self, saved: Mapping[str, Any], alarm: str, rows: Iterable[int]) -> list[int]:
        """Clear what was said to be other than normal in these rows: the broker would keep it for ever. Returns which."""
        old = saved["alarms"][alarm]
        marks = old["rows"]["mark"].tolist() if "mark" in old["rows"] else [0] * len(saved["names"])
        phases, raised, count = (
            old["rows"]["phase"].tolist(),
            old["rows"]["raised"].tolist(),
            old["rows"]["count"].tolist(),
        )
        unheard = floodstate.unheard(saved.get("floods"), alarm)
        told = []
        for row in rows:
            if row in unheard:
                continue
            if phases[row] >= ACTIVE or marks[row] & ~UNACKNOWLEDGED:
                topic, payload = farewell(saved, alarm, row, raised[row], count[row] + 1)
                self._farewells.append(Publications((topic,), (payload,), 1, True, owed=True))
                told.append(row)
        return told

    def reconfigure(self, config: Config) -> tuple[Twins, list[str]]:
        """A core for the new configuration that keeps the state of every twin whose model did not change."""
        new = Twins(config)
        return new, new.restore(self.snapshot())
