"""Tell which subclasses of a convolution, defined in the source, can be split into branches.

What is split takes the weight and the bias of the whole to pieces, and calls each with a slice of
the input. So a subclass must be no more than its convolution with other arguments; or all it adds
must hold for each filter by itself, as the max-norm constraint of EEGNet does::

    self.weight.data = torch.renorm(self.weight.data, p=2, dim=0, maxnorm=1)
    return super().forward(x)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from .. import torch_api
from ..facts.values import WEIGHTS, ClassValue, Instance
from ..reading.classes import Class, ClassIndex
from ..reading.convolutions import GROUPS_POSITION, SETTINGS, conv_class
from ..reading.kept import kept
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Function
from .by_slice import PADDING, is_by_slice
from .source_facts import facts_of_source

_INHERITED = frozenset(("__init__", "__module__", "__doc__", "extra_repr", "__repr__", "forward"))
_HARMLESS_METHODS = frozenset(("__init__", "reset_parameters", "extra_repr", "__repr__"))
_CONV_BASE = "torch.nn.modules.conv._ConvNd"


@dataclass(frozen=True)
class Subclass:
    """A class of the source that inherits from a convolution of torch.

    Attributes:
        node: its definition.
        base: the name of torch's class, such as ``Conv2d``.
        refusal: why it cannot be split; empty where it can.
        has_forward: whether its branches must be of the class itself, for what its forward adds.
    """

    node: ast.ClassDef
    base: str
    refusal: str = ""
    has_forward: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it can be split by a call that does not know of the class."""
        return not self.refusal and not self.has_forward


@kept
def find_subclass(index: ClassIndex, node: ast.ClassDef) -> Subclass | None:
    """What a class of the source is as a convolution, if it is one."""
    if node not in index.classes:  # one of the helper
        return None
    lineage = list(index.classes[node].ancestors())
    for each in lineage:
        for base in each.node.bases:
            path = meaning(index.source, base).path
            if _is_conv_path(path):
                name = path.rpartition(".")[2]
                refusal = _refusal(index, lineage, path)
                has_forward = any("forward" in one.names for one in lineage)
                if not refusal and not has_forward:
                    refusal = _is_told_apart(index, index.classes[node])
                return Subclass(node, name, refusal, has_forward)
    return None


def may_be_grouped(index: ClassIndex, node: ast.ClassDef, call: ast.Call) -> bool:
    """Whether the initialiser of a subclass passes groups on that are not 1 in a call."""
    return any(
        not _is_one(index, expression, call)
        for each in index.classes[node].ancestors()
        for expression in _groups_given(each)
    )


def _groups_given(each: Class) -> Iterator[ast.expr]:
    """What the initialiser of a class passes as ``groups`` to that of its base."""
    for function in _methods(each):
        for node in walk(function) if function.name == "__init__" else ():
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "__init__":
                yield from (one.value for one in node.keywords if one.arg == "groups")
                yield from node.args[GROUPS_POSITION : GROUPS_POSITION + 1]


def _is_one(index: ClassIndex, expression: ast.expr, call: ast.Call) -> bool:
    """Whether what an initialiser passes is 1, be it what a call gives a parameter of it."""
    if isinstance(expression, ast.Name):
        found = meaning(index.source, expression)
        if isinstance(found.node, ast.arg):
            return _is_constant_1(_given(index, found.node, call) or found.default)
    return _is_constant_1(expression)


def _given(index: ClassIndex, parameter: ast.arg, call: ast.Call) -> ast.expr | None:
    """What a call of a class gives a parameter of its initialiser, as far as it is seen."""
    for keyword in call.keywords:
        if keyword.arg in (parameter.arg, None):
            return keyword.value
    arguments = index.source.parent(parameter)
    assert isinstance(arguments, ast.arguments)
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)][1:]
    for name, given in zip(names, call.args, strict=False):
        if name == parameter.arg or isinstance(given, ast.Starred):
            return given
    return None


def _is_constant_1(expression: ast.expr | None) -> bool:
    return isinstance(expression, ast.Constant) and expression.value == 1


def _is_told_apart(index: ClassIndex, own_class: Class) -> str:
    """Why what is built must stay of its class, which torch's own would take the place of."""
    lineage = list(own_class.ancestors())
    inside = {node for each in lineage for node in walk(each.node)}
    own = {name for each in lineage for name in each.names} - _INHERITED
    own |= {
        each.attr
        for each in inside
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
    }
    for node in index.source.nodes:
        if node in inside:
            continue
        if isinstance(node, ast.Attribute) and node.attr in own:
            if not _is_asked_of_class(index, own_class, node):
                return f"{node.attr} is used outside of it (line {node.lineno})"
        elif isinstance(node, (ast.Call, ast.Attribute)) and _asks_for(index, own_class, node):
            return f"it is asked for (line {node.lineno})"
    return ""


def _asks_for(index: ClassIndex, own_class: Class, node: ast.Call | ast.Attribute) -> bool:
    """Whether an object is asked whether it is of a class, or of one that inherits from the same.

    As ``isinstance(m, Own)`` and ``type(m) is Own`` do, and ``issubclass(m.__class__, Own)``.
    """
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node.func, "id", "")
    if name not in ("isinstance", "type", "__class__"):
        return False
    parent = index.source.parent(node)
    is_compared = isinstance(parent, ast.Compare) or (
        isinstance(parent, ast.Call) and getattr(parent.func, "id", "") == "issubclass"
    )
    objects = node.args[:1] if isinstance(node, ast.Call) else [node]
    asked = {each for one in objects for each in walk(one)}
    return any(
        _may_be(index, own_class, each)
        for each in walk(parent if is_compared else node)
        if isinstance(each, ast.expr) and each not in asked
    )


