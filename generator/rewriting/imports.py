"""Put the imports of modules that emitted code needs into a source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ..reading.source import Source
from .edits import Insertion
from .places import line_of, place_for_definition, place_for_import

if TYPE_CHECKING:
    from .templating import Templates


def insert_imports(
    source: Source, missing: Iterable[str], users: Iterable[ast.AST], templates: Templates
) -> Iterator[Insertion]:
    """What puts the imports of some modules into the source, before all that needs them."""
    users = list(users)
    last = line_of(source, place_for_definition(source, users)) if users else len(source.text)
    by_place: dict[tuple[bool, int], list[str]] = {}
    blank_lines = {}
    for module in sorted(missing):
        is_torch = module.startswith("torch")
        offset, blank_lines[module] = place_for_import(source, module.partition(" ")[0])
        by_place.setdefault((is_torch, min(offset, last)), []).append(module)
    for (is_torch, offset), modules in sorted(by_place.items()):
        codes = partial(_imported, templates, modules)
        is_above_torch = not is_torch and (True, offset) in by_place
        after = 1 if is_above_torch else blank_lines[modules[0]]
        yield Insertion(offset, codes, after)


def _imported(templates: Templates, modules: Iterable[str]) -> str:
    codes = (templates.render("import.py.jinja", "statement", each) for each in modules)
    return "\n".join(codes)
