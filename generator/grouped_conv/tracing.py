"""Trace each convolution of a source from where it is built, and say what is done with it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from .. import torch_api
from ..facts.values import UNKNOWN, Constant, Instance, Object, Values
from ..reading.classes import ClassIndex
from ..reading.convolutions import ConvClass, conv_class
from ..reading.directives import Directives
from ..reading.names import meaning
from ..rewriting.places import place_for_definition
from .find import Site, is_partial
from .indirect import Indirect
from .norms.pairs import Pairs
from .objects import find_uses
from .reach import check_reach
from .reached import Reached, reached
from .refusal import Refusal, line_of
from .running import Running
from .subclasses import Subclass
from .surroundings import Surroundings
from .weight_norm import is_weight_norm
from .weights import Uses


class Tracing:
    """Follows the objects of one source; what it has found is kept.

    Attributes:
        left: the constructions of what cannot be split, as a constructor or a forward shows; why.

    Args:
        index: of the source.
        directives: the comments that steer what is done.
        sites: what may be grouped.
        with_plain: whether the plain convolutions beside those may be split as well.
    """

    def __init__(
        self,
        index: ClassIndex,
        directives: Directives,
        sites: Iterable[Site],
        with_plain: bool = False,
    ) -> None:
        self.index = index
        self.surroundings = Surroundings(index, sites, with_plain)
        self.directives = directives
        self.pairs = Pairs(index, directives, self.surroundings)
        self.running = Running(self.surroundings)
        self.left: dict[ast.Call, str] = {}
        self._reached: dict[ast.Call, Reached] = {}
        self._uses: dict[ast.Call, Uses] = {}

    def made(self, site: Site) -> Values:
        """What a site builds, and the copies of it; an instance only where nothing tells it."""
        found = self.surroundings.facts.made_by(site.call)
        return frozenset(each for each in found if isinstance(each, Object)) or found

    def reached(self, site: Site) -> Reached:
        """Where the convolution may get to that a site builds."""
        if site.call not in self._reached:
            found = reached(self.index, self.surroundings.facts, self.made(site))
            self._reached[site.call] = found
        return self._reached[site.call]

    def uses(self, site: Site) -> Uses:
        """What is done with the convolution that a site builds.

        Raises:
            Refusal: it cannot be split, whatever that is.
        """
        if site.call in self.left:
            raise Refusal(self.left[site.call])
        if site.call not in self._uses:
            self._uses[site.call] = self._find_uses(site)
        return self._uses[site.call]

    def leave(self, whole: Mapping[ast.Call, str], norms: Mapping[ast.Call, str]) -> bool:
        """Have some more stay as they are, or the norms behind them; whether that is new."""
        apart = self.pairs.apart
        more = {**{call: why for call, why in norms.items() if call in apart}, **whole}
        more = {call: why for call, why in more.items() if call not in self.left}
        fewer = {call: why for call, why in norms.items() if call not in apart}
        self.left |= more
        apart |= fewer
        return bool(more or fewer)

    def norms(self, site: Site) -> list[ast.Call]:
        """The calls that give the convolution back, as weight_norm does."""
        try:
            return [*self.uses(site).applications]
        except Refusal:
            return []

    def _find_uses(self, site: Site) -> Uses:
        source, facts = self.index.source, self.surroundings.facts
        made, reached = self.made(site), self.reached(site)
        if not facts.is_complete or UNKNOWN in facts.values(site.call):
            raise Refusal("what is done with it is not known: there is too much in this file")
        for call in self.index.reparametrisations:
            is_seen = call.args[0] in reached.itself
            if not is_seen and not is_weight_norm(source, call) and self._may_be_any(call.args[0]):
                raise Refusal(
                    f"it may be given another parametrization with all modules ({line_of(call)})"
                )
        if not source.is_first_on_line(place_for_definition(source, [site.call])):
            raise Refusal("no place to insert the helper")
        check_reach(self.index, reached)
        uses = find_uses(self.index, facts, reached.itself)
        for other, expressions in self.surroundings.expressions(made):
            others = find_uses(other.index, facts, expressions)
            if other.module.runs_apart:
                uses.add_apart(others, other.index.source.line)
            else:
                uses.add(others)
        return uses

    def _may_be_any(self, node: ast.expr) -> bool:
        """Whether an expression may be any module that a walk, or unknown code, comes to."""
        return any(
            not isinstance(each, (Object, Instance, Constant))
            or (isinstance(each, Object) and not torch_api.is_nn_class(each.kind))
            for each in self.surroundings.facts.values(node)
        )

    def line(self, node: ast.AST) -> str:
        """How a reason names the line of a node, of another file too."""
        return self.surroundings.source_of(node).line(node)

    def conv(self, site: Site) -> ConvClass | None:
        """The class of torch that a site builds an instance of, where it is known."""
        if is_partial(site):
            return conv_class(meaning(self.index.source, site.call.args[0]).path)
        match site.indirect:
            case Indirect(subclass=Subclass(base=base)):
                return conv_class(f"torch.nn.{base}")
        return site.conv


def is_by_filter(site: Site) -> bool:
    """Whether a site calls a subclass whose forward adds something for each filter."""
    subclass = site.indirect.subclass if site.indirect is not None else None
    return subclass is not None and subclass.has_forward
