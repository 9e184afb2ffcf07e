"""Programs that most configurations come down to, as C: `python -m agent.translate --write` makes `programs.h`.

The register machine of `steps.c` takes some two nanoseconds for each instruction of a single row. What is known when the
package is built needs no interpreter: here the very instructions that it would run become statements of C, one for one,
so that a compiler can keep what they pass on in registers of the processor. A program is known by a digest of its
instructions. A configuration that comes down to others is run as ever; one that differs in its constants alone is not,
since constants are given.

Only for building: a running agent does not import this.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from agent import kernel, native
from agent.alarms import score
from agent.alarms.anomaly import Anomaly
from agent.build import duration_hook
from agent.config import Config
from agent.distribute import assembled
from agent.native import Assembled
from agent.twins import Twins

HEADER = Path(__file__).with_name("programs.h")
WIDTH = 118  # of a line
_BASIS, _PRIME = 0xCBF29CE484222325, 0x100000001B3  # FNV-1a of 64 bits
_FORMS = {
    "+": "r{a} + r{b}",
    "-": "r{a} - r{b}",
    "*": "r{a} * r{b}",
    "/": "r{a} / r{b}",
    ">": "r{a} > r{b} ? 1.0 : 0.0",
    ">=": "r{a} >= r{b} ? 1.0 : 0.0",
    "<": "r{a} < r{b} ? 1.0 : 0.0",
    "&": "((r{a} != 0.0) & (r{b} != 0.0)) ? 1.0 : 0.0",
    "fmin": "r{a} < r{b} ? r{a} : r{b}",
    "fmax": "r{a} > r{b} ? r{a} : r{b}",
    "mul_add": "r{a} * r{b} + r{c}",
    "mul_sub": "r{a} * r{b} - r{c}",
    "sub_mul": "r{c} - r{a} * r{b}",
    "where": "r{a} != 0.0 ? r{b} : r{c}",
    "where>": "r{a} > r{b} ? r{c} : r{d}",
    "where>=": "r{a} >= r{b} ? r{c} : r{d}",
    "where<": "r{a} < r{b} ? r{c} : r{d}",
    "sqrt": "sqrt(r{a})",
    "abs": "fabs(r{a})",
    "exp": "exp(r{a})",
    "narrowed": "(double)(float)r{a}",
    "load64": "WIDE({a}, {b})",
    "load32": "(double)NARROWED({a}, {b})",
    "series": "series[{a}][step]",
}
_DOES = {
    "store64": "WIDE({to}, {b}) = r{a};",
    "store32": "NARROWED({to}, {b}) = (float)r{a};",
    "result": "results[{to}][step] = r{a};",
    "skip_none": "if (r{a} != 0.0) {{",
    "skip_all": "if (r{a} == 0.0) {{",
}


def programs() -> Iterator[tuple[str, Assembled]]:
    """Those of assets with one of the usual models and the default anomaly alarm: one reading, and a settled run."""
    for model in ("level", "level_rate"):
        for channel in ({}, {"noise": 1.0}):
            name = f"{model}{' with stated noise' if channel else ''}"
            block = Twins(_config(model, channel)).blocks[0]
            emitter = block.banks[0].emitter
            yield f"{name}, a reading", _program(emitter.step_of(0))
            yield f"{name}, a run", assembled(kernel.plan_run(emitter, settled=True))
    rule = next(alarm.rule for alarm in block.alarms if isinstance(alarm.rule, Anomaly))
    for weekly in (True, False):
        of = "with a week" if weekly else "without a week"
        yield f"score {of}, a reading", _program(score.program(rule.detectors, weekly=weekly)["step"])
        yield f"score {of}, a run", assembled(score.plan_run(rule.detectors, weekly=weekly, settled=True))


def _config(model: str, channel: dict[str, float]) -> Config:
    block = {"topic": "site/{asset}", "name": "{asset}", "model": model, "channels": {"value": channel}}
    built: Config = msgspec.convert({"site": "site", "assets": [block]}, Config, dec_hook=duration_hook)
    return built


def _program(prepared: object) -> Assembled:
    if not isinstance(prepared, Assembled):
        raise TypeError("expected a program of the compiled steps, got text; hint: they have to be built first")
    return prepared


def digest(program: Assembled) -> int:
    """Of the instructions and the widths of columns, as `steps.c` takes it."""
    found = _BASIS
    for byte in program.code + program.widths:
        found = (found ^ byte) * _PRIME % (1 << 64)
    return found


def function(name: str, program: Assembled) -> Iterator[str]:
    """Lines of a C function that makes steps one after the other."""
    known = len(program.constants) // 8
    yield f"static void {name}(const double *k, const Column *columns, const Slot *slots, const double *const *series,"
    yield "    double *const *results, Py_ssize_t step, Py_ssize_t end)"
    yield "{"
    yield from _filled([f"const double r{i} = k[{i}];" for i in range(known)], 1)
    yield "    (void)k, (void)columns, (void)slots, (void)series, (void)results;"
    yield "    for (; step < end; step++) {"
    statements = list(_statements(program))
    used = [s for s in range(program.indices) if any(f", {s})" in statement for statement in statements)]
    yield from _filled([f"const Py_ssize_t at{s} = place(&slots[{s}], step);" for s in used], 2)
    # What may be jumped over has some older number in the machine, and nobody chooses it.
    yield from _filled([f"double r{i} = 0.0;" for i in range(known, program.registers)], 2)
    yield from _filled(statements, 2)
    yield "    }"
    yield "}"


def _statements(program: Assembled) -> Iterator[str]:
    assert native.MACHINE is not None  # noqa: S101 - programs are its
    words = {number: word for word, number in native.MACHINE.CODES.items()}
    rows = np.frombuffer(program.code, np.uint16).reshape(-1, 6).tolist()
    ends: list[int] = []  # of what is jumped over, the innermost last
    for number, (op, to, a, b, c, d) in enumerate(rows):
        while ends and ends[-1] == number:
            ends.pop()
            yield "}"
        word = words[op]
        if word in _FORMS:
            yield f"r{to} = {_FORMS[word].format(a=a, b=b, c=c, d=d)};"
            continue
        yield _DOES[word].format(to=to, a=a, b=b)
        if word.startswith("skip"):
            end = number + 1 + b
            if ends and end > ends[-1]:
                raise ValueError(f"expected what is jumped over to lie within itself, got otherwise at {number}")
            ends.append(end)
    yield from "}" * len(ends)


def _filled(statements: list[str], depth: int) -> Iterator[str]:
    """As many statements to a line as it holds."""
    line = ""
    for statement in statements:
        if line and 4 * depth + len(line) + 1 + len(statement) > WIDTH:
            yield f"{'    ' * depth}{line}"
            line = ""
        line += f" {statement}" if line else statement
    if line:
        yield f"{'    ' * depth}{line}"


def text() -> str:
    """The header."""
    lines = ["/* Made by `python -m agent.translate --write`, which says what for; not to be changed by hand. */"]
    made = []
    for number, (name, p) in enumerate(programs()):
        lines += ["", f"/* {name}: {len(p.code) // 12} instructions */", *function(f"program_{number}", p)]
        shape = (len(p.code) // 12, len(p.constants) // 8, p.registers, len(p.columns), p.indices, p.series, p.results)
        made.append(f"    {{UINT64_C(0x{digest(p):016x}), {{{', '.join(map(str, shape))}}}, program_{number}}},")
    return "\n".join([*lines, "", "static const Translated translated[] = {", *made, "};", ""])


def main(arguments: list[str]) -> int:
    """Write the header, or show it."""
    if native.MACHINE is None:
        sys.stderr.write("expected the compiled steps, got none; hint: build the package where there is a C compiler\n")
        return 1
    if arguments == ["--write"]:
        HEADER.write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
