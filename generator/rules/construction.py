"""Whether what a constructor sets at its end is there in each method, and nobody else notices it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from .. import torch_api
from ..facts.classes import Class
from ..facts.facts import Facts
from ..facts.values import ClassValue, External, Instance, Object, Parameter, Unknown
from ..reading.mentions import Mentions, is_anything
from ..reading.scopes import COMPREHENSIONS, FUNCTIONS, Function
from ..reading.source import Source
from .rule import Left

_HARMLESS_BASES: Final = ("builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol")
_HOLDING: Final = torch_api.CONTAINERS | torch_api.MAPPINGS
_OVERRIDES: Final = (
    *("__new__", "__getattr__", "__getattribute__", "__setattr__", "__delattr__", "__setstate__"),
    *("add_module", "register_module", "__reduce__", "__reduce_ex__", "__getstate__"),
)
"""Methods by which a class makes its instances, or their attributes, another way than torch."""
_CLASSES_OF_NEW: Final = torch_api.ELEMENTWISE | torch_api.POOLINGS | {"torch.nn.Module"}
_BASES_OF_NEW: Final = re.compile(
    r"builtins|abc|typing|collections|torch\.nn\.modules\.(module|pooling|activation|dropout)"
)
_CHILDREN: Final = ("children", "named_children", "_modules")
_DESCENDANTS: Final = ("modules", "named_modules")
_PERHAPS: Final = (
    *(ast.If, ast.Match, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.IfExp, ast.BoolOp),
    *(ast.Lambda, *FUNCTIONS, *COMPREHENSIONS, ast.ClassDef),
)
"""What may not evaluate all that is in it."""
_OF_ITSELF: Final = ("super", "isinstance", "type", "id", "hasattr", "getattr", "print")
"""What a constructor may be given itself to without being called by it."""


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

    def check(self, owner: ast.ClassDef, method: Function, constructor: Function) -> None:
        """See that a module that the end of a constructor sets can be called in a method.

        Raises:
            Left: it may not be there, or may be noticed.
        """
        cls = self._facts.class_of(owner)
        if cls is None or not self._facts.is_module(owner):
            raise Left(f"{owner.name} is not shown to be a module")
        self._check_bases(owner)
        self._check_end(owner, constructor)
        self._check_subclasses(owner)
        self._check_early_calls(owner, method)
        self._check_borrowing(owner, method)
        self._check_walks(owner)

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
        for instance, name, call in self._mentions.accesses:
            if is_anything(name) and self._may_be(instance, owner):
                raise Left(f"an attribute of any name is set or read (line {call.lineno})")
        for node in self._source.nodes:
            if isinstance(node, ast.Attribute) and node.attr == "__new__":
                raise Left(f"an instance is made without its constructor (line {node.lineno})")

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
                for constructor in self._constructors(each):
                    calls = [
                        node
                        for node in ast.walk(constructor)
                        if isinstance(node, ast.Attribute) and node.attr == "__init__"
                    ]
                    if not calls or not all(self._leads_to(each, c.value, owner) for c in calls):
                        raise Left(f"{each.name} may not call the constructor of {owner.name}")

    def _constructors(self, cls: ast.ClassDef) -> Iterator[ast.AST]:
        found = self._source.scope(cls.body[0]).bindings.get("__init__", [])
        return (each.node for each in found)

    # --- who else may come across it ---------------------------------------------------------

    def _check_early_calls(self, owner: ast.ClassDef, method: Function) -> None:
        """See that no constructor calls the method, before the end of the class's own."""
        family = list(
            dict.fromkeys(each for cls in self._facts.classes(owner) for each in cls.order)
        )
        reaching = self._reaching(family, method.name)
        for cls in family:
            for constructor in self._constructors(cls.node):
                for node in ast.walk(constructor):
                    if isinstance(node, ast.Attribute) and node.attr in reaching:
                        raise Left(
                            f"{node.attr}() may be called by a constructor (line {node.lineno})"
                        )
                    if self._is_handed_on(node, constructor) and not self._is_too_early(
                        node, family, method
                    ):
                        raise Left(f"a constructor hands on the module (line {node.lineno})")

    def _reaching(self, family: list[Class], name: str) -> set[str]:
        """The methods that call one of a name, and those that call these."""
        methods = [
            each for cls in family for each in ast.walk(cls.node) if isinstance(each, FUNCTIONS)
        ]
        found, before = {name}, 0
        while len(found) > before:
            before = len(found)
            for each in methods:
                nodes = self._source.inside(each)
                if each.name != "__init__" and found & {
                    node.attr for node in nodes if isinstance(node, ast.Attribute)
                }:
                    found.add(each.name)
        return found

    def _is_handed_on(self, node: ast.AST, constructor: ast.AST) -> bool:
        """Whether a constructor gives what it makes to something that may call it."""
        given = getattr(constructor, "args", None)
        names = [each.arg for each in (*given.posonlyargs, *given.args)][:1] if given else []
        if not isinstance(node, ast.Name) or [node.id] != names:
            return False
        parent = self._source.parent(node)
        if isinstance(parent, ast.Attribute):
            return False
        function = parent.func if isinstance(parent, ast.Call) else None
        is_base = isinstance(function, ast.Attribute) and function.attr == "__init__"
        return not is_base and getattr(function, "id", "") not in _OF_ITSELF

    def _is_too_early(self, node: ast.AST, family: list[Class], method: Function) -> bool:
        """Whether the method cannot run where a constructor stands at a node.

        It reads an attribute of the instance that the same constructor sets only behind it.
        """
        function, lineno = self._source.function_around(node), getattr(node, "lineno", 0)
        stores = {
            (each.attr, at, each.lineno)
            for cls in family
            for at in self._constructors(cls.node)
            for each in self._source.inside(at)
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
        }
        for statement in method.body:
            nodes = self._source.inside(statement)
            if any(isinstance(each, _PERHAPS) for each in nodes):
                return False
            for each in nodes:
                if isinstance(each, ast.Attribute) and _is_of_first(each, method):
                    places = [at for at in stores if at[0] == each.attr]
                    is_behind = all(at[1] is function and at[2] > lineno for at in places)
                    if places and is_behind and not any(cls.binds(each.attr) for cls in family):
                        return True
        return False

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
                raise Left(f"{method.name} is taken from the class (line {node.lineno})")

    def _check_walks(self, owner: ast.ClassDef) -> None:
        """See that nobody goes over the modules of the class and so comes across a new one."""
        for use in self._facts.uses_of_instances(owner):
            if use.name.lstrip("*") in _CHILDREN:
                raise Left(
                    f"the modules in it are gone over (line {getattr(use.node, 'lineno', 0)})"
                )
        for name in _CHILDREN:
            for node in self._facts.loose(name):
                raise Left(f"the modules in it may be gone over (line {node.lineno})")
        for node in self._source.nodes:
            if isinstance(node, ast.Attribute) and node.attr in _DESCENDANTS:
                if not self._is_by_class(node):
                    raise Left(f"the modules in it may be gone over (line {node.lineno})")

    def _is_by_class(self, node: ast.Attribute) -> bool:
        """Whether what goes over all modules does something with those of some classes only.

        Of the form ``for m in self.modules(): if isinstance(m, nn.Conv2d): ...``.
        """
        call = self._source.parent(node)
        loop = self._source.parent(call)
        if not isinstance(loop, ast.For) or loop.iter is not call or loop.orelse:
            return False
        for statement in loop.body:
            while isinstance(statement, ast.If):
                if not self._names_classes(statement.test):
                    return False
                if not statement.orelse:
                    break
                if len(statement.orelse) > 1:
                    return False
                (statement,) = statement.orelse
            else:
                return False
        return True

    def _names_classes(self, test: ast.expr) -> bool:
        """Whether a condition asks for classes, of which none is one that applies no weights."""
        if isinstance(test, ast.BoolOp):
            enough = any if isinstance(test.op, ast.And) else all
            return enough(map(self._names_classes, test.values))
        match test:
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, classes], keywords=[]):
                each = classes.elts if isinstance(classes, ast.Tuple) else [classes]
                return all(self._has_weights(one) for one in each)
        return False

    def _has_weights(self, node: ast.expr) -> bool:
        values = self._facts.values(node)
        return bool(values) and all(
            isinstance(each, ClassValue)
            or (isinstance(each, External) and not _may_be_new(each.path))
            for each in values
        )


def _may_be_new(path: str) -> bool:
    """Whether new modules may be instances of a class."""
    return path in _CLASSES_OF_NEW or _BASES_OF_NEW.match(path) is not None


def _is_of_first(node: ast.Attribute, method: Function) -> bool:
    """Whether something is an attribute of the first parameter of a method."""
    given = [*method.args.posonlyargs, *method.args.args]
    return getattr(node.value, "id", "") == given[0].arg


def _own_nodes(function: Function) -> Iterator[ast.AST]:
    """All that a function has in it, but for what functions and classes in it have."""
    todo: list[ast.AST] = [*function.body]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            todo += ast.iter_child_nodes(node)
