"""What may be done with modules and weights, and is the same for the parts of what is split."""

from __future__ import annotations

import ast
import re
from typing import Final

from .. import torch_api
from ..facts.heap import Use
from ..facts.values import External, Object
from ..reading.convolutions import SETTINGS
from ..reading.parts import walk
from .contexts_of_use import is_compared, is_shown, is_summed
from .finding import Start
from .initialisation import NUMBERS, start_of
from .questions import is_of_others
from .surroundings import Surroundings
from .weights import ALIKE

_HARMLESS_METHODS: Final = (
    torch_api.GIVES_SELF | torch_api.HARMLESS_METHODS | frozenset(torch_api.WALKS)
) - {"_get_name", "extra_repr"}
OF_TORCH: Final = frozenset(
    (
        *torch_api.GIVES_ACCESS,
        *torch_api.HARMLESS_METHODS,
        *("register_full_backward_hook", "register_backward_hook", "register_state_dict_pre_hook"),
        *("register_full_backward_pre_hook", "register_load_state_dict_post_hook", "__dir__"),
        *("_apply", "_conv_forward", "_replicate_for_data_parallel", "__repr__", "__str__"),
        *("get_extra_state", "__dir__", "__getstate__", "__setstate__", "__reduce_ex__"),
    )
)
"""Methods that every module has; others are of the project's, which no part is."""
HAS: Final = (
    OF_TORCH
    | SETTINGS
    | torch_api.TENSORS
    | frozenset(
        (
            *("_reversed_padding_repeated_twice", "_forward_hooks", "_forward_pre_hooks"),
            *("reset_parameters", "reset_running_stats", "__class__", "extra_repr", "_get_name"),
            *("eps", "momentum", "affine", "track_running_stats", "num_features", "__module__"),
        )
    )
)
"""What a convolution or a norm of torch has; what else is asked for is of something else."""
APPLIED: Final = "each module is applied"
HAS_IT: Final = "what each module has is asked for"
_RESETTING: Final = frozenset(("reset_parameters", "reset_running_stats"))
"""What the parts have instead of what they are the parts of."""
_TAKING_NORM: Final = re.compile(r"norm_?$")
"""Functions that scale by a norm, such as ``clip_grad_norm_``."""
_DISPLAYS: Final = (ast.List, ast.Tuple, ast.Set)
_TAKING_ALL: Final = frozenset(("key", "operator", "any of many", "load_state_dict"))
REPLACING: Final = NUMBERS | {"weight", "bias", "forward", "__class__", "*", "[]"}
TREE: Final = frozenset(("_modules", "_parameters", "_buffers", "any of many", "()"))
TEXTS: Final = frozenset(("builtins.str", "builtins.repr", "builtins.format"))


