"""What the shell has to say, as a value; who says it and how often is the logger's business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple


class Event(NamedTuple):
    """One thing that happened, in the order of the arguments of `Logger.log`."""

    level: Literal["debug", "info", "warning", "error"]
    event: str  # the words; the same for each occurrence of the same thing
    key: object  # tells apart occurrences that must not hold each other back
    fields: Mapping[str, object]
