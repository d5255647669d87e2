"""Apply rules to a source, again and again until nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Final

from ..facts.facts import Facts
from ..facts.project import Module, Project
from ..outcome import Finding, Options
from ..reading.directives import Directives
from ..reading.source import LINE_END, Source, check, parse
from ..reading.width import width_of
from ..rewriting.edits import Insertion, TextEdit
from ..rewriting.formatting import Formatter
from ..rewriting.rewrite import rewrite
from ..rewriting.templating import Templates
from . import RULES
from .new_module import NewModules
from .rule import Asking, Rewrite, Rule, finding, outcomes

_MOST_PASSES: Final = 10
_TOO_LARGE: Final = "the file is too large for what happens in it to be known"


def apply_rules(
    text: str, original: str, options: Options, rewrites: bool
) -> tuple[str, tuple[Finding, ...]]:
    """The text after all rules that are chosen, and what they found.

    Args:
        text: a source.
        original: what it was before; findings have their places there.
        options: which rules, and how code is written.
        rewrites: whether anything is to change.

    Raises:
        SourceError: it is not Python, or a comment that steers gencode is misspelt.
        TemplateError: a template is faulty.
    """
    rules = [each for each in RULES if each.CODE in options.codes and each.may_apply(text)]
    found: list[Finding] = []
    current = text
    for number in range(_MOST_PASSES if rules else 0):
        source, made = _proposed(current, rules, options)
        place = _places(original, current)
        for each in made:
            if number == 0 or each.edits:  # those that stay are known from the first
                found.append(replace(each.finding, line=place(each.finding.line)))
        changed = _rewritten(source, made, options) if rewrites else current
        if changed == current:
            break
        current = changed
    in_order = sorted(found, key=lambda each: (each.line, each.column, each.code))
    return (text if current == text else current), tuple(in_order)


def _proposed(text: str, rules: Iterable[Rule], options: Options) -> tuple[Source, list[Rewrite]]:
    """What the rules would do in a source."""
    tree = parse(text)
    source = Source(text, tree)
    sites = [(rule, [*rule.sites(source)]) for rule in rules]
    if not any(calls for _, calls in sites):
        return source, []
    facts = Facts([Module("", False, tree)], Project())
    if not facts.is_complete:
        return source, [
            Rewrite(finding(rule, source, call, "left", f": {_TOO_LARGE}"))
            for rule, calls in sites
            for call in calls
        ]
    templates, new_modules = Templates(options.templates), NewModules(source, facts)
    made: list[Rewrite] = []
    for rule, calls in sites:
        directives = Directives(source, calls, rule.CODE)
        made += outcomes(rule, Asking(source, facts, directives, templates, new_modules), calls)
    return source, made


def _rewritten(source: Source, made: Sequence[Rewrite], options: Options) -> str:
    """The text after some rewrites."""
    from ..grouped_conv.imports import insert_imports

    edits = [edit for each in made for edit in each.edits]
    if not edits:
        return source.text
    check(source.text, source.tree)
    missing = dict.fromkeys(name for each in made for name in each.imports)
    users = [edit.node for edit in edits if isinstance(edit, TextEdit)]
    edits += insert_imports(source, missing, users, Templates(options.templates))
    inserted = (each.code for each in edits if isinstance(each, Insertion))
    black = {"line-length": width_of(source), **options.black}
    whole = "\n".join([source.text, *inserted])
    formatter = Formatter(black, source.indentation, source.line_end, whole)
    return rewrite(source, edits, formatter)


def _places(original: str, text: str) -> Callable[[int], int]:
    """Where a line of a text stood in what it has been made of."""
    if original == text:
        return lambda line: line
    before, after = LINE_END.split(original), LINE_END.split(text)
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()

    def place(line: int) -> int:
        shift = 0
        for block in blocks:
            if block.b >= line:
                break
            shift = block.a - block.b
        return min(max(line + shift, 1), len(before))

    return place
