"""Find where attributes of a class are split: a convolution by itself, or with its norm."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...reading.scopes import Scope
from ..norms.norm_after import Pair
from ..tracing import Tracing
from .conditions import is_built_under_it
from .places import Place, find_place


class Placing:
    """Finds the places in one source; what it has found is kept."""

    def __init__(self, tracing: Tracing) -> None:
        self.index = tracing.index
        self.source = tracing.index.source
        self.pairs = tracing.pairs
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
        """As ``places.find_place``, unless a comment leaves alone what the place is in."""
        place = find_place(self.index, owner, stores, needed, optional)
        around = [place.after, *place.returns] if place is not None else []
        return None if any(map(self.directives.forbids_beside, around)) else place
