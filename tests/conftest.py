"""What all tests share: a core is made in a third of the time where one like it was made before.

Most of what it takes to make a core is preparing its filter steps. What is prepared follows from the configuration
alone, and hundreds of tests start agents with the same few configurations again and again, so it is worked out once. Tests of the emitter itself give it components
of their own, and the agents that tests start as processes know nothing of this.

And no test fails because the machine is busy: examples of properties have no deadline, and may be made slowly. Nor because it
was started in the background by a shell, which has what it starts there ignore SIGINT.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import hypothesis
import msgspec
import pytest

import agent.expr
import agent.twins
from agent import native
from agent.build import Plan, plan_block
from agent.config import AssetBlock, Duration, Size
from agent.kernel import Emitter

BUILTIN = frozenset(("level", "level_rate", "first_order", "tank", "linear"))  # a plug-in's file may change
FUNCTIONS = ("step_of", "ahead")
MOST = 200  # plans, and programs, that are kept

hypothesis.settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy machine")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Duration) else int(value) if isinstance(value, Size) else repr(value)


class _Plans:
    """Plans by their configuration, and what was prepared for their components."""

    def __init__(self) -> None:
        self._plans: dict[tuple[object, ...], Plan] = {}
        self._prepared: dict[
            int, dict[tuple[object, ...], Any]
        ] = {}  # by the number of a component of one of the plans

    def plan(self, config: AssetBlock, *names: str) -> Plan:
        model = config.model["type"] if isinstance(config.model, dict) else config.model
        if model not in BUILTIN:
            return plan_block(config, *names)
        key = (msgspec.msgpack.encode(config, enc_hook=_plain), *names)
        if key not in self._plans:
            if len(self._plans) >= MOST:
                self._plans.clear()
                self._prepared.clear()
            plan = self._plans[key] = plan_block(config, *names)
            self._prepared.update((id(component), {}) for component in plan.components)
        return self._plans[key]

    def remembering(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def prepared(emitter: Emitter, *place: int) -> Any:
            known = self._prepared.get(id(emitter.c))
            if known is None:
                return method(emitter, *place)
            key = (method.__name__, emitter.robust, native.MACHINE is None, *place)
            if key not in known:
                known[key] = method(emitter, *place)
            return known[key]

        return prepared


@pytest.fixture(scope="session", autouse=True)
def emitted_once() -> Iterator[None]:
    """For the whole run, in this process."""
    plans = _Plans()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent.twins, "plan_block", plans.plan)
        patch.setattr(agent.expr, "compile", lru_cache(MOST)(compile), raising=False)
        for name in FUNCTIONS:
            method: Any = getattr(Emitter, name)
            patch.setattr(Emitter, name, plans.remembering(method))
        yield
