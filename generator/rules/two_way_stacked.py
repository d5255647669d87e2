"""Attention over branches that are stacked for a module of its own, which weighs them by their sum.

    x = torch.stack(paths, dim=1)
    weights = self.attention(x)
    x = torch.multiply(x, weights)
    x = torch.sum(x, dim=1)
    return x

Of two they need not be stacked: the module gets a method that makes of their sum the weight of the
first one, with the layers that its forward has.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..facts.values import Instance
from ..reading.naming import names_in, numbered
from ..reading.scopes import Function
from ..reading.source import Source
from ..rewriting.places import insert_after, insert_before
from .layouts import APART
from .rule import Asking, Left, Proposal
from .tensors import function_of, literal_dimensions
from .two_way_method import check_plain, fresh, parameters, written
from .two_way_parts import Line
from .two_way_values import Branches, Variable, Weighted, weighted
from .two_way_writing import MULTIPLY, Writing

_METHOD: Final = "weight_of_two"
_TEMPLATE: Final = "two_way.py.jinja"
_STACK: Final = "torch.stack"
_SUMS: Final = ("torch.sum", "torch.Tensor.sum")
_PRODUCTS: Final = ("torch.mul", MULTIPLY, "torch.Tensor.mul", "torch.Tensor.multiply")
_LISTS: Final = (ast.List, ast.ListComp, ast.Tuple)


@dataclass(frozen=True)
class Stacked:
    """Branches that are stacked, weighed and summed, in consecutive statements.

    Attributes:
        branches: the variable that has the list of them.
        attention: the call of the module that weighs them.
        first: the first of the statements.
    """

    branches: str
    attention: ast.Call
    first: ast.stmt


def stacked(asking: Asking, node: ast.Call) -> Stacked | None:
    """The statements that end with a sum, if it sums branches that are stacked.

    None where it sums something else, or there is a choice of it already.
    """
    source = asking.source
    function, statement = source.function_around(node), source.statement(node)
    body = function.body if function is not None else []
    if statement not in body:
        return None
    end = body.index(statement)
    if isinstance(statement, ast.Return):
        lines = body[max(end - 3, 0) : end + 1]
    else:
        lines = body[max(end - 3, 0) : end + 2]
    values = [getattr(each, "value", None) for each in lines]
    names = [_bound(each) for each in lines[:-1]]
    if len(values) < 4 or not all(names):
        return None
    stack, attention, product, total = values[:4]
    is_returned = total is node and (len(values) == 4 or _is(values[4], names[3]))
    branches = _stacked_list(asking, stack)
    if not is_returned or not branches or not isinstance(attention, ast.Call):
        return None
    of, weights, products = names[:3]
    is_weighed = len({of, weights}) == 2 and _is_module_of(attention, of)
    if not is_weighed or not _is_product(asking, product, {of, weights}):
        return None
    return Stacked(branches, attention, lines[0]) if _is_sum(asking, node, products) else None


def has_choice(source: Source, found: Stacked) -> bool:
    """Whether what is done for two branches stands before the statements already."""
    function = source.function_around(found.attention)
    body = function.body if function is not None else []
    before = body[: body.index(found.first)]
    return any(isinstance(each, ast.If) and _METHOD in source.code(each) for each in before[-1:])


def propose(asking: Asking, found: Stacked) -> Proposal:
    """A method that weighs two branches by their sum, and the choice of it.

    Raises:
        Left: it is not shown to be attention over two branches.
    """
    source = asking.source
    forward, call = _forward(asking, found.attention), found.attention
    check_plain(forward)
    chosen, weight = written(partial(_OfSum, asking, forward), {})
    names = names_in(source.function_around(call) or source.tree)
    spare = (next(x for x in numbered(y) if x not in names) for y in ("first", "second", "weight"))
    module = source.code(call.func)
    this = forward.args.args[0].arg
    paths = [f"{module}{path.removeprefix(this)}" for path in chosen]
    value = {
        "method": fresh(source, _METHOD),
        "parameters": parameters(source, forward),
        "returned": source.code(forward.returns) if forward.returns is not None else "",
        "body": weight.code(),
        "branches": found.branches,
        "condition": " == ".join([f"len({found.branches})", *paths, "2"]),
        "attention": module,
        **dict(zip(("first", "second", "weight"), spare, strict=True)),
    }
    if any(each != 2 for each in chosen.values()):
        raise Left("it is not shown to be attention over two branches")
    (multiply, imports) = asking.spelled(MULTIPLY, found.first)
    value["multiply"] = multiply
    choice = partial(asking.templates.render, _TEMPLATE, "stacked", value)
    method = partial(asking.templates.render, _TEMPLATE, "weight", value)
    edits = (
        insert_before(source, found.first, choice),
        insert_after(source, forward, method, blank_lines=1),
    )
    more = dict.fromkeys((*imports, *(x for _, new in weight.names.values() for x in new)))
    return Proposal(f"{module}.{value['method']}() where {value['condition']}", edits, tuple(more))


class _OfSum(Writing):
    """The forward of a module that weighs a stack of branches, as one of their sum.

    Args:
        asking: what may be asked.
        function: the forward.
        chosen: what is assumed of attributes.
    """

    def __init__(self, asking: Asking, function: Function, chosen: Mapping[str, int]) -> None:
        super().__init__(asking, function, chosen)
        given = function.args.args[1]
        name = ast.copy_location(ast.Name(given.arg, ast.Load()), given)
        self._given = Branches(Variable(given.arg, name), APART)
        self.known[given.arg] = self._given

    def run(self) -> None:
        """Read all of it, and give the weight of the first branch."""
        super().run()
        if not isinstance(self.result, Branches) or not self._sums:
            raise Left("the module is not shown to give a softmax over two branches of their sum")
        weighted(self._given, self.result)  # or it is of another kind
        self._place_of_half = len(self._lines)
        code = f"return {self._weight_by(self.result.of)}"
        self._lines.append(Line(code, {self.result.of.name}))

    @property
    def is_done(self) -> bool:
        """Whether there was a softmax: it has been seen."""
        return True

    def summed(self, node: ast.Call, value: Branches | Weighted, dimension: int) -> None:
        """The sum of the branches, which is what the method is given."""
        if value != self._given:
            raise Left("it sums something else than the branches", node)
        self._check(self._given, dimension, node)
        self._sums.append(node)
        self._replaced[node] = self._given.of.name


def _forward(asking: Asking, call: ast.Call) -> ast.FunctionDef:
    """The forward of the only module that a call may be of, which the source has itself.

    Raises:
        Left: there is none.
    """
    values = asking.facts.values(call.func)
    (module,) = values if len(values) == 1 else (None,)
    body: Sequence[ast.stmt] = module.cls.node.body if isinstance(module, Instance) else ()
    for each in body:
        if isinstance(each, ast.FunctionDef) and each.name == "forward":
            if asking.source.has(each) and len(each.args.args) == 2:
                return each
    raise Left(f"what {asking.source.code(call.func)} is, is not known of this file", call)


def _bound(statement: ast.stmt) -> str:
    """The variable that a statement binds; empty where it does something else."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""


