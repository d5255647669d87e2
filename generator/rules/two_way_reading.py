"""A forward with attention over two branches, read statement by statement: what is left of it.

What only moves the branches about is followed as a layout, and goes; all other statements stay.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final

from ..facts.values import Constant, Instance, Object, Value
from ..reading.scopes import Function
from .layouts import BRANCH, HEIGHT, POOLED, WHOLE, Number, length, place, viewed
from .rule import Asking, Left
from .tensors import literal_dimensions, literal_number
from .two_way_values import (
    Branches,
    Known,
    Setting,
    Sizes,
    Variable,
    Weighted,
    is_plain,
    moved,
    sizes_of,
    weighted,
)

_FEWEST_SIZES: Final = 3


class Choice(Exception):
    """What an attribute is must be assumed before more can be told.

    Args:
        path: the attribute, such as ``self.radix``.
        values: what it may be.
    """

    def __init__(self, path: str, *values: int) -> None:
        super().__init__(path)
        self.path = path
        self.values_of_it = values


class Reading:
    """What a forward comes to where some attributes are as assumed.

    Args:
        asking: what may be asked.
        function: the forward.
        module: how the module that it is of is named, such as ``self``.
        chosen: what is assumed of attributes.
        given: what its parameters are.
    """

    def __init__(
        self,
        asking: Asking,
        function: Function,
        module: str,
        chosen: Mapping[str, int],
        given: Mapping[str, Known],
    ) -> None:
        self.asking = asking
        self.function = function
        self.module = module
        self.chosen = chosen
        self.known: dict[str, Known] = {**given}
        self.result: Known = None
        self.calls: set[ast.AST] = set()
        self._self = function.args.args[0].arg

    def run(self) -> None:
        """Read all of it.

        Raises:
            Choice: an attribute must be assumed.
            Left: something is in the way.
        """
        self._block(self.function.body)

    # --- statements --------------------------------------------------------------------------

    def _block(self, statements: Sequence[ast.stmt]) -> bool:
        """Read some statements; whether they return."""
        return any(self._returns(each) for each in statements)

    def _returns(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.Expr(value=ast.Constant()):
                return False
            case ast.Return(value=ast.expr() as value):
                self.result = self.value(value)
                if is_plain(self.result) or isinstance(self.result, Setting):
                    self.keep(statement)
                return True
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found = self.value(value)
                if is_plain(found):
                    self.keep(statement)
                else:
                    self.drop(statement, {name: found})
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
                found = self.value(value)
                if isinstance(found, Sizes) and len(names) == len(found.layout):
                    numbers = map(length, found.layout)
                    self.drop(statement, dict(zip(map(_name, names), numbers, strict=True)))
                else:
                    self.keep(statement)
            case ast.If(test=test, body=body, orelse=otherwise):
                truth = self.truth(statement, test)
                if truth is not None:
                    return self._block(body if truth else otherwise)
                self.keep(statement)
            case _:
                self.keep(statement)
        return False

    def keep(self, statement: ast.stmt) -> None:
        """Take a statement over."""
        raise Left("it does more than move the branches about", statement)

    def drop(self, statement: ast.stmt, bound: Mapping[str, Known]) -> None:
        """Leave a statement out, of which only is kept what it binds."""
        self.known |= bound

    def truth(self, statement: ast.AST, test: ast.expr) -> bool | None:
        """What a condition is, as far as it depends on attributes alone; None if that is open."""
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                found = self.truth(statement, operand)
                return None if found is None else not found
            case ast.BoolOp(op=ast.And(), values=values):
                all_found = [self.truth(statement, each) for each in values]
                return None if None in all_found else all(all_found)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                if self.is_kept_whole(statement):
                    return None
                numbers = [self._setting_or_number(each) for each in (left, right)]
                return _compared(operator, *numbers)
        found_value = self.value(test)
        if isinstance(found_value, Setting):
            if found_value.path in self.chosen:
                return bool(self.chosen[found_value.path])
            if not self.is_kept_whole(statement):
                raise Choice(found_value.path, True, False)
        return None

    def is_kept_whole(self, node: ast.AST) -> bool:
        """Whether a statement or expression can stay whatever its condition is."""
        return not any(
            isinstance(each, ast.Return)
            or (isinstance(each, ast.Name) and not is_plain(self.known.get(each.id)))
            for each in ast.walk(node)
        )

    def _setting_or_number(self, node: ast.expr) -> Number | None:
        value = self.value(node)
        return self._number(value) if isinstance(value, (Setting, Number)) else None

    # --- expressions -------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Known:
        """What an expression is known to be."""
        number = literal_number(node)
        if number is not None:
            return Number(number)
        match node:
            case ast.Name(id=name):
                return self.known.get(name) or Variable(name, node)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name == self._self:
                return Setting(f"{self.module}.{attribute}")
            case ast.Attribute(value=tensor, attr="shape"):
                return sizes_of(self.value(tensor))
            case ast.Subscript(value=inner, slice=index):
                return self._item(self.value(inner), index)
            case ast.BinOp(left=left, op=operator, right=right):
                return self._operation(operator, self.value(left), self.value(right))
            case ast.IfExp(test=test, body=body, orelse=otherwise):
                truth = self.truth(node, test)
                if truth is not None:
                    return self.chosen_part(node, body if truth else otherwise)
            case ast.Call():
                return self._call(node)
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.expr) and not isinstance(node, (ast.Lambda, ast.ListComp)):
                self.value(each)
        return None

    def chosen_part(self, node: ast.expr, part: ast.expr) -> Known:
        """What an expression is of which one part counts."""
        return self.value(part)

    def _item(self, value: Known, index: ast.expr) -> Known:
        match value, index:
            case Sizes(layout), ast.Slice(
                lower=ast.Constant(value=int(start)), upper=None, step=None
            ):
                return Sizes(layout[start:])
        found = literal_dimensions(index)
        if not isinstance(value, Sizes) or found is None or len(found) != 1:
            return None
        return length(value.layout[place(value.layout, found[0])])

    def _operation(self, operator: ast.operator, left: Known, right: Known) -> Known:
        if isinstance(operator, ast.Mult) and isinstance(left, Branches):
            return weighted(left, right)
        if isinstance(left, Number) and isinstance(right, (Number, Setting)):
            if isinstance(operator, ast.FloorDiv):
                return left.over(self._number(right))
            if isinstance(operator, ast.Mult):
                return left.times(self._number(right))
        return None

    def _number(self, value: Number | Setting) -> Number:
        if isinstance(value, Number):
            return value
        if value.path not in self.chosen:
            raise Choice(value.path, 2, 1)
        return Number(self.chosen[value.path])

    # --- calls -------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Known:
        self.calls.add(node)
        if isinstance(self.value(node.func), Setting):
            return self._module(node, node.args)
        path = next((getattr(each, "path", "") for each in self._callees(node)), "")
        name, operand, rest = path.rpartition(".")[2], node.args[:1], node.args[1:]
        if not path.startswith("torch.") or path.startswith("torch.Tensor."):
            name = getattr(node.func, "attr", "")
            operand, rest = [getattr(node.func, "value", node.func)], node.args
        if not operand or isinstance(operand[0], ast.Starred):
            return None
        value = self.value(operand[0])
        named = {each.arg: each.value for each in node.keywords}
        if isinstance(value, (Branches, Weighted)) or name in ("view", "reshape", "size"):
            return self._of_tensor(node, name, value, [*rest, *named.values()], {*named})
        for each in (*rest, *named.values()):
            self.value(each)
        return None

    def _callees(self, node: ast.Call) -> Sequence[Value]:
        values = [*self.asking.facts.values(node.func)]
        return values if len(values) == 1 else ()

    def _of_tensor(
        self,
        node: ast.Call,
        name: str,
        value: Known,
        rest: Sequence[ast.expr],
        named: set[str | None],
    ) -> Known:
        """What a function or method of a tensor gives."""
        if name == "size":
            sizes = sizes_of(value)
            return self._item(sizes, rest[0]) if rest else sizes
        if name in ("view", "reshape") and not named:
            return self._viewed(value, rest)
        if name == "contiguous" and not rest:
            return value
        if name in ("mul", "multiply") and not named and isinstance(value, Branches):
            return weighted(value, self.value(rest[0]))
        given = literal_dimensions(ast.Tuple([*rest])) if named <= {"dim"} else None
        if not given or not isinstance(value, (Branches, Weighted)):
            return None
        if name == "sum" and len(given) == 1:
            return self.summed(node, value, given[0])
        return moved(value, name, given) if isinstance(value, Branches) else None

    def _viewed(self, value: Known, rest: Sequence[ast.expr]) -> Known:
        if len(rest) == 1 and isinstance(rest[0], (ast.Tuple, ast.List)):
            rest = rest[0].elts
        if isinstance(value, Branches):
            return Branches(value.of, viewed(value.layout, self._numbers(rest)), value.is_soft)
        if not isinstance(value, Variable) or len(rest) < _FEWEST_SIZES:
            return None
        sizes = self._numbers(rest)
        has_image = Number(1, (HEIGHT,)) in sizes
        layout = viewed(WHOLE if has_image else POOLED, sizes)
        return Branches(value, layout) if (BRANCH,) in layout else None

    def _numbers(self, nodes: Sequence[ast.expr]) -> list[Number]:
        found: list[Number] = []
        for each in nodes:
            value = self.value(each.value if isinstance(each, ast.Starred) else each)
            if isinstance(each, ast.Starred) and isinstance(value, Sizes):
                found += map(length, value.layout)
                continue
            if not isinstance(value, (Number, Setting)):
                raise Left("it is not known how it takes the branches apart", each)
            found.append(self._number(value))
        return found

    def _module(self, node: ast.Call, given: Sequence[ast.expr]) -> Known:
        """What a module gives: a softmax, or one whose forward moves the branches about."""
        values = [self.value(each) for each in given]
        if len(values) != 1 or node.keywords:
            return None
        (made,) = self._callees(node) or (None,)
        if isinstance(made, Object) and made.kind == "torch.nn.Softmax":
            given_dims = self.asking.facts.argument(made, 0, "dim")
            found = [each.value for each in given_dims if isinstance(each, Constant)]
            if isinstance(values[0], Branches) and len(found) == len(given_dims) == 1:
                (dimension,) = found
                if isinstance(dimension, int):
                    return moved(values[0], "softmax", [dimension])
        if isinstance(made, Instance) and isinstance(values[0], (Variable, Branches)):
            return self._inlined(node, made, values[0])
        return None

    def _inlined(self, node: ast.Call, made: Instance, value: Known) -> Known:
        """What the forward of a module of the project gives that takes a softmax."""
        forward = next(
            (
                each
                for cls in made.cls.order
                for each in cls.node.body
                if isinstance(each, ast.FunctionDef) and each.name == "forward"
            ),
            None,
        )
        if forward is None or not _takes_softmax(forward) or len(forward.args.args) != 2:
            return None
        path = self.value(node.func)
        assert isinstance(path, Setting), "only attributes of the module are called"
        given = {forward.args.args[1].arg: value}
        inner = Reading(self.asking, forward, path.path, self.chosen, given)
        inner.run()
        return inner.result

    def summed(self, node: ast.Call, value: Branches | Weighted, dimension: int) -> Known:
        """What a sum over a dimension is."""
        raise Left("it sums the branches", node)


def _name(node: ast.expr) -> str:
    return getattr(node, "id", "")


def _compared(operator: ast.cmpop, left: Number | None, right: Number | None) -> bool | None:
    if left is None or right is None or left.axes or right.axes:
        return None
    one, other = left.factor, right.factor
    match operator:
        case ast.Eq():
            return one == other
        case ast.NotEq():
            return one != other
        case ast.Gt():
            return one > other
        case ast.GtE():
            return one >= other
        case ast.Lt():
            return one < other
        case ast.LtE():
            return one <= other
    return None


def _takes_softmax(function: ast.FunctionDef) -> bool:
    return any(
        "softmax" in str(getattr(each, "attr", getattr(each, "id", "")))
        for each in ast.walk(function)
    )
