"""Programs as C: the header is of the present expressions, and each gives what the interpreter gives, to the bit but for NaN's."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import native, translate
from agent.native import Assembled, Steps
from agent.twins import Twins
from bench.core import batches
from bench.figures import config

if native.MACHINE is None:
    pytest.skip("the compiled steps were not built: no C compiler", allow_module_level=True)

if sys.byteorder != "little":
    pytest.skip(
        "digests are of instructions as they lie in memory, and were taken on a little-endian machine",
        allow_module_level=True,
    )

PROGRAMS = dict(translate.programs())
ROWS = 3
numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-1e3, 1e3),
    st.floats(1e-9, 1e3),
    st.sampled_from((0.0, -0.0, 1.0, 20.0, 99.0, 100.0, 101.0, 1e6)),
)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_header_is_of_the_present_expressions(seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent.translate"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": seed},
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout == translate.HEADER.read_text(), "run: python -m agent.translate --write, and build again"


def interpreted(program: Assembled) -> Steps:
    """The same with an instruction more, whose outcome nobody asks for, so that nobody knows it."""
    assert native.MACHINE is not None
    more = np.array([native.MACHINE.CODES["abs"], program.registers, 0, 0, 0, 0], np.uint16).tobytes()
    made = dataclasses.replace(program, code=program.code + more, registers=program.registers + 1).made()
    assert not made.translated
    return made


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_usual_programs_are_known(name: str) -> None:
    assert PROGRAMS[name].made().translated


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_with_other_constants_is_known_too(name: str) -> None:
    program = PROGRAMS[name]
    constants = np.frombuffer(program.constants) * 1.5
    assert dataclasses.replace(program, constants=constants.tobytes()).made().translated


@pytest.mark.parametrize("change", ["code", "widths", "shape"])
def test_what_differs_otherwise_is_not(change: str) -> None:
    program = PROGRAMS["level, a run"]
    if change == "code":
        rows = np.frombuffer(program.code, np.uint16).reshape(-1, 6).copy()
        assert native.MACHINE is not None
        k = int(np.flatnonzero(rows[:, 0] == native.MACHINE.CODES["fmin"])[0])
        rows[k, 0] = native.MACHINE.CODES["fmax"]
        program = dataclasses.replace(program, code=rows.tobytes())
    elif change == "widths":
        program = dataclasses.replace(program, columns=(*program.columns, native.Column("one more", 0, narrow=True)))
    else:
        program = dataclasses.replace(program, registers=program.registers + 1)
    assert not program.made().translated


@pytest.mark.parametrize("name", PROGRAMS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_it_gives_what_the_interpreter_gives(name: str, data: st.DataObject) -> None:
    program = PROGRAMS[name]
    steps = data.draw(st.sampled_from((1, 2, 7, 40)))
    seed = data.draw(st.integers(0, 1 << 32))
    chosen = np.array(data.draw(st.lists(numbers, min_size=12, max_size=12)))
    together = data.draw(st.booleans())

    def lived(run: Steps) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)

        def some(size: int, narrow: bool) -> np.ndarray:
            usual = rng.uniform(0.1, 5.0, size) * rng.choice((1.0, 30.0, 1.0), size)
            mixed = np.where(rng.random(size) < 0.2, rng.choice(chosen, size), usual)
            with np.errstate(over="ignore"):
                return mixed.astype(np.float32 if narrow else np.float64)

        columns = {c.name: some(ROWS + steps, c.narrow) for c in program.columns}
        run.bind(columns)
        series = [some(steps, False) for _ in range(program.series)]
        # In turn, what a step stores is what a later one finds, as in `agent.distribute`; together, each has its own row.
        indices = [ROWS if k % 2 and not together else np.arange(steps) for k in range(program.indices)]
        told = list(run.run(indices, series, steps, None if together else np.arange(1, steps + 1)))
        told.append(np.array(run.one(*[0] * program.indices, *[float(s[0]) for s in series])))
        return [*columns.values(), *told]

    for ours, theirs in zip(lived(program.made()), lived(interpreted(program)), strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)
        real = ~np.isnan(ours)
        assert np.array_equal(np.signbit(ours[real]), np.signbit(theirs[real]))


def test_what_a_default_asset_does_is_what_was_translated() -> None:
    ran: list[Steps] = []
    with pytest.MonkeyPatch.context() as patch:
        run = Steps.run

        def observed(self: Steps, indices: Any, series: Any, count: int, ends: Any = None) -> Any:
            ran.append(self)
            return run(self, indices, series, count, ends)

        patch.setattr(Steps, "run", observed)
        twins = Twins(config())
        for batch in batches(1, 4000, 800):
            twins.on_batch(batch)
    filtered, scored, counted = ran[-3:]
    assert filtered.translated
    assert scored.translated
    assert not counted.translated  # a handful of instructions
