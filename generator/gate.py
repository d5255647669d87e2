"""The cheap questions that most files fail: can a grouped convolution be in here at all?"""

from __future__ import annotations

import ast
import re
from collections.abc import Set
from typing import Final

from .codes import TARGETS

_CONV: Final = re.compile("onv(?!e[nrxy]|i[cn]|o[ky])")
"""Conv2d, conv2d, LazyConv2d and ``"Conv%dd" % n``; no convert, convention, convex or convince."""


def speaks_of_convolutions(text: str) -> bool:
    """Whether a text does, in any spelling."""
    return _CONV.search(text) is not None


def is_of_project(text: str, codes: Set[str]) -> bool:
    """Whether what other files do may matter for what a text defines, to some rules."""
    may_be_rewritten = "def forward" in text or "import *" in text
    is_rewritten = may_be_rewritten and not codes <= {*TARGETS["grouped"]}
    return is_rewritten or speaks_of_convolutions(text) or "BatchNorm" in text


def may_apply(text: str, tree: ast.Module) -> bool:
    """Whether the text speaks of convolutions, and any call in the tree can carry ``groups``."""
    if not speaks_of_convolutions(text):
        return False
    from .reading.convolutions import can_carry_groups  # slow to import
    from .reading.parts import walk

    return any(isinstance(node, ast.Call) and can_carry_groups(node) for node in walk(tree))
