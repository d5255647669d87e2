"""Whether the sources of a package import its helper module, in whatever way."""

from __future__ import annotations

import ast
from pathlib import Path

from ..file_split import FileSplit
from ..files import FileError, read_found
from ..outcome import SourceError
from ..pipeline import all_blocks
from ..reading.parsing import parse
from ..reading.parts import walk
from .helper_jobs import HelperJob
from .jobs import Job


def is_imported(helper: HelperJob) -> bool:
    """Whether a file of its package imports a module, or may do so; in the output likewise."""
    trees = dict.fromkeys((helper.root, helper.output))
    own = [each / helper.module.place for each in trees]
    name = helper.module.name.rpartition(".")[2]
    return any(
        _may_import(file, name)
        for tree in trees
        for file in (tree / helper.module.package).rglob("*.py")
        if file not in own and not file.is_dir()
    )


def _may_import(file: Path, name: str) -> bool:
    try:
        text = read_found(str(file)).decode(errors="replace")
        return name in text and any(_names(each, name) for each in walk(parse(text)))
    except (FileError, SourceError, RecursionError, MemoryError):
        return True


def _names(node: ast.AST, name: str) -> bool:
    """Whether a node imports a module of that name, or has the path of one in a string."""
    match node:
        case ast.ImportFrom(module=str(path)) | ast.Constant(value=str(path)):
            return path.rpartition(".")[2] == name
        case ast.alias(name=path):
            return name in path.split(".")
    return False


def imports_helper(job: Job, outcome: FileSplit) -> bool:
    """Whether a source imports its helper, or did so already."""
    return outcome.result.imports_helper or _line(job) in outcome.result.text


def needed_blocks(helper: HelperJob, job: Job, outcome: FileSplit) -> frozenset[str]:
    """What a source needs of its helper: of one that has been lost, anything."""
    is_lost = not helper.was_there and _line(job).encode() in outcome.before
    return all_blocks() if is_lost else outcome.result.blocks


def _line(job: Job) -> str:
    return f"from {job.options.helper_module} import "
