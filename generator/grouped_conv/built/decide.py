"""Decide for each convolution where it is split once it is built, or why it cannot be."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from ..call_plan import plan_calls
from ..classify import Deferred
from ..find import Site
from ..norms.own_norms import OwnNorm, norms_of_others, own_norms
from ..refusal import Refusal, line_of
from ..subclasses import Subclass
from ..sums import Sums, with_identities
from ..tracing import Tracing
from ..weights import Uses
from .multiplier import Multipliers, joined
from .padding import plan_padding
from .plan import BuiltPlan, SlicedConv, Way
from .sources import Sources
from .ways import Ways


class Deciding:
    """Decides about the convolutions of one source.

    Attributes:
        refused: for the constructions of those that cannot be split, why.
        multipliers: what tells which depthwise ones become depthwise ones.

        sources: what tells which plain ones are split before them; None for no such.

    Args:
        tracing: of the source.
        norm: whether the norms after them are split as well.
        gives_weights: whether the helper gives the weight of what is split, for others.
        line_length: the columns that a line may have.
        with_sources: whether what they take slices of is split before them.
        is_flat: whether concatenations are made flat through the layers between.
        adds_identities: whether an identity is put behind what is added up.
    """

    def __init__(
        self,
        tracing: Tracing,
        norm: bool,
        gives_weights: bool,
        line_length: int,
        with_sources: bool = False,
        is_flat: bool = False,
        adds_identities: bool = False,
    ) -> None:
        self.tracing = tracing
        self.line_length = line_length
        self.is_flat = is_flat
        self.adds_identities = adds_identities
        self.sums = Sums(tracing)
        self.norm = norm
        self.gives_weights = gives_weights
        self.multipliers = Multipliers(tracing)
        self.sources = Sources(tracing, norm) if with_sources else None
        self.refused: dict[ast.Call, str] = {}
        self.in_the_way: dict[ast.Call, str] = {}

    def plan(self, deferred: Iterable[Deferred], stays: Iterable[Site]) -> BuiltPlan:
        """Plan some convolutions; what cannot be split is noted, and not in the plan.

        Args:
            deferred: the convolutions.
            stays: those that are to stay as they are.
        """
        sites, stays = list(deferred), list(stays)
        while True:
            among = [each.site for each in sites]
            source = Ways(
                self.tracing, among, self.multipliers, self.norm, self.in_the_way, self.line_length
            )
            found: dict[ast.Call, tuple[Way, ...]] = {}
            refused: dict[ast.Call, str] = {}
            for each in sites:
                try:
                    found[each.site.call] = source.of(each.site)
                except Refusal as refusal:
                    refused[each.site.call] = str(refusal)
            if source.loud and (source.gives_weights or self.gives_weights):
                refused |= source.loud  # what sets a weight that is given raises nothing
            refused |= {
                call: "another convolution at the same place cannot be split"
                for call, ways in found.items()
                if any(source.splits(stay, ways) for stay in stays)
            }
            sliced = self._sliced(source, found) if not refused else {}
            if sliced is None:
                continue  # one of the plain ones is to stay
            if not refused:
                if source.loud:
                    source.lose_reads()
                ways = self._with_identities(joined(found))
                return _plan(source, sites, ways, sliced, self.is_flat)
            closer = refused.keys() - self.in_the_way.keys()
            if closer and (stays or self.tracing.directives.leave_alone):
                self.in_the_way |= {each: refused[each] for each in closer}
                continue  # where what is in the way is a comment, or another one that is to stay
            self.refused |= {each: self.in_the_way.get(each, refused[each]) for each in refused}
            stays += [each.site for each in sites if each.site.call in refused]
            sites = [each for each in sites if each.site.call not in refused]

    def _sliced(
        self, source: Ways, found: Mapping[ast.Call, tuple[Way, ...]]
    ) -> dict[SlicedConv, dict[ast.Call, tuple[Way, ...]]] | None:
        """The plain convolutions that are split before them, and how; None to begin anew."""
        ways = {}
        for each in self.sources.find(found) if self.sources is not None else ():
            assert self.sources is not None
            try:
                ways[each] = self.sources.ways(each, source, found)
            except Refusal as refusal:
                self.sources.leave(each, str(refusal))
                return None
        return ways

    def leave_sources(self, plan: BuiltPlan, reasons: Mapping[ast.Call, str]) -> bool:
        """Have plain convolutions stay rather than others; whether there are such in a plan."""
        found = {plan.sources[call]: why for call, why in reasons.items() if call in plan.sources}
        for sliced, why in found.items():
            assert self.sources is not None
            self.sources.leave(sliced, why)
        return bool(found)

    def _with_identities(
        self, ways: Mapping[ast.Call, tuple[Way, ...]]
    ) -> Mapping[ast.Call, tuple[Way, ...]]:
        """Some ways in which identities are put where they are asked for, and nobody meets them."""
        if not self.adds_identities or self.sums.walk:
            return ways
        sites = {site.call: site for site in self.tracing.surroundings.sites}
        summed = [call for call in ways if self.sums.of(sites[call]) is not None]
        return with_identities(ways, summed)


def _plan(
    source: Ways,
    sites: list[Deferred],
    ways: Mapping[ast.Call, tuple[Way, ...]],
    sliced: Mapping[SlicedConv, Mapping[ast.Call, tuple[Way, ...]]],
    is_flat: bool,
) -> BuiltPlan:
    """The plan for all of them."""
    grouped, plain = ways, dict(chain.from_iterable(each.items() for each in sliced.values()))
    ways = {**grouped, **plain}
    built = (each.site for each in sites)
    calls = plan_calls(source.tracing.pairs, built, source.followed, source.lists, is_flat)
    calls, padding = plan_padding(source.tracing, calls, chain.from_iterable(ways.values()))
    notes = {
        call: tuple(dict.fromkeys([*_of_norms(source, call, each), *_notes(each)]))
        for call, each in ways.items()
    }
    for each in sites:
        notes[each.site.call] += tuple(dict.fromkeys(_not_taken(source, each.site)))
        notes[each.site.call] += tuple(_of_weight_norm(source.tracing.uses(each.site)))
    sites += (Deferred(site, "") for each in sliced for site in each.sites)
    return BuiltPlan(
        tuple(sites),
        ways,
        notes,
        {site.call: each for each in sliced for site in each.sites},
        calls,
        padding,
        frozenset(
            (
                *_blocks(source, sites, ways),
                *(["source"] if sliced else []),
                *(["slices"] if any(each.carried for each in sliced) else []),
            )
        ),
        tuple(_own_norms(source, chain.from_iterable(ways.values()))),
        tuple(source.warnings.values()),
    )


def _not_taken(source: Ways, site: Site) -> Iterator[str]:
    """What stays in an nn.Sequential, or a list, as the convolution is split before."""
    for listed in source.norms.lists.get(site.call, ()):
        if listed not in source.lists:
            name = listed.norms.attr
            reason = "the convolutions are not split together with the list"
            yield f"self.{name} stays after the concatenation: {reason}"
    kinds = source.tracing.pairs.modules.kinds
    sequences = source.norms.sequences.get(site.call, ())
    for each in sorted(sequences, key=lambda one: (one.node.lineno, one.node.col_offset)):
        norms = [*filter(kinds.may_be_norm, each.norms)]
        if each not in source.taken and (norms or not each.has_norm):  # else facts tell
            what = "the norm stays after" if norms else "the padding stays before"
            where = line_of(each.node)
            yield f"{what} the convolution, which is split before both are put together ({where})"


def _blocks(
    source: Ways, sites: list[Deferred], ways: Mapping[ast.Call, tuple[Way, ...]]
) -> Iterator[str]:
    """The parts of the helper that are needed for what some convolutions are."""
    if source.reads:
        yield "reads"
    if any(each.has("multiplier") for each in chain.from_iterable(ways.values())):
        yield "multiplier"
    if "SyncBatchNorm" in source.source.text:
        yield "sync"
    for each in sites:
        conv, subclass = source.tracing.conv(each.site), _subclass(each.site)
        if conv.transposed if conv is not None else "ConvTranspose" in source.source.text:
            yield "transposed"
        if subclass is not None and not subclass.has_forward:
            yield "subclass"
        if source.tracing.uses(each.site).applications:
            yield from ("subclass", "weight_norm")
        if each.site.indirect is not None and each.site.indirect.kind == "held":
            yield "held"
    if any(each.has_padding for found in source.norms.sequences.values() for each in found):
        yield "pads"


def _own_norms(source: Ways, ways: Iterable[Way]) -> Iterator[OwnNorm]:
    """The norms of the project with layers behind that may be among those that are split."""
    stores = [each for pair in source.followed for each in pair.stores]
    stores += [each for way in ways if way.joined is not None for each in way.joined.stores]
    values = [each.value for each in stores if each.kind.name == "unclear"]
    values += [norm for each in source.taken for norm in each.norms]
    if values or source.lists:
        yield from own_norms(source.index).values()
        yield from norms_of_others(source.index, source.tracing.surroundings.facts, values)


def _subclass(site: Site) -> Subclass | None:
    return site.indirect.subclass if site.indirect is not None else None


def _of_weight_norm(uses: Uses) -> Iterator[str]:
    """What there is to know of a convolution under weight_norm."""
    if uses.applications:
        yield "PLiNIO takes no convolution under weight_norm"
        if any(each.may_couple for each in uses.applications.values()):
            yield "under any other norm it keeps its groups"


def _of_norms(source: Ways, call: ast.Call, ways: Iterable[Way]) -> Iterable[str]:
    """Why norms stay behind a convolution."""
    return () if any(each.applied for each in ways) else source.norms.notes.get(call, ())


def _notes(ways: Iterable[Way]) -> Iterator[str]:
    return (each.note for each in ways if each.note)
