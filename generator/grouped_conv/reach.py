"""Other ways to reach a convolution, or its weight, than an expression that stands for it."""

from __future__ import annotations

import ast
import re

from ..reading.classes import ClassIndex
from ..reading.scopes import FUNCTIONS
from .reached import Reached
from .refusal import Refusal, line_of

# Also what a pattern for names of weights looks like: "(conv|bn).w".
_OF_A_WEIGHT = re.compile(r"\.[\w.*\[\]^$+?|()]*(w|weight|b|bias)\b", re.DOTALL)
_CHECKPOINTS = re.compile(r"\w*(state_?dict|checkpoint|ckpt)\w*")


def check_reach(index: ClassIndex, reached: Reached) -> None:
    """See that a convolution is reached in no way in which its branches would be in its place.

    Raises:
        Refusal: it is, by the name of its weight.
    """
    for _, name in sorted(reached.attributes, key=lambda each: each[1]):
        for node in index.mentions.quoted.get(name, []):
            if _names_weight(node, name) and not _is_about_checkpoints(index, node):
                raise Refusal(f"{name!r} appears in a string ({line_of(node)})")
        for node in index.mentions.computed(name):
            if _OF_A_WEIGHT.search(ast.unparse(node)) and not _is_about_checkpoints(index, node):
                raise Refusal(f"it may be reached by a computed name ({line_of(node)})")


def _names_weight(node: ast.AST, name: str) -> bool:
    text = getattr(node, "value", "")
    if isinstance(node, ast.MatchClass) or not isinstance(text, str):
        return False
    return text != name and _OF_A_WEIGHT.search(text) is not None


def _is_about_checkpoints(index: ClassIndex, node: ast.AST) -> bool:
    """Whether a string stands in a function of the names in a checkpoint, which stay."""
    return any(
        isinstance(each, FUNCTIONS)
        and any(_CHECKPOINTS.fullmatch(one.arg) for one in each.args.args)
        for each in index.source.ancestors(node)
    )
