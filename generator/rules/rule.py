"""What a rule is: it finds one construct by the facts, and says what is to stand in its place.

A rule is a module with the members of ``Rule``, named in ``RULES``. Its docstring shows the
construct before and after.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..facts.facts import Facts
from ..outcome import Finding, FindingStatus
from ..reading.directives import Directives
from ..reading.source import Source
from ..reading.spelling import can_import_torch, spell
from ..rewriting.edits import Edit

if TYPE_CHECKING:
    from ..rewriting.templating import Templates


@dataclass(frozen=True)
class Rewrite:
    """What a rule found at one place, and the edits that are made there, all or none.

    Attributes:
        finding: what is said of it.
        edits: what changes; nothing where it stays.
        imports: the modules that the edits need and the source does not import.
    """

    finding: Finding
    edits: tuple[Edit, ...] = ()
    imports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asking:
    """What a rule may ask of a source.

    Attributes:
        source: its text and tree.
        facts: what may happen in it.
        directives: the comments that leave something alone, of those that hold for the rule.
        templates: what code is rendered from.
    """

    source: Source
    facts: Facts
    directives: Directives
    templates: Templates

    def finding(self, code: str, node: ast.expr, status: FindingStatus, message: str) -> Finding:
        """What is said of a node."""
        return Finding(code, *self.source.place(node), status, message)

    def spelled(self, path: str, node: ast.expr) -> tuple[str, tuple[str, ...]] | None:
        """A name for something of torch where a node stands, and what is to be imported for it."""
        found = spell(self.source, path, node)
        if found is not None:
            return found, ()
        return (path, ("torch",)) if can_import_torch(self.source, node) else None

    def has_comment_outside(self, node: ast.expr, part: ast.expr) -> bool:
        """Whether a comment stands in a node, but not in a part of it, and so would be lost."""
        whole, kept = self.source.span(node), self.source.span(part)
        text = self.source.text
        return "#" in text[whole.start : kept.start] + text[kept.end : whole.end]


class Rule(Protocol):
    """Finds one construct and says what is to stand in its place."""

    CODE: str

    def may_apply(self, text: str) -> bool:
        """Whether a text is worth a closer look; cheap, and never wrongly False."""

    def sites(self, source: Source) -> Iterable[ast.Call]:
        """The expressions that may be the construct, by the way they are written."""

    def rewrites(self, asking: Asking, sites: Iterable[ast.Call]) -> Iterator[Rewrite]:
        """What is to be done with each, or why nothing is."""
