"""The ``[tool.gencode]`` table of pyproject.toml, and what black is told: where each holds."""

from __future__ import annotations

import keyword
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .codes import CODES, TARGETS, unknown
from .files import FileError, absolute, read_found
from .formatters import layout, ruff_file
from .outcome import STYLES, is_style
from .toml import loads


class ConfigError(Exception):
    """A configuration file is faulty; the message names it and says how, in one line."""


class Pair(NamedTuple):
    """A source, or a directory of sources, and what is generated from it; absolute paths."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Config:
    """What a pyproject.toml says of gencode.

    Attributes:
        directory: that of the file; None where there is no such file.
        values: what each key but ``generate`` is set to, by the name of its option; paths are
            absolute.
        generate: the pairs to generate.
    """

    directory: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    generate: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class _Project:
    """A directory that has a pyproject.toml, or a ruff.toml."""

    file: Path
    tools: Mapping[str, Any]
    python: object = None

    @cached_property
    def black(self) -> Mapping[str, Any]:
        ruff = ruff_file(self.file.parent)
        if ruff is None and isinstance(self.tools.get("ruff"), dict):
            ruff = self.tools["ruff"]
        table = layout(self._table("black"), ruff)
        return {"requires-python": self.python, **table} if isinstance(self.python, str) else table

    @cached_property
    def config(self) -> Config | None:
        table = self._table("gencode")
        if table is None:
            return None
        try:
            values = {key: _checked(key, value, self.file.parent) for key, value in table.items()}
        except ValueError as error:
            raise ConfigError(f"{self.file}: [tool.gencode]: {error}") from error
        generate: Any = values.pop("generate", ())
        options = {key.replace("-", "_"): value for key, value in values.items()}
        return Config(self.file.parent, options, generate)

    def _table(self, name: str) -> Mapping[str, Any] | None:
        table = self.tools.get(name)
        if table is not None and not isinstance(table, dict):
            raise ConfigError(f"{self.file}: tool.{name} is not a table")
        return table


class Projects:
    """Reads each pyproject.toml once.

    Raises, in all its methods:
        ConfigError: a file cannot be read, or is not TOML; or its table of gencode has an unknown
            key, or one with a value that cannot be.
    """

    def __init__(self) -> None:
        self._projects: dict[Path, _Project | None] = {}

    def config(self, directory: Path) -> Config:
        """The nearest ``[tool.gencode]`` table at or above a directory."""
        found = (self._project(each) for each in (directory, *directory.parents))
        configs = (project.config for project in found if project is not None)
        return next((config for config in configs if config is not None), Config())

    def black(self, directory: Path) -> Mapping[str, Any]:
        """What black is told, or else ruff, by the nearest that tells them at or above a directory.

        It is a ``[tool.black]`` table, with the project's ``requires-python``; empty for nothing.
        """
        found = (self._project(each) for each in (directory, *directory.parents))
        told = (project.black for project in found if project is not None)
        return next(filter(None, told), {})

    def _project(self, directory: Path) -> _Project | None:
        if directory not in self._projects:
            self._projects[directory] = _read(directory / "pyproject.toml")
        return self._projects[directory]


def _read(file: Path) -> _Project | None:
    if not os.path.lexists(file):
        return _Project(file, {}) if ruff_file(file.parent) is not None else None
    try:
        text = read_found(str(file)).decode("utf-8-sig")
    except FileError as error:
        raise ConfigError(f"{file}: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8") from error
    try:
        document = loads(text)
    except ValueError as error:
        if "black" in text or "gencode" in text:
            raise ConfigError(f"{file}: {error}") from error
        document = {}  # what has neither table is not ours to find fault with
    tools, project = (document.get(each) for each in ("tool", "project"))
    python = project.get("requires-python") if isinstance(project, dict) else None
    return _Project(file, tools if isinstance(tools, dict) else {}, python)


def _checked(key: str, value: object, directory: Path) -> object:
    """What a key is set to.

    Raises:
        ValueError: there is no such key, or it cannot have that value.
    """
    if key not in _KEYS:
        raise ValueError(_unknown_key(key, list(_KEYS)))
    try:
        return _KEYS[key](value, directory)
    except ValueError as error:
        raise ValueError(f"{key} {error}") from error


def _unknown_key(key: str, known: list[str]) -> str:
    from difflib import get_close_matches

    (nearest,) = get_close_matches(key, known, n=1, cutoff=0)
    return f"there is no key {key}; did you mean {nearest}?"


def _style(value: object, directory: Path) -> str:
    if not is_style(value):
        raise ValueError(f"is one of {', '.join(STYLES)}, not {value!r}")
    return str(value)


def _number(value: object, directory: Path) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"is a number from 1, not {value!r}")
    return value


def _flag(value: object, directory: Path) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"is true or false, not {value!r}")
    return value


def _text(value: object, directory: Path) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"is a string, not {value!r}")
    return value


def _target(value: object, directory: Path) -> str:
    if not isinstance(value, str) or value not in TARGETS:
        raise ValueError(f"is one of {', '.join(TARGETS)}, not {value!r}")
    return value


def _codes(value: object, directory: Path) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"is a list of rules, of {', '.join(CODES)}, not {value!r}")
    wrong = unknown(value)
    if wrong:
        raise ValueError(f"names what is none: {wrong}")
    return tuple(value)


def is_module_name(name: str) -> bool:
    """Whether a dotted name can be that of a module, and of no package's own."""
    parts = name.split(".")
    is_name = all(each.isidentifier() and not keyword.iskeyword(each) for each in parts)
    return is_name and "__init__" not in parts


