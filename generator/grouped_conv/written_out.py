"""Decide how an attribute is written out: in which style, under which names, with which norm."""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import replace

from ..limits import LONGEST_CODE, MOST_GROUPS
from ..outcome import Options, Style, WrittenStyle
from ..reading.classes import ClassIndex
from ..reading.directives import Directives
from ..reading.kept import kept
from ..reading.naming import fresh_series
from ..reading.parts import walk
from ..reading.source import Source
from .classify import Candidate
from .find import Site
from .loading import check_loading
from .model import SplitAttribute, SplitNorm
from .norms.pairs import Pairs
from .norms.written import norm_definitions
from .numbers import Values
from .refusal import Refusal, check_free
from .uses import find_calls


class WritingOut:
    """Decides about the attributes of one source, one after the other."""

    def __init__(
        self,
        index: ClassIndex,
        values: Values,
        pairs: Pairs,
        directives: Directives,
        options: Options,
    ) -> None:
        self.index = index
        self.values = values
        self.pairs = pairs
        self.directives = directives
        self.options = options
        self._given: dict[ast.ClassDef, set[str]] = defaultdict(set)

    def split(self, candidates: list[Candidate]) -> SplitAttribute:
        """Decide about an attribute, and the norm after it.

        Raises:
            Refusal: it cannot be written out.
        """
        first = candidates[0]
        _check_alike(candidates)
        owner = self.index.classes[first.owner]
        if self.options.checkpoint:
            check_loading(self.index, owner)
        targets = [each.target for each in candidates]
        calls = find_calls(self.index, first.owner, first.attribute, targets)
        self._check_free(candidates, calls)
        self.pairs.check_elsewhere(first.owner, first.attribute)
        if (first.groups or 0) > MOST_GROUPS:
            raise Refusal(f"it has more than {MOST_GROUPS} groups")
        style, note = self._style(candidates), ""
        if style == "explicit" and self._is_too_long(candidates, calls):
            style = "loop"
            note = (
                f"written out for each of {first.groups} groups, it would have more than"
                f" {LONGEST_CODE} characters"
            )
        names = self._names(first, first.attribute) if style == "explicit" else ()
        attribute = SplitAttribute(
            tuple(candidates),
            calls,
            style,
            names,
            note=note,
            is_always_built=self._is_always_built(candidates),
        )
        return self._with_norm(attribute) if self.options.branches_norms else attribute

    def _with_norm(self, attribute: SplitAttribute) -> SplitAttribute:
        pair = self.pairs.find(attribute.owner, attribute.attribute)
        if isinstance(pair, Refusal):
            return replace(attribute, note="; ".join(filter(None, [attribute.note, str(pair)])))
        if pair is None:
            return attribute
        first = attribute.candidates[0]
        definitions = norm_definitions(self.index, self.values, first, pair)
        names = self._names(first, pair.norm) if attribute.style == "explicit" else ()
        following = {each.call: each for each in pair.followed}
        return replace(attribute, norm=SplitNorm(pair.norm, definitions, names, following))

    def _is_always_built(self, candidates: list[Candidate]) -> bool:
        """Whether the constructor builds it whatever it is given, and no subclass has another."""
        around = {self.index.source.parent(each.statement) for each in candidates}
        owner = self.index.classes[candidates[0].owner]
        return not owner.derived and any(
            isinstance(each, ast.FunctionDef)
            and each.name == "__init__"
            and not _returns(self.index.source, each)
            for each in around
        )

    def _check_free(self, candidates: list[Candidate], calls: tuple[ast.Call, ...]) -> None:
        """See that no statement is to be left alone that would change."""
        definitions = [(each.statement, "in its definition") for each in candidates]
        called = [(self.index.source.statement(each), "at its call") for each in calls]
        check_free(self.directives, (*definitions, *called))

    def _style(self, candidates: list[Candidate]) -> WrittenStyle:
        styles = dict.fromkeys(map(self._style_of, candidates))
        if len(styles) > 1:
            attribute, found = candidates[0].attribute, " and ".join(sorted(styles))
            raise Refusal(f"self.{attribute} is assigned convolutions in different styles, {found}")
        return next(iter(styles))

    def _style_of(self, candidate: Candidate) -> WrittenStyle:
        if candidate.numbers is None:
            return "loop"
        style = style_of(candidate.site, self.options)
        if style != "auto":
            return style
        return "explicit" if candidate.numbers[2] <= self.options.max_unroll else "loop"

    def _is_too_long(self, candidates: list[Candidate], calls: tuple[ast.Call, ...]) -> bool:
        """Whether the code of all groups would be more than is formatted in a short time."""
        repeated = [*(each.site.call for each in candidates), *calls]
        longest = max(len(self.index.source.code(each)) for each in repeated)
        return (candidates[0].groups or 0) * longest > LONGEST_CODE

    def _names(self, candidate: Candidate, attribute: str) -> tuple[str, ...]:
        """An attribute for each group in place of one of an attribute's class."""
        index = self.index
        relatives = index.classes[candidate.owner].relatives()

        def is_taken(name: str) -> bool:
            return (
                bool(index.accesses(name))
                or name in index.mentions.quoted
                or any(name in each.names or name in self._given[each.node] for each in relatives)
                or any(index.mentions.computed(name))
            )

        stem = attribute
        if stem.startswith("__"):  # the branches of what is private by its name are so by custom
            stem = f"_{stem.strip('_') or 'conv'}"
        names = fresh_series(stem, candidate.groups or 0, is_taken)
        if names is None:
            raise Refusal("all names for its branches may be taken by other attributes")
        self._given[candidate.owner].update(names)
        return names


def style_of(site: Site, options: Options) -> Style:
    """The style that is asked for at a site: by a comment, or else by the options."""
    return (site.asked.style if site.asked is not None else None) or options.style


def _check_alike(candidates: list[Candidate]) -> None:
    """See that one way of calling fits all convolutions that an attribute may hold."""
    known = {each.numbers is not None for each in candidates}
    sizes = {(each.conv, each.in_channels, each.groups) for each in candidates}
    are_symbolic = known == {False} and all(None in each[1:] for each in sizes)
    if len(known) > 1 or (len(sizes) > 1 and not are_symbolic):
        raise Refusal(
            f"self.{candidates[0].attribute} is assigned convolutions that differ in class,"
            " in_channels or groups"
        )


@kept
def _returns(source: Source, function: ast.FunctionDef) -> bool:
    """Whether a return stands in a function."""
    return any(isinstance(each, ast.Return) for each in walk(function))
