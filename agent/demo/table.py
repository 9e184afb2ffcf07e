"""The live table of the demo, in the terminal. Only shows; what came back is `agent.demo.watch`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.demo.watch import View

_BARS = "▁▂▃▄▅▆▇█"
_STYLES = {"learning": "cyan", "live": "green", "coasting": "yellow", "stale": "red"}
_SEVERITIES = {"info": "cyan", "warning": "bold yellow", "critical": "bold red"}
# What is shown of each kind while no alarm says otherwise
MAIN_CHANNEL = {"pump": "vibration", "tank": "level", "room": "temperature", "battery": "voltage"}
_HORIZON = 30.0  # seconds
_AHEAD = f"in {_HORIZON:g} s"
_ROOMY, _NARROW = (
    112,
    78,
)  # columns that a table takes without its trend, with all columns and with the spare ones left out
_LONGEST_TREND = 28


class _Column(NamedTuple):
    name: str
    justify: Literal["left", "right"] = "left"
    spare: bool = False  # left out where there is little room


_COLUMNS = (
    _Column("asset"),
    _Column("kind", spare=True),
    _Column("status"),
    _Column("channel", spare=True),
    _Column("estimate", "right"),
    _Column("expected", "right"),
    _Column("surprise", "right"),
    _Column(_AHEAD, "right"),
    _Column("trend"),
    _Column("alarm"),
)


def picture(
    views: Mapping[str, View], heading: str, lines: Sequence[str], units: Mapping[str, str], width: int
) -> RenderableType:
    """Everything that is shown at one moment, in so many columns of the terminal. units: by channel."""
    narrow = width < _ROOMY + 6
    columns = [c for c in _COLUMNS if not (narrow and c.spare)]
    trend = max(6, min(_LONGEST_TREND, width - (_NARROW if narrow else _ROOMY)))
    table = Table(title=heading, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for column in columns:
        title = "surpr." if narrow and column.name == "surprise" else column.name
        table.add_column(title, justify=column.justify, no_wrap=True)
    for asset, view in views.items():
        cells = _cells(asset, view, units, trend, 3 if narrow else 4)
        table.add_row(*(cells.get(column.name, "") for column in columns))
    return Group(table, *(Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in lines))


def spark(values: Sequence[float]) -> str:
    """A line of bars between the least and the greatest value."""
    if not values:
        return ""
    low, high = min(values), max(values)
    if high <= low:
        return _BARS[3] * len(values)
    top = len(_BARS) - 1
    return "".join(_BARS[round((value - low) / (high - low) * top)] for value in values)


def _cells(asset: str, view: View, units: Mapping[str, str], trend: int, digits: int) -> dict[str, str | Text]:
    """One asset's cells by column."""
    cells: dict[str, str | Text] = {"asset": asset, "kind": view.kind}
    state = view.state
    if state is None:
        return cells | {"status": Text("silent", style="dim")}
    name = _shown_channel(view)
    channel: Mapping[str, Any] = state["channels"].get(name, {})
    estimate: Mapping[str, Any] = state["states"].get(name, {})
    surprise = channel.get("surprise") or 0.0
    status = state["status"]
    values = list(view.trends.get(name, ()))
    return cells | {
        "status": Text(status, style=_STYLES.get(status, "")),
        "channel": f"{name} {units.get(name, '')}".rstrip(),
        "estimate": f"{_number(estimate.get('mean'), digits)} ± {_number(estimate.get('std'), 2)}",
        "expected": _number(channel.get("expected"), digits),
        "surprise": Text(f"{surprise:.1f}", style="bold red" if surprise >= 5 else "yellow" if surprise >= 3 else ""),
        _AHEAD: _forecast(view, name, digits),
        "trend": Text(spark(values[-trend:]), style="blue"),
        "alarm": _alarms(view),
    }


def _shown_channel(view: View) -> str:
    """The channel that an alarm is about, else the main one of the kind."""
    for alarm in view.alarms.values():
        if alarm["channel"] is not None:
            return str(alarm["channel"])
    return MAIN_CHANNEL.get(view.kind, "")


def _alarms(view: View) -> Text:
    text = Text()
    for name, alarm in view.alarms.items():
        text.append(f"{name} ", style=_SEVERITIES.get(alarm["severity"], ""))
    return text


def _forecast(view: View, channel: str, digits: int) -> str:
    horizons = (view.forecast or {}).get("channels", {}).get(channel, ())
    return next((_number(h["mean"], digits) for h in horizons if h["horizon"] == _HORIZON), "")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}g}"
