"""Calls of the functions of a project: where they are called, or once for whoever calls them."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

from ..reading.parts import parts, walk
from .arguments import AnyFunction, Arguments, Signature
from .classes import decorators
from .frames import Frame
from .heap import CACHE, Around, Slot
from .interpreter import Interpreter
from .lookups import lasting
from .project import Module
from .values import (
    ANYTHING,
    NOTHING,
    Bound,
    ClassValue,
    Constant,
    Context,
    Function,
    Instance,
    Object,
    Parameter,
    Size,
    Tensor,
    Value,
    Values,
)
from .worklist import Unit

_DEEPEST: Final = 4
"""How many calls of plain functions lead to a place before they are no longer told apart."""
_MOST_CONTEXTS: Final = 24
"""In how many contexts a function is interpreted before they are no longer told apart."""
_LARGEST: Final = 100
"""How many nodes a function has whose calls are told apart."""
_GROWING: Final = ("list", "dict", "set", "deque", "OrderedDict", "defaultdict")
_LEFT_OUT: Final = (Constant, Tensor, Size, Parameter)
"""What a function that anybody may call with anything is not interpreted with one by one."""
_ENTRIES: Final = ("__init__", "forward", "__call__")
"""The methods that are interpreted once for a class, and not where they are called."""


@dataclass(eq=False)
class Functions:
    """Interprets calls of functions.

    Attributes:
        asked_about: the modules whose large functions are interpreted where no module calls them.
    """

    interpreter: Interpreter

    def __post_init__(self) -> None:
        self.interpreter.heap.opened = self.opened
        self.asked_about: set[Module] = set()
        self._cells: dict[tuple[Function, Instance | None], dict[str, Values]] = {}
        self._results: dict[tuple[Function, Instance | None], Values] = {}
        self._contexts: dict[AnyFunction, set[Context]] = {}
        self._frames: dict[tuple[Function, Instance | None, Context], Frame] = {}
        self._running: list[tuple[AnyFunction, Instance | None]] = []
        self._called: set[tuple[AnyFunction, Instance | None]] = set()

    # --- where it is called ------------------------------------------------------------------

    def run(self, function: Function, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """Interpret a function where it is called."""
        receiver = next(iter(given.positional), NOTHING) if function.owner is not None else NOTHING
        if len(receiver) < 2:
            return self._run(function, receiver, given, node, frame)
        found = NOTHING
        for each in receiver:
            first = frozenset((each,))
            one = given.without_first().behind(first)
            found |= self._run(function, first, one, node, frame)
        return found

    def _run(
        self, function: Function, receiver: Values, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        interpreter, code = self.interpreter, function.node
        owner = next((each for each in receiver if isinstance(each, Instance)), None)
        owner = owner if function.owner is not None else frame.owner
        for values in given.all():
            interpreter.use(values, "argument", node, frame, by=function)
        about = _about(code, function.frame.module)
        is_large = about.is_large and not isinstance(code, ast.Lambda)
        if is_large and owner is None and function.frame.module not in self.asked_about:
            for values in given.all():
                interpreter.escape(values, node, frame, getattr(code, "name", ""))
            return interpreter.strange(node, frame)
        context = (*frame.context, node)
        is_merged = is_large or len(context) > _DEEPEST or (code, owner) in self._running
        if about.is_kept:  # by what gives it to others too
            again = self.merged(function, owner, given)
            interpreter.escape(again, node, frame, CACHE)
            return again
        if is_merged or self._is_entry(function, owner):
            return self.merged(function, owner, given)
        contexts = self._contexts.setdefault(code, set())
        if context not in contexts:
            if len(contexts) >= _MOST_CONTEXTS:
                return self.merged(function, owner, given)
            contexts.add(context)
        key = function, context, owner, frame.turns, frame.path, given.key
        memo: dict[Hashable, Values] = interpreter.worklist.memo
        found = memo.get(key)
        if found is None:
            inner = self._frame(function, owner, context)
            env = self._bind(function, given, inner)
            found = memo[key] = self._interpret(inner, env, frame, ())
        return found

    def _is_entry(self, function: Function, owner: Instance | None) -> bool:
        """Whether a method is interpreted once for a class, and not where it is called."""
        name = getattr(function.node, "name", "")
        if owner is None or function.owner is None or name not in _ENTRIES:
            return False
        return function in self.interpreter.of_class_body(owner.cls, name)

    def _bind(self, function: Function, given: Arguments, frame: Frame) -> dict[str, Values]:
        code, signature = function.node, _about(function.node, function.frame.module).signature
        found = signature.bound(given)
        env = dict(found.by_name)
        for name in signature.names:
            if name in signature.defaults and (name not in env or given.is_open):
                kept = self.interpreter.heap.attribute(function, name)
                env[name] = env.get(name, NOTHING) | kept
            env.setdefault(name, ANYTHING)
        self._stars(code, env, found.extra_named, map(Slot, found.extra), found.rest, frame)
        return env

    def _stars(
        self,
        code: AnyFunction,
        env: dict[str, Values],
        named: Mapping[str, Values],
        extra: Iterable[Slot],
        rest: Values,
        frame: Frame,
    ) -> None:
        """Give ``*args`` and ``**kwargs`` what is left for them."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        others = Slot(rest, many=True, is_optional=True)
        if code.args.vararg is not None:
            made = interpreter.container(code.args.vararg, "builtins.tuple", frame)
            heap.rewind(made)
            for place, slot in enumerate(extra):
                heap.put(made, place, slot)
            if rest:
                heap.put(made, "rest", others)
            env[code.args.vararg.arg] = frozenset((made,))
        if code.args.kwarg is not None:
            made = interpreter.container(code.args.kwarg, "builtins.dict", frame)
            for name, values in named.items():
                heap.put(made, name, Slot(values, name))
            if rest:
                heap.put(made, "rest", others)
            env[code.args.kwarg.arg] = frozenset((made,))

    def _frame(self, function: Function, owner: Instance | None, context: Context) -> Frame:
        key = function, owner, context
        if key not in self._frames:
            parent, worklist = function.frame, self.interpreter.worklist
            assert isinstance(parent, Frame)
            made = Frame(function.node, parent.module, parent, worklist, context, owner)
            made.cls = function.owner
            about = _about(function.node, function.frame.module)
            made.outer, made.of_module = about.outer, about.of_module
            self._frames[key] = made
        return self._frames[key]

    def _interpret(
        self,
        frame: Frame,
        given: Mapping[str, Values],
        caller: Frame | None,
        path: tuple[Around, ...],
    ) -> Values:
        """Interpret the body of a function."""
        code, owner = frame.node, frame.owner
        assert isinstance(code, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        frame.start(caller, path)
        for name, values in given.items():
            frame.bind(name, values)
        self._called.add((code, owner))
        self._running.append((code, owner))
        if isinstance(code, ast.Lambda):
            frame.returned = self.interpreter.ev(code.body, frame)
            if not frame.context:
                self.interpreter.use(frame.returned, "return", code, frame)
        elif self.interpreter.block(code.body, frame):
            frame.returned |= self.interpreter.constant(None)
        self._running.pop()
        is_generator = _about(code, frame.module).is_generator
        return self._generated(code, frame) if is_generator else frame.returned

    def _generated(self, code: AnyFunction, frame: Frame) -> Values:
        """What a generator gives: a list of what it yields, in whichever order."""
        made = self.interpreter.container(code, "builtins.list", frame)
        self.interpreter.heap.put(made, "any", Slot(frame.yielded, many=True, is_optional=True))
        self.interpreter.heap.loosen(made)
        return frozenset((made,))

    # --- for whoever calls it ----------------------------------------------------------------

    def anybody_may_call(self, function: Function, owner: Instance | None = None) -> None:
        """Note that what is not known may call a function."""
        owner = owner if function.owner is not None else None
        unit = Unit(function, owner)
        self.interpreter.worklist.add(unit, lambda: self._interpret_openly(function, owner))

    def opened(self, value: Value) -> None:
        """Note what code that is not known may do with a value: call it, or fill it."""
        match value:
            case Function():
                self.anybody_may_call(value)
            case Bound(receiver=Instance() as receiver, function=Function() as function):
                self.anybody_may_call(function, receiver)
            case Object(kind=kind) if kind.startswith(("builtins.", "collections.")):
                if kind.rpartition(".")[2] in _GROWING:
                    others = Slot(ANYTHING, many=True, is_optional=True)
                    self.interpreter.heap.put(value, "others", others)
                    self.interpreter.heap.loosen(value)

    def merged(self, function: Function, owner: Instance | None, given: Arguments) -> Values:
        """What a function gives whoever calls it; it is interpreted once for all of them."""
        interpreter = self.interpreter
        owner = owner if function.owner is not None else None
        key = function, owner
        self._called.add((function.node, owner))
        cell = self._cells.setdefault(key, {})
        found = _about(function.node, function.frame.module).signature.bound(given)
        handed = {**found.by_name, "*": found.rest}
        handed |= {f"*{place}": values for place, values in enumerate(found.extra)}
        handed |= {f"**{name}": values for name, values in found.extra_named.items()}
        for name, given_values in handed.items():
            before = cell.get(name, NOTHING)
            if given_values <= before:
                continue
            values: Values = frozenset(
                each for each in given_values if not isinstance(each, _LEFT_OUT)
            )
            if name.startswith("**") and len(values) < len(given_values):
                values |= ANYTHING
            if not values <= before:
                cell[name] = before | values
                interpreter.worklist.grew(("cell", key))
        unit = Unit(function, owner)
        if getattr(function.node, "name", "") == "__init__" and owner is not None:
            self.anybody_may_call(function, owner)
            return interpreter.constant(None)
        interpreter.worklist.read(("result", key))
        interpreter.worklist.demand(unit, lambda: self._interpret_openly(function, owner))
        return self._results.get(key, NOTHING) or interpreter.nothing_yet()

    def _interpret_openly(self, function: Function, owner: Instance | None) -> None:
        """Interpret a function for whoever may call it, with anything."""
        interpreter = self.interpreter
        key = function, owner
        interpreter.worklist.read(("cell", key))
        frame = self._frame(function, owner, ())
        name = getattr(function.node, "name", "")
        once = name == "__init__" and owner is not None
        path = () if once else (Around(function.node, True),)
        result = self._interpret(frame, self._open_parameters(function, owner, frame), None, path)
        result = lasting(result)
        if not result <= self._results.get(key, NOTHING):
            self._results[key] = self._results.get(key, NOTHING) | result
            interpreter.worklist.grew(("result", key))

    def _open_parameters(
        self, function: Function, owner: Instance | None, frame: Frame
    ) -> dict[str, Values]:
        """What the parameters of a function may be, whoever calls it."""
        interpreter = self.interpreter
        cell = self._cells.get((function, owner), {})
        kinds = decorators(function.node)
        given: dict[str, Values] = {}
        for place, name in enumerate(_about(function.node, function.frame.module).signature.names):
            if place == 0 and owner is not None and "staticmethod" not in kinds:
                is_class = "classmethod" in kinds
                first: Value = interpreter.intern(ClassValue, owner.cls) if is_class else owner
                given[name] = frozenset((first,))
                continue
            parameter = interpreter.intern(Parameter, function.node, name)
            kept = interpreter.heap.attribute(function, name)
            given[name] = cell.get(name, NOTHING) | kept | {parameter}
        named = {name[2:]: values for name, values in cell.items() if name.startswith("**")}
        count = max((int(each[1:]) + 1 for each in cell if each[1:].isdigit()), default=0)
        behind = (cell.get(f"*{place}", NOTHING) | ANYTHING for place in range(count))
        extra = [Slot(each, is_optional=True) for each in behind]
        self._stars(function.node, given, named, extra, ANYTHING | cell.get("*", NOTHING), frame)
        return given

    # --- methods -----------------------------------------------------------------------------

    def wanted(self, value: Instance) -> None:
        """Have what Python or anybody may call of a class interpreted.

        A method with an underscore counts as called by the class alone; see ``rest``.
        """
        for name in value.cls.functions:
            is_special = name.startswith("__") and name.endswith("__")
            if is_special or not name.startswith("_"):
                self.want(value, name)

    def used(self, value: Instance) -> None:
        """Have interpreted what Python calls of a class by itself."""
        for name in value.cls.functions:
            if name == "forward" or (name.startswith("__") and name.endswith("__")):
                self.want(value, name)

    def rest(self, value: Instance) -> None:
        """Have the methods of a class interpreted that nothing calls."""
        for name in value.cls.functions:
            self.want(value, name, only_new=True)

    def want(self, value: Instance, name: str, only_new: bool = False) -> None:
        """Have a method of a class interpreted for whoever calls it."""
        of_body = self.interpreter.of_class_body
        found = of_body(value.cls, name)
        for kind in ("setter", "deleter"):
            found |= of_body(value.cls, f"{name}.{kind}")
        for each in found:
            if isinstance(each, Function):
                if not only_new or (each.node, value) not in self._called:
                    self.anybody_may_call(each, value)


class _About:
    """What is seen of a function at a glance.

    Attributes:
        outer: the names that it declares ``nonlocal``.
        of_module: the names that it declares ``global``.
        is_generator: whether it yields.
        signature: its parameters.
        is_kept: whether a decorator such as ``functools.cache`` keeps what it gives for all calls.
    """

    def __init__(self, code: AnyFunction) -> None:
        own = [*_own_nodes(code)]
        self.signature = Signature(code)
        self._code = code
        self.outer = _declared(own, ast.Nonlocal)
        self.of_module = _declared(own, ast.Global)
        self.is_generator = any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in own)
        self.is_kept = any("cache" in each for each in decorators(code))

    @cached_property
    def is_large(self) -> bool:
        """Whether it has so many nodes that its calls are not told apart."""
        return any(islice(walk(self._code), _LARGEST, None))


def _about(code: AnyFunction, module: Module) -> _About:
    """What is seen of a function, kept with its module for the next who interprets that."""
    found: _About | None = module.kept.get(code)
    if found is None:
        found = module.kept[code] = _About(code)
    return found


def _declared(nodes: list[ast.AST], kind: type[ast.Global | ast.Nonlocal]) -> frozenset[str]:
    return frozenset(name for each in nodes if isinstance(each, kind) for name in each.names)


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, but for those of the functions and classes in it."""
    todo = parts(node)
    for each in todo:
        yield each
        if not isinstance(each, (AnyFunction, ast.ClassDef)):
            todo += parts(each)
