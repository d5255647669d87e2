"""Decide for every site how it is split, or why it is not."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ..classes import ClassIndex
from ..edits import Edit
from ..naming import fresh_series, mangled
from ..outcome import Options, Record, Warning, WrittenStyle
from ..source import Source
from ..values import Values
from .classify import Candidate, Verdict, classify, self_target, single_target
from .emit import make_edits
from .find import Site, find_sites
from .model import Definition, SplitAttribute, Use
from .refusal import Refusal
from .uses import find_calls
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
        warnings: what the user should know besides.
        definitions: the assignments to replace.
        uses: the calls to replace.
        needs_torch: whether ``import torch`` must be added.
    """

    records: tuple[Record, ...]
    warnings: tuple[Warning, ...]
    definitions: tuple[Definition, ...]
    uses: tuple[Use, ...]
    needs_torch: bool

    @property
    def changes(self) -> bool:
        """Whether there is anything to rewrite."""
        return bool(self.definitions)

    def edits(self, source: Source, templates: Templates) -> Iterable[Edit]:
        """The edits that carry the plan out."""
        return make_edits(source, self.definitions, self.uses, self.needs_torch, templates)


def make_plan(index: ClassIndex, options: Options) -> Plan:
    """Plan all sites of a source. An attribute is split in all its places, or in none."""
    source = index.source
    records: list[Record] = []
    attributes: list[SplitAttribute] = []
    by_attribute: dict[tuple[ast.ClassDef, str], list[Candidate]] = defaultdict(list)
    warnings: list[Warning] = []
    values = Values(index)
    for site in find_sites(index):
        found = classify(values, site)
        if found is not None and site.conv is not None and site.conv.transposed:
            warnings.append(Warning(*source.place(site.call), _TRANSPOSED))
        if isinstance(found, Verdict):
            records.append(_record(source, site, _name(index, site), found))
        elif found is not None:
            by_attribute[found.owner, found.attribute].append(found)
    given: _Given = defaultdict(set)
    for candidates in by_attribute.values():
        try:
            attributes.append(_split(index, candidates, options, given))
        except Refusal as refusal:
            records += _refused(index, candidates, refusal)
    while True:
        writing = Writing(index)
        try:
            definitions, uses = writing.write(attributes)
            break
        except Refusal as refusal:
            assert refusal.attribute is not None
            attributes.remove(refusal.attribute)
            records += _refused(index, refusal.attribute.candidates, refusal)
    for each in attributes:
        records += [_done(index, candidate, each) for candidate in each.candidates]
    return Plan(
        tuple(sorted(records, key=_place)),
        tuple(warnings),
        tuple(definitions),
        tuple(uses),
        writing.needs_torch,
    )


def _place(each: Record) -> tuple[int, int]:
    return each.line, each.column


def _split(
    index: ClassIndex, candidates: list[Candidate], options: Options, given: _Given
) -> SplitAttribute:
    first = candidates[0]
    if len({(each.conv, each.in_channels, each.groups) for each in candidates}) > 1:
        raise Refusal(
            f"self.{first.attribute} is assigned convolutions that differ in class,"
            " in_channels or groups"
        )
    calls = find_calls(index, first.owner, first.attribute, [each.target for each in candidates])
    style = _style(options, first.groups)
    names = _branch_names(index, first, given) if style == "explicit" else ()
    return SplitAttribute(tuple(candidates), calls, style, names)


def _style(options: Options, groups: int) -> WrittenStyle:
    if options.style != "auto":
        return options.style
    return "explicit" if groups <= options.max_unroll else "loop"


def _branch_names(index: ClassIndex, candidate: Candidate, given: _Given) -> tuple[str, ...]:
    relatives = index.classes[candidate.owner].relatives()

    def is_taken(name: str) -> bool:
        return (
            bool(index.accesses(name))
            or name in index.mentions.quoted
            or any(name in each.names or name in given[each.node] for each in relatives)
            or any(index.mentions.computed(name))
        )

    stem = candidate.attribute
    if stem.startswith("__"):  # the branches of what is private by its name are so by custom
        stem = f"_{stem.strip('_') or 'conv'}"
    names = fresh_series(stem, candidate.groups, is_taken)
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
    return " ".join(index.source.code(single_target(statement) or site.call.func).split())


def _record(source: Source, site: Site, name: str, verdict: Verdict) -> Record:
    line, column = source.place(site.call)
    return Record(line, column, name, verdict.status, verdict.reason)


def _refused(
    index: ClassIndex, candidates: Iterable[Candidate], refusal: Refusal
) -> Iterable[Record]:
    verdict = Verdict("unsplit", str(refusal))
    for each in candidates:
        yield _record(index.source, each.site, _name(index, each.site), verdict)


def _done(index: ClassIndex, candidate: Candidate, attribute: SplitAttribute) -> Record:
    line, column = index.source.place(candidate.site.call)
    conv, groups = candidate.conv, candidate.groups
    size = f"{candidate.in_channels // groups} -> {candidate.out_channels // groups}"
    detail = f"{groups} {conv.name} of {size} channels ({attribute.style})"
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
    )
