"""What is told of each convolution."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from ..codes import SOURCE_SPLIT
from ..outcome import Finding, FindingStatus, Record, Size
from ..reading.classes import ClassIndex
from ..reading.convolutions import SIZES, ConvClass
from ..reading.naming import mangled
from .built.helper import function_of
from .built.plan import BuiltPlan, Line, Way
from .built.sources import Sources
from .classify import Deferred, Verdict, self_target, single_target
from .find import Site
from .numbers import Numbers
from .tracing import is_by_filter
from .written import Written

_KERNEL: Final = "kernel_size"


def left(index: ClassIndex, site: Site, verdict: Verdict) -> Record:
    """The record of a convolution that stays as it is."""
    line, column = index.source.place(site.call)
    is_function = verdict.status == "function"
    name = index.source.shown(site.call.func) if is_function else name_of(index, site)
    return Record(line, column, name, verdict.status, verdict.reason)


def split_when_built(index: ClassIndex, deferred: Deferred, plan: BuiltPlan) -> Record:
    """The record of a convolution that is split once it is built."""
    site = deferred.site
    ways = plan.ways[site.call]
    by_multiplier = any(each.has("multiplier") for each in ways)
    norms = dict.fromkeys(plan.norms(site.call))
    norm = f", with {' and '.join(norms)} in each" if norms else ""
    notes = [*_asked(site), *([deferred.reason] if deferred.reason else [])]
    if is_by_filter(site):
        notes.append("PLiNIO takes no subclass")
    line, column = index.source.place(site.call)
    if all(each.change is None for each in ways):
        skips = "; ".join(dict.fromkeys(each.note for each in ways))
        return left(index, site, Verdict("skipped", skips))
    return Record(
        line,
        column,
        name_of(index, site),
        "split" if _is_grouped(index, site) else "may be split",
        f"{_how(deferred, ways, by_multiplier)}{norm}",
        style="built",
        note="; ".join([*notes, *plan.notes[site.call]]),
        size=_shown_size(
            index,
            site,
            deferred.numbers,
            tuple(norms),
            any(each.has("multiplier") for each in ways),
        ),
    )


def flattened(index: ClassIndex, plan: BuiltPlan) -> Iterator[Finding]:
    """What is told of the concatenations that are made flat through the layers between."""
    source = index.source
    for each in plan.calls.feeds:
        if not each.is_plain:
            what = f"{source.shown(each.cat)} takes what {source.shown(each.call)} gives in parts"
            yield Finding("flat-cat", *source.place(each.cat), "rewritten", what)


def written_out(index: ClassIndex, written: Written) -> Record:
    """The record of a convolution that is written out."""
    candidate = written.candidate
    line, column = index.source.place(candidate.site.call)
    norms = (f"self.{written.norm.attribute}",) if written.norm else ()
    norm = f", with {norms[0]} in each" if norms else ""
    return Record(
        line,
        column,
        name_of(index, candidate.site),
        "split",
        f"{_size(candidate.conv, candidate.numbers)}{norm} ({written.style})",
        style=written.style,
        owner=candidate.owner.name,
        attribute=mangled(candidate.owner, candidate.attribute),
        branches=written.paths,
        note="; ".join([*_asked(candidate.site), *([written.note] if written.note else [])]),
        size=_shown_size(index, candidate.site, candidate.numbers, norms),
    )


def of_sources(index: ClassIndex, plan: BuiltPlan, sources: Sources | None) -> Iterator[Finding]:
    """What is told of the plain convolutions that are split before grouped ones, and of others."""

    def found(call: ast.Call, status: FindingStatus, rest: str) -> Finding:
        target = self_target(index, index.source.parent(call))
        name = f"{target[0].name}.{target[1].attr}" if target else index.source.shown(call)
        return Finding(SOURCE_SPLIT, *index.source.place(call), status, f"{name}{rest}")

    for call in plan.sources:
        for line in (each.change for each in plan.ways[call]):
            assert isinstance(line, Line)
            norm = f" and {line.norm}" if line.norm else ""
            said = f"{line.code}{norm} in parts by {line.slices}"
            yield found(call, "rewritten", f" -> {said}, when built")
    for call, reason in sources.left.items() if sources is not None else ():
        yield found(call, "left", f": {reason}")
    for call, reason in sources.skipped.items() if sources is not None else ():
        yield found(call, "skipped", f": {reason}")


def _is_grouped(index: ClassIndex, site: Site) -> bool:
    """Whether a construction is of a convolution of torch, of more groups than one."""
    groups = site.arguments.by_name.get("groups")
    is_of_torch = site.conv is not None or getattr(site.indirect, "kind", "") != "held"
    number = Numbers(index).known_int(groups)
    return is_of_torch and number is not None and number > 1


def _asked(site: Site) -> list[str]:
    """Who asked for a style, where that is a comment."""
    return [str(site.asked)] if site.asked is not None else []


def name_of(index: ClassIndex, site: Site) -> str:
    """What a person would call a convolution: its attribute, or else the class that is called."""
    statement = index.source.parent(site.call)
    target = self_target(index, statement)
    if target is not None:
        return f"{target[0].name}.{target[1].attr}"
    return index.source.shown(single_target(statement) or site.call.func)


def _how(deferred: Deferred, ways: Sequence[Way], by_multiplier: bool) -> str:
    """How a convolution is split once it is built: into what, or else by which functions."""
    conv = deferred.site.conv
    if conv is not None and deferred.numbers is not None:
        return f"{_size(conv, deferred.numbers, by_multiplier)} (built)"
    changes = [each.change for each in ways if each.change is not None]
    functions = dict.fromkeys(f"{function_of(each.kind)}()" for each in changes)
    into = "into depthwise ones " if by_multiplier else ""
    return f"{into}by {' and '.join(functions)} when built"


def _shown_size(
    index: ClassIndex,
    site: Site,
    numbers: tuple[int, int, int] | None,
    norms: tuple[str, ...],
    by_multiplier: bool = False,
) -> Size:
    """What the source shows of its size, as numbers where they are known."""
    conv, given, names = site.conv or site.named_like, site.arguments.by_name, (*SIZES, _KERNEL)
    shown = {name: index.source.one_line(given[name]) for name in names if name in given}
    if numbers is not None:
        shown.update(zip(SIZES, map(str, numbers), strict=True))
    inputs, outputs, groups, kernel = (shown.get(name, "") for name in names)
    return Size(conv.name if conv else "", inputs, outputs, groups, kernel, norms, by_multiplier)


def _size(conv: ConvClass, numbers: tuple[int, int, int], by_multiplier: bool = False) -> str:
    """What a convolution is split into."""
    inputs, outputs, groups = numbers
    if by_multiplier:
        return f"into {outputs // inputs} depthwise {conv.name} of {inputs} channels"
    return f"into {groups} {conv.name} of {inputs // groups} -> {outputs // groups} channels"
