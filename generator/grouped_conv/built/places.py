"""Find the places in a method where an attribute is to be split: each way out passes one."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Final

from ...reading.classes import ClassIndex
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS, Function, Scope
from ...reading.source import Source
from ..norms.kinds import may_be_split
from ..norms.norm_after import Pair
from ..tracing import Tracing
from .conditions import is_built_under_it
from .keeping import Keeping
from .order import is_set_before, needs, sets
from .run_before import ended_by, with_methods
from .whole import Whole

_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)
_TRIES: Final = (ast.Try, *((ast.TryStar,) if hasattr(ast, "TryStar") else ()))


@dataclass(frozen=True)
class Place:
    """Where attributes are split.

    Attributes:
        after: the statement that the split follows.
        before: the nodes that are done with when it comes.
        returns: the statements that leave the method earlier, and that it precedes too.
    """

    after: ast.stmt
    before: frozenset[ast.AST]
    returns: tuple[ast.Return, ...] = ()


class Placing:
    """Finds the places in one source; what it has found is kept."""

    def __init__(self, tracing: Tracing) -> None:
        self.index = tracing.index
        self.source = tracing.index.source
        self.pairs = tracing.pairs
        self.surroundings = tracing.surroundings
        self.directives = tracing.directives
        self._places: dict[tuple[ast.ClassDef, ast.Attribute], Place | None] = {}

    def of_pair(self, pair: Pair, target: ast.Attribute) -> Place | None:
        """Where a convolution, which an attribute is given, and the norm after it are split.

        Each method that gives one of both, such as the constructor of a subclass, must give the
        other one too, and split them: a norm in parts takes nothing else.
        """
        by_scope: dict[Scope, tuple[list[ast.Attribute], list[ast.Attribute]]] = {}
        for at, name in enumerate((pair.conv, pair.norm)):
            for each in self.pairs.stores_of(pair.owner, name):
                by_scope.setdefault(self.source.scope(each), ([], []))[at].append(each)
        if not all(map(all, by_scope.values())):
            return None
        places = {scope: self._of_both(pair, *each) for scope, each in by_scope.items()}
        is_one = len(places) == 1 or pair.conditions[0] is None
        return places[self.source.scope(target)] if is_one and all(places.values()) else None

    def _of_both(
        self, pair: Pair, convs: list[ast.Attribute], norms: list[ast.Attribute]
    ) -> Place | None:
        """The same for one method that gives both."""
        owner = self.index.self_class(convs[0].value)
        if owner is None:
            return None
        optional = norms if is_built_under_it(self.pairs, pair) else []
        needed = [*convs, *norms]
        return self.find(owner, [convs, norms], needed, optional)

    def of(self, owner: ast.ClassDef, target: ast.Attribute) -> Place | None:
        """Where what a method has given to an attribute is split."""
        if (owner, target) not in self._places:
            scope = self.source.scope(target)
            stores = self.pairs.stores_of(owner, target.attr)
            here = [each for each in stores if self.source.scope(each) is scope]
            place = self.find(owner, [here], [target])
            self._places[owner, target] = place
        return self._places[owner, target]

    def done_by_others(self, owner: ast.ClassDef, target: ast.Attribute) -> frozenset[ast.AST]:
        """What other methods do with what they have given to an attribute in the place of this."""
        found: set[ast.AST] = set()
        for each in self.pairs.stores_of(owner, target.attr):
            place = self.of(owner, each) if each is not target else None
            if place is not None and self.source.scope(each) is not self.source.scope(target):
                found |= {one for one in place.before if self._is_after(one, each)}
        return frozenset(found)

    def _is_after(self, node: ast.AST, store: ast.Attribute) -> bool:
        is_here = isinstance(node, (ast.expr, ast.stmt)) and store.lineno < node.lineno
        return is_here and self.source.scope(node) is self.source.scope(store)

    def find(
        self,
        owner: ast.ClassDef,
        stores: Sequence[Sequence[ast.Attribute]],
        needed: Sequence[ast.Attribute],
        optional: Sequence[ast.Attribute] = (),
    ) -> Place | None:
        """The last place in a method where nothing else has the values of attributes yet.

        Args:
            owner: the class.
            stores: for each attribute, all places where the method gives it a value.
            needed: those of them after which it is to be.
            optional: those of them that give a value which may not be there.

        Returns:
            None where the attributes do not surely have their values, and are kept nowhere else,
            or where a comment leaves alone what the place is in.
        """
        index, source = self.index, self.source
        targets = list(chain.from_iterable(stores))
        function = _common_function(index, owner, targets)
        if function is None:
            return None
        block = _common_block(source, targets)
        if any(isinstance(each, _LOOPS) for each in source.ancestors(block[0])):
            return None
        names = {each.attr for each in targets}
        attributes = (self.surroundings.facts.attribute(owner, each) for each in names)
        made = filter(may_be_split, chain.from_iterable(attributes))
        keeping = Keeping(Whole(index, made, owner, names))
        last = self._last(block, needed, keeping)
        if last is None:
            return None
        for each in stores:
            wanted = {id(source.statement(target)) for target in each}
            done = block[: block.index(last) + 1]
            if each[0] not in optional and not any(
                sets(statement, wanted) or needs(statement, each[0]) for statement in done
            ):
                return None
        returns = tuple(_returns(source, function, targets, last))
        if returns and (optional or not all(_can_precede(index, stores, each) for each in returns)):
            return None
        if any(map(self.directives.forbids_beside, (last, *returns))):
            return None
        before = ended_by(index, function, source.span(last).end)
        return Place(last, with_methods(index, before, keeping.methods), returns)

    def _last(
        self, block: list[ast.stmt], needed: Collection[ast.Attribute], keeping: Keeping
    ) -> ast.stmt | None:
        """The last statement of a block, from some targets on, up to which nothing is kept."""
        holding = [at for at, each in enumerate(block) if _holds(each, needed)]
        last = len(block)
        if isinstance(self.source.parent(block[0]), _TRIES):
            last = holding[-1] + 1  # what follows may not be reached
        tried = range(holding[0], last)
        last = next((at for at in tried if _ends(block[at]) or keeping.keeps(block[at])), last) - 1
        while last >= holding[-1] and not has_own_line_after(self.source, block[last]):
            last -= 1
        return block[last] if last >= holding[-1] else None


def has_own_line_after(source: Source, statement: ast.stmt) -> bool:
    """Whether a new line after a statement is in its block, and the next thing to be done."""
    block = source.block(statement)
    following = block[block.index(statement) + 1 :]
    is_last = not following or source.is_first_on_line(following[0])
    return is_last and source.is_first_on_line(block[0])


def _common_function(
    index: ClassIndex, owner: ast.ClassDef, targets: Collection[ast.Attribute]
) -> Function | None:
    """The method of a class that all targets are in, which runs straight to its end."""
    source = index.source
    scopes = {source.scope(each) for each in targets}
    function = next(iter(scopes)).node
    are_of_class = all(index.self_class(each.value) is owner for each in targets)
    if len(scopes) != 1 or not isinstance(function, ast.FunctionDef) or not are_of_class:
        return None
    yields = any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in walk(function))
    return None if yields else function


def _common_block(source: Source, targets: Sequence[ast.Attribute]) -> list[ast.stmt]:
    """The innermost statements in a row that all targets are in, which one function has."""
    around = (each for each in source.ancestors(targets[0]) if isinstance(each, ast.stmt))
    return next(
        block
        for block in map(source.block, around)
        if {each for one in block for each in walk(one)}.issuperset(targets)
    )


def _ends(statement: ast.stmt) -> bool:
    """Whether nothing behind a statement is reached for what it returns."""
    match statement:
        case ast.If(body=body, orelse=orelse):
            return all(any(map(_ends, block)) for block in (body, orelse))
        case ast.With(body=body):
            return any(map(_ends, body))
    return isinstance(statement, ast.Return)


def _returns(
    source: Source, function: Function, targets: Sequence[ast.Attribute], last: ast.stmt
) -> Iterator[ast.Return]:
    """What may leave a function between the first of some targets and the end of a statement."""
    first, scope = min(targets, key=source.span), source.scope(targets[0])
    around = takewhile(lambda each: each is not function, source.ancestors(first))
    loops = [each for each in around if isinstance(each, _LOOPS)]
    start = source.span(loops[-1] if loops else first).start
    for each in walk(function):
        if isinstance(each, ast.Return) and source.scope(each) is scope:
            if start < source.span(each).start < source.span(last).end:
                yield each


def _can_precede(
    index: ClassIndex, stores: Sequence[Sequence[ast.Attribute]], leaving: ast.Return
) -> bool:
    """Whether attributes can be split right before a statement that leaves the method.

    They must have their values there, whatever happened, and nothing is to come after it.
    """
    source = index.source
    around = takewhile(lambda each: not isinstance(each, FUNCTIONS), source.ancestors(leaving))
    if any(isinstance(each, _TRIES) and each.finalbody for each in around):
        return False
    gives_nothing = leaving.value is None or isinstance(leaving.value, ast.Constant)
    is_free = gives_nothing and source.is_first_on_line(leaving)
    return is_free and all(is_set_before(index, each, leaving) for each in stores)


def _holds(statement: ast.stmt, targets: Collection[ast.Attribute]) -> bool:
    return any(each in targets for each in walk(statement))
