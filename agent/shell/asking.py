"""Asking a running agent over HTTP, for the verbs that do. Knows addresses, refusals and how to say what is in the way.

Reads the configuration only for where the agent listens.
"""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from agent.config import Http
from agent.shell.exits import Exit, ExitError

TIMEOUT = 10.0
MAX_ANSWER = 1 << 24


def address(http: Http) -> str:
    """Where the agent with this configuration answers; raises ExitError where nobody can know."""
    if not http.enabled:
        raise ExitError(Exit.CONFIG, "http.enabled: expected true, got false: the agent answers no questions")
    if http.port == 0:
        raise ExitError(Exit.CONFIG, "http.port: expected a fixed port, got 0; hint: say where with --url")
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(http.host, http.host)  # noqa: S104  not to listen on
    return f"http://[{host}]:{http.port}" if ":" in host else f"http://{host}:{http.port}"


def ask(base: str, path: str, holds: str, command: dict[str, Any] | None = None) -> dict[str, Any]:
    """The agent's answer, a mapping that has a list under `holds`; raises ExitError with what is in the way.

    command: posted as JSON. What is refused to it is an answer, too, where it has the list.
    """
    if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).netloc:
        raise ExitError(Exit.CONFIG, f"--url: expected one such as http://127.0.0.1:9464, got {base!r}")
    data = None if command is None else json.dumps(command).encode()
    headers = {} if data is None else {"Content-Type": "application/json"}
    request = Request(base.rstrip("/") + path, data, headers)  # noqa: S310  the scheme has just been looked at
    try:
        # Without the proxies of the environment, which know nothing of this machine's own addresses.
        with build_opener(ProxyHandler({})).open(request, timeout=TIMEOUT) as response:
            status, body = 200, response.read(MAX_ANSWER)
    except HTTPError as error:
        with error:
            status, body = error.code, error.read(MAX_ANSWER)
    except (URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        words = (getattr(reason, "strerror", None) or str(reason) or type(error).__name__).lower()
        hint = "is it running? `systemctl status twinned` knows; --url says where else to ask"
        raise ExitError(Exit.TEMPORARY, f"{base}: expected an agent that answers, got: {words} ({hint})") from None
    try:
        answer = dict(json.loads(body))
    except (ValueError, TypeError):
        raise _no_agent(base) from None
    if isinstance(answer.get(holds), list) and (status == 200 or command is not None):
        return answer
    raise _no_agent(base) if status == 200 else _refused(base, status, answer)


def _no_agent(base: str) -> ExitError:
    return ExitError(Exit.CONFIG, f"{base}: expected a twinned agent that knows the question, got another answer")


def _refused(base: str, status: int, said: dict[str, Any]) -> ExitError:
    if not isinstance(said.get("error"), str):
        return _no_agent(base)
    hint = said.get("hint")
    code = Exit.TEMPORARY if status == 503 else Exit.CONFIG
    return ExitError(code, f"{base}: {said['error']}" + (f" ({hint})" if hint else ""))
