"""What gencode emits for trees of sources, in figures: how much, and how many lines change.

Usage: python tests/emitted_figures.py [DIRECTORY ...]; by default the zoo, and timm and torchvision
if they are installed.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from importlib.util import find_spec
from pathlib import Path

from gencode.command import main as gencode
from gencode.grouped_conv import emitted as emitted_in

ZOO = Path(__file__).parent / "zoo"
FIGURES = (
    "files that change",
    "files with a helper",
    "lines of helper and loading",
    "author's lines added",
    "author's lines removed",
    "files with deepcopy, __class__ or _parameters",
)
_LOADING = "_load_from_state_dict"
_HELPER_MODULE = "# gencode helper "
_ROUGH = re.compile(r"\b(deepcopy|__class__|_parameters)\b")


def figures(directory: Path) -> Counter[str]:
    """The figures of all sources in a directory, once they are split as a whole."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / directory.name
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            status = gencode([str(directory), "-o", str(output)])
        assert status in (0, 3), f"gencode ends with status {status}"
        for file in sorted(output.rglob("*.py")):
            source = directory / file.relative_to(output)
            before = source.read_text(encoding="utf-8") if source.exists() else ""
            found += of_file(before, file.read_text(encoding="utf-8"))
    return found


def of_file(before: str, after: str) -> Counter[str]:
    """The figures of one file; a module that holds the helper is that, and nothing besides."""
    if before == after:
        return Counter()
    if after.startswith(_HELPER_MODULE):
        emitted = [line for line in after.splitlines() if line.strip()]
        return _counts(is_helper=True, emitted=emitted, added=[], removed=[])
    old, new = ast.parse(before), ast.parse(after)
    helper = set(_lines_of(_helper(old, new)))
    loading = helper | set(_lines_of(_loading(old, new)))
    lines = list(enumerate(after.splitlines(), 1))
    emitted = [line for number, line in lines if number in loading and line.strip()]
    kept = [line for number, line in lines if number not in loading]
    added, removed = _changes(before.splitlines(), kept)
    return _counts(bool(helper), emitted, added, removed)


def _counts(
    is_helper: bool, emitted: list[str], added: list[str], removed: list[str]
) -> Counter[str]:
    is_rough = any(_ROUGH.search(line) for line in (*emitted, *added))
    counts = (1, is_helper, len(emitted), len(added), len(removed), is_rough)
    return Counter(dict(zip(FIGURES, map(int, counts), strict=True)))


def _helper(old: ast.Module, new: ast.Module) -> Iterator[ast.stmt]:
    """What is the helper of a source that carries it."""
    names = {getattr(each, "name", "") for each in old.body}
    emitted = emitted_in(new)
    yield from (each for each in emitted if getattr(each, "name", "") not in names)


def _loading(old: ast.Module, new: ast.Module) -> Iterator[ast.stmt]:
    """The methods of the author's classes that load the original's weights."""
    known = {path for path, _ in _loading_methods(old)}
    yield from (each for path, each in _loading_methods(new) if path not in known)


def _loading_methods(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    classes = (each for each in ast.walk(tree) if isinstance(each, ast.ClassDef))
    for owner in classes:
        for each in owner.body:
            if isinstance(each, ast.FunctionDef) and each.name == _LOADING:
                yield owner.name, each


def _lines_of(statements: Iterator[ast.stmt]) -> Iterator[int]:
    for each in statements:
        decorators: list[ast.expr] = getattr(each, "decorator_list", [])
        first = min(each.lineno, *(one.lineno for one in decorators), each.lineno)
        yield from range(first, (each.end_lineno or 0) + 1)


def _changes(before: list[str], after: list[str]) -> tuple[list[str], list[str]]:
    """The lines that are added and removed, but for empty ones."""
    old, new = ([each for each in lines if each.strip()] for lines in (before, after))
    added: list[str] = []
    removed: list[str] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for _, start, end, new_start, new_end in matcher.get_opcodes():
        if old[start:end] != new[new_start:new_end]:
            removed += old[start:end]
            added += new[new_start:new_end]
    return added, removed


def directories() -> list[Path]:
    """Those that are named, or the zoo and what is installed."""
    if sys.argv[1:]:
        return [Path(each) for each in sys.argv[1:]]
    specs = [find_spec(name) for name in ("timm", "torchvision")]
    origins = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    return [ZOO, *(Path(each).parent for each in origins)]


def main() -> None:
    """Print the table."""
    found = {each.name: figures(each) for each in directories()}
    print(f"| | {' | '.join(found)} |\n|---|{'---|' * len(found)}")
    for name in FIGURES:
        print(f"| {name} | {' | '.join(str(each[name]) for each in found.values())} |")


if __name__ == "__main__":
    main()
