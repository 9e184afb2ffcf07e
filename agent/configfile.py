"""From a file, the environment and the command line to a Config, or to the list of everything that is wrong.

Precedence: command line > `TWINNED__SECTION__KEY` > systemd credential > YAML > default. The layers are laid over each
other as trees, so that each value is checked once, and an error names the file and line, the variable or the option
that it came from. Reading is all that happens here: types are `agent.validate`'s, meaning is `agent.checks`'.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec import inspect

from agent.config import Config
from agent.validate import INVALID, ConfigError, ConfigErrors, TooMany, Walk
from agent.yamltree import ListNode, MapNode, Node, ScalarNode, parse, shorten, taint

MAX_BYTES: Final = 4 * 2**20
MAX_SECRET_BYTES: Final = 65535  # MQTT gives user names and passwords a 16-bit length
ENVIRONMENT_PREFIX: Final = "TWINNED__"

_PASSWORD: Final = ("mqtt", "password_file")


def load(
    path: Path | None,
    *,
    overrides: Sequence[tuple[str, str]] = (),
    environ: Mapping[str, str],
    text: str | None = None,
) -> Config:
    """The configuration of `path`, or of `text` in its place, with the other layers on top. Raises ConfigErrors.

    `overrides` are dotted keys and values of the command line, such as ("mqtt.host", "broker.local").
    """
    source = "configuration" if path is None else str(path)
    if text is None and path is not None:
        text = _read(path)
    errors: list[ConfigError] = []
    root = _tree(text, source, errors) if text is not None else MapNode(source)
    for origin, keys, value in _layers(overrides, environ, errors):
        _lay(root, origin, keys, value, errors)
    walk = Walk(errors=errors)
    config = _walk(walk, root)
    if isinstance(config, Config) and not errors:
        return config
    raise ConfigErrors(sorted(errors, key=lambda e: (e.file != source, e.file, e.line, e.column)))


def _walk(walk: Walk, root: MapNode) -> object:
    from agent.checks import Checks  # brings the models, and with them numpy

    checks = Checks(walk)
    walk.on_struct = checks.on_struct
    try:
        config = walk.value(root, inspect.type_info(Config), None)
        checks.finish(config if isinstance(config, Config) else None)
    except TooMany:
        return INVALID
    return config


def _read(path: Path) -> str:
    """The text of the file; raises ConfigErrors with one error that says why there is none."""

    def refuse(expected: str, got: str, hint: str = "", line: int = 0, column: int = 0) -> ConfigErrors:
        return ConfigErrors([ConfigError(str(path), line, column, "", expected, got, hint)])

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise refuse("a configuration file", "no such file", "give its path with -c") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise refuse("a configuration file", reason[:1].lower() + reason[1:]) from None
    if len(data) > MAX_BYTES:
        raise refuse(f"at most {MAX_BYTES // 2**20} MiB", "more", "let assets be discovered instead of listing them")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        raise refuse(
            "UTF-8 text", f"the byte 0x{data[error.start]:02x}", "save the file as UTF-8", line, column
        ) from None


def _tree(text: str, source: str, errors: list[ConfigError]) -> MapNode:
    """The mapping the text is, with its faults added to `errors`; raises ConfigErrors when there is no going on."""
    if len(text) > MAX_BYTES:
        raise ConfigErrors([ConfigError(source, 0, 0, "", f"at most {MAX_BYTES // 2**20} MiB", "more")])
    root, problems, complete = parse(text, source)
    errors += (ConfigError(source, p.line, p.column, "", p.expected, p.got, p.hint) for p in problems)
    if not complete:
        raise ConfigErrors(errors)
    if isinstance(root, MapNode):
        return root
    found = "nothing" if root is None else "a list" if isinstance(root, ListNode) else "a single value"
    line, column = (1, 1) if root is None else (root.line, root.column)
    raise ConfigErrors([*errors, ConfigError(source, line, column, "", "a mapping with `site` and `assets`", found)])


def _layers(
    overrides: Sequence[tuple[str, str]], environ: Mapping[str, str], errors: list[ConfigError]
) -> Iterator[tuple[str, list[str], str]]:
    """Origin, keys and text of every value that does not come from the YAML text, weakest first."""
    yield from _credentials(environ, errors)
    for name in sorted(n for n in environ if n.startswith(ENVIRONMENT_PREFIX)):
        if name != name.upper():
            errors.append(
                ConfigError(
                    shorten(name), 0, 0, "", "a variable in upper case", "lower case", f"write {shorten(name.upper())}"
                )
            )
        else:
            yield name, name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"), environ[name]
    for key, value in overrides:
        yield f"--set {key}", key.split("."), value


def _credentials(environ: Mapping[str, str], errors: list[ConfigError]) -> Iterator[tuple[str, list[str], str]]:
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return
    username, password = Path(directory, "mqtt-username"), Path(directory, "mqtt-password")
    if _is_there(username):
        try:
            yield str(username), ["mqtt", "username"], _first_line(username)[0]
        except CredentialError as error:
            errors.append(ConfigError(str(username), 0, 0, "mqtt.username", "a user name", error.why))
    if _is_there(password):
        yield str(password), list(_PASSWORD), str(password)


def _lay(root: MapNode, origin: str, keys: list[str], text: str, errors: list[ConfigError]) -> None:
    """Put one value into the tree in place of what is there. The sections on the way are copied: aliases share them."""
    place = ".".join(keys)

    def refuse(expected: str, got: str, hint: str = "") -> None:
        errors.append(ConfigError(shorten(origin, 80), 0, 0, shorten(place, 80), expected, got, hint))

    if not all(keys) or len(keys) > 8:
        refuse("a key such as mqtt.host", "an empty part" if not all(keys) else "too many parts")
        return
    value: Node | None = ScalarNode(text, origin, raw=True)
    if text.lstrip()[:1] in ("{", "["):
        value, problems, _ = parse(text, origin, lines=False)
        if problems:
            for p in problems:
                refuse("JSON" if p.expected == "valid YAML" else p.expected, p.got, p.hint)
            return
    at = root
    for key in keys[:-1]:
        _, below = at.pairs.get(key, (None, None))
        if isinstance(below, ListNode):
            refuse("a list as a whole, in JSON", "a part of one", f"set `{key}` to all of it")
            return
        if below is None or (isinstance(below, ScalarNode) and not below.text):
            section = MapNode(origin)
        elif isinstance(below, MapNode):
            section = MapNode(below.source, below.line, below.column)
            section.pairs = dict(below.pairs)
        else:
            return  # wrong in the file already, which is reported there
        at.pairs[key] = (ScalarNode(key, origin) if below is None else at.pairs[key][0], section)
        at = section
    name = ScalarNode(keys[-1], origin)
    if value is not None:
        if any("password" in key and key != _PASSWORD[1] for key in keys):
            taint(value)
        at.pairs[keys[-1]] = (name, value)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the agent shows the broker. Never printed; `warnings` are lines for the log."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()


class CredentialError(Exception):
    """A secret cannot be had; one line that says which file and why. The process ends with exit code 78."""

    def __init__(self, path: Path, why: str, hint: str) -> None:
        super().__init__(f"{path}: expected the password of mqtt, got {why} ({hint})")
        self.why = why


def secrets(config: Config, environ: Mapping[str, str]) -> Secrets:
    """User name and password for the broker; raises CredentialError.

    A configuration that was not made by `load`, and names no file, still gets the systemd credential.
    """
    mqtt = config.mqtt
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if mqtt.password_file is not None:
        path = Path(mqtt.password_file)
    elif directory and _is_there(Path(directory, "mqtt-password")):
        path = Path(directory, "mqtt-password")
    else:
        return Secrets(mqtt.username)
    password, mode = _first_line(path)
    warnings: tuple[str, ...] = ()
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        warnings = (f"{path}: every user of this machine can read or change the password; chmod 600 {path}",)
    return Secrets(mqtt.username, password, warnings)


def _is_there(path: Path) -> bool:
    """Whether there is something at that path, be it unreadable: that is for the reading to say."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _first_line(path: Path) -> tuple[str, int]:
    """The secret in a file, without its line end, and the mode of the file."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MAX_SECRET_BYTES + 3)
    except FileNotFoundError:
        raise CredentialError(path, "no such file", "mqtt.password_file names it") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "a name that is none"
        raise CredentialError(path, why.lower(), "the user that runs the agent must be able to read it") from None
    line = data.split(b"\n", 1)[0].removesuffix(b"\r")
    if not line:
        raise CredentialError(path, "an empty first line", "the first line is the secret")
    if len(line) > MAX_SECRET_BYTES:
        raise CredentialError(path, f"more than {MAX_SECRET_BYTES} bytes", "MQTT allows no more")
    try:
        return line.decode(), mode
    except UnicodeDecodeError:
        raise CredentialError(path, "bytes that are not UTF-8", "save the file as UTF-8") from None
