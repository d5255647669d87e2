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
    from .new_module import NewModules


class Left(Exception):
    """A construct stays as it is.

    Args:
        reason: why, for the user.
        node: what makes it so, whose line is said.
    """

    def __init__(self, reason: str, node: ast.AST | None = None) -> None:
        line = getattr(node, "lineno", 0)
        super().__init__(f"{reason} (line {line})" if line else reason)


@dataclass(frozen=True)
class Proposal:
    """What is to stand in place of a construct.

    Attributes:
        shown: the same for a message.
        edits: what changes.
        imports: the modules that the edits need and the source does not import.
    """

    shown: str
    edits: tuple[Edit, ...]
    imports: tuple[str, ...] = ()


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
        new_modules: the modules that classes are given, by any rule.
    """

    source: Source
    facts: Facts
    directives: Directives
    templates: Templates
    new_modules: NewModules

    def spelled(self, path: str, node: ast.expr | ast.stmt) -> tuple[str, tuple[str, ...]]:
        """A name for something of torch where a node stands, and what is to be imported for it.

        Raises:
            Left: there is none.
        """
        found = spell(self.source, path, node)
        if found is not None:
            return found, ()
        if not can_import_torch(self.source, node):
            raise Left("the name torch stands for something else")
        return path, ("torch",)

    def keep_comments(self, node: ast.expr, part: ast.expr) -> None:
        """See that no comment is lost where only a part of a node stays.

        Raises:
            Left: one stands in the node, but not in the part.
        """
        whole, kept = self.source.span(node), self.source.span(part)
        text = self.source.text
        if "#" in text[whole.start : kept.start] + text[kept.end : whole.end]:
            raise Left("a comment in it would be lost")


class Rule(Protocol):
    """Finds one construct and says what is to stand in its place."""

    CODE: str

    def may_apply(self, text: str) -> bool:
        """Whether a text is worth a closer look; cheap, and never wrongly False."""

    def sites(self, source: Source) -> Iterable[ast.Call]:
        """The expressions that may be the construct, by the way they are written."""

    def is_meant(self, asking: Asking, call: ast.Call) -> bool:
        """Whether one of them may be the construct, by the facts."""

    def propose(self, asking: Asking, call: ast.Call) -> Proposal:
        """What is to stand in its place.

        Raises:
            Left: nothing can; the reason is for the user.
        """


def outcomes(rule: Rule, asking: Asking, sites: Iterable[ast.Call]) -> Iterator[Rewrite]:
    """What a rule does with each of some expressions, or why it does nothing."""
    for call in sites:
        if rule.is_meant(asking, call):
            yield _outcome(rule, asking, call)


def _outcome(rule: Rule, asking: Asking, call: ast.Call) -> Rewrite:
    skip = asking.directives.skip(call) or asking.directives.forbids(call)
    if skip is not None:
        return Rewrite(finding(rule, asking.source, call, "skipped", f": {skip}"))
    try:
        if any(isinstance(each, ast.JoinedStr) for each in asking.source.ancestors(call)):
            raise Left("it stands in a formatted string")  # before Python 3.12 nobody knows where
        proposal = rule.propose(asking, call)
    except Left as reason:
        return Rewrite(finding(rule, asking.source, call, "left", f": {reason}"))
    found = finding(rule, asking.source, call, "rewritten", f" -> {proposal.shown}")
    return Rewrite(found, proposal.edits, proposal.imports)


def finding(
    rule: Rule, source: Source, call: ast.Call, status: FindingStatus, rest: str
) -> Finding:
    """What is said of an expression: itself, and the rest."""
    return Finding(rule.CODE, *source.place(call), status, f"{source.shown(call)}{rest}")
