"""Which expressions are tensors, as far as the rules must know."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from itertools import chain, takewhile
from typing import Final

from .. import torch_api
from ..facts.heap import Use
from ..facts.values import (
    STRANGE,
    Constant,
    External,
    Function,
    Object,
    Parameter,
    Tensor,
    Unknown,
    Value,
    is_strange,
)
from ..reading.scopes import COMPREHENSIONS, FUNCTIONS
from .rule import Asking, NotKnown

_MODULES: Final = ("torch", "torch.nn.functional")
_TAKING_NUMBERS: Final = ("pow", "where")
"""Functions whose first argument may be a number."""
_LEAVING: Final = (ast.Return, ast.Raise)
_DEEPEST: Final = 3
"""How many calls a parameter is followed through."""
_BRANCHES: Final = (
    *(ast.If, ast.IfExp, ast.BoolOp, ast.For, ast.While, ast.Try, ast.Match),
    *(ast.Lambda, *COMPREHENSIONS),
)
_OF_BUILTINS: Final = frozenset[str]().union(
    *map(dir, (str, bytes, list, dict, set, int, float, complex))
)
"""Methods, of tensors too, by which nothing is told."""
_OF_ARRAYS: Final = frozenset(
    (
        *("all", "any", "argmax", "argmin", "argsort", "clip", "conj", "cumprod", "cumsum"),
        *("diagonal", "dot", "fill", "flatten", "item", "max", "mean", "min", "nonzero", "prod"),
        *("put", "ravel", "repeat", "reshape", "resize", "round", "sort", "squeeze", "std", "sum"),
        *("swapaxes", "take", "tolist", "trace", "transpose", "var", "view", "__getitem__"),
    )
)
"""Methods of tensors that arrays of numpy have as well."""
_FREE: Final = (
    *(ast.Name, ast.Attribute, ast.Constant, ast.UnaryOp, ast.BinOp, ast.Tuple, ast.List),
    *(ast.expr_context, ast.operator, ast.unaryop),
)


def is_tensor(asking: Asking, node: ast.expr) -> bool:
    """Whether an expression is surely a tensor.

    That is what a module or a function of torch gives, and a parameter that is given to one; and
    what was seen as one in a run.
    """
    values = asking.facts.values(node)
    is_told = bool(values) and all(
        isinstance(each, Tensor) or (isinstance(each, Parameter) and _is_used_as_one(asking, each))
        for each in values
    )
    return is_told or _is_seen(asking, node)


def _is_seen(asking: Asking, node: ast.expr) -> bool:
    """Whether an expression was a tensor each time in a run, and may be one by the facts."""
    if asking.seen is None or not all(map(may_be_one, asking.facts.values(node))):
        return False
    return asking.seen.is_tensor(node)


def is_tensor_by_method(asking: Asking, receiver: ast.expr) -> bool:
    """Whether what has a method that numbers and containers have not is surely a tensor.

    Arrays of numpy have most of these too, so that in a file that speaks of numpy nothing is told.
    """
    values = asking.facts.values(receiver)
    if is_tensor(asking, receiver):
        return True
    return _may_know_no_arrays(asking, receiver) and all(map(may_be_one, values))


def may_be_tensor_by_method(asking: Asking, receiver: ast.expr) -> bool:
    """Whether what has such a method may be a tensor, as far as that is worth a word."""
    return may_be_tensor(asking, receiver) or is_tensor_by_method(asking, receiver)


def see_that_it_is_tensor(
    asking: Asking,
    node: ast.expr,
    is_known: Callable[[Asking, ast.expr], bool] = is_tensor,
) -> None:
    """See that an expression is surely a tensor.

    Args:
        asking: what may be asked.
        node: the expression.
        is_known: tells it, if not by the facts alone.

    Raises:
        NotKnown: it may be something else.
    """
    if not is_known(asking, node):
        raise NotKnown(f"{asking.source.shown(node)} is not known to be a tensor")


def _may_know_no_arrays(asking: Asking, node: ast.AST) -> bool:
    """Whether a node stands in a module of torch, in a file that does not speak of numpy."""
    if "numpy" in asking.source.text or not asking.source.has(node):
        return False
    owner = asking.source.class_around(node)
    return owner is not None and asking.facts.is_module(owner)


def may_be_one(value: Value) -> bool:
    """Whether a value is a tensor, or not known, or None, which has no methods."""
    is_strange = isinstance(value, Object) and value.kind == STRANGE
    return is_strange or isinstance(value, (Tensor, Parameter, Unknown, Constant))


def _is_used_as_one(asking: Asking, value: Parameter) -> bool:
    """Whether each call of a function does with a parameter what only tensors can take."""
    return any(
        _is_taken_as_tensor(asking, each, value) and _is_always_run(asking, each.node, value)
        for each in asking.facts.uses(value)
        if each.kind == "input"
    )


def _is_taken_as_tensor(asking: Asking, use: Use, value: Parameter) -> bool:
    """Whether a module or function of torch is applied to a value, and takes but a tensor there."""
    call = use.node
    if not isinstance(call, ast.Call):
        return False
    path = getattr(use.by, "kind", getattr(use.by, "path", ""))
    module, _, name = path.rpartition(".")
    if module == "torch.Tensor":  # arrays of numpy have most methods of tensors
        if name in _OF_BUILTINS or (name in _OF_ARRAYS and not _may_know_no_arrays(asking, call)):
            return False
        receiver = getattr(call.func, "value", None)
        return receiver is not None and value in asking.facts.values(receiver)
    is_first = bool(call.args) and value in asking.facts.values(call.args[0])
    takes_tensor = torch_api.keeps_channels(name) and name not in _TAKING_NUMBERS
    return is_first and (torch_api.is_nn_class(path) or (module in _MODULES and takes_tensor))


def _is_always_run(asking: Asking, node: ast.AST, value: Parameter, depth: int = 0) -> bool:
    """Whether each call of a function gets to a node of it, or of what it hands a parameter to."""
    source = asking.source
    if not source.has(node) or depth > _DEEPEST:
        return False
    around = takewhile(lambda each: not isinstance(each, FUNCTIONS), source.ancestors(node))
    function = source.function_around(node)
    if function is None or any(isinstance(each, _BRANCHES) for each in around):
        return False
    before = (each for each in source.inside(function) if isinstance(each, _LEAVING))
    if any(source.span(each).start < source.span(source.statement(node)).start for each in before):
        return False
    return function is value.function or any(
        isinstance(each.by, Function)
        and each.by.node is function
        and _is_always_run(asking, each.node, value, depth + 1)
        for each in asking.facts.uses(value)
        if each.kind == "argument"
    )


def may_be_tensor(asking: Asking, node: ast.expr) -> bool:
    """Whether an expression may be a tensor that depends on what a model is given.

    Of parameters that are those of a forward, and those that are treated as one. Constants, such
    as those that ``torch.arange`` gives, PLiNIO never traces.
    """
    if _is_seen(asking, node):
        return True
    values = asking.facts.values(node)
    return any(
        _is_of_forward(each) or _is_used_as_one(asking, each)
        if isinstance(each, Parameter)
        else isinstance(each, Tensor) and _depends_on_input(asking, each)
        for each in values
    )


def may_be_tensor_of_project(asking: Asking, *nodes: ast.expr) -> bool:
    """Whether one of some expressions in a forward, all unknown to their file, may be a tensor."""
    function = asking.source.function_around(nodes[0])
    if getattr(function, "name", "") != "forward" or not all(
        map(is_strange, chain.from_iterable(map(asking.facts.values, nodes)))
    ):
        return False
    wider = asking.in_project()
    return wider.facts.is_complete and any(may_be_tensor(wider, each) for each in nodes)


def _is_of_forward(value: Parameter) -> bool:
    return getattr(value.function, "name", "") == "forward"


def _depends_on_input(asking: Asking, tensor: Tensor) -> bool:
    """Whether a tensor is made of a parameter, or by a module, in any number of steps."""
    found: dict[Value, None] = {tensor: None}
    todo: list[Value] = [tensor]
    while todo:
        value = todo.pop()
        if isinstance(value, Parameter) or isinstance(getattr(value, "producer", None), Object):
            return True
        for each in asking.facts.inputs_of(value) if isinstance(value, Tensor) else ():
            if each not in found:
                found[each] = None
                todo.append(each)
    return False


def is_in_model(asking: Asking, node: ast.expr) -> bool:
    """Whether an expression stands in a method of a module but its constructor, or in a function.

    What stands elsewhere, PLiNIO never sees.
    """
    source = asking.source
    function = source.function_around(node)
    owner = source.class_around(node)
    if not isinstance(function, FUNCTIONS) or function.name == "__init__":
        return False
    return owner is None or asking.facts.is_module(owner)


def is_number(asking: Asking, node: ast.expr) -> bool:
    """Whether an expression is a number that is known, be it one of several, or seen in a run."""
    values = asking.facts.values(node)
    if values and all(map(_is_number, values)):
        return True
    is_open = all(isinstance(each, (Constant, Parameter)) or is_strange(each) for each in values)
    return asking.seen is not None and is_open and bool(asking.seen.numbers(node))


def _is_number(value: Value) -> bool:
    if not isinstance(value, Constant) or isinstance(value.value, bool):
        return False
    return isinstance(value.value, (int, float))


def is_free_of_effects(node: ast.expr) -> bool:
    """Whether an expression may be evaluated earlier, later or twice: names, constants, sums."""
    return all(isinstance(each, _FREE) for each in ast.walk(node))


def function_of(asking: Asking, call: ast.Call) -> str:
    """The one function or method of torch that a call surely calls, by its path; else empty."""
    if isinstance(call.func, ast.Attribute) and is_tensor(asking, call.func.value):
        return f"torch.Tensor.{call.func.attr}"
    values = asking.facts.values(call.func)
    paths = {each.path for each in values if isinstance(each, External)}
    return paths.pop() if len(values) == len(paths) == 1 else ""


def is_of_other_library(asking: Asking, node: ast.expr) -> bool:
    """Whether an operand may have operators of its own, as arrays of numpy have."""
    values = asking.facts.values(node)
    if any(isinstance(each, Object) and each.kind != STRANGE for each in values):
        return False
    known = (Tensor, Constant)
    if _is_seen(asking, node) or is_number(asking, node):
        return False
    return "numpy" in asking.source.text and not all(isinstance(each, known) for each in values)


def literal_number(node: ast.expr | None) -> int | None:
    """The value of a literal integer; None for anything else."""
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(number))):
            return -number
    return None


def literal_dimensions(node: ast.expr | None) -> list[int] | None:
    """The numbers of some dimensions, where they are literals."""
    nodes = node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]
    numbers = [*map(literal_number, nodes)]
    found = [each for each in numbers if each is not None]
    return found if len(found) == len(numbers) else None


def from_the_front(asking: Asking, tensor: ast.expr, given: Sequence[int]) -> list[int]:
    """Some dimensions of a tensor as counted from its first one.

    Raises:
        NotKnown: some are counted from the last one, and how many there are is not known.
    """
    if all(each >= 0 for each in given):
        return [*given]
    ranks = {asking.facts.shape(each).rank for each in asking.facts.values(tensor)}
    rank = next(iter(ranks)) if len(ranks) == 1 else None
    if rank is None and asking.seen is not None:
        rank = asking.seen.rank(tensor)
        if not ranks <= {None, rank}:
            rank = None
    if rank is None:
        raise NotKnown(f"how many dimensions {asking.source.shown(tensor)} has is not known")
    return [each + rank if each < 0 else each for each in given]
