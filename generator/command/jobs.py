"""What is asked for, as a list of jobs: one for each path."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..file_split import header_for
from ..files import (
    STDIN,
    FileError,
    UsageError,
    absolute,
    is_directory,
    reason_of,
    shown,
)
from ..header import origin
from ..outcome import Options
from ..settings import Settings
from .helper_jobs import HelperJob, Helpers, blocks_of, known_helper
from .stdout import STDOUT

if TYPE_CHECKING:
    from .tree import Entry, Kind, Tree

_DEFAULTS = Options()
STANDARD_OUTPUT = (STDIN, "/dev/stdout")
_CONFIGURED = "what is generated from it is configured"
Destination: TypeAlias = Literal["stdout", "itself", "file", "tree"]


@dataclass(frozen=True)
class Job:
    """What is to be done about one path.

    Attributes:
        kind: ``"source"`` is a file to split; all else is as in a tree.
        path: as typed; ``-`` for standard input.
        destination: where the outcome belongs: on standard output, in the source itself, in a file,
            or in a tree that mirrors another.
        target: the file or directory that is; of no meaning for standard output.
        options: how to split the source.
        header: what the target is to name as its source; empty for nothing.
        detail: of a link, what it is to point to; of others, what there is to say.
        helper: what the source may come to import.
        is_typed: whether the path is as typed, and neither found nor configured.
        is_target_typed: likewise.
        is_configured: whether the target is named in a configuration, so that its directory is made
            where it is missing.
    """

    kind: Kind
    path: str
    destination: Destination
    target: Path
    options: Options = _DEFAULTS
    header: str = ""
    detail: str = ""
    helper: HelperJob | None = None
    is_typed: bool = False
    is_target_typed: bool = False
    is_configured: bool = False

    @property
    def place(self) -> str:
        """Where the outcome belongs, as messages have it."""
        return STDOUT if self.destination == "stdout" else str(self.target)


class JobMaker:
    """Makes jobs of what a user types, or has configured.

    Args:
        settings: what holds for each file.
        in_place: whether sources without an output are their own; if not, they have none.
        spares_pairs: whether those stay as they are from which something is configured to be
            generated.

    Raises, in all its methods:
        UsageError: what is asked for cannot be meant.
        ConfigError: a configuration file is faulty.
    """

    def __init__(self, settings: Settings, in_place: bool, spares_pairs: bool = False) -> None:
        self._settings = settings
        self._spares_pairs = spares_pairs
        self._in_place = in_place

    def of_sources(self, sources: Sequence[str], output: str | None) -> list[Job]:
        """The jobs for some files and directories, each file once."""
        if len(sources) > 1 and output is None and not self._in_place:
            hint = "rewrite them with -i, or name a directory to write them to, with -o"
            raise UsageError(f"several sources: {hint}")
        if len(sources) == 1 or output is None:
            each_output = dict.fromkeys(sources, output)
        else:
            each_output = _outputs_in(output, sources)
        pairs = each_output.items()
        if output is not None:
            outputs = [each for each in each_output.values() if each is not None]
            is_one = len(sources) == 1  # of others only the directory is typed
            return [
                replace(job, is_target_typed=is_one and job.is_typed)
                for path, place in pairs
                for job in self._of(path, place, outputs)
            ]
        jobs = [job for path, _ in pairs for job in self._of(path, None)]
        # The same file twice, whether by name and with its directory or through a link.
        once: dict[tuple[str, str], Job] = {}
        for job in jobs:
            once.setdefault((job.kind, os.path.realpath(job.path)), job)
        return list(once.values())

    def of_pairs(self, directory: Path) -> list[Job]:
        """The jobs for the sources and outputs that are configured for a directory."""
        configured = self._settings.config(directory).generate
        pairs = [(_relative(source), _relative(output)) for source, output in configured]
        outputs = [output for _, output in pairs]
        return [
            replace(job, is_typed=False, is_configured=True)
            for source, output in pairs
            for job in self._of(source, output, outputs)
        ]

    def _of(self, path: str, output: str | None, outputs: Sequence[str] = ()) -> Iterator[Job]:
        """The jobs for a source, where all these outputs are written."""
        if is_directory(path):
            yield from self._of_directory(path, output, outputs)
        else:
            yield self._of_file(path, output)

    def _of_file(self, path: str, output: str | None) -> Job:
        destination: Destination
        if output in STANDARD_OUTPUT or (output is None and (path == STDIN or not self._in_place)):
            destination, target = "stdout", Path()
        elif output is None:
            destination, target = "itself", Path(path)
        elif output.endswith(("/", os.sep)):
            raise UsageError(f"{output} names a directory, and {shown(path)} is a file")
        else:
            destination, target = "file", Path(output)
        job = Job("source", path, destination, target, is_typed=True)
        if self._settings.is_excluded(path, os.curdir):
            return replace(job, kind="excluded", detail="it is excluded")
        if self._spares(path):
            return replace(job, kind="excluded", detail=_CONFIGURED)
        header = header_for(path, target) if destination == "file" else ""
        job = replace(job, options=self._settings.options(path), header=header)
        return self._with_known_helper(job) if destination == "itself" else job

    def _with_known_helper(self, job: Job) -> Job:
        """A job for a file of a package, which imports its helper if that is there already."""
        file = Path(job.path)
        helper, place = known_helper(file, self._settings), PurePath(file.name)
        if helper is None:
            return job
        if helper.is_at(place):
            return replace(job, kind="helper", helper=helper)
        options = replace(job.options, helper_module=helper.imported_by(place))
        return replace(job, options=options, helper=helper)

    def _of_directory(self, path: str, output: str | None, outputs: Sequence[str]) -> Iterator[Job]:
        if output in STANDARD_OUTPUT or (output is None and not self._in_place):
            raise UsageError(
                f"{path} is a directory: name one to write it to, with -o, or rewrite it with -i"
            )
        root, target = Path(path), None if output is None else Path(output)
        from .tree import Tree  # slow to import, and so only for a directory

        try:
            tree = Tree(root, target, partial(self._settings.is_excluded, root=path), outputs)
        except FileError as error:  # a .gitignore above it
            yield Job("unreadable", error.path, "itself", root, detail=str(error))
            return
        except OSError as error:
            detail = f"cannot be read: {reason_of(error)}"
            yield Job("unreadable", str(error.filename or path), "itself", root, detail=detail)
            return
        helpers = Helpers(self._settings, root, target)
        for entry in tree.entries():
            is_there = entry.kind == "directory" and (target or root).is_dir()
            if entry.place.parts or not is_there:
                yield self._of_entry(entry, tree, helpers)

    def _spares(self, path: str) -> bool:
        """Whether a file is to stay as it is, since something is generated from it."""
        return self._spares_pairs and self._settings.is_generated_from(path)

    def _of_entry(self, entry: Entry, tree: Tree, helpers: Helpers) -> Job:
        path = str(entry.path)
        is_own = tree.output is None
        target = (tree.output or tree.root) / entry.place
        destination: Destination = "itself" if is_own else "tree"
        if entry.kind != "source":
            return Job(entry.kind, path, destination, target, detail=entry.detail)
        if is_own and self._spares(path):
            return Job("excluded", path, destination, target, detail=_CONFIGURED)
        options = self._settings.options(path)
        helper = helpers.of(entry.place)
        if helper is not None and helper.is_at(entry.place):
            kind: Kind = "file" if blocks_of(entry.path) is None else "helper"
            return Job(kind, path, destination, target, helper=helper)
        if helper is not None:
            options = replace(options, helper_module=helper.imported_by(entry.place))
        header = "" if is_own else origin(path)
        return Job("source", path, destination, target, options, header, helper=helper)


def _relative(path: Path) -> str:
    """A path as a user would type it here."""
    relative = os.path.relpath(path)
    return os.path.join(os.curdir, relative) if relative == STDIN else relative  # noqa: PTH118


def _outputs_in(directory: str, sources: Sequence[str]) -> dict[str, str]:
    """Where each of several sources belongs in a directory, as ``cp`` has it."""
    if not is_directory(directory):
        raise UsageError(f"{directory} is not a directory, which several sources need")
    if STDIN in sources:
        raise UsageError("standard input has no name in a directory")
    outputs = {path: str(Path(directory, absolute(path).name)) for path in sources}
    taken: dict[str, str] = {}
    for path, output in outputs.items():
        if output in taken:
            raise UsageError(f"{taken[output]} and {path} would both be written to {output}")
        taken[output] = path
    return outputs
