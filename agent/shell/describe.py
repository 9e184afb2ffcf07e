"""A configuration in words, for `twinned check`: what is heard, how it is modelled, what is said, and when alarms ring.

Everything is read off the core that was built from the configuration, so it says what will happen, not what was meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.alarms.report import GROUP_ALARM
from agent.block import Block
from agent.config import Config
from agent.topics import safe_level
from agent.twins import Twins

_SHOWN = 8  # names of known assets


def describe(config: Config, twins: Twins) -> Iterator[str]:
    """The lines of the summary."""
    mqtt = config.mqtt
    port = mqtt.port or {("tcp", False): 1883, ("tcp", True): 8883, ("websockets", False): 80}.get(
        (mqtt.transport, mqtt.tls is not None), 443
    )
    yield f"site {config.site}, broker {mqtt.host}:{port}{', TLS' if mqtt.tls is not None else ''}"
    if config.http.enabled:
        yield f"HTTP on {config.http.host}:{config.http.port}"
    for number, block in enumerate(twins.blocks, 1):
        yield from _block(number, block)
    yield "subscribes to"
    for filter, qos in twins.subscriptions():
        yield f"  {filter}  (QoS {qos})"
    root = f"{config.prefix}/{safe_level(config.site)}"
    yield "publishes"
    for line in dict.fromkeys(line for block in twins.blocks for line in _published(root, block)):
        yield f"  {line}"
    yield f"  {root}/$status  (QoS 1, retained)"
    yield f"  {root}/$flood  (QoS 1, retained; while too many alarms change)"


def _block(number: int, block: Block) -> Iterator[str]:
    config = block.config
    topics = [config.topic] if config.topic is not None else []
    topics += [c.topic for c in config.channels.values() if c is not None and c.topic is not None]
    yield f"assets {number}: {', '.join(topics)}  ({config.payload.format})"
    found = f"discovered, at most {config.max_assets}" if config.discover else "only those known"
    if config.known:
        names = ", ".join(config.known[:_SHOWN]) + (", ..." if len(config.known) > _SHOWN else "")
        found = f"{len(config.known)} known ({names}), {'more are ' if config.discover else ''}{found}"
    yield f"  twins    {found}"
    if config.parent is not None:
        yield f"  group    {config.parent}: its alarm stands for the absence of those in it"
    yield f"  model    {block.plan.model}; {config.learning} readings to learn"
    width = max(len(channel.name) for channel in block.plan.channels)
    for (name, measured, _), channel in zip(block.plan.shape, block.plan.channels, strict=True):
        role = "" if measured is not None else "input"
        noise = f"noise {channel.config.noise:g}" if channel.config.noise is not None else ""
        words = "  ".join(word for word in (channel.config.unit, noise, role) if word)
        yield f"  channel  {name:{width}}  {words}".rstrip()
    for alarm in block.alarms:
        delays = [f"on after {alarm.on_delay:g} s"] * (alarm.on_delay > 0) + [f"off after {alarm.off_delay:g} s"] * (
            alarm.off_delay > 0
        )
        detail = ", ".join([alarm.severity.value, *delays])
        yield f"  alarm    {alarm.name}: {alarm.watched.name} {alarm.rule.words} ({detail})"


def _published(root: str, block: Block) -> Iterator[str]:
    state, forecast = block.config.state, block.config.forecast
    if state.policy != "never":
        when = {"update": "for each message", "change": "on change"}.get(state.policy, f"each {state.interval:g} s")
        yield f"{root}/<asset>/state  (QoS {state.qos}{', retained' if state.retain else ''}; {when})"
    if forecast.horizons:
        ahead = ", ".join(f"{h:g} s" for h in forecast.horizons)
        kept = ", retained" if forecast.retain else ""
        yield f"{root}/<asset>/forecast  (QoS {forecast.qos}{kept}; {ahead} ahead, each {forecast.interval:g} s)"
    if block.alarms:
        yield f"{root}/<asset>/alarm/<name>  (QoS 1, retained)"
        if block.config.parent is not None:
            yield f"{root}/{block.config.parent}/alarm/{GROUP_ALARM}  (QoS 1, retained)"
