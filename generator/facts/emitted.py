"""What the functions of gencode's own helper give: what they are given, as far as others see."""

from __future__ import annotations

import ast
import re
from typing import Final

from ..reading.parts import walk
from .arguments import Arguments
from .frames import Frame
from .heap import Slot, union
from .interpreter import Interpreter
from .values import External, Function, Value, Values

_GIVING_BACK: Final = (
    *("split_conv", "split_layers", "split_by_filter", "copy_padding", "split_sliced_conv"),
    "add_identity",
)
_SPLITTING: Final = (
    *_GIVING_BACK,
    *("split_conv_norm", "split_pairs", "build_split", "split_sliced"),
)
_NAMED: Final = re.compile(rf"(?P<name>{'|'.join(_SPLITTING)})(_\d+)?")
_OF_HELPER: Final = re.compile(
    r"(is_grouped|is_split|plain_parts|split_conv|split_sliced|Branches|\w+\.deepcopy)(_\d+)?"
)


def usual_name(value: Value) -> str:
    """What a function of the helper is usually called; empty for any other."""
    if isinstance(value, External):
        if "split_groups" not in value.path:
            return ""
        module, _, name = value.path.rpartition(".")
        is_known = name in (*_SPLITTING, "outputs_of")
        return name if is_known and "split_groups" in module else ""
    if not isinstance(value, Function) or isinstance(value.node, ast.Lambda):
        return ""
    if not value.node.name.startswith(_SPLITTING):  # as nearly all, and so first
        return ""
    found = _NAMED.fullmatch(value.node.name)
    if found is None:
        return ""
    parts = (each for each in walk(value.node) if isinstance(each, (ast.Name, ast.Attribute)))
    is_ours = any(_OF_HELPER.fullmatch(ast.unparse(each)) for each in parts)
    return found["name"] if is_ours else ""


def called(
    interpreter: Interpreter, name: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    """What calling a function of the helper gives."""
    if name in _GIVING_BACK or not given.positional:
        return given.get(0, "conv")
    if name == "outputs_of":
        x = Arguments(given.positional[1:2])
        call = interpreter.call
        outputs = union([call(each, x, node, frame) for each in given.positional[0]])
        listed = interpreter.container(node, "builtins.list", frame)
        interpreter.heap.put(listed, "any", Slot(outputs, many=True, is_optional=True))
        return frozenset((listed,))
    if name == "build_split":
        call, rest = interpreter.call, given.without_first()
        return union([call(each, rest, node, frame) for each in given.positional[0]])
    made = interpreter.container(node, "builtins.tuple", frame)
    for place, values in enumerate(given.positional[:2]):
        interpreter.heap.put(made, place, Slot(values))
    return frozenset((made,))
