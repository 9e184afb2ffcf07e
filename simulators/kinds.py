"""The table of the bundled simulators, and how a kind, bundled or plug-in, is found by its name.

A new kind is one file and one line here; one that lives elsewhere is named `module:attribute` in the scenario.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import is_dataclass
from types import MappingProxyType
from typing import Any

from simulators.base import Simulator
from simulators.document import Mismatch

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "battery": "simulators.battery:Battery",
        "pump": "simulators.pump:Pump",
        "room": "simulators.room:Room",
        "tank": "simulators.tank:Tank",
    }
)


def find(kind: str) -> type[Simulator[Any]]:
    """The class of a bundled kind, or of a plug-in `module:attribute`; raises Mismatch."""
    target = KINDS.get(kind, kind)
    module_name, colon, attribute = target.partition(":")
    if not colon:
        close = difflib.get_close_matches(kind, KINDS, n=1)
        raise Mismatch(
            f"one of {', '.join(KINDS)}, or a plug-in as module:attribute",
            f"did you mean {close[0]!r}?" if close else "",
        )
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise Mismatch("a plug-in that can be imported, as module:attribute", f"{error}") from error
    if not (isinstance(found, type) and issubclass(found, Simulator) and is_dataclass(found.Parameters)):
        raise Mismatch("a subclass of simulators.base.Simulator with a dataclass as its Parameters")
    return found
