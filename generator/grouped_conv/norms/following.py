"""What is done with the output of a convolution: whether only one module is applied to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...classes import ClassIndex
from ...scopes import FUNCTIONS
from ...source import Source

Form: TypeAlias = Literal["nested", "next", "if", "choice"]


@dataclass(frozen=True)
class Following:
    """A call ``self.norm(...)`` of what a convolution gives, which nothing else makes use of.

    Attributes:
        call: of the convolution.
        norm: the call that follows.
        form: ``"nested"``, the one in the other; ``"next"``, in the next statement; ``"if"``, at
            the start of the body of an ``if`` that is the next statement; ``"choice"``, in the
            body of a conditional expression, which gives else the same unchanged.
        output: the variable between them; empty where there is none.
        guard: the ``if`` or the conditional expression.
    """

    call: ast.Call
    norm: ast.Call
    form: Form
    output: str = ""
    guard: ast.If | ast.IfExp | None = None

    @property
    def attribute(self) -> str:
        """The attribute of self that follows."""
        assert isinstance(self.norm.func, ast.Attribute)
        return self.norm.func.attr

    @property
    def may_be_skipped(self) -> bool:
        """Whether a norm that is there may yet not be applied."""
        if self.guard is None:
            return False
        test = self.guard.test
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.IsNot):
            test = test.left
        return ast.dump(test) != ast.dump(self.norm.func)


def find_following(index: ClassIndex, call: ast.Call) -> Following | None:
    """The module of self that is applied to the result of a call, and nothing else."""
    source = index.source
    parent = source.parent(call)
    if isinstance(parent, ast.Call) and _applies(index, parent, call):
        return Following(call, parent, "nested")
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1:
        return None
    target = parent.targets[0]
    if not isinstance(target, ast.Name) or parent.value is not call:
        return None
    function = source.scope(parent).node
    if not isinstance(function, FUNCTIONS) or target.id in source.scope(parent).module.nonlocals:
        return None
    following = _next_statement(source, parent)
    return _in_statement(index, call, target.id, following) if following is not None else None


def norms_nearby(index: ClassIndex, call: ast.Call) -> Iterator[ast.Call]:
    """The calls ``self.norm(...)`` of what a call gives, though they are not all that is done."""
    source = index.source
    statement = source.parent(call)
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]):
            pass
        case _:
            return
    following = _next_statement(source, statement)
    while following is not None:
        for each in _reads(following, name):
            parent = source.parent(each)
            if isinstance(parent, ast.Call) and _applies(index, parent, each):
                yield parent
        following = None if _binds(following, name) else _next_statement(source, following)


def _in_statement(
    index: ClassIndex, call: ast.Call, name: str, statement: ast.stmt
) -> Following | None:
    source = index.source
    guard = None
    if isinstance(statement, ast.If):
        guard, statement = statement, statement.body[0]
        if _reads(guard.test, name) or not _binds(statement, name):
            return None
        if any(isinstance(each, ast.If) for each in guard.orelse[:1]):  # maybe an elif
            return None
    if not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr)):
        return None
    reads = list(_reads(statement, name))
    applied = [each for each in reads if _applies(index, source.parent(each), each)]
    if len(applied) != 1 or not (_binds(statement, name) or _is_last(source, statement, name)):
        return None
    norm = source.parent(applied[0])
    assert isinstance(norm, ast.Call)
    if guard is not None:
        return Following(call, norm, "if", name, guard) if len(reads) == 1 else None
    if len(reads) == 1:
        return Following(call, norm, "next", name)
    choice = next((each for each in source.ancestors(norm) if isinstance(each, ast.IfExp)), None)
    if choice is None or len(reads) != 2 or choice.orelse not in reads:
        return None
    return Following(call, norm, "choice", name, choice)


def _applies(index: ClassIndex, call: ast.AST, value: ast.expr) -> bool:
    """Whether a call is one of an attribute of self with a value for its only argument."""
    match call:
        case ast.Call(func=ast.Attribute(value=instance), args=[given], keywords=[]):
            return given is value and index.self_class(instance) is not None
    return False


def _next_statement(source: Source, statement: ast.stmt) -> ast.stmt | None:
    parent = source.parent(statement)
    for _, block in ast.iter_fields(parent):
        if isinstance(block, list) and statement in block[:-1]:
            following = block[block.index(statement) + 1]
            assert isinstance(following, ast.stmt)
            return following
    return None


def _reads(node: ast.AST, name: str) -> list[ast.Name]:
    return [
        each
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Load)
    ]


def _binds(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name(id=target)]):
            return target == name
    return False


def _is_last(source: Source, statement: ast.stmt, name: str) -> bool:
    """Whether a variable is never read after a statement, before it is given another value."""
    function = source.scope(statement).node
    end = source.span(statement).end
    if len(_reads(function, name)) == len(_reads(statement, name)):
        return True
    around = list(source.ancestors(statement))
    loops = [each for each in around[: around.index(function)] if isinstance(each, _LOOPS)]
    if loops:
        return False
    uses = sorted(_uses_after(source, function, name, end), key=source.span)
    block = source.parent(statement)
    for each in uses:
        if isinstance(each.ctx, ast.Load):
            return False
        owner = source.statement(each)
        if source.parent(owner) is block and _binds(owner, name):
            return not _reads(owner, name)
    return True


_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def _uses_after(source: Source, function: ast.AST, name: str, end: int) -> Iterator[ast.Name]:
    for each in ast.walk(function):
        if isinstance(each, ast.Name) and each.id == name and source.span(each).start >= end:
            yield each
