"""Where the agent keeps its files, from the settings and what systemd says. Nothing is opened here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from agent.config import Store as Settings
from agent.shell.exits import Exit, ExitError


def placed(settings: Settings, state_directory: str | None) -> tuple[Literal["strict", "relaxed"], Path] | None:
    """Mode and file that the settings mean, None for no store. Raises ExitError where they do not fit together."""
    path = settings.path
    if path is None and state_directory:
        path = str(Path(state_directory.split(":")[0]) / "twinned.db")
    if settings.mode == "off" or (settings.mode is None and path is None):
        return None
    if path is None:
        hint = "set `store.path`, or run under systemd with StateDirectory="
        raise ExitError(Exit.CONFIG, f"store.mode: expected a place to store, got {settings.mode} without one; {hint}")
    return settings.mode or "relaxed", Path(path)
