"""Tell for each site what it builds, as far as the source alone tells it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from ..reading.classes import ClassIndex
from ..reading.convolutions import SIZES, ConvClass, kind_of
from ..reading.parts import walk
from .find import Site
from .functional import has_weight_of_no_module
from .numbers import Numbers
from .source_facts import is_never_called
from .unpacked import never_given_groups


@dataclass(frozen=True)
class Candidate:
    """A grouped convolution that is assigned to an attribute of ``self``.

    Attributes:
        site: where it is built.
        statement: the assignment.
        target: what it assigns to.
        owner: the class.
        attribute: the name.
        conv: the class of torch.
        in_channels, out_channels, groups: as passed to it.
        is_seen: whether that is so only as far as it was seen in a run.
    """

    site: Site
    statement: ast.Assign | ast.AnnAssign
    target: ast.Attribute
    owner: ast.ClassDef
    attribute: str
    conv: ConvClass
    in_channels: int
    out_channels: int
    groups: int
    is_seen: bool = False

    @property
    def numbers(self) -> tuple[int, int, int]:
        """in_channels, out_channels and groups."""
        return self.in_channels, self.out_channels, self.groups


@dataclass(frozen=True)
class Verdict:
    """Why a site is not to be split: it needs no change, or it stays for a reason."""

    status: Literal["kept", "left", "skipped", "function"]
    reason: str


@dataclass(frozen=True)
class Deferred:
    """A convolution to be split where it is built, since it cannot be written out.

    Attributes:
        site: where it is built.
        reason: why it cannot be written out.
        numbers: its in_channels, out_channels and groups, where they are known.
    """

    site: Site
    reason: str
    numbers: tuple[int, int, int] | None = None


_DEPTHWISE = Verdict("kept", "depthwise, which PLiNIO takes as it is")
_DEPTHWISE_OR_PLAIN = Verdict("kept", "depthwise or plain")
_NEVER_CALLED = Verdict("kept", "never called")
_NO_MODULE = Verdict("function", "its weight belongs to no module")


def classify(numbers: Numbers, site: Site) -> Candidate | Deferred | Verdict | None:
    """Say what a site is; None for a plain convolution, of which nothing is to be said."""
    conv, named = site.conv, site.conv or site.named_like
    if named is not None and numbers.is_spelt_alike(site, named):
        return _DEPTHWISE
    if conv is not None or getattr(site.indirect, "kind", "") == "held":
        caller = never_given_groups(numbers.index, site)
        if caller:
            return Verdict("kept", f"no call of {caller} here passes groups")
    if conv is None:
        return _classify_indirect(numbers, site)
    groups = _known(numbers, site, "groups", default=1)
    if groups == 1:
        return None
    if is_never_called(numbers.index, site.call):
        return _NEVER_CALLED
    kinds = numbers.kinds(site, conv) if groups is None else set()
    if kinds == {"plain"}:
        return None
    if kinds:
        return _DEPTHWISE if kinds == {"depthwise"} else _DEPTHWISE_OR_PLAIN
    if conv.lazy:
        return _left("a lazy convolution learns its in_channels only when it is called")
    in_channels = _known(numbers, site, "in_channels")
    out_channels = _known(numbers, site, "out_channels")
    if len(site.call.args) > len(conv.parameters):
        return _left("torch refuses it: it takes fewer arguments")
    for name in SIZES:
        if numbers.is_no_int(site.arguments.by_name.get(name)):
            return _left(f"torch refuses it: {_unknown(numbers, site, name)}")
    if groups is None or in_channels is None or out_channels is None:
        name = "in_channels" if in_channels is None else "out_channels"
        return Deferred(site, _unknown(numbers, site, "groups" if groups is None else name))
    known = in_channels, out_channels, groups
    if kind_of(conv, *known) == "depthwise":
        return _DEPTHWISE
    obstacle = _invalid(conv, *known)
    if obstacle:
        return _left(obstacle)
    return candidate(numbers.index, site, conv, known)


def _classify_indirect(numbers: Numbers, site: Site) -> Deferred | Verdict | None:
    indirect = site.indirect
    assert indirect is not None, "every site has a class or is indirect"
    if _known(numbers, site, "groups") == 1:
        return None
    if indirect.kind == "refused":
        if indirect.is_function and has_weight_of_no_module(numbers.index, site.call):
            return _NO_MODULE
        return _left(indirect.reason)
    shown = numbers.index.source.shown(site.call.func)
    subclass = indirect.subclass
    if subclass is not None and indirect.kind == "held":
        name = f"{subclass.node.name}, a subclass of {subclass.base}"
        return Deferred(site, f"{shown} may be {name}")
    if subclass is not None:
        return Deferred(site, f"{shown} is a subclass of {subclass.base}")
    if indirect.kind == "partial":
        return Deferred(site, "a partial builds it only when it is called")
    return Deferred(site, indirect.reason or f"only if {shown} is a class of torch")


def _invalid(conv: ConvClass, in_channels: int, out_channels: int, groups: int) -> str:
    """Why torch does not construct it, if so."""
    if min(in_channels, out_channels, groups) < 1:
        return f"torch refuses it: {groups} groups, {in_channels} to {out_channels} channels"
    if kind_of(conv, in_channels, out_channels, groups) == "invalid":
        return (
            f"torch refuses it: groups={groups} does not divide"
            f" in_channels={in_channels} and out_channels={out_channels}"
        )
    return ""


def candidate(
    index: ClassIndex,
    site: Site,
    conv: ConvClass,
    numbers: tuple[int, int, int],
) -> Candidate | Deferred:
    """A grouped convolution whose numbers are known, and whether it may be written out."""
    statement = index.source.parent(site.call)
    target = self_target(index, statement)
    if target is None or not isinstance(statement, (ast.Assign, ast.AnnAssign)):
        reason = "not of the form self.x = nn.Conv2d(...)"
    elif site.arguments.starred:
        reason = "its arguments are in *args"
    elif any(isinstance(node, ast.NamedExpr) for node in walk(site.call)):
        reason = "one of its arguments binds a name"
    else:
        owner, attribute = target
        return Candidate(site, statement, attribute, owner, attribute.attr, conv, *numbers)
    return Deferred(site, reason, numbers)


def as_deferred(found: Candidate, reason: str) -> Deferred:
    """One that is not written out after all: what was only seen of it does not count then."""
    return Deferred(found.site, reason, None if found.is_seen else found.numbers)


def single_target(statement: ast.AST) -> ast.expr | None:
    """What a statement assigns to, where it is an assignment to one target."""
    if isinstance(statement, ast.AnnAssign):
        is_bare = statement.target.col_offset == statement.col_offset  # not ``(self.a): T = b``
        return statement.target if is_bare else None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return statement.targets[0]
    return None


def self_target(index: ClassIndex, statement: ast.AST) -> tuple[ast.ClassDef, ast.Attribute] | None:
    """The class, and the attribute of ``self`` that a statement assigns to and nothing else."""
    target = single_target(statement)
    owner = index.self_class(target.value) if isinstance(target, ast.Attribute) else None
    if owner is None or not isinstance(target, ast.Attribute):
        return None
    return owner, target


def _known(numbers: Numbers, site: Site, name: str, default: int | None = None) -> int | None:
    expression = site.arguments.by_name.get(name)
    if expression is None:
        hidden = site.arguments.starred or site.arguments.double_starred
        return None if hidden else default
    return numbers.known_int(expression)


def _left(reason: str) -> Verdict:
    return Verdict("left", reason)


def _unknown(numbers: Numbers, site: Site, name: str) -> str:
    expression = site.arguments.by_name.get(name)
    if expression is None:
        return f"{name} may be in *args or **kwargs"
    shown = f"{name}={numbers.index.source.shown(expression)}"
    is_no_int = numbers.is_no_int(expression)
    return f"{shown} is {'not an int' if is_no_int else 'known only at run time'}"
