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
from ..reading.source import Source
from ..reading.values import Values
from ..rewriting.edits import Edit
from ..rewriting.guard import guarded
from .built_elsewhere import warn_of_functions
from .classify import Candidate, Deferred, Verdict, classify
from .emit_calls import make_call_edits
from .emit_definitions import make_definition_edits
from .emit_module import make_module_edits
from .find import Site, find_sites
from .helper import Helper, insert_helper, insert_imports, make_helper
from .initialisation import warn_of_initialisation
from .loading import insert_loading
from .model import Definition, SplitAttribute, Use
from .modules import ModulePlan, ModuleStyle
from .records import left, split_by_helper, written_out
from .refusal import Refusal, check_length
from .weights import Uses
from .writing import Writing
from .written_out import WritingOut, style_of

if TYPE_CHECKING:
    from ..rewriting.templating import Templates

_TRANSPOSED = "PLiNIO takes no transposed convolution, whether it is grouped, split or plain"


@dataclass(frozen=True)
class Plan:
    """What is to be done in one source.

    Attributes:
        records: one for each site, in the order of the source.
        warnings: what the user should know besides, in the order of the source.
        definitions: the assignments to replace.
        uses: the calls to replace.
        modules: what is split where it is built; None for nothing.
        attributes: what is split by writing its definitions and uses.
        helper: what the new source needs of the helper; None for nothing.
        missing: the modules that the source must import, with ``as`` where under another name.
        directives: the comments that leave something alone.
    """

    records: tuple[Record, ...]
    warnings: tuple[Warning, ...]
    definitions: tuple[Definition, ...]
    uses: tuple[Use, ...]
    modules: ModulePlan | None
    attributes: tuple[SplitAttribute, ...]
    helper: Helper | None
    missing: tuple[str, ...]
    directives: Directives

    @property
    def changes(self) -> bool:
        """Whether there is anything to rewrite."""
        return bool(self.definitions or self.modules)

    @property
    def imports_helper(self) -> bool:
        """Whether the new source imports the helper of the module style."""
        return self.helper is not None and bool(self.helper.path)

    def edits(self, source: Source, templates: Templates) -> Iterator[Edit]:
        """The edits that carry the plan out."""
        users = _users(self.modules, self.attributes)
        yield from insert_imports(source, self.missing, users, templates)
        if self.helper is not None:
            yield from insert_helper(source, self.helper, users, templates)
        yield from guarded(source, self.directives, self._changes(source, templates))

    def _changes(self, source: Source, templates: Templates) -> Iterator[Edit]:
        """Those that change statements, or put others beside them."""
        if self.helper is not None:
            if "load" in self.helper.features:
                load = self.helper.names.load
                yield from insert_loading(source, self.attributes, load, templates)
            if self.modules is not None:
                yield from make_module_edits(source, self.modules, self.helper, templates)
        yield from make_definition_edits(source, self.definitions, templates)
        yield from make_call_edits(source, self.uses, templates)


def make_plan(index: ClassIndex, options: Options) -> Plan:
    """Plan all sites of a source. An attribute is split in all its places, or in none."""
    sites = find_sites(index)
    directives = Directives(index.source, [each.call for each in sites])
    planning = _Planning(index, directives, options)
    for site in sites:
        planning.add(replace(site, asked=directives.style(site.call)))
    return planning.finish()