class Judging:
    """Says what is done with each of all that differs for parts; nothing for what is harmless.

    Args:
        around: tells the sources in which it is done.
        are_plain: whether what is split is of torch's own classes, as its parts are.
    """

    def __init__(self, around: Surroundings, are_plain: bool) -> None:
        self.around = around
        self.are_plain = are_plain

    def of_module(self, path: str, use: Use) -> str:
        """What is done with each module that depends on what it is."""
        first, _, rest = path.partition(".")
        if first in torch_api.TENSORS:
            return self.of_weight(rest, use, "a weight")
        if path:
            return f"{first} of each module is taken" if first in ("forward", "__dict__") else ""
        match use.kind:
            case "method":
                return self._method_of_module(use)
            case "read":
                return self._read_of_module(use)
            case "write" if use.name in REPLACING:
                if use.name in ("*", "[]"):
                    return "a module in each is replaced"
                return f"{use.name} is set"
            case "call":
                return APPLIED
            case "argument":
                return self._argument(use, "each module")
            case "escape" if isinstance(use.node, ast.Match):
                return _matched(use.node)
            case "escape" if use.name not in TREE and isinstance(use.node, ast.Call):
                is_util = use.name.startswith("torch.nn.utils.")
                return (
                    f"each module is given to {use.name}" if is_util else "each module is handed on"
                )
        return ""

    def _method_of_module(self, use: Use) -> str:
        name = use.name
        if "." in name or name in _HARMLESS_METHODS or name not in OF_TORCH:
            return ""
        if name in ("_get_name", "extra_repr", "__repr__", "__str__"):
            is_told = is_compared(self.around.source_of(use.node), use.node)
            return "" if is_told else "the class of each module is asked for"
        return f"{name}() of each module is called"

    def _read_of_module(self, use: Use) -> str:
        if use.name in NUMBERS:
            start = start_of(self.around.source_of(use.node), "", use)
            return Start(start) if start else f"{use.name} is read of each module"
        if use.name.startswith("*hasattr") and not _is_for_name(use.node):
            return HAS_IT
        if use.name == "__class__" and not (self.are_plain and self._is_told(use.node)):
            return "the class of each module is asked for"
        if use.name in ("transposed", "__dict__", "__call__"):
            return f"{use.name} is read of each module"
        return ""

    def of_weight(self, path: str, use: Use, what: str = "each weight") -> str:
        """What is done with each weight that takes it as a whole."""
        name, node = use.name, use.node
        if path.partition(".")[0] in ALIKE:
            return ""
        source = self.around.source_of(node)
        start = start_of(source, "weight", use)
        if start:
            return "" if is_of_others(self.around.facts, source, node) else Start(start)
        match use.kind:
            case "method" if "." not in name:
                return self._method_of_weight(use, what)
            case "read" if name == "shape":
                return f"shape is read of {what}"
            case "write" | "item" if self._is_of_part(use):
                return f"a part of {what} is taken"
            case "iterate":
                return f"{what} is gone over"
            case "argument" | "input":
                return self._argument(use, "each weight")
            case "escape" if isinstance(node, ast.Call) and self._is_norm_of_one(name, node):
                return f"the norm of {what} is taken by {name.rpartition('.')[2]}()"
            case "escape" if isinstance(node, ast.Call) and not self._may_have(name):
                return f"{what} is handed on"
        return ""

    def _method_of_weight(self, use: Use, what: str) -> str:
        name, node = use.name, use.node
        if name in torch_api.ELEMENT_BY_ELEMENT:
            return ""
        if name in ("sum", "numel", "nelement") and self._is_summed(node):
            return ""
        return f"{name}() of {what} is taken"

    def _may_have(self, name: str) -> bool:
        """Whether what is handed a weight does the same with each element of it."""
        return (
            name.endswith("_")  # an initialiser
            or name in _TAKING_ALL
            or bool(torch_api.ELEMENTWISE_ON_WEIGHTS.fullmatch(name))
        )

    def _is_norm_of_one(self, name: str, call: ast.Call) -> bool:
        """Whether a norm is taken that may be of one weight, not of all that a walk gives."""
        if not _TAKING_NORM.search(name):
            return False
        given = [*call.args, *(each.value for each in call.keywords)]
        values = [value for each in given for value in self.around.facts.values(each)]
        return any(
            isinstance(each, Object)
            and (
                each.kind == torch_api.WALKED["parameters"]
                or (isinstance(each.site, _DISPLAYS) and _has_one(each.site))
            )
            for each in values
        )

    def _is_of_part(self, use: Use) -> bool:
        """Whether not all of a weight is read or set."""
        match use.node:
            case ast.Subscript(slice=ast.Slice(lower=None, upper=None, step=None)):
                return False
            case ast.Subscript(slice=ast.Constant(value=value)) if value is ...:
                return False
            case ast.Subscript():
                return use.kind == "item" or use.name == "[]"
        return False

    def _argument(self, use: Use, what: str) -> str:
        """What a function outside of the project makes of what it is given."""
        path = use.by.path if isinstance(use.by, External) else ""
        name = path.rpartition(".")[2]
        if path in TEXTS or path == "torch.typename":
            return "" if self._is_told(use.node) else f"the text of {what} is taken"
        if path == "builtins.type":
            is_same = self.are_plain and self._is_told(use.node)
            return "" if is_same else f"the class of {what} is asked for"
        if path == "builtins.len":
            return f"{what} is counted"
        if path in torch_api.FUNCTIONS or path == "torch.numel":
            if name in torch_api.ELEMENT_BY_ELEMENT or is_summed(
                self.around.source_of(use.node), use.node
            ):
                return ""
            return f"{name}() of {what} is taken"
        return ""

    def _is_told(self, node: ast.AST) -> bool:
        """Whether a class or a text is compared with others, or only shown to somebody."""
        source = self.around.source_of(node)
        return is_compared(source, node) or is_shown(source, node)

    def _is_summed(self, node: ast.AST) -> bool:
        return is_summed(self.around.source_of(node), node)


def _has_one(node: ast.List | ast.Tuple | ast.Set) -> bool:
    """Whether what is in a list is written out."""
    return not any(isinstance(each, ast.Starred) for each in node.elts)


def _matched(node: ast.Match) -> str:
    """What the patterns ask of each module besides its class."""
    patterns = (each for case in node.cases for each in walk(case.pattern))
    is_asked = any(isinstance(each, ast.MatchClass) and each.kwd_attrs for each in patterns)
    return "what each module has is matched" if is_asked else ""


def _is_for_name(node: ast.AST) -> bool:
    """Whether it is asked for one attribute that no convolution or norm has, whole or split."""
    match node:
        case ast.Call(args=[_, ast.Constant(value=str(name))]):
            return name not in HAS or name in _RESETTING
    return False
