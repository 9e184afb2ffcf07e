"""Where events go: JSON lines in a file or on standard output, or an MQTT broker.

Nothing here decides what is sent or when. Each output is a context manager with one method, `send`.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from simulators.faults import Label
from simulators.run import Event

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_CONNECT_TIMEOUT = 10.0
_FLUSH_TIMEOUT = 5.0
_MOST_UNSENT = 1000


class OutputError(Exception):
    """Events cannot be delivered; the message is one line for the user."""


class Output(Protocol):
    def send(self, event: Event) -> None: ...


class Lines:
    """A text file of one JSON object per line; `-` is standard output."""

    def __init__(self, path: str, *, prompt: bool = False) -> None:
        self._path = path
        self._prompt = prompt  # each line at once: somebody may be watching

    def __enter__(self) -> Lines:
        try:
            self._file: TextIO = (
                sys.stdout if self._path == "-" else Path(self._path).open("w", encoding="utf-8", newline="\n")
            )
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is sys.stdout:
            self._file.flush()
        else:
            self._file.close()

    def write(self, value: dict[str, object]) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False) + "\n")
        if self._prompt:
            self._file.flush()

    def send(self, event: Event) -> None:
        """One message as it would have arrived: topic, payload and time of arrival."""
        self.write({"topic": event.topic, "payload": event.payload.decode(), "received": event.time})

    def label(self, label: Label) -> None:
        self.write(label._asdict())

    def state(self, event: Event) -> None:
        self.write({"asset": event.asset, "time": event.time, **event.truth})


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is and how to get in."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    qos: int = 0
    tls_ca: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Broker:
    """An MQTT broker. Telemetry that finds no connection is lost at QoS 0, as that of a device would be, and counted."""

    def __init__(self, address: Address, tell: Callable[[str], None], stopping: Callable[[], bool]) -> None:
        self.address = address
        self.lost = 0
        self._tell = tell
        self._stopping = stopping
        self._changed = threading.Condition()
        self._unsent = 0
        self._refusal: str | None = None
        self._connected = False
        self._interrupted = False

    def __enter__(self) -> Broker:
        from paho.mqtt.client import Client, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        a = self.address
        self._client: Client = Client(
            CallbackAPIVersion.VERSION2, client_id=f"twinned-sim-{secrets.token_hex(4)}", protocol=MQTTv311
        )
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.reconnect_delay_set(min_delay=1, max_delay=30)
        try:
            if a.username is not None:
                self._client.username_pw_set(a.username, a.password)
            if a.tls_ca is not None:
                self._client.tls_set(ca_certs=a.tls_ca)
            self._client.connect(a.host, a.port, keepalive=30)
        except (OSError, ValueError) as error:
            reason = getattr(error, "verify_message", "") or getattr(error, "strerror", None) or str(error)
            raise OutputError(f"no connection to the broker at {a}: {reason}") from error
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._refusal is not None, _CONNECT_TIMEOUT)
        if not self._connected:
            self._client.disconnect()
            self._client.loop_stop()
            raise OutputError(f"no session with the broker at {a}: {self._refusal or 'it does not answer'}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._unsent <= 0 or not self._connected, _FLUSH_TIMEOUT)
            self.lost += max(0, self._unsent)
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, event: Event) -> None:
        """Hand one message to the client; waits while too many are on their way."""
        with self._changed:
            # A signal cannot wake a condition, so look for one now and then; this is the slow path.
            while self._unsent >= _MOST_UNSENT and not self._stopping():
                self._changed.wait(0.2)
            self._unsent += 1
        info = self._client.publish(event.topic, event.payload, qos=self.address.qos)
        if info.rc != 0 and self.address.qos == 0:
            with self._changed:
                self._unsent = max(0, self._unsent - 1)
                self.lost += 1

    def _on_connect(self, client: Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            if reason.is_failure:
                self._refusal = str(reason)
            else:
                if self._interrupted:
                    self._tell(f"connection to the broker at {self.address} is back")
                self._connected = True
            self._changed.notify_all()

    def _on_disconnect(self, client: Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            if self._connected and reason.is_failure:
                self._interrupted = True
                self._tell(f"connection to the broker at {self.address} lost: {reason}; trying again")
            self._connected = False
            if self.address.qos == 0:
                self.lost += max(0, self._unsent)
                self._unsent = 0
            self._changed.notify_all()

    def _on_publish(self, client: Client, data: Any, mid: int, reason: Any, properties: Any) -> None:
        with self._changed:
            self._unsent = max(0, self._unsent - 1)
            self._changed.notify_all()
