"""How a project formats its code: what black and ruff are told in its configuration files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .files import FileError, read_found
from .toml import loads

_RUFF_FILES: Final = (".ruff.toml", "ruff.toml")
_LINE_LENGTH: Final = 88
"""That of black and of ruff format, where nothing is said of it."""


def layout(black: Mapping[str, Any] | None, ruff: Mapping[str, Any] | None) -> dict[str, Any]:
    """A ``[tool.black]`` table that says how a project's code looks; empty where nothing does.

    Args:
        black: the project's own, which counts before what ruff is told.
        ruff: its ``[tool.ruff]`` table, or ruff.toml.
    """
    if black is not None:
        given = {key.replace("_", "-"): value for key, value in black.items()}
        return {"line-length": _LINE_LENGTH, **given}
    return _as_black(ruff) if ruff is not None else {}


def _as_black(ruff: Mapping[str, Any]) -> dict[str, Any]:
    """What ruff is told, as black would be. What is no value for ruff is not ours to say."""
    found: dict[str, Any] = {}
    table = ruff.get("format")
    formats: Mapping[str, Any] = table if isinstance(table, dict) else {}
    length = ruff.get("line-length", _LINE_LENGTH if table is not None else None)
    if type(length) is int and length > 0:
        found["line-length"] = length
    if isinstance(ruff.get("target-version"), str):
        found["target-version"] = [ruff["target-version"]]
    if formats.get("quote-style", "double") != "double":
        found["skip-string-normalization"] = True
    if formats.get("skip-magic-trailing-comma") is True:
        found["skip-magic-trailing-comma"] = True
    return found


def ruff_file(directory: Path) -> dict[str, Any] | None:
    """What the ruff.toml of a directory says; None where there is none that can be read."""
    for file in (directory / name for name in _RUFF_FILES):
        if file.is_file():
            try:
                text = read_found(str(file)).decode("utf-8-sig")
                table: dict[str, Any] = loads(text)
            except (FileError, ValueError):
                return None
            return table
    return None
