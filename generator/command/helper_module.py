"""The module that the sources of a tree import their helper from: where it is, and how."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path, PurePath
from typing import Final

from ..config import is_module_name
from ..file_writing import make_directory, write_atomically
from ..files import UsageError, absolute

USUAL_NAME: Final = "split_groups"
_HIDDEN: Final = frozenset((*sys.stdlib_module_names, "torch"))
"""What a module must not be called where Python looks for modules: others import these."""


@dataclass(frozen=True)
class HelperModule:
    """One module of a tree that holds what several sources need.

    Attributes:
        name: dotted, from a directory of the tree.
        is_relative: whether that directory is a package, in which imports are relative. If not, it
            is taken for one of those in which Python looks for modules.
        new_packages: the directories of the tree that it needs and that are not there.
        package: that directory, in the tree.
    """

    name: str
    is_relative: bool
    new_packages: tuple[PurePath, ...] = ()
    package: PurePath = field(default_factory=PurePath)

    @property
    def place(self) -> PurePath:
        """Its file in the tree."""
        return self.package.joinpath(*self.name.split(".")).with_suffix(".py")

    def imported_by(self, place: PurePath) -> str:
        """What stands after ``from`` in the source at that place of the tree."""
        depth = len(place.relative_to(self.package).parts)
        return "." * depth * self.is_relative + self.name

    def write(self, output: Path, source: bytes) -> int:
        """Write it to a tree, in packages that are made where they are missing.

        Returns:
            How many other hard links to it keep what it had.

        Raises:
            FileError: it cannot be written.
        """
        make_directory((output / self.place).parent)
        for package in self.new_packages:
            if not (output / package / "__init__.py").exists():
                write_atomically(output / package / "__init__.py", b"")
        return write_atomically(output / self.place, source)


def check_name(name: str) -> None:
    """See that a module can have a name.

    Raises:
        UsageError: none can.
    """
    if not is_module_name(name):
        raise UsageError(f"--helper-module: {name!r} is not the name of a module")


def helper_module(name: str, root: Path) -> HelperModule:
    """The module of that name in a tree, which may be there already.

    Raises:
        UsageError: something else in the tree has that name, or is imported by it.
    """
    is_package, top = (root / "__init__.py").exists(), name.partition(".")[0]
    if not is_package and top in _HIDDEN:
        raise UsageError(f"--helper-module: {name} would hide the module {top}")
    place = HelperModule(name, is_relative=False).place
    packages = place.parents[:-1]
    new = tuple(each for each in packages if not (root / each).exists())
    module = HelperModule(name, is_package, new)
    for other in (
        *((root / each).with_suffix(".py") for each in packages),
        root.joinpath(*name.split(".")),
    ):
        if os.path.lexists(other):
            raise UsageError(f"--helper-module: {other} is in the way of {root / module.place}")
    return module


def outermost_package(root: Path, place: PurePath) -> PurePath | None:
    """The directory of the outermost package in a tree that a file belongs to, if there is one."""
    packages = takewhile(lambda each: (root / each / "__init__.py").is_file(), place.parents)
    return next(iter([*packages][::-1]), None)


def package_around(directory: Path) -> tuple[Path, PurePath] | None:
    """The outermost package that a directory is part of, and where in it the directory is.

    It is named as the directory is: from here, or from the root of all.
    """
    place = absolute(directory)
    package = outermost_package(Path(), place / "any.py")
    if package is None:
        return None
    named = Path(package if directory.is_absolute() else os.path.relpath(package))
    return named, place.relative_to(package)
