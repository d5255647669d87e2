"""Where a convolution ends up that an expression builds: what holds it, when it has been built."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, TypeAlias

from ...facts.values import Object
from ...reading.classes import ClassIndex
from ...reading.containers import container
from ...reading.names import meaning
from ...reading.parts import walk
from ...reading.scopes import COMPREHENSIONS, FUNCTIONS, Function
from ...reading.source import Source
from ...torch_api import GIVES_SELF
from ..find import Site, is_partial
from ..norms.plan import passes_groups
from ..norms.sequential import ADDING
from ..tracing import Tracing
from .keeping import Keeping
from .whole import Whole

_WEIGHTS: Final = frozenset(("weight", "bias"))
_ADDING: Final = frozenset(("append", "extend", "insert"))
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS, *FUNCTIONS, ast.Lambda)
_LISTS: Final = frozenset(("list", "tuple", "collections.OrderedDict"))
"""What gives another list, or dict, of the same."""


@dataclass(frozen=True)
class InAttribute:
    """It is given to an attribute of ``self``.

    Attributes:
        item: the expression that gives it.
        owner: the class.
        target: the attribute that is assigned to.
    """

    item: ast.expr
    owner: ast.ClassDef
    target: ast.Attribute


@dataclass(frozen=True)
class InSequence:
    """It is handed to what is, or may be, an nn.Sequential, by itself or in a list.

    Attributes:
        item: the expression that gives it.
        call: what builds that, or adds to it.
    """

    item: ast.expr
    call: ast.Call

    def codes(self, source: Source) -> set[str]:
        """The code that stands for it in the function, once that call has been made."""
        statement = source.statement(self.call)
        is_assigned = isinstance(statement, ast.Assign) and statement.value is self.call
        found = [*statement.targets] if isinstance(statement, ast.Assign) and is_assigned else []
        codes = {source.code(each) for each in found}
        match self.call.func:
            case ast.Attribute(value=ast.Call(), attr="__init__"):
                function = source.scope(self.call).node
                names = function.args.args[:1] if isinstance(function, FUNCTIONS) else []
                return codes.union(each.arg for each in names)
            case ast.Attribute(value=receiver):
                return codes | {source.code(receiver)}
        return codes


@dataclass(frozen=True)
class Elsewhere:
    """It is somewhere else, or in more than one place.

    Attributes:
        item: the last expression that is known to give it, and nothing else.
    """

    item: ast.expr


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


def find_ends(tracing: Tracing, site: Site) -> Ends:
    """Where the convolution that a site builds ends up."""
    search = _Search(tracing, site)
    starts: Iterable[ast.AST] = [site.call]
    if is_partial(site):
        calls = {each.site for each in tracing.made(site) if isinstance(each, Object)} - {site.call}
        partials = search.facts.values(site.call)  # a copy is one of what is split already
        starts = (
            each
            for each in tracing.index.source.nodes
            if isinstance(each, ast.Call) and each in calls
            if not partials.isdisjoint(search.facts.values(each.func))
        )
    for call in starts:
        assert isinstance(call, ast.Call)
        search.follow(call, call)
    return search.ends


class _Search:
    def __init__(self, tracing: Tracing, site: Site) -> None:
        self.facts = tracing.surroundings.facts
        self.index: ClassIndex = tracing.index
        self.source = tracing.index.source
        self.site = site
        self.reached = tracing.reached(site)
        self.norms = tracing.norms(site)
        self.ends = Ends()
        self.path: list[ast.Name] = []  # the uses of variables that are being gone on from

    def follow(self, node: ast.expr, item: ast.expr) -> None:
        """Go on from an expression that is the convolution, or a list with it.

        ``item`` is the last one that was the convolution itself.
        """
        parent = self.source.parent(node)
        match parent:
            case ast.IfExp(test=test) if test is not node:
                self.follow(parent, item)
            case ast.BoolOp() | ast.List() | ast.Tuple() | ast.Starred() | ast.Dict():
                self.follow(parent, item)
            case ast.BinOp(op=ast.Add()):
                self.follow(parent, item)
            case ast.Assign(targets=[ast.Subscript(value=ast.Name() as receiver)]):
                self._named(receiver, item, is_list=True)
            case ast.Assign(targets=[target]):
                self._assigned(node, target, item)
            case ast.AnnAssign(target=target):
                self._assigned(node, target, item)
            case ast.AugAssign(target=ast.Name() as target, op=ast.Add()):
                self._named(target, item, is_list=True)
            case ast.Return():
                self._returned(parent, item)
            case ast.Call() if node in parent.args:
                self._passed(node, parent, item)
            case ast.Attribute(attr=name) if name in GIVES_SELF and self._is_called(parent):
                self._chained(parent)
            case ast.Expr():
                pass  # what a function gives back is not made use of
            case _:
                self._add(Elsewhere(item))

    def _path(self, call: ast.Call) -> str:
        return meaning(self.source, call.func).path or getattr(call.func, "id", "")

    def _is_called(self, method: ast.Attribute) -> bool:
        call = self.source.parent(method)
        return isinstance(call, ast.Call) and call.func is method

    def _chained(self, method: ast.Attribute) -> None:
        """Go on from a call of a method that gives the convolution back."""
        call = self.source.parent(method)
        assert isinstance(call, ast.Call)
        self.follow(call, call)

    def _add(self, end: End) -> None:
        self.ends.found.append(end)

    def _assigned(self, node: ast.expr, target: ast.expr, item: ast.expr) -> None:
        is_list = not _is_itself(node, item)
        if isinstance(target, ast.Name):
            self._named(target, item, is_list)
            return
        owner = self.index.self_class(target.value) if isinstance(target, ast.Attribute) else None
        if not is_list and owner is not None and isinstance(target, ast.Attribute):
            self._add(InAttribute(item, owner, target))
        else:
            self._add(Elsewhere(item))

    def _named(self, target: ast.Name, item: ast.expr, is_list: bool) -> None:
        """Go on from where a variable is used, if that keeps it in one place only."""
        scope = self.source.scope(target)
        found = scope.lookup(target.id)
        if found is None or found[0] is not scope or not isinstance(scope.node, FUNCTIONS):
            self._add(Elsewhere(item))  # others may use it too
            return
        known = self.reached.expressions if is_list else self.reached.itself
        loads = [each for each in self.source.names(scope.node, target.id) if each in known]
        keeping = [each for each in loads if not self._is_passing(each)]
        is_again = len(keeping) == 1 and keeping[0] in self.path  # as in conv = weight_norm(conv)
        if len(keeping) != 1 or is_again or self._loops(keeping[0]) - self._loops(target):
            self._add(Elsewhere(item))
            return
        self.path.append(keeping[0])
        self.follow(keeping[0], item if is_list else keeping[0])
        self.path.pop()

    def _loops(self, node: ast.AST) -> set[ast.AST]:
        """The loops and functions in which a node is run more than once."""
        found: set[ast.AST] = set()
        inner = node
        for each in self.source.ancestors(node):
            first = each.generators[0] if isinstance(each, COMPREHENSIONS) else each
            if isinstance(each, _LOOPS) and inner not in (first, getattr(first, "iter", None)):
                found.add(each)
            inner = each
        return found

    def _is_passing(self, load: ast.Name) -> bool:
        """Whether a use of a variable keeps nothing: it is called, or handed on for a while."""
        parent = self.source.parent(load)
        around = self.source.ancestors(load)
        inside = takewhile(lambda each: not isinstance(each, FUNCTIONS), around)
        if any(isinstance(each, ast.Lambda) for each in inside):
            return False
        if isinstance(parent, ast.Attribute):
            call = self.source.parent(parent)
            is_adding = parent.attr in _ADDING and isinstance(call, ast.Call)
            return is_adding or isinstance(parent.ctx, ast.Load) or parent.attr in _WEIGHTS
        if isinstance(parent, ast.Subscript):
            return parent.value is load and isinstance(parent.ctx, ast.Store)
        is_called = isinstance(parent, ast.Call) and parent.func is load
        return is_called or self._lets_go(load, parent)

    def _lets_go(self, load: ast.expr, call: ast.AST) -> bool:
        """Whether a call in which a convolution is an argument keeps no hold of it."""
        if not isinstance(call, ast.Call) or load not in call.args:
            return False
        made = self.facts.values(load)
        are_told = self.facts.is_complete and all(isinstance(each, Object) for each in made)
        callees = self.facts.values(call.func)
        is_gone = made.isdisjoint(self.facts.values(call)) or isinstance(
            self.source.parent(call), ast.Expr
        )
        return bool(made and are_told and callees and is_gone) and not Keeping(
            Whole(self.index, made)
        ).keeps_given(callees)

    def _returned(self, statement: ast.Return, item: ast.expr) -> None:
        function = self.source.function_around(statement)
        assert function is not None
        names = {getattr(each, "id", "") for each in function.decorator_list}
        yields = any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in walk(function))
        calls = list(self._calls(function))
        is_known = names <= {"staticmethod", "classmethod"} and not yields and bool(calls)
        if not is_known or function in self.ends.functions:
            self._add(Elsewhere(item))
            return
        self.ends.functions.append(function)
        for call in calls:
            if passes_groups(self.source, function, call, self.site):
                is_itself = statement.value is not None and _is_itself(statement.value, item)
                self.follow(call, call if is_itself else item)

    def _calls(self, function: Function) -> Iterator[ast.Call]:
        found = [each for each in self.reached.expressions if isinstance(each, ast.Call)]
        for each in sorted(found, key=self.source.span):
            callees = self.facts.values(each.func)
            if any(
                getattr(getattr(one, "function", one), "node", None) is function for one in callees
            ):
                yield each

    def _passed(self, node: ast.expr, call: ast.Call, item: ast.expr) -> None:
        path = meaning(self.source, call.func).path
        match call.func:
            case _ if call in self.norms:
                self.follow(call, call)
            case _ if self._path(call) in _LISTS:
                self.follow(call, item)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
                self._add(InSequence(item, call))
            case ast.Attribute(value=ast.Name() as receiver, attr=name) if (
                name in _ADDING and self._is_list(receiver)
            ):
                self._named(receiver, item, is_list=True)
            case ast.Attribute(attr=name) if name in ADDING:
                self._add(InSequence(item, call))
            case _ if container(path) == "Sequential":
                self._add(InSequence(item, call))
            case _:
                self._add(Elsewhere(item))

    def _is_list(self, receiver: ast.Name) -> bool:
        """Whether a variable is given nothing but lists."""
        values = self.facts.values(receiver)
        return bool(values) and all(getattr(each, "kind", "") == "builtins.list" for each in values)


def _is_itself(node: ast.expr, item: ast.expr) -> bool:
    """Whether an expression gives what another one gives, and no list with that."""
    match node:
        case ast.IfExp(body=body, orelse=orelse):
            return _is_itself(body, item) or _is_itself(orelse, item)
        case ast.BoolOp(values=values):
            return any(_is_itself(each, item) for each in values)
    return node is item
