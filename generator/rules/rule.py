"""What a rule is: it finds one construct by the facts, and says what is to stand in its place.

A rule is a module with the members of ``Rule``, named in ``RULES``. Its docstring shows the
construct before and after.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from ..facts.facts import Facts
from ..facts.seen import SeenHere, seen_in
from ..outcome import Finding, FindingStatus, Obstacle, Warning
from ..reading.classes import classes_of
from ..reading.directives import Directives
from ..reading.source import Source
from ..reading.spelling import can_import_torch, spell
from ..rewriting.apply import Rewrite
from ..rewriting.edits import Edit, TextEdit

if TYPE_CHECKING:
    from ..rewriting.templating import Templates
    from .carrying import Carrying

Node = TypeVar("Node", bound=ast.expr)
"""What a construct is in the tree."""
_SEEN: Final = " (as seen in a run)"
_TOO_LARGE: Final = "the file is too large for what happens in it to be known"


class Left(Exception):
    """A construct stays as it is.

    Args:
        reason: why, for the user.
        node: what makes it so, whose line is said.
        obstacle: what kind of reason it is.

    Attributes:
        line: that line; 0 where it is the construct itself.
    """

    def __init__(
        self, reason: str, node: ast.AST | None = None, obstacle: Obstacle = "not proven"
    ) -> None:
        self.obstacle = obstacle
        self.line: int = getattr(node, "lineno", 0)
        super().__init__(f"{reason} (line {self.line})" if self.line else reason)


class NotKnown(Left):
    """A construct stays as it is since it is not known what something is; its project may tell."""


@dataclass(frozen=True)
class Proposal:
    """What is to stand in place of a construct.

    Attributes:
        shown: the same for a message.
        edits: what changes.
        imports: the modules that the edits need and the source does not import.
        warnings: what else the user should know.
    """

    shown: str
    edits: tuple[Edit, ...]
    imports: tuple[str, ...] = ()
    warnings: tuple[Warning, ...] = ()


@dataclass(frozen=True)
class Asking:
    """What a rule may ask of a source.

    Attributes:
        source: its text and tree.
        facts: what may happen in it.
        directives: the comments that leave something alone, of those that hold for the rule.
        templates: what code is rendered from.
        others: all other rules in it, for the one that says what none of them is about.
        carried: the constructs whose new code takes what a split convolution gives in parts.
        asks_run: whether what was seen in a run tells as well.
    """

    source: Source
    facts: Facts
    directives: Directives
    templates: Templates
    others: tuple[Finder, ...] = ()
    carried: dict[ast.AST, Carrying] = field(default_factory=dict, compare=False)
    asks_run: bool = False

    @property
    def seen(self) -> SeenHere | None:
        """What was seen in a run, for what is not known of an expression otherwise."""
        return seen_in(self.source) if self.asks_run else None

    def with_run(self) -> Asking | None:
        """The same with what was seen in a run; None where nothing was."""
        return replace(self, asks_run=True) if self.source.seen else None

    def is_of_others(self, node: ast.AST) -> bool:
        """Whether another rule is about an expression."""
        return any(each.means(node) for each in self.others)

    def in_project(self) -> Asking:
        """The same, with what the source uses of its project: it takes a while."""
        from ..grouped_conv.source_facts import facts_of_source  # slow to import

        return replace(self, facts=facts_of_source(classes_of(self.source)))

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

    def keep_comments(self, node: ast.expr | ast.stmt, *parts: ast.expr) -> None:
        """See that no comment is lost where only parts of a node stay.

        Raises:
            Left: one stands in the node, but in none of the parts.
        """
        start, end = self.source.span(node)
        for part in sorted(map(self.source.span, parts)):
            if "#" in self.source.text[start : part.start]:
                raise Left("a comment in it would be lost")
            start = part.end
        if "#" in self.source.text[start:end]:
            raise Left("a comment in it would be lost")

    def called(self, node: ast.expr, path: str, arguments: Sequence[ast.expr | str]) -> Proposal:
        """A call of something of torch in place of an expression.

        Args:
            node: the expression.
            path: of what is called.
            arguments: parts of the expression, which keep their text, and code.

        Raises:
            Left: it cannot be named where the expression stands, or a comment would be lost.
        """
        function, imports = self.spelled(path, node)
        parts = [each for each in arguments if isinstance(each, ast.expr)]
        self.keep_comments(node, *parts)

        def emit(*codes: str) -> str:
            rest = iter(codes)
            given = [
                each if isinstance(each, str) else _argument(each, next(rest)) for each in arguments
            ]
            value = {"function": function, "arguments": given}
            return self.templates.render("call.py.jinja", "expression", value)

        given = (each if isinstance(each, str) else self.source.shown(each) for each in arguments)
        shown = f"{function}({', '.join(given)})"
        return Proposal(shown, (TextEdit(node, parts[0], emit, tuple(parts[1:])),), imports)


def _argument(node: ast.expr, code: str) -> str:
    """The code of an expression as an argument."""
    return f"({code})" if isinstance(node, (ast.Yield, ast.YieldFrom)) else code


class Rule(Protocol[Node]):
    """Finds one construct and says what is to stand in its place."""

    CODE: str

    def may_apply(self, text: str) -> bool:
        """Whether a text is worth a closer look; cheap, and never wrongly False."""

    def sites(self, source: Source) -> Iterable[Node]:
        """The expressions that may be the construct, by the way they are written."""

    def is_meant(self, asking: Asking, node: Node) -> bool:
        """Whether one of them may be the construct, by the facts."""

    def propose(self, asking: Asking, node: Node) -> Proposal:
        """What is to stand in its place.

        Raises:
            Left: nothing can; the reason is for the user.
        """


class Finder:
    """A rule in one source: each construct by itself.

    Args:
        rule: the rule.
        nodes: the expressions that may be its construct.
        asking: what it may ask.
    """

    def __init__(self, rule: Rule[Any], nodes: Sequence[ast.expr], asking: Asking) -> None:
        self.directives = asking.directives
        self._rule = rule
        self._nodes = nodes
        self.asking = asking
        self._warnings: list[Warning] = []
        self._meant: dict[ast.AST, bool | None] = dict.fromkeys(nodes)
        self._seen: set[ast.AST] = set()
        self.code = rule.CODE

    def means(self, node: ast.AST) -> bool:
        """Whether the rule is about an expression."""
        if node not in self._meant:
            return False
        found = self._meant[node]
        if found is None:
            found = self._rule.is_meant(self.asking, node)
            running = None if found else self.asking.with_run()
            if running is not None and self._rule.is_meant(running, node):
                found = True
                self._seen.add(node)
            self._meant[node] = found
        return found

    def free(self) -> list[ast.expr]:
        """What the rule is about, but for what a comment leaves alone."""
        return [
            each
            for each in self._nodes
            if self.asking.facts.is_complete
            and self.means(each)
            and not (self.directives.skip(each) or self.directives.forbids(each))
        ]

    def warnings(self) -> list[Warning]:
        """What the user should know besides of what is rewritten."""
        return self._warnings

    def propose(self, barred: Mapping[ast.AST, str]) -> list[Rewrite]:
        """What the rule does with each, or why it does nothing; there are no weaker forms.

        Where nothing is known that is said of the first.
        """
        if not self.asking.facts.is_complete:
            return [self._left(each, Left(_TOO_LARGE)) for each in [*self._nodes][:1]]
        return [self._outcome(each) for each in self._nodes if self.means(each)]

    def _outcome(self, node: ast.expr) -> Rewrite:
        skip = self.directives.skip(node) or self.directives.forbids(node)
        if skip is not None:
            return self._found(node, "skipped", f": {skip}")
        try:
            if any(isinstance(each, ast.JoinedStr) for each in self.asking.source.ancestors(node)):
                # Before Python 3.12 nobody knows where in it.
                raise Left("it stands in a formatted string")
            own = self.asking.facts.class_of_tensors
            if own is not None:
                raise Left(
                    f"a tensor may be of the class {own.name}, which has methods of its own",
                    own.node,
                )
            proposal = self._proposal(node)
        except Left as reason:
            return self._left(node, reason)
        self._warnings += proposal.warnings
        return self._found(node, "rewritten", f" -> {proposal.shown}", proposal)

    def _proposal(self, node: ast.expr) -> Proposal:
        """What is to stand in place of a construct, by the facts of its file, or else its project.

        What neither tells may have been seen in a run, which is said.

        Raises:
            Left: it stays.
        """
        running, first = self.asking.with_run(), None
        if node not in self._seen:
            try:
                return self._told(self.asking, node)
            except Left as reason:
                if running is None:
                    raise
                first = reason
        assert running is not None, "in which it was seen"
        try:
            proposal = self._told(running, node)
        except Left as reason:
            raise first or reason from None
        return replace(proposal, shown=f"{proposal.shown}{_SEEN}")

    def _told(self, asking: Asking, node: ast.expr) -> Proposal:
        """The same with what was seen in a run, or without.

        Raises:
            Left: it stays.
        """
        try:
            return self._rule.propose(asking, node)
        except NotKnown as reason:
            wider = asking.in_project()
            if not wider.facts.is_complete:
                raise
            try:
                return self._rule.propose(wider, node)
            except Left:
                raise reason from None

    def _left(self, node: ast.expr, reason: Left) -> Rewrite:
        seen = _SEEN if node in self._seen else ""
        return self._found(node, "left", f": {reason}{seen}", obstacle=reason.obstacle)

    def _found(
        self,
        node: ast.expr,
        status: FindingStatus,
        rest: str,
        proposal: Proposal | None = None,
        obstacle: Obstacle | None = None,
    ) -> Rewrite:
        source = self.asking.source
        said = f"{source.shown(node)}{rest}"
        finding = Finding(self.code, *source.place(node), status, said, obstacle)
        if proposal is None:
            return Rewrite((finding,))
        return Rewrite((finding,), proposal.edits, (node,), proposal.imports)
