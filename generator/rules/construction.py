"""Whether what a constructor sets at its end is there in each method."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.values import ClassValue, External, Instance, Object, Parameter, Unknown
from ..reading.mentions import Mentions, is_anything
from ..reading.scopes import FUNCTIONS, Function
from ..reading.source import Source
from .early_calls import check_early_calls, constructors
from .rule import Left
from .walks import Walks

_HARMLESS_BASES: Final = ("builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol")
_HOLDING: Final = torch_api.CONTAINERS | torch_api.MAPPINGS
_OVERRIDES: Final = (
    *("__new__", "__getattr__", "__getattribute__", "__setattr__", "__delattr__", "__setstate__"),
    *("add_module", "register_module", "__reduce__", "__reduce_ex__", "__getstate__"),
)
"""Methods by which a class makes its instances, or their attributes, another way than torch."""


class Construction:
    """What is known of how the instances of the classes of a source come about.

    Args:
        source: the source.
        facts: what may happen in it.
    """

    def __init__(self, source: Source, facts: Facts) -> None:
        self._source = source
        self._facts = facts
        self._mentions = Mentions(source)
        self._walks = Walks(source, facts)

    def check(self, owner: ast.ClassDef, method: Function, constructor: Function) -> None:
        """See that a module that the end of a constructor sets can be called in a method.

        Raises:
            Left: it may not be there, or may be noticed.
        """
        cls = self._facts.class_of(owner)
        if cls is None or not self._facts.is_module(owner):
            raise Left(f"{owner.name} is not shown to be a module")
        family = (each.node for cls in self._facts.classes(owner) for each in cls.order)
        if not all(map(self._source.has, family)):
            raise Left(f"another file has a class that {owner.name} inherits from, or that does")
        self._check_bases(owner)
        self._check_end(owner, constructor)
        self._check_subclasses(owner)
        check_early_calls(self._source, self._facts, owner, method)
        self._check_borrowing(owner, method)
        self._walks.check(owner)

    def are_related(self, one: ast.ClassDef, other: ast.ClassDef) -> bool:
        """Whether something may be an instance of both of two classes."""
        return any(other in (each.node for each in cls.order) for cls in self._facts.classes(one))

    # --- the class and its constructor -------------------------------------------------------

    def _check_bases(self, owner: ast.ClassDef) -> None:
        for cls in self._facts.classes(owner):
            strange = [
                each
                for each in cls.externals
                if not torch_api.is_module_class(each) and each not in _HARMLESS_BASES
            ]
            if not cls.is_known or strange:
                name = strange[0] if strange else "one of the bases"
                raise Left(f"it is not known what {name} adds to {cls.name}")
            if _HOLDING & {*cls.externals}:
                raise Left(f"{cls.name} applies or lists the modules in it")
            for each in _OVERRIDES:
                if any(base.binds(each) for base in cls.order):
                    raise Left(f"{cls.name} has a {each} of its own")
        for instance, text, call in self._mentions.accesses:
            if is_anything(text) and self._may_be(instance, owner):
                raise Left("an attribute of any name is set or read", call)
        for node in self._source.nodes:
            if isinstance(node, ast.Attribute) and _makes_instances(node):
                raise Left("an instance is made without its constructor", node)

    def _may_be(self, node: ast.expr, owner: ast.ClassDef) -> bool:
        """Whether an expression may be an instance of a class."""
        return any(
            isinstance(each, (Unknown, Parameter))
            or (isinstance(each, Object) and each.kind == "?")
            or (isinstance(each, Instance) and owner in (one.node for one in each.cls.order))
            for each in self._facts.values(node)
        )

    def _check_end(self, owner: ast.ClassDef, constructor: Function) -> None:
        """See that the end of a constructor is reached, and torch's own was called before."""
        body = constructor.body
        if not self._source.has_own_lines(body[-1]):
            raise Left("the constructor has no line of its own at its end")
        is_left = any(
            isinstance(each, (ast.Return, ast.Yield, ast.YieldFrom))
            for each in _own_nodes(constructor)
        )
        if is_left or any(isinstance(each, (ast.Raise, ast.While)) for each in body):
            raise Left("the constructor may not get to its end")
        calls = [each.value for each in body if isinstance(each, ast.Expr)]
        if not any(self._is_construction(owner, each) for each in calls):
            raise Left(f"{owner.name} does not call the constructor of its base")

    def _is_construction(self, owner: ast.ClassDef, node: ast.expr) -> bool:
        """Whether an expression of a class calls the next constructor."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return False
        return node.func.attr == "__init__" and self._leads_to(owner, node.func.value, None)

    def _leads_to(self, cls: ast.ClassDef, base: ast.expr, goal: ast.ClassDef | None) -> bool:
        """Whether ``base.__init__`` in a class is the next one, or one that leads to another's."""
        if isinstance(base, ast.Call) and getattr(base.func, "id", "") == "super":
            return not base.args or getattr(base.args[0], "id", "") in (cls.name, "__class__")
        values = self._facts.values(base)
        if goal is None:
            return bool(values) and all(isinstance(each, (ClassValue, External)) for each in values)
        return bool(values) and all(
            isinstance(each, ClassValue) and goal in (one.node for one in each.cls.order)
            for each in values
        )

    def _check_subclasses(self, owner: ast.ClassDef) -> None:
        """See that each constructor of a subclass calls that of the class."""
        for cls in self._facts.classes(owner):
            nodes = [each.node for each in cls.order]
            for each in nodes[: nodes.index(owner)]:
                for constructor in constructors(self._source, each):
                    calls = [
                        node
                        for node in ast.walk(constructor)
                        if isinstance(node, ast.Attribute) and node.attr == "__init__"
                    ]
                    if not calls or not all(self._leads_to(each, c.value, owner) for c in calls):
                        raise Left(f"{each.name} may not call the constructor of {owner.name}")

    # --- who else may come across it ---------------------------------------------------------

    def _check_borrowing(self, owner: ast.ClassDef, method: Function) -> None:
        """See that the method is not taken from the class for something else."""
        for node in self._source.nodes:
            if not isinstance(node, ast.Attribute) or node.attr != method.name:
                continue
            taken = [
                each for each in self._facts.values(node.value) if isinstance(each, ClassValue)
            ]
            if not any(owner in (one.node for one in each.cls.order) for each in taken):
                continue
            call = self._source.parent(node)
            first = call.args[:1] if isinstance(call, ast.Call) and call.func is node else []
            values = self._facts.values(first[0]) if first else frozenset()
            if not values or not all(
                isinstance(each, Instance) and owner in (one.node for one in each.cls.order)
                for each in values
            ):
                raise Left(f"{method.name} is taken from the class", node)


def _makes_instances(node: ast.Attribute) -> bool:
    """Whether an attribute makes something an instance in another way than by its constructor."""
    is_set = isinstance(node.ctx, ast.Store)
    return node.attr == "__new__" or (is_set and node.attr in ("__init__", "__class__"))


def _own_nodes(function: Function) -> Iterator[ast.AST]:
    """All that a function has in it, but for what functions and classes in it have."""
    todo: list[ast.AST] = [*function.body]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            todo += ast.iter_child_nodes(node)
