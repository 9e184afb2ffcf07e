"""What is said to systemd, and the unit file: its hardening, and that it fits what the agent does."""

from __future__ import annotations

import configparser
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from agent.shell.exits import Exit
from agent.shell.systemd import MAX_STATUS, Notifier
from tests.chaos.actors import unit_environment

UNIT = Path(__file__).parent.parent / "systemd" / "twinned.service"


def listener(address: str | bytes) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(address)
    sock.settimeout(5)
    return sock


def test_each_message_is_one_datagram_of_lines(tmp_path: Path) -> None:
    with listener(str(tmp_path / "notify")) as sock:
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}, pid=1)
        assert notifier.ready("12 twins")
        assert notifier.reloading(12.5)
        assert notifier.alive()
        assert notifier.stopping("goodbye")
        assert [sock.recv(4096).decode().split("\n") for _ in range(4)] == [
            ["READY=1", "STATUS=12 twins"],
            ["RELOADING=1", "MONOTONIC_USEC=12500000", "STATUS=reading the configuration"],
            ["WATCHDOG=1"],
            ["STOPPING=1", "STATUS=goodbye"],
        ]
        notifier.close()
        assert not notifier.alive()


def test_a_status_cannot_smuggle_in_another_line(tmp_path: Path) -> None:
    with listener(str(tmp_path / "notify")) as sock:
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}, pid=1)
        notifier.status("broker said:\nSTOPPING=1\n" + "x" * 1000)
        text = sock.recv(4096).decode()
        assert text.startswith("STATUS=broker said: STOPPING=1 xxx")
        assert len(text) == MAX_STATUS + len("STATUS=")
        notifier.close()


def test_the_abstract_namespace_is_understood() -> None:
    with listener(b"\0twinned-test-notify") as sock:
        notifier = Notifier({"NOTIFY_SOCKET": "@twinned-test-notify"}, pid=1)
        assert notifier.alive()
        assert sock.recv(100) == b"WATCHDOG=1"
        notifier.close()


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all"])
def test_without_a_supervisor_nothing_is_said_and_nothing_breaks(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address} if address else {}, pid=1)
    assert not notifier.ready("")
    notifier.close()


def test_a_supervisor_that_does_not_read_holds_up_nothing(tmp_path: Path) -> None:
    with listener(str(tmp_path / "notify")):
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}, pid=1)
        said = 0
        while notifier.alive():
            said += 1
            assert said < 100_000
        assert said > 0
        notifier.close()


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
    ],
)
def test_the_watchdog_is_ours_only_if_systemd_says_so(environ: dict[str, str], interval: float | None) -> None:
    assert Notifier(environ, pid=7).watchdog == interval


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep the case of keys
    parser.read(UNIT)
    return parser


def test_the_unit_restarts_always_but_not_for_what_a_restart_cannot_cure() -> None:
    service = unit()["Service"]
    assert service["Restart"] == "always"
    assert {int(code) for code in service["RestartPreventExitStatus"].split()} == {Exit.CONFIG, Exit.ENVIRONMENT}


def test_the_unit_can_reach_a_broker_and_says_so_only_when_ready() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert "any" not in service.get("IPAddressDeny", "").split()
    assert {"AF_INET", "AF_INET6", "AF_UNIX"} <= set(service["RestrictAddressFamilies"].split())
    assert float(service["WatchdogSec"].removesuffix("s")) > 4


def test_the_harness_runs_the_agent_with_the_environment_of_the_unit() -> None:
    assert unit_environment() == {
        "OPENBLAS_NUM_THREADS": "1",
        "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
    }


needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@needs_systemd
def test_the_unit_is_hardened() -> None:
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(UNIT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr


@needs_systemd
def test_the_unit_has_no_word_that_systemd_does_not_know(tmp_path: Path) -> None:
    # `verify` wants the executable to exist, and wherever the tests run /opt/twinned does not.
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/twinned/bin/twinned", "/bin/true"))
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    ours = [line for line in result.stderr.splitlines() if UNIT.name in line]
    assert ours == []
