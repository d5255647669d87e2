"""A source among the files of its project: what may happen there to what it builds.

What another file does counts as if it stood in the source. Tests and scripts run no model but
their own: what they do is said, and keeps nothing from being split.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from functools import cached_property, partial
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.project import Module
from ..facts.values import Instance, Value, Values
from ..outcome import Warning
from ..project_files import location_of
from ..reading.classes import ClassIndex
from ..reading.kept import kept
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, assigned_value
from ..reading.source import Source
from .find import Site
from .norms.kinds import may_be_split, seems_a_norm
from .reached import expressions, reached
from .source_facts import facts_of_source, index_of

_MOST_READERS: Final = 12
"""How many other files are followed."""
_LONGEST: Final = 100_000
"""How many characters of them are."""
_CHANGES: Final = (
    r"\b(setattr|delattr|_modules|register\w*hook|MethodType|__get__)\b|\bprune\.|\bquantiz"
    r"|\.forward\s*=|\b(named_(modules|parameters|buffers)|modules)\("
)
"""What code of other files may do to modules that it does not name."""
_PATCHES: Final = re.compile(
    r"\bnn\.\w*(Conv|Norm)\w*(\.\w+)?\s*=[^=]|\bsetattr\(\s*[\w.]*\bnn\.\w*(Conv|Norm)"
)
"""What changes a class of torch itself."""
_WALKS: Final = re.compile(r"\.(named_)?(modules|parameters|buffers|children)\(|\bstate_dict\(")
"""What a function has that goes over what it is given."""
_TAKING: Final = ("item", "iterate", "write", "escape")
"""What may be done with items of a list."""


class Surroundings:
    """The facts of a source, and of the files that speak of what it builds.

    Attributes:
        index: of the source.
        sites: what it builds that may be grouped.
        not_followed: how many files use that, where they are too many or too much to follow.

    Args:
        index: likewise.
        sites: likewise.
        with_plain: whether the plain convolutions beside those matter as well.
    """

    def __init__(self, index: ClassIndex, sites: Iterable[Site], with_plain: bool = False) -> None:
        self.sites = [*sites]
        self._with_plain = with_plain
        self.not_followed = 0
        self.index = index
        self._source = index.source
        around = [each for site in self.sites for each in self._source.ancestors(site.call)]
        self._found: dict[ast.AST, Other | None] = {}
        self._classes = [each for each in around if isinstance(each, ast.ClassDef)]
        defined = {each.name for each in around if isinstance(each, (*FUNCTIONS, ast.ClassDef))}
        self._defined = defined - {"__init__", "forward"}

    @cached_property
    def facts(self) -> Facts:
        """What may happen in the source, and in the files that speak of what it builds."""
        facts = facts_of_source(self.index)
        if self._modules and not facts.add(self._modules):
            self._give_up()
        return facts

    @property
    def is_whole(self) -> bool:
        """Whether all files of the project were looked at for who uses what is built."""
        location = location_of(self._source)
        return location is None or location.files.is_whole

    def _give_up(self) -> None:
        self.not_followed = len(self._modules)
        self._modules = {}

    @cached_property
    def others(self) -> list[Other]:
        """The other files that speak of what the source builds, and what all use of others."""
        own = self.facts.modules[0]
        read = dict.fromkeys((*self._modules, *self.facts.project.handed_out))
        return [Other(each) for each in read if each is not own]

    @property
    def has_others(self) -> bool:
        """Whether there are other files that speak of what the source builds."""
        return bool(self._modules)

    @cached_property
    def _modules(self) -> Mapping[Module, Callable[[ast.stmt], bool]]:
        """The files that speak of what the source builds, and which of their statements do."""
        names = "|".join(map(re.escape, sorted(self._attributes))) or "weight"
        location = location_of(self._source) if self.sites else None
        # Its own attributes are another class's, unless that inherits from what is built.
        does = re.compile(rf"(?<!\bself)\.({names})\b|{_CHANGES}")
        found = self._readers(self._defined, does)
        self._add_users(found, does)
        for each in location.files.containing(_PATCHES) if location is not None else ():
            found.setdefault(each, partial(_patches, each))
        if len(found) <= _MOST_READERS and _length(found) <= _LONGEST:
            return found
        self.not_followed = len(found)
        return {}

    def _readers(
        self, names: Collection[str], does: re.Pattern[str]
    ) -> dict[Module, Callable[[ast.stmt], bool]]:
        location = location_of(self._source)
        if location is None or not self.sites:
            return {}
        found = location.files.readers(location.path, names, does)
        return {each: partial(_may_matter, each, matters) for each, matters in found.items()}

    def _add_users(
        self, found: dict[Module, Callable[[ast.stmt], bool]], does: re.Pattern[str]
    ) -> None:
        """Add the files that have what builds what is built, as long as that is not too much."""
        names = {*self._defined}
        definitions = (*FUNCTIONS, ast.ClassDef)
        own = [each for each in self._source.tree.body if isinstance(each, definitions)]
        words = {each.name: {*re.findall(r"\w+", self._source.code(each))} for each in own}
        while more := {name for name in words.keys() - names if words[name] & names}:
            names |= more
        for each, matters in self._readers(names - self._defined, does).items():
            both = {**found, each: matters}
            if each not in found and len(both) <= _MOST_READERS and _length(both) <= _LONGEST:
                found[each] = matters

    @cached_property
    def _attributes(self) -> set[str]:
        """The attributes that are given what is built, or what matters beside it.

        That is what may be a norm, and plain convolutions where they may be split as well.
        """
        facts = facts_of_source(self.index)
        made = (facts.made_by(each.call) for each in self.sites)
        held = {one for each in made for one in reached(self.index, facts, each).attributes}
        owners = {owner for owner, _ in held} if self._with_plain else set()
        beside = {
            each.attr
            for each in self._source.nodes
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
            if self.index.self_class(each.value) in owners and self._may_be_conv(facts, each)
        }
        return (
            {name for _, name in held}
            | beside
            | {
                target.attr
                for cls in self._classes
                for each in ast.walk(cls)
                if isinstance(each, ast.Assign)
                for target in each.targets
                if isinstance(target, ast.Attribute)
                if seems_a_norm(self.index, each.value, target.attr)
            }
        )

    def _may_be_conv(self, facts: Facts, target: ast.Attribute) -> bool:
        """Whether an attribute may be given a convolution."""
        value = assigned_value(self._source.parent_of, target)
        found = facts.values(value) if value is not None else ()
        return any(getattr(each, "kind", "") in torch_api.CONVOLUTIONS for each in found)

    # --- what other files do -----------------------------------------------------------------

    def naming(self, defined: str, name: str) -> Iterator[Other]:
        """The other files that name something where they speak of what the source defines."""
        location = location_of(self._source)
        if location is not None:
            does = re.compile(rf"\b{re.escape(name)}\b")
            found = map(Other, location.files.readers(location.path, {defined}, does))
            yield from (each for each in found if not each.module.runs_apart)

    def expressions(self, made: Values) -> Iterator[tuple[Other, list[ast.expr]]]:
        """For each other file, what in it may be one of some objects."""
        found: dict[Other, dict[ast.expr, None]] = {}
        for node in expressions(self.facts, made):
            other = self.other(node)
            if other is not None and other.index.self_class(node) is None:
                found.setdefault(other, {})[node] = None
        for other, nodes in found.items():
            yield other, [*nodes]

    def uses_attribute(
        self, owner: ast.ClassDef, name: str, known: Collection[ast.AST] = ()
    ) -> str:
        """Where another file uses or sets an attribute of a class, as reasons say it, if any does.

        What is in it counts too, if it is a list; ``known`` are uses that do not matter.
        """
        if not self._modules:
            return ""
        uses = self.facts.uses_of_instances(owner)
        writes = [each.node for each in uses if each.kind == "write" and each.name in (name, "*")]
        loose = self.facts.loose(name)
        writes += (each for each in loose if not isinstance(each.ctx, ast.Load))
        found = next(filter(None, map(self._place, writes)), "")
        return found or self.uses_any(self.facts.attribute(owner, name), known)

    def uses_any(self, values: Values, known: Collection[ast.AST] = ()) -> str:
        """Where another file uses a module among some values, or in a list among them, if any."""
        if not self._modules:
            return ""
        held = frozenset(filter(may_be_split, self.facts.with_items(values)))
        for other, found in sorted(self.expressions(held), key=lambda each: each[0].module.file):
            nodes = [each for each in found if each not in known and not other.only_gives(each)]
            if nodes and not other.module.runs_apart:
                return other.index.source.line(min(nodes, key=other.index.source.span))
        return ""

    def changes_items(self, node: ast.expr) -> str:
        """Where another file takes items of what an expression gives, or changes them, if any."""
        if not self._modules:
            return ""
        uses = (use for value in self.facts.values(node) for use in self.facts.uses(value))
        changes = (each.node for each in uses if each.kind in _TAKING)
        return next(filter(None, map(self._place, changes)), "")

    def index_of(self, node: ast.AST) -> ClassIndex:
        """The classes of the source that a node stands in."""
        other = self.other(node)
        return other.index if other is not None else self.index

    def source_of(self, node: ast.AST) -> Source:
        """The source that a node stands in."""
        return self.index_of(node).source

    def warning(self, node: ast.expr | ast.stmt, message: str, at: ast.expr) -> Warning:
        """A warning of a place; where that is in another file, at one that it is about."""
        source = self.source_of(node)
        if source is self._source:
            return Warning(*source.place(node), message)
        return Warning(*self._source.place(at), f"{source.line(node)}: {message}")

    def may_go_over(self, walked: Value) -> bool:
        """Whether what a walk over a module goes over may be of the source, wherever it stands."""
        site = getattr(walked, "site", None)
        other = self.other(site) if isinstance(site, ast.AST) else None
        if not isinstance(site, ast.AST) or other is None or self._matters(other, site):
            return True
        receiver, own = getattr(getattr(site, "func", None), "value", None), self.facts.modules[0]
        return isinstance(receiver, ast.expr) and any(
            isinstance(each, Instance) and each.cls.module is own
            for each in self.facts.values(receiver)
        )

    def _matters(self, other: Other, node: ast.AST) -> bool:
        """Whether a node stands in what speaks of what is built in another file."""
        matters, statement = self._modules.get(other.module), other.statement(node)
        return matters is not None and statement is not None and matters(statement)

    def _place(self, node: ast.AST) -> str:
        """Where a node stands in another file, as reasons say it; empty for one of the source."""
        other = self.other(node)
        return other.index.source.line(node) if other and not other.module.runs_apart else ""

    def other(self, node: ast.AST) -> Other | None:
        """The other file that a node stands in; None for one of the source."""
        if self._source.has(node):
            return None
        if node not in self._found:
            self._found[node] = next((each for each in self.others if each.has(node)), None)
        return self._found[node]


class Other:
    """Another file of the project.

    Attributes:
        module: the file as a module.
    """

    def __init__(self, module: Module) -> None:
        self.module = module

    @property
    def index(self) -> ClassIndex:
        """What it has."""
        return index_of(self.module)

    def has(self, node: ast.AST) -> bool:
        """Whether a node is one of it."""
        return self.statement(node) is not None

    def only_gives(self, node: ast.expr) -> bool:
        """Whether it does nothing with what a call gives but to return it."""
        return isinstance(node, ast.Call) and isinstance(self.index.source.parent(node), ast.Return)

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The statement of the module itself that a node stands in; None for one of another."""
        line = getattr(node, "lineno", 0)
        around = (
            each for each in self.module.tree.body if _first(each) <= line <= (each.end_lineno or 0)
        )
        return next((each for each in around if node in _inside(self.module, each)), None)


@kept
def _inside(module: Module, statement: ast.stmt) -> Set[ast.AST]:
    return frozenset(walk(statement))


def _may_matter(module: Module, matters: Callable[[ast.stmt], bool], node: ast.stmt) -> bool:
    """Whether a statement of a module speaks of what is built, or may go over any model."""
    is_function = isinstance(node, FUNCTIONS) and bool(node.args.args)
    return matters(node) or (is_function and _WALKS.search(module.code(node)) is not None)


def _patches(module: Module, node: ast.stmt) -> bool:
    """Whether a statement of a module changes a class of torch."""
    return _PATCHES.search(module.code(node)) is not None


def _length(modules: Mapping[Module, Callable[[ast.stmt], bool]]) -> int:
    """How many characters some modules have of what matters in them."""
    return sum(
        len(module.code(each))
        for module, matters in modules.items()
        for each in module.tree.body
        if matters(each)
    )


def _first(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(each.lineno for each in decorators)])
