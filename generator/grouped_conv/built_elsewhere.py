"""Warn where a comment leaves nothing alone since a function elsewhere builds the convolution."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..outcome import Warning
from ..reading.callees import functions_called
from ..reading.classes import ClassIndex
from ..reading.directives import Directives
from ..reading.scopes import FUNCTIONS
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
        function: call
        for call, place in split
        for function in source.ancestors(place)
        if isinstance(function, FUNCTIONS)
    }
    told = set()
    for node in source.nodes:
        if not isinstance(node, ast.Call):
            continue
        skip = directives.skip(node)
        if skip is None:
            continue
        for function in functions_called(index, node.func):
            if function in builders and (skip, function) not in told:
                told.add((skip, function))
                shown, where = source.shown(node.func), line_of(builders[function])
                yield Warning(
                    *source.place(node), f"{skip} does not hold for what {shown} builds ({where})"
                )
