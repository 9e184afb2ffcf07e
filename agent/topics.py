"""Topics: templates with named levels, the asset's name from them, and levels that are safe whatever a name holds.

A template such as `plant/{line}/{asset}/telemetry` is a subscription filter and a matcher in one. Topics are bytes,
as they are on the wire. What is done with a matched message is not known here.
MQTT 5 sections 4.7.1 (wildcards), 4.7.2 (topics beginning with $), 1.5.4 (what a UTF-8 string may hold).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAX_TOPIC = 65535  # bytes: an MQTT string has a 16-bit length
MAX_LEVELS = 32
MAX_CAPTURE = 256  # bytes of one captured level, so that a publisher cannot choose how large a name is
MAX_SAFE = 256  # bytes of one level that we publish under

_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# MQTT 5, 1.5.4: U+0000 must not, controls and non-characters should not be in a topic; a receiver may hang up on them.
_FORBIDDEN = "\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef" + "".join(
    chr(p << 16 | low) for p in range(17) for low in (0xFFFE, 0xFFFF)
)
_UNPRINTABLE = re.compile(f"[{_FORBIDDEN}]")
_UNSAFE = re.compile(f"^\\$|[/+#%{_FORBIDDEN}]")
_ESCAPES = re.compile("(?:%[0-9A-F]{2})+")
_EMPTY = "%"  # no other name is encoded to a lone percent sign
_CUT = "%~"  # nor does any other contain this


@dataclass(frozen=True, slots=True)
class TopicTemplate:
    """A topic with `{named}` levels and MQTT wildcards, ready to subscribe with and to match against."""

    text: str
    filter: str  # what to subscribe to
    names: tuple[str, ...]  # captured levels, in order
    _pattern: re.Pattern[bytes] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> TopicTemplate:
        """Read a template; raises ValueError that says what was expected, what was found and what to do."""
        if not text:
            raise ValueError("expected a topic template, got an empty one; hint: for example plant/{asset}/telemetry")
        if (bad := _UNPRINTABLE.search(text)) is not None:
            raise ValueError(f"expected printable characters in a topic, got {bad[0]!a} in {text!a}")
        if len(text.encode()) > MAX_TOPIC:
            raise ValueError(f"expected at most {MAX_TOPIC} bytes in a topic, got {len(text.encode())}")
        levels = text.split("/")
        if len(levels) > MAX_LEVELS:
            raise ValueError(f"expected at most {MAX_LEVELS} levels in a topic, got {len(levels)} in {text!r}")
        if levels[0] == "$share":
            raise ValueError(
                f"expected a topic that messages arrive under, got the shared subscription {text!r}; hint: a twin "
                "needs all readings of its asset, so give each agent its own assets instead"
            )
        names: list[str] = []
        patterns: list[str] = []
        for i, level in enumerate(levels):
            if level == "#":
                if i != len(levels) - 1:
                    raise ValueError(f"expected # only as the last level, got {text!r}; hint: + takes one level")
                continue
            if level == "+":
                patterns.append("[^/]*")
            elif (m := _PLACEHOLDER.fullmatch(level)) is not None:
                names.append(_checked_name(m[1], names, text))
                patterns.append(f"([^/]{{1,{MAX_CAPTURE}}})")
            elif any(c in level for c in "+#{}"):
                raise ValueError(
                    f"expected {{name}}, + or # to fill a whole level, got {level!r} in {text!r}; "
                    "hint: capture the level whole, and build the asset's name with `name`"
                )
            else:
                patterns.append(re.escape(level))
        wanted = "/".join(patterns)
        if levels[-1] == "#":
            wanted = f"{wanted}(?:/.*)?" if patterns else ".*"
        if levels[0] in ("+", "#") or levels[0].startswith("{"):
            wanted = rf"(?!\$){wanted}"
        pattern = re.compile(wanted.encode(), re.DOTALL)
        return cls(text, "/".join(_wildcard(level) for level in levels), tuple(names), pattern)

    def match(self, topic: bytes) -> dict[str, str] | None:
        """The captured levels, or None when the topic is not this template's.

        A captured level is never empty and at most `MAX_CAPTURE` bytes of UTF-8.
        """
        m = self._pattern.fullmatch(topic)
        if m is None:
            return None
        try:
            return {name: level.decode() for name, level in zip(self.names, m.groups(), strict=True)}
        except UnicodeDecodeError:
            return None


def check_asset_name(template: str | None, names: Sequence[str]) -> None:
    """Check what `asset_name` will be given; raises ValueError that teaches. `names` are those of the topic template."""
    usable = [name for name in names if name != "channel"]
    if template is None:
        if not usable:
            raise ValueError(
                "expected a topic that names its asset, got none of its levels captured; "
                "hint: capture one, as in plant/{asset}/telemetry, or give the block a `name`"
            )
        return
    if not template:
        raise ValueError("expected a name template, got an empty one; hint: for example {line}-{asset}")
    for m in _PLACEHOLDER.finditer(template):
        if m[1] not in usable:
            known = ", ".join(f"{{{name}}}" for name in usable) or "none"
            why = "a channel is a part of an asset" if m[1] == "channel" else "the topic captures no such level"
            raise ValueError(f"expected a captured level ({known}), got {m[0]!r} in {template!r}; hint: {why}")
    if any(c in _PLACEHOLDER.sub("", template) for c in "{}"):
        raise ValueError(f"expected each {{ closed by }}, got {template!r}; hint: {{line}}-{{asset}}")


def asset_name(template: str | None, levels: Mapping[str, str], names: Sequence[str]) -> str:
    """Name of the asset that a topic belongs to.

    Without a template all captured levels but `channel` are joined by dots. Where more than one is joined, a dot or
    percent sign inside a level is percent-encoded, so that two assets never share a name. With a template such as
    `{line}-{asset}` the levels are put in as they are: whether names can clash is then the writer's choice.
    """
    if template is not None:
        return _PLACEHOLDER.sub(lambda m: levels[m[1]], template)
    parts = [levels[name] for name in names if name != "channel"]
    if len(parts) == 1:
        return parts[0]
    return ".".join(part.replace("%", "%25").replace(".", "%2E") for part in parts)


def safe_level(name: str) -> str:
    """One topic level for this name: different for each name, printable, without wildcards, at most `MAX_SAFE` bytes.

    `/ + # %`, a leading `$`, control characters and whatever else MQTT advises against are percent-encoded as UTF-8;
    the empty name becomes `%`; a name that would be too long is cut and ends in a digest of the whole.
    """
    if not name:
        return _EMPTY
    level = _UNSAFE.sub(_percent, name)
    encoded = level.encode()
    if len(encoded) <= MAX_SAFE:
        return level
    from hashlib import blake2b  # here, because it loads OpenSSL and hardly any name is this long

    tail = _CUT + blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    head = encoded[: MAX_SAFE - len(tail)].decode(errors="ignore")
    # A cut inside an escape would leave a percent sign that starts none.
    for back in (1, 2):
        if head[-back:].startswith("%"):
            head = head[:-back]
            break
    return head + tail


def unsafe_level(level: str) -> str:
    """The name that `safe_level` made this level of; raises ValueError for a level that it did not make or has cut."""
    if level == _EMPTY:
        return ""
    if _CUT in level:
        raise ValueError(f"expected the whole of a name, got {level!r}, of which the end was cut off")
    name = _ESCAPES.sub(lambda m: bytes.fromhex(m[0].replace("%", "")).decode("utf-8", "surrogatepass"), level)
    if safe_level(name) != level:
        raise ValueError(f"expected a level as made from a name, got {level!a}")
    return name


def _checked_name(name: str, earlier: Sequence[str], text: str) -> str:
    if _NAME.match(name) is None:
        raise ValueError(
            f"expected a level name of lower-case letters, digits and _, got {{{name}}} in {text!r}"
            + (f"; hint: {{{name.lower()}}}" if _NAME.match(name.lower()) else "; hint: for example {asset}")
        )
    if name in earlier:
        raise ValueError(f"expected each level name once, got {{{name}}} twice in {text!r}; hint: {{{name}_2}}, or +")
    return name


def _wildcard(level: str) -> str:
    return "+" if level.startswith("{") else level


def _percent(m: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in m[0].encode("utf-8", "surrogatepass"))
