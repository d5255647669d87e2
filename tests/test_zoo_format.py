"""What is emitted is formatted as the source is: by black, and with lines that are not too long."""

from __future__ import annotations

import ast
from pathlib import Path

import black
import pytest
from black.files import infer_target_version
from black.mode import TargetVersion

from gencode import Options, split_source
from gencode.outcome import Style
from gencode.rewriting.formatting import Formatter

ZOO = Path(__file__).parent / "zoo"
VERSIONS = {each.name.lower(): each for each in TargetVersion}
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


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_at_another_line_length(path: Path) -> None:
    source = formatted(path.read_text("utf-8"), 79)
    text = split_source(source, Options(black={"line-length": 79})).text
    body = without_helper(text, source)
    assert not too_long(body, source, 79)
    assert formatted(body, 79) == body


@pytest.mark.parametrize("style", ["auto", "loop", "built"])
@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_line_is_too_long_where_the_source_is_formatted_otherwise(
    path: Path, style: Style
) -> None:
    source = path.read_text("utf-8").replace('"', "'")
    text = split_source(source, Options(style=style, black={"line-length": 79})).text
    longest = max(map(len, source.splitlines()))
    assert not too_long(without_helper(text, source), source, longest)


STARRED = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, in_channels, **keyword_arguments_of_the_convolution):
        super().__init__()
        self.stem = nn.Conv2d(8, 8, 1, groups=2)
        self.conv = nn.Conv2d(
            in_channels, 24, (3, 3), bias=False, **keyword_arguments_of_the_convolution
        )

    def forward(self, x):
        return self.conv(self.stem(x)){}
"""
ENDS = {
    "any version": "",
    "an f-string": " + len(f'{x}')",
    "a comma after **": f" + self.sum(\n{'x' * 60},\n**{'y' * 60},\n        )",
    "Python 3.10": "\n\n    def kind(self, x):\n        match x:\n            case 3: pass",
}
CONFIGS: tuple[dict[str, object], ...] = (
    {},
    {"target-version": ["py33"]},
    {"target-version": ["py39", "py310"]},
    {"requires-python": ">=3.9"},
    {"requires-python": "any", "target_version": ["py27"]},
)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("end", ENDS)
def test_a_comma_stands_behind_starred_arguments_where_black_puts_one(
    end: str, config: dict[str, object]
) -> None:
    """Black tells by the whole file, or by what the project says, which Python it is for."""
    named = [VERSIONS[each] for each in config.get("target-version", ())]
    asked = {"project": {"requires-python": config.get("requires-python")}}
    versions = {*named, *(infer_target_version(asked) or ())}
    if end == "Python 3.10" and TargetVersion.PY33 in versions:
        pytest.skip("black does not parse it as that")
    mode = black.Mode(target_versions=versions)
    source = black.format_str(STARRED.format(ENDS[end]), mode=mode)
    for options in (
        Options(black=config),
        Options(black=config, style="module"),
        Options(black=config, style="module", helper_module=".splitting"),
    ):
        text = split_source(source, options).text
        assert text != source
        assert black.format_str(text, mode=mode) == text


def test_a_source_that_black_does_not_parse() -> None:
    lines = Formatter({}, "    ", "\n", "a b").statements(f"f({'a' * 70}, *{'b' * 70})", "")
    assert lines == ["f(", f"    {'a' * 70},", f"    *{'b' * 70}", ")"]
