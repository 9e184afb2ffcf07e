"""The simulators against the physics they claim, solved by other means, and against the contract of every kind."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import math
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import simulators
from simulators.base import Wander, generator
from simulators.battery import Battery, BatteryParameters, open_circuit
from simulators.kinds import KINDS, find
from simulators.pump import Pump, PumpParameters
from simulators.room import Room, RoomParameters, saturation
from simulators.run import events
from simulators.scenario import load
from simulators.tank import Tank, TankParameters

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z
HOUR = 3600.0

every_kind = pytest.mark.parametrize("kind", KINDS)


def trajectory(simulator, seconds, every=1.0):
    """Times and true states from the start on."""
    times = [START + i * every for i in range(round(seconds / every) + 1)]
    return times, [simulator.at(time) for time in times]


def integral(times, values):
    """Trapezoid rule."""
    return sum(
        (b - a) * (x + y) / 2
        for (a, b), (x, y) in zip(itertools.pairwise(times), itertools.pairwise(values), strict=True)
    )


def test_simulators_import_nothing_from_the_agent():
    files = sorted(Path(simulators.__file__).parent.glob("**/*.py"))
    assert len(files) > 8
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [n for n in names if n.partition(".")[0] == "agent"], file


def test_importing_every_simulator_loads_no_agent_and_no_client():
    modules = [f"simulators.{p.stem}" for p in Path(simulators.__file__).parent.glob("*.py") if p.stem != "__init__"]
    code = f"import sys, {', '.join(modules)}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "simulators" in loaded
    assert not {"agent", "paho", "numpy", "asyncio"} & set(loaded)


@every_kind
def test_a_seed_fixes_the_trajectory_and_another_seed_gives_another(kind):
    def states(seed):
        simulator = find(kind)(find(kind).Parameters(), generator(seed, "a"), START)
        return trajectory(simulator, 600.0, every=7.0)[1]

    assert states(1) == states(1)
    assert states(1) != states(2)


@every_kind
def test_every_channel_has_a_finite_truth_that_stands_still_while_time_does(kind):
    simulator = find(kind)(find(kind).Parameters(), generator(3, "a"), START)
    for time in (START, START + 0.25, START + 86400.0):
        truth = simulator.at(time)
        assert {c.name for c in simulator.channels} <= set(truth)
        assert all(math.isfinite(value) for value in truth.values())
        assert simulator.at(time) == truth
        assert simulator.at(time - 10.0) == truth


@every_kind
def test_defaults_lie_within_their_own_bounds_and_have_a_meaning(kind):
    for f in dataclasses.fields(find(kind).Parameters):
        assert f.metadata["low"] <= f.default <= f.metadata["high"]
        assert f.metadata["text"] and f.metadata["unit"]


@every_kind
def test_the_sensor_adds_exactly_the_noise_it_states(kind):
    scenario = load({"seed": 5, "start": START, "duration": 2000, "assets": [{"kind": kind}]})
    errors: dict[str, list[float]] = {c.name: [] for c in find(kind).channels}
    for event in events(scenario):
        for channel, value in ast.literal_eval(event.payload.decode()).items():
            if channel != "ts":
                errors[channel].append(value - event.truth[channel])
    for channel in find(kind).channels:
        if channel.noise == 0.0:
            assert set(errors[channel.name]) == {0.0}
            continue
        # With n = 2000 the standard deviation is known to 1.6 %, the mean to 2.2 % of it; five of each is allowed.
        rounding = 10.0**-channel.decimals / math.sqrt(12.0)
        expected = math.hypot(channel.noise, rounding)
        assert statistics.pstdev(errors[channel.name]) == pytest.approx(expected, rel=0.08)
        assert abs(statistics.fmean(errors[channel.name])) < 0.112 * expected


def test_a_wander_has_its_standard_deviation_and_its_memory_whatever_the_step():
    for dt in (0.5, 20.0):
        wander = Wander(2.0, 10.0, generator(1, str(dt)))
        values = [wander.step(dt) for _ in range(40_000)]
        assert statistics.pstdev(values) == pytest.approx(2.0, rel=0.1)
        assert statistics.correlation(values[:-1], values[1:]) == pytest.approx(math.exp(-dt / 10.0), abs=0.02)


def test_an_unheated_room_relaxes_to_the_outdoors_exponentially():
    parameters = RoomParameters(power=0.0, outdoor_swing=0.0, weather=0.0, outdoor_mean=4.0)
    room = Room(parameters, generator(1), START)
    begin = room.temperature
    tau = parameters.resistance * parameters.capacity
    for elapsed in (60.0, HOUR, 12 * HOUR):
        expected = 4.0 + (begin - 4.0) * math.exp(-elapsed / tau)
        assert room.at(START + elapsed)["temperature"] == pytest.approx(expected, abs=1e-9)
    assert room.at(START + 40 * tau)["temperature"] == pytest.approx(4.0, abs=1e-6)


def test_the_thermostat_keeps_its_band_and_the_heat_that_goes_in_comes_out():
    parameters = RoomParameters()
    times, states = trajectory(Room(parameters, generator(2), START), 48 * HOUR, every=10.0)
    inside = [s["temperature"] for s in states]
    assert 20.5 < min(inside) < 20.7 and 21.3 < max(inside) < 21.5
    assert {s["heating"] for s in states} == {0.0, parameters.power}

    gained = integral(times, [s["heating"] for s in states])
    lost = integral(times, [(s["temperature"] - s["outdoor"]) / parameters.resistance for s in states])
    stored = parameters.capacity * (inside[-1] - inside[0])
    assert gained - lost == pytest.approx(stored, abs=2e-3 * gained)


def test_the_outdoors_are_warmest_at_three_in_the_afternoon():
    times, states = trajectory(Room(RoomParameters(weather=0.0), generator(2), START), 24 * HOUR, every=60.0)
    warmest = max(range(len(states)), key=lambda i: states[i]["outdoor"])
    assert times[warmest] - START == pytest.approx(15 * HOUR, abs=60.0)
    assert states[warmest]["outdoor"] == pytest.approx(10.0, abs=1e-3)


def test_saturated_air_holds_what_the_steam_table_says_and_a_room_no_more():
    assert saturation(0.0) == pytest.approx(4.85, rel=0.005)  # g/m3
    assert saturation(20.0) == pytest.approx(17.3, rel=0.005)
    wet = Room(RoomParameters(moisture=5000.0), generator(1), START)
    assert wet.at(START + 6 * HOUR)["humidity"] == pytest.approx(100.0)


def test_the_pump_runs_where_its_curve_meets_that_of_the_pipe():
    parameters = PumpParameters()
    _, states = trajectory(Pump(parameters, generator(1), START), 1200.0)
    for s in states:
        pipe = 1.0 + (4.5 - 1.0) * (s["flow"] / 40.0) ** 2
        pump = 6.0 * s["speed"] ** 2 - (6.0 - 4.5) * (s["flow"] / 40.0) ** 2
        assert s["pressure"] == pytest.approx(pipe) == pytest.approx(pump)


def test_a_pump_at_rated_speed_does_what_its_plate_says():
    rated = PumpParameters(load_low=1.0, load_high=1.0, wander=0.0)
    truth = Pump(rated, generator(1), START).at(START + 5 * HOUR)
    assert truth["flow"] == pytest.approx(40.0)
    assert truth["pressure"] == pytest.approx(4.5)
    assert truth["temperature"] == pytest.approx(25.0 + 45.0)
    assert truth["vibration"] ** 2 == pytest.approx(0.3**2 + 1.8**2)
    half = dataclasses.replace(rated, load_low=0.5, load_high=0.5)
    truth = Pump(half, generator(1), START).at(START + 5 * HOUR)
    assert truth["temperature"] == pytest.approx(25.0 + 45.0 / 8)
    assert truth["vibration"] ** 2 == pytest.approx(0.3**2 + (1.8 / 4) ** 2)


def test_all_channels_of_a_pump_follow_its_load_cycle():
    parameters = PumpParameters(wander=0.0)
    _, states = trajectory(Pump(parameters, generator(1), START), 1200.0)
    speeds = [s["speed"] for s in states]
    assert min(speeds) == pytest.approx(0.7, abs=1e-4) and max(speeds) == pytest.approx(1.0, abs=1e-4)
    assert speeds[:600] == pytest.approx(speeds[600:1200])
    by_speed = sorted(states, key=lambda s: s["speed"])
    for channel in ("vibration", "pressure", "flow"):
        assert all(a[channel] <= b[channel] for a, b in itertools.pairwise(by_speed))
    # The heat comes late: with τ = 900 s and a cycle of 600 s the lag is close to a quarter of the cycle.
    hottest = max(range(600), key=lambda i: states[600 + i]["temperature"])
    fastest = max(range(600), key=lambda i: speeds[600 + i])
    lag = (hottest - fastest) % 600 / 600
    assert lag == pytest.approx(math.atan(2 * math.pi * 900 / 600) / (2 * math.pi), abs=0.01)


def test_a_pump_too_slow_to_lift_the_water_moves_none():
    slow = PumpParameters(load_low=0.3, load_high=0.3, wander=0.0)
    truth = Pump(slow, generator(1), START).at(START + 60.0)
    assert truth["flow"] == 0.0
    assert truth["pressure"] == pytest.approx(slow.static_pressure)


def test_a_tank_keeps_its_mass_balance():
    parameters = TankParameters()
    times, states = trajectory(Tank(parameters, generator(1), START), 2 * HOUR)
    net = integral(times, [s["inflow"] - s["outflow"] for s in states])
    stored = parameters.area * (states[-1]["level"] - states[0]["level"])
    assert net == pytest.approx(stored, abs=1e-4 * parameters.fill * 2 * HOUR)
    levels = [s["level"] for s in states]
    assert 0.97 < min(levels) < 1.0 and 2.0 < max(levels) < 2.05  # the filling pump has switched both ways


def test_a_tank_without_inflow_drains_as_torricelli_says():
    parameters = TankParameters(fill=0.0, swing=0.0)
    tank = Tank(parameters, generator(1), START)
    begin = tank.level
    rate = 0.8 * 0.62 * 0.002 * math.sqrt(2 * 9.80665) / (2 * parameters.area)
    for elapsed in (10.0, 200.0, 900.0):
        expected = (math.sqrt(begin) - rate * elapsed) ** 2
        assert tank.at(START + elapsed)["level"] == pytest.approx(expected, abs=1e-6)
    empty = tank.at(START + 12 * HOUR)
    assert empty["level"] == pytest.approx(0.0, abs=1e-6) and empty["outflow"] == pytest.approx(0.0, abs=1e-5)


def test_a_tank_filled_beyond_its_rim_spills():
    flooded = TankParameters(height=2.0, switch_high=2.0, fill=1.0, orifice=0.0)
    assert Tank(flooded, generator(1), START).at(START + HOUR)["level"] == 2.0


def test_the_state_of_charge_is_the_integral_of_the_current():
    parameters = BatteryParameters()
    times, states = trajectory(Battery(parameters, generator(1), START), 6 * HOUR)
    charge = integral(times, [s["current"] for s in states]) / (3600.0 * parameters.capacity)
    assert charge == pytest.approx(states[-1]["soc"] - states[0]["soc"], abs=1e-3)
    socs = [s["soc"] for s in states]
    assert min(socs) == pytest.approx(0.15, abs=1e-3) and max(socs) == pytest.approx(0.9, abs=1e-3)
    assert {-1, 0, 1} == {(s["current"] > 0) - (s["current"] < 0) for s in states}


def test_a_rested_cell_shows_its_open_circuit_voltage_and_a_loaded_one_less():
    _, states = trajectory(Battery(BatteryParameters(), generator(1), START), 3 * HOUR)
    rested = [s for a, s in itertools.pairwise(states) if a["current"] == 0.0 and s["current"] != 0.0]
    assert rested, "the run holds the end of a rest"
    resting = states[states.index(rested[0]) - 1]
    assert resting["voltage"] == pytest.approx(open_circuit(resting["soc"]), abs=1e-6)
    assert states[0]["voltage"] == pytest.approx(
        open_circuit(states[0]["soc"]) + states[0]["current"] * (0.03 + 0.015), abs=1e-9
    )


def test_a_cell_under_constant_current_warms_by_its_losses():
    steady = BatteryParameters(capacity=1000.0, load_swing=0.0)
    truth = Battery(steady, generator(1), START).at(START + 2 * HOUR)
    assert truth["temperature"] == pytest.approx(23.0 + 12.0 * 2.5**2 * (0.03 + 0.015), abs=1e-6)


def test_the_open_circuit_voltage_rises_with_the_charge():
    voltages = [open_circuit(i / 100) for i in range(101)]
    assert voltages == sorted(voltages)
    assert voltages[0] == pytest.approx(2.654) and voltages[-1] == pytest.approx(4.103, abs=1e-3)
