"""The cheap questions that most files fail: can a grouped convolution be in here at all?"""

from __future__ import annotations

import ast

from .reading.convolutions import GROUPS_POSITION
from .reading.parts import walk


def may_apply(text: str, tree: ast.Module) -> bool:
    """Whether the text speaks of convolutions, and any call in the tree can carry ``groups``."""
    if "onv" not in text:  # Conv2d, conv2d, LazyConv2d; and "Conv%dd" % n
        return False
    return any(isinstance(node, ast.Call) and can_carry_groups(node) for node in walk(tree))


def can_carry_groups(call: ast.Call) -> bool:
    """Whether ``groups`` is, or may be, among the arguments of a call."""
    return (
        len(call.args) >= GROUPS_POSITION  # a lazy class has no in_channels
        or any(isinstance(argument, ast.Starred) for argument in call.args)
        or any(keyword.arg in ("groups", None) for keyword in call.keywords)
    )