class _Planning:
    """Sorts the sites of one source by what becomes of them."""

    def __init__(self, index: ClassIndex, directives: Directives, options: Options) -> None:
        self.index = index
        self.directives = directives
        self.options = options
        self.values = Values(index)
        self.style = ModuleStyle(index, directives)
        pairs = self.style.pairs
        self.writing_out = WritingOut(index, self.values, pairs, directives, options)
        self.records: list[Record] = []
        self.warnings: list[Warning] = [*directives.warnings]
        self.deferred: list[tuple[Deferred, Uses]] = []
        self.by_attribute: dict[tuple[ast.ClassDef, str], list[Candidate]] = defaultdict(list)

    def add(self, site: Site) -> None:
        """Take a site in."""
        style = style_of(site, self.options)
        found = self._unless_skipped(site, classify(self.values, site, style))
        is_skipped = isinstance(found, Verdict) and found.status == "skipped"
        if found is not None and not is_skipped and site.conv is not None and site.conv.transposed:
            self.warnings.append(Warning(*self.index.source.place(site.call), _TRANSPOSED))
        if isinstance(found, Verdict):
            self.records.append(left(self.index, site, found))
        elif isinstance(found, Deferred):
            self._defer(found)
        elif found is not None:
            if style == "module":
                self._defer_all([found], reason="")
            else:
                self.by_attribute[found.owner, found.attribute].append(found)

    def _unless_skipped(
        self, site: Site, found: Candidate | Deferred | Verdict | None
    ) -> Candidate | Deferred | Verdict | None:
        """What a site is, or that it is left alone where it would be split, or could not be."""
        if found is None or (isinstance(found, Verdict) and found.status == "kept"):
            return found
        skip = self.directives.skip(site.call)
        return Verdict("skipped", str(skip)) if skip is not None else found

    def finish(self) -> Plan:
        """Decide about all that was taken in."""
        attributes: list[SplitAttribute] = []
        for candidates in self.by_attribute.values():
            try:
                attributes.append(self.writing_out.split(candidates))
            except Refusal as refusal:
                self._defer_all(candidates, str(refusal))
        while True:
            modules = self._modules()
            try:
                writing = Writing(self.index, self.directives)
                definitions, uses = writing.write(attributes)
                self._check_lengths(definitions, uses)
                self._check_apart(uses, modules)
                break
            except Refusal as refusal:
                assert refusal.attribute is not None
                attributes.remove(refusal.attribute)
                self._defer_all(refusal.attribute.candidates, str(refusal))
        for attribute in attributes:
            self.records += [
                written_out(self.index, each, attribute) for each in attribute.candidates
            ]
        if modules is not None:
            self.records += [split_by_helper(self.index, each, modules) for each in modules.sites]
        if attributes or modules:
            self.warnings += warn_of_initialisation(self.index.source)
            split = [each.site.call for one in attributes for each in one.candidates]
            split += [each.site.call for each in modules.sites] if modules is not None else []
            self.warnings += warn_of_functions(self.index, self.directives, split)
        helper = self._helper(attributes, modules)
        missing: tuple[str, ...] = ("torch",) if writing.needs_torch else ()
        missing += helper.missing if helper else ()
        return Plan(
            tuple(sorted(self.records, key=_place)),
            tuple(sorted(self.warnings, key=_place)),
            tuple(definitions),
            tuple(uses),
            modules,
            tuple(attributes),
            helper,
            tuple(dict.fromkeys(missing)),
            self.directives,
        )

    def _defer(self, deferred: Deferred) -> None:
        """Have a convolution split where it is built, or say why it stays as it is."""
        try:
            self.deferred.append((deferred, self.style.uses(deferred)))
        except Refusal as refusal:
            self.records.append(left(self.index, deferred.site, Verdict("unsplit", str(refusal))))

    def _defer_all(self, candidates: Iterable[Candidate], reason: str) -> None:
        for each in candidates:
            self._defer(Deferred(each.site, reason, each.numbers))

    def _modules(self) -> ModulePlan | None:
        if not self.deferred:
            return None
        return self.style.plan(self.deferred, self.options.norm)

    def _helper(
        self, attributes: list[SplitAttribute], modules: ModulePlan | None
    ) -> Helper | None:
        path = self.options.helper_module
        features = set(modules.features) if modules else set()
        # A helper that is imported loads the weights of what it has split by itself.
        if self.options.checkpoint and (attributes or (modules and not path)):
            features.add("load")
        if attributes:
            features.add("named")
        if "norm" in features or any(each.norm is not None for each in attributes):
            features.add("batches")
        if not features - {"named", "batches"}:
            return None
        users = _users(modules, attributes)
        return make_helper(self.index.source, frozenset(features), users, path)

    def _check_lengths(self, definitions: list[Definition], uses: list[Use]) -> None:
        """See that no statement is too long that would be taken apart."""
        source = self.index.source
        changed = [
            (attribute, statement)
            for attribute, statements in (
                *((each.attribute, each.statements()) for each in definitions),
                *((each.attribute, map(source.statement, each.changed())) for each in uses),
            )
            for statement in statements
        ]
        for attribute, statement in changed:
            try:
                check_length(source, statement)
            except Refusal as refusal:
                raise Refusal(str(refusal), attribute) from refusal

    def _check_apart(self, uses: list[Use], modules: ModulePlan | None) -> None:
        """See that no statement changes in both ways."""
        statement = self.index.source.statement
        changed = {statement(each) for each in modules.changed()} if modules else set()
        for use in uses:
            if any(statement(each) in changed for each in use.changed()):
                raise Refusal("it is called where another one is built", use.attribute)


def _users(modules: ModulePlan | None, attributes: Iterable[SplitAttribute]) -> list[ast.expr]:
    """The expressions that need the helper to be defined before them."""
    users: list[ast.expr] = [each.site.call for each in modules.sites] if modules else []
    return users + [each.candidates[0].site.call for each in attributes]


def _place(each: Record | Warning) -> tuple[int, int]:
    return each.line, each.column
