"""Follow a class of a source as an object: where it is called under another name than its own."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from .callees import functions_run
from .classes import Access, ClassIndex
from .convolutions import is_module_of_torch
from .flow import KEEPING_METHODS, TRANSPARENT, Flow, Search, calls_among
from .kept import kept
from .names import meaning
from .scopes import FUNCTIONS, Function

# What may be given a class and does not build an object of it.
_HARMLESS: Final = frozenset(
    (
        *("isinstance", "issubclass", "print", "repr", "setattr", "super", "type"),
        *("bool", "float", "int", "len", "range", "round"),
    )
)


class ClassUses:
    """What a source does with one of its classes.

    Attributes:
        expressions: all that may be the class, or a container that holds it.
        direct: the calls under its own name, or a variable that is nothing else.
        calls: those of other variables, and of what is kept.
        escapes: the calls of what is outside of the source that it is passed to.
    """

    def __init__(self, index: ClassIndex, node: ast.ClassDef) -> None:
        self.index = index
        search = _ClassSearch(Flow(index))
        self.expressions = search.run(_mentions(index).get(node, [])).expressions
        self.escapes = search.escapes
        called = set(calls_among(index.source, self.expressions))
        self.direct = {each for each in called if meaning(index.source, each.func).node is node}
        self.calls = {each for each in called - self.direct if not self._is_in_forward(each)}

    def is_never_object(self, expression: ast.expr) -> bool:
        """Whether an expression that may be the class can be no object of it."""
        return expression not in Search(Flow(self.index)).run(self.calls | self.direct).expressions

    def _is_in_forward(self, call: ast.Call) -> bool:
        """Whether it is of an attribute, under whose name a module is then called, not a class."""
        around = self.index.source.ancestors(call)
        is_forward = any(getattr(each, "name", "") == "forward" for each in around)
        return is_forward and isinstance(call.func, ast.Attribute)


@kept
def uses_of_class(index: ClassIndex, node: ast.ClassDef) -> ClassUses:
    """What a source does with one of its classes."""
    return ClassUses(index, node)


class _ClassSearch(Search):
    """Also follows what is passed to a class that a variable holds, and notes what gets lost."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self.escapes: list[ast.Call] = []

    def _store(self, target: ast.expr) -> None:
        super()._store(target)
        scope = self.source.scope(target)
        if isinstance(target, ast.Name) and isinstance(scope.node, ast.ClassDef):
            self._reach(self._loads_of_attribute(target.id, target))

    def _accesses(self, name: str) -> list[Access]:
        return [*super()._accesses(name), *self.index.other_calls.get(name, [])]

    def _pass_to(
        self, functions: Iterable[Function], node: ast.expr, call: ast.Call, keyword: str | None
    ) -> None:
        known = [*functions] or _held(self.index).get(call.func, [])
        super()._pass_to(known, node, call, keyword)
        is_kept = getattr(call.func, "attr", "") in KEEPING_METHODS
        is_harmless = self._path(call.func) in TRANSPARENT | _HARMLESS
        if not known and not is_kept and not is_harmless and not self._builds_torchs_own(call):
            self.escapes.append(call)

    def _builds_torchs_own(self, call: ast.Call) -> bool:
        """Whether a call is of a module of torch, or of the initialiser of one by super().

        These build no class that they are given: what may be one comes by a star.
        """
        match call.func:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
                owner = self.source.class_around(call)
                relatives = self.index.classes[owner].relatives() if owner is not None else []
                bases = [meaning(self.source, one) for each in relatives for one in each.node.bases]
                return bool(bases) and all(
                    each.kind == "class" or is_module_of_torch(each.path) for each in bases
                )
        return is_module_of_torch(self._path(call.func))


@kept
def _held(index: ClassIndex) -> dict[ast.expr, list[Function]]:
    """What a variable may run that holds a class or a function of the source."""
    found: dict[ast.expr, list[Function]] = {}
    flow = Flow(index)
    for node, mentions in _mentions(index).items():
        functions = [*functions_run(index, node)]
        for each in Search(flow).run(mentions).expressions:
            found.setdefault(each, []).extend(functions)
    return found


@kept
def _mentions(index: ClassIndex) -> dict[ast.ClassDef | Function, list[ast.expr]]:
    """Where each class and function is named."""
    found: dict[ast.ClassDef | Function, list[ast.expr]] = {}
    for each in index.source.nodes:
        node = meaning(index.source, each).node if isinstance(each, ast.Name) else None
        if isinstance(each, ast.Name) and isinstance(node, (ast.ClassDef, *FUNCTIONS)):
            found.setdefault(node, []).append(each)
    return found
