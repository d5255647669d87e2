"""Every model file of timm and torchvision goes through, where they are installed.

As input only: neither is imported. ``pip install --no-deps timm torchvision`` brings them.
"""

from __future__ import annotations

import ast
import re
from importlib.metadata import PackageNotFoundError, files
from itertools import cycle
from pathlib import Path

import pytest

from gencode import Options, split_source

pytestmark = pytest.mark.corpus


def _sources(package: str) -> list[Path]:
    try:
        found = files(package) or []
    except PackageNotFoundError:
        return []
    return [Path(str(each.locate())) for each in found if each.suffix == ".py"]


CORPUS = {package: _sources(package) for package in ("timm", "torchvision")}
STYLES = [Options(), Options(style="explicit"), Options(style="loop")]


@pytest.fixture(params=CORPUS)
def sources(request: pytest.FixtureRequest) -> dict[Path, str]:
    if not CORPUS[request.param]:
        pytest.skip(f"{request.param} is not installed")
    read = {path: path.read_bytes().decode("utf-8") for path in CORPUS[request.param]}
    assert len(read) > 100
    return read


def test_nothing_crashes_and_what_is_not_split_is_the_same(sources: dict[Path, str]) -> None:
    seen = 0
    for text, options in zip(sources.values(), cycle(STYLES), strict=False):
        result = split_source(text, options)
        seen += len(result.records)
        if not any(record.is_split for record in result.records):
            assert result.text is text
        ast.parse(result.text)
    assert seen > 20 / len(STYLES)


def test_with_known_channels_all_is_split_or_has_its_reason(sources: dict[Path, str]) -> None:
    """The same files, each of whose convolutions is given numbers and two groups, in turns."""
    written = 0
    for text, options in zip(map(_with_numbers, sources.values()), cycle(STYLES), strict=False):
        result = split_source(text, options)
        ast.parse(result.text)
        written += sum(record.style in ("explicit", "loop") for record in result.records)
        assert all(record.detail for record in result.records)
        assert split_source(result.text, options).text is result.text
    assert written > 10 / len(STYLES)


def _with_numbers(text: str) -> str:
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    edits = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or len(node.args) < 3 or not text.isascii():
            continue
        if re.fullmatch(r".*\bConv(Transpose)?[123]d", ast.unparse(node.func)):
            groups = [each.value for each in node.keywords if each.arg == "groups"]
            for value, number in [
                (node.args[0], 64),
                (node.args[1], 64),
                *((g, 2) for g in groups),
            ]:
                begin = starts[value.lineno - 1] + value.col_offset
                end = starts[(value.end_lineno or 0) - 1] + (value.end_col_offset or 0)
                edits.append((begin, end, str(number)))
            if not groups and len(node.args) < 7:
                last = node.args[-1]
                end = starts[(last.end_lineno or 0) - 1] + (last.end_col_offset or 0)
                edits.append((end, end, ", groups=2"))
    for begin, end, number in sorted(edits, reverse=True):
        text = text[:begin] + number + text[end:]
    return text
