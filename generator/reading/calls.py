"""The arguments of a call as they stand, and whether one may be written more than once."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Final, Literal

from .names import meaning
from .parts import walk
from .source import Source

_PURE_BUILTINS: Final = frozenset(
    ("int", "float", "bool", "str", "tuple", "abs", "len", "max", "min", "round", "sum")
)
_PURE_OF_TORCH: Final = frozenset(("torch.device", "torch.Size"))


@dataclass(frozen=True)
class Argument:
    """One argument of a call.

    Attributes:
        value: its expression, without stars and keyword.
        keyword: its name, where it is passed by name.
        stars: ``"*"`` or ``"**"`` where it is unpacked.
    """

    value: ast.expr
    keyword: str | None = None
    stars: Literal["", "*", "**"] = ""


def values_given(call: ast.Call) -> list[ast.expr]:
    """All that a call is given: by place, stars among it, and by name."""
    return [*call.args, *(each.value for each in call.keywords)]


def arguments_of(call: ast.Call) -> list[Argument]:
    """The arguments of a call in the order of the text."""
    found = [
        Argument(each.value, stars="*") if isinstance(each, ast.Starred) else Argument(each)
        for each in call.args
    ]
    found += [
        Argument(each.value, each.arg, "" if each.arg is not None else "**")
        for each in call.keywords
    ]
    return sorted(found, key=lambda each: (each.value.lineno, each.value.col_offset))


def is_plain(value: ast.expr) -> bool:
    """Whether an expression is a name or a constant."""
    return isinstance(value, (ast.Name, ast.Constant))


def is_repeatable(source: Source, value: ast.expr) -> bool:
    """Whether to evaluate an expression several times is the same as to do it once."""
    return all(_is_repeatable_node(source, node) for node in walk(value))


def _is_repeatable_node(source: Source, node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        found = meaning(source, node.func)
        if found.kind == "import":
            return found.path in _PURE_OF_TORCH or found.path.startswith("math.")
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        return name in _PURE_BUILTINS and source.scope(node).lookup(name) is None
    return isinstance(
        node,
        (
            *(ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred),
            *(ast.Tuple, ast.List, ast.Dict, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare),
            *(ast.IfExp, ast.JoinedStr, ast.FormattedValue, ast.keyword),
            *(ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
        ),
    )
