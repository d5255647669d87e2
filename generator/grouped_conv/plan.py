"""Decide for every site how it is split, or why it is not."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..outcome import Options, Record, Warning
from ..reading.classes import ClassIndex
from ..reading.directives import Directives
from ..reading.source import Source, parse
from ..reading.width import line_length
from ..rewriting.edits import Edit, Removal
from ..rewriting.guard import guarded
from ..rewriting.imports import insert_imports
from .built import helper as built_helper
from .built.decide import Deciding
from .built.emit import make_built_edits
from .built.layers import blocks_for
from .built.multiplier import note_of
from .built.own_copies import OwnCopy, own_copies, why_it_stays
from .built.plan import BuiltPlan
from .built.there import is_split_there
from .built.unsplit import unsplit
from .built_elsewhere import warn_of_functions
from .classify import Candidate, Deferred, Verdict, classify
from .emit_calls import make_call_edits
from .emit_definitions import make_definition_edits
from .emitted_earlier import warn_of_earlier
from .find import Site, find_sites
from .initialisation import warn_of_initialisation, warn_of_initialisation_elsewhere
from .loading import insert_loading
from .model import Definition, SplitAttribute, Use
from .norms.norm_after import Pair
from .numbers import Values
from .records import left, split_when_built, written_out
from .refusal import Refusal, check_length
from .tracing import Tracing
from .writing import Writing
from .written_out import WritingOut, style_of

if TYPE_CHECKING:
    from ..rewriting.templating import Templates

_SETTLED = ("kept", "function")
_BEHIND = "{} stays behind the concatenation: {}"
_TRANSPOSED = "PLiNIO takes no transposed convolution, whether it is grouped, split or plain"


@dataclass(frozen=True)
class Plan:
    """What is to be done in one source.

    Attributes:
        records: one for each site, in the order of the source.
        warnings: what the user should know besides, in the order of the source.
        definitions: the assignments to replace.
        uses: the calls to replace.
        attributes: what is split by writing its definitions and uses.
        built: what is split once it is built.
        loads: whether the classes of attributes are to load the weights of an original.
        helper: what the source needs to split what has been built; None for nothing.
        missing: the modules that the source must import, with ``as`` where under another name.
        directives: the comments that leave something alone.
        moved: the copies of the helper that give way to an import.
    """

    records: tuple[Record, ...]
    warnings: tuple[Warning, ...]
    definitions: tuple[Definition, ...]
    uses: tuple[Use, ...]
    attributes: tuple[SplitAttribute, ...]
    built: BuiltPlan
    loads: bool
    helper: built_helper.Helper | None
    missing: tuple[str, ...]
    directives: Directives
    moved: tuple[OwnCopy, ...]

    @property
    def changes(self) -> bool:
        """Whether there is anything to rewrite."""
        return bool(self.definitions or self.built.changes or self.moved)

    @property
    def imports_helper(self) -> bool:
        """Whether the new source imports a helper."""
        return self.helper is not None and bool(self.helper.path)

    @property
    def blocks(self) -> frozenset[str]:
        """What it needs of that."""
        return self.helper.blocks if self.helper is not None else frozenset()

    def edits(self, source: Source, templates: Templates) -> Iterator[Edit]:
        """The edits that carry the plan out."""
        users = [each.candidates[0].site.call for each in self.attributes]
        everything = [*users, *self.built.users()]
        yield from insert_imports(source, self.missing, everything, templates)
        if self.helper is not None:
            yield from built_helper.insert_helper(source, self.helper, everything, templates)
        for copy in self.moved:
            yield Removal(copy.definitions[0], copy.definitions[-1])
        yield from guarded(source, self.directives, self._changes(source, templates))

    def _changes(self, source: Source, templates: Templates) -> Iterator[Edit]:
        """Those that change statements, or put others beside them."""
        if self.loads:
            yield from insert_loading(source, self.attributes, templates)
        if self.helper is not None:
            yield from make_built_edits(source, self.built, self.helper, templates)
        yield from make_definition_edits(source, self.definitions, templates)
        yield from make_call_edits(source, self.uses, templates)


def make_plan(index: ClassIndex, options: Options) -> Plan:
    """Plan all sites of a source. An attribute is split in all its places, or in none."""
    sites = find_sites(index)
    directives = Directives(index.source, [each.call for each in sites])
    planning = _Planning(index, directives, options, sites)
    for site in sites:
        planning.add(replace(site, asked=directives.style(site.call)))
    return planning.finish()


class _Planning:
    """Sorts the sites of one source by what becomes of them."""

    def __init__(
        self, index: ClassIndex, directives: Directives, options: Options, sites: list[Site]
    ) -> None:
        self.index = index
        self.directives = directives
        self.options = options
        self.values = Values(index)
        self.tracing = Tracing(index, directives, sites)
        pairs = self.tracing.pairs
        self.writing_out = WritingOut(index, self.values, pairs, directives, options)
        self.records: list[Record] = []
        self.warnings: list[Warning] = [
            *directives.warnings,
            *warn_of_earlier(index.source, directives),
        ]
        gives_weights = "reads" in built_helper.blocks_there(index.source)
        self.deciding = Deciding(
            self.tracing,
            options.branches_norms,
            bool(options.helper_module) or gives_weights,
            line_length(index.source, options.black),
        )
        self.deferred: list[Deferred] = []
        self.stays: list[Site] = []  # a line for others could split them as well
        self.by_attribute: dict[tuple[ast.ClassDef, str], list[Candidate]] = defaultdict(list)

    def add(self, site: Site) -> None:
        """Take a site in."""
        if is_split_there(self.tracing, site):
            return
        style = style_of(site, self.options)
        found = self._unless_skipped(site, classify(self.values, site, style))
        is_skipped = isinstance(found, Verdict) and found.status == "skipped"
        if found is not None and not is_skipped and site.conv is not None and site.conv.transposed:
            self.warnings.append(Warning(*self.index.source.place(site.call), _TRANSPOSED))
        if isinstance(found, Verdict):
            self.records.append(left(self.index, site, found))
            self.stays += [site] if is_skipped else []
        elif isinstance(found, Deferred):
            self.deferred.append(found)
        elif found is not None:
            if style == "built":
                self._defer_all([found], reason="")
            else:
                self.by_attribute[found.owner, found.attribute].append(found)

    def _unless_skipped(
        self, site: Site, found: Candidate | Deferred | Verdict | None
    ) -> Candidate | Deferred | Verdict | None:
        """What a site is, or that it is left alone where it would be split, or could not be."""
        if found is None or (isinstance(found, Verdict) and found.status in _SETTLED):
            return found
        skip = self.directives.skip(site.call)
        return Verdict("skipped", str(skip)) if skip is not None else found

    def finish(self) -> Plan:
        """Decide about all that was taken in."""
        attributes: list[SplitAttribute] = []
        for candidates in self.by_attribute.values():
            try:
                attributes.append(self._written(candidates))
            except Refusal as refusal:
                self._defer_all(candidates, str(refusal))
        while True:
            built = self.deciding.plan(self.deferred, self.stays)
            try:
                writing = Writing(self.index, self.directives)
                definitions, uses = writing.write(attributes)
                self._check_lengths(definitions, uses)
                self._check_apart(uses, built)
                break
            except Refusal as refusal:
                assert isinstance(refusal.attribute, SplitAttribute)
                attributes.remove(refusal.attribute)
                self._defer_all(refusal.attribute.candidates, str(refusal))
        self._record(attributes, built)
        source, path = self.index.source, self.options.helper_module
        moved = self._move_copies()
        helper = None
        if built.changes or moved:
            for name, reason in blocks_for(built.own_norms, source, path)[1].items():
                place = source.place(built.sites[0].site.call)
                self.warnings.append(Warning(*place, _BEHIND.format(name, reason)))
            helper = built_helper.make_helper(source, built, path, moved)
        missing: tuple[str, ...] = ("torch",) if writing.needs_torch else ()
        missing += helper.missing if helper else ()
        return Plan(
            tuple(sorted(self.records, key=_place)),
            tuple(sorted(self.warnings, key=_place)),
            tuple(definitions),
            tuple(uses),
            tuple(attributes),
            built,
            self.options.checkpoint,
            helper,
            tuple(dict.fromkeys(missing)),
            self.directives,
            tuple(moved),
        )

    def _written(self, candidates: list[Candidate]) -> SplitAttribute:
        """An attribute that is written out.

        Raises:
            Refusal: it is not; for a depthwise multiplier there may be something better.
        """
        attribute, multipliers = self.writing_out.split(candidates), self.deciding.multipliers
        sites = [each.site for each in candidates]
        if not all(map(multipliers.is_multiplier, sites)):
            return attribute
        place = attribute.owner, attribute.attribute
        pair = self.tracing.pairs.find(*place) if self.options.branches_norms else None
        try:
            if any(style_of(each, self.options) != "auto" for each in sites):
                raise Refusal(f"{attribute.style} style has no other form")
            if isinstance(pair, Pair) and pair.conditions != [None]:
                raise Refusal("the norm is not always applied")
            multipliers.check([each.call for each in sites], isinstance(pair, Pair))
        except Refusal as refusal:
            notes = filter(None, (attribute.note, note_of(refusal)))
            return replace(attribute, note="; ".join(notes))
        raise Refusal("only built style makes depthwise ones of it")

    def _move_copies(self) -> list[OwnCopy]:
        """The copies of the helper that give way to its import; and say what becomes of each."""
        source, path = self.index.source, self.options.helper_module
        moved: list[OwnCopy] = []
        for copy in own_copies(source) if path else ():
            from ..rewriting.templating import Templates  # slow to import

            if any(map(self.directives.forbids, copy.definitions)):
                continue
            reason = why_it_stays(copy, path, Templates(self.options.templates), self._may_fail)
            moved += [] if reason else [copy]
            said = reason or f"this copy of the helper gives way to what {path} has"
            self.warnings.append(Warning(*source.place(copy.definitions[0]), said))
        return moved

    def _may_fail(self, copy: OwnCopy) -> bool:
        """Whether something is done to what a copy splits that raises, as far as can be known."""
        copies = [*own_copies(copy.source)]
        definitions = {each for one in copies for each in one.definitions}
        names = {name: usual for one in copies for name, usual in one.names.items()}
        before = unsplit(copy.source.tree, definitions, names)
        if before is None:
            return True
        index = ClassIndex(Source(before, parse(before)))
        return bool(make_plan(index, replace(self.options, helper_module="")).built.warnings)

    def _record(self, attributes: list[SplitAttribute], built: BuiltPlan) -> None:
        """Say what is done with each convolution, and what else there is to know."""
        for each in self.deferred:
            reason = self.deciding.refused.get(each.site.call)
            if reason is not None:
                self.records.append(left(self.index, each.site, Verdict("left", reason)))
        self.records += [split_when_built(self.index, each, built) for each in built.sites]
        for attribute in attributes:
            self.records += [
                written_out(self.index, each, attribute) for each in attribute.candidates
            ]
        for node, reason in built.warnings:
            place = self.index.source.place(node)
            self.warnings.append(
                Warning(*place, f"this will raise once the convolution is split: {reason}")
            )
        if attributes or built.changes:
            is_done = built.is_done_before if not attributes else None
            self.warnings += warn_of_initialisation(self.index.source, is_done)
            calls = [each.site.call for one in attributes for each in one.candidates]
            first = min([*calls, *built.ways], key=self.index.source.span)
            around = self.tracing.surroundings
            self.warnings += warn_of_initialisation_elsewhere(around, first)
            split = [*zip(calls, calls, strict=True), *built.places()]
            self.warnings += warn_of_functions(self.index, self.directives, split)
            from .by_facts import warn_by_facts  # slow to import

            told, norms = {each.line for each in self.warnings}, self.options.branches_norms
            self.warnings += warn_by_facts(self.tracing, attributes, built, norms, told)

    def _defer_all(self, candidates: Iterable[Candidate], reason: str) -> None:
        self.deferred += [Deferred(each.site, reason, each.numbers) for each in candidates]

    def _check_lengths(self, definitions: list[Definition], uses: list[Use]) -> None:
        """See that no statement is too long that would be taken apart."""
        source = self.index.source
        changed = [(each.attribute, one) for each in definitions for one in each.statements()]
        changed += [
            (use.attribute, source.statement(each)) for use in uses for each in use.changed()
        ]
        for attribute, statement in changed:
            try:
                check_length(source, statement)
            except Refusal as refusal:
                raise Refusal(str(refusal), attribute) from refusal

    def _check_apart(self, uses: list[Use], built: BuiltPlan) -> None:
        """See that no statement changes in both ways."""
        statement = self.index.source.statement
        changed = {statement(each) for each in built.changed()}
        for use in uses:
            if any(statement(each) in changed for each in use.changed()):
                raise Refusal(
                    "its call stands in a statement that builds another one", use.attribute
                )


def _place(each: Record | Warning) -> tuple[int, int]:
    return each.line, each.column
