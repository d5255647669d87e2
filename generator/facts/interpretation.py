"""Interprets modules, and those that are added to them, within a budget."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Final

from .engine import Engine
from .interpreter import GaveUp, Interpreter
from .project import Module, Project
from .values import Function, Instance
from .worklist import Unit

_BUDGET: Final = 300_000
"""How many expressions may be interpreted."""
_BUDGET_OF_OTHERS: Final = 100_000
"""How many more for other modules."""


class Interpretation:
    """What some modules do, and what they use of their project, interpreted to the end.

    Attributes:
        modules: those that are asked about.
        project: what they may import.
        is_complete: whether all was interpreted; if not, nothing is known.

    Args:
        modules: those that are asked about, all that they define.
        project: what they may import.
    """

    def __init__(self, modules: Sequence[Module], project: Project) -> None:
        self.modules = [*modules]
        self.project = project
        self._of_interest: dict[Module, Callable[[ast.stmt], bool]] = {}
        self._begin()

    def _begin(self) -> None:
        self._engine = Engine(self.project)
        self.is_complete = self._interpret(self.modules, _BUDGET)
        if not self.is_complete:
            self._engine = Engine(self.project)  # half would be taken for the whole

    def add(self, modules: Mapping[Module, Callable[[ast.stmt], bool]]) -> bool:
        """Have what others do count too; whether that was not too much to interpret.

        Args:
            modules: the others, and which of their functions and classes are of interest by
                themselves, be they not used by those that are.
        """
        if not self.is_complete:
            return False
        self._of_interest.update(modules)
        is_done = self._interpret([*modules], _BUDGET_OF_OTHERS)
        if is_done:
            self.modules += modules
        else:
            self._of_interest = {}
            self._begin()
        return is_done

    def _interpret(self, modules: Sequence[Module], budget: int) -> bool:
        """Interpret some more modules; whether that was not too much."""
        for each in [*vars(self)]:
            if isinstance(getattr(type(self), each, None), cached_property):
                delattr(self, each)  # which was worked out from less
        self._interpreter.budget = self._interpreter.evaluations + budget
        try:
            self._interpret_all(modules)
        except (GaveUp, RecursionError):
            return False
        return True

    def _interpret_all(self, modules: Sequence[Module]) -> None:
        interpreter = self._interpreter
        interpreter.is_last_pass = False
        self._engine.functions.asked_about.update(modules)
        self._engine.lookups.run.update(modules)
        for each in modules:
            interpreter.worklist.add(Unit(each), partial(self._body, each))
        interpreter.worklist.run()
        for instance in self._instances(modules):
            self._engine.functions.rest(instance)
        interpreter.worklist.run()
        interpreter.finish()
        interpreter.worklist.run()
        interpreter.heap.settle()

    def _body(self, module: Module) -> None:
        """Interpret the body of a module, and have all that it defines interpreted."""
        interpreter = self._interpreter
        frame = self._engine.lookups.module_frame(module)
        frame.start(None, ())
        body = (each for each in module.tree.body if self._is_run(module, each))
        interpreter.block(body, frame)
        for name, statements in module.bindings.items():
            if not any(self._is_run(module, each) for each in statements):
                continue
            for value in self._engine.lookups.of_module(module, name):
                if isinstance(value, Function) and value.frame is frame:
                    if self._is_asked_for(module, value.node):
                        self._engine.functions.anybody_may_call(value)
        for instance in self._instances((module,)):
            self._engine.functions.wanted(instance)

    def _is_run(self, module: Module, node: ast.AST) -> bool:
        """Whether a statement of a module is interpreted, be the name that it binds used or not."""
        match node:
            case ast.Assign(targets=[ast.Name()]) | ast.AnnAssign(target=ast.Name()):
                return self._is_asked_for(module, node)
            case ast.Import() | ast.ImportFrom():
                return False
        return True

    def _is_asked_for(self, module: Module, node: ast.AST) -> bool:
        """Whether a statement of a module is of interest, be it not used by those that are."""
        matters = self._of_interest.get(module)
        return matters is None or not isinstance(node, ast.stmt) or matters(node)

    def _instances(self, modules: Sequence[Module]) -> Iterator[Instance]:
        """The instances of the classes of some modules."""
        for cls in [*self._interpreter.classes.values()]:
            if cls.module in modules and self._is_asked_for(cls.module, cls.node):
                instance = self._interpreter.intern(Instance, cls)
                assert isinstance(instance, Instance)
                yield instance

    @property
    def _interpreter(self) -> Interpreter:
        return self._engine.interpreter
