"""What statements do, but for loops."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..reading.parts import walk
from .arguments import Arguments
from .assignment import Assignment
from .attributes import Attributes
from .definitions import Definitions
from .frames import Env, Frame, joined
from .functions import Functions
from .heap import Around, union
from .interpreter import Interpreter
from .lookups import Lookups
from .narrowing import narrowed, truth_of
from .values import ANYTHING, NOTHING, External, Instance, Object, Value, Values


@dataclass(eq=False)
class Statements:
    """One function for each kind of statement; each says whether what follows is reached."""

    interpreter: Interpreter
    assignment: Assignment
    attributes: Attributes
    definitions: Definitions
    functions: Functions
    lookups: Lookups

    def __post_init__(self) -> None:
        self.interpreter.statements.update(
            {
                ast.Expr: self._expression,
                ast.Return: self._return,
                ast.Raise: self._raise,
                ast.Assert: self._assert,
                ast.Pass: self._pass,
                ast.Global: self._pass,
                ast.Nonlocal: self._pass,
                ast.Break: self._break,
                ast.Continue: self._continue,
                ast.Assign: self._assign,
                ast.AnnAssign: self._annotated,
                ast.AugAssign: self._augmented,
                ast.Delete: self._delete,
                ast.If: self._if,
                ast.With: self._with,
                ast.AsyncWith: self._with,
                ast.Try: self._try,
                getattr(ast, "TryStar", ast.Try): self._try,
                ast.Match: self._match,
                ast.FunctionDef: self._function,
                ast.AsyncFunctionDef: self._function,
                ast.ClassDef: self._class,
                ast.Import: self._import,
                ast.ImportFrom: self._import,
            }
        )

    def _expression(self, node: ast.Expr, frame: Frame) -> bool:
        self.interpreter.ev(node.value, frame)
        return True

    def _return(self, node: ast.Return, frame: Frame) -> bool:
        interpreter = self.interpreter
        values = interpreter.constant(None)
        if node.value is not None:
            values = interpreter.ev(node.value, frame)
        frame.returned |= values
        self._leave(node, frame)
        if not frame.context:
            interpreter.use(values, "return", node, frame)
            for each in values:
                self.functions.opened(each)
        return False

    def _leave(self, node: ast.stmt, frame: Frame) -> None:
        """Note that what follows may not be run, where it is not sure that this is."""
        if node not in frame.left:
            frame.left = (*frame.left, node)

    def _raise(self, node: ast.Raise, frame: Frame) -> bool:
        for each in (node.exc, node.cause):
            if each is not None:
                self.interpreter.escape(self.interpreter.ev(each, frame), node, frame)
        return False

    def _assert(self, node: ast.Assert, frame: Frame) -> bool:
        truth_of(self.interpreter, node.test, frame)
        if node.msg is not None:
            self.interpreter.ev(node.msg, frame)
        frame.env = narrowed(self.interpreter, node.test, frame.env, True)
        return True

    def _pass(self, node: ast.stmt, frame: Frame) -> bool:
        return True

    def _break(self, node: ast.Break, frame: Frame) -> bool:
        frame.breaks.append(dict(frame.env))
        self._leave(node, frame)
        return False

    def _continue(self, node: ast.Continue, frame: Frame) -> bool:
        frame.continues.append(dict(frame.env))
        self._leave(node, frame)
        return False

    def _assign(self, node: ast.Assign, frame: Frame) -> bool:
        values = self.interpreter.ev(node.value, frame)
        for target in node.targets:
            self.assignment.assign(target, values, frame)
        return True

    def _annotated(self, node: ast.AnnAssign, frame: Frame) -> bool:
        if node.value is not None:
            values = self.interpreter.ev(node.value, frame)
            self.assignment.assign(node.target, values, frame)
        return True

    def _augmented(self, node: ast.AugAssign, frame: Frame) -> bool:
        self.assignment.augmented(node, frame)
        return True

    def _delete(self, node: ast.Delete, frame: Frame) -> bool:
        interpreter = self.interpreter
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                interpreter.ev(target.slice, frame)
                for value in interpreter.ev(target.value, frame):
                    interpreter.use((value,), "write", target, frame, name="[]")
                    interpreter.heap.loosen(value)
            elif isinstance(target, ast.Attribute):
                receivers = interpreter.ev(target.value, frame)
                self.attributes.store(target, receivers, NOTHING, frame)
        return True

    # --- branches ----------------------------------------------------------------------------

    def _if(self, node: ast.If, frame: Frame) -> bool:
        interpreter = self.interpreter
        truth = truth_of(interpreter, node.test, frame)
        if truth is not None:
            return interpreter.block(node.body if truth else node.orelse, frame)
        before, path = frame.env, frame.path
        ends: list[Env] = []
        frame.path = (*path, Around(node, False))
        for body, holds in ((node.body, True), (node.orelse, False)):
            frame.env = narrowed(interpreter, node.test, before, holds)
            if interpreter.block(body, frame):
                ends.append(frame.env)
        frame.path = path
        if ends:
            frame.env = joined(ends)
        return bool(ends)

    def _with(self, node: ast.With | ast.AsyncWith, frame: Frame) -> bool:
        interpreter = self.interpreter
        swallows = False
        for item in node.items:
            values = interpreter.ev(item.context_expr, frame)
            given = union([self._entered(each, item.context_expr, frame) for each in values])
            swallows = swallows or not all(map(_is_torch, values))
            if item.optional_vars is not None:
                self.assignment.assign(item.optional_vars, given, frame)
        before = dict(frame.env)
        is_reached = interpreter.block(node.body, frame)
        if swallows:  # an exception of the body
            frame.env = joined([frame.env, self._thrown(before, node.body, frame)])
        return is_reached or swallows

    def _entered(self, value: Value, node: ast.expr, frame: Frame) -> Values:
        """What ``with`` gives for its name."""
        interpreter = self.interpreter
        if isinstance(value, Instance):
            special, given = interpreter.special, Arguments((ANYTHING, ANYTHING, ANYTHING))
            special(value, "__exit__", given, node, frame)
            return special(value, "__enter__", Arguments(), node, frame)
        interpreter.escape((value,), node, frame, "with")
        is_generated = interpreter.heap.is_container(value)  # by a context manager of contextlib
        return ANYTHING | (interpreter.heap.item(value, None) if is_generated else NOTHING)

    def _try(self, node: ast.Try, frame: Frame) -> bool:
        interpreter = self.interpreter
        before, path = dict(frame.env), frame.path
        ends: list[Env] = []
        frame.path = (*path, Around(node, False))
        if interpreter.block(node.body, frame) and interpreter.block(node.orelse, frame):
            ends.append(frame.env)
        thrown = self._thrown(joined([before, frame.env]), [*node.body, *node.orelse], frame)
        for handler in node.handlers:
            frame.env = dict(thrown)
            if handler.type is not None:
                interpreter.ev(handler.type, frame)
            if handler.name is not None:
                self.lookups.bind(handler.name, ANYTHING, frame)
            if interpreter.block(handler.body, frame):
                ends.append(frame.env)
            thrown = self._thrown(joined([thrown, frame.env]), handler.body, frame)
        frame.path = path
        if not node.finalbody:
            frame.env = joined(ends or [thrown])
            return bool(ends)
        frame.env = joined([*ends, thrown])
        return interpreter.block(node.finalbody, frame) and bool(ends)

    def _thrown(self, env: Env, body: list[ast.stmt], frame: Frame) -> Env:
        """The variables where anything of some statements may have raised."""
        result = dict(env)
        for statement in body:
            for each in walk(statement):
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                    if each.id in frame.every:
                        result[each.id] = result.get(each.id, NOTHING) | frame.every[each.id]
        return result

    def _match(self, node: ast.Match, frame: Frame) -> bool:
        interpreter = self.interpreter
        interpreter.escape(interpreter.ev(node.subject, frame), node, frame)
        before, path = frame.env, frame.path
        ends: list[Env] = [before]
        frame.path = (*path, Around(node, False))
        for case in node.cases:
            frame.env = dict(before)
            for each in walk(case.pattern):
                name = getattr(each, "name", None) or getattr(each, "rest", None)
                if isinstance(name, str):
                    self.lookups.bind(name, ANYTHING, frame)
            if case.guard is not None:
                truth_of(interpreter, case.guard, frame)
            if interpreter.block(case.body, frame):
                ends.append(frame.env)
        frame.env, frame.path = joined(ends), path
        return True

    # --- definitions -------------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> bool:
        values = self.definitions.function(node, frame)
        if values:
            self.lookups.bind(node.name, values, frame)
        return True

    def _class(self, node: ast.ClassDef, frame: Frame) -> bool:
        self.lookups.bind(node.name, self.definitions.class_of(node, frame), frame)
        return True

    def _import(self, node: ast.Import | ast.ImportFrom, frame: Frame) -> bool:
        lookups = self.lookups
        for alias in node.names:
            if alias.name == "*":
                continue
            is_from = isinstance(node, ast.ImportFrom)
            name = alias.asname or (alias.name if is_from else alias.name.partition(".")[0])
            lookups.bind(name, lookups.imported(node, name, frame.module), frame)
        return True


def _is_torch(value: object) -> bool:
    """Whether a context is one of torch's, which swallow no exception."""
    return (isinstance(value, External) and value.path.startswith("torch.")) or (
        isinstance(value, Object) and value.kind.startswith("torch.")
    )
