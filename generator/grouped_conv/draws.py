"""Find what draws random numbers for the weights and the biases of all modules in turn.

Each part is given as many, but by turns: from the same seed a weight has other numbers than the
whole. Where only weights are drawn, or only biases, they are the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from ..facts.facts import Facts
from ..facts.heap import Use
from ..facts.values import External, Value
from ..reading.parts import walk
from ..reading.source import Source
from .finding import Start
from .questions import is_of_others

DRAWN: Final = Start("random weights and biases are drawn in turn")
_DRAWING: Final = re.compile(
    r"(torch\.nn\.init\.)?(\w+_)?(normal|uniform|orthogonal|sparse|bernoulli|random|exponential)_"
)
_TELLING: Final = frozenset(("dim", "ndim", "shape", "ndimension"))
"""What tells a weight from a bias."""


def draws_of_modules(facts: Facts, source: Source, walked: Value) -> Iterator[ast.AST]:
    """Where both a weight and a bias of each module are drawn."""
    drawn: dict[str, list[ast.AST]] = {}
    for path, use in facts.uses_with_parts(walked):
        if is_of_others(facts, source, use.node):
            continue
        name, _, rest = path.partition(".")
        if use.kind == "method" and not path and use.name == "reset_parameters":
            yield use.node
        elif name in ("weight", "bias") and rest in ("", "data") and _draws(use):
            drawn.setdefault(name, []).append(use.node)
    if len(drawn) > 1:
        yield from drawn["bias"]


def draws_of_weights(facts: Facts, source: Source, walked: Value) -> Iterator[ast.AST]:
    """Where all parameters are drawn, and nothing tells weights from biases."""
    for path, use in facts.uses_with_parts(walked):
        if path in ("", "data") and _draws(use) and not _is_told(source, use.node):
            if not is_of_others(facts, source, use.node):
                yield use.node


def _draws(use: Use) -> bool:
    name = use.by.path if isinstance(use.by, External) else use.name
    return _DRAWING.fullmatch(name) is not None


def _is_told(source: Source, node: ast.AST) -> bool:
    """Whether it is asked before how many dimensions there are, or for a name."""
    tests = (each.test for each in source.ancestors(node) if isinstance(each, (ast.If, ast.IfExp)))
    return any(
        getattr(each, "attr", "") in _TELLING
        or (isinstance(each, ast.Constant) and isinstance(each.value, str))
        for test in tests
        for each in walk(test)
    )
