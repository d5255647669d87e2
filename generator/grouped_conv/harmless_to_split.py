"""What may be done with what is split itself, or with what holds it, and changes nothing."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

from .. import torch_api
from ..facts.children import is_module
from ..facts.heap import Use, is_mapping
from ..facts.values import ANY_OF_SEVERAL, External, Instance, Object, Tensor, Value
from ..reading.calls import values_given
from ..reading.convolutions import SETTINGS
from ..reading.source import Source
from .contexts_of_use import is_shown
from .finding import Start
from .harmless import HAS, REPLACING, TEXTS, TREE
from .initialisation import start_of
from .norms.kinds import is_norm
from .norms.sequential import is_sequential
from .surroundings import Surroundings

_CHILDREN: Final = frozenset(("children", "named_children", "modules", "named_modules", "_modules"))
_CHANGES: Final = frozenset(
    ("pop", "insert", "__delitem__", "__setitem__", "reverse", "sort", "remove", "clear")
)
"""Methods of a list of modules that take some out, or put some between."""
_PUTTING: Final = torch_api.ADDS | {"append", "extend", "insert"}
_KNOWN_OF_CONV: Final = (
    SETTINGS - {"transposed"} | torch_api.GIVES_SELF | torch_api.FORWARD | {"training"}
)
_KNOWN_OF_NORM: Final = (
    frozenset(("num_features", "eps", "momentum", "affine", "track_running_stats", "training"))
    | torch_api.GIVES_SELF
    | torch_api.FORWARD
)
_ITERATING: Final = ("__iter__", "__next__")
WITH_A_MODEL: Final = "does with a model"
ELSEWHERE: Final = "the output is used elsewhere than by the norm"
_OF_CLASS: Final = frozenset(
    (
        *("__class__", "register_forward_hook", "register_forward_pre_hook", "_parameters"),
        *("parameters", "named_parameters", "state_dict", "load_state_dict", "__dict__"),
        *("reset_parameters", "register_parameter", "get_parameter", "_conv_forward"),
    )
)
"""What is looked at elsewhere, where the source names what is split."""


class JudgingSplit:
    """Says what is done with what is split that is another then; nothing for what is harmless.

    Args:
        around: the facts, and the sources of these.
        is_seen: whether an expression is known to be what is split, so that what is done with its
            weights and its class has been looked at.
    """

    def __init__(self, around: Surroundings, is_seen: Callable[[ast.AST], bool]) -> None:
        self.around = around
        self.facts = around.facts
        self.is_seen = is_seen

    # --- what holds what is split ------------------------------------------------------------

    def of_holder(self, holder: Value, use: Use) -> str:
        """What is done with what holds a split convolution that takes it apart."""
        path = use.by.path if isinstance(use.by, External) else ""
        match use.kind:
            case "argument" if path in TEXTS and not is_shown(
                self.around.source_of(use.node), use.node
            ):
                return "the text of a model is taken"
            case "escape" if is_module(holder) and isinstance(use.node, ast.Call):
                if torch_api.CHANGES_VALUES.match(use.name):
                    return f"a model is given to {use.name}"
                is_of_checkpoints = use.name in torch_api.CHECKPOINT_HOOKS
                if not is_of_checkpoints and not _is_no_module(use):
                    return f"it is not known what {self._callee(use)} {WITH_A_MODEL}"
        return ""

    def is_changed(self, holder: Value, use: Use) -> bool:
        """Whether a list of modules is given others, or fewer."""
        is_sequence = self.facts.heap.is_container(holder)
        if use.kind == "method":
            return is_sequence and use.name in _CHANGES
        return use.kind == "write" and self._is_kept_at(holder, use)

    def _is_kept_at(self, holder: Value, use: Use) -> bool:
        """Whether others put something where an item of a list of modules may be."""
        name, slots = use.name, self.facts.heap.slots(holder)
        is_item = (
            name in ("[]", "*") or name.isdecimal() or any(each.name == name for each in slots)
        )
        return is_item and not self._builds(holder, use.node)

    def _builds(self, holder: Value, node: ast.AST) -> bool:
        """Whether something is put into a module by methods of its own, or of who builds it."""
        method = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
        if method not in ("", "__setattr__", "set_submodule"):
            return True  # add_module
        source = self.around.source_of(node)
        function = source.function_around(node)
        if isinstance(holder, Object) and _is_before(source, node, holder.site):
            return True  # a list of which it is made then
        is_list = isinstance(holder, Object) and holder.kind == "builtins.list"
        is_here = isinstance(holder, Object) and source.has(holder.site)
        if isinstance(holder, Object) and is_here and (is_list or is_mapping(holder)):
            return function is source.function_around(holder.site)
        is_inner = function is not None and source.function_around(function) is not None
        return self.is_of_class(holder, node) and not is_inner

    def is_of_class(self, value: Value, node: ast.AST) -> bool:
        """Whether a node stands in the class of the project that an object is an instance of."""
        cls = self.around.source_of(node).class_around(node)
        return isinstance(value, Instance) and cls in [each.node for each in value.cls.order]

    # --- what is split itself ----------------------------------------------------------------

    def of_conv(self, conv: Value, path: str, use: Use, is_joined: bool) -> str:
        """What is done with a convolution that a split one does not know, or does otherwise."""
        if use.kind == "call" and is_joined and not self._is_normed(use):
            if self._may_be_normed(conv) and not self._is_in_sequence(conv, use.node):
                return ELSEWHERE
        return self._of_split(conv, path, use, _KNOWN_OF_CONV)

    def of_norm(self, conv: Value, norm: Value, path: str, use: Use) -> str:
        """What is done with a norm that a split one does not know."""
        if use.kind == "call" and isinstance(use.result, Tensor):
            given = self.facts.inputs_of(use.result)
            others = [each for each in given if not _is_of_conv(each)]
            if not all(self._is_instead(conv, each) for each in others):
                return "it is applied to something else,"
        return self._of_split(norm, path, use, _KNOWN_OF_NORM)

    def _is_instead(self, conv: Value, tensor: Value) -> bool:
        """Whether a tensor is what the call of a convolution gives where that is another module."""
        calls = (use.node for use in self.facts.uses(conv) if use.kind == "call")
        return any(
            tensor in self.facts.values(each) for each in calls if isinstance(each, ast.Call)
        )

    def _is_in_a_module(self, value: Value, use: Use) -> bool:
        """Whether it is another module that is handed on, with what is split in it."""
        given = values_given(use.node) if isinstance(use.node, ast.Call) else []
        values = [self.facts.with_items(self.facts.values(getattr(x, "value", x))) for x in given]
        values += [self.facts.values(each) for each in given]
        return any(any(map(is_module, each)) for each in values) and not any(
            value in each for each in values
        )

    def _of_split(self, value: Value, path: str, use: Use, known: frozenset[str]) -> str:
        start = start_of(self.around.source_of(use.node), path, use)
        if start:
            return Start(start)
        if path:  # of which it has been said that it is asked for
            is_inner = use.kind == "read" and path in torch_api.FORWARD
            return f"{path}.{use.name} is asked for" if is_inner else ""
        name = use.name
        match use.kind:
            case "method" | "read":
                return self._asked(use, known)
            case "write" if name in SETTINGS | known | REPLACING:
                return "" if name in torch_api.TENSORS and self._is_seen(use) else f"{name} is set"
            case "argument":
                return self._given_to(use)
            case "escape" if name.startswith("torch.nn.utils.") and self._is_seen(use):
                return ""
            case "escape" if not _is_no_module(use) and not self._is_in_a_module(value, use):
                return f"it is not known what {self._callee(use)} does with it: it is given one"
        return ""

    def _asked(self, use: Use, known: frozenset[str]) -> str:
        name = use.name
        if name in ("*hasattr", "*"):
            asked = self._named(use.node) if name == "*hasattr" else ""
            is_looked_at = asked in (*torch_api.TENSORS, "") and self._is_seen(use)
            return "" if asked in known or is_looked_at else "what it has is asked for"
        if name == "*apply" or name in known or "." in name:
            return ""
        if name.lstrip("*") in _CHILDREN:
            return "what is in it is asked for,"
        if name in ("_get_name", "extra_repr", "__repr__", "__str__"):
            return "the class is asked for"
        if name.startswith("*") or name in torch_api.WALKS:
            return ""  # which is a walk by itself
        if name in torch_api.TENSORS | _OF_CLASS and self._is_seen(use):
            return ""
        if name in ("zero_grad", "load_state_dict", "register_buffer", "add_module"):
            return ""
        return f"{name} is asked for" if name in HAS else ""

    def _given_to(self, use: Use) -> str:
        """What a function makes of it: one of the project is followed."""
        path = use.by.path if isinstance(use.by, External) else ""
        if path in TEXTS:
            return "" if self._is_shown(use.node) else "the class is asked for"
        if path in ("builtins.isinstance", "builtins.type"):
            is_known = self._is_seen(use) or self._is_no_class_of_it(use)
            return "" if is_known else "the class is asked for"
        return ""

    def _is_no_class_of_it(self, use: Use) -> bool:
        """Whether isinstance is given classes that neither what is split, nor the rest is of."""
        match use.node:
            case ast.Call(args=[_, classes]):
                asked = self.facts.with_items(self.facts.values(classes))
                values = [each for each in asked if not self.facts.heap.is_container(each)]
                others = torch_api.CONVOLUTIONS | torch_api.BATCH_NORMS | torch_api.INSTANCE_NORMS
                return bool(values) and all(
                    isinstance(each, External)
                    and torch_api.is_module_class(each.path)
                    and each.path not in others
                    for each in values
                )
        return False

    def _is_shown(self, node: ast.AST) -> bool:
        return is_shown(self.around.source_of(node), node)

    def _is_seen(self, use: Use) -> bool:
        """Whether the source names what is split where something is done with it."""
        match use.node:
            case ast.Attribute(value=value) | ast.Call(func=ast.Attribute(value=value)):
                if self.is_seen(value):
                    return True
        if isinstance(use.node, ast.Call):
            return any(map(self.is_seen, use.node.args))
        return False

    def _named(self, node: ast.AST) -> str:
        """The attribute that hasattr asks for, if it is known."""
        match node:
            case ast.Call(args=[_, ast.Constant(value=str(name)), *_]):
                return name
        return ""

    def _is_normed(self, use: Use) -> bool:
        """Whether the output of a convolution goes to nothing but norms."""
        made = self.facts.uses(use.result) if use.result is not None else ()
        uses = [each for each in made if each.kind != "test"]
        if self._is_seen_call(use.node):  # by a norm that may be None, or of a class not known
            return not uses or any(_is_norm(each) or _may_be_norm(each) for each in uses)
        is_one_call = len({each.node for each in uses}) == 1  # of what may be one of several
        return all(map(_is_norm, uses)) or (is_one_call and any(map(_is_norm, uses)))

    def _may_be_normed(self, conv: Value) -> bool:
        """Whether a norm may take what a convolution gives, wherever that is."""
        made = (use.result for use in self.facts.uses(conv) if use.kind == "call")
        uses = (use for each in made if each is not None for use in self.facts.uses(each))
        return any(_is_norm(each) or _may_be_norm(each) for each in uses)

    def _is_in_sequence(self, conv: Value, call: ast.AST) -> bool:
        """Whether Sequentials apply it, each with the norm that is split with it, if any."""
        holders = [each for each, name in self.facts.heap.holders(conv) if not name]
        applied = self.facts.values(call.func) if isinstance(call, ast.Call) else frozenset()
        return conv not in applied and all(map(self._has_norm, filter(is_sequential, holders)))

    def _has_norm(self, sequence: Value) -> bool:
        slots = self.facts.heap.slots(sequence)
        return any(is_norm(each.values) for each in slots)

    def _is_seen_call(self, node: ast.AST) -> bool:
        """Whether the source names a convolution where it calls it."""
        if not isinstance(node, ast.Call) or not self.is_seen(node.func):
            return False
        called = self.facts.values(node.func)
        return any(getattr(each, "kind", "") in torch_api.CONVOLUTIONS for each in called)

    def _callee(self, use: Use) -> str:
        node = use.node
        if isinstance(node, ast.Call):
            return f"{self.around.source_of(node).shown(node.func)}()"
        return use.name or "other code"


def _is_before(source: Source, node: ast.AST, made: ast.AST) -> bool:
    """Whether a node is surely done with when something is made in the same function."""
    function, loops = source.function_around(node), (ast.For, ast.AsyncFor, ast.While)
    around = {each for each in source.ancestors(node) if isinstance(each, loops)}
    is_here = source.has(made) and function is source.function_around(made)
    is_later = getattr(node, "end_lineno", 0) < getattr(made, "lineno", 0)
    return is_here and is_later and around.isdisjoint(source.ancestors(made))


def _is_no_module(use: Use) -> bool:
    """Whether what is handed something takes no module, or keeps it as it is."""
    name = use.name
    is_put = isinstance(use.node, ast.Call) and getattr(use.node.func, "attr", "") in _PUTTING
    if is_put and not name.startswith("torch."):
        return True
    is_function = name in torch_api.FUNCTIONS or name.startswith("torch.utils.checkpoint.")
    is_layer = torch_api.is_nn_class(name) and not torch_api.HOLDS_MODULES.fullmatch(name)
    if name == "operator" and isinstance(use.node, ast.AugAssign):
        return False  # what is not known may keep it
    return (
        is_function
        or is_layer
        or name in (*TREE, "key", "for", "[]", "operator", "with", *_ITERATING)
    )


def _is_of_conv(value: Value) -> bool:
    """Whether something is what a convolution gives, or may be any of several such."""
    producer = getattr(value, "producer", None)
    kind = getattr(producer, "kind", getattr(producer, "path", ""))
    return kind in torch_api.CONVOLUTIONS or kind == ANY_OF_SEVERAL


def _may_be_norm(use: Use) -> bool:
    """Whether something is given to what is not known, be it a module of the project."""
    return use.kind == "escape" or isinstance(use.by, Instance)


def _is_norm(use: Use) -> bool:
    return use.by is not None and is_norm((use.by,))
