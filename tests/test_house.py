"""The house itself: floors without an arrow up, no circle of imports, no file that is too long."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

import gencode

HOUSE: Final = Path(gencode.__file__).resolve().parent
_FLOORS: Final = (
    ("codes", "collector", "key_lists", "limits", "one_line", "printable", "seen", "torch_api"),
    ("outcome", "files", "file_writing", "temporaries", "ignore", "project_root"),
    ("toml", "formatters"),
    ("reading", "gate", "config", "settings"),
    ("facts",),
    ("header", "project_files", "rewriting"),
    ("rules", "grouped_conv"),
    ("pipeline", "load_model"),
    ("checkpoint", "command", "file_split", "page", "plinio_check", "proof", "__main__", ""),
)
"""From below: what stands on one floor may import what stands there or further down."""
_MOST_LINES: Final = 400


def _files() -> dict[str, Path]:
    """The modules of gencode, by their names in it."""
    found = {}
    for each in sorted(HOUSE.rglob("*.py")):
        parts = each.relative_to(HOUSE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = each
    return found


def _imported(name: str, file: Path, modules: dict[str, Path]) -> Iterator[str]:
    """The modules that one imports, be it in a function or for types alone."""
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".")
            for alias in node.names:
                inner = ".".join(filter(None, [*base, alias.name]))
                yield inner if inner in modules else ".".join(filter(None, base))


def _graph() -> dict[str, set[str]]:
    modules = _files()
    return {name: {*_imported(name, file, modules)} for name, file in modules.items()}


def test_no_circle_of_imports() -> None:
    """Nothing imports what imports it."""
    graph = _graph()
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_arrow_up() -> None:
    """Nothing imports what stands on a floor above."""
    floor = {name: number for number, names in enumerate(_FLOORS) for name in names}
    up = [
        f"{name} imports {other}"
        for name, others in _graph().items()
        for other in others
        if floor[other.partition(".")[0]] > floor[name.partition(".")[0]]
    ]
    assert not up


@pytest.mark.parametrize("file", _files().values(), ids=_files())
def test_no_file_is_too_long(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= _MOST_LINES
