"""What a name may refer to, as far as one source tells."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

Kind = Literal["import", "class", "function", "parameter", "value", "unknown"]


@dataclass(frozen=True)
class Meaning:
    """What an expression refers to.

    Attributes:
        kind: ``"import"`` for something outside the source; ``"class"``, ``"function"`` or
            ``"parameter"`` for one definition in it; ``"value"`` for anything else that it binds;
            ``"unknown"`` where a reader of this source alone cannot tell.
        path: the dotted path of an import.
        node: the definition in the source.
        default: the default of a parameter.
    """

    kind: Kind
    path: str = ""
    node: ast.AST | None = None
    default: ast.expr | None = None
