"""Where a convolution ends up that an expression builds: what holds it, when it has been built."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, TypeAlias

from ...reading.callees import functions_called
from ...reading.classes import ClassIndex
from ...reading.containers import container
from ...reading.flow import Flow, Reached, calls_among
from ...reading.names import meaning
from ...reading.scopes import COMPREHENSIONS, FUNCTIONS, Function
from ...reading.source import Source
from ..find import Site
from ..norms.additions import ADDING
from ..norms.plan import passes_groups

_ADDING: Final = frozenset(("append", "extend", "insert"))
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)


@dataclass(frozen=True)
class InAttribute:
    """It is given to an attribute of ``self``.

    Attributes:
        owner: the class.
        target: the attribute that is assigned to.
    """

    owner: ast.ClassDef
    target: ast.Attribute

    @property
    def name(self) -> str:
        """The attribute's name."""
        return self.target.attr


@dataclass(frozen=True)
class InSequence:
    """It is handed to what is, or may be, an nn.Sequential, by itself or in a list.

    Attributes:
        call: what builds that, or adds to it.
    """

    call: ast.Call

    def codes(self, source: Source) -> set[str]:
        """The code that stands for it in the function, once that call has been made."""
        found = assigned_to(source.statement(self.call), self.call)
        match self.call.func:
            case ast.Attribute(value=ast.Call(), attr="__init__"):
                function = source.scope(self.call).node
                found += function.args.args[:1] if isinstance(function, FUNCTIONS) else []
            case ast.Attribute(value=receiver):
                found.append(receiver)
        return {each.arg if isinstance(each, ast.arg) else source.code(each) for each in found}


@dataclass(frozen=True)
class Elsewhere:
    """It is somewhere else, or in more than one place.

    Attributes:
        node: where sight of it is lost.
    """

    node: ast.AST


End: TypeAlias = InAttribute | InSequence | Elsewhere


@dataclass
class Ends:
    """Where one convolution ends up.

    Attributes:
        found: where it is, each time that it is built.
        functions: those that it is returned by on its way.
    """

    found: list[End] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)


def assigned_to(statement: ast.stmt, value: ast.expr) -> list[ast.expr | ast.arg]:
    """What a statement assigns a value to."""
    is_it = isinstance(statement, ast.Assign) and statement.value is value
    return [*statement.targets] if is_it and isinstance(statement, ast.Assign) else []


def find_ends(flow: Flow, site: Site, reached: Reached) -> Ends:
    """Where the convolution that a site builds ends up; ``reached`` is all that may be it."""
    search = _Search(flow, site, reached)
    if site.indirect is not None and site.indirect.kind == "partial":
        for call in calls_among(flow.source, flow.reached(site.call).expressions):
            search.follow(call)
    else:
        search.follow(site.call)
    return search.ends


