"""Checks of models: they exist, their settings are of their types, and the block can be built from them.

A model may be a plug-in, so anything can happen when it is imported or built; whatever does becomes an error here.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, inspect

from agent.build import PlanError, plan_block
from agent.checks.place import Keys, Place, parsed, said
from agent.config import AssetBlock
from agent.models import BUILT_IN, find
from agent.models.first_order import Driver
from agent.validate import Walk
from agent.wording import Path, meant
from agent.yamltree import MapNode, shorten


class Models:
    """Checks models, with what is asked for again and again at hand: the types of each model's settings."""

    def __init__(self, walk: Walk) -> None:
        self.walk = Walk(self.on_struct, walk.errors)
        self._types: dict[str, inspect.Type | None] = {}

    def on_struct(
        self, kind: type[Struct], values: dict[str, Any], made: Struct | None, node: MapNode, path: Path | None
    ) -> None:
        """Check what the settings of several models share."""
        if isinstance(made, Driver):
            _driver(made, Place(self.walk, node, path))

    def measured(self, block: AssetBlock, place: Place) -> frozenset[str] | None:
        """Names of the channels that a model measures; None where a model is wrong, which is then reported."""
        before = len(place.walk.errors)
        self.settings(block.model, ("model",), place)
        for name, channel in block.channels.items():
            if channel is not None and channel.model is not None:
                self.settings(channel.model, ("channels", name, "model"), place)
        if len(place.walk.errors) > before:
            return None
        try:
            plan = plan_block(block, "site")
        except PlanError as error:
            place.teach(error.path, str(error))
            return None
        except Exception as error:  # the model may be anyone's
            place.teach(("model",), said(error))
            return None
        return frozenset(name for name, where, _ in plan.shape if where is not None)

    def settings(self, model: str | dict[str, object], keys: Keys, place: Place) -> None:
        """A model that exists, and settings of its types; each wrong one at its own place."""
        name = model if isinstance(model, str) else model.get("type")
        if not isinstance(name, str):
            place.report(keys, "the key `type`: the name of a model", "a mapping without it")
            return
        at = keys if isinstance(model, str) else (*keys, "type")
        try:
            settings = self.type_of(name)
        except Exception as error:  # a plug-in is imported here, and may do anything
            place.report(at, "a model that can be loaded", shorten(said(error), 200))
            return
        if not isinstance(settings, inspect.StructType):
            known = ", ".join(BUILT_IN)
            hint = meant(name, BUILT_IN) or "one of your own is `module:attribute`"
            place.report(at, f"a model ({known})", hint=hint)
            return
        if isinstance(model, str):
            missing = [f.encode_name for f in settings.fields if f.required]
            if missing:
                example = ", ".join([f"type: {name}", *(f"{m}: ..." for m in missing)])
                place.report(keys, f"settings with this model: {', '.join(missing)}", hint=f"write {{{example}}}")
            return
        node, path = place.find(keys)
        # The tag in the settings is the model's own name, whatever the plug-in was called by.
        bare = MapNode(node.source, node.line, node.column)
        if isinstance(node, MapNode):
            bare.pairs = {key: pair for key, pair in node.pairs.items() if key != settings.tag_field}
        self.walk.struct(bare, settings, path)

    def type_of(self, name: str) -> inspect.Type | None:
        """The types of the settings of that model; None when there is no such model."""
        if name not in self._types:
            found = find(name)
            self._types[name] = None if found is None else inspect.type_info(found.Settings)
        return self._types[name]


def _driver(driver: Driver, place: Place) -> None:
    if (driver.channel is None) == (driver.topic is None):
        place.report((), "either `channel` or `topic`", "both" if driver.topic is not None else "neither")
    elif driver.topic is not None:
        template = parsed(place, ("topic",), driver.topic)
        if template is not None and (template.names or any(c in template.text for c in "+#")):
            place.report(("topic",), "one topic, without wildcards or {levels}")
