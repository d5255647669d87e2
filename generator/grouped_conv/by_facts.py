"""What others do by the facts of a source with what is split: what is to be said, or is refused.

What a constructor or a forward runs, and what would raise or give something else there, is no
matter to be warned of: it is a reason to leave the convolution, or the norm behind it, as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final

from ..facts.values import Parameter
from ..outcome import Warning
from ..reading.source import Source
from .built.helper import emitted
from .built.plan import BuiltPlan
from .find import Site
from .finding import Finding, Split, Start
from .harmless_to_split import WITH_A_MODEL
from .norms.behind import warn_of_norms
from .reached import expressions
from .records import name_of
from .tracing import Tracing
from .walks import find_in_walks, norms_after
from .written import Written

_UNKNOWN: Final = "what others do with the convolution itself is not known"
_TOO_MUCH: Final = (
    "there is too much in this file to follow: norms that stay behind a concatenation, and what"
    " goes over modules, are not all said"
)


class ByFacts:
    """What the flow of objects and tensors shows of what is split.

    Args:
        tracing: of the source.
        attributes: what is split by writing it out.
        built: what is split once it is built.
        told: the nodes of which something is said already.
    """

    def __init__(
        self,
        tracing: Tracing,
        attributes: Collection[Written],
        built: BuiltPlan,
        told: Collection[ast.AST],
    ) -> None:
        self.tracing = tracing
        self.around = tracing.surroundings
        self.attributes = attributes
        self.built = built
        self.told = told
        split = [each.site.call for each in built.sites]
        written = [each.candidate.site.call for each in attributes]
        self.calls = (*split, *written)
        self._helpers: dict[Source, set[ast.stmt]] = {}
        self.first = min(self.calls, key=tracing.index.source.span)

    @cached_property
    def findings(self) -> list[Finding]:
        """What is done somewhere that gives another result for what is split."""
        if not self.around.facts.is_complete:
            return []
        attributes, built = self.attributes, self.built
        names = {each.attribute for each in attributes} | built.names()
        is_done = built.is_done_before if not attributes else _never
        joined = {each.site.call for each in built.sites if _takes_all(built, each.site.call)}
        normed = joined | {one.candidate.site.call for one in attributes if one.norm is not None}
        seen = _Seen(self.tracing, [*_sites(attributes, built)])
        is_seen, is_norm_seen = seen.convs.__contains__, seen.norms.__contains__
        applied = built.applied()
        what = Split(
            self.calls,
            frozenset(normed),
            frozenset(joined),
            names,
            is_seen,
            is_norm_seen,
            is_done,
            applied,
        )
        found = find_in_walks(self.around, what, self.told)
        return [each for each in found if not self._is_everyday(each)]

    def _is_everyday(self, finding: Finding) -> bool:
        """Whether a model is handed to others where neither a constructor nor a forward does so.

        Or the helper does what is done, for which all is whole yet; or a test has a model start
        with other values.
        """
        other = self.around.other(finding.node)
        if isinstance(finding.what, Start) and other is not None and other.module.runs_apart:
            return True
        is_of_owner = finding.what.endswith(WITH_A_MODEL)
        is_run = not is_of_owner or self.tracing.running.runs(finding.node)
        return not is_run or self._is_in_helper(finding.node)

    def _is_in_helper(self, node: ast.AST) -> bool:
        """Whether gencode itself has written a node: it splits what is whole yet."""
        source = self.around.source_of(node)
        if source not in self._helpers:
            self._helpers[source] = {*emitted(source.tree)}
        return not self._helpers[source].isdisjoint(source.ancestors(node))

    def refused(self) -> tuple[Mapping[ast.Call, str], Mapping[ast.Call, str]]:
        """The convolutions that cannot be split, and those whose norm cannot, each with why."""
        whole: dict[ast.Call, str] = {}
        norms: dict[ast.Call, str] = {}
        for each in self.findings:
            if not self._is_let(each) and self.tracing.running.runs(each.node):
                reason = f"{each.reason} ({self.tracing.line(each.node)})"
                found = norms if each.is_of_norm else whole
                for call in self.calls if each.call is None else (each.call,):
                    found.setdefault(call, reason)
        return whole, norms

    def _is_let(self, finding: Finding) -> bool:
        """Whether something may be done all the same, and is only said.

        It is what goes over any model in another file, and what is not known to be done with a
        model, or with what is in it; of the convolution itself, what is not known in another file,
        or is what others than a constructor or a forward give a function of the project; or that
        weights start with other values.
        """
        call, facts = finding.node, self.around.facts
        if finding.is_of_one or isinstance(finding.what, Start):  # as no model is
            return True
        if finding.is_unknown and isinstance(call, ast.Call):
            given = [each for each in facts.values(call.func) if isinstance(each, Parameter)]
            by_torch = (self.tracing.running.is_by_torch(each.function) for each in given)
            if given and not any(by_torch):
                return True
        is_own = self.tracing.index.source.has(call)
        if finding.call is None:
            return finding.is_unknown or not is_own
        return finding.is_unknown and not is_own

    def warnings(self, branches_norms: bool) -> Iterator[Warning]:
        """What is to be said, ``branches_norms`` where norms are to be split as well."""
        around, source = self.around, self.tracing.index.source
        place = source.place(self.first)
        if around.not_followed:
            said = f"{around.not_followed} other files use this, too many to follow: {_UNKNOWN}"
            yield Warning(*place, said)
        if not around.is_whole:
            yield Warning(*place, f"the project has too many files to look at: {_UNKNOWN}")
        if not around.facts.is_complete:
            yield Warning(*place, _TOO_MUCH)
            return
        unsaid = _without_norm(self.attributes, self.built) if branches_norms else []
        named = ((each.call, name_of(self.tracing.index, each)) for each in unsaid)
        of_norms = [*warn_of_norms(around, named, self.built.joined())]
        yield from of_norms
        lines = {("", each.line) for each in of_norms}
        for each in self.findings:
            line = around.source_of(each.node).name, each.node.lineno
            if line not in lines:
                lines.add(line)
                yield around.warning(each.node, each.message, self.first)


def _sites(attributes: Iterable[Written], built: BuiltPlan) -> Iterator[Site]:
    """The convolutions that are split."""
    yield from (each.site for each in built.sites)
    yield from (each.candidate.site for each in attributes)


class _Seen:
    """The expressions that are known to stand for what is split, or for the norm after it."""

    def __init__(self, tracing: Tracing, sites: list[Site]) -> None:
        self.tracing = tracing
        self.sites = sites

    @cached_property
    def convs(self) -> frozenset[ast.AST]:
        """Those that stand for a convolution."""
        facts, made = self.tracing.surroundings.facts, map(self.tracing.made, self.sites)
        return frozenset[ast.AST]().union(*(expressions(facts, each) for each in made))

    @cached_property
    def norms(self) -> frozenset[ast.AST]:
        """Those in the source that stand for a norm."""
        tracing, facts = self.tracing, self.tracing.surroundings.facts
        convs = [each for site in self.sites for each in tracing.made(site)]
        norms = dict.fromkeys(norm for conv in convs for norm in norms_after(facts, conv))
        found = (one for norm in norms for one in facts.expressions(norm))
        return frozenset(filter(tracing.index.source.has, found))


def _without_norm(attributes: Iterable[Written], built: BuiltPlan) -> list[Site]:
    """The convolutions that are split for themselves, and of no norm is said why."""
    sites = [
        each.site
        for each in built.sites
        if not _takes_all(built, each.site.call)
        and not _says_that_it_stays(built.notes[each.site.call])
    ]
    sites += [
        each.candidate.site
        for each in attributes
        if each.norm is None and not _says_that_it_stays([each.note])
    ]
    return sites


def _takes_all(built: BuiltPlan, call: ast.Call) -> bool:
    """Whether a convolution is split with its norm where it is built."""
    return any(each.norm for each in built.ways[call] if not each.joined)


def _says_that_it_stays(notes: Iterable[str]) -> bool:
    """Whether some notes say of a norm why it is not split."""
    return any("stays" in each for each in notes)


def _never(node: ast.AST) -> bool:
    return False
