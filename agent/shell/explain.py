"""`twinned explain`: asks a running agent why the alarms of an asset are what they are, and shows the answer.

Knows HTTP and words; what is explained, and how, is `agent.alarms.explain`'s. Reads the configuration only for where
the agent listens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any, TextIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import ProxyHandler, build_opener

from agent.config import Http
from agent.shell.exits import Exit, ExitError

TIMEOUT = 10.0
MAX_ANSWER = 1 << 24


def explain(base: str, asset: str, out: TextIO, *, as_json: bool) -> Exit:
    """Print why; raises ExitError with what is in the way."""
    answer = ask(base, asset)
    if as_json:
        print(json.dumps(answer, indent=2, ensure_ascii=False), file=out)
    else:
        print(*lines(answer), sep="\n", file=out)
    return Exit.OK


def address(http: Http) -> str:
    """Where the agent with this configuration answers; raises ExitError where nobody can know."""
    if not http.enabled:
        raise ExitError(Exit.CONFIG, "http.enabled: expected true, got false: the agent answers no questions")
    if http.port == 0:
        raise ExitError(Exit.CONFIG, "http.port: expected a fixed port, got 0; hint: say where with --url")
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(http.host, http.host)  # noqa: S104  not to listen on
    return f"http://[{host}]:{http.port}" if ":" in host else f"http://{host}:{http.port}"


def ask(base: str, asset: str) -> dict[str, Any]:
    """The agent's answer."""
    if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).netloc:
        raise ExitError(Exit.CONFIG, f"--url: expected one such as http://127.0.0.1:9464, got {base!r}")
    url = f"{base.rstrip('/')}/api/twins/{quote(asset, safe='')}/explain"
    try:
        # Without the proxies of the environment, which know nothing of this machine's own addresses.
        with build_opener(ProxyHandler({})).open(url, timeout=TIMEOUT) as response:
            body = response.read(MAX_ANSWER)
    except HTTPError as error:
        with error:
            raise _refused(base, error.code, error.read(MAX_ANSWER)) from None
    except (URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        words = (getattr(reason, "strerror", None) or str(reason) or type(error).__name__).lower()
        hint = "is it running? `systemctl status twinned` knows; --url says where else to ask"
        raise ExitError(Exit.TEMPORARY, f"{base}: expected an agent that answers, got: {words} ({hint})") from None
    try:
        answer = json.loads(body)
        if not isinstance(answer.get("alarms"), list):
            raise ValueError
    except (ValueError, AttributeError):
        raise _no_agent(base) from None
    return dict(answer)


def _no_agent(base: str) -> ExitError:
    return ExitError(Exit.CONFIG, f"{base}: expected a twinned agent that can explain, got another answer")


def _refused(base: str, status: int, body: bytes) -> ExitError:
    try:
        said = json.loads(body)
        message, hint = str(said["error"]), str(said.get("hint", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _no_agent(base)
    code = Exit.TEMPORARY if status == 503 else Exit.CONFIG
    return ExitError(code, f"{base}: {message}" + (f" ({hint})" if hint else ""))


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """For people: alarms that are not normal with all there is to know, then a line for each of the others."""
    heard = "never heard" if answer["seen"] is None else f"last heard {_when(answer['seen'])}"
    yield f"{answer['asset']}: {answer['status']}, {heard}"
    calm = [alarm for alarm in answer["alarms"] if alarm["state"] == "normal" and alarm["published"] == "cleared"]
    for alarm in answer["alarms"]:
        if alarm not in calm:
            yield from _in_full(alarm)
    if not answer["alarms"]:
        yield "no alarm is configured"
    width = max((len(alarm["alarm"]) for alarm in calm), default=0)
    for alarm in calm:
        yield f"  {alarm['alarm']:{width}}  normal    {_subject(alarm)}{alarm['text']}"


def _in_full(alarm: dict[str, Any]) -> Iterator[str]:
    published = alarm["published"]
    state = alarm["state"] if published in ("active", "cleared") else f"{alarm['state']}, {published}"
    since = "" if alarm["since"] is None else f", since {_when(alarm['since'])}"
    yield f"  {alarm['alarm']}: {state}, {alarm['severity']}{since}"
    for part in f"{_subject(alarm)}{alarm['text']}".split("; "):
        yield f"    {part}"


def _subject(alarm: dict[str, Any]) -> str:
    return "" if alarm["channel"] is None else f"{alarm['channel']}: "


def _when(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.6g} s since 1970"