class _Search:
    def __init__(self, flow: Flow, site: Site, reached: Reached) -> None:
        self.flow = flow
        self.index: ClassIndex = flow.index
        self.source = flow.source
        self.site = site
        self.reached = reached
        self.ends = Ends()

    def follow(self, node: ast.expr) -> None:
        """Go on from an expression that is the convolution, or a list with it."""
        parent = self.source.parent(node)
        match parent:
            case ast.IfExp(test=test) if test is not node:
                self.follow(parent)
            case ast.BoolOp() | ast.List() | ast.Tuple() | ast.Starred():
                self.follow(parent)
            case ast.Assign(targets=[target]):
                self._assigned(node, target)
            case ast.AnnAssign(target=target):
                self._assigned(node, target)
            case ast.AugAssign(target=ast.Name() as target, op=ast.Add()):
                self._named(target)
            case ast.Return():
                self._returned(parent)
            case ast.Call() if node in parent.args:
                self._passed(node, parent)
            case _:
                self._add(Elsewhere(node))

    def _add(self, end: End) -> None:
        if end not in self.ends.found:
            self.ends.found.append(end)

    def _assigned(self, node: ast.expr, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._named(target)
            return
        is_it = not isinstance(node, (ast.List, ast.Tuple))
        owner = self.index.self_class(target.value) if isinstance(target, ast.Attribute) else None
        if is_it and owner is not None and isinstance(target, ast.Attribute):
            self._add(InAttribute(owner, target))
        else:
            self._add(Elsewhere(node))

    def _named(self, target: ast.Name) -> None:
        """Go on from where a variable is used, if that keeps it in one place only."""
        scope = self.source.scope(target)
        found = scope.lookup(target.id)
        if found is None or found[0] is not scope or not isinstance(scope.node, FUNCTIONS):
            self._add(Elsewhere(target))  # others may use it too
            return
        loads = self.flow.loads.get((scope, target.id), [])
        keeping = [each for each in loads if not self._is_passing(each)]
        if len(keeping) != 1 or self._loops(keeping[0]) - self._loops(target):
            self._add(Elsewhere(target))
        elif keeping[0] in self.reached.expressions:
            self.follow(keeping[0])

    def _loops(self, node: ast.AST) -> set[ast.AST]:
        return {each for each in self.source.ancestors(node) if isinstance(each, _LOOPS)}

    def _is_passing(self, load: ast.Name) -> bool:
        """Whether a use of a variable keeps nothing: an attribute is read, or it is called."""
        parent = self.source.parent(load)
        inside = takewhile(
            lambda each: not isinstance(each, FUNCTIONS), self.source.ancestors(load)
        )
        if any(isinstance(each, ast.Lambda) for each in inside):
            return False
        if isinstance(parent, ast.Attribute):
            call = self.source.parent(parent)
            is_adding = parent.attr in _ADDING and isinstance(call, ast.Call)
            return is_adding or isinstance(parent.ctx, ast.Load)
        if isinstance(parent, ast.AugAssign):
            return parent.target is load
        return isinstance(parent, ast.Call) and parent.func is load

    def _returned(self, statement: ast.Return) -> None:
        function = next(
            each for each in self.source.ancestors(statement) if isinstance(each, FUNCTIONS)
        )
        is_plain = self._is_static(function)
        yields = any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in ast.walk(function))
        calls = list(self._calls(function))
        if not is_plain or yields or not calls or function in self.ends.functions:
            self._add(Elsewhere(statement))
            return
        self.ends.functions.append(function)
        for call in calls:
            if passes_groups(self.source, function, call, self.site):
                self.follow(call)

    def _is_static(self, function: Function) -> bool:
        names = {getattr(each, "id", "") for each in function.decorator_list}
        return names <= {"staticmethod", "classmethod"}

    def _calls(self, function: Function) -> Iterator[ast.Call]:
        for each in self.reached.expressions:
            if isinstance(each, ast.Call) and function in functions_called(self.index, each.func):
                yield each

    def _passed(self, node: ast.expr, call: ast.Call) -> None:
        match call.func:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
                self._add(InSequence(call))
            case ast.Attribute(value=ast.Name() as receiver, attr=name) if self._is_list(receiver):
                self._named(receiver) if name in _ADDING else self._add(Elsewhere(node))
            case ast.Attribute(attr=name) if name in ADDING:
                self._add(InSequence(call))
            case function if container(meaning(self.source, function).path) == "Sequential":
                self._add(InSequence(call))
            case _:
                self._add(Elsewhere(node))

    def _is_list(self, receiver: ast.Name) -> bool:
        """Whether a variable is given nothing but lists."""
        found = self.source.scope(receiver).lookup(receiver.id)
        return found is not None and all(
            isinstance(each.value, (ast.List, ast.ListComp)) or self._adds(each.node)
            for each in found[1]
        )

    def _adds(self, target: ast.AST) -> bool:
        return isinstance(self.source.parent(target), ast.AugAssign)
