"""What names stand for: variables, what modules bind, imports and builtins."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from functools import partial

from .definitions import Definitions
from .frames import Frame, everything
from .heap import Slot
from .interpreter import Interpreter
from .project import Module, filling
from .values import (
    ANYTHING,
    NOTHING,
    ModuleValue,
    Object,
    Size,
    Value,
    Values,
)
from .worklist import Unit


@dataclass(eq=False)
class Lookups:
    """Resolves names.

    Attributes:
        run: the modules all of whose statements are interpreted.
    """

    interpreter: Interpreter
    definitions: Definitions

    def __post_init__(self) -> None:
        self._frames: dict[Module, Frame] = {}
        self._starring: set[tuple[Module, str]] = set()
        self._resolved: set[tuple[Value, str]] = set()
        self.run: set[Module] = set()

    def module_frame(self, module: Module) -> Frame:
        """The frame of the body of a module."""
        if module not in self._frames:
            self._frames[module] = self._new_frame(module)
        return self._frames[module]

    def _new_frame(self, module: Module) -> Frame:
        holder = self._holder(module)
        return Frame(module.tree, module, None, self.interpreter.worklist, holder=holder)

    def _holder(self, module: Module) -> ModuleValue:
        holder = self.interpreter.intern(ModuleValue, module)
        assert isinstance(holder, ModuleValue)
        return holder

    def name(self, name: str, frame: Frame) -> Values:
        """What a name may stand for."""
        is_rebound = frame.parent is None and name in frame.module.rebound
        if name in frame.of_module or is_rebound:
            return self.of_module(frame.module, name)
        if name not in frame.outer:
            found = frame.env.get(name)
            if found is not None:
                return found
        return everything(frame, name) or self.of_module(frame.module, name)

    def bind(self, name: str, values: Values, frame: Frame) -> None:
        """Assign to a name."""
        if name in frame.of_module:
            self.interpreter.heap.store(self._holder(frame.module), name, lasting(values))
        elif name in frame.outer:
            self._bind_outside(name, lasting(values), frame.parent)
        else:
            frame.bind(name, values)
            if frame.holder is not None:
                self.interpreter.heap.store(frame.holder, name, values)

    def _bind_outside(self, name: str, values: Values, frame: Frame | None) -> None:
        """Assign to a variable of a function around; to all that it may be of."""
        while frame is not None and frame.parent is not None:
            is_there = name in frame.every
            frame.widen(name, values)
            if is_there:
                frame.env[name] = frame.every[name]
                return
            frame = frame.parent

    # --- modules -----------------------------------------------------------------------------

    def of_module(self, module: Module, name: str) -> Values:
        """What a name in a module may be; of none that it binds, the builtin."""
        found = self.bound_in(module, name)
        is_builtin = hasattr(builtins, name) or not found  # a star may bind it or not
        if name in module.bindings or not is_builtin:
            return found
        return found | {self.interpreter.external(f"builtins.{name}")}

    def bound_in(self, module: Module, name: str) -> Values:
        """What a module binds a name to; nothing if it does not, or not yet."""
        holder = self._holder(module)
        if name in module.bindings and (holder, name) not in self._resolved:
            self._resolved.add((holder, name))
            unit = Unit((holder, name))
            self.interpreter.worklist.demand(unit, lambda: self._resolve(module, name))
        found = self.interpreter.heap.attribute(holder, name)
        if name in module.rebound:
            found |= ANYTHING
        if "*" not in module.bindings or (module, name) in self._starring:
            return found
        lines = (getattr(each, "lineno", 0) for each in module.bindings.get(name, ()))
        bound = min(lines, default=0)  # what stands behind that may bind it anew
        self._starring.add((module, name))  # for modules that import each other's names
        for each in module.bindings["*"]:
            assert isinstance(each, ast.ImportFrom)
            if each.lineno > bound:
                found |= self._starred(each, name, module)
        self._starring.discard((module, name))
        return found

    def given_by(self, module: Module, name: str) -> Values:
        """What another module gets for a name of this one."""
        if name in module.bindings:
            return self.bound_in(module, name)
        found = self.bound_in(module, name)
        if found or not module.is_package:
            return found or ANYTHING
        inner = self.interpreter.project.module(module.absolute(1, name))
        return ANYTHING if inner is None else frozenset((self._holder(inner),))

    def _resolve(self, module: Module, name: str) -> None:
        """Interpret the statements that bind a name of a module."""
        for each in module.bindings[name]:
            self._bind_by(each, name, module)

    def _bind_by(self, node: ast.AST, name: str, module: Module) -> None:
        interpreter, holder = self.interpreter, self._holder(module)
        frame = self._new_frame(module)
        shared = self.module_frame(module)
        values = ANYTHING
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            values = self.imported(node, name, module)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            values = self.definitions.function(node, shared)
        elif isinstance(node, ast.ClassDef):
            values = self.definitions.class_of(node, shared)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            frame.path = shared.path
            interpreter.statement(node, frame)
            values = self._open(frame.every.get(name, NOTHING))
        interpreter.heap.store(holder, name, values)
        is_open = module not in self.run and any(map(interpreter.heap.is_container, values))
        if is_open:
            for each in filling(module, name):
                interpreter.worklist.demand(Unit(each), partial(self._fill, each, module))

    def _fill(self, node: ast.stmt, module: Module) -> None:
        """Interpret a statement of a module by which one of its containers may be given more."""
        shared = self.module_frame(module)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.definitions.function(node, shared)
        elif isinstance(node, ast.ClassDef):
            self.definitions.class_of(node, shared)
        else:
            self.interpreter.statement(node, self._new_frame(module))

    def _open(self, values: Values) -> Values:
        """What a module makes: other code may put more into it, if it can hold more."""
        heap = self.interpreter.heap
        for each in values:
            if isinstance(each, Object) and heap.is_container(each):
                if each.kind != "builtins.tuple":
                    heap.put(each, "others", Slot(ANYTHING, many=True, is_optional=True))
        return values

    def _starred(self, node: ast.ImportFrom, name: str, module: Module) -> Values:
        """What a star import may bind a name to."""
        path = module.absolute(node.level, node.module)
        imported = self.interpreter.project.module(path, None if node.level else module)
        if imported is None:
            return NOTHING if path.startswith("typing") else ANYTHING
        return self.bound_in(imported, name)

    # --- imports -----------------------------------------------------------------------------

    def imported(self, node: ast.Import | ast.ImportFrom, name: str, module: Module) -> Values:
        """What an import binds a name to."""
        found = NOTHING
        for alias in node.names:
            if isinstance(node, ast.Import):
                if (alias.asname or alias.name.partition(".")[0]) == name:
                    found |= self._module_at(alias.name if alias.asname else name, module)
            elif (alias.asname or alias.name) == name:
                found |= self._imported_from(node, alias.name, module)
        return found

    def _imported_from(self, node: ast.ImportFrom, name: str, module: Module) -> Values:
        project = self.interpreter.project
        importer = None if node.level else module
        path = module.absolute(node.level, node.module)
        imported = project.module(path, importer)
        if imported is not None and imported is not module:
            return self.given_by(imported, name)
        inside = module.absolute(node.level, f"{node.module}.{name}" if node.module else name)
        inner = project.module(inside, importer)
        if inner is not None:
            return frozenset((self._holder(inner),))
        if node.level or imported is not None:
            return ANYTHING
        return frozenset((self.interpreter.external(f"{path}.{name}"),))

    def _module_at(self, path: str, importer: Module) -> Values:
        """The module at a dotted path."""
        module = self.interpreter.project.module(path, importer)
        if module is not None:
            return frozenset((self._holder(module),))
        return frozenset((self.interpreter.external(path),))


def lasting(values: Values) -> Values:
    """What values are where they are kept for later: a size is then that of another tensor."""
    sizes = frozenset(each for each in values if isinstance(each, Size))
    return values - sizes | ANYTHING if sizes else values
