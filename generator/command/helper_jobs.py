"""The modules that sources may come to import their helper from, and what is to be in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePath

from ..files import FileError, UsageError, read_found
from ..outcome import Options
from ..pipeline import helper_blocks, helper_source, is_earlier_helper
from ..settings import Settings
from .helper_module import (
    USUAL_NAME,
    HelperModule,
    helper_module,
    outermost_package,
    package_around,
)

_FOREIGN = (
    "it is there already, and is not what gencode has written: remove it, or name another"
    " module with --helper-module"
)
_EARLIER = (
    "it is there already, and an earlier gencode has written it: name another module with"
    " --helper-module, or split the originals again"
)


@dataclass(frozen=True)
class HelperJob:
    """A module that sources may turn out to import.

    Attributes:
        module: what it is called, and where it is.
        root: the directory that has the sources, and may have it.
        output: the directory that it is to be written to.
        options: how to write it.
        was_there: whether the sources had it before.
        inside: where in ``root`` the directory is whose sources are split.
    """

    module: HelperModule
    root: Path
    output: Path
    options: Options
    was_there: bool
    inside: PurePath = field(default_factory=PurePath)

    @property
    def target(self) -> Path:
        """Its file."""
        return self.output / self.module.place

    def is_at(self, place: PurePath) -> bool:
        """Whether it is what stands at a place of the directory whose sources are split."""
        return self.inside / place == self.module.place

    def imported_by(self, place: PurePath) -> str:
        """What stands after ``from`` in the source at that place."""
        return self.module.imported_by(self.inside / place)

    def source(self, blocks: frozenset[str]) -> bytes:
        """What is to be in it: some parts, and those that are there already.

        Raises:
            FileError: another module is there, or one that somebody has changed.
        """
        for file in dict.fromkeys((self.root / self.module.place, self.target)):
            package = file.with_suffix("")
            if (package / "__init__.py").exists():
                raise FileError(f"cannot be written: {package} is in the way", str(file))
            if not file.exists():
                continue
            there = blocks_of(file)
            if there is None:
                raise FileError(f"cannot be written: {_in_the_way(file)}", str(file))
            blocks |= there
        return helper_source(self.options, blocks).encode()


def blocks_of(file: Path) -> frozenset[str] | None:
    """The parts of the helper that a file has; None for one that gencode has not written.

    Raises:
        FileError: it cannot be read.
    """
    return helper_blocks(_text_of(file))


def _in_the_way(file: Path) -> str:
    """What is to be done about a file that has other text."""
    return _EARLIER if is_earlier_helper(_text_of(file)) else _FOREIGN


def _text_of(file: Path) -> str:
    return read_found(str(file)).decode(errors="replace")


def is_known(file: Path) -> bool:
    """Whether a file is there and can be read, and gencode has written it."""
    try:
        return file.exists() and blocks_of(file) is not None
    except FileError:
        return False


class Helpers:
    """The modules that the sources of a tree import their helper from.

    Of a tree that is rewritten in place and part of a package it is the module of the whole
    package, so that it does not matter which part of that is split first.

    Args:
        settings: what holds for the tree.
        root: the tree.
        output: where what becomes of it is written; None for the tree itself.

    Raises:
        UsageError: the module that is asked for cannot be.
    """

    def __init__(self, settings: Settings, root: Path, output: Path | None) -> None:
        self._settings = settings
        around = package_around(root) if output is None else None
        self._base, self._inside = around or (root, PurePath())
        self._output = output or self._base
        self._known: dict[PurePath, HelperJob | None] = {}
        asked = settings.helper_module(root)
        self._is_apart = asked is False
        self._asked = self._job(helper_module(asked, self._base)) if asked else None
        if self._asked is not None:
            self._check(self._asked, self._base / self._asked.module.place)

    def of(self, place: PurePath) -> HelperJob | None:
        """The module for the file at a place of the tree; None where that has its own helper.

        That is so in no package: what it imports by its name is not known there.
        """
        if self._asked is not None or self._is_apart:
            return self._asked
        if place.parent not in self._known:
            package = outermost_package(self._base, self._inside / place)
            module = None if package is None else HelperModule(USUAL_NAME, True, package=package)
            self._known[place.parent] = self._job(module) if module is not None else None
        return self._known[place.parent]

    def _job(self, module: HelperModule) -> HelperJob:
        file = self._base / module.place
        options = self._settings.options(str(file))
        return HelperJob(module, self._base, self._output, options, file.exists(), self._inside)

    def _check(self, helper: HelperJob, file: Path) -> None:
        try:
            is_other = file.exists() and blocks_of(file) is None
        except FileError as error:
            raise UsageError(f"--helper-module: {file} {error}") from error
        if is_other:
            raise UsageError(f"--helper-module: {file}: {_in_the_way(file)}")


def known_helper(file: Path, settings: Settings) -> HelperJob | None:
    """The module of the package that a file by itself is in, or that it is; None without one.

    What is wrong with that module is none of another file's business.
    """
    around = package_around(file.parent)
    name = settings.helper_module(file.parent) if around is not None else False
    if around is None or name is False:
        return None
    root, inside = around
    module = HelperModule(name or USUAL_NAME, is_relative=True)
    target = root / module.place
    helper = HelperJob(module, root, root, settings.options(str(target)), target.exists(), inside)
    return helper if is_known(target) else None
