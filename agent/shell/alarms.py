"""`twinned alarms` and `twinned alarm`: what a running agent's alarms are, and what an operator does about one.

Knows words only, of which others wrote some: what is no visible character is escaped. How the agent is asked is `agent.shell.asking`'s, what a command does `agent.alarms.commands`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO
from urllib.parse import quote, urlencode

from agent.shell.asking import ask
from agent.shell.exits import Exit, ExitError
from agent.shell.explain import when
from agent.shell.logs import printable

PAGE = 1000
MOST = 100_000  # alarms that are shown


def show(base: str, states: Sequence[str], asset: str | None, out: TextIO, *, as_json: bool) -> Exit:
    """List them: a line each, or a JSON object a line. Raises ExitError with what is in the way."""
    wanted = {"limit": str(PAGE)} | ({"state": ",".join(states)} if states else {})
    path: str | None = f"/api/alarms?{urlencode(wanted | ({} if asset is None else {'asset': asset}))}"
    shown = 0
    while path is not None and shown < MOST:
        answer = ask(base, path, "alarms")
        found: list[dict[str, Any]] = answer["alarms"]
        for alarm in found:
            print(json.dumps(alarm, ensure_ascii=False) if as_json else printable(_line(alarm)), file=out)
        shown += len(found)
        path = answer.get("next") if found else None
    if not shown and not as_json:
        print("nothing but normal" if not states and asset is None else "none", file=out)
    return Exit.OK


def _line(alarm: Mapping[str, Any]) -> str:
    since = "" if alarm["since"] is None else f", since {when(alarm['since'])}"
    told = "" if alarm["withheld"] is None else f", not told: {alarm['withheld']}"
    return (
        f"{alarm['asset']} {alarm['alarm']}: {alarm['state']}, {alarm['severity']}{since}{_deed(alarm)}{told}; "
        f"{alarm['rule']}"
    )


def _deed(alarm: Mapping[str, Any]) -> str:
    """What somebody has decided of it, with who, until when and why."""
    for key in ("disabling", "shelving", "acknowledgement"):
        deed = alarm[key]
        if deed is not None:
            by = f" by {deed['by']}" if deed["by"] else ""
            until = f" until {when(alarm['until'])}" if key == "shelving" and alarm["until"] is not None else ""
            why = f" ({deed['comment']})" if deed["comment"] else ""
            return f",{by}{until}{why}" if by or until or why else ""
    return ""


def act(base: str, verb: str, asset: str, alarm: str, words: Mapping[str, str], out: TextIO) -> Exit:
    """Do it, and say what is otherwise now; raises ExitError where it is refused.

    words: `for`, `by` and `comment`, as far as they are given.
    """
    path = "/".join(quote(part, safe="*") for part in (asset, alarm, verb))
    answer = ask(base, f"/api/alarms/{path}", "changed", dict(words))
    if not answer.get("ok"):
        raise ExitError(Exit.CONFIG, f"{base}: {_trouble(answer.get('error'))}")
    print(*map(printable, _done(answer)), sep="\n", file=out)
    return Exit.OK


def _trouble(error: object) -> str:
    if not isinstance(error, dict):
        return "refused without a word"
    parts = [f"{key} {error[key]}" for key in ("expected", "got") if error.get(key)]
    return f"{error.get('where', '')}: {', '.join(parts)}" + (f" ({error['hint']})" if error.get("hint") else "")


def _done(answer: Mapping[str, Any]) -> Iterator[str]:
    for key, remark in (("changed", ""), ("unchanged", " already")):
        for told in answer[key]:
            yield f"{answer['asset']} {told['alarm']}: {told['state']}{remark}"
    if not answer["changed"] and not answer["unchanged"]:
        yield f"{answer['asset']}: {answer['result']}"
