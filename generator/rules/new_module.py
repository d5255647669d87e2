"""A module in place of a function of torch: the constructor of the class is given one more line.

That stands at its end, so that whoever goes over the modules of the class up to one of them finds
what it did before.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from ..facts.facts import Facts
from ..facts.values import External
from ..reading.kept import kept
from ..reading.mentions import Mentions
from ..reading.naming import numbered
from ..reading.scopes import FUNCTIONS, Function
from ..reading.source import Source
from ..rewriting.edits import TextEdit
from ..rewriting.places import insert_after
from .construction import Construction
from .rule import Asking, Left, Proposal

_TEMPLATE: Final = "new_module.py.jinja"


class Place(NamedTuple):
    """Where in a class something stands that needs what its constructor sets.

    Attributes:
        owner: the class.
        method: the method.
        constructor: the constructor.
    """

    owner: ast.ClassDef
    method: Function
    constructor: Function

    def top(self, source: Source, statement: ast.stmt) -> ast.stmt:
        """The statement before which a definition goes that the class makes use of.

        Args:
            source: where it stands.
            statement: the first of the module that could be it.
        """
        around = [self.owner, *source.ancestors(self.owner)]
        return next((each for each in around if each in source.tree.body), statement)


@dataclass(frozen=True)
class _Made:
    """A module that a class is given.

    Attributes:
        owner: the class.
        constructed: its class as the constructor spells it, with what that is given.
        name: of the attribute.
    """

    owner: ast.ClassDef
    constructed: str
    name: str


def new_module(
    asking: Asking,
    call: ast.Call,
    given: ast.expr,
    function: str,
    path: str,
    arguments: Sequence[str],
) -> Proposal:
    """A module that is called in place of a function, with its first argument.

    Args:
        asking: what the rule asks.
        call: the call of the function.
        given: what it is applied to.
        function: its name, which the attribute gets.
        path: of the class of the module.
        arguments: what its constructor is given.

    Raises:
        Left: there is no place for the module, or it would be noticed.
    """
    try:
        return NewModules(asking).propose(call, given, function, path, arguments)
    except Left as reason:
        wider = asking.in_project()  # where it is known what other files do with the module
        if not wider.facts.is_complete:
            raise
        try:
            return NewModules(wider).propose(call, given, function, path, arguments)
        except Left:
            raise reason from None


@kept
def _made_in(source: Source) -> list[_Made]:
    """The modules that the classes of a source are given, by any rule."""
    return []


@kept
def _construction(source: Source, facts: Facts) -> Construction:
    return Construction(source, facts)


@kept
def _mentions(source: Source) -> Mentions:
    return Mentions(source)


class NewModules:
    """The modules that the classes of a source are given; equal ones of a class are one.

    Args:
        asking: what may be asked.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._source = asking.source
        self._facts = asking.facts
        self._construction = _construction(asking.source, asking.facts)
        self._mentions = _mentions(asking.source)
        self._made = _made_in(asking.source)

    def propose(
        self,
        call: ast.Call,
        given: ast.expr,
        function: str,
        path: str,
        arguments: Sequence[str],
    ) -> Proposal:
        """The same as ``new_module``, as far as the facts go.

        Raises:
            Left: likewise.
        """
        asking = self._asking
        owner, method, constructor = self.place(call)
        last = constructor.body[-1]
        name, imports = asking.spelled(path, last)
        asking.keep_comments(call, given)
        constructed = f"{name}({', '.join(arguments)})"
        made = next((each for each in self._made if self._is_same(each, owner, constructed)), None)
        edits = []
        if made is None:
            made = _Made(owner, constructed, self._fresh(owner, function))
            self._made.append(made)
            value = {
                "attribute": f"{instance_of(constructor)}.{made.name}",
                "constructor": name,
                "arguments": arguments,
            }
            definition = partial(asking.templates.render, _TEMPLATE, "definition", value)
            edits = [insert_after(self._source, last, definition)]
        applied = f"{instance_of(method)}.{made.name}"

        def emit(code: str) -> str:
            code = f"({code})" if isinstance(given, (ast.Yield, ast.YieldFrom)) else code
            return asking.templates.render(_TEMPLATE, "call", {"attribute": applied, "x": code})

        shown = f"{applied}({self._source.shown(given)})"
        return Proposal(shown, (TextEdit(call, given, emit), *edits), imports)

    def _is_same(self, made: _Made, owner: ast.ClassDef, constructed: str) -> bool:
        return made.owner is owner and made.constructed == constructed

    def place(self, call: ast.Call) -> Place:
        """Where a call stands that is to use something that the constructor sets at its end.

        Raises:
            Left: there is no place for that, or it would be noticed.
        """
        place = self._place(call)
        self._construction.check(*place)
        skip = self._asking.directives.forbids_beside(place.constructor.body[-1])
        if skip is not None:
            raise Left(f"nothing is added to the constructor: {skip}")
        return place

    def fresh(self, owner: ast.ClassDef, name: str) -> str:
        """A name for an attribute that no class has that may have to do with one."""
        found = self._fresh(owner, name)
        self._made.append(_Made(owner, "", found))
        return found

    def _place(self, call: ast.Call) -> Place:
        """The class and the method that a call stands in, and the constructor of the class.

        Raises:
            Left: there are none.
        """
        source = self._source
        owner = source.class_around(call)
        around = [call, *source.ancestors(call)]
        method = around[around.index(owner) - 1] if owner is not None else None
        if owner is None or not isinstance(method, FUNCTIONS) or not instance_of(method):
            raise Left("it stands in no method of a module")
        found = source.scope(call).lookup(instance_of(method))
        if found is None or found[0].node is not method:
            raise Left("it stands in no method of a module")
        if method.name == "__init__":
            raise Left("it stands in the constructor")
        bindings = source.scope(owner.body[0]).bindings[method.name]
        is_function = all(isinstance(each.node, FUNCTIONS) for each in bindings)
        if not is_function or not self._is_plain(method):
            raise Left(f"{instance_of(method)} is not known to be the module")
        constructors = source.scope(owner.body[0]).bindings.get("__init__", [])
        if not constructors:
            raise Left(f"{owner.name} has no constructor of its own")
        constructor = constructors[-1].node
        is_one = len(constructors) == 1 and source.parent(constructor) is owner
        if not is_one or not isinstance(constructor, FUNCTIONS) or not self._is_plain(constructor):
            raise Left(f"the constructor of {owner.name} is not a plain one")
        return Place(owner, method, constructor)

    def _is_plain(self, method: Function) -> bool:
        """Whether the first parameter of a method is surely the instance, and stays it."""
        name = instance_of(method)
        bindings = self._source.scope(method.body[0]).bindings.get(name, [])
        is_told = name == "self" or not method.decorator_list
        return is_told and len(bindings) == 1 and name not in self._rebound

    @property
    def _rebound(self) -> set[str]:
        """The names that inner functions bind in outer ones."""
        return self._source.scope(self._source.tree).nonlocals

    def _fresh(self, owner: ast.ClassDef, function: str) -> str:
        """A name that no attribute of the class has."""
        taken = self._taken() | {
            each.name for each in self._made if self._construction.are_related(owner, each.owner)
        }
        return next(
            each
            for each in numbered(function)
            if each not in taken and not any(self._mentions.computed(each))
        )

    def _taken(self) -> set[str]:
        """The names that an attribute may have already."""
        found: set[str] = set()
        for node in self._source.nodes:
            if isinstance(node, ast.Attribute) and not self._is_of_package(node):
                found.add(node.attr)
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.keyword) and node.arg is not None:
                found.add(node.arg)
        return found

    def _is_of_package(self, node: ast.Attribute) -> bool:
        """Whether something is an attribute of a package, and of no object."""
        values = self._facts.values(node)
        return bool(values) and all(isinstance(each, External) for each in values)


def instance_of(function: Function) -> str:
    """The name of the instance in a method; empty if it has none."""
    given = [*function.args.posonlyargs, *function.args.args]
    unbound = ("staticmethod", "classmethod")
    names = {
        str(getattr(each, "attr", getattr(each, "id", ""))) for each in function.decorator_list
    }
    is_of_class = function.name in ("__new__", "__init_subclass__", "__class_getitem__")
    return given[0].arg if given and not is_of_class and not names & {*unbound} else ""
