"""What the log is told of the core's work: what an operator may want to know, in words that stay the same.

How often it is written is the logger's business; what is done about it, the service's.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence, Sized

from agent.shell.logs import Logger
from agent.types import Outputs, Reject, Transition

MAX_REJECTS = 50  # told apart in one batch; the rest is told by reason only


def tell_outputs(log: Logger, outputs: Outputs, twins: Sized) -> None:
    """Rejects, alarm changes, levels that were taken over, and new assets."""
    if outputs.rejects:
        _tell_rejects(log, outputs.rejects)
    for change in outputs.alarms:
        log.log(
            "warning" if change.transition is Transition.RAISED else "info",
            f"alarm {change.transition}",
            (change.asset, change.name),
            {
                "asset": change.asset,
                "alarm": change.name,
                "severity": change.severity.value,
                **({"by": change.by} if change.by else {}),
            },
        )
    for asset, channel in outputs.relearned:
        log.log(
            "info",
            "improbable readings persist: the twin took their level for its own",
            (asset, channel),
            {"asset": asset, "channel": channel},
        )
    if outputs.set_back:
        log.log(
            "warning",
            "the clock was set back: twins go on from the new time",
            "clock",
            {"twins": len(outputs.set_back), "seconds": round(max(outputs.set_back), 3)},
        )
    if outputs.discovered:
        log.info("assets discovered", new=outputs.discovered, twins=len(twins))


def tell_error(log: Logger, error: Exception, **fields: object) -> None:
    """An exception out of the core, with all that is needed to report it; once per place it comes from."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    event = "internal error: a message or a deadline is lost; please report this"
    text = "".join(traceback.format_exception(error))
    log.error(event, key=(type(error), where.filename, where.lineno), **fields, traceback=text)


def _tell_rejects(log: Logger, rejects: Sequence[Reject]) -> None:
    kinds: dict[tuple[str, bytes], list[Reject]] = {}
    for reject in rejects:
        kind = (reject.reason.value, reject.topic)
        if len(kinds) >= MAX_REJECTS and kind not in kinds:
            kind = (reject.reason.value, b"")
        kinds.setdefault(kind, []).append(reject)
    for kind, alike in kinds.items():
        first = alike[0]
        fields = {"reason": first.reason.value, "topic": first.topic, "detail": first.detail}
        log.log("warning", "not used", kind, fields, len(alike))
