"""A forward with attention over two branches, written without a dimension for them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from textwrap import dedent
from typing import Final

from .. import torch_api
from ..facts.heap import Use
from ..facts.order import in_order
from ..facts.values import External, Object, Tensor, Value
from ..reading.naming import names_in, numbered
from ..reading.scopes import FUNCTIONS, Function
from .layouts import APART, BRANCH, place
from .rule import Asking, Left
from .two_way_parts import Branched, Line, codes
from .two_way_reading import Reading
from .two_way_values import Branches, Known, Setting, Variable, Weighted, is_plain

_CONVOLUTIONS: Final = ("torch.nn.Conv2d",)
_WIDTHS: Final = {"torch.nn.Conv2d": "in_channels", "torch.nn.Linear": "in_features"}
_KEPT: Final = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.If, ast.Assert, ast.Return)
MULTIPLY: Final = "torch.multiply"
SIGMOID: Final = "torch.sigmoid"


class Writing(Reading):
    """The statements of a forward for two branches.

    Args:
        asking: what may be asked.
        function: the forward.
        chosen: what is assumed of attributes.
    """

    def __init__(self, asking: Asking, function: Function, chosen: Mapping[str, int]) -> None:
        super().__init__(asking, function, function.args.args[0].arg, chosen, {})
        self._lines: list[Line] = []
        self._replaced: dict[ast.AST, str] = {}
        self._bound: dict[str, int] = {}
        self._halves: dict[str, int] = {}
        self._sums: list[ast.Call] = []
        self._chosen: dict[ast.expr, ast.expr] = {}
        self._assigned: dict[str, ast.expr] = {}
        self._place_of_half = 0
        self._branches = ""
        taken = names_in(function)
        fresh = (
            next(each for each in numbered(name) if each not in taken)
            for name in ("first", "second", "half", "weight")
        )
        self._first, self._second, self._half, self._weight = fresh
        self.names = {path: asking.spelled(path, function.body[0]) for path in (MULTIPLY, SIGMOID)}
        self._weighted: ast.Call | None = None
        self._weights = ""
        self._weight_line: Line | None = None

    @property
    def is_done(self) -> bool:
        """Whether there was a weighted sum."""
        return self._weighted is not None

    def code(self) -> list[str]:
        """The statements, once all is read.

        Raises:
            Left: how many channels a branch has is not known, or a length of two branches is used.
        """
        return codes(self._with_half(self._channels()))

    def branched(self) -> Branched:
        """The statements, and which of them take the branches apart.

        Raises:
            Left: how many channels a branch has is not known.
        """
        assert self._weight_line is not None, "there was a weighted sum"
        width = self._channels()
        return Branched(
            self._with_half(width),
            self.module,
            self._branches,
            self._lines[self._place_of_half],
            self._half,
            width,
            self._weights,
            self._weight_line,
            names_in(self.function),
        )

    def _with_half(self, width: str) -> list[Line]:
        half = Line(f"{self._half} = {width}")
        return [*self._lines[: self._place_of_half], half, *self._lines[self._place_of_half :]]

    # --- statements --------------------------------------------------------------------------

    def keep(self, statement: ast.stmt) -> None:
        """Take a statement over, with what stands in place of parts of it."""
        source = self.asking.source
        if not source.has_own_lines(statement) or not isinstance(statement, _KEPT):
            raise Left("it is no plain statement", statement)
        names = [*self._names(statement)]
        obstacle = self._obstacle(names)
        if obstacle is not None:
            raise obstacle
        for name in names:
            if not isinstance(name.ctx, ast.Load):
                self._assigned[name.id] = self._part(getattr(statement, "value", name))
                self.known.pop(name.id, None)
                self._bound[name.id] = self._bound.get(name.id, 0) + 1
        start = source.line_of(source.span(statement).start).start
        code = dedent(self._spliced(start, source.span(statement).end, statement))
        self._lines.append(Line(code, {each.id for each in names}, statement=statement))

    def _names(self, node: ast.AST) -> Iterator[ast.Name]:
        """The variables in a node, but for those in what is replaced and does not count."""
        if node in self._replaced:
            if isinstance(node, ast.expr) and node in self._chosen:
                yield from self._names(self._chosen[node])
            return
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            raise Left("it has functions of its own", node)
        if isinstance(node, ast.Name):
            yield node
        for each in ast.iter_child_nodes(node):
            yield from self._names(each)

    def _obstacle(self, names: Iterable[ast.Name]) -> Left | None:
        """Why variables cannot be read as they stand, where one holds what it does not hold now."""
        for name in names:
            if isinstance(name.ctx, ast.Load) and not self._may_be_read(name):
                return Left(f"{name.id} is used with its branches apart", name)
        return None

    def _may_be_read(self, name: ast.Name) -> bool:
        """Whether a variable holds what it held, or what is done with it is the same for both."""
        value = self.known.get(name.id)
        if is_plain(value) or not isinstance(value, (Branches, Weighted)):
            return True
        of = value.of if isinstance(value, Branches) else value.branches.of
        parent = self.asking.source.parent(name)
        call = self.asking.source.parent(parent)
        match parent, call:
            case ast.Attribute(attr="size"), ast.Call(args=[ast.Constant(value=0)]):
                return self._is_same(of, name.id)
            case ast.Attribute(attr="shape"), ast.Subscript(slice=ast.Constant(value=0)):
                return self._is_same(of, name.id)
        return False

    def _is_same(self, of: Variable, name: str) -> bool:
        return of.name == name and self._halves.get(name) == self._bound.get(name, 0)

    def drop(self, statement: ast.stmt, bound: Mapping[str, Known]) -> None:
        """Leave a statement out, but where the lengths that it binds are used."""
        if all(not isinstance(each, (Branches, Weighted)) for each in bound.values()):
            code = self.asking.source.code(statement)
            found = [*self._names(statement)]
            reads = {each.id for each in found} - {*bound}
            self._lines.append(Line(code, reads, {*bound}, self._obstacle(found)))
        for value in bound.values():
            if isinstance(value, Branches):
                self._note(value.of)
        super().drop(statement, bound)

    def _note(self, of: Variable) -> None:
        """Remember which value of a variable is meant."""
        version = self._bound.get(of.name, 0)
        if self._halves.setdefault(of.name, version) != version:
            raise Left(f"{of.name} is bound to something else meanwhile", of.node)

    # --- what stands in place of expressions ---------------------------------------------------

    def chosen_part(self, node: ast.expr, part: ast.expr) -> Known:
        """What an expression is of which one part counts, in whose place that stands."""
        self._chosen[node] = part
        found = self.value(part)
        span = self.asking.source.span(part)
        self._replaced[node] = self._around(node, self._spliced(*span, part))
        return found

    def _spliced(self, start: int, end: int, node: ast.AST) -> str:
        """A text, with what stands in place of the parts of a node."""
        source = self.asking.source
        found, at = [], start
        for each in self._outermost(node):
            span = source.span(each)
            found += [source.text[at : span.start], self._replaced[each]]
            at = span.end
        return "".join([*found, source.text[at:end]])

    def _outermost(self, node: ast.AST) -> list[ast.expr]:
        """The outermost of the replaced expressions in a node, in order."""
        if node in self._replaced and isinstance(node, ast.expr):
            return [node]
        found = [each for child in ast.iter_child_nodes(node) for each in self._outermost(child)]
        return sorted(found, key=lambda each: self.asking.source.span(each).start)

    def _around(self, node: ast.expr, code: str) -> str:
        """Code in place of an expression, in brackets where it needs some."""
        parent = self.asking.source.parent(node)
        is_alone = isinstance(parent, (ast.Assign, ast.Return))
        is_argument = isinstance(parent, ast.Call) and node in parent.args
        return code if is_alone or is_argument else f"({code})"

    def summed(self, node: ast.Call, value: Branches | Weighted, dimension: int) -> Known:
        """The sum of two branches, or of their weighted ones."""
        if isinstance(value, Weighted):
            self._check(value.branches, dimension, node)
            self._finish(node, value)
        else:
            self._check(value, dimension, node)
            self._apart(value.of)
            self._sums.append(node)
            self._replaced[node] = self._around(node, f"{self._first} + {self._second}")
        return None

    def _check(self, value: Branches, dimension: int, node: ast.Call) -> None:
        layout = value.layout
        if value.is_soft or layout != APART or layout[place(layout, dimension)] != (BRANCH,):
            raise Left("it sums something else than the branches", node)

    def _apart(self, of: Variable) -> None:
        """See that the two branches of a variable have names."""
        if not self._sums:
            self._note(of)
            self._place_of_half = len(self._lines)
            halves = self._slices(of.name)
            self._lines.append(
                Line(f"{self._first}, {self._second} = {', '.join(halves)}", {of.name})
            )
            self._branches = of.name
        elif of.name != self._branches:
            raise Left("there is more than one tensor of branches", of.node)

    def _slices(self, name: str) -> tuple[str, str]:
        half = self._half
        return f"{name}[:, :{half}]", f"{name}[:, {half} : 2 * {half}]"

    def _finish(self, node: ast.Call, value: Weighted) -> None:
        """The weighted sum, by the weight of the first branch alone."""
        if not self._sums:
            raise Left("the weights are not made of the sum of the branches", node)
        self._apart(value.branches.of)
        of = value.weights.of
        multiply = self.names[MULTIPLY][0]
        self._weights = of.name
        self._weight_line = Line(f"{self._weight} = {self._weight_by(of)}", {of.name})
        self._lines.append(self._weight_line)
        difference = f"{self._first} - {self._second}"
        code = f"{multiply}({difference}, {self._weight}) + {self._second}"
        self._replaced[node] = self._around(node, code)
        self._weighted = node

    def _weight_by(self, of: Variable) -> str:
        """The weight of the first branch, by what was taken a softmax of."""
        self._note(of)
        if not self._is_convolved(of):
            raise Left(f"{of.name} is not known to be what a convolution gives", of.node)
        first, second = self._slices(of.name)
        return f"{self.names[SIGMOID][0]}({first} - {second})"

    def _part(self, node: ast.expr) -> ast.expr:
        """An expression, or the part of it that counts."""
        while node in self._chosen:
            node = self._chosen[node]
        return node

    def _is_convolved(self, of: Variable) -> bool:
        """Whether a variable is what a convolution gives."""
        values = self.asking.facts.values(self._assigned.get(of.name, of.node))
        return bool(values) and all(
            isinstance(each, Tensor) and getattr(each.producer, "kind", "") in _CONVOLUTIONS
            for each in values
        )

    def _call(self, node: ast.Call) -> Known:
        """What a call gives; the result may lie in memory in any way."""
        found = super()._call(node)
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr="contiguous"), args=[]):
                part = self._assigned.get(value.id, value) if isinstance(value, ast.Name) else value
                if part is self._weighted:
                    self._replaced[node] = self._spliced(*self.asking.source.span(value), value)
        return found

    # --- how many channels a branch has ----------------------------------------------------------

    def _channels(self) -> str:
        """What tells how many channels a branch has: a layer that is applied to their sum.

        Raises:
            Left: there is none.
        """
        facts = self.asking.facts
        todo: list[Value] = [each for node in self._sums for each in in_order(facts.values(node))]
        seen: set[Value] = set()
        while todo:
            value = todo.pop(0)
            if value in seen:
                continue
            seen.add(value)
            for use in facts.uses(value):
                attribute = _WIDTHS.get(getattr(use.by, "kind", ""))
                if use.kind != "input" or use.node not in self.calls:
                    continue
                function = getattr(use.node, "func", None)
                if attribute and function and isinstance(self.value(function), Setting):
                    return f"{self.asking.source.code(function)}.{attribute}"
                if _keeps_channels(use) and use.result is not None:
                    todo.append(use.result)
        raise Left("how many channels a branch has is not known")


def _keeps_channels(use: Use) -> bool:
    """Whether what a use gives has the channels of what it is applied to."""
    if isinstance(use.by, Object):
        return use.by.kind in torch_api.SAME_CHANNELS | torch_api.POOLINGS
    name = use.by.path.rpartition(".")[2] if isinstance(use.by, External) else ""
    return torch_api.keeps_channels(name) or name == "mean"
