"""Tell which methods that a convolution's subclass adds cannot touch what the convolution is."""

from __future__ import annotations

import ast
from typing import Final

from ..reading.convolutions import SETTINGS
from ..reading.parts import walk
from ..reading.scopes import Function
from ..reading.source import Source

_MODULE_NAMES: Final = frozenset(
    (
        *("T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init"),
        *("children", "compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr"),
        *("float", "forward", "get_buffer", "get_extra_state", "get_parameter", "get_submodule"),
        *("half", "ipu", "load_state_dict", "modules", "mtia", "named_buffers", "named_children"),
        *("named_modules", "named_parameters", "parameters", "register_backward_hook"),
        *("register_buffer", "register_forward_hook", "register_forward_pre_hook"),
        *("register_full_backward_hook", "register_full_backward_pre_hook"),
        *("register_load_state_dict_post_hook", "register_load_state_dict_pre_hook"),
        *("register_module", "register_parameter", "register_state_dict_post_hook"),
        *("register_state_dict_pre_hook", "requires_grad_", "reset_parameters"),
        *("set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty"),
        *("train", "training", "type", "weight", "bias", "xpu", "zero_grad"),
    )
)
OF_TORCH: Final = _MODULE_NAMES | SETTINGS
"""The public names of what torch's convolutions have."""


def kind_of_method(source: Source, method: Function) -> str:
    """``"staticmethod"``, ``"classmethod"`` or ``"property"``; empty for any other method."""
    match method.decorator_list:
        case [ast.Name(id=("staticmethod" | "classmethod" | "property") as kind) as decorator]:
            return kind if source.scope(decorator).lookup(kind) is None else ""
    return ""


def is_apart(source: Source, method: Function) -> bool:
    """Whether a method is none of torch's, and at most reads a setting, or a name of the class."""
    kind = kind_of_method(source, method)
    if not kind or method.name.startswith("_") or method.name in OF_TORCH:
        return False
    if kind == "staticmethod":
        return True
    this = [each.arg for each in (*method.args.posonlyargs, *method.args.args)][:1]
    return all(
        _is_read(source, node, kind)
        for node in walk(method)
        if isinstance(node, ast.Name) and node.id in this
    )


def _is_read(source: Source, this: ast.Name, kind: str) -> bool:
    """Whether the first parameter of a method stands where no more is asked of it than a value."""
    read = source.parent(this)
    if not isinstance(read, ast.Attribute) or not isinstance(read.ctx, ast.Load):
        return False
    if kind == "property":
        return read.attr in SETTINGS
    return not read.attr.startswith("_") and read.attr not in OF_TORCH
