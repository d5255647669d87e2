"""Find each nn.Sequential with a norm, or a padding, next to a convolution that is split."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING

from ...reading.containers import container
from ...reading.flow import Reached
from ...reading.names import meaning
from ...reading.parts import walk
from ..padding import builds_padding
from ..refusal import line_of
from ..weights import Uses
from .additions import ADDING, Additions
from .items import ItemsOf, items_of
from .kinds import TRYING, Kind, kind_of
from .pairs import Pairs

if TYPE_CHECKING:
    from .steps import Steps


@dataclass(frozen=True)
class Sequence:
    """An nn.Sequential in which a norm follows a convolution, or a padding comes before one.

    Attributes:
        node: the call that builds it, or what stands for it where it is added to.
        after: the statement after which it is all there; None for the call.
        code: what stands for it after that statement.
        has_norm: whether a norm may follow a convolution in it.
        has_padding: whether a padding comes before one.
        norms: what may be such norms, as far as they are seen.
        reason: why these stay as they are, if so.
        uses: what else is done with the norms, as far as that may be no obstacle.
    """

    node: ast.expr
    after: ast.stmt | None
    code: str
    has_norm: bool
    has_padding: bool
    norms: tuple[ast.expr, ...] = ()
    reason: str = ""
    uses: Uses = field(default_factory=Uses, compare=False)

    @property
    def place(self) -> ast.AST:
        """What is the same for all convolutions in it."""
        return self.after or self.node


@dataclass(frozen=True)
class Followed:
    """A convolution in an nn.Sequential, and what comes directly behind it.

    Attributes:
        conv: the convolution; None for one that is not seen there.
        norm: what comes behind it; None where that is not seen.
        kind: what that is.
    """

    conv: ast.expr | None
    norm: ast.expr | None
    kind: Kind


def find_sequences(finder: Pairs, site: ast.Call, reached: Reached) -> Iterator[Sequence]:
    """Each nn.Sequential that a convolution gets into beside a norm or a padding."""
    source = finder.source
    search = _Search(finder, site, reached)
    for node in sorted(reached.expressions, key=source.span):
        parent = source.parent(node)
        call = source.parent(parent) if isinstance(parent, ast.Starred) else parent
        found = search.of_call(node, call) if isinstance(call, ast.Call) else None
        if found is not None:
            yield found


class _Search:
    def __init__(self, finder: Pairs, site: ast.Call, reached: Reached) -> None:
        self.finder = finder
        self.index = finder.index
        self.source = finder.source
        self.site = site
        self.reached = reached
        self._additions = Additions(finder.source, finder.directives)

    def of_call(self, node: ast.expr, call: ast.Call) -> Sequence | None:
        """What becomes of an nn.Sequential that a call puts the convolution into."""
        function = call.func
        if self._is_sequential(call):
            return self._of_sequential(call)
        if not isinstance(function, ast.Attribute) or node not in call.args:
            return None
        if function.attr == "__init__" and _is_super(function.value):
            if self._own_sequential(call) is None:
                return None
            items = items_of(self.source, call)
            return self._checked(call, items, self.source.statement(call), self._self(call))
        if function.attr in ADDING and self._receives(function.value):
            added = self._additions.calls(function.value)
            items = ItemsOf(each.args[-1] for each in added)
            return self._added_to(function.value, added, items)
        return None

    def _added_to(
        self, receiver: ast.expr, added: list[ast.Call], items: ItemsOf
    ) -> Sequence | None:
        """What becomes of an nn.Sequential that modules are added to one by one."""
        kinds = [kind_of(self.index, each.args[-1], "") for each in added]
        norms = [each for each, kind in zip(added, kinds, strict=True) if kind.name in TRYING]
        last = norms or added
        statement = self._additions.last_statement(receiver, last[-1])
        statement = self._additions.end_of_series(receiver, added, statement)
        return self._checked(receiver, items, statement, self.source.code(receiver))

    def _of_sequential(self, call: ast.Call) -> Sequence | None:
        """What becomes of an nn.Sequential that a call builds, and more may be added to.

        A call on several lines is left as it is, where it gives its value to one target.
        """
        items = items_of(self.source, call)
        statement = self.source.parent(call)
        match statement:
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target]):
                added = self._additions.calls(target)
                if added:
                    more = [each.args[-1] for each in added]
                    return self._added_to(target, added, ItemsOf((*items, *more)))
                is_long = call.lineno != call.end_lineno
                if is_long and self.source.has_own_lines(statement):
                    return self._checked(call, items, statement, self.source.code(target))
        return self._checked(call, items, None, "")

    def _is_sequential(self, node: ast.AST | None) -> bool:
        return isinstance(node, ast.Call) and self._names_sequential(node.func)

    def _names_sequential(self, function: ast.expr) -> bool:
        return container(meaning(self.source, function).path) == "Sequential"

    def _own_sequential(self, node: ast.AST) -> ast.ClassDef | None:
        """The class around a node, where it is an nn.Sequential."""
        owner = self.source.class_around(node)
        return owner if any(map(self._names_sequential, getattr(owner, "bases", ()))) else None

    def _self(self, node: ast.AST) -> str:
        """The first parameter of the function around a node."""
        function = self.source.function_around(node)
        assert function is not None
        return function.args.args[0].arg

    def _receives(self, receiver: ast.expr) -> bool:
        """Whether what is added to is an nn.Sequential."""
        if isinstance(receiver, ast.Name):
            known = self.source.scope(receiver).only_value(receiver.id)
            if known is not None:
                return self._is_sequential(known[1])
            if self.index.self_class(receiver) is not None:
                return self._own_sequential(receiver) is not None
        elif isinstance(receiver, ast.Attribute):
            return any(
                self._is_sequential(getattr(self.source.parent(each.node), "value", None))
                for each in self.index.accesses(receiver.attr)
                if isinstance(each.node.ctx, ast.Store)
            )
        return False

    def _padded(self, items: ItemsOf) -> list[tuple[ast.expr, ast.expr]]:
        """The paddings directly before the convolution among some items, and the convolution."""
        return [
            (before, one)
            for before, one in self._neighbours(items, -1)
            if before is not None and one is not None and builds_padding(self.index, before)
        ]

    def _followed(self, items: ItemsOf) -> list[Followed]:
        """What may directly follow the convolution; None among the items is all that may be."""
        found = []
        for one, following in self._neighbours(items, 0):
            kind = Kind("unclear")
            if one is not None and following is not None:
                kind = kind_of(self.index, following, "")
            found.append(Followed(one, following, kind))
        if items and items[-1] is None:
            found.append(Followed(None, None, Kind("unclear")))
        return found

    def _neighbours(
        self, items: ItemsOf, first: int
    ) -> Iterator[tuple[ast.expr | None, ast.expr | None]]:
        """The convolution among some items, or what may be it, with the one before or after it."""
        convs = (each for each in (None, *self.reached.expressions) if each in items.places)
        for place in sorted(place for each in convs for place in items.places[each]):
            start = place + first
            if start >= 0 and start + 1 < len(items):
                yield items[start], items[start + 1]

    def _checked(
        self, node: ast.expr, items: ItemsOf, after: ast.stmt | None, code: str
    ) -> Sequence | None:
        followed, padded = self._followed(items), self._padded(items)
        trying = [each for each in followed if each.kind.name in TRYING and not each.kind.reason]
        reasons = [each.kind.reason for each in followed if each.kind.reason]
        norms = tuple(each.norm for each in trying if each.norm is not None)
        found = Sequence(node, after, code, bool(trying), bool(padded), norms)
        if not trying and not padded:
            reason = f"the norm stays after it: {reasons[0]}" if reasons else ""
            return replace(found, reason=reason) if reason else None
        steps = self._steps(followed)
        obstacle = self._obstacle(followed if trying else [], padded, steps)
        if obstacle is None:
            after = self._after_writes(after, steps.uses) if after is not None else None
            return replace(found, after=after, uses=steps.uses)
        what = "the norm stays after" if trying else "the padding stays before"
        reason = f"{what} it: one of them is used directly ({line_of(obstacle)})"
        return replace(found, reason=reason)

    def _after_writes(self, statement: ast.stmt, uses: Uses) -> ast.stmt:
        """The last of the statements right behind one that set weights of the norms."""
        block = self.source.block(statement)
        following = block[block.index(statement) + 1 :]
        writing = takewhile(lambda each: any(one in uses.writes for one in walk(each)), following)
        return [statement, *writing][-1]

    def _steps(self, followed: list[Followed]) -> Steps:
        """The convolutions and norms of an nn.Sequential, as facts show them."""
        from .steps import steps_of  # slow to import

        built = [step for each in followed for step in (each.conv or self.site, each.norm)]
        return steps_of(self.finder.index, self.finder.surroundings.facts, built)

    def _obstacle(
        self,
        followed: list[Followed],
        padded: list[tuple[ast.expr, ast.expr]],
        steps: Steps,
    ) -> ast.expr | None:
        """Where one of some modules of an nn.Sequential is used directly."""
        modules = [(each.conv or self.site, False) for each in followed]
        modules += [(each.norm, True) for each in followed if each.norm is not None]
        modules += [(each, False) for pair in padded for each in pair]
        holding, known = self.finder.holding, steps.is_harmless
        found = (holding.obstacle(each, (), is_norm, known) for each, is_norm in modules)
        return next((each for each in found if each is not None), None)


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super"
