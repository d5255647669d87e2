"""What holds for each file: what the command line says, or else the nearest configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .config import Config, ConfigError, Projects
from .files import STDIN, absolute
from .outcome import Options

if TYPE_CHECKING:
    from .ignore import Patterns

_OPTIONS = ("style", "max_unroll", "templates", "checkpoint", "norm", "target", "select", "ignore")


class Settings:
    """Options and exclusions by directory, each found out once.

    Args:
        given: what the command line sets, by the name of the option.

    Raises, in all its methods:
        ConfigError: a configuration file is faulty.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._projects = Projects()
        self._options: dict[Path, Options] = {}

    def config(self, directory: Path) -> Config:
        """The configuration that holds for an absolute directory."""
        return self._projects.config(directory)

    def helper_module(self, root: Path) -> str | Literal[False] | None:
        """The module that sources below a directory are to import their helper from, or False."""
        name: str | Literal[False] | None = self._value("helper_module", absolute(root))
        return name

    def options(self, path: str) -> Options:
        """How to split a file, or standard input."""
        directory = _directory_of(path)
        if directory not in self._options:
            values = {name: self._value(name, directory) for name in _OPTIONS}
            values = {name: value for name, value in values.items() if value is not None}
            black = self._projects.black(directory)
            try:
                self._options[directory] = Options(black=black, **values)
            except ValueError as error:
                raise ConfigError(f"pyproject.toml: {error}") from error
        return self._options[directory]

    def is_excluded(self, path: str, root: str) -> bool:
        """Whether a file is not to be split.

        Args:
            path: as typed.
            root: the directory that patterns of the command line are relative to; those of a
                configuration are to its own.
        """
        lines, base = self._given.get("exclude"), absolute(root)
        if lines is None:
            config = self.config(_directory_of(path))
            lines, base = config.values.get("exclude"), config.directory or base
        file = absolute(path)
        if not lines or path == STDIN or not file.is_relative_to(base):
            return False
        return _patterns(tuple(lines)).covers(file.relative_to(base).parts)

    def is_generated_from(self, path: str) -> bool:
        """Whether something is configured to be generated from a file."""
        file = os.path.realpath(path)
        sources = (each.source for each in self.config(_directory_of(path)).generate)
        return any(Path(file).is_relative_to(os.path.realpath(each)) for each in sources)

    def _value(self, name: str, directory: Path) -> Any:
        if name in self._given:
            return self._given[name]
        return self.config(directory).values.get(name)


def _directory_of(path: str) -> Path:
    """The absolute directory of a file, links not resolved."""
    return absolute(os.curdir) if path == STDIN else absolute(path).parent


@cache
def _patterns(lines: tuple[str, ...]) -> Patterns:
    from .ignore import Patterns  # slow to import, and so only where there are some

    return Patterns(lines)
