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
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.heap import Use
from ..facts.values import Instance, Object, Value, made_of
from ..outcome import Warning
from ..reading.calls import values_given
from ..reading.source import Source
from .harmless import Judging
from .harmless_to_split import JudgingSplit
from .harmless_walks import of_container, of_loop, of_name
from .surroundings import Surroundings

_LASTING: Final = ("bias is set", "it is not known", "register_", "each module is given", "torch.")
"""What cannot be shared out among the parts, be it done before they are there."""


@dataclass(frozen=True)
class Split:
    """What is split, as far as it matters for other code.

    Attributes:
        calls: the constructions of the convolutions.
        joined: those whose norm is split with them, so that they give the parts by themselves.
        names: the attributes that hold a convolution, or the norm after it.
        is_seen: whether an expression is known to be one of them, so that what is done with its
            weights and its class has been looked at.
        is_norm_seen: the same of the norms that are split with them.
        is_done: whether a node is done with before anything is split.
        applied: where norms are known to take what convolutions give, and nothing else.
    """

    calls: tuple[ast.Call, ...]
    joined: frozenset[ast.Call]
    names: Set[str]
    is_seen: Callable[[ast.AST], bool]
    is_norm_seen: Callable[[ast.AST], bool]
    is_done: Callable[[ast.AST], bool]
    applied: Set[ast.AST]


def warn_of_walks(
    around: Surroundings, first: ast.Call, split: Split, told: Collection[int]
) -> Iterator[Warning]:
    """Say where something is done with all modules, or weights, or with one, that differs.

    Args:
        around: the facts of the source, and of the files that speak of what is split.
        first: the first construction of what is split.
        split: what is split.
        told: the lines of the source of which something has been said already.
    """
    facts, lines = around.facts, {("", each) for each in told}
    split = replace(split, names={*split.names, *_names(facts, split)})
    found = [
        *_of_walks(around, split),
        *_of_objects(around, split),
        *_of_torch(facts, split.names),
    ]
    placed = [(node, what) for node, what in found if isinstance(node, (ast.expr, ast.stmt))]
    for node, what in sorted(placed, key=lambda each: _place(each[0])):
        its = around.source_of(node)
        is_done = _is_done(its, split, node) and not what.startswith(_LASTING)
        if (its.name, node.lineno) in lines or is_done or _is_of_one_group(its, node):
            continue
        lines.add((its.name, node.lineno))
        message = f"{what}: the parts of what is split may give another result"
        yield around.warning(node, message, first)


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


def _is_of_one_group(source: Source, node: ast.AST) -> bool:
    """Whether a number of channels is divided by the groups: a part has as many by itself."""
    around = takewhile(lambda each: isinstance(each, ast.BinOp), source.ancestors(node))
    divided = (each for each in around if isinstance(each, ast.BinOp))
    return any(
        isinstance(each.op, (ast.FloorDiv, ast.Div)) and getattr(each.right, "attr", "") == "groups"
        for each in divided
    )


def _of_walks(around: Surroundings, split: Split) -> Iterator[tuple[ast.AST, str]]:
    """What is done with all modules or weights, and how to call that."""
    facts = around.facts
    made = [each for call in split.calls for each in convolutions(facts, call)]
    split_values = {*made, *(norm for each in made for norm in norms_after(facts, each))}
    judging = Judging(around, all(isinstance(each, Object) for each in made))
    for walked in filter(around.may_go_over, facts.walked()):
        if walked.kind == torch_api.WALKED_NAME:
            uses = facts.uses(walked)
            yield from ((use.node, what) for use in uses if (what := of_name(use, split.names)))
            continue
        is_module = walked.kind == torch_api.WALKED["modules"]
        judge = judging.of_module if is_module else judging.of_weight
        yield from _judged(facts, walked, judge)
    for container in filter(around.may_go_over, facts.walks()):
        if facts.holds_none(container, split_values):
            continue
        uses = facts.uses(container)
        for use in uses:
            its = around.source_of(use.node)
            what = of_container(facts, use)
            if what:
                yield use.node, what
            elif use.kind == "iterate":
                yield from of_loop(its, use.node)


def _judged(
    facts: Facts, value: Value, judge: Callable[[str, Use], str]
) -> Iterator[tuple[ast.AST, str]]:
    """What is done with a value, or with parts of it, that is not harmless."""
    uses = [*facts.uses_with_parts(value)]
    methods = {use.node for _, use in uses if use.kind == "method"}
    for path, use in uses:
        if use.kind == "escape" and (use.node in methods or not _is_given(facts, value, use)):
            continue  # of a method that is not known
        what = judge(path, use)
        if what:
            yield use.node, what


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


def _of_objects(around: Surroundings, split: Split) -> Iterator[tuple[ast.AST, str]]:
    """What is done with what is split itself that a split one does not know."""
    facts, judging = around.facts, JudgingSplit(around, split.is_seen)
    judging_norm = JudgingSplit(around, split.is_norm_seen)
    held: dict[Value, None] = {}
    for call in split.calls:
        for conv in convolutions(facts, call):
            # What others of its class are applied with is none of its business.
            is_joined = call in split.joined and isinstance(conv, Object)
            of_conv = partial(judging.of_conv, is_joined=is_joined)
            norms = [*norms_after(facts, conv)] if is_joined else []
            for node, what in _judged(facts, conv, of_conv):
                if node not in split.applied and not judging.is_of_class(conv, node):
                    yield node, f"{what} of a split convolution"
            for norm in norms:
                for node, what in _judged(facts, norm, judging_norm.of_norm):
                    if node not in split.applied:
                        yield node, f"{what} of a norm that is split"
            for each in (conv, *norms):
                held |= dict.fromkeys(holder for holder, _ in facts.heap.holders(each))
    for holder in _holders(facts, held):
        for use in facts.uses(holder):
            what = judging.of_holder(holder, use)
            if what and (use.kind != "escape" or _is_given(facts, holder, use)):
                yield use.node, what


def convolutions(facts: Facts, call: ast.Call) -> Iterator[Object | Instance]:
    """What a construction of a grouped convolution may give."""
    for value in facts.made_by(call):
        match value:
            case Object(kind=kind) if kind in torch_api.CONVOLUTIONS and not facts.is_plain(value):
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


def _of_torch(facts: Facts, names: Set[str]) -> Iterator[tuple[ast.AST, str]]:
    """What is done to torch itself."""
    for node, path in facts.patched():
        if path in ("builtins.exec", "builtins.eval"):
            if _may_speak_of(node, names):
                yield node, f"it is not known what {path[9:]}() does"
        elif torch_api.MATTERS_TO_PARTS.match(path):
            yield node, f"{path} is changed"


def _may_speak_of(call: ast.AST, names: Set[str]) -> bool:
    """Whether a text that is run may be about what is split."""
    match call:
        case ast.Call(args=[ast.Constant(value=str(text)), *_]):
            return "." in text or not names.isdisjoint(re.findall(r"\w+", text))
    return True
