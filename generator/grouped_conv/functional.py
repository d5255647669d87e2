"""Tell where ``F.conv2d`` is given a weight that is no module's.

    w = window(size, x.size(1)).to(x)                   w = self.weight * style.view(b, 1, c, 1, 1)
    mean = F.conv2d(x, w, groups=x.size(1))             y = F.conv2d(x, w.flatten(0, 1), groups=b)

It is made of numbers alone, such as the window of a loss, or of what a network computes. There is
nothing to split.
"""

from __future__ import annotations

import ast
from collections.abc import Container

from ..facts.facts import Facts
from ..facts.values import Instance, Object, Parameter, Tensor, Value
from ..reading.alternatives import given_to
from ..reading.classes import ClassIndex
from ..reading.convolutions import GROUPS_POSITION, is_functional_convolution
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Binding, Function, assigned_value
from ..reading.source import Source
from .source_facts import facts_of_source

_OF_MODULES = frozenset(("weight", "bias", "parameters", "named_parameters", "state_dict", "data"))
_LIKE = frozenset(("to", "type_as", "expand_as", "view_as", "reshape_as", "type"))
"""Methods of a tensor that take no value of their arguments."""
_ENTRIES = ("forward", "__call__")
_DEPTH = 4


def has_weight_of_no_module(index: ClassIndex, call: ast.Call) -> bool:
    """Whether a call is of a convolution as a function, with a weight that is computed for it."""
    if not is_functional_convolution(meaning(index.source, call.func).path):
        return False
    weights = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "weight")]
    if len(weights) != 1 or isinstance(weights[0], ast.Starred):
        return False
    return _Computed(index).is_tensor(weights[0]) or _is_of_data(index, call, weights[0])


def _is_of_data(index: ClassIndex, call: ast.Call, weight: ast.expr) -> bool:
    """Whether a tensor is made of what a network is given, or what its modules give."""
    facts = facts_of_source(index)
    values = facts.values(weight)
    known = [each for each in values if not isinstance(each, Parameter)]
    if not facts.is_complete or not values:
        return False
    groups = [*call.args[GROUPS_POSITION : GROUPS_POSITION + 1]]
    groups += [each.value for each in call.keywords if each.arg == "groups"]
    if any(_is_of_size(index, each) for each in groups):
        return all(_stems_from_data(facts, each, set()) for each in known)
    return bool(known) and all(_stems_from_data(facts, each, set(), _ENTRIES) for each in known)


def _is_of_size(index: ClassIndex, groups: ast.expr) -> bool:
    """Whether a number of groups is a length of a tensor, or made of such."""
    names = [each for each in walk(groups) if isinstance(each, ast.Name)]
    statements = [
        index.source.statement(binding.node)
        for each in names
        if (found := index.source.scope(each).lookup(each.id)) is not None
        for binding in found[1]
        if binding.kind != "parameter"
    ]
    return any(
        isinstance(each, ast.Attribute) and each.attr in ("shape", "size")
        for part in (groups, *statements)
        for each in walk(part)
    )


def _stems_from_data(
    facts: Facts, value: Value, seen: set[Value], entries: Container[str] | None = None
) -> bool:
    """Whether a tensor is made of what a module gives, or a function is given.

    If only some functions count, another one may be given the weight of a module.
    """
    if isinstance(value, Parameter):
        return entries is None or getattr(value.function, "name", "") in entries
    if not isinstance(value, Tensor) or value in seen:
        return False
    seen.add(value)
    if isinstance(value.producer, (Object, Instance)):
        return True
    inputs = facts.inputs_of(value)
    match value.site:
        case ast.Call(func=ast.Attribute(value=receiver, attr=attr)) if attr in _LIKE:
            inputs = facts.values(receiver)
    return any(_stems_from_data(facts, each, seen, entries) for each in inputs)


