"""The way of what a call gives to a concatenation of channels, in one function."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from ..facts.facts import Facts
from ..facts.values import Object, Unknown, Values
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source
from .elementwise import Step, changes_nothing, step_after
from .feed import Feed
from .flow import CATS, is_of_channels
from .gathered import gathered

_LISTS: Final = ("builtins.list", "builtins.tuple")


class Path:
    """Follows what a call gives to a concatenation, in one function.

    Args:
        source: the source.
        facts: what may happen in it.
    """

    def __init__(self, source: Source, facts: Facts) -> None:
        self._source = source
        self._facts = facts

    def feed(self, call: ast.Call) -> Feed | None:
        """Where what a call gives goes."""
        steps: list[Step] = []
        passed: list[tuple[ast.Name, ast.Name]] = []
        last: ast.expr = call
        while True:
            step = step_after(self._source, self._facts, last)
            if step is not None:
                steps.append(step)
                last = step.call
                continue
            variable = self._passed(last)
            if variable is None:
                break
            passed.append(variable)
            last = variable[1]
        return self._placed(call, last, tuple(steps), tuple(passed))

    def _passed(self, value: ast.expr) -> tuple[ast.Name, ast.Name] | None:
        """The variable that only hands a value to an elementwise layer."""
        match self._source.parent(value):
            case ast.Assign(targets=[ast.Name() as target]):
                reads = self._reads(value, target)
                if reads is None or len(reads) != 1 or not self._is_only(reads[0], value):
                    return None
                step = step_after(self._source, self._facts, reads[0])
                return (target, reads[0]) if step is not None else None
        return None

    def _placed(
        self,
        call: ast.Call,
        last: ast.expr,
        steps: tuple[Step, ...],
        passed: tuple[tuple[ast.Name, ast.Name], ...],
    ) -> Feed | None:
        parent = self._source.parent(last)
        if isinstance(parent, ast.ListComp):
            is_async = any(each.is_async for each in parent.generators)
            if parent.elt is not last or is_async or self._has_comment(parent):
                return None
            cat = self._cat_of_lists(parent)
            return Feed(call, cat, parent, None, steps, passed) if cat is not None else None
        if isinstance(parent, ast.Assign):
            target = parent.targets[0]
            if len(parent.targets) != 1 or not isinstance(target, ast.Name):
                return None
            return self._from_variable(call, last, target, steps, passed)
        found = self._place_of(last)
        return Feed(call, found[1], found[0], None, steps, passed) if found is not None else None

    def _from_variable(
        self,
        call: ast.Call,
        last: ast.expr,
        target: ast.Name,
        steps: tuple[Step, ...],
        passed: tuple[tuple[ast.Name, ast.Name], ...],
    ) -> Feed | None:
        """Where a variable that is given a value goes: one of the places that read it."""
        reads = self._reads(last, target)
        for read in reads or ():
            found = self._place_of(read) if self._is_only(read, last) else None
            if found is None:
                continue
            others = [each for each in reads or () if each is not read]
            taken = [each for each in others if self._is_taken(each, last)]
            wholes = [each for each in others if each not in taken]
            if not all(changes_nothing(self._source, self._facts, each) for each in wholes):
                return None
            statement = self._source.statement(target)
            if wholes and not self._source.has_own_lines(statement):
                return None
            return Feed(
                *(call, found[1], found[0], target, steps, passed, bool(wholes), tuple(taken))
            )
        return None

    def _is_taken(self, read: ast.Name, value: ast.expr) -> bool:
        """Whether a concatenation takes a value there directly, and so can take its parts."""
        found = self._place_of(read) if self._is_only(read, value) else None
        return found is not None and found[0] is read

    # --- places ------------------------------------------------------------------------------

    def _place_of(self, node: ast.expr) -> tuple[ast.expr, ast.Call] | None:
        """What puts an expression among what a concatenation takes, and that."""
        source, parent = self._source, self._source.parent(node)
        match parent:
            case ast.Call(func=ast.Attribute(value=ast.Name() as listed, attr="append"), args=[_]):
                is_statement = isinstance(source.parent(parent), ast.Expr)
                cat = self._cat_of_lists(listed) or self._cat_of_gathered(listed)
                if cat is None or not is_statement or self._has_comment(parent):
                    return None
                return parent, cat
            case ast.Tuple() | ast.List():
                call = source.parent(parent)
                if isinstance(call, ast.Call) and call.args[:1] == [parent]:
                    is_free = self._is_of_channels(call) and _may_be_starred(source, node)
                    return (node, call) if is_free else None
        return None

    def _has_comment(self, node: ast.expr) -> bool:
        return "#" in self._source.code(node)  # it would be lost

    def _cat_of_lists(self, node: ast.expr) -> ast.Call | None:
        """The concatenation that the lists are there for, alone, which an expression may be."""
        facts, lists = self._facts, self._facts.values(node)
        if not lists or not all(isinstance(x, Object) and x.kind in _LISTS for x in lists):
            return None
        users = {use.node for x in lists for use in facts.uses(x) if use.name != "append"}
        (cat,) = users if len(users) == 1 else (None,)
        if not isinstance(cat, ast.Call) or not self._source.has(cat):
            return None
        is_held = any(any(facts.heap.holders(each)) for each in lists)
        if is_held or not self._is_of_channels(cat) or facts.values(cat.args[0]) != lists:
            return None
        return cat

    def _cat_of_gathered(self, listed: ast.Name) -> ast.Call | None:
        """The concatenation of a list whose items are read too."""
        found = gathered(self._source, self._facts, listed)
        return found.cat if found is not None and self._is_of_channels(found.cat) else None

    def _is_of_channels(self, cat: ast.Call) -> bool:
        """Whether a call concatenates along dimension 1."""
        paths = {getattr(each, "path", "") for each in self._facts.values(cat.func)}
        is_all = bool(cat.args) and len(cat.args) + len(cat.keywords) == 2
        return is_all and bool(paths) and paths <= CATS and is_of_channels(cat)

    # --- variables ---------------------------------------------------------------------------

    def _reads(self, value: ast.expr, target: ast.Name) -> list[ast.Name] | None:
        """Where a local variable is read that may have a value; None where that is not known."""
        source, facts = self._source, self._facts
        found = source.scope(target).lookup(target.id)
        if found is None or not isinstance(found[0].node, FUNCTIONS):
            return None
        given = facts.values(value)
        names = source.names(found[0].node, target.id)
        is_changed = any(
            isinstance(each.ctx, ast.Del) or isinstance(source.parent(each), ast.AugAssign)
            for each in names
        )
        if is_changed or target.id in found[0].module.nonlocals:
            return None
        if self._is_given_elsewhere(names, target, value):
            return None
        reads = [each for each in names if not isinstance(each.ctx, ast.Store)]
        return [each for each in reads if self._may_be(each, given)]

    def _may_be(self, node: ast.expr, given: Values) -> bool:
        """Whether an expression may have one of some values."""
        values = self._facts.values(node)
        if any(isinstance(each, Unknown) for each in values):
            return True
        return not self._facts.meant(values).isdisjoint(given)

    def _is_given_elsewhere(
        self, names: Iterable[ast.Name], target: ast.Name, value: ast.expr
    ) -> bool:
        """Whether a variable may be given the same value by another statement."""
        given = self._facts.values(value)
        for each in names:
            if each is target or not isinstance(each.ctx, ast.Store):
                continue
            statement = self._source.parent(each)
            if not isinstance(statement, ast.Assign):
                return True
            is_new = isinstance(statement.value, (ast.BinOp, ast.Constant))
            if not is_new and self._may_be(statement.value, given):
                return True
        return False

    def _is_only(self, read: ast.Name, value: ast.expr) -> bool:
        """Whether a variable has a value surely where it is read."""
        return self._facts.values(read) <= self._facts.values(value)


def _may_be_starred(source: Source, node: ast.expr) -> bool:
    """Whether a star may stand before one of several expressions: it is not in parentheses."""
    start, end = source.span(node)
    before, after = source.text[:start].rstrip(), source.text[end:].lstrip()
    return not (before.endswith("(") and after.startswith(")"))
