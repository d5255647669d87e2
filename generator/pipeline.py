"""The pipeline: source text in, split source text out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .codes import OF_GROUPED
from .collector import without_collector
from .gate import may_apply
from .outcome import Finding, Options, Record, Result, SourceError, Warning
from .reading.parsing import check, parse

if TYPE_CHECKING:
    from .project_files import Location
    from .reading.source import Source
    from .rewriting.apply import Proposer, Rewrite
    from .rewriting.templating import Templates
    from .rules.rule import Finder

_DEFAULTS = Options()
_MOST_PASSES = 10
_GROUPED = "grouped-conv"
_HELPER = re.compile(r"\(Branches|\b(Split|split_)[Gg]roups\b")
"""What a text has in it that has a helper of its own, be it of an earlier gencode."""


def split_source(
    text: str, options: Options = _DEFAULTS, location: Location | None = None
) -> Result:
    """Split the grouped convolutions of a model's source.

    The model is neither imported nor run; nothing is written or printed, and nothing but templates
    is read.

    A grouped convolution of an input of shape ``(N, C, ...)`` becomes plain ones of its slices
    ``[:, a:b]``, concatenated along dimension 1: the function stays the same for every batched
    input. An input without a batch dimension, which torch takes too, is refused by the branches.

    Args:
        text: Python source with any line ends, without a byte order mark.
        options: how to split.
        location: where it lies in a project, as ``project_files.Locator`` finds it: what other
            files do with what is split counts as if it stood here. None for a text by itself.

    Returns:
        The new text, what was done with each grouped convolution or why not, and warnings.
        The text is the one given, to the byte, outside the statements that change.

    Raises:
        SourceError: the text is not Python of this interpreter's version, or libcst misreads it;
            or a comment that steers gencode is misspelt. What Python finds wrong only when it
            compiles is looked for where there is a grouped convolution.
        TemplateError: a template of ``options.templates`` is faulty, or it has none.
    """
    return _outcome(text, options, location, rewrites=True)


def list_source(
    text: str, options: Options = _DEFAULTS, location: Location | None = None
) -> Result:
    """Say what ``split_source`` would do, and leave the text as it is.

    Templates are not looked at, but to tell whether a source has a copy of the helper.

    Raises:
        SourceError: the text is not Python of this interpreter's version.
        TemplateError: a template of ``options.templates`` is faulty, or it has none.
    """
    return _outcome(text, options, location, rewrites=False)


def helper_source(options: Options = _DEFAULTS, blocks: frozenset[str] | None = None) -> str:
    """The module that sources import their helper from, where ``options.helper_module`` is given.

    Its first line tells what it is, and whether anybody has changed it since: ``helper_blocks``.

    Args:
        options: how to format it, and with which templates.
        blocks: the parts that it is to have, as ``Result.blocks`` names them; None for all.

    Raises:
        TemplateError: a template of ``options.templates`` is faulty, or it has none.
    """
    from . import grouped_conv
    from .rewriting.formatting import Formatter
    from .rewriting.templating import Templates

    blocks = grouped_conv.ALL_BLOCKS if blocks is None else blocks
    code = grouped_conv.helper_source(Templates(options.templates), blocks)
    lines = Formatter(options.black, "    ", "\n", whole=code).statements(code, "")
    text = "\n".join([*lines, ""])
    return f"{_heading(text)}\n{text}"


def helper_blocks(text: str) -> frozenset[str] | None:
    """The parts that a module has which ``helper_source`` has made; None for any other text."""
    heading, _, rest = text.replace("\r\n", "\n").partition("\n")
    if heading != _heading(rest):
        return None
    from . import grouped_conv

    return grouped_conv.blocks_in(rest)


def all_blocks() -> frozenset[str]:
    """All parts that a helper may have."""
    from . import grouped_conv

    return grouped_conv.ALL_BLOCKS


def is_earlier_helper(text: str) -> bool:
    """Whether a text has what sources imported from a module that an earlier version has made."""
    from . import grouped_conv

    try:
        return bool(grouped_conv.helper_of_earlier(parse(text)))
    except (SourceError, RecursionError, MemoryError):
        return False


def _heading(text: str) -> str:
    from hashlib import sha256

    return f"# gencode helper 1 {sha256(text.encode()).hexdigest()[:8]}"


def _outcome(text: str, options: Options, location: Location | None, rewrites: bool) -> Result:
    try:
        with without_collector():  # it would go through the same trees over and over
            return _applied(text, options, location, rewrites)
    except RecursionError as error:
        raise SourceError("it is nested too deeply") from error
    except MemoryError as error:  # which is what the parser says of deep nesting, too
        raise SourceError("it is nested too deeply, or too large") from error


def _applied(text: str, options: Options, location: Location | None, rewrites: bool) -> Result:
    """The outcome of all rules; of those of one construct, once nothing changes any more."""
    tree = parse(text)
    codes = options.changing if rewrites else options.codes
    others = codes - OF_GROUPED
    is_grouped = _GROUPED in options.codes and may_apply(text, tree)
    if not is_grouped and not others:
        return Result(text, codes=options.codes)
    # Slow to import, and so only for a source that may matter.
    from .facts.seen_carried import carried
    from .reading.source import Source
    from .rewriting.apply import applied, arbitrated, lines_apart
    from .rewriting.templating import Templates

    templates = Templates(options.templates)
    seen = options.seen.of(text) if options.seen is not None else {}
    source = Source(text, tree, _emitted(text, tree), location, seen=seen)
    finders = _finders(source, others, templates)
    rules: list[Proposer] = [*finders]
    if is_grouped:
        from .grouped_conv import GroupedConv

        attention = next((each for each in finders if each.code == "two-way"), None)
        tells_sums = "sum-of-cats" in codes
        rules.insert(0, GroupedConv(source, options, templates, tells_sums, attention))
    found = arbitrated(source, rules)
    warnings = [each for rule in rules for each in rule.warnings()]
    if any(each.said or each.edits for each in found):  # or it costs more than it matters
        check(text, tree)
    changed = applied(source, found, options, templates) if rewrites else text
    result = _result(changed, found, warnings, options)
    current, made = text, found
    for _ in range(_MOST_PASSES if others else 0):
        if changed == current:
            break
        current = changed
        tree = parse(current)
        seen = carried(source, tree, lines_apart(source, made))
        source = Source(current, tree, _emitted(current, tree), location, seen=seen)
        made = arbitrated(source, _finders(source, others, templates))
        found = _updated(found, made)
        changed = applied(source, made, options, templates)
        result = _result(changed, found, warnings, options)
    return result if result.text != text else replace(result, text=text)


def _emitted(text: str, tree: ast.Module) -> Iterable[ast.stmt]:
    """The helper that a source has of its own, which no rule is about."""
    if _HELPER.search(text) is None:
        return ()
    from .grouped_conv import emitted

    return emitted(tree)


def _finders(source: Source, codes: frozenset[str], templates: Templates) -> Sequence[Finder]:
    if not codes:
        return ()
    from .rules import finders

    return finders(source, codes, templates)


def _updated(found: Sequence[Rewrite], again: Sequence[Rewrite]) -> list[Rewrite]:
    """What was found, with what is rewritten only in a later pass; places are those of the first.

    What a later pass finds is what the one before has left, in the same order.
    """
    left = [each for each in found if not each.edits and _is_of_one_construct(each)]
    now = dict(zip(map(id, left), again, strict=True)) if len(left) == len(again) else {}
    return [_moved(each, now[id(each)]) if id(each) in now else each for each in found]


def _is_of_one_construct(found: Rewrite) -> bool:
    """Whether a rule of one construct has found something, which is asked in each pass."""
    said = found.said[0]
    return isinstance(said, Finding) and said.code not in OF_GROUPED


def _moved(before: Rewrite, now: Rewrite) -> Rewrite:
    """What is told of a construct that a later pass rewrites, where the first has found it."""
    (first,), (said,) = before.said, now.said
    if not now.edits or first.status == "rewritten":  # which waited for another one
        return replace(before, edits=now.edits)
    assert isinstance(said, Finding), "only rules of one construct are asked again"
    return replace(now, said=(replace(said, line=first.line, column=first.column),))


def _result(
    text: str, found: Sequence[Rewrite], warnings: Iterable[Warning], options: Options
) -> Result:
    """What is told of some rewrites, in the order of the source."""
    said = [one for each in found for one in each.said]
    records = sorted((each for each in said if isinstance(each, Record)), key=_place)
    findings = (each for each in said if isinstance(each, Finding))
    return Result(
        text,
        tuple(records),
        tuple(sorted(warnings, key=_place)),
        tuple(sorted(findings, key=lambda each: (*_place(each), each.code))),
        any(each.imports_helper for each in found),
        frozenset[str]().union(*(each.blocks for each in found)),
        options.codes,
    )


def _place(each: Record | Finding | Warning) -> tuple[int, int]:
    return each.line, each.column
