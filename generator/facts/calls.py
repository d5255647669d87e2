"""What calls do: functions of the project are interpreted, torch is known, others are not."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from .. import torch_api
from . import builtins
from .arguments import AnyFunction, Arguments, bound, defaults, parameters
from .classes import Class
from .containers import Containers
from .frames import Frame
from .modules import Modules
from .tensors import Tensors
from .values import (
    ANYTHING,
    NOTHING,
    STRANGE,
    Bound,
    ClassValue,
    Constant,
    Context,
    External,
    Function,
    Instance,
    Object,
    Parameter,
    Partial,
    Size,
    Super,
    Tensor,
    Value,
    Values,
)
from .worklist import Unit

if TYPE_CHECKING:
    from .interpreter import Interpreter
    from .project import Module

_DEEPEST: Final = 4
"""How many calls of plain functions lead to a place before they are no longer told apart."""
_MOST_CONTEXTS: Final = 24
"""In how many contexts a function is interpreted before they are no longer told apart."""
_LARGEST: Final = 150
"""How many nodes a function has whose calls are told apart."""


_LEFT_OUT: Final = (Constant, Tensor, Size, Parameter)
"""What a function that anybody may call with anything is not interpreted with one by one."""


class Calls:
    """Interprets calls.

    Attributes:
        is_last_pass: whether what nobody has stored counts as unknown, no more as not yet known.
        asked_about: the modules whose large functions are interpreted where no module calls them.
        classes: those that are defined, each with the frame around it.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.tensors = Tensors(interpreter)
        self.containers = Containers(interpreter)
        self.modules = Modules(interpreter)
        self.asked_about: set[Module] = set()
        self.is_last_pass = False
        self.classes: dict[Class, Frame] = {}
        self._cells: dict[tuple[AnyFunction, Instance | None], dict[str, Values]] = {}
        self._results: dict[tuple[AnyFunction, Instance | None], Values] = {}
        self._contexts: dict[AnyFunction, set[Context]] = {}
        self._frames: dict[tuple[Function, Instance | None, Context], Frame] = {}
        self._running: list[tuple[AnyFunction, Instance | None]] = []
        self._sizes: dict[AnyFunction, int] = {}
        self._memo: dict[tuple[object, ...], Values] = {}

    # --- what is there -----------------------------------------------------------------------

    def defined_class(self, cls: Class, frame: Frame) -> None:
        """Note that there is a class, and where its body stands."""
        self.classes[cls] = frame

    def frame_of_class(self, cls: Class) -> Frame:
        """The frame around a class."""
        return self.classes[cls]

    def anybody_may_call(self, function: Function, owner: Instance | None = None) -> None:
        """Note that what is not known may call a function."""
        owner = owner if function.owner is not None else None
        unit = Unit(function, owner)
        self.interpreter.worklist.add(unit, lambda: self._interpret_openly(function, owner))

    def nothing_yet(self) -> Values:
        """What is not there: not yet, or unknown in the end."""
        if self.is_last_pass:
            return ANYTHING
        self.interpreter.worklist.read("nothing yet")
        return NOTHING

    def finish(self) -> None:
        """Have what was not there count as unknown."""
        self.is_last_pass = True
        self.interpreter.worklist.grew("nothing yet")

    # --- calls -------------------------------------------------------------------------------

    def call(
        self,
        callee: Value,
        arguments: Arguments,
        node: ast.AST,
        frame: Frame,
        step: object = None,
    ) -> Values:
        """What calling something gives."""
        match callee:
            case Function():
                return self.run(callee, arguments, node, frame)
            case ClassValue(cls=cls):
                return self._instantiate(cls, arguments, node, frame)
            case External(path=path):
                return builtins.call(self.interpreter, path, arguments, node, frame)
            case Instance() | Object():
                return self.modules.apply(callee, arguments, node, frame, step)
            case Bound(receiver=receiver, name=name, function=function):
                if function is not None:
                    inner = arguments.behind(frozenset((receiver,)))
                    return self.run(function, inner, node, frame)
                return self._method(receiver, name, arguments, node, frame)
            case Partial(function=function):
                return self._partial(callee, function, arguments, node, frame)
        self._give_away(arguments, node, frame)
        return frozenset((self.interpreter.made_at(node, STRANGE, frame),))

    def any_of(self, callees: Values, arguments: Arguments, node: ast.AST, frame: Frame) -> Values:
        """What calling one of many gives."""
        found = NOTHING
        for each in callees:
            if isinstance(each, Function):
                found |= self._merged(each, None, arguments)
            else:
                found |= self.call(each, arguments, node, frame)
        return found

    def _give_away(self, arguments: Arguments, node: ast.AST, frame: Frame, name: str = "") -> None:
        for values in arguments.all():
            self.interpreter.escape(values, node, frame, name)

    def _partial(
        self, value: Partial, function: Value, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        before = self.containers.partials[value]
        named = {**before.named, **given.named}
        both = Arguments(
            (*before.positional, *given.positional),
            named,
            before.rest | given.rest,
            before.is_open or given.is_open,
        )
        return self.call(function, both, node, frame)

    def _method(
        self, receiver: Value, name: str, arguments: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """A method that no code of the project defines."""
        interpreter = self.interpreter
        interpreter.use((receiver,), "method", node, frame, name=name)
        if isinstance(receiver, Constant):
            return ANYTHING
        if interpreter.heap.is_container(receiver):
            found = self.containers.method(receiver, name, arguments, node, frame)
            if found is not None:
                return found
        if isinstance(receiver, (Tensor, Parameter)):
            return self.tensors.method(receiver, name, arguments, node, frame)
        if isinstance(receiver, (Instance, Object, Super, ClassValue)):
            return self.modules.method(receiver, name, arguments, node, frame)
        if isinstance(receiver, Bound):
            return self._of_part(receiver, name, arguments, node, frame)
        self._give_away(arguments, node, frame, name)
        return frozenset((interpreter.made_at(node, STRANGE, frame),))

    def _of_part(
        self, receiver: Bound, name: str, arguments: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """A method of an attribute, such as ``conv.weight.data.normal_()``."""
        root: Value = receiver
        path = name
        while isinstance(root, Bound):
            path = f"{root.name}.{path}"
            root = root.receiver
        self.interpreter.use((root,), "method", node, frame, name=path)
        if name not in torch_api.METHODS:
            self._give_away(arguments, node, frame, name)
        return ANYTHING

    # --- functions of the project ------------------------------------------------------------

    def run(self, function: Function, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """Interpret a function where it is called."""
        interpreter = self.interpreter
        code = function.node
        receiver = next(iter(given.positional), NOTHING)
        owner = next((each for each in receiver if isinstance(each, Instance)), None)
        owner = owner if function.owner is not None else frame.owner
        for values in given.all():
            interpreter.use(values, "argument", node, frame, by=function)
        if function.owner is not None and owner is not None and self._is_entry(function, owner):
            return self._merged(function, owner, given)
        context = (*frame.context, node)
        contexts = self._contexts.setdefault(code, set())
        is_large = self._size(code) > _LARGEST and not isinstance(code, ast.Lambda)
        if is_large and owner is None and function.frame.module not in self.asked_about:
            self._give_away(given, node, frame, getattr(code, "name", ""))
            return ANYTHING
        if (code, owner) in self._running or len(context) > _DEEPEST or is_large:
            return self._merged(function, owner, given)
        if context not in contexts:
            if len(contexts) >= _MOST_CONTEXTS:
                return self._merged(function, owner, given)
            contexts.add(context)
        key = function, context, owner, frame.turns, given.key
        found = self._memo.get(key)
        if found is None:
            found = self._interpret(function, owner, self._bind(function, given, frame), context)
            self._memo[key] = found
        return found

    def _size(self, code: AnyFunction) -> int:
        """How many nodes a function has."""
        if code not in self._sizes:
            self._sizes[code] = sum(1 for _ in ast.walk(code))
        return self._sizes[code]

    def _is_entry(self, function: Function, owner: Instance) -> bool:
        """Whether a method is interpreted once for a class, and not where it is called."""
        name = getattr(function.node, "name", "")
        if name not in ("__init__", "forward", "__call__"):
            return False
        definition = owner.cls.definition(name)
        return definition is not None and definition.statement is function.node

    def _merged(self, function: Function, owner: Instance | None, given: Arguments) -> Values:
        """What a function gives whoever calls it; it is interpreted once for all of them."""
        key = function.node, owner
        self.anybody_may_call(function, owner)
        cell = self._cells.setdefault(key, {})
        found = bound(function.node, given)
        for name, given_values in found.by_name.items():
            values: Values = frozenset(
                each for each in given_values if not isinstance(each, _LEFT_OUT)
            )
            before = cell.get(name, NOTHING)
            if not values <= before:
                cell[name] = before | values
                self.interpreter.worklist.grew(("cell", key))
        for values in (*found.extra, *found.extra_named.values()):
            for each in values:
                self.interpreter.escape((each,), function.node, self._frame(function, owner, ()))
        return self.result(function.node, owner)

    def _interpret_openly(self, function: Function, owner: Instance | None) -> None:
        """Interpret a function for whoever may call it, with anything."""
        interpreter = self.interpreter
        self._memo.clear()
        key = function.node, owner
        given: dict[str, Values] = {}
        interpreter.worklist.read(("cell", key))
        cell = self._cells.get(key, {})
        default = defaults(function.node)
        for place, name in enumerate(parameters(function.node)):
            if place == 0 and owner is not None and function.owner is not None:
                given[name] = frozenset((owner,))
                continue
            values = cell.get(name, NOTHING) | {interpreter.intern(Parameter, function.node, name)}
            if name in default:
                values |= interpreter.ev(default[name], function.frame)
            given[name] = values
        self._stars(function, given, {}, (), ANYTHING)
        result = self._interpret(function, owner, given, ())
        if not result <= self._results.get(key, NOTHING):
            self._results[key] = self._results.get(key, NOTHING) | result
            interpreter.worklist.grew(("result", key))

    def result(self, function: AnyFunction, owner: Instance | None) -> Values:
        """What a function gives that is interpreted for whoever may call it."""
        self.interpreter.worklist.read(("result", (function, owner)))
        return self._results.get((function, owner), NOTHING) or self.nothing_yet()

    def _bind(self, function: Function, given: Arguments, frame: Frame) -> dict[str, Values]:
        interpreter, code = self.interpreter, function.node
        found = bound(code, given)
        env = dict(found.by_name)
        default = defaults(code)
        for name in parameters(code):
            if name in default and (name not in env or given.is_open):
                env[name] = env.get(name, NOTHING) | interpreter.ev(default[name], function.frame)
            env.setdefault(name, ANYTHING)
        self._stars(function, env, found.extra_named, found.extra, found.rest)
        return env

    def _stars(
        self,
        function: Function,
        env: dict[str, Values],
        named: dict[str, Values] | object,
        extra: tuple[Values, ...],
        rest: Values,
    ) -> None:
        """Give ``*args`` and ``**kwargs`` what is left for them."""
        interpreter, given = self.interpreter, function.node.args
        heap = interpreter.heap
        frame = self._frame(function, None, (function.node,))
        if given.vararg is not None:
            made = interpreter.container(given.vararg, "builtins.tuple", frame)
            for place, values in enumerate(extra):
                heap.put(made, place, values)
            if rest:
                heap.put(made, "rest", rest, many=True)
            env[given.vararg.arg] = frozenset((made,))
        if given.kwarg is not None:
            made = interpreter.container(given.kwarg, "builtins.dict", frame)
            assert isinstance(named, dict)
            for name, values in named.items():
                heap.put(made, name, values, name)
            if rest:
                heap.put(made, "rest", rest, many=True)
            env[given.kwarg.arg] = frozenset((made,))

    def _frame(self, function: Function, owner: Instance | None, context: Context) -> Frame:
        key = function, owner, context
        if key not in self._frames:
            module, parent = function.frame.module, function.frame
            made = Frame(function.node, module, parent, context, owner, function.owner)
            self._frames[key] = made
        return self._frames[key]

    def _interpret(
        self,
        function: Function,
        owner: Instance | None,
        given: dict[str, Values],
        context: Context,
    ) -> Values:
        frame = self._frame(function, owner, context)
        frame.env = {}
        for name, values in given.items():
            frame.bind(name, values)
        code = function.node
        self._running.append((code, owner))
        try:
            if isinstance(code, ast.Lambda):
                return self.interpreter.ev(code.body, frame)
            frame.outer = _outer_names(code)
            if self.interpreter.block(code.body, frame):
                frame.returned |= self.interpreter.constant(None)
        finally:
            self._running.pop()
        return frame.returned

    def wanted(self, value: Instance, with_all: bool = False) -> None:
        """Have the constructor and the forward of a class interpreted, or all of its methods."""
        for name in ("__init__", "forward", *(value.cls.methods() if with_all else ())):
            function = self.method_of(value.cls, name)
            if function is not None:
                self.anybody_may_call(function, value)

    def method_of(self, cls: Class, name: str) -> Function | None:
        """A method of a class, perhaps an inherited one."""
        definition = cls.definition(name)
        statement = definition.statement if definition is not None else None
        if definition is None or not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
        around = self.frame_of_class(definition.cls)
        made = self.interpreter.intern(Function, statement, around, definition.cls)
        assert isinstance(made, Function)
        return made

    # --- classes of the project --------------------------------------------------------------

    def _instantiate(self, cls: Class, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        interpreter = self.interpreter
        value = interpreter.intern(Instance, cls)
        assert isinstance(value, Instance)
        self.wanted(value)
        function = self.method_of(cls, "__init__")
        if function is not None:
            inner = given.behind(frozenset((value,)))
            for values in given.all():
                interpreter.use(values, "argument", node, frame, by=function)
            self._merged(function, value, inner)
        else:
            self.modules.construct(value, given, node, frame)
        return frozenset((value,))


def _outer_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    found = (each for each in ast.walk(function) if isinstance(each, (ast.Global, ast.Nonlocal)))
    return frozenset(name for each in found for name in each.names)
