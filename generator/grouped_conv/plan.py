"""Decide for every site how it is split, or why it is not."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from ..classes import ClassIndex
from ..convolutions import ConvClass
from ..edits import Edit
from ..naming import fresh_series, mangled
from ..outcome import Options, Record, Warning, WrittenStyle
from ..source import Source
from ..values import Values
from .classify import Candidate, Deferred, Verdict, classify, self_target, single_target
from .emit_calls import make_call_edits
from .emit_definitions import make_definition_edits
from .emit_module import make_module_edits
from .find import Site, find_sites
from .helper import Helper, insert_helper, insert_imports, make_helper
from .initialisation import warn_of_initialisation
from .loading import check_loading, insert_loading
from .model import Definition, SplitAttribute, SplitNorm, Use
from .modules import ModulePlan, ModuleStyle, is_by_filter
from .norms.written import norm_definitions
from .refusal import Refusal
from .uses import find_calls
from .weights import Uses
from .writing import Writing

if TYPE_CHECKING:
    from ..templating import Templates

_Given: TypeAlias = dict[ast.ClassDef, set[str]]
"""The names of branches that are given already, by the class."""

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
    """

    records: tuple[Record, ...]
    warnings: tuple[Warning, ...]
    definitions: tuple[Definition, ...]
    uses: tuple[Use, ...]
    modules: ModulePlan | None
    attributes: tuple[SplitAttribute, ...]
    helper: Helper | None
    missing: tuple[str, ...]

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
            if "load" in self.helper.features:
                load = self.helper.names.load
                yield from insert_loading(source, self.attributes, load, templates)
            if self.modules is not None:
                yield from make_module_edits(source, self.modules, self.helper, templates)
        yield from make_definition_edits(source, self.definitions, templates)
        yield from make_call_edits(source, self.uses, templates)


def make_plan(index: ClassIndex, options: Options) -> Plan:
    """Plan all sites of a source. An attribute is split in all its places, or in none."""
    planning = _Planning(index, options)
    for site in find_sites(index):
        planning.add(site)
    return planning.finish()


class _Planning:
    """Sorts the sites of one source by what becomes of them."""

    def __init__(self, index: ClassIndex, options: Options) -> None:
        self.index = index
        self.options = options
        self.values = Values(index)
        self.style = ModuleStyle(index)
        self.pairs = self.style.pairs
        self.records: list[Record] = []
        self.warnings: list[Warning] = []
        self.deferred: list[tuple[Deferred, Uses]] = []
        self.by_attribute: dict[tuple[ast.ClassDef, str], list[Candidate]] = defaultdict(list)

    def add(self, site: Site) -> None:
        """Take a site in."""
        found = classify(self.values, site, self.options.style)
        if found is not None and site.conv is not None and site.conv.transposed:
            self.warnings.append(Warning(*self.index.source.place(site.call), _TRANSPOSED))
        if isinstance(found, Verdict):
            self.records.append(self._record(site, found))
        elif isinstance(found, Deferred):
            self._defer(found)
        elif found is not None:
            if self.options.style == "module":
                self._defer_all([found], reason="")
            else:
                self.by_attribute[found.owner, found.attribute].append(found)

    def finish(self) -> Plan:
        """Decide about all that was taken in."""
        attributes: list[SplitAttribute] = []
        given: _Given = defaultdict(set)
        for candidates in self.by_attribute.values():
            try:
                attributes.append(self._split(candidates, given))
            except Refusal as refusal:
                self._defer_all(candidates, str(refusal))
        while True:
            modules = self._modules()
            try:
                writing = Writing(self.index)
                definitions, uses = writing.write(attributes)
                self._check_apart(uses, modules)
                break
            except Refusal as refusal:
                assert refusal.attribute is not None
                attributes.remove(refusal.attribute)
                self._defer_all(refusal.attribute.candidates, str(refusal))
        for attribute in attributes:
            self.records += [_done(self.index, each, attribute) for each in attribute.candidates]
        if modules is not None:
            self.records += [self._split_by_helper(each, modules) for each in modules.sites]
        if attributes or modules:
            self.warnings += warn_of_initialisation(self.index.source)
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
        )

    def _split(self, candidates: list[Candidate], given: _Given) -> SplitAttribute:
        attribute = _split(self.index, candidates, self.options, given)
        if not self.options.norm:
            return attribute
        pair = self.pairs.find(attribute.owner, attribute.attribute)
        if isinstance(pair, Refusal):
            return replace(attribute, note=str(pair))
        if pair is None:
            return attribute
        first = candidates[0]
        definitions = norm_definitions(self.index, self.values, first, pair)
        explicit = attribute.style == "explicit"
        names = branch_names(self.index, first, pair.norm, given) if explicit else ()
        following = {each.call: each for each in pair.followed}
        return replace(attribute, norm=SplitNorm(pair.norm, definitions, names, following))

    def _defer(self, deferred: Deferred) -> None:
        """Have a convolution split where it is built, or say why it stays as it is."""
        try:
            self.deferred.append((deferred, self.style.uses(deferred)))
        except Refusal as refusal:
            self.records.append(self._record(deferred.site, Verdict("unsplit", str(refusal))))

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
        features = set(modules.features) if modules else set()
        if self.options.checkpoint and (modules or attributes):
            features.add("load")
        if not features:
            return None
        users = _users(modules, attributes)
        path = self.options.helper_module
        return make_helper(self.index.source, frozenset(features), users, path)

    def _check_apart(self, uses: list[Use], modules: ModulePlan | None) -> None:
        """See that no statement changes in both ways."""
        statement = self.index.source.statement
        changed = {statement(each) for each in modules.changed()} if modules else set()
        for use in uses:
            if any(statement(each) in changed for each in use.changed()):
                raise Refusal("it is called where another one is built", use.attribute)

    def _record(self, site: Site, verdict: Verdict) -> Record:
        line, column = self.index.source.place(site.call)
        return Record(line, column, _name(self.index, site), verdict.status, verdict.reason)

    def _split_by_helper(self, deferred: Deferred, modules: ModulePlan) -> Record:
        site, numbers = deferred.site, deferred.numbers
        norms = modules.norms.moved.get(site.call, ())
        norm = f", with {' and '.join(norms)} in each" if norms else ""
        detail = f"{_size(site.conv, numbers)}{norm} (module)"
        notes = [deferred.reason] if deferred.reason else []
        if site.call in modules.normalised:
            notes.append("PLiNIO takes no convolution under weight_norm")
        notes += modules.norms.notes.get(site.call, ())
        if is_by_filter(deferred):
            notes.append("PLiNIO takes no subclass")
        line, column = self.index.source.place(site.call)
        return Record(
            line,
            column,
            _name(self.index, site),
            "split",
            detail,
            style="module",
            note="; ".join(notes),
        )


