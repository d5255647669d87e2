"""Find the functions and classes whose text speaks of what is split, or goes over modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from .. import torch_api
from ..facts.project import bound_names
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Function
from ..reading.source import Source

_WORDS: Final = frozenset(
    (
        *(*torch_api.WALKS, *torch_api.GIVES_CHILDREN, *torch_api.BY_PATH, "apply"),
        *("setattr", "getattr", "delattr", "attrgetter", "exec", "eval"),
        "param_groups",
    )
)
"""What code speaks of that may get at modules which it does not name."""
_PATCHES: Final = r"\b(F|functional|torch|nn)\.\w+\s*=[^=]"


def speaks_of(source: Source, names: Collection[str]) -> Callable[[ast.stmt], bool]:
    """Whether the text of a statement speaks of what is split, or goes over modules.

    Args:
        source: that of the statements.
        names: the attributes, functions and classes that hold or build what is split.
    """
    words = {each for each in names if not each.startswith("__")} - {"forward"} | _WORDS
    nodes = [each for each in walk(source.tree) if isinstance(each, (*FUNCTIONS, ast.ClassDef))]
    while True:  # who speaks of what speaks of it
        known = "|".join(map(re.escape, sorted(words)))
        pattern = re.compile(rf"\b({known}|Conv(Transpose)?[123]d\.\w+)\b|{_PATCHES}")
        found = {each for each in nodes if pattern.search(source.text, *source.span(each))}
        more = {name for each in found for name in _made_by(each)} - words
        if not more:
            return lambda each: pattern.search(source.text, *source.span(each)) is not None
        words |= more


def _made_by(node: Function | ast.ClassDef) -> Iterator[str]:
    """By what names others get at what a function or class speaks of."""
    if node.name in ("__getattr__", "__getattribute__"):
        for each in walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield from re.findall(r"\w+", each.value)
    if isinstance(node, ast.ClassDef):  # which a descriptor of it may be an attribute of
        fields = (each for each in node.body if isinstance(each, (ast.Assign, ast.AnnAssign)))
        yield from (name for each in fields for name in bound_names(each))
    if node.name != "forward" and not node.name.startswith("__"):
        yield node.name
