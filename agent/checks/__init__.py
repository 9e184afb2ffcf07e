"""What a configuration must mean, beyond the types of its fields: orders, references, topics, models that can be built.

Each check reports at the place of the setting that is wrong and goes on, so that all of them are listed at once.
Types and positions are `agent.validate`'s; nothing is read from files here.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, UnsetType

from agent import codecs
from agent.alarms.report import GROUP_ALARM
from agent.checks.fields import CHECKS
from agent.checks.models import Models
from agent.checks.place import Keys, Place, parsed, said
from agent.checks.topics import Heard, hears_itself, one_channel_per_topic, reached, topics
from agent.config import AbsenceAlarm, Alarm, AssetBlock, Config
from agent.validate import Walk
from agent.wording import Path, meant
from agent.yamltree import MapNode, show_text


class Checks:
    """Sees each struct as the walk makes it, and the whole at the end."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.models = Models(walk)
        self.blocks: list[Heard] = []
        self._codecs: dict[bytes, str] = {}

    def on_struct(
        self, kind: type[Struct], values: dict[str, Any], made: Struct | None, node: MapNode, path: Path | None
    ) -> None:
        """Check one struct on its own; of a block that is not whole, what can be judged by itself."""
        place = Place(self.walk, node, path)
        if isinstance(made, AssetBlock):
            self.block(made, place)
        elif kind is AssetBlock:
            if isinstance(values.get("topic"), str):
                parsed(place, ("topic",), values["topic"])
            if "model" in values:
                self.models.settings(values["model"], ("model",), place)
        elif made is not None and (check := CHECKS.get(kind)):
            check(made, place)

    def block(self, block: AssetBlock, place: Place) -> None:
        """Check an asset block: its topics, its assets, its channels' model, its alarms."""
        self.blocks.append(Heard(block, place, topics(block, place)))
        _known(block, place)
        self.codec(block, place)
        measured = self.models.measured(block, place)
        if measured is not None:
            _alarms(block, measured, place)
        _grouped(block, place)

    def codec(self, block: AssetBlock, place: Place) -> None:
        """The payload format, asked for once per different wish: a codec is compiled when it is built."""
        one_value = block.payload.format == "number" and len(block.channels) > 1
        if one_value and not one_channel_per_topic(block):
            hint = "put `{channel}` into the topic, or give each channel a `topic`"
            place.report(
                ("payload", "format"), "a topic for each channel", "several channels in one plain number", hint
            )
            return
        fields = [c.field if c is not None and c.field is not None else name for name, c in block.channels.items()]
        wish = msgspec.json.encode((block.payload, block.time, fields), enc_hook=float)
        if wish not in self._codecs:
            try:
                codecs.build(block.payload, block.time, fields[:1] if one_value else fields)
                self._codecs[wish] = ""
            except Exception as error:  # the codec may be anyone's
                self._codecs[wish] = said(error)
        if self._codecs[wish]:
            place.teach(("payload",), self._codecs[wish])

    def finish(self, config: Config | None) -> None:
        """Check what spans several blocks. `config` is None where parts of it are wrong."""
        _assets_once(self.blocks)
        reached(self.blocks)
        if config is not None:
            hears_itself(config, self.blocks)


def _known(block: AssetBlock, place: Place) -> None:
    seen: set[str] = set()
    for i, name in enumerate(block.known):
        if not name:
            place.report(("known", i), "the name of an asset")
        elif name in seen:
            place.report(("known", i), "each asset once", f"`{show_text(name)}` twice")
        seen.add(name)
    if len(block.known) > block.max_assets:
        place.report(("max_assets",), f"at least as many as there are in `known`, {len(block.known)}")
    if not block.discover and not block.known:
        place.report(("discover",), "assets in `known`, or `discover: true`", "no asset that could ever be")


def _alarms(block: AssetBlock, measured: frozenset[str], place: Place) -> None:
    """Alarms name channels that there are, and no two of an asset have the same name."""
    given: dict[str, Alarm] = {} if isinstance(block.alarms, UnsetType) else block.alarms
    names: dict[str, Keys] = {}
    for channel in block.channels:
        limits = getattr(block.channels[channel], "limits", None)
        for key in ("lowlow", "low", "high", "highhigh"):
            if getattr(limits, key, None) is not None:
                names[f"{channel}_{key}"] = ("channels", channel, "limits", key)
    for name, alarm in given.items():
        keys = ("alarms", name, "channel")
        if alarm.channel is not None and alarm.channel not in block.channels:
            known = ", ".join(f"`{c}`" for c in list(block.channels)[:10])
            place.report(keys, f"a channel of this block ({known})", hint=meant(alarm.channel, block.channels))
        elif alarm.channel is not None and alarm.channel not in measured:
            place.report(keys, "a channel that a model measures", hint="this one is an input of the model")
        each = alarm.channel is None and len(measured) > 1 and not isinstance(alarm, AbsenceAlarm)
        for full in [f"{name}_{channel}" for channel in sorted(measured)] if each else [name]:
            if full in names:
                other = ".".join(str(k) for k in names[full])
                place.report(
                    ("alarms", name), "a name that no other alarm has", f"`{full}`, the name of `{other}`, too"
                )
            names[full] = ("alarms", name)


def _grouped(block: AssetBlock, place: Place) -> None:
    """Members of a group can be absent, and no alarm is called as a group's."""
    given: dict[str, Alarm] = {} if isinstance(block.alarms, UnsetType) else block.alarms
    if block.parent is not None and not any(isinstance(alarm, AbsenceAlarm) for alarm in given.values()):
        hint = "for example `alarms: {gone: {type: absence, after: 5min}}`"
        place.report(("parent",), "an `absence` alarm in `alarms`, for the group to stand for", "none", hint)
    if GROUP_ALARM in given:
        place.report(("alarms", GROUP_ALARM), "another name, as the alarms of groups have this one")


def _assets_once(blocks: list[Heard]) -> None:
    owners: dict[str, str] = {}
    for block, place, _ in blocks:
        for i, name in enumerate(block.known):
            if owners.setdefault(name, place.label) != place.label:
                place.report(
                    ("known", i), "each asset in one block", f"`{show_text(name)}`, which {owners[name]} has, too"
                )
