"""Trace each convolution of a source from where it is built, and say what is done with it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..reading.classes import ClassIndex
from ..reading.convolutions import ConvClass, conv_class
from ..reading.directives import Directives
from ..reading.flow import Flow, Reached
from ..reading.names import meaning
from ..rewriting.places import place_for_definition
from .find import Site, is_partial
from .indirect import Indirect
from .norms.pairs import Pairs
from .objects import find_uses
from .reach import check_reach
from .refusal import Refusal, line_of
from .running import Running
from .subclasses import Subclass
from .surroundings import Surroundings
from .weight_norm import is_weight_norm
from .weights import Uses

if TYPE_CHECKING:
    pass


class Tracing:
    """Follows the objects of one source; what it has found is kept."""

    def __init__(self, index: ClassIndex, directives: Directives, sites: Iterable[Site]) -> None:
        self.index = index
        self.surroundings = Surroundings(index, sites, self._holding)
        self.directives = directives
        self.flow = Flow(index)
        self.pairs = Pairs(index, directives, self.surroundings)
        self.running = Running(index, self.surroundings)
        self._reached: dict[ast.Call, Reached] = {}
        self._uses: dict[ast.Call, Uses] = {}

    def _holding(self, site: Site) -> Iterator[str]:
        """The attributes that may hold the convolution that a site builds."""
        yield from (name for _, name in self.reached(site).attributes)

    def reached(self, site: Site) -> Reached:
        """Where the convolution may get to that a site builds."""
        if site.call not in self._reached:
            follow = self.flow.returned if is_partial(site) else self.flow.reached
            self._reached[site.call] = follow(site.call)
        return self._reached[site.call]

    def expressions(self, site: Site) -> list[ast.expr]:
        """What may be the convolution that a site builds: not what facts know to be another."""
        found = self.reached(site).expressions
        return [each for each in found if not self.is_another(site, each)]

    def is_another(self, site: Site, node: ast.expr) -> bool:
        """Whether an expression surely is not the convolution that a site builds."""
        return not is_partial(site) and self.surroundings.is_another(node, site.call)

    def uses(self, site: Site) -> Uses:
        """What is done with the convolution that a site builds.

        Raises:
            Refusal: it cannot be split, whatever that is.
        """
        if site.call not in self._uses:
            self._uses[site.call] = self._find_uses(site)
        return self._uses[site.call]

    def _find_uses(self, site: Site) -> Uses:
        source = self.index.source
        for call in self.index.reparametrisations:
            is_seen = call.args[0] in self.reached(site).expressions
            if (
                not is_weight_norm(source, call)
                and not is_seen
                and not self.is_another(site, call.args[0])
            ):
                raise Refusal(
                    f"it may be given another parametrization with all modules ({line_of(call)})"
                )
        if not source.is_first_on_line(place_for_definition(source, [site.call])):
            raise Refusal("no place to insert the helper")
        reached, facts = self.reached(site), self.surroundings.facts
        check_reach(self.index, reached)
        uses = find_uses(self.index, facts, self.expressions(site))
        made = self.surroundings.made_by(site.call)
        for other, expressions in self.surroundings.expressions(made):
            others = find_uses(other.index, facts, expressions)
            if other.module.runs_apart:
                uses.add_apart(others, other.index.source.line)
            else:
                uses.add(others)
        return uses

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
