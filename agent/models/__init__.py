"""The registry of models: built-in ones by name, others by entry point (group `twinned.models`) or `module:attribute`.

A new model is one file and one line in `BUILT_IN`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import msgspec

from agent.models.base import ChannelInfo, Component, Model, Settings
from agent.models.first_order import FirstOrder
from agent.models.level import Level
from agent.models.level_rate import LevelRate
from agent.models.linear import Linear
from agent.models.tank import Tank

__all__ = ["BUILT_IN", "ChannelInfo", "Component", "Model", "Settings", "find", "settings_type"]

BUILT_IN: dict[str, type[Model]] = {m.name: m for m in (Level, LevelRate, FirstOrder, Tank, Linear)}


def find(name: str) -> type[Model] | None:
    """The model of that name, of that entry point, or at `module:attribute`; None when there is none."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            loaded: Any = getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError):
            return None
        return loaded  # type: ignore[no-any-return]
    from importlib.metadata import entry_points  # slow to import, needed only for plug-ins

    for point in entry_points(group="twinned.models", name=name):
        return point.load()  # type: ignore[no-any-return]
    return None


def settings_type(name: str) -> type[msgspec.Struct] | None:
    """The type of the settings of that model, or None when there is no such model."""
    model = find(name)
    return None if model is None else model.Settings
