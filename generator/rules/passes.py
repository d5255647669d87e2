"""Apply rules to a source, again and again until nothing changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from ..facts.facts import facts_of
from ..outcome import Finding, Options
from ..reading.directives import Directives
from ..reading.source import Source, check, parse
from ..rewriting.edits import TextEdit
from ..rewriting.imports import insert_imports
from ..rewriting.rewrite import rewritten
from ..rewriting.templating import Templates
from . import RULES
from .new_module import NewModules
from .rule import Asking, Rewrite, Rule, finding, outcomes

_MOST_PASSES: Final = 10
_TOO_LARGE: Final = "the file is too large for what happens in it to be known"


def apply_rules(text: str, options: Options, rewrites: bool) -> tuple[str, tuple[Finding, ...]]:
    """The text after all rules that are chosen, and what they found.

    Args:
        text: a source.
        options: which rules, and how code is written.
        rewrites: whether anything is to change.

    Raises:
        SourceError: it is not Python, or a comment that steers gencode is misspelt.
        TemplateError: a template is faulty.
    """
    rules = [each for each in RULES if each.CODE in options.codes and each.may_apply(text)]
    found: list[Rewrite] = []
    current = text
    for _ in range(_MOST_PASSES if rules else 0):
        source, made = _proposed(current, rules, options)
        found = _updated(found, made) if found else made
        changed = _rewritten(source, made, options) if rewrites else current
        if changed == current:
            break
        current = changed
    findings = sorted(
        (each.finding for each in found), key=lambda each: (each.line, each.column, each.code)
    )
    return (text if current == text else current), tuple(findings)


def _updated(found: Sequence[Rewrite], made: Sequence[Rewrite]) -> list[Rewrite]:
    """What was found, with what is rewritten only in a later pass; places are those of the first.

    What a later pass finds is what the one before has left, in the same order.
    """
    left = [place for place, each in enumerate(found) if not each.edits]
    result = [*found]
    for place, now in zip(left, made if len(made) == len(left) else (), strict=False):
        if now.edits:
            said = now.finding
            finding = replace(found[place].finding, status=said.status, message=said.message)
            result[place] = replace(now, finding=finding)
    return result


def _proposed(text: str, rules: Iterable[Rule], options: Options) -> tuple[Source, list[Rewrite]]:
    """What the rules would do in a source."""
    tree = parse(text)
    source = Source(text, tree)
    sites = [(rule, [*rule.sites(source)]) for rule in rules]
    if not any(calls for _, calls in sites):
        return source, []
    facts = facts_of(tree)
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
    edits = [edit for each in made for edit in each.edits]
    if not edits:
        return source.text
    check(source.text, source.tree)
    missing = dict.fromkeys(name for each in made for name in each.imports)
    users = [edit.node for edit in edits if isinstance(edit, TextEdit)]
    edits += insert_imports(source, missing, users, Templates(options.templates))
    return rewritten(source, edits, options)
