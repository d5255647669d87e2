"""Find code that reaches modules, weights or names, and would do something else for parts.

Whoever goes over all modules finds the parts of what is split as well: more of them, of fewer
channels, by other names, some in a class of the helper. Whoever has a name for what is split finds
a module of the helper. What is known to do the same all the same is harmless (harmless.py); all
else is said.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Set
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from .. import torch_api
from ..facts.facts import Facts
from ..facts.heap import Use
from ..facts.values import STRANGE, Instance, Object, Value, made_of
from ..reading.calls import values_given
from ..reading.source import Source
from .contexts_of_use import is_of_one_group
from .draws import DRAWN, draws_of_modules, draws_of_weights
from .finding import PLACED, Finding, Split
from .harmless import APPLIED, HAS_IT, Judging
from .harmless_to_split import ELSEWHERE, JudgingSplit
from .harmless_walks import OF_NUMBERS, called_in, of_applied, of_container, of_loop, of_name
from .surroundings import Surroundings

_GOING_INTO: Final = ("modules", "named_modules", "apply")
_CHILDREN: Final = ("children", "named_children", "_modules")
_LASTING: Final = (
    "bias is set",
    "forward is set",
    "it is not known",
    "register_",
    "each module is given",
    "torch.",
)
"""What cannot be shared out among the parts, be it done before they are there."""


_Judge: TypeAlias = Callable[[str, Use], str]


def find_in_walks(
    around: Surroundings, split: Split, told: Collection[ast.AST]
) -> Iterator[Finding]:
    """What is done with all modules, or weights, or with one, that differs.

    Args:
        around: the facts of the source, and of the files that speak of what is split.
        split: what is split.
        told: of what something is said already: of all that stands on the same line.
    """
    facts = around.facts
    lines = {(around.source_of(each).name, _place(each)[0]) for each in told}
    split = replace(split, names={*split.names, *_names(facts, split)})
    found = [*_of_walks(around, split), *_of_torch(around, split.names)]
    found += _of_objects(around, split)
    for each in sorted(found, key=lambda one: _place(one.node)):
        its = around.source_of(each.node)
        is_done = _is_done(its, split, each.node) and not each.what.startswith(_LASTING)
        is_told = (its.name, each.node.lineno) in lines or its.is_emitted(each.node)
        if not is_told and not is_done and not is_of_one_group(its, each.node):
            yield each


def _names(facts: Facts, split: Split) -> Iterator[str]:
    """The attributes and keys under which something has what is split."""
    for call in split.calls:
        for conv in convolutions(facts, call):
            for each in (conv, *norms_after(facts, conv)):
                for holder, name in facts.heap.holders(each):
                    yield name
                    for slot in facts.heap.slots(holder):
                        if each in slot.values and isinstance(slot.name, str):
                            yield slot.name


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _is_done(source: Source, split: Split, node: ast.AST) -> bool:
    """Whether a node is done with before anything is split, in a function inside another too."""
    inner = source.function_around(node)
    outer = source.function_around(inner) if inner is not None else None
    names = source.names(outer, getattr(inner, "name", "")) if outer is not None else ()
    return split.is_done(node) and all(map(split.is_done, names))


def _of_walks(around: Surroundings, split: Split) -> Iterator[Finding]:
    """What is done with all modules or weights, and how to call that."""
    facts = around.facts
    made = [each for call in split.calls for each in convolutions(facts, call)]
    split_values = {*made, *(norm for each in made for norm in norms_after(facts, each))}
    judging = Judging(around, all(isinstance(each, Object) for each in made))
    for walked in filter(around.may_go_over, facts.walked.things()):
        walk = _walked_over(walked.site)[0]
        if walk == "apply":
            yield from _of_applied(facts, getattr(walked.site, "args", [])[:1], True)
        is_module = walked.kind == torch_api.WALKED["modules"]
        if walked.kind == torch_api.WALKED_NAME:
            uses = facts.uses(walked)
            judged = [(each, of_name(each, split.names)) for each in uses]
        else:
            judge = judging.of_module if is_module else judging.of_weight
            judged = [*_judged(facts, walked, judge)]
        for use, what in judged:
            # Children are called as before; of parts it is asked next what each module has.
            is_same = walk in _CHILDREN if not is_module else what == HAS_IT and walk in _GOING_INTO
            is_same |= what == APPLIED and walk in _CHILDREN  # they mostly hold what is split
            if what and isinstance(use.node, PLACED):
                yield Finding(use.node, what, is_unknown=use.kind == "escape", is_of_one=is_same)
        if walked.kind != torch_api.WALKED_NAME:
            draws = draws_of_modules if is_module else draws_of_weights
            for node in draws(facts, around.source_of(walked.site), walked):
                if isinstance(node, PLACED):
                    yield Finding(node, DRAWN)
    for container in filter(around.may_go_over, facts.walked.containers()):
        if not facts.walked.holds_none(container, split_values):
            yield from _of_container(around, container, split_values)


def _of_applied(facts: Facts, functions: Iterable[ast.expr], by_apply: bool) -> Iterator[Finding]:
    """What is done in functions that are applied to all modules."""
    for function in (one for each in functions for one in facts.functions(each)):
        for node, what in of_applied(function, by_apply):
            if isinstance(node, PLACED):
                yield Finding(node, what)


def _of_container(around: Surroundings, container: Value, split: Set[Value]) -> Iterator[Finding]:
    """What is done with the list of what a walk goes over."""
    facts = around.facts
    is_known, is_same = _is_over_children(facts, container, split)
    for use in facts.uses(container):
        what = of_container(facts, use)
        if what in OF_NUMBERS and is_known:
            continue
        if what and isinstance(use.node, PLACED):
            yield Finding(use.node, what, is_unknown=use.kind == "escape", is_of_one=is_same)
        elif use.kind == "iterate" and not is_known:
            source = around.source_of(use.node)
            for node, said in of_loop(source, use.node):
                if isinstance(node, PLACED):
                    yield Finding(node, said, is_of_one=is_same)
            yield from _of_applied(facts, called_in(source, use.node), False)


def _judged(
    facts: Facts, value: Value, judge: Callable[[str, Use], str]
) -> Iterator[tuple[Use, str]]:
    """What is done with a value, or with parts of it, that is not harmless."""
    uses = [*facts.uses_with_parts(value)]
    methods = {use.node for _, use in uses if use.kind == "method"}
    for path, use in uses:
        if use.kind == "escape" and (use.node in methods or not _is_given(facts, value, use)):
            continue  # of a method that is not known
        what = judge(path, use)
        if what:
            yield use, what


def _is_given(facts: Facts, value: Value, use: Use) -> bool:
    """Whether a call that is not known is given a value, and not only called by it."""
    if not isinstance(use.node, ast.Call):
        return True
    arguments = values_given(use.node)
    given = [facts.values(getattr(each, "value", each)) for each in arguments]
    given += [facts.values(each) for each in arguments]
    handed = {each for values in given for each in values}
    handed |= {old for each in handed if (old := made_of(each)) is not None}
    return any(value in facts.heap.reachable(each) for each in handed)


def _of_objects(around: Surroundings, split: Split) -> Iterator[Finding]:
    """What is done with what is split itself that a split one does not know."""
    facts, judging = around.facts, JudgingSplit(around, split.is_seen)
    judging_norm = JudgingSplit(around, split.is_norm_seen)
    of_any = Judging(around, are_plain=True).of_module
    held: dict[Value, None] = {}
    for call in split.calls:
        for conv in convolutions(facts, call):
            # What others of its class are applied with is none of its business.
            is_one = isinstance(conv, Object)
            norms = [*norms_after(facts, conv)] if is_one and call in split.normed else []
            is_joined = is_one and call in split.joined
            judges = {conv: partial(judging.of_conv, conv, is_joined=is_joined)}
            for each, judge in (
                judges | {each: partial(judging_norm.of_norm, conv, each) for each in norms}
            ).items():
                about = " of a split convolution" if each is conv else " of a norm that is split"
                for use, what in _judged(
                    facts, each, partial(_by_what_it_is, facts, each, of_any, judge)
                ):
                    node = use.node
                    is_own = each is conv and judging.is_of_class(conv, node)
                    if node not in split.applied and not is_own and isinstance(node, PLACED):
                        is_of_norm = each is not conv or what == ELSEWHERE
                        yield Finding(node, what, call, about, is_of_norm, use.kind == "escape")
                holders = dict.fromkeys(holder for holder, _ in facts.heap.holders(each))
                held |= holders
                for holder in holders if is_joined else ():
                    yield from _of_list(facts, judging, holder, call)
    for holder in _holders(facts, held):
        for use in facts.uses(holder):
            what = judging.of_holder(holder, use)
            is_done = use.kind != "escape" or _is_given(facts, holder, use)
            if what and is_done and isinstance(use.node, PLACED):
                yield Finding(use.node, what, is_unknown=use.kind == "escape")


def _of_list(
    facts: Facts, judging: JudgingSplit, holder: Value, call: ast.Call
) -> Iterator[Finding]:
    """What changes the list in which a convolution is split together with a norm."""
    for use in facts.uses(holder):
        if judging.is_changed(holder, use) and isinstance(use.node, PLACED):
            yield Finding(use.node, "what holds a split convolution is changed", call, "", True)


def _by_what_it_is(
    facts: Facts, value: Value, of_any: _Judge, of_one: _Judge, path: str, use: Use
) -> str:
    """What is done with a value, or with any of many: that goes over modules as a walk does."""
    match use.node:
        case ast.Attribute(value=one) | ast.Call(func=ast.Attribute(value=one)):
            shown = [one, *values_given(use.node)] if isinstance(use.node, ast.Call) else [one]
        case ast.Call(func=function):
            shown = [function, *values_given(use.node)]
        case _:
            shown = []
    shown = [each for each in shown if value in facts.values(each)]
    is_any = bool(shown) and all(_may_be_a_part(facts, each, value) for each in shown)
    return of_any(path, use) if is_any and use.kind != "call" else of_one(path, use)


def _may_be_a_part(facts: Facts, node: ast.expr, value: Value) -> bool:
    """Whether an expression may be something as well as what a walk finds in it: its parts."""
    return any(
        isinstance(each, Object)
        and each.kind == torch_api.WALKED["modules"]
        and (over := _walked_over(each.site)[1]) is not None
        and value in facts.values(over)
        for each in facts.values(node)
    )


def _walked_over(site: ast.AST) -> tuple[str, ast.expr | None]:
    """The method or attribute by which a walk is made, and what it goes over."""
    match site:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(value=value, attr="_modules"))):
            return "children", value
        case ast.Call(func=ast.Attribute(value=value, attr=name)):
            return name, value
        case ast.Attribute(value=value, attr=name):
            return name, value
    return "", None


def _is_over_children(facts: Facts, container: Value, split: Set[Value]) -> tuple[bool, bool]:
    """Whether there are as many as before: the children of what is known, and not split itself.

    And whether that is so unless a convolution by itself is gone over, which is not known.
    """
    is_known = is_same = True
    for site in facts.walked.sites(container):
        name, node = _walked_over(site)
        values = facts.values(node) if node is not None else frozenset()
        kinds = {getattr(each, "kind", "") for each in values}
        is_inner = torch_api.WALKED["modules"] in kinds or not split.isdisjoint(values)
        is_same &= bool(values) and name in _CHILDREN and not is_inner
        is_known &= is_same and STRANGE not in kinds
        is_known &= all(isinstance(each, (Instance, Object)) for each in values)
    return is_known, is_same


def convolutions(facts: Facts, call: ast.Call) -> Iterator[Object | Instance]:
    """What a construction of a grouped convolution may give; no instance where others are told."""
    made = facts.made_by(call)
    for value in frozenset(each for each in made if isinstance(each, Object)) or made:
        match value:
            case Object(kind=kind) if kind in torch_api.CONVOLUTIONS and not facts.is_plain(value):
                yield value
            case Object(kind=kind) if kind.startswith(STRANGE):
                yield value
            case Instance(cls=cls) if not torch_api.CONVOLUTIONS.isdisjoint(cls.externals):
                yield value


def _holders(facts: Facts, held: Iterable[Value]) -> Iterator[Value]:
    """What holds something, in any number of steps."""
    found = dict.fromkeys(held)
    todo = [*found]
    while todo:
        for holder, _ in facts.heap.holders(todo.pop()):
            if holder not in found:
                found[holder] = None
                todo.append(holder)
    yield from found


def norms_after(facts: Facts, conv: Value) -> Iterator[Object]:
    """The norms that take what a convolution gives."""
    found: dict[Object, None] = {}
    for use in facts.uses(conv):
        for after in facts.uses(use.result) if use.result is not None else ():
            norm = after.by
            if isinstance(norm, Object) and norm.kind in torch_api.BATCH_NORMS:
                found[norm] = None
    yield from found


def _of_torch(around: Surroundings, names: Set[str]) -> Iterator[Finding]:
    """What is done to torch itself, or to any model by it."""
    for node, path in around.facts.patched():
        if not isinstance(node, PLACED):
            continue
        if path == torch_api.TRACE and ".graph" in around.source_of(node).text:
            yield Finding(node, "the graph of a model is taken", is_unknown=True)
        if path in ("builtins.exec", "builtins.eval"):
            if _may_speak_of(node, names):
                yield Finding(node, f"it is not known what {path[9:]}() does")
        elif torch_api.MATTERS_TO_PARTS.match(path):
            yield Finding(node, f"{path} is changed")


def _may_speak_of(call: ast.AST, names: Set[str]) -> bool:
    """Whether a text that is run may be about what is split."""
    match call:
        case ast.Call(args=[ast.Constant(value=str(text)), *_]):
            return "." in text or not names.isdisjoint(re.findall(r"\w+", text))
    return True
