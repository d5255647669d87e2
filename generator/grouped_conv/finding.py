"""What is split, as far as it matters for other code, and what is found of that code."""

from __future__ import annotations

import ast
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Final

PLACED: Final = (ast.expr, ast.stmt)
"""What has a place in a source."""


@dataclass(frozen=True)
class Split:
    """What is split, as far as it matters for other code.

    Attributes:
        calls: the constructions of the convolutions.
        normed: those whose norm is split with them.
        joined: those of them that give the parts by themselves.
        names: the attributes that hold a convolution, or the norm after it.
        is_seen: whether an expression is known to be one of them, so that what is done with its
            weights and its class has been looked at.
        is_norm_seen: the same of the norms that are split with them.
        is_done: whether a node is done with before anything is split.
        applied: where norms are known to take what convolutions give, and nothing else.
    """

    calls: tuple[ast.Call, ...]
    normed: frozenset[ast.Call]
    joined: frozenset[ast.Call]
    names: Set[str]
    is_seen: Callable[[ast.AST], bool]
    is_norm_seen: Callable[[ast.AST], bool]
    is_done: Callable[[ast.AST], bool]
    applied: Set[ast.AST]


class Start(str):
    """What is done that gives no more than other first values of weights."""

    __slots__ = ()


@dataclass(frozen=True)
class Finding:
    """What is done somewhere that gives another result for what is split.

    Attributes:
        node: where.
        what: is done.
        call: the construction of what it is done with; None for all that is split.
        about: what that is, as a person calls it.
        is_of_norm: whether it would be no matter if the norm stayed.
        is_unknown: whether it is not known what is done.
        is_of_one: whether it is so only if a convolution is gone over by itself.
    """

    node: ast.expr | ast.stmt
    what: str
    call: ast.Call | None = None
    about: str = ""
    is_of_norm: bool = False
    is_unknown: bool = False
    is_of_one: bool = False

    @property
    def message(self) -> str:
        """What a warning says."""
        if isinstance(self.what, Start):
            return f"{self.what}: each part is a convolution of its own"
        return f"{self.what}{self.about}: the parts of what is split may give another result"

    @property
    def reason(self) -> str:
        """Why something is left as it is."""
        return self.what.removesuffix(": it is given one").rstrip(",")
