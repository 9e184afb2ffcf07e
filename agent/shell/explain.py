"""`twinned explain`: asks a running agent why the alarms of an asset are what they are, and shows the answer.

Knows words only: what is explained, and how, is `agent.alarms.explain`'s; how it is asked, `agent.shell.asking`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import quote

from agent.shell.asking import ask
from agent.shell.exits import Exit
from agent.shell.logs import printable


def explain(base: str, asset: str, out: TextIO, *, as_json: bool) -> Exit:
    """Print why; raises ExitError with what is in the way."""
    answer = ask(base, f"/api/twins/{quote(asset, safe='')}/explain", "alarms")
    if as_json:
        print(json.dumps(answer, indent=2, ensure_ascii=False), file=out)
    else:
        print(*map(printable, lines(answer)), sep="\n", file=out)
    return Exit.OK


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """For people: alarms that are not normal with all there is to know, then a line for each of the others."""
    heard = "never heard" if answer["seen"] is None else f"last heard {when(answer['seen'])}"
    yield f"{answer['asset']}: {answer['status']}, {heard}"
    yield from _score(answer.get("score"))
    calm = [alarm for alarm in answer["alarms"] if alarm["state"] == "normal" and alarm["published"] == "cleared"]
    for alarm in answer["alarms"]:
        if alarm not in calm:
            yield from _in_full(alarm)
    if not answer["alarms"]:
        yield "no alarm is configured"
    width = max((len(alarm["alarm"]) for alarm in calm), default=0)
    for alarm in calm:
        yield f"  {alarm['alarm']:{width}}  normal    {_subject(alarm)}{alarm['text']}"


def _score(score: dict[str, Any] | None) -> Iterator[str]:
    """The asset as a whole, where it has anomaly alarms that can judge it."""
    if score is not None:
        detector = "" if score["detector"] is None else f" (`{score['detector']}`)"
        most = "" if score["alarm"] is None else f", from {score['alarm']}{detector}"
        yield f"  anomaly score {score['value']:.3g} of {score['threshold']:.3g}{most}"


def _in_full(alarm: dict[str, Any]) -> Iterator[str]:
    published = alarm["published"]
    state = alarm["state"] if published in ("active", "cleared") else f"{alarm['state']}, {published}"
    since = "" if alarm["since"] is None else f", since {when(alarm['since'])}"
    yield f"  {alarm['alarm']}: {state}, {alarm['severity']}{since}"
    for part in f"{_subject(alarm)}{alarm['text']}".split("; "):
        yield f"    {part}"


def _subject(alarm: dict[str, Any]) -> str:
    return "" if alarm["channel"] is None else f"{alarm['channel']}: "


def when(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.6g} s since 1970"
