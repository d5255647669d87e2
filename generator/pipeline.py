"""The pipeline: source text in, split source text out."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from .collector import without_collector
from .gate import may_apply
from .outcome import Finding, Options, Result, SourceError
from .reading.source import Source, check, parse

if TYPE_CHECKING:
    from .grouped_conv.plan import Plan
    from .project_files import Location

_DEFAULTS = Options()
_GROUPED = "grouped-conv"
_OF_GROUPED = frozenset((_GROUPED, "branch-norm"))


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
    return f"# gencode helper 1 {sha256(text.encode()).hexdigest()[:8]}"


def _outcome(text: str, options: Options, location: Location | None, rewrites: bool) -> Result:
    try:
        with without_collector():  # it would go through the same trees over and over
            return _by_rules(text, options, location, rewrites)
    except RecursionError as error:
        raise SourceError("it is nested too deeply") from error
    except MemoryError as error:  # which is what the parser says of deep nesting, too
        raise SourceError("it is nested too deeply, or too large") from error


def _by_rules(text: str, options: Options, location: Location | None, rewrites: bool) -> Result:
    changed = text
    findings: tuple[Finding, ...] = ()
    if not options.codes <= _OF_GROUPED:
        from .rules.passes import apply_rules

        changed, findings = apply_rules(text, options, rewrites)
    result = Result(changed)
    if _GROUPED in options.codes:
        result = _grouped(changed, options, location, rewrites)
        if changed is not text and (result.records or result.warnings):
            result = _placed(result, _grouped(text, options, location, rewrites=False))
    return replace(result, findings=findings, codes=options.codes)


def _placed(result: Result, listed: Result) -> Result:
    """A result with the places of the text that was given, of which another one lists the same."""
    records = tuple(
        replace(there, style=here.style, branches=here.branches)
        if here.status == there.status
        else replace(here, line=there.line, column=there.column)
        for here, there in zip(result.records, listed.records, strict=True)
    )
    return replace(result, records=records, warnings=listed.warnings)


def _grouped(text: str, options: Options, location: Location | None, rewrites: bool) -> Result:
    """The outcome of what splits grouped convolutions."""
    tree = parse(text)
    if not may_apply(text, tree):
        return Result(text)
    # Slow to import, and so only for a source that may matter.
    from . import grouped_conv
    from .reading.classes import ClassIndex

    source = Source(text, tree, grouped_conv.emitted(tree), location)
    plan = grouped_conv.make_plan(ClassIndex(source), options)
    if plan.records or plan.changes:  # or it costs more than it matters
        check(text, tree)
    return Result(
        _rewritten(source, plan, options) if rewrites and plan.changes else text,
        plan.records,
        plan.warnings,
        imports_helper=plan.imports_helper,
        blocks=plan.blocks,
    )


def _rewritten(source: Source, plan: Plan, options: Options) -> str:
    # Slow to import, and so only for a source that changes.
    from .rewriting.rewrite import rewritten
    from .rewriting.templating import Templates

    return rewritten(source, [*plan.edits(source, Templates(options.templates))], options)