class _Computed:
    """Tells which tensors of a source are made of numbers alone."""

    def __init__(self, index: ClassIndex) -> None:
        self.index = index
        self._assumed: set[str] = set()  # the variables that are being asked about

    def is_tensor(self, node: ast.expr, depth: int = _DEPTH) -> bool:
        """Whether an expression is such a tensor."""
        match node:
            case ast.Name(id=name):
                return name in self._assumed or (depth > 0 and self._is_variable(node, depth - 1))
            case ast.Subscript(value=value):
                return self.is_tensor(value, depth)
            case ast.Attribute(value=value, attr=attr) if self.index.self_class(value) is not None:
                stored = _stored(self.index, attr) if depth > 0 else []
                return bool(stored) and self._are_tensors(stored, depth - 1)
            case ast.BinOp(left=left, right=right):
                is_any = self.is_tensor(left, depth) or self.is_tensor(right, depth)
                return is_any and self._is_made_of([left, right], depth)
            case ast.Call():
                return self._is_given_by(node, depth)
        return False

    def _is_variable(self, node: ast.Name, depth: int) -> bool:
        """Whether all that a variable is given is, be it made of its value before."""
        found = self.index.source.scope(node).lookup(node.id)
        values = [each for one in found[1] for each in _values(self.index, one)] if found else []
        first = [each for each in values if each is None or node.id not in _names(each)]
        if not first or not self._are_tensors(first, depth):
            return False
        self._assumed.add(node.id)
        is_kept = self._are_tensors([each for each in values if each not in first], depth)
        self._assumed.discard(node.id)
        return is_kept

    def _are_tensors(self, values: list[ast.expr | None], depth: int) -> bool:
        return all(each is not None and self.is_tensor(each, depth) for each in values)

    def _is_made_of(self, given: list[ast.expr], depth: int) -> bool:
        """Whether some expressions are numbers, or such tensors."""
        return all(
            _is_number(self.index, each, depth) or self.is_tensor(each, depth) for each in given
        )

    def _is_given_by(self, call: ast.Call, depth: int) -> bool:
        given = [*call.args, *(each.value for each in call.keywords)]
        callee = meaning(self.index.source, call.func)
        if isinstance(callee.node, FUNCTIONS):
            is_own = not _reads_modules(callee.node)
            return is_own and all(_is_number(self.index, each, depth) for each in given)
        if callee.path.startswith("torch.") and callee.path.count(".") == 1:
            return bool(given) and self._is_made_of(given, depth)
        if not isinstance(call.func, ast.Attribute) or callee.kind == "import":
            return False
        return self.is_tensor(call.func.value, depth)


def _names(expression: ast.expr) -> set[str]:
    return {each.id for each in walk(expression) if isinstance(each, ast.Name)}


def _stored(index: ClassIndex, attribute: str) -> list[ast.expr | None]:
    """What an attribute of a name is given, or a buffer; None for what is not seen."""
    stores = [each.node for each in index.accesses(attribute)]
    stores = [each for each in stores if not isinstance(each.ctx, ast.Load)]
    found = [assigned_value(index.source.parent_of, each) for each in stores]
    for node in index.source.nodes:
        match node:
            case ast.Call(
                func=ast.Attribute(attr="register_buffer"),
                args=[ast.Constant(value=name), value, *_],
            ) if name == attribute:
                found.append(value)
    return found


def _values(index: ClassIndex, binding: Binding) -> list[ast.expr | None]:
    """What a variable may be given, but for None as a default; None for what is not seen."""
    if binding.kind == "parameter":
        given = given_to(index, binding)
        return [each for each in given if getattr(each, "value", "") is not None]
    return [binding.value]


def _is_number(index: ClassIndex, node: ast.expr, depth: int) -> bool:
    match node:
        case ast.Constant(value=int() | float()):
            return True
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return all(_is_number(index, each, depth) for each in elements)
        case ast.BinOp(left=left, right=right):
            return _is_number(index, left, depth) and _is_number(index, right, depth)
        case ast.Call(func=ast.Attribute(attr="size"), args=[_]):
            return True
        case ast.Subscript(value=ast.Attribute(attr="shape")):
            return True
        case ast.Name():
            found = index.source.scope(node).lookup(node.id)
            return (
                depth > 0
                and found is not None
                and all(_is_given_number(index, each, depth - 1) for each in found[1])
            )
    return False


def _is_given_number(index: ClassIndex, binding: Binding, depth: int) -> bool:
    """Whether a variable is given a number, or one of a shape, or is a parameter for one."""
    if binding.value is not None:
        return _is_number(index, binding.value, depth)
    return _is_of_shape(index.source, binding.node)


def _is_of_shape(source: Source, target: ast.AST) -> bool:
    match source.parent(source.parent(target)):
        case ast.Assign(value=ast.Call(func=ast.Attribute(attr="size"), args=[])):
            return True
        case ast.Assign(value=ast.Attribute(attr="shape")):
            return True
    return False


def _reads_modules(function: Function) -> bool:
    """Whether a function takes something of a module."""
    return any(
        isinstance(each, ast.Attribute) and each.attr in _OF_MODULES for each in walk(function)
    )