def _users(modules: ModulePlan | None, attributes: Iterable[SplitAttribute]) -> list[ast.expr]:
    """The expressions that need the helper to be defined before them."""
    users: list[ast.expr] = [each.site.call for each in modules.sites] if modules else []
    return users + [each.candidates[0].site.call for each in attributes]


def _place(each: Record | Warning) -> tuple[int, int]:
    return each.line, each.column


def _split(
    index: ClassIndex, candidates: list[Candidate], options: Options, given: _Given
) -> SplitAttribute:
    first = candidates[0]
    known = {each.numbers is not None for each in candidates}
    sizes = {(each.conv, each.in_channels, each.groups) for each in candidates}
    are_symbolic = known == {False} and all(None in each[1:] for each in sizes)
    if len(known) > 1 or (len(sizes) > 1 and not are_symbolic):
        raise Refusal(
            f"self.{first.attribute} is assigned convolutions that differ in class,"
            " in_channels or groups"
        )
    if options.checkpoint:
        check_loading(index.classes[first.owner])
    calls = find_calls(index, first.owner, first.attribute, [each.target for each in candidates])
    style = _style(options, first)
    names = branch_names(index, first, first.attribute, given) if style == "explicit" else ()
    return SplitAttribute(tuple(candidates), calls, style, names)


def _style(options: Options, candidate: Candidate) -> WrittenStyle:
    if candidate.numbers is None:
        return "loop"
    if options.style != "auto":
        return options.style
    return "explicit" if candidate.numbers[2] <= options.max_unroll else "loop"


def branch_names(
    index: ClassIndex, candidate: Candidate, attribute: str, given: _Given
) -> tuple[str, ...]:
    relatives = index.classes[candidate.owner].relatives()

    def is_taken(name: str) -> bool:
        return (
            bool(index.accesses(name))
            or name in index.mentions.quoted
            or any(name in each.names or name in given[each.node] for each in relatives)
            or any(index.mentions.computed(name))
        )

    stem = attribute
    if stem.startswith("__"):  # the branches of what is private by its name are so by custom
        stem = f"_{stem.strip('_') or 'conv'}"
    names = fresh_series(stem, candidate.groups or 0, is_taken)
    if names is None:
        raise Refusal("all names for its branches may be taken by other attributes")
    given[candidate.owner].update(names)
    return names


def _name(index: ClassIndex, site: Site) -> str:
    """What a person would call a convolution: its attribute, or else the class that is called."""
    statement = index.source.parent(site.call)
    target = self_target(index, statement)
    if target is not None:
        return f"{target[0].name}.{target[1].attr}"
    return index.source.one_line(single_target(statement) or site.call.func)


def _size(conv: ConvClass | None, numbers: tuple[int, int, int] | None) -> str:
    """What a convolution is split into, as far as that is known."""
    if conv is None or numbers is None:
        return "plain ones when it is built"
    inputs, outputs, groups = numbers
    return f"{groups} {conv.name} of {inputs // groups} -> {outputs // groups} channels"


def _done(index: ClassIndex, candidate: Candidate, attribute: SplitAttribute) -> Record:
    line, column = index.source.place(candidate.site.call)
    norm = f", with self.{attribute.norm.attribute} in each" if attribute.norm else ""
    detail = f"{_size(candidate.conv, candidate.numbers)}{norm} ({attribute.style})"
    return Record(
        line,
        column,
        _name(index, candidate.site),
        "split",
        detail,
        style=attribute.style,
        owner=candidate.owner.name,
        attribute=mangled(candidate.owner, candidate.attribute),
        branches=attribute.paths,
        note=attribute.note,
    )
