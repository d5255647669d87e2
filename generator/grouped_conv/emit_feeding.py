"""The edits by which a concatenation takes what split convolutions give part by part."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from ..reading.naming import fresh, names_in, outermost_function
from ..reading.source import Source
from ..rewriting.edits import Edit, TextEdit
from ..rewriting.places import insert_after
from .elementwise import Step
from .feed import Feed

Rendered: TypeAlias = Callable[[str, str], str]
"""What makes a call of a function of the helper, of the codes of its two arguments."""


@dataclass(frozen=True)
class _Emitting:
    """What the edits of one call are made with.

    Attributes:
        source: the source.
        outputs: makes a list of what a module gives, of its code and that of its input.
        each: makes a list of what a layer gives for each of a list.
        taken: the names that a variable must not have.
    """

    source: Source
    outputs: Rendered
    each: Rendered
    taken: set[str]

    def edits(self, feed: Feed, name: str = "") -> Iterator[Edit]:
        """The edits of one call; a name is that of what is taken part by part."""
        if isinstance(feed.place, ast.ListComp):
            yield from self._in_comprehension(feed, feed.place)
            return
        name = name or fresh("outputs", self.taken)
        if feed.passed or feed.target is not None:
            self.taken.add(name)
        yield from self._named(feed, name)
        starred = feed.place is feed.last
        yield from self._applied(feed, starred)
        if isinstance(feed.place, ast.Call) and not starred:
            yield self._extended(feed, feed.place, name)
            if feed.list is not None:
                yield from feed.list.edits(self.source, feed.place)
        if feed.target is not None and feed.is_read:
            whole = f"{feed.target.id} = {self.source.code(feed.cat.func)}({name}, dim=1)"
            statement = self.source.statement(feed.target)
            yield insert_after(self.source, statement, partial(str, whole))

    def _named(self, feed: Feed, name: str) -> Iterator[Edit]:
        """The variables that stand for what is taken part by part."""
        for each in (one for both in feed.passed for one in both):
            yield TextEdit(each, each, lambda code: name)
        if feed.target is not None:
            yield TextEdit(feed.target, feed.target, lambda code: name)
            places = [feed.place] if isinstance(feed.place, ast.Name) else []
            for each in (*places, *feed.more):
                yield TextEdit(each, each, lambda code: f"*{name}")

    def _extended(self, feed: Feed, place: ast.Call, name: str) -> Edit:
        """The list that collects them."""
        assert isinstance(place.func, ast.Attribute), "it is that of append"
        listed = self.source.code(place.func.value)
        method = f"{listed}.append" if feed.list is not None else f"{listed}.extend"
        if feed.target is not None:
            return TextEdit(place, place.args[0], lambda code: f"{method}({name})")
        return TextEdit(place, place.args[0], lambda code: f"{method}({code})")

    def _applied(self, feed: Feed, starred: bool) -> Iterator[Edit]:
        """The call, and the layers behind it."""
        given = feed.call.args[0]
        is_inline = isinstance(given, (ast.Tuple, ast.List))
        star = "*" if starred and not feed.steps and not is_inline else ""
        function = self.source.code(feed.call.func)
        yield TextEdit(feed.call, given, lambda code: f"{star}{self.outputs(function, code)}")
        groups = [*_groups(feed.steps)]
        for group in groups:
            yield self._of_steps(group, "*" if starred and group is groups[-1] else "")

    def _of_steps(self, group: list[Step], star: str) -> Edit:
        """Some layers, one directly behind the other."""
        first, last = group[0], group[-1]
        if not first.is_known:
            layer = self.source.code(first.call.func)
            return TextEdit(first.call, first.given, lambda code: star + self.each(layer, code))
        variable = fresh("output", self.taken)
        code = variable
        for each in group:
            more = [self.source.code(one) for one in each.call.keywords]
            code = f"{self.source.code(each.call.func)}({', '.join([code, *more])})"
        return TextEdit(
            last.call, first.given, lambda given: f"{star}[{code} for {variable} in {given}]"
        )

    def _in_comprehension(self, feed: Feed, place: ast.ListComp) -> Iterator[Edit]:
        """What a comprehension collects: one for each part."""
        given = feed.call.args[0]
        variable = fresh("output", self.taken)
        function = self.source.code(feed.call.func)
        found: list[str] = []

        def element(code: str) -> str:
            found.append(self.outputs(function, code))
            return variable

        yield TextEdit(feed.call, given, element)
        known = [*_known_last(feed.steps)]
        for each in feed.steps[: len(feed.steps) - len(known)]:
            yield TextEdit(each.call, each.given, partial(self._kept, found, variable, each))
        yield TextEdit(
            place, place, lambda code: f"{code[:-1].rstrip()} for {variable} in {found[-1]}]"
        )

    def _kept(self, found: list[str], variable: str, step: Step, _: str) -> str:
        """A layer of a comprehension that all parts go through before the last ones."""
        found.append(self.each(self.source.code(step.call.func), found[-1]))
        return variable


def _known_last(steps: Iterable[Step]) -> Iterator[Step]:
    """The last of some layers, as far as all of them surely are elementwise."""
    for each in reversed([*steps]):
        if not each.is_known:
            return
        yield each


def _groups(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """The layers, with those in one list that a comprehension can apply."""
    group: list[Step] = []
    for each in steps:
        if group and each.is_known and group[-1].is_known and each.given is group[-1].call:
            group.append(each)
            continue
        if group:
            yield group
        group = [each]
    if group:
        yield group


def make_part_edits(source: Source, feed: Feed, name: str) -> Iterator[Edit]:
    """The edits by which a concatenation takes what another one takes, in place of its result.

    Args:
        source: the source.
        feed: the other one, behind which all layers are known.
        name: of the variable that then has the parts.
    """
    given = feed.call.args[0]
    is_display = isinstance(given, (ast.Tuple, ast.List))
    is_direct = feed.place is feed.call

    def parts(_: str, code: str) -> str:
        if is_display and is_direct:
            return code[1:-1].strip().rstrip(",")
        return code if is_display else f"list({code})"

    def never(layer: str, code: str) -> str:
        raise AssertionError("what is not known is refused")

    taken = names_in(outermost_function(source, feed.call))
    yield from _Emitting(source, parts, never, taken).edits(feed, name)


def make_output_edits(
    source: Source, feeds: Iterable[Feed], outputs: Rendered, each: Rendered
) -> Iterator[Edit]:
    """The edits of the calls whose results a concatenation takes one by one.

    Args:
        source: the source.
        feeds: the calls.
        outputs: makes, of the code of a module and that of its input, that of a list of its
            outputs.
        each: makes, of the code of a layer and that of a list, that of a list of what it gives.
    """
    taken: dict[ast.AST, set[str]] = {}
    for feed in feeds:
        function = outermost_function(source, feed.call)
        if function not in taken:
            taken[function] = names_in(function)
        yield from _Emitting(source, outputs, each, taken[function]).edits(feed)