def _is(node: ast.expr | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _stacked_list(asking: Asking, node: ast.expr | None) -> str:
    """The variable whose items are stacked along dimension 1, which is bound to lists alone."""
    if not isinstance(node, ast.Call) or function_of(asking, node) != _STACK:
        return ""
    given = [*node.args, *(each.value for each in node.keywords if each.arg == "dim")]
    if len(given) != 2 or len(node.args) + len(node.keywords) != 2:
        return ""
    if literal_dimensions(given[1]) != [1] or not isinstance(given[0], ast.Name):
        return ""
    name = given[0].id
    bindings = asking.source.scope(node).bindings.get(name, [])
    are_lists = all(each.kind == "assign" and isinstance(each.value, _LISTS) for each in bindings)
    return name if bindings and are_lists else ""


def _is_module_of(call: ast.Call, name: str) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and not call.keywords
        and (len(call.args) == 1 and _is(call.args[0], name))
    )


def _is_product(asking: Asking, node: ast.expr | None, names: set[str]) -> bool:
    """Whether an expression is the product of two variables."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            factors = [left, right]
        case ast.Call(func=ast.Attribute(value=one), args=args, keywords=[]):
            if function_of(asking, node) not in _PRODUCTS:
                return False
            factors = [one, *args] if len(args) == 1 else args
        case _:
            return False
    return len(factors) == 2 and {getattr(each, "id", "") for each in factors} == names


def _is_sum(asking: Asking, node: ast.Call, name: str) -> bool:
    """Whether a call sums a variable."""
    path = function_of(asking, node)
    operands = node.args[:1] if path == _SUMS[0] else [getattr(node.func, "value", node)]
    return path in _SUMS and any(_is(each, name) for each in operands)
