"""Split one file: bytes in, bytes out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .file_writing import write_typed
from .files import STDIN, absolute, decoded, read_bytes, read_found
from .gate import is_of_project
from .header import origin, with_header
from .outcome import Options, Result
from .pipeline import list_source, split_source

if TYPE_CHECKING:
    from .project_files import Locator


@dataclass(frozen=True)
class FileSplit:
    """What splitting a file gave.

    Attributes:
        before: the bytes of the file.
        after: those of the split source, in the same encoding; the same where nothing is split.
        result: the text, what was done with each grouped convolution or why not, and warnings.
        readiness: what else PLiNIO would refuse, whatever the target; None where nobody asks.
    """

    before: bytes
    after: bytes
    result: Result
    readiness: Result | None = None


def split_file(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    options: Options | None = None,
) -> FileSplit:
    """Split the grouped convolutions of a model's file, as ``gencode source -o output`` does.

    Args:
        source: the file to read.
        output: the file to write, as a whole or not at all; None to write nothing. Where something
            is split it starts with a line that names the source, unless it is the source. Other
            hard links to what it replaces keep that.
        options: how to split; by default as the pyproject.toml files say that hold for the source.

    Returns:
        The bytes before and after, and what ``split_source`` gives.

    Raises:
        FileError: a file cannot be read, decoded or written.
        SourceError: the source is not Python, or a comment that steers gencode is misspelt.
        ConfigError: a pyproject.toml is faulty.
        TemplateError: a template is faulty.
    """
    from .settings import Settings

    path = os.fspath(source)
    if options is None:
        options = Settings({}).options(path)
    split = split_path(path, options, "" if output is None else header_for(path, Path(output)))
    if output is not None:
        write_typed(Path(output), split.after)
    return split


def header_for(path: str, target: Path) -> str:
    """What the header of a file names as its source; empty where that is the file itself."""
    same = path != STDIN and os.path.realpath(path) == os.path.realpath(target)
    return "" if same else origin(path)


def new_locator() -> Locator:
    """What finds the projects of files."""
    from .project_files import Locator  # slow to import

    return Locator()


def split_path(
    path: str,
    options: Options,
    source: str = "",
    only_list: bool = False,
    is_typed: bool = True,
    locator: Callable[[], Locator] | None = None,
    reports: bool = False,
) -> FileSplit:
    """Read and split a file; nothing is written.

    Args:
        path: the file, or ``-`` for standard input.
        options: how to split.
        source: what the header is to name; empty for no header.
        only_list: say what would be done, and leave the text as it is.
        is_typed: whether somebody typed the path, and so means whatever is there.
        locator: gives what finds the project of the file, in the state in which it was first
            looked at.
        reports: whether the text and the readiness are wanted, also where it is only to be said
            what would be done.

    Raises:
        FileError: it cannot be read or decoded, or its encoding cannot hold the new text.
        SourceError: it is not Python, or a comment that steers gencode is misspelt.
        TemplateError: a template is faulty.
    """
    data = read_bytes(path) if is_typed else read_found(path)
    read = decoded(data)
    location = None
    ready = replace(options, target="plinio", select=None) if reports else options
    if path != STDIN and is_of_project(read.text, ready.codes):  # slow, so where it matters
        location = (locator or new_locator)().locate(absolute(path))
    result = (list_source if only_list else split_source)(read.text, options, location)
    readiness = None
    text = result.text
    if reports:
        is_known = only_list and options == ready
        readiness = result if is_known else list_source(read.text, ready, location)
        text = split_source(read.text, options, location).text if only_list else text
    if source and text is not read.text:
        if not read.encoding.startswith("utf-8"):  # what is above a cookie is to be ASCII
            source = source.encode("ascii", "replace").decode()
        text = with_header(text, source)
    after = data if text is read.text else read.encoded(text)
    return FileSplit(data, after, result, readiness)
