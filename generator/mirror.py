"""Write a tree anew: its sources split, all else as it is."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from typing import BinaryIO

from .files import (
    FileError,
    UsageError,
    decoded,
    put_directory,
    put_file,
    put_link,
)
from .helper_module import HelperModule
from .outcome import Options, Result, SourceError
from .pipeline import helper_source, split_source
from .report import Report, Status
from .tree import Entry, Tree

_PERMISSIONS = 0o777


class Mirror:
    """Writes what is in a tree to its output.

    Args:
        tree: what to read, and where to write.
        configure: gives the options for the file of a path; it is asked once for each directory.
        report: is told of everything.
        helper: the module to import the helper from; None to emit it in each source.
    """

    def __init__(
        self,
        tree: Tree,
        configure: Callable[[str], Options],
        report: Report,
        helper: HelperModule | None = None,
    ) -> None:
        self._tree = tree
        self._configure = configure
        self._report = report
        self._helper = helper
        self._needs_helper = False
        self._configured: dict[Path, Options] = {}

    def write(self) -> Status:
        """Write all that can be written, and say what was done.

        Raises:
            UsageError: the helper's module is there already, and is another; nothing is written.
            ConfigError: a configuration file is faulty; what comes after is not written.
            TemplateError: a template is faulty; what comes after is not written.
        """
        helper, output = self._helper, self._tree.output
        if helper:
            self._check(helper)
        if not output.is_dir():
            try:
                put_directory(output)
            except FileError as error:
                return self._report.failure(str(output), str(error))
        for entry in self._tree.entries():
            target = output / entry.place
            with self._reporting(target):
                self._mirror(entry, target)
        if helper and self._needs_helper:
            with self._reporting(output / helper.place):
                helper.write(output, self._helper_source(helper))
        return self._report.tree(str(self._tree.root))

    @contextmanager
    def _reporting(self, target: Path) -> Iterator[None]:
        try:
            yield
        except FileError as error:
            self._report.failure(str(target), str(error))

    def _mirror(self, entry: Entry, target: Path) -> None:
        match entry.kind:
            case "directory":
                if entry.place.parts:
                    put_directory(target)
            case "link":
                put_link(target, entry.detail)
                self._report.count("copied")
            case "ignored":
                self._report.count("ignored")
            case "special":
                self._report.skipped(str(entry.path), "it is neither a file nor a directory")
            case "unreadable":
                self._report.failure(str(entry.path), entry.detail)
            case _:
                self._mirror_file(entry, target)

    def _mirror_file(self, entry: Entry, target: Path) -> None:
        is_source = entry.kind == "source" and not self._is_helper(entry.place)
        try:
            mode = entry.path.stat().st_mode & _PERMISSIONS
            file: BinaryIO = (
                io.BytesIO(entry.path.read_bytes()) if is_source else entry.path.open("rb")
            )
        except OSError as error:
            self._report.failure(str(entry.path), f"cannot be read: {error.strerror}")
            return
        with file:
            if is_source:
                self._mirror_source(entry, target, file.read(), mode)
            else:
                put_file(target, file, mode)
                self._report.count("copied")

    def _mirror_source(self, entry: Entry, target: Path, data: bytes, mode: int) -> None:
        split, result = self._split(entry, data)
        put_file(target, io.BytesIO(split), mode)
        self._report.count("copied" if split == data else "written")
        self._report.records(str(entry.path), result)
        self._needs_helper |= result.imports_helper

    def _split(self, entry: Entry, data: bytes) -> tuple[bytes, Result]:
        shown = str(entry.path)
        try:
            source = decoded(data)
            result = split_source(source.text, self._options(entry.path, entry.place))
            return source.encoded(result.text), result
        except FileError as error:
            self._report.failure(shown, str(error))
        except SourceError as error:
            self._report.source_error(shown, error)
        return data, Result("")

    def _options(self, path: Path, place: PurePath) -> Options:
        directory = path.resolve().parent
        if directory not in self._configured:
            self._configured[directory] = self._configure(str(path))
        options = self._configured[directory]
        if self._helper is None:
            return options
        return replace(options, helper_module=self._helper.imported_by(place))

    def _is_helper(self, place: PurePath) -> bool:
        return self._helper is not None and place == self._helper.place

    def _check(self, helper: HelperModule) -> None:
        path = self._tree.root / helper.place
        if path.is_file() and path.read_bytes() != self._helper_source(helper):
            raise UsageError(f"--helper-module: {path} is there already, and is another module")

    def _helper_source(self, helper: HelperModule) -> bytes:
        options = self._options(self._tree.root / helper.place, helper.place)
        return helper_source(options).encode()
