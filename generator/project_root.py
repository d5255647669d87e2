"""Where the project begins that a directory lies in."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Final

_MARKS: Final = ("pyproject.toml", "setup.py", ".git")
ENVIRONMENTS: Final = ("site-packages", "dist-packages")
"""Directories of what is installed."""


def root_of(directory: Path) -> tuple[Path, str | None]:
    """The root of the project that a directory lies in, and what of it belongs to the project.

    It is the nearest directory with what marks one, else the topmost package by itself, else the
    files of the directory; never a home directory or an environment, nor what lies above these.
    """
    for each in takewhile(lambda one: not _is_barred(one), (directory, *directory.parents)):
        if any(is_there(each / mark) for mark in _MARKS):
            return each, None
    package = directory
    while is_there(package.parent / "__init__.py"):
        package = package.parent
    is_package = is_there(package / "__init__.py")
    return (package.parent, package.name) if is_package else (directory, "")


def _is_barred(directory: Path) -> bool:
    is_environment = directory.name in ENVIRONMENTS or is_there(directory / "pyvenv.cfg")
    return is_environment or directory == Path.home() or directory.parent == directory


def is_there(path: Path) -> bool:
    """Whether there is something at a path, as far as can be seen."""
    try:
        return path.exists()
    except OSError:
        return False