def _module(value: object, directory: Path) -> str | Literal[False]:
    """The name of a module, or False where each source is to have its own helper."""
    if value is False:
        return False
    name = _text(value, directory)
    if not is_module_name(name):
        raise ValueError(f"is the name of a module, which {name!r} is not")
    return name


def _patterns(value: object, directory: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"is a list of patterns, not {value!r}")
    return tuple(value)


def _templates(value: object, directory: Path) -> Path:
    path = directory / _text(value, directory)
    if not path.is_dir():
        raise ValueError(f"is a directory, which {value} is not")
    return path


def _pairs(value: object, directory: Path) -> tuple[Pair, ...]:
    if not isinstance(value, list):
        raise ValueError("is a list of tables: [[tool.gencode.generate]]")
    pairs = tuple(_pair(each, directory) for each in value)
    for number, pair in enumerate(pairs):
        others = [each.output for each in pairs[:number] + pairs[number + 1 :]]
        shown = os.path.relpath(pair.output, directory)
        if _real(pair.output) == _real(pair.source):
            raise ValueError(f"would write {pair.source.name} over itself")
        if _overlaps(pair.output, [directory / "pyproject.toml"]):
            raise ValueError(f"would write over pyproject.toml, with {shown}")
        if _overlaps(pair.output, others):
            raise ValueError(f"writes {shown} twice")
        if any(_real(pair.source).is_relative_to(_real(each)) for each in others):
            raise ValueError(f"has {pair.source.name} as a source, which is generated itself")
    return pairs


def _overlaps(path: Path, others: Iterable[Path]) -> bool:
    """Whether a path is one of some others, or in one, or holds one."""
    real = _real(path)
    return any(
        real.is_relative_to(_real(each)) or _real(each).is_relative_to(real) for each in others
    )


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _pair(value: object, directory: Path) -> Pair:
    if not isinstance(value, dict):
        raise ValueError(f"is a list of tables with source and output, not of {value!r}")
    for key in value:
        if key not in Pair._fields:
            raise ValueError(f"has a table that is faulty: {_unknown_key(key, [*Pair._fields])}")
    for key in Pair._fields:
        path = value.get(key)
        if not isinstance(path, str) or not path or "\0" in path:
            raise ValueError(f"has a table without a path as {key}")
    return Pair(*(absolute(directory / value[key]) for key in Pair._fields))


_KEYS: Mapping[str, Callable[[object, Path], object]] = {
    "style": _style,
    "max-unroll": _number,
    "templates": _templates,
    "checkpoint": _flag,
    "norm": _flag,
    "target": _target,
    "select": _codes,
    "ignore": _codes,
    "exclude": _patterns,
    "helper-module": _module,
    "generate": _pairs,
}
