"""The models themselves: their laws, their limits over long gaps, what their settings refuse, and the registry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov
from scipy.signal import cont2discrete

from agent.build import PlanError, model_settings
from agent.models import BUILT_IN, find, settings_type
from agent.models.base import ChannelInfo, Component, Noise, State
from tests.conformance import check_model, matrices
from tests.oracles import component, textbooks

STATED = {book.name: book for book in textbooks()}
LEARNED: dict[str, Component] = {
    "level": component("level", {"c": None}),
    "level_rate": component("level_rate", {"c": None}),
    "first_order constant": component({"type": "first_order", "tau": 12, "target": 20.0}, {"c": None}),
    "first_order driven": component({"type": "first_order", "tau": 12, "target": {"channel": "u"}}, {"c": None}),
    "tank": component({"type": "tank", "area": 2.0, "inflow": {"channel": "in"}}, {"level": None}),
    "linear": component(
        {
            "type": "linear",
            "states": ["a", "b"],
            "channels": ["one", "two"],
            "A": [[-0.1, 0.2], [0.0, -0.3]],
            "C": [[1.0, 0.0], [1.0, -1.0]],
            "Q": [[0.1, 0.02], [0.02, 0.1]],
            "learn_process": True,
        },
        {"one": None, "two": None},
    ),
}


@pytest.mark.parametrize("name", STATED)
def test_a_model_with_stated_noise_conforms(name: str) -> None:
    # The wander of an unknown target within one interval is neglected in x, so its Q does not compose.
    check_model(
        STATED[name].component, step=STATED[name].step or 0.0, composes=name != "first_order learned", examples=15
    )


@pytest.mark.parametrize("name", LEARNED)
def test_a_model_that_learns_its_noise_conforms(name: str) -> None:
    check_model(LEARNED[name], examples=15)


@pytest.mark.parametrize("name", STATED)
def test_a_model_is_what_the_textbook_says(name: str) -> None:
    book = STATED[name]
    for dt in (0.5, 3.0, 40.0):
        f, q = matrices(book.component, dt)
        np.testing.assert_allclose(f, book.f(dt), rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(q, book.q(dt), rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(book.component.observe, book.h)
    np.testing.assert_allclose(np.array(book.component.measurement, float), book.r)


A = [[-0.2, 1.0, 0.0], [-1.0, -0.2, 0.3], [0.0, 0.0, -1e-3]]
Q = [[0.1, 0.0, 0.0], [0.0, 0.2, 0.01], [0.0, 0.01, 0.05]]
LINEAR: dict[str, object] = {
    "type": "linear",
    "states": ["a", "b", "c"],
    "channels": ["one"],
    "C": [[1.0, 0.0, 0.0]],
    "Q": Q,
    "A": A,
}


@pytest.mark.parametrize("dt", [1e5, 1e7, 1e12])
def test_a_stable_linear_model_settles_at_its_stationary_covariance_over_any_gap(dt: float) -> None:
    f, q = matrices(component(LINEAR, {"one": 1.0}), dt)
    np.testing.assert_allclose(q, solve_continuous_lyapunov(np.array(A), -np.array(Q)), rtol=1e-9)
    assert np.abs(f).max() <= math.exp(-1e-3 * dt) * 2


def test_a_stable_discrete_model_settles_however_many_steps_were_missed() -> None:
    a = [[0.9, 0.2], [-0.1, 0.95]]
    settings = LINEAR | {
        "states": ["a", "b"],
        "A": a,
        "C": [[1.0, 0.0]],
        "Q": [[0.1, 0.0], [0.0, 0.2]],
        "sample_time": 1e-3,
    }
    _, q = matrices(component(settings, {"one": 1.0}), 1e12)
    np.testing.assert_allclose(q, solve_discrete_lyapunov(np.array(a), np.diag([0.1, 0.2])), rtol=1e-9)


def test_an_input_held_constant_moves_a_linear_model_as_scipy_says() -> None:
    b = [[0.0], [1.0], [0.5]]
    built = component(LINEAR | {"B": b, "inputs": [1.0]}, {"one": 1.0})
    for dt in (0.1, 2.0, 70.0):
        f, g, *_ = cont2discrete((np.array(A), np.array(b), np.eye(3), np.zeros((3, 1))), dt)
        assert built.drive is not None
        np.testing.assert_allclose(built.drive(dt), g, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(built.transition(dt), f, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"A": [[1.0]]}, "A: expected a 3×3 matrix, got 1×1"),
        ({"C": [[0.0, 0.0, 0.0]]}, "C: expected at least one number other than zero"),
        ({"Q": [[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]]}, "Q: expected a symmetric positive semi-definite"),
        ({"Q": [[1.0, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]}, "Q: expected a symmetric positive semi-definite"),
        ({"R": [0.0]}, "R: expected 1 variances above zero"),
        ({"x0": [1.0, 2.0, 3.0]}, "x0 and P0: expected both or neither"),
        ({"x0": [1.0], "P0": [1.0]}, "x0: expected 3 numbers, got 1"),
        ({"P0": [1.0, 1.0, -1.0], "x0": [0.0, 0.0, 0.0]}, "P0: expected variances"),
        ({"sample_time": 0}, "sample_time: expected a step above zero"),
        ({"states": ["a", "b", "b"]}, "states: expected names that differ"),
        ({"B": [[1.0], [1.0], [1.0]]}, "B: expected `inputs`"),
        ({"units": ["m"]}, "units: expected 3 of them, got 1"),
        ({"A": [[math.nan, 0, 0], [0, 0, 0], [0, 0, 0]]}, "A: expected finite numbers"),
    ],
)
def test_matrices_that_make_no_sense_are_refused_with_what_was_expected(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("(", r"\(").replace("`", "`")):
        component(LINEAR | change, {"one": 1.0})


def test_a_time_constant_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="tau: expected a time constant above zero, got 0 s"):
        component({"type": "first_order", "tau": 0}, {"c": None})


def test_an_input_from_a_channel_and_a_topic_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="either channel or topic"):
        component({"type": "first_order", "tau": 1, "target": {"channel": "u", "topic": "t"}}, {"c": None})


@pytest.mark.parametrize("x0", [[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]])
def test_a_stated_start_is_kept_even_when_it_is_zero(x0: list[float]) -> None:
    built = component(LINEAR | {"x0": x0, "P0": [1.0, 2.0, 0.0]}, {"one": 1.0})
    assert built.initial == (tuple(x0), (1.0, 2.0, 0.0))


def test_models_are_found_by_name_and_by_module_and_attribute() -> None:
    assert {"level", "level_rate", "first_order", "tank", "linear"} == set(BUILT_IN)
    assert find("tank") is BUILT_IN["tank"]
    assert find("agent.models.tank:Tank") is BUILT_IN["tank"]
    assert find("tonk") is find("no.such.module:Model") is find("agent.models.tank:Nothing") is None
    assert settings_type("level") is BUILT_IN["level"].Settings
    assert settings_type("tonk") is None


def test_a_setting_of_the_wrong_type_names_itself() -> None:
    with pytest.raises(PlanError, match=r"wander"):
        model_settings({"type": "level", "wander": "much"}, ("model",))
    with pytest.raises(PlanError, match=r"expected a model .*, got 'tonk'"):
        model_settings("tonk", ("model",))


def test_a_component_refuses_rows_of_the_wrong_length() -> None:
    with pytest.raises(ValueError, match="each row of observe needs 1 numbers"):
        Component(
            "m",
            1,
            (State("x"),),
            ("c",),
            ((1.0, 0.0),),
            lambda dt: ((1.0,),),
            (Noise(lambda dt: ((dt,),)),),
            measurement=(None,),
            rates=(None,),
        )
    with pytest.raises(ValueError, match="one entry per channel"):
        Component("m", 1, (State("x"),), ("c",), ((1.0,),), lambda dt: ((1.0,),), (), measurement=(), rates=())


def test_the_variance_of_a_channel_is_its_noise_squared() -> None:
    assert ChannelInfo("c", "m", 0.5).variance == 0.25
    assert ChannelInfo("c").variance is None
