"""The abstract interpreter: what it knows, and which function interprets what kind of node."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import Final

from .. import torch_api
from .arguments import AnyFunction, Arguments
from .assignment import Assignment
from .attributes import Attributes
from .builtins import Builtins
from .by_name import ByName
from .calls import Calls
from .classes import Class
from .containers import Containers
from .definitions import Definitions
from .displays import Displays
from .expressions import Expressions
from .frames import Frame
from .functions import Functions
from .heap import Around, Heap, Slot, Use, UseKind
from .lookups import Lookups
from .loops import Loops
from .modules import Modules
from .new_containers import NewContainers
from .project import Project
from .statements import Statements
from .tensors import Tensors
from .values import (
    ANYTHING,
    NOTHING,
    STRANGE,
    Bound,
    ClassValue,
    Constant,
    External,
    Function,
    Instance,
    Interned,
    Object,
    Tensor,
    Value,
    Values,
)
from .walks import Walks
from .worklist import Worklist

_MOST_VALUES: Final = 24
"""How many values an expression may have for them to be told apart."""
_GROWING: Final = ("list", "dict", "set", "deque", "OrderedDict", "defaultdict")


class GaveUp(Exception):
    """The interpretation takes too long; nothing is known."""


class Interpreter:
    """Interprets functions, and notes what each expression may be and who uses what it is.

    Attributes:
        at: what each expression may be, in any context.
        loose: where an attribute of what is not known is read, called or set, by its name; ``*``
            where the name is not known either.
        given: what each module of torch is constructed with.
        copies: what may be a copy of an object.
        is_last_pass: whether what nobody has stored counts as unknown, no more as not yet known.
        evaluations: how many expressions have been interpreted.
        budget: how many may be.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.worklist = Worklist()
        self.heap = Heap(self.worklist, self.opened)
        self.intern = Interned()
        self.at: dict[ast.AST, Values] = {}
        self.loose: dict[str, dict[ast.Attribute, None]] = {}
        self.given: dict[Value, Arguments] = {}
        self.copies: dict[Value, dict[Value, None]] = {}
        self.is_last_pass = False
        self._constants: dict[tuple[type, str], Values] = {}
        self.evaluations = 0
        self.budget = 0
        self._born: dict[Value, tuple[tuple[Around, ...], tuple[ast.AST, ...]]] = {}
        self._made_nodes: dict[tuple[ast.AST, str], ast.Attribute] = {}
        self.lookups = Lookups(self)
        self.definitions = Definitions(self)
        self.attributes = Attributes(self)
        self.assignment = Assignment(self)
        self.calls = Calls(self)
        self.functions = Functions(self)
        self.builtins = Builtins(self)
        self.containers = Containers(self)
        self.new_containers = NewContainers(self)
        self.modules = Modules(self)
        self.tensors = Tensors(self)
        self.walks = Walks(self)
        self.by_name = ByName(self)
        self.loops = Loops(self)
        self._expressions: dict[type[ast.expr], Callable[..., Values]] = {
            **Expressions(self).table,
            **Displays(self).table,
        }
        self._statements: dict[type[ast.stmt], Callable[..., bool]] = {
            **Statements(self).table,
            **self.loops.table,
        }

    # --- nodes -------------------------------------------------------------------------------

    def ev(self, node: ast.expr, frame: Frame) -> Values:
        """What an expression may be."""
        self.evaluations += 1
        if self.evaluations > self.budget:
            raise GaveUp
        visit = self._expressions.get(type(node), self._unknown)
        values = visit(node, frame)
        values = self.widened(values, node, frame)
        self.note(node, values)
        return values

    def note(self, node: ast.AST, values: Values) -> None:
        """Note that a node may be something, in one context."""
        before = self.at.get(node)
        if before is not values:
            self.at[node] = values if before is None else before | values

    def widened(
        self,
        values: Values,
        node: ast.AST,
        frame: Frame,
        step: object = None,
        most: int = _MOST_VALUES,
    ) -> Values:
        """The same, or if they are too many, what stands for them: they are tensors or escape."""
        if len(values) <= most:
            return values
        tensors = frozenset(each for each in values if isinstance(each, Tensor))
        self.escape(values - tensors, node, frame, "any of many")
        if not tensors:
            return ANYTHING
        one = self.tensors.any_of(tensors, node, frame, step)
        return one if tensors == values else one | ANYTHING

    def _unknown(self, node: ast.AST, frame: Frame) -> Values:
        """An expression of a kind that is not known: it is handed all that is in it."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.escape(self.ev(child, frame), node, frame)
        return ANYTHING

    def block(self, body: Iterable[ast.stmt], frame: Frame) -> bool:
        """Interpret statements; whether what follows them is reached."""
        return all(self.statement(each, frame) for each in body)

    def statement(self, node: ast.stmt, frame: Frame) -> bool:
        """Interpret one."""
        visit = self._statements.get(type(node))
        if visit is not None:
            return visit(node, frame)
        self._unknown(node, frame)
        return True

    # --- what values are made ----------------------------------------------------------------

    def constant(self, value: object) -> Values:
        """A constant, or anything where it is not one of the kinds that are told apart."""
        if value is None or isinstance(value, (int, float, complex, str, bytes, bool)):
            key = type(value), value if isinstance(value, str) else repr(value)  # 1 == True
            found = self._constants.get(key)
            if found is None:
                found = self._constants[key] = frozenset((Constant(value),))
            return found
        return ANYTHING

    def external(self, path: str) -> Value:
        """What lies outside of the project at a path."""
        return self.intern(External, torch_api.canonical(path))

    def made_at(self, site: ast.AST, kind: str, frame: Frame) -> Object:
        """What is made at a place."""
        made = self.intern(Object, site, kind, frame.context, frame.owner)
        assert isinstance(made, Object)
        return made

    def of_class(self, cls: Class) -> Values:
        """A class of the project."""
        return frozenset((self.intern(ClassValue, cls),))

    def strange(self, site: ast.AST, frame: Frame) -> Values:
        """What code that is not known has given."""
        return frozenset((self.made_at(site, STRANGE, frame),))

    def container(self, site: ast.AST, kind: str, frame: Frame) -> Object:
        """A container that is made at a place."""
        made = self.made_at(site, kind, frame)
        self.born(made, frame)
        return made

    def born(self, value: Value, frame: Frame) -> None:
        """Note that something has items, and where it begins to have them."""
        self.heap.rewind(value)
        self._born.setdefault(value, (frame.path, frame.left))

    def put(self, value: Value, key: Hashable, slot: Slot, frame: Frame) -> None:
        """Put something into a container that may have been made elsewhere: perhaps, or often."""
        path, left = self._born.get(value, ((), ()))
        common = 0
        for one, other in zip(path, frame.path, strict=False):
            if one != other:
                break
            common += 1
        inside = frame.path[common:]
        inside += tuple(Around(each, False) for each in frame.left[len(left) :])
        many = slot.many or any(each.repeats for each in inside)
        is_optional = slot.is_optional or bool(inside)
        is_optional = is_optional or any(each.repeats for each in path[common:])
        if inside and isinstance(inside[0].node, AnyFunction):  # in which order to others?
            self.heap.loosen(value)
        path = (*inside, *slot.path)
        self.heap.put(value, key, replace(slot, many=many, is_optional=is_optional, path=path))

    def nothing_yet(self) -> Values:
        """What is not there: not yet, or unknown in the end."""
        if self.is_last_pass:
            return ANYTHING
        self.worklist.wait()
        return NOTHING

    def finish(self) -> None:
        """Have what was not there count as unknown."""
        self.is_last_pass = True
        self.worklist.stop_waiting()

    # --- what is done with them --------------------------------------------------------------

    def use(
        self,
        values: Iterable[Value],
        kind: UseKind,
        node: ast.AST,
        frame: Frame,
        *,
        name: str = "",
        by: Value | None = None,
        result: Value | None = None,
    ) -> None:
        """Note that something is done with each of some values."""
        use = Use(kind, node, name, by, result)
        for value in values:
            self.heap.use(value, use, frame.context)

    def escape(self, values: Iterable[Value], node: ast.AST, frame: Frame, name: str = "") -> None:
        """Note that values are handed to what is not known, with all that they hold."""
        self.use(values, "escape", node, frame, name=name)

    def opened(self, value: Value) -> None:
        """Note what code that is not known may do with a value: call it, or fill it."""
        match value:
            case Function():
                self.functions.anybody_may_call(value)
            case Bound(receiver=Instance() as receiver, function=Function() as function):
                self.functions.anybody_may_call(function, receiver)
            case Object(kind=kind) if kind.startswith(("builtins.", "collections.")):
                if kind.rpartition(".")[2] in _GROWING:
                    self.heap.put(value, "others", Slot(ANYTHING, many=True, is_optional=True))
                    self.heap.loosen(value)

    def noted(self, node: ast.AST, name: str) -> None:
        """Note that an attribute of what is not known is read or set."""
        attribute = node if isinstance(node, ast.Attribute) else self.attribute_node(node, name)
        self.loose.setdefault(name, {})[attribute] = None

    def attribute_node(self, node: ast.AST, name: str) -> ast.Attribute:
        """A node that stands for an attribute that is read or set without one, by ``getattr``."""
        key = node, name
        if key not in self._made_nodes:
            made = ast.Attribute(ast.Name("_", ast.Load()), name, ast.Load())
            self._made_nodes[key] = ast.fix_missing_locations(ast.copy_location(made, node))
        return self._made_nodes[key]

    def items(self, values: Values, node: ast.AST, frame: Frame) -> list[Slot]:
        """What iterating over something gives: the keys, of a dict."""
        return self.containers.iterated(values, node, frame)
