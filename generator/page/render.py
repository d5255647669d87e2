"""The text of a page, from its templates; all that is not theirs is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from ..outcome import Finding
from .cards import Card, Instances, card, instances
from .contents import Contents, Source
from .highlighting import visible
from .sides import Block, side_by_side

_FILES: Final = resources.files("gencode.templates") / "report"
_OBSTACLES: Final = {
    "not proven": "may not be equal",
    "no form": "no form known",
    "costs parameters": "costs parameters",
}


@dataclass(frozen=True)
class Section:
    """What is shown of one source.

    Attributes:
        number: of it on the page, from 1.
        source: the source.
        is_whole: whether it is shown whole.
        instances: the convolutions of the models that were run.
    """

    number: int
    source: Source
    is_whole: bool
    instances: Instances

    @cached_property
    def cards(self) -> list[Card]:
        """What is, or may be, split."""
        file = self.source.file
        return [
            card(each, self.instances.get((file, each.line), ()))
            for each in self.source.result.records
            if each.is_split
        ]

    @cached_property
    def blocks(self) -> list[Block]:
        """The source before and after."""
        if not self.changes:
            return []
        return side_by_side(self.source.before, self.source.after, self.is_whole)

    @property
    def changes(self) -> bool:
        """Whether anything of it does."""
        return self.source.before != self.source.after

    def count(self, *statuses: str) -> int:
        """How many of its convolutions are of some status."""
        return sum(each.status in statuses for each in self.source.result.records)

    @cached_property
    def in_the_way(self) -> list[tuple[int, int, str, str, str]]:
        """What stays in PLiNIO's way: line, column, rule, what is so, and why."""
        result = self.source.readiness
        found = [
            (
                each.line,
                each.column,
                each.code,
                _OBSTACLES.get(each.obstacle or "", ""),
                each.message,
            )
            for each in result.findings
            if each.status == "left"
        ]
        found += [
            (
                each.line,
                each.column,
                "grouped-conv",
                _IN_THE_WAY[each.status],
                _told(each.name, each.detail),
            )
            for each in result.records
            if each.status in _IN_THE_WAY
        ]
        return sorted(found)

    @cached_property
    def rewritten(self) -> list[Finding]:
        """What else is rewritten."""
        return [each for each in self.source.result.findings if each.status == "rewritten"]

    @cached_property
    def could_be(self) -> list[Finding]:
        """What would be rewritten besides, with all rules."""
        done = {(each.code, each.line, each.column) for each in self.source.result.findings}
        found = (each for each in self.source.readiness.findings if each.status == "rewritten")
        return [each for each in found if (each.code, each.line, each.column) not in done]

    @property
    def is_split(self) -> bool:
        """Whether anything in it changes, or was to be split and is not."""
        statuses = ("split", "may be split", "left", "skipped")
        return self.changes or self.count(*statuses) > 0 or bool(self.rewritten)

    @property
    def matters(self) -> bool:
        """Whether there is anything to show of it."""
        result = self.source.result
        said = (result.records, result.findings, result.warnings, self.in_the_way, self.could_be)
        return self.is_split or any(said)


_IN_THE_WAY: Final = {"left": "not split", "function": "a function call"}


def _told(name: str, detail: str) -> str:
    return f"{name}: {detail}"


def html(contents: Contents) -> str:
    """The text of a page."""
    found = instances(contents.proofs)
    sections = [
        Section(number, each, contents.is_whole, found)
        for number, each in enumerate(contents.sources, 1)
    ]
    environment = Environment(
        loader=FunctionLoader(lambda name: (_FILES / name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters["number"] = _number
    template = environment.get_template("page.html")
    return template.render(
        page=contents,
        shown=[each for each in sections if each.is_split],
        others=[each for each in sections if each.matters and not each.is_split],
        quiet=[each for each in sections if not each.matters],
        totals=_totals(sections),
    )


def _totals(sections: Sequence[Section]) -> dict[str, int]:
    """How many convolutions are what, and how many places else."""
    return {
        "split": sum(each.count("split") for each in sections),
        "may be split": sum(each.count("may be split") for each in sections),
        "not split": sum(each.count("left") for each in sections),
        "skipped": sum(each.count("skipped") for each in sections),
        "kept": sum(each.count("kept") for each in sections),
        "rewritten": sum(len(each.rewritten) for each in sections),
        "could be": sum(len(each.could_be) for each in sections),
        "in the way": sum(len(each.in_the_way) for each in sections),
    }


def _finalized(value: object) -> object:
    """What is put into a page: a text of the user's with all that hides in it to be seen."""
    return visible(value) if type(value) is str else value


def _number(value: float) -> str:
    """A number as it is read best."""
    if isinstance(value, int):
        return Markup(f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"))
    if not value:
        return "0"
    digits, _, exponent = f"{value:.1e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits}\N{MULTIPLICATION SIGN}10{raised}"
