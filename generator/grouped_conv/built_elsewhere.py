"""Warn where a comment leaves nothing alone since a function elsewhere builds the convolution."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..outcome import Warning
from ..reading.classes import ClassIndex
from ..reading.directives import Directives
from ..reading.scopes import FUNCTIONS
from .called import run_by
from .refusal import line_of


def warn_of_functions(
    index: ClassIndex, directives: Directives, split: Iterable[tuple[ast.Call, ast.AST]]
) -> Iterator[Warning]:
    """Where a statement that is left alone calls a function in which something is split.

    Args:
        index: the source.
        directives: its comments.
        split: the constructions of what is split, each with a node where that is done.
    """
    source = index.source
    builders = {
        definition: call
        for call, place in split
        for definition in source.ancestors(place)
        if isinstance(definition, (*FUNCTIONS, ast.ClassDef))
    }
    told = set()
    for node in source.nodes:
        skip = directives.skip(node) if isinstance(node, ast.Call) else None
        if not isinstance(node, ast.Call) or skip is None:
            continue
        for definition in _run(index, node):
            if definition in builders and (skip, definition) not in told:
                told.add((skip, definition))
                shown, where = source.shown(node.func), line_of(builders[definition])
                yield Warning(
                    *source.place(node), f"{skip} does not hold for what {shown} builds ({where})"
                )


def _run(index: ClassIndex, call: ast.Call) -> Iterator[ast.AST]:
    """What a call may run: functions, and classes with those that they inherit from."""
    for definition in run_by(index, call):
        if isinstance(definition, ast.ClassDef) and definition in index.classes:
            yield from (each.node for each in index.classes[definition].ancestors())
        else:
            yield definition
