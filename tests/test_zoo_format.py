"""What is emitted is formatted as the source is: by black, and with lines that are not too long."""

from __future__ import annotations

import ast
from pathlib import Path

import black
import pytest

from gencode import Options, split_source
from gencode.outcome import Style

ZOO = Path(__file__).parent / "zoo"
SOURCES = sorted(ZOO.rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ZOO).with_suffix(""))


def formatted(text: str, length: int) -> str:
    return black.format_str(text, mode=black.Mode(line_length=length))


def without_helper(text: str, source: str) -> str:
    """A split source without the classes and functions that its original does not have."""
    names = {getattr(each, "name", "") for each in ast.parse(source).body}
    lines = text.splitlines(keepends=True)
    for each in reversed(ast.parse(text).body):
        if getattr(each, "name", "") not in names:
            if isinstance(each, (ast.FunctionDef, ast.ClassDef)):
                del lines[each.lineno - 1 : (each.end_lineno or 0) + 2]
    return "".join(lines)


def too_long(text: str, source: str, length: int) -> list[str]:
    """The lines that are too long, but for those that the source has at whatever indent."""
    known = {each.strip() for each in source.splitlines()}
    return [each for each in text.splitlines() if len(each) > length and each.strip() not in known]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_generated_file_is_formatted(path: Path) -> None:
    source = path.read_text("utf-8")
    assert formatted(source, 100) == source
    text = split_source(source, Options(black={"line-length": 100})).text
    assert not too_long(text, source, 100)
    assert formatted(text, 100) == text


@pytest.mark.parametrize("length", [88, 79])
@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_at_other_line_lengths(path: Path, length: int) -> None:
    source = formatted(path.read_text("utf-8"), length)
    text = split_source(source, Options(black={"line-length": length})).text
    body = without_helper(text, source)
    assert not too_long(body, source, length)
    assert formatted(body, length) == body


@pytest.mark.parametrize("style", ["auto", "loop", "built"])
@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_line_is_too_long_where_the_source_is_formatted_otherwise(
    path: Path, style: Style
) -> None:
    source = path.read_text("utf-8").replace('"', "'")
    text = split_source(source, Options(style=style, black={"line-length": 79})).text
    assert not too_long(without_helper(text, source), source, 79)
