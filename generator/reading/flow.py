"""Follow an object through a source: which expressions may be it, or a container that holds it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from .alternatives import may_be_among
from .callees import functions_called, parameters_given
from .classes import Access, Class, ClassIndex
from .containers import is_container, names_a_child
from .mentions import is_alike, may_be
from .names import meaning
from .naming import mangled
from .scopes import COMPREHENSIONS, Function, Scope
from .source import Source

KEEPING_METHODS: Final = frozenset(
    (
        *("append", "insert", "extend", "add", "update", "setdefault", "register"),
        *("add_module", "register_module", "__setitem__", "__setattr__"),
    )
)
"""What puts its argument into the object that it is a method of."""
_GIVING_METHODS: Final = frozenset(
    (
        *("values", "items", "children", "named_children", "pop", "get", "copy"),
        *("to", "cpu", "cuda", "float", "double", "half", "eval", "train", "requires_grad_"),
    )
)
_NORMS: Final = frozenset(
    f"torch.nn.utils.{module}{name}"
    for module in ("", "parametrizations.")
    for name in ("weight_norm", "spectral_norm")
)
TRANSPARENT: Final = frozenset(
    (
        *("list", "tuple", "dict", "set", "zip", "enumerate", "reversed", "iter", "next"),
        *("sorted", "filter"),
        *("collections.OrderedDict", "collections.deque", "copy.copy", "copy.deepcopy"),
        *("itertools.chain", "typing.cast"),
        *(f"torch.nn.{each}" for each in ("Sequential", "ModuleList", "ModuleDict")),
        *_NORMS,
    )
)
"""What gives back what it is given, or a container of it."""
_NAMING: Final = frozenset(("dict", "collections.OrderedDict"))
_CHILDREN: Final = frozenset(
    ("children", "named_children", "_modules", "get_submodule", "__dict__")
)
# Expressions that are, or hold, one of those in them.
_HOLDING = (
    *(ast.Starred, ast.List, ast.Tuple, ast.Set, ast.BoolOp, ast.BinOp),
    *COMPREHENSIONS,
)


@dataclass
class Reached:
    """Where an object may get to.

    Attributes:
        expressions: all that may be the object, or a container that holds it.
        attributes: the classes and names of the attributes that it is kept under; no class where
            that is not known.
    """

    expressions: set[ast.expr] = field(default_factory=set)
    attributes: set[tuple[ast.ClassDef | None, str]] = field(default_factory=set)


class Flow:
    """Where objects may get to within one source.

    A container counts as what it holds, and what is handed to code outside of the source is lost
    sight of.
    """

    def __init__(self, index: ClassIndex) -> None:
        self.index = index
        self.source = index.source

    def reached(self, start: ast.expr) -> Reached:
        """Where the object may get to that an expression builds."""
        return Search(self).run([start])

    def returned(self, function: ast.expr) -> Reached:
        """Where that may get to which a function returns that an expression makes."""
        return Search(self).run(calls_among(self.source, self.reached(function).expressions))

    @cached_property
    def loads(self) -> dict[tuple[Scope, str], list[ast.Name]]:
        """Where a name is read, by the scope that binds it."""
        found = defaultdict(list)
        for node in self.source.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                bound = self.source.scope(node).lookup(node.id)
                if bound is not None:
                    found[bound[0], node.id].append(node)
        return found


class Search:
    """One search, forwards from an expression."""

    def __init__(self, flow: Flow, functions: set[ast.AST] | None = None) -> None:
        self.flow = flow
        self.index = flow.index
        self.source = flow.source
        self.found = Reached()
        self.pending: list[ast.expr] = []
        self.functions: set[ast.AST] = set() if functions is None else functions

    def run(self, start: Iterable[ast.expr]) -> Reached:
        """Search from what some expressions give."""
        self._reach(start)
        while self.pending:
            expression = self.pending.pop()
            self._follow(expression, self.source.parent(expression))
        return self.found

    def _reach(self, expressions: Iterable[ast.expr]) -> None:
        for each in expressions:
            if each not in self.found.expressions:
                self.found.expressions.add(each)
                self.pending.append(each)

    def _follow(self, node: ast.expr, parent: ast.AST) -> None:
        match parent:
            case ast.Assign(value=value) if value is node:
                for target in parent.targets:
                    self._store(target)
            case ast.AnnAssign(value=value) | ast.AugAssign(value=value) if value is node:
                self._store(parent.target)
            case ast.NamedExpr():
                self._store(parent.target)
                self._reach([parent])
            case ast.Return() | ast.Yield() | ast.YieldFrom():
                function = self.source.function_around(parent)
                assert function is not None
                self._give_back(function)
            case ast.Lambda():
                self._give_to_callers(parent, [parent])
            case ast.For(iter=iterated) | ast.comprehension(iter=iterated) if iterated is node:
                self._store(parent.target)
            case ast.Call() if parent.func is not node:
                self._pass(node, parent)
            case ast.keyword():
                self._follow_keyword(node, parent)
            case ast.Subscript(value=value) if value is node:
                self._reach([parent])
            case ast.Attribute():
                self._reach(self._given_by_method(parent))
            case ast.arguments():
                self._reach(self._loads_of_default(node, parent))
            case ast.Dict():
                self._name(
                    parent.keys[parent.values.index(node)] if node in parent.values else None
                )
                self._reach([parent])
            case ast.Tuple(elts=[name, _]):
                self._name(name)
                self._reach([parent])
            case ast.IfExp(test=test):
                self._reach([parent] if test is not node else [])
            case _ if isinstance(parent, _HOLDING):
                self._reach([parent])

    def _follow_keyword(self, node: ast.expr, keyword: ast.keyword) -> None:
        call = self.source.parent(keyword)
        if isinstance(call, ast.Call):  # and no class, with a keyword among its bases
            self._pass(node, call, keyword.arg)
            if keyword.arg is not None and self._path(call.func) in _NAMING:
                self._reach(self._loads_of_attribute(keyword.arg, node))

    def _store(self, target: ast.expr) -> None:
        match target:
            case ast.Name():
                bound = self.source.scope(target).lookup(target.id)
                if bound is not None:
                    self._reach(self.flow.loads.get((bound[0], target.id), []))
            case ast.Attribute():
                self._reach(self._loads_of_attribute(target.attr, target.value))
            case ast.Subscript() | ast.Starred():
                self._store(target.value)
            case ast.Tuple() | ast.List():
                for each in target.elts:
                    self._store(each)

    def _loads_of_attribute(self, name: str, instance: ast.expr) -> Iterator[ast.expr]:
        owner = self.index.self_class(instance)
        is_of_torch = owner is None and (
            is_container(self.index, instance) or names_a_child(self.index, instance)
        )
        self.found.attributes.add((owner, name))
        relatives = self.index.classes[owner].relatives() if owner is not None else []
        names = {name} if owner is None else {name, mangled(owner, name)}
        for access in (each for one in names for each in self._accesses(one)):
            user = self.index.classes[access.owner] if access.owner is not None else None
            if user is None or (owner is None and not is_of_torch) or user in relatives:
                if isinstance(access.node.ctx, ast.Load):
                    yield access.node
        for each in relatives:
            yield from self._children_of(each)
        for _, named, call in self.index.mentions.accesses:
            if may_be(named, name):
                yield call

    def _accesses(self, name: str) -> list[Access]:
        """The accesses to the attribute of a name that may give the object."""
        return self.index.accesses(name)

    def _children_of(self, each: Class) -> Iterator[ast.expr]:
        """What a class has of its own children or attributes, whichever they are."""
        for walk in each.walks:
            call = self.source.parent(walk)
            if isinstance(walk, ast.Attribute) and walk.attr in _CHILDREN:
                is_called = isinstance(call, ast.Call) and call.func is walk
                yield call if is_called and isinstance(call, ast.Call) else walk
            elif isinstance(walk, ast.Call):  # vars(self), getattr(self, name)
                yield walk

    def _pass(self, node: ast.expr, call: ast.Call, keyword: str | None = None) -> None:
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr in KEEPING_METHODS:
            self._store(function.value)
            self._store_named(call.args, function.value)
            self._store_in_self(function.value)
        elif isinstance(function, ast.Attribute) and function.attr == "__init__":
            self._store_in_self(function.value)
        path = self._path(function)
        if path == "setattr" and len(call.args) == 3:
            self._store_named(call.args[1:], call.args[0])
        if path in TRANSPARENT or may_be_among(self.index, function, _NORMS):
            self._reach([call])
        self._pass_to(functions_called(self.index, function), node, call, keyword)

    def _path(self, function: ast.expr) -> str:
        """The path of what is called, or the name of a builtin."""
        callee = meaning(self.source, function)
        is_builtin = callee.kind == "unknown" and isinstance(function, ast.Name)
        return function.id if is_builtin and isinstance(function, ast.Name) else callee.path

    def _store_in_self(self, instance: ast.expr) -> None:
        """Reach what goes over a container that the object is put into by its own methods."""
        owner = self.index.self_class(instance)
        if isinstance(instance, ast.Call) and getattr(instance.func, "id", "") == "super":
            owner = self.source.class_around(instance)
        if owner is None:
            return
        relatives = self.index.classes[owner].relatives()
        for each in relatives:
            self._reach(self.index.calls_of.get(each.node.name, []))
            self._reach(self._children_of(each))
        for loads in self.flow.loads.values():
            for load in loads:
                parent = self.source.parent(load)
                user = self.index.self_class(load)
                if user is not None and self.index.classes[user] in relatives:
                    if isinstance(parent, (ast.Subscript, ast.For, ast.comprehension, ast.Call)):
                        self._reach([load])

    def _store_named(self, arguments: list[ast.expr], instance: ast.expr) -> None:
        match arguments:
            case [ast.Constant(value=str(name)), _]:
                self._reach(self._loads_of_attribute(name, instance))
            case [computed, _]:
                for name in self.index.by_attribute:
                    if may_be(computed, name):
                        self._reach(self._loads_of_attribute(name, instance))
                alike = (
                    each for each in self.index.mentions.accesses if is_alike(computed, each[1])
                )
                self._reach(call for _, _, call in alike)

    def _pass_to(
        self, functions: Iterable[Function], node: ast.expr, call: ast.Call, keyword: str | None
    ) -> None:
        """Reach what functions of the source do with an argument."""
        for function in functions:
            scope = self.source.scope(function.body[0])
            for name in parameters_given(self.source, function, node, call, keyword):
                self._reach(self.flow.loads.get((scope, name), []))

    def _given_by_method(self, attribute: ast.Attribute) -> Iterator[ast.expr]:
        call = self.source.parent(attribute)
        if attribute.attr in _GIVING_METHODS and isinstance(call, ast.Call):
            if call.func is attribute:
                yield call
        elif attribute.attr == "_modules":
            yield attribute

    def _give_back(self, function: Function) -> None:
        """Reach what a function that returns the object is called by, or read as a property."""
        accesses = [each.node for each in self._accesses(function.name)]
        decorators = {
            getattr(each, "id", getattr(each, "attr", "")) for each in function.decorator_list
        }
        if decorators & {"property", "cached_property"}:
            self._reach(accesses)
        scope = self.source.scope(function)
        self._give_to_callers(
            function, [*self.flow.loads.get((scope, function.name), []), *accesses]
        )

    def _give_to_callers(self, function: ast.AST, values: list[ast.expr]) -> None:
        """Reach the calls of what some expressions stand for, which is a function."""
        if function not in self.functions:
            self.functions.add(function)
            known = Search(self.flow, self.functions).run(values)
            self._reach(calls_among(self.source, known.expressions))

    def _loads_of_default(self, node: ast.expr, arguments: ast.arguments) -> Iterator[ast.expr]:
        """Where the parameter is read of which an expression is the default."""
        function = self.source.parent(arguments)
        body = getattr(function, "body", [])
        scope = self.source.scope(body[0] if isinstance(body, list) else body)
        for name, bindings in scope.bindings.items():
            if any(each.value is node for each in bindings):
                yield from self.flow.loads.get((scope, name), [])

    def _name(self, key: ast.expr | None) -> None:
        """Reach what has the name of a key: nn.ModuleDict and others make it an attribute."""
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            self._reach(self._loads_of_attribute(key.value, key))


def calls_among(source: Source, functions: Iterable[ast.expr]) -> Iterator[ast.Call]:
    """The calls of some expressions."""
    for each in functions:
        call = source.parent(each)
        if isinstance(call, ast.Call) and call.func is each:
            yield call
