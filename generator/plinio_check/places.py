"""Where in the source of a model that stands which a method does not take."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

from torch import fx

from ..proof.prove import Place
from ..proof.worker.failures import column_of, is_the_users, steps


def keep_places() -> None:
    """Have all tracers note at which line each node of a graph is made."""
    fx.proxy.TracerBase.record_stack_traces = True


def place_of(error: BaseException) -> Place | None:
    """The line that an error is about: it runs, or a node of it is what PLiNIO works on."""
    found: Place | None = None
    running = {id(frame) for frame, _, _ in users_frames(error.__traceback__)}
    for frame, last, line in steps(error.__traceback__):
        if id(frame) in running:
            found = at(frame.f_code.co_filename, line, column_of(frame, last) + 1)
            continue
        nodes = (each for each in frame.f_locals.values() if isinstance(each, fx.Node))
        places = (place_of_node(each) for each in nodes)
        found = next((each for each in places if each is not None), found)
    return found


def place_of_node(node: fx.Node) -> Place | None:
    """The innermost line of the user's that made a node of a graph."""
    found: Place | None = None
    for line in (node.stack_trace or "").splitlines():
        file, _, rest = line.strip().removeprefix('File "').partition('", line ')
        if rest and is_the_users(file):
            found = at(file, int(rest.partition(",")[0]))
    return found


def users_frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int, int]]:
    """The frames of the model's own code: what torch has called, and PLiNIO has not."""
    is_by_torch = False
    for frame, last, line in steps(traceback):
        file = frame.f_code.co_filename
        if is_the_users(file):
            if is_by_torch:
                yield frame, last, line
        elif not file.startswith("<"):
            is_by_torch = _is_of_torch(file)


def at(file: str, line: int, column: int = 0) -> Place:
    """A place with the text of its line; column from 1, in bytes, and 0 where it is not known."""
    text = linecache.getline(file, line).rstrip("\n")
    if column:
        column = len(text.encode()[: column - 1].decode(errors="replace")) + 1
    return Place(file, line, column, text)


def _is_of_torch(file: str) -> bool:
    return Path(file).is_relative_to(Path(str(sys.modules["torch"].__file__)).parent)
