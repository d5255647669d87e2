"""Who in a project does something with norms of a class only because they are torch's.

What is given up is that an instance is a norm itself. Walks over all modules meet the norm that it
holds, for initialisation, conversion and the like; all else may notice.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from ..facts.facts import Facts
from ..facts.project import Module
from ..grouped_conv.norms.layered import INNER
from ..grouped_conv.source_facts import facts_in_project, index_of
from ..outcome import Warning
from ..project_files import Location, location_of
from ..reading.classes import ClassIndex, classes_of
from ..reading.kept import kept
from ..reading.running import runs_in_file
from ..reading.source import Source
from .norm_tests import NormTests
from .rule import Left

_CODE: Final = "norm-subclass"
_ASKS: Final = (
    r"\b_?BatchNorm([123]d)?\b|_NormBase|\.__name__|\bissubclass\b|\bnamed_(parameters|buffers)\b"
    r"|isinstance\([^\n]*(?i:norm|bn)|\b(has|get)attr\("
)
_TELLS: Final = re.compile(
    rf"\b(isinstance|issubclass|type)\([^\n]*BatchNorm|__(class|name)__[^\n]*(?i:batchnorm)"
    rf"|attr\([^\n]*['\"]{INNER}['\"]"
)
"""What the text of a file has that may notice, be it that it does not speak of the class."""
_SAID: Final = {
    "inherits": ("another class inherits from it", ""),
    "patches": ("an attribute of the class is set", ""),
    "asks": ("it matters whether something is a norm of torch", "holds one now, and is none"),
    "layers": ("norms are treated with what they hold", "holds its norm beside its layers now"),
    "names": ("weights of norms are told by their names", f"has {INNER}.weight and the like now"),
    "twice": ("modules are told by their attributes", "and its norm have the same ones now"),
    "inner": ("an attribute is asked for by its name", f"has a {INNER} now"),
}
"""What may notice, and what to say of the class for that: nothing where it must stay as it is."""


def askers(source: Source, facts: Facts, cls: ast.ClassDef) -> tuple[Warning, ...]:
    """What is to be said of code that may notice, which no model runs as far as is seen.

    Args:
        source: where the class is defined.
        facts: of the source.
        cls: the class.

    Raises:
        Left: a model runs it.
    """
    found: dict[str, dict[str, None]] = {}
    for index, facts_of in _files(source, facts, cls):
        for node, what in NormTests(index, facts_of, cls.name).noticing():
            line, (said, now) = index.source.line(node), _SAID[what]
            if not now or (facts_of is not _none and runs_in_file(index, node)):
                raise Left(f"{said} ({line})")
            found.setdefault(f"{said}: {cls.name} {now}", {})[line] = None
    said_of = (f"{each} ({'; '.join(lines)})" for each, lines in found.items())
    return tuple(Warning(*source.place(cls), each, _CODE) for each in said_of)


def _files(
    source: Source, facts: Facts, cls: ast.ClassDef
) -> Iterator[tuple[ClassIndex, Callable[[], Facts | None]]]:
    """The source, and the other files that may notice.

    With what makes the facts of those that speak of the class, or of what does; of others there are
    none.
    """
    yield classes_of(source), lambda: facts
    location = location_of(source)
    if location is None:
        return
    if not location.files.is_whole:
        raise Left("the project is too large for all that uses it to be read")
    does = re.compile(rf"{_ASKS}|\b{cls.name}\.\w+\s*=[^=]")
    readers = location.files.readers(location.path, {cls.name}, does)
    for module in dict.fromkeys((*readers, *location.files.containing(_TELLS))):
        if not module.runs_apart and module.file != location.path:
            is_reader = module in readers
            yield index_of(module), partial(_facts_of, module, location) if is_reader else _none


def _none() -> None:
    """No facts."""


@kept
def _facts_of(module: Module, location: Location) -> Facts:
    """The facts of another file, worked out once."""
    return facts_in_project(module, location)
