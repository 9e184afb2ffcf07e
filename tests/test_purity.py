"""The core is pure: none of its files reaches for a clock, chance, a socket, a thread, a file or a log, nor keeps state."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import agent

ROOT = Path(agent.__file__).parent
FORBIDDEN = frozenset(
    (
        *("socket", "ssl", "select", "selectors", "asyncio", "http", "urllib", "requests", "paho", "prometheus_client"),
        *("time", "random", "secrets", "uuid", "signal", "logging"),
        *("threading", "_thread", "queue", "multiprocessing", "concurrent", "subprocess"),
        *("os", "io", "pathlib", "shutil", "tempfile", "sqlite3", "pickle", "yaml"),
        *("filterpy", "scipy", "matplotlib"),
    )
)
# Plug-ins are found by name here and nowhere else in the core.
FINDS_PLUGINS = frozenset(("agent.models", "agent.codecs"))


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports anywhere in it, those only for the type checker left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def file_of(module: str) -> Path | None:
    path = ROOT.parent / Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def core() -> dict[str, Path]:
    """The core's own modules: all that `agent.twins` and the built-in codecs and models lead to."""
    codecs = [f"agent.codecs.{p.stem}" for p in (ROOT / "codecs").glob("*.py") if p.stem != "__init__"]
    found: dict[str, Path] = {}
    waiting = ["agent.twins", "agent.journal", "agent.snapshot", *codecs]
    while waiting:
        module = waiting.pop()
        path = file_of(module)
        if path is None or module in found:
            continue
        found[module] = path
        parts = module.split(".")
        waiting += [".".join(parts[:k]) for k in range(1, len(parts))]
        waiting += [name for name in imports(path) if name.startswith("agent")]
    return found


def test_the_walk_finds_the_core() -> None:
    found = core()
    parts = (
        "kernel",
        "bank",
        "block",
        "decode",
        "encode",
        "alarms.lifecycle",
        "models.linear",
        "codecs.json",
        "config",
    )
    assert {f"agent.{part}" for part in parts} <= set(found)
    assert not [module for module in found if module.startswith(("agent.shell", "agent.cli", "agent.demo"))]


def test_the_core_imports_no_clock_no_chance_no_socket_no_thread_no_file_and_no_log() -> None:
    guilty = [
        (module, name)
        for module, path in core().items()
        for name in imports(path)
        if name.split(".")[0] in FORBIDDEN or name == "datetime.datetime.now"
    ]
    assert guilty == []


def test_the_walk_would_notice(tmp_path: Path) -> None:
    sneaky = tmp_path / "sneaky.py"
    sneaky.write_text("def f():\n    from time import monotonic\n    import os.path\n    return monotonic, os.path\n")
    assert {name.split(".")[0] for name in imports(sneaky)} == {"time", "os"}


def test_the_core_calls_nothing_that_reads_the_world() -> None:
    """`open`, `input`, `print`, and the clock methods of datetime."""
    guilty = []
    for module, path in core().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if called in {"open", "input", "print", "breakpoint", "now", "utcnow", "today"}:
                    guilty.append((module, node.lineno, called))
    assert guilty == []


def test_plugins_are_looked_up_only_in_their_registries() -> None:
    guilty = [
        module
        for module, path in core().items()
        if any(name.split(".")[0] == "importlib" for name in imports(path)) and module not in FINDS_PLUGINS
    ]
    assert guilty == []


def changing(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Module-level names bound to something mutable that functions of the module then change."""
    mutable = {
        target.id
        for node in module.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        and isinstance(node.value, (ast.Dict, ast.List, ast.Set, ast.Call, ast.ListComp, ast.DictComp))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for function in ast.walk(module):
        if not isinstance(function, (ast.FunctionDef, ast.Lambda)):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                yield node.lineno, f"global {', '.join(node.names)}"
            target = node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
            if isinstance(target, ast.Name) and target.id in mutable and isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                if called in {"append", "add", "update", "setdefault", "pop", "clear", "extend", "insert", "remove"}:
                    yield node.lineno, f"{target.id}.{called}"
            if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
                kept = node.value.id if isinstance(node.value, ast.Name) else ""
                if kept in mutable:
                    yield node.lineno, f"{kept}[...]"


def test_no_module_of_the_core_keeps_state() -> None:
    guilty = [
        (module, *where)
        for module, path in core().items()
        for where in changing(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert guilty == []


def test_a_module_that_keeps_state_would_be_noticed() -> None:
    source = "seen = {}\ndef f(x):\n    seen[x] = 1\n    seen.update(a=1)\n    global seen\n"
    assert {what for _, what in changing(ast.parse(source))} == {"seen[...]", "seen.update", "global seen"}


def test_importing_the_core_loads_neither_the_shell_nor_anything_heavy() -> None:
    heavy = ["paho", "prometheus_client", "yaml", "scipy", "filterpy", "asyncio", "sqlite3", "agent.shell"]
    script = f"import sys, json, agent.twins; print(json.dumps([m for m in {heavy!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert json.loads(done.stdout) == []
