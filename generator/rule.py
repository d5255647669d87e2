"""What a rule is: one kind of construct that is found, planned and rewritten.

A rule is a module, or a package, with the functions of ``Rule``; it joins by its name in the
tuple ``RULES`` of the pipeline.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from .outcome import Options, Record, Warning
from .reading.classes import ClassIndex
from .reading.source import Source
from .rewriting.edits import Edit

if TYPE_CHECKING:
    from .rewriting.templating import Templates


class Plan(Protocol):
    """What a rule would do in one source."""

    @property
    def records(self) -> tuple[Record, ...]:
        """What is done with each construct, or why not."""

    @property
    def warnings(self) -> tuple[Warning, ...]:
        """What the user should know besides."""

    @property
    def changes(self) -> bool:
        """Whether there is anything to rewrite."""

    @property
    def imports_helper(self) -> bool:
        """Whether the new source imports a helper module."""

    @property
    def blocks(self) -> frozenset[str]:
        """What the new source needs of that."""

    def edits(self, source: Source, templates: Templates) -> Iterable[Edit]:
        """The edits that carry the plan out."""


class Rule(Protocol):
    """Finds one kind of construct and plans what becomes of it."""

    def may_apply(self, text: str, tree: ast.Module) -> bool:
        """Whether a source is worth a closer look; cheap, and never wrongly False."""

    def emitted(self, tree: ast.Module) -> Iterable[ast.stmt]:
        """The statements of a source that the rule has written itself, for others to call."""

    def make_plan(self, index: ClassIndex, options: Options) -> Plan:
        """Decide what becomes of every such construct in a source."""
