"""Find each nn.Sequential with a norm, or a padding, next to a convolution that is split."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ...classes import ClassIndex
from ...flow import Flow, Reached
from ...names import meaning
from ...scopes import FUNCTIONS
from ..padding import builds_padding
from ..refusal import Refusal, line_of
from .kinds import Kind, kind_of

_ADDING: Final = frozenset(("append", "add_module", "insert", "extend", "register_module"))
_TAKING_APART: Final = frozenset(("children", "named_children", "_modules", "pop", "modules"))
_SEQUENTIAL: Final = ("torch.nn.Sequential", "torch.nn.modules.Sequential")
_TRYING: Final = frozenset(("norm", "unclear"))


@dataclass(frozen=True)
class Sequence:
    """An nn.Sequential whose norms, or paddings, are to be split.

    Attributes:
        node: the call that builds it, or what stands for it where it is added to.
        after: the statement after which it is all there; None for the call.
        code: what stands for it after that statement.
        has_norm: whether a norm may follow a convolution in it.
        has_padding: whether a padding comes before one.
    """

    node: ast.expr
    after: ast.stmt | None
    code: str
    has_norm: bool
    has_padding: bool


def find_sequences(index: ClassIndex, flow: Flow, reached: Reached) -> Iterator[Sequence | Refusal]:
    """Each nn.Sequential that a convolution gets into beside one; or why that stays as it is."""
    search = _Search(index, flow, reached)
    for node in sorted(reached.expressions, key=index.source.span):
        parent = index.source.parent(node)
        call = index.source.parent(parent) if isinstance(parent, ast.Starred) else parent
        found = search.of_call(node, call) if isinstance(call, ast.Call) else None
        if found is not None:
            yield found


class _Search:
    def __init__(self, index: ClassIndex, flow: Flow, reached: Reached) -> None:
        self.index = index
        self.source = index.source
        self.flow = flow
        self.reached = reached

    def of_call(self, node: ast.expr, call: ast.Call) -> Sequence | Refusal | None:
        """What becomes of an nn.Sequential that a call puts the convolution into."""
        function = call.func
        if self._is_sequential(call):
            return self._checked(call, *self._place(call))
        if not isinstance(function, ast.Attribute) or node not in call.args:
            return None
        if _is_super_init(call):
            owner = self._own_sequential(call)
            if owner is None:
                return None
            return self._checked(
                call, self._items_of(call), self.source.statement(call), self._self(call)
            )
        if function.attr in _ADDING and self._receives(function.value):
            statement, items = self._additions(function.value)
            code = self.source.code(function.value)
            return self._checked(function.value, items, statement, code)
        return None

    def _place(self, call: ast.Call) -> tuple[list[ast.expr | None], ast.stmt | None, str]:
        """What a call puts into an nn.Sequential, and the statement and the name to speak of it.

        A call on several lines is left as it is, where it gives its value to one target.
        """
        items = self._items_of(call)
        statement = self.source.parent(call)
        match statement:
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target]):
                is_short = call.lineno == call.end_lineno
                if not is_short and self.source.has_own_lines(statement):
                    return items, statement, self.source.code(target)
        return items, None, ""

    def _is_sequential(self, node: ast.AST | None) -> bool:
        return isinstance(node, ast.Call) and meaning(self.source, node.func).path in _SEQUENTIAL

    def _own_sequential(self, node: ast.AST) -> ast.ClassDef | None:
        """The class around a node, where it is an nn.Sequential with no forward of its own."""
        owner = self.source.class_around(node)
        if owner is None:
            return None
        around = list(self.index.classes[owner].ancestors())
        bases = [meaning(self.source, each).path for each in owner.bases]
        if not any(each in _SEQUENTIAL for each in bases):
            return None
        return None if any("forward" in each.names for each in around) else owner

    def _self(self, node: ast.AST) -> str:
        function = next(each for each in self.source.ancestors(node) if isinstance(each, FUNCTIONS))
        return function.args.args[0].arg

    def _receives(self, receiver: ast.expr) -> bool:
        """Whether what is added to is an nn.Sequential."""
        if isinstance(receiver, ast.Name):
            known = self.source.scope(receiver).only_value(receiver.id)
            if known is not None:
                return self._is_sequential(known[1])
            if self.index.self_class(receiver) is not None:
                return self._own_sequential(receiver) is not None
        elif isinstance(receiver, ast.Attribute):
            return any(
                self._is_sequential(getattr(self.source.parent(each.node), "value", None))
                for each in self.index.accesses(receiver.attr)
                if isinstance(each.node.ctx, ast.Store)
            )
        return False

    def _additions(self, receiver: ast.expr) -> tuple[ast.stmt, list[ast.expr | None]]:
        """The last statement of a function that adds to an object, and what it adds."""
        function = next(
            each for each in self.source.ancestors(receiver) if isinstance(each, FUNCTIONS)
        )
        added = [
            call
            for call in ast.walk(function)
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in _ADDING
            and ast.dump(call.func.value) == ast.dump(receiver)
            and call.args
        ]
        added.sort(key=self.source.span)
        outer = [added[-1], *self.source.ancestors(added[-1])]
        statement = outer[outer.index(function) - 1]
        assert isinstance(statement, ast.stmt)
        return statement, [call.args[-1] for call in added]

    def _items_of(self, call: ast.Call) -> list[ast.expr | None]:
        """What the arguments of a call add to an nn.Sequential; None for what is not seen."""
        return [each for one in call.args for each in self._items(one)]

    def _kinds_after(self, items: list[ast.expr | None]) -> list[Kind]:
        """What may directly follow the convolution among some items."""
        if None in items:
            return [Kind("unclear")]
        return [
            kind_of(self.index, following, "")
            for one, following in pairwise(items)
            if one in self.reached.expressions
        ]

    def _is_padded(self, items: list[ast.expr | None]) -> bool:
        """Whether a padding comes directly before the convolution among some items."""
        return any(
            builds_padding(self.index, before)
            for before, one in pairwise(items)
            if one in self.reached.expressions
        )

    def _items(self, argument: ast.expr) -> Iterator[ast.expr | None]:
        """What an argument of nn.Sequential adds to it, as far as it is seen."""
        match argument:
            case ast.Starred(value=value):
                yield from self._listed(value)
            case ast.Call(args=[listed]) if _is_ordered_dict(argument):
                yield from self._listed(listed)
            case _:
                yield argument

    def _listed(self, value: ast.expr) -> Iterator[ast.expr | None]:
        match value:
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                for each in elements:
                    match each:
                        case ast.Tuple(elts=[_, named]):
                            yield named
                        case ast.Starred(value=inner):
                            yield from self._listed(inner)
                        case _:
                            yield each
            case ast.Dict(values=values):
                yield from values
            case ast.Name():
                yield from self._built_up(value)
            case _:
                yield None

    def _built_up(self, name: ast.Name) -> Iterator[ast.expr | None]:
        """What a list holds that a function builds up, in the order of the text."""
        found = self.source.scope(name).lookup(name.id)
        if found is None or not isinstance(found[0].node, FUNCTIONS):
            yield None
            return
        nodes = [
            each
            for each in ast.walk(found[0].node)
            if isinstance(each, (ast.Assign, ast.AugAssign, ast.Call))
        ]
        for each in sorted(nodes, key=self.source.span):
            match each:
                case (
                    ast.Assign(targets=[ast.Name(id=target)], value=value)
                    | ast.AugAssign(target=ast.Name(id=target), value=value)
                ) if target == name.id:
                    yield from () if _is_empty(value) else self._listed(value)
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=target), attr=attr), args=[value]
                ):
                    if target == name.id and attr == "append":
                        yield value
                    elif target == name.id and attr == "extend":
                        yield from self._listed(value)
                case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=target))], value=value):
                    if target == name.id:
                        yield value

    def _checked(
        self, node: ast.expr, items: list[ast.expr | None], after: ast.stmt | None, code: str
    ) -> Sequence | Refusal | None:
        kinds = self._kinds_after(items)
        has_norm = any(each.name in _TRYING and not each.reason for each in kinds)
        has_padding = self._is_padded(items)
        if not has_norm and not has_padding:
            reasons = [each.reason for each in kinds if each.reason]
            return Refusal(f"the norm stays after it: {reasons[0]}") if reasons else None
        obstacle = self._taken_apart(node)
        if obstacle is None:
            return Sequence(node, after, code, has_norm, has_padding)
        what = "the norm stays after" if has_norm else "the padding stays before"
        return Refusal(f"{what} it: its nn.Sequential is taken apart ({line_of(obstacle)})")

    def _taken_apart(self, node: ast.expr) -> ast.expr | None:
        """Where something else is done with an nn.Sequential than to call it as a whole."""
        for each in sorted(self._objects(node), key=self.source.span):
            parent = self.source.parent(each)
            match parent:
                case ast.Subscript(value=value) if value is each:
                    return each
                case ast.Starred():
                    return each
                case ast.For(iter=iterated) | ast.comprehension(iter=iterated) if iterated is each:
                    return each
                case ast.Attribute(attr=name) if name in _TAKING_APART:
                    return each
                case ast.Call(func=ast.Name(id="list" | "enumerate" | "zip" | "iter" | "reversed")):
                    return each
        return None

    def _objects(self, node: ast.expr) -> set[ast.expr]:
        """What may stand for an nn.Sequential, or for an object of a subclass around its node."""
        owner = self._own_sequential(node)
        stands_for_self = self.index.self_class(node) is owner or _is_super_init(node)
        if owner is None or not stands_for_self:
            return self.flow.kept(node).expressions
        relatives = self.index.classes[owner].relatives()
        found: set[ast.expr] = set()
        for each in relatives:
            for call in self.index.calls_of.get(each.node.name, []):
                found |= self.flow.kept(call).expressions
            names = (name for name in ast.walk(each.node) if isinstance(name, ast.Name))
            found |= {name for name in names if self.index.self_class(name) is each.node}
        return found


def _is_super_init(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr="__init__")):
            return _is_super(value)
    return False


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super"


def _is_ordered_dict(node: ast.Call) -> bool:
    name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
    return name == "OrderedDict"


def _is_empty(value: ast.expr) -> bool:
    return isinstance(value, (ast.List, ast.Dict, ast.Call)) and not any(
        getattr(value, each, None) for each in ("elts", "values", "args", "keywords")
    )
