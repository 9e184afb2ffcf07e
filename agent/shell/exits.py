"""Exit codes of every verb, and the one exception that carries them to the top.

Nothing else lives here: a supervisor, a script and the unit file read these numbers, so they never change meaning.
`systemd/twinned.service` lists the ones that a restart cannot cure in `RestartPreventExitStatus`.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the process says by ending."""

    OK = 0  # did what was asked, or was told to stop
    TEMPORARY = 1  # something outside is in the way and may go away by itself: a port in use, a full disk
    CONFIG = 2  # the configuration is wrong; every error was listed
    INTERNAL = 70  # a bug of ours (EX_SOFTWARE)
    ENVIRONMENT = 78  # the configuration is right but what it names is not: a missing or unreadable file (EX_CONFIG)


class ExitError(Exception):
    """Ends the process with one line that says why."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
