"""The module style: a convolution is split where it is built, by a call of the helper."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from ..reading.classes import ClassIndex
from ..reading.convolutions import ConvClass, conv_class
from ..reading.directives import Directives
from ..reading.flow import Flow, Reached
from ..reading.names import meaning
from ..reading.places import place_for_definition
from ..reading.source import Source
from .classify import Deferred
from .indirect import Indirect
from .module_calls import CallPlan, plan_calls
from .norms.pairs import Pairs
from .norms.plan import NormPlan, plan_norms
from .objects import find_uses
from .reach import check_reach
from .refusal import Refusal, check_free, line_of
from .subclasses import Subclass
from .weight_norm import is_weight_norm
from .weights import Uses


@dataclass(frozen=True)
class ModulePlan:
    """What is to be done in one source to split convolutions where they are built.

    Attributes:
        sites: the constructions.
        uses: what must change besides.
        norms: what is done with the norms that follow.
        calls: what is done where a convolution is called.
        features: what of the helper is needed.
        normalised: the sites that weight_norm is applied to.
        unsure: those of them that another function may be applied to, which takes them whole.
    """

    sites: tuple[Deferred, ...]
    uses: Uses
    norms: NormPlan
    calls: CallPlan
    features: frozenset[str]
    normalised: frozenset[ast.Call]
    unsure: frozenset[ast.expr]

    def changed(self) -> list[ast.expr]:
        """The expressions that change, and for each statement that does, one in it."""
        uses = self.uses
        repeated = [each.object for each in uses.repeats.values()]
        assigned = [each.object for each in uses.assignments.values()]
        calls = [each.site.call for each in self.sites]
        others = [*self.norms.changed(), *self.calls.changed()]
        return [
            *calls,
            *others,
            *uses.applications,
            *uses.firsts,
            *uses.readings,
            *repeated,
            *assigned,
        ]


class ModuleStyle:
    """Splits convolutions where they are built, and follows the object from there."""

    def __init__(self, index: ClassIndex, directives: Directives) -> None:
        self.index = index
        self.directives = directives
        self.flow = Flow(index)
        self.pairs = Pairs(index, self.flow, directives)
        self._reached: dict[ast.Call, Reached] = {}

    def uses(self, deferred: Deferred) -> Uses:
        """What must change besides the construction.

        Raises:
            Refusal: the convolution cannot be split where it is built.
        """
        for call in self.index.reparametrisations:
            if not is_weight_norm(self.index.source, call):
                raise Refusal(
                    f"it may be given another parametrization with all modules ({line_of(call)})"
                )
        self._check_place(deferred)
        follow = self.flow.returned if is_partial(deferred) else self.flow.reached
        reached = follow(deferred.site.call)
        check_reach(self.index, reached)
        self._reached[deferred.site.call] = reached
        uses = find_uses(self.index, reached, just_built([deferred]))
        changed = (deferred.site.call, *uses.changed())
        check_free(self.directives, ((each, "at what would change with it") for each in changed))
        return uses

    def reached(self, call: ast.Call) -> Reached:
        """Where the convolution may get to that a call builds."""
        if call not in self._reached:
            self._reached[call] = self.flow.reached(call)
        return self._reached[call]

    def plan(self, deferred: Iterable[tuple[Deferred, Uses]], norm: bool) -> ModulePlan:
        """Plan some sites with what each uses; ``norm`` says whether norms are split as well."""
        sites = []
        uses = Uses()
        normalised = set()
        for site, used in deferred:
            sites.append(site)
            uses.add(used)
            if used.applications:
                normalised.add(site.site.call)
        reached = [(each.site, self._reached[each.site.call]) for each in sites]
        norms = plan_norms(self.pairs, reached) if norm else NormPlan()
        uses.add(norms.uses)
        calls = plan_calls(self.pairs, reached, norms)
        features = self._features(sites, uses) | norms.features | calls.features
        applied = uses.applications.values()
        unsure = frozenset(each.conv for each in applied if each.may_couple)
        return ModulePlan(tuple(sites), uses, norms, calls, features, frozenset(normalised), unsure)

    def _check_place(self, deferred: Deferred) -> None:
        """See that the helper, and what calls it, have a place to stand at."""
        source, call = self.index.source, deferred.site.call
        if not source.is_first_on_line(place_for_definition(source, [call])):
            raise Refusal("there is no line for the helper to stand on")
        if is_partial(deferred):
            before = source.text[source.span(call.func).end : source.span(call.args[0]).start]
            if before.count("(") > 1:
                raise Refusal("its class stands in parentheses")

    def _features(self, sites: list[Deferred], uses: Uses) -> frozenset[str]:
        applications = uses.applications.values()
        built = just_built(sites)
        applied = built & {each.conv for each in applications}
        found = {"module", *(_feature(each) for each in sites if each.site.call not in applied)}
        if "build" in found:
            found.add("split")
        found |= {name for each in sites for name in self._classes(each)}
        if any(map(self._may_be_given_a_size, sites)):
            found.add("transposed")
        found |= {"split_apply" if each.conv in built else "apply" for each in applications}
        if any(each.may_couple for each in applications):
            found.add("couple")
        if any(each.is_parametrization for each in applications):
            found.add("weight_g")
        if uses.assignments:
            found.add("assign")
        if uses.readings or any(each.reads_whole for each in uses.assignments.values()):
            found.add("whole")
        if uses.repeats or uses.firsts or found & {"assign", "whole"}:
            found.add("parts")
        return frozenset(found)

    def conv(self, deferred: Deferred) -> ConvClass | None:
        """The class of torch that a site builds an instance of, where it names one."""
        if is_partial(deferred):
            return conv_class(meaning(self.index.source, deferred.site.call.args[0]).path)
        return deferred.site.conv

    def _classes(self, deferred: Deferred) -> set[str]:
        """What is to be seen to for the classes that a site may build an instance of."""
        conv = self.conv(deferred)
        found = set()
        match deferred.site.indirect:
            case Indirect(kind="subclass", subclass=Subclass(base=base, has_forward=has_forward)):
                conv = conv_class(f"torch.nn.{base}")
                found = set() if has_forward else {"subclass"}
        if conv is None or conv.lazy:
            return {"held", "flat", "3d"}
        return found | {"3d" if conv.dimensions == 3 else "flat"}

    def _may_be_given_a_size(self, deferred: Deferred) -> bool:
        """Whether a transposed convolution may be called with the size of its output."""
        conv, source = self.conv(deferred), self.index.source
        if not (conv.transposed if conv is not None else "ConvTranspose" in source.text):
            return False
        reached = self._reached[deferred.site.call].expressions
        return any(_is_called_with_more(source, each) for each in reached) or any(
            each.arg == "output_size" and not _is_of_torch(source, source.parent(each))
            for each in source.nodes
            if isinstance(each, ast.keyword)
        )


def _is_called_with_more(source: Source, function: ast.expr) -> bool:
    """Whether an expression is called with more than one argument, or not by itself."""
    match source.parent(function):
        case ast.Call(func=called, args=[ast.expr() as argument], keywords=[]) if (
            called is function
        ):
            return isinstance(argument, ast.Starred)
        case ast.Call(func=called):
            return called is function
        case ast.Attribute(attr="forward" | "__call__"):
            return True
    return False


def _is_of_torch(source: Source, call: ast.AST) -> bool:
    return isinstance(call, ast.Call) and meaning(source, call.func).path.startswith("torch.")


def just_built(sites: Iterable[Deferred]) -> set[ast.expr]:
    """The sites that weight_norm can be applied to as it splits them."""
    return {each.site.call for each in sites if not is_by_filter(each) and not is_partial(each)}


def is_by_filter(deferred: Deferred) -> bool:
    """Whether a site calls a subclass whose forward adds something for each filter."""
    indirect = deferred.site.indirect
    return bool(indirect and indirect.subclass and indirect.subclass.has_forward)


def is_partial(deferred: Deferred) -> bool:
    """Whether a site is a partial of a convolution class."""
    indirect = deferred.site.indirect
    return indirect is not None and indirect.kind == "partial"


def _feature(deferred: Deferred) -> str:
    if is_by_filter(deferred):
        return "by_filter"
    return "build" if is_partial(deferred) else "split"
