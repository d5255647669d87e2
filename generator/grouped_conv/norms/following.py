"""Find the module that is applied to the output of a convolution, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...reading.scopes import FUNCTIONS
from ...reading.source import Source
from ..reads import binds, reads_after, reads_in

IsModule: TypeAlias = Callable[[ast.expr], bool]
Form: TypeAlias = Literal["nested", "next", "if", "choice", "flow"]


@dataclass(frozen=True)
class Following:
    """A call ``self.norm(...)`` of what a convolution gives, which nothing else makes use of.

    Attributes:
        call: of the convolution.
        norm: the call that follows.
        form: ``"nested"``, the one in the other; ``"next"``, in the next statement; ``"if"``, at
            the start of the body of an ``if`` that is the next statement; ``"choice"``, in the
            body of a conditional expression, which gives else the same unchanged; ``"flow"``,
            wherever the flow of tensors shows it.
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
    def alternative(self) -> list[ast.stmt]:
        """The statements that are run where it is not applied."""
        return self.guard.orelse if isinstance(self.guard, ast.If) else []

    @property
    def condition(self) -> ast.expr | None:
        """On what it depends whether the norm is applied, besides its being there."""
        if self.guard is None:
            return None
        test = self.guard.test
        match test:
            case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(None)]):
                test = left
        return None if ast.dump(test) == ast.dump(self.norm.func) else self.guard.test


def find_following(source: Source, call: ast.Call, is_module: IsModule) -> Following | None:
    """The module that is applied to the result of a call, and nothing else.

    Args:
        source: where that is.
        call: of a convolution.
        is_module: tells what is called for a module that may be meant.
    """
    parent = source.parent(call)
    if isinstance(parent, ast.Call) and _applies(is_module, parent, call):
        return Following(call, parent, "nested")
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1:
        return None
    target = parent.targets[0]
    if not isinstance(target, ast.Name) or parent.value is not call:
        return None
    function = source.scope(parent).node
    if not isinstance(function, FUNCTIONS) or target.id in source.scope(parent).module.nonlocals:
        return None
    if any(isinstance(each, ast.Try) and each.handlers for each in source.ancestors(parent)):
        return None  # where the norm raises, what the convolution gives is gone on with
    block = source.block(parent)
    following = block[block.index(parent) + 1 :][:1]
    if not following:
        return None
    return _in_statement(source, is_module, call, target.id, following[0])


def _in_statement(
    source: Source, is_module: IsModule, call: ast.Call, name: str, statement: ast.stmt
) -> Following | None:
    guard = None
    if isinstance(statement, ast.If):
        guard, statement = statement, statement.body[0]
        if reads_in(guard.test, name) or not binds(statement, name):
            return None
        if any(isinstance(each, ast.If) for each in guard.orelse[:1]):  # maybe an elif
            return None
    if not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr)):
        return None
    reads = list(reads_in(statement, name))
    applied = [each for each in reads if _applies(is_module, source.parent(each), each)]
    if len(applied) != 1 or not (
        binds(statement, name) or reads_after(source, statement, name) == []
    ):
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


def _applies(is_module: IsModule, call: ast.AST, value: ast.expr) -> bool:
    """Whether a call is one of a module with a value for its only argument."""
    match call:
        case ast.Call(func=function, args=[given], keywords=[]):
            return given is value and is_module(function)
    return False
