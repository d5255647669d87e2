"""The rule ``grouped-conv`` in one source: what becomes of each convolution, as rewrites.

There are two forms, the second weaker: what is written out, class by class; and what is split once
it is built, all of it together, since it shares lines and a helper.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ..codes import SOURCE_SPLIT
from ..outcome import Finding, Options, Record, Warning
from ..reading.classes import classes_of
from ..reading.directives import Directives
from ..reading.source import Source
from ..reading.width import line_length
from ..rewriting.apply import Rewrite
from ..rewriting.edits import Edit, Removal
from .built import helper as built_helper
from .built.decide import Deciding
from .built.emit import make_built_edits
from .built.halves import with_halves
from .built.layers import blocks_for
from .built.own_copies import OwnCopy, own_copies, why_it_stays
from .built.plan import BuiltPlan
from .built.there import is_split_there, sets_later
from .built_elsewhere import warn_of_functions
from .classify import Candidate, Deferred, Verdict, as_deferred, classify
from .emitted_earlier import warn_of_earlier
from .find import Site, find_sites
from .loading import insert_loading
from .numbers import Numbers
from .records import flattened, left, of_sources, split_when_built, written_out
from .refusal import Refusal
from .seen_numbers import candidate_seen
from .tracing import Tracing
from .writing import Writing
from .written import Written
from .written_out import WritingOut, style_of

if TYPE_CHECKING:
    from ..rewriting.templating import Templates
    from ..rules.rule import Finder
    from .by_facts import ByFacts

_SETTLED: Final = ("kept", "function")
_BEHIND: Final = "{} stays behind the concatenation: {}"
_TRANSPOSED: Final = "PLiNIO takes no transposed convolution, whether it is grouped, split or plain"


class GroupedConv:
    """Sorts the convolutions of one source by what becomes of them.

    Attributes:
        directives: the comments that steer it.
        built: what it proposed last to split once it is built.

    Args:
        source: the source.
        options: how it is to be split.
        templates: what code is rendered from.
        tells_sums: whether it is said where a concatenation is added to another.
        attention: the rule that writes forwards for two branches, if it is to.
    """

    def __init__(
        self,
        source: Source,
        options: Options,
        templates: Templates,
        tells_sums: bool = False,
        attention: Finder | None = None,
    ) -> None:
        self.index = classes_of(source)
        self.source = source
        self.options = options
        self.templates = templates
        sites = find_sites(self.index)
        self.directives = Directives(source, [each.call for each in sites])
        with_sources = SOURCE_SPLIT in options.codes
        self.tracing = Tracing(self.index, self.directives, sites, with_sources)
        gives_weights = "reads" in built_helper.blocks_there(source)
        self.deciding = Deciding(
            self.tracing,
            options.branches_norms,
            bool(options.helper_module) or gives_weights,
            line_length(source, options.black),
            with_sources=with_sources,
            is_flat=options.flattens_cats,
            adds_identities=options.adds_identities,
        )
        self._tells_sums = tells_sums
        self._attention = attention
        self.built = BuiltPlan()
        self.written: list[Written] = []
        self._settled: list[Rewrite] = []
        self._transposed: list[Site] = []
        self._split_there: list[Site] = []
        self._deferred: list[Deferred] = []
        self._by_facts: ByFacts | None = None
        self._stays: list[Site] = []  # a line for others could split them as well
        self._candidates: dict[tuple[ast.ClassDef, str], list[Candidate]] = defaultdict(list)
        numbers = Numbers(self.index)
        for each in sites:
            self._take(numbers, replace(each, asked=self.directives.style(each.call)))

    # --- what each is ------------------------------------------------------------------------

    def _take(self, numbers: Numbers, site: Site) -> None:
        """Take a site in."""
        if is_split_there(self.tracing, site):
            self._split_there.append(site)
            return
        found = classify(numbers, site)
        if isinstance(found, Deferred) and style_of(site, self.options) in ("explicit", "loop"):
            found = candidate_seen(self.index, found)
        found = self._unless_skipped(site, found)
        is_skipped = isinstance(found, Verdict) and found.status == "skipped"
        if found is not None and not is_skipped and site.conv is not None and site.conv.transposed:
            self._transposed.append(site)
        if isinstance(found, Verdict):
            self._settled.append(Rewrite((left(self.index, site, found),)))
            self._stays += [site] if is_skipped else []
        elif isinstance(found, Deferred):
            self._deferred.append(found)
        elif found is not None:
            if style_of(site, self.options) == "built":
                self._deferred.append(Deferred(site, "", found.numbers))
            else:
                self._candidates[found.owner, found.attribute].append(found)

    def _unless_skipped(
        self, site: Site, found: Candidate | Deferred | Verdict | None
    ) -> Candidate | Deferred | Verdict | None:
        """What a site is, or that it is left alone where it would be split, or could not be."""
        if found is None or (isinstance(found, Verdict) and found.status in _SETTLED):
            return found
        skip = self.directives.skip(site.call)
        return Verdict("skipped", str(skip)) if skip is not None else found

    def _decide(self) -> tuple[list[Written], list[Deferred]]:
        """What can be written out; all else is deferred until it is built."""
        writing_out = WritingOut(
            self.tracing, self.deciding.multipliers, self.options, self._candidates
        )
        found, deferred = list[Written](), [*self._deferred]
        for candidates in self._candidates.values():
            try:
                found.append(writing_out.decide(candidates))
            except Refusal as refusal:
                reason = str(refusal)
                deferred += (as_deferred(each, reason) for each in candidates)
        return found, deferred

    # --- what is proposed --------------------------------------------------------------------

    def propose(self, barred: Mapping[ast.AST, str]) -> list[Rewrite]:
        """What is split, and what is said of all else; of barred classes nothing is written out."""
        by_class: dict[ast.ClassDef, list[Written]] = defaultdict(list)
        written, deferred = self._decide()
        for each in written:
            owner = each.candidate.owner
            if owner in barred:
                deferred.append(as_deferred(each.candidate, barred[owner]))
            else:
                by_class[owner].append(each)
        self.written = [each for found in by_class.values() for each in found]
        self.built = self.deciding.plan(deferred, self._stays)
        if self.deciding.sources is not None:
            sources, attention = self.deciding.sources, self._attention
            self.built = with_halves(self.built, self.tracing, sources, attention)
        if self._is_in_the_way():
            return self.propose(barred)
        refused = self.deciding.refused
        verdicts = (
            (each.site, Verdict("left", refused[each.site.call]))
            for each in deferred
            if each.site.call in refused
        )
        writing = Writing(self.index, self.written, self.templates)
        # Where the methods of two classes end at one place, that of the inner class goes first.
        inner_first = sorted(by_class.items(), key=lambda each: -each[0].col_offset)
        return [
            *self._settled,
            *(Rewrite((left(self.index, *each),)) for each in verdicts),
            *(self._of_class(owner, found, writing) for owner, found in inner_first),
            *self._of_built(),
            *self._of_sums(),
        ]

    def _is_in_the_way(self) -> bool:
        """Whether a constructor or a forward does what keeps something more as it is."""
        self._by_facts = None
        if not self.written and not self.built.changes:
            return False
        from .by_facts import ByFacts  # slow to import

        built = self.built
        told: list[ast.expr] = [node for node, _ in built.warnings]
        for each in built.sites:  # which the helper looks at, what it may be besides of weight_norm
            told += self.tracing.uses(each.site).applications
        self._by_facts = ByFacts(self.tracing, self.written, built, told)
        whole, norms = self._by_facts.refused()
        if self.deciding.leave_sources(built, {**norms, **whole}):
            return True
        return self.tracing.leave(whole, norms)

    def _of_class(self, owner: ast.ClassDef, found: list[Written], writing: Writing) -> Rewrite:
        """What is written out in a class."""
        edits: list[Edit] = []
        if self.options.checkpoint:
            edits.append(insert_loading(self.source, found, self.templates))
        return Rewrite(
            tuple(written_out(self.index, each) for each in found),
            (*edits, *(edit for each in found for edit in writing.edits(each))),
            tuple(each.candidate.site.call for each in found),
            tuple(name for each in found for name in each.imports),
            key=owner,
        )

    def _of_built(self) -> Iterator[Rewrite]:
        """What is split once it is built, and the helper that does it."""
        source, built, path = self.source, self.built, self.options.helper_module
        grouped = [each for each in built.sites if each.site.call not in built.sources]
        records: tuple[Record | Finding, ...] = (
            *(split_when_built(self.index, each, built) for each in grouped),
            *of_sources(self.index, built, self.deciding.sources),
        )
        moved = [copy for copy, reason in self._copies if not reason]
        if not built.changes and not moved:
            yield from [Rewrite(records)] if records else []
            return
        more = frozenset[str]().union(*(each.blocks for each in moved))
        used = frozenset(name for each in moved for name in each.uses.values())
        helper = built_helper.make_helper(source, built, path, more, used)
        users = (*built.users(), *(each.candidate.site.call for each in self.written))
        self._have_carried(helper.names.halves)
        yield Rewrite(
            (*records, *flattened(self.index, built)),
            (
                *built_helper.insert_helper(source, helper, users, self.templates),
                *(Removal(each.definitions[0], each.definitions[-1]) for each in moved),
                *make_built_edits(source, built, helper, self.templates),
            ),
            users,
            helper.missing,
            blocks=helper.blocks,
            imports_helper=bool(helper.path),
        )

    def _have_carried(self, function: str) -> None:
        """Have the rule that writes forwards for two branches call a function for both halves."""
        if self._attention is not None:
            carried = self._attention.asking.carried
            carried.clear()
            carried |= {
                node: replace(each, function=function) for node, each in self.built.halved.items()
            }

    def _of_sums(self) -> Iterator[Rewrite]:
        """What is said of the sums that concatenations go into."""
        if self._tells_sums:
            built = [(each.site, self.built.ways[each.site.call]) for each in self.built.sites]
            written = [(each.candidate.site, ()) for each in self.written]
            there = [(each, ()) for each in self._split_there]
            for site, ways in (*built, *written, *there):
                found = self.deciding.sums.finding(site, ways, self.options.adds_identities)
                if found is not None:
                    yield Rewrite((found,))

    @cached_property
    def _copies(self) -> list[tuple[OwnCopy, str]]:
        """The copies of the helper in a source that is to import it, and why some stay."""
        return [
            (each, why_it_stays(each, self.templates, self._may_fail))
            for each in (own_copies(self.source) if self.options.helper_module else ())
            if not any(map(self.directives.forbids, each.definitions))
        ]

    @cached_property
    def _may_fail(self) -> bool:
        """Whether something may be done to what the source splits that raises."""
        return any(sets_later(self.tracing, each) for each in self._split_there)

    # --- what else is said -------------------------------------------------------------------

    def warnings(self) -> Iterator[Warning]:
        """What the user should know besides of what was proposed last."""
        place, path = self.source.place, self.options.helper_module
        found = [*self.directives.warnings, *warn_of_earlier(self.source, self.directives)]
        found += (Warning(*place(each.call), _TRANSPOSED) for each in self._transposed)
        for node, reason in self.built.warnings:
            said = f"this will raise once the convolution is split: {reason}"
            found.append(Warning(*place(node), said))
        for copy, reason in self._copies:
            said = reason or f"this copy of the helper gives way to what {path} has"
            found.append(Warning(*place(copy.definitions[0]), said))
        for name, reason in blocks_for(self.built.own_norms, self.source, path)[1].items():
            at = place(self.built.sites[0].site.call)
            found.append(Warning(*at, _BEHIND.format(name, reason), "branch-norm"))
        yield from found
        if self._by_facts is not None:
            yield from self._of_split(self._by_facts)

    def _of_split(self, by_facts: ByFacts) -> Iterator[Warning]:
        """What is to be known of anything that is split."""
        calls = [each.candidate.site.call for each in self.written]
        split = [*zip(calls, calls, strict=True), *self.built.places()]
        yield from warn_of_functions(self.index, self.directives, split)
        yield from by_facts.warnings(self.options.branches_norms)
