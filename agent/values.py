"""Numbers out of payloads: what counts as a number, and how it is said when something does not.

Every payload format uses these rules, so that a reading means the same however it is written. No format lives here.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.types import DecodeError, Reason

LIMIT = 1e100  # beyond it squares overflow; no sensor measures that


def number(raw: object) -> float:
    """The value as a float: a number, a string that is plainly one, or true and false as 1 and 0; else DecodeError.

    Switches report true and false, and many small devices print their numbers in quotes.
    """
    value: float | None = None
    if isinstance(raw, float):
        value = raw
    elif isinstance(raw, int):
        try:
            value = float(raw)
        except OverflowError:
            value = float("inf")
    elif isinstance(raw, str):
        value = numeric(raw)
    if value is None:
        raise DecodeError(Reason.WRONG_TYPE, f"expected a number, got {shown(raw)}")
    if -LIMIT <= value <= LIMIT:
        return value
    raise DecodeError(Reason.NON_FINITE, f"expected a number within ±{LIMIT:g}, got {shown(raw)}")


def numeric(text: str) -> float | None:
    """The number that a text plainly is, with NaN and infinity as such; None for any other text."""
    # float() would also take the digits of every script and underscores between them
    if not text.isascii() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def are_text(payloads: Sequence[bytes], joined: bytes) -> bool:
    """Whether each payload is UTF-8; `joined` is all of them in one, which is quick to see when it is ASCII."""
    if not joined.isascii():
        try:
            for payload in payloads:
                payload.decode()
        except UnicodeDecodeError:
            return False
    return True


def shown(raw: object) -> str:
    """A value for an error message: one short line of ASCII, whatever it is."""
    if isinstance(raw, str):
        return ascii(raw) if len(raw) <= 40 else f"{raw[:40]!a}..."
    if isinstance(raw, dict):
        return "an object"
    if isinstance(raw, list):
        return "an array"
    if raw is None or isinstance(raw, bool):
        return {None: "null", True: "true", False: "false"}[raw]
    if isinstance(raw, int) and not -(10**40) < raw < 10**40:
        return "an integer of more than 40 digits"
    return repr(raw)