def _may_be(index: ClassIndex, own_class: Class, expression: ast.expr) -> bool:
    """Whether an expression may be a class, or one that inherits from the same."""
    nodes = {each.node for each in own_class.relatives()}
    values = facts_of_source(index).values(expression)
    return any(isinstance(each, ClassValue) and each.cls.node in nodes for each in values)


def _is_asked_of_class(index: ClassIndex, own_class: Class, attribute: ast.Attribute) -> bool:
    """Whether an attribute is read that the class itself has, of the class and of no object."""
    relatives = own_class.relatives()
    bound = [each for one in relatives for each in one.scope.bindings.get(attribute.attr, [])]
    functions = [each.node for each in bound if isinstance(each.node, FUNCTIONS)]
    is_plain = all(_is_staticmethod(index, each) for each in functions)
    if not isinstance(attribute.ctx, ast.Load) or not bound or not is_plain:
        return False
    values = facts_of_source(index).values(attribute.value)
    return _may_be(index, own_class, attribute.value) and not any(
        isinstance(each, Instance) for each in values
    )


def _methods(each: Class) -> Iterator[Function]:
    return (one for one in each.node.body if isinstance(one, FUNCTIONS))


def _refusal(index: ClassIndex, lineage: list[Class], base: str) -> str:
    """Why a subclass is more than can be taken to pieces; empty where it is not."""
    for access in index.accesses("forward"):
        if meaning(index.source, access.node.value).node in {each.node for each in lineage}:
            return f"its forward is set or used (line {access.node.lineno})"
    for each in lineage:
        for one in each.node.bases:
            shown = index.source.code(one)
            if shown in each.outer_bases and not _is_conv_path(meaning(index.source, one).path):
                return f"its base class {shown} is not in this file"
        for method in sorted(_methods(each), key=lambda one: "forward" not in one.name):
            reason = _refusal_of_method(index, method, lineage, base.rpartition(".")[2])
            if reason:
                return reason
    return "" if base != _CONV_BASE else "it is a convolution of a kind of its own"


def _is_conv_path(path: str) -> bool:
    return conv_class(path) is not None or path == _CONV_BASE


def _is_of_torch(name: str) -> bool:
    """Whether a convolution of torch has an attribute of a name."""
    is_method = torch_api.may_have_method("torch.nn.Conv2d", name)
    return is_method or name in SETTINGS or name in WEIGHTS


def _is_apart(index: ClassIndex, method: Function, lineage: list[Class]) -> bool:
    """Whether a method that is none of torch's cannot touch what the convolution is.

    It is given no object; or only a class with a forward of its own, which its branches keep, asks
    for it.
    """
    owners = {each.node for each in lineage}
    accesses = index.accesses(method.name)
    has_forward = any("forward" in each.names for each in lineage)
    is_inside = has_forward and accesses and all(each.owner in owners for each in accesses)
    return not _is_of_torch(method.name) and (_is_staticmethod(index, method) or bool(is_inside))


def _refusal_of_method(index: ClassIndex, method: Function, lineage: list[Class], base: str) -> str:
    if method.name == "forward" and is_by_slice(index, method, base):
        return ""
    if method.name in ("forward", "_conv_forward"):
        if any(isinstance(each, ast.Attribute) and each.attr == "groups" for each in walk(method)):
            return f"its {method.name} uses self.groups (line {method.lineno})"
        return f"it has a {method.name} of its own (line {method.lineno})"
    if method.name == "__init__":
        return _refusal_of_initialiser(index, method)
    if method.name not in _HARMLESS_METHODS and not _is_apart(index, method, lineage):
        return f"it has a method of its own, {method.name} (line {method.lineno})"
    return ""


def _refusal_of_initialiser(index: ClassIndex, method: Function) -> str:
    """Why an initialiser makes more than the convolution and plain attributes."""
    this = method.args.args[0].arg if method.args.args else ""
    for node in walk(method):
        if isinstance(node, ast.Attribute) and node.attr in ("forward", "_conv_forward"):
            return f"its __init__ uses {node.attr} (line {node.lineno})"
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
        passes_self = any(isinstance(each, ast.Name) and each.id == this for each in node.args)
        is_module = meaning(index.source, node.func).path.startswith("torch.nn.")
        is_init = meaning(index.source, node.func).path.startswith("torch.nn.init.")
        if name.startswith("register_") or (passes_self and name not in ("super", "__init__")):
            return f"its __init__ calls {name} (line {node.lineno})"
        is_padding = PADDING.fullmatch(meaning(index.source, node.func).path) is not None
        if is_module and not is_init and not is_padding and name != "__init__":
            return f"its __init__ makes a {name} (line {node.lineno})"
    return ""


def _is_staticmethod(index: ClassIndex, method: Function) -> bool:
    """Whether a method is given no instance, and nothing else decorates it."""
    match method.decorator_list:
        case [ast.Name(id="staticmethod") as decorator]:
            return index.source.scope(decorator).lookup("staticmethod") is None
    return False
