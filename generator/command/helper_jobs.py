"""The modules that sources may come to import their helper from, and what is to be in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from ..files import FileError, UsageError, read_found
from ..outcome import Options
from ..pipeline import helper_blocks, helper_source
from ..settings import Settings
from .helper_module import (
    USUAL_NAME,
    HelperModule,
    helper_module,
    module_of_package,
    outermost_package,
)

_ANOTHER_MODULE = (
    "it is there already, and is not what gencode has written: remove it, or name another"
    " module with --helper-module"
)


@dataclass(frozen=True)
class HelperJob:
    """A module that sources may turn out to import.

    Attributes:
        module: what it is called, and where it is.
        root: the directory that the sources are in.
        output: the directory that it is to be written to.
        options: how to write it.
        was_there: whether the sources had it before.
    """

    module: HelperModule
    root: Path
    output: Path
    options: Options
    was_there: bool

    @property
    def target(self) -> Path:
        """Its file."""
        return self.output / self.module.place

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
                raise FileError(f"cannot be written: {_ANOTHER_MODULE}", str(file))
            blocks |= there
        return helper_source(self.options, blocks).encode()


def blocks_of(file: Path) -> frozenset[str] | None:
    """The parts of the helper that a file has; None for one that gencode has not written.

    Raises:
        FileError: it cannot be read.
    """
    return helper_blocks(read_found(str(file)).decode(errors="replace"))


class Helpers:
    """The modules that the sources of a tree import their helper from.

    Args:
        settings: what holds for the tree.
        root: the tree.
        output: where what becomes of it is written.

    Raises:
        UsageError: the module that is asked for cannot be.
    """

    def __init__(self, settings: Settings, root: Path, output: Path) -> None:
        self._settings = settings
        self._root = root
        self._output = output
        self._known: dict[PurePath, HelperJob | None] = {}
        asked = settings.helper_module(root)
        self._is_apart = asked is False
        self._asked = self._job(helper_module(asked, root)) if isinstance(asked, str) else None
        if self._asked is not None:
            self._check(self._asked, root / self._asked.module.place)

    def of(self, place: PurePath) -> HelperJob | None:
        """The module for the file at a place of the tree; None where that has its own helper."""
        if self._asked is not None or self._is_apart:
            return self._asked
        if place.parent not in self._known:
            module = module_of_package(self._root, place)
            self._known[place.parent] = self._job(module) if module is not None else None
        return self._known[place.parent]

    def _job(self, module: HelperModule) -> HelperJob:
        return _helper_job(module, self._root, self._output, self._settings)

    def _check(self, helper: HelperJob, file: Path) -> None:
        try:
            is_other = file.exists() and blocks_of(file) is None
        except FileError as error:
            raise UsageError(f"--helper-module: {file} {error}") from error
        if is_other:
            raise UsageError(f"--helper-module: {file}: {_ANOTHER_MODULE}")


def _helper_job(module: HelperModule, root: Path, output: Path, settings: Settings) -> HelperJob:
    file = root / module.place
    return HelperJob(module, root, output, settings.options(str(file)), file.exists())


def known_helper(file: Path, settings: Settings) -> HelperJob | None:
    """The module of the package that a file by itself is in, or that it is; None without one.

    What is wrong with that module is none of another file's business.
    """
    package = outermost_package(Path(), file)
    if package is None or settings.helper_module(Path(package)) is False:
        return None
    root = Path(package)
    helper = _helper_job(HelperModule(USUAL_NAME, is_relative=True), root, root, settings)
    if file == helper.target:
        return helper
    try:
        return helper if helper.was_there and blocks_of(helper.target) is not None else None
    except FileError:
        return None
