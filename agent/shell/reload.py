"""SIGHUP: take over a changed configuration, or refuse it whole and go on as before.

The order matters and is all that is here: whatever can fail comes first, then nothing fails any more.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from agent.build import PlanError
from agent.shell.exits import Exit, ExitError
from agent.shell.http import Server
from agent.shell.places import placed
from agent.twins import Twins

if TYPE_CHECKING:
    from agent.shell.service import Loaded, Service

RECONNECT_TIMEOUT = 1.0


def reload(service: Service) -> None:
    """Read the configuration again; systemd and the metrics are told how that went."""
    service.notifier.reloading(service.monotonic())
    tally, log = service.tally, service.log
    try:
        prepared = _prepare(service)
    except Exception as error:
        tally.reloads["failure"] += 1
        tally.last_reload_successful = False
        lines = error.message.splitlines() if isinstance(error, ExitError) else [f"internal error: {error!r}"]
        for line in lines:
            log.error("configuration refused, the old one stays", key=line, detail=line)
    else:
        _commit(service, prepared)
        tally.reloads["success"] += 1
        tally.last_reload_successful = True
        tally.config_read = service.now()
        for line in prepared.loaded.warnings:
            log.warning("configuration", key=line, detail=line)
        for line in prepared.lines:
            log.warning("started over", key=line, detail=line)
        log.info("configuration taken over", twins=len(service.twins))
    service.notifier.ready(service.words())


def plan_exit(error: PlanError) -> ExitError:
    """A setting that cannot be built, as a configuration error."""
    path = ".".join(str(part) for part in error.path)
    return ExitError(Exit.CONFIG, f"{path}: {error}" if path else str(error))


class _Prepared(NamedTuple):
    loaded: Loaded
    twins: Twins
    lines: list[str]  # what could not keep its state, and why
    server: Server | None
    place: tuple[Literal["strict", "relaxed"], Path] | None  # of the store


def _prepare(service: Service) -> _Prepared:
    """Everything that can fail; the running agent is not touched."""
    loaded = service.load()
    place = placed(loaded.config.store, service.world.environ.get("STATE_DIRECTORY"))
    old, new = service.loaded.config.http, loaded.config.http
    try:
        twins, lines = service.twins.reconfigure(loaded.config)
    except PlanError as error:
        raise plan_exit(error) from None
    server = service.server
    if (new.enabled, new.host, new.port) != (old.enabled, old.host, old.port):
        server = service.make_server(loaded.config)
    return _Prepared(loaded, twins, lines, server, place)


def _commit(service: Service, prepared: _Prepared) -> None:
    loaded, twins = prepared.loaded, prepared.twins
    if prepared.server is not service.server:
        if service.server is not None:
            service.server.stop()
        service.server = prepared.server
        if service.server is not None:
            service.server.start()
    log = loaded.config.log
    service.log.configure(log.level, log.format, log.repeat_interval)
    service.log.hide(loaded.password)
    before = _connection(service.loaded, service.twins)
    durable, place = service.durable, prepared.place
    if durable is not None:
        durable.adopt(loaded.config, twins, durable.mode if place is None else place[0])
    if (durable and durable.path) != (place and place[1]):
        service.log.warning(
            "whether and where is stored is taken over at the next start; until then it stays as it was",
            now=str(durable.path) if durable else "off",
            then=str(place[1]) if place else "off",
        )
    service.outage.configure(loaded.config.store.outage)
    service.loaded, service.twins = loaded, twins
    service.commanding.configure(loaded.config)
    if _connection(loaded, twins) != before:
        service.log.info("connecting anew: settings of the connection changed")
        service.session.stop(RECONNECT_TIMEOUT)
        if service.durable is not None:
            service.durable.delivered(service.session.take_settled())
        service.shown.retire(service.session.counters)
        service.session = service.make_session(loaded, twins)
        if service.durable is not None:
            service.durable.forget_session()


def _connection(loaded: Loaded, twins: Twins) -> tuple[object, ...]:
    """All that a session is made from: if it changes, so must the session."""
    config = loaded.config
    return config.mqtt, config.site, config.prefix, loaded.username, loaded.password, twins.subscriptions()
