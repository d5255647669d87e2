"""Fill the template of the module style, and hand the code to the rewriter as edits."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..reading.evaluation import can_be_hoisted
from ..reading.naming import fresh, names_in, outermost_function
from ..reading.places import insert_after
from ..reading.scopes import assigned_value
from ..reading.source import Source
from ..rewriting.edits import Codes, Edit, Removal, RepeatEdit, TextEdit
from .collecting import Collected
from .helper import TEMPLATE, Helper
from .joining import Feed
from .module_calls import PaddedCall
from .modules import ModulePlan, is_by_filter, is_partial, just_built
from .norms.emit import make_norm_edits
from .padding import Padding
from .reads import binds
from .weights import Assignment, Repeat

if TYPE_CHECKING:
    from ..rewriting.templating import Templates

_PRIMARIES = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
"""Expressions whose attribute needs no parentheses around them."""


@dataclass(frozen=True)
class SiteContext:
    """What the macros are given as ``site``.

    Attributes:
        helper: the helper.
        code: of the convolution.
        by_filter: whether its class adds something to its forward for each filter.
        function: the code of the function that is applied to it.
        variable: a loop variable.
        statement: the code of a statement about that variable.
        name: ``"weight"`` or ``"bias"``.
        value: the code of what that is given.
        value_variable: a loop variable for a part of it.
        expands: whether what it is given may have to be brought to its shape; an attribute can
            then be put behind its code.
    """

    helper: Helper
    code: str = ""
    by_filter: bool = False
    function: str = ""
    variable: str = ""
    statement: str = ""
    name: str = ""
    value: str = ""
    value_variable: str = ""
    expands: bool = False


def make_module_edits(
    source: Source, plan: ModulePlan, helper: Helper, templates: Templates
) -> Iterator[Edit]:
    """The edits that carry the plan out, but for those that put the helper into the source.

    Raises:
        TemplateError: a template is faulty; raised when the edit's code is emitted.
    """

    def rendered(macro: str, context: SiteContext) -> Callable[[str], str]:
        return lambda code: templates.render(TEMPLATE, macro, replace(context, code=code))

    plain = SiteContext(helper)
    built = just_built(plan.sites)
    applications = plan.uses.applications.values()
    split_there = built & {applied.conv for applied in applications}
    for each in plan.sites:
        call = each.site.call
        if call in split_there:
            continue
        if is_partial(each):
            yield TextEdit(call.args[0], call.args[0], rendered("built", plain))
        else:
            yield TextEdit(
                call, call, rendered("wrapped", replace(plain, by_filter=is_by_filter(each)))
            )
    yield from make_norm_edits(source, plan.norms, helper, templates)
    taken: dict[ast.AST, set[str]] = {}
    for feed in plan.calls.feeds:
        function = outermost_function(source, feed.value)
        names = taken.setdefault(function, names_in(function))
        yield from _feed_edits(source, helper, feed, names, templates)
    for collected in plan.calls.collected:
        yield from _collected_edits(source, helper, collected, templates)
    copied = set()
    for padded in plan.calls.padded:
        yield from _padded_edits(source, helper, padded, templates)
        if padded.padding.store is not None and padded.padding.store not in copied:
            copied.add(padded.padding.store)
            yield _copying_edit(source, helper, padded, padded.padding.store, templates)
    for applied in applications:
        context = replace(plain, function=source.code(applied.call.func))
        macro = "split_applied" if applied.conv in built else "applied"
        yield TextEdit(applied.call, applied.conv, rendered(macro, context))
    for node in plan.uses.firsts:
        yield TextEdit(node, node, rendered("first", plain))
    for weight, node in plan.uses.readings.items():
        yield TextEdit(weight, node, rendered("whole", replace(plain, name=weight.attr)))
    for assignment in plan.uses.assignments.values():
        edit = _initialisation_edit if assignment.initialises else _assignment_edit
        yield edit(source, helper, assignment, templates)
    for repeat in plan.uses.repeats.values():
        yield _repeat_edit(source, helper, repeat, templates)


def _feed_edits(
    source: Source, helper: Helper, feed: Feed, taken: set[str], templates: Templates
) -> Iterator[Edit]:
    """The edits of a call whose results go into a concatenation one by one.

    Args:
        source: the source.
        helper: the helper.
        feed: the call.
        taken: the names that a variable must not have; that of a new one is added.
        templates: what is emitted.
    """
    assert isinstance(feed.value, ast.Call)
    function = source.code(feed.value.func)
    star = "*" if feed.target is None else ""

    def emit(code: str) -> str:
        rest = code.removeprefix(function).lstrip().removeprefix("(")
        context = SiteContext(helper, rest.removesuffix(")"), function=function)
        return star + templates.render(TEMPLATE, "outputs", context)

    yield TextEdit(feed.value, feed.value, emit)
    if feed.target is not None:
        name = fresh("outputs", taken)
        taken.add(name)
        yield TextEdit(feed.target, feed.target, lambda code: name)
        yield TextEdit(feed.element, feed.element, lambda code: f"*{name}")


def _collected_edits(
    source: Source, helper: Helper, collected: Collected, templates: Templates
) -> Iterator[Edit]:
    """The edits of a call whose results a loop is to collect one by one."""
    call, place = collected.call, collected.place

    def outputs(code: str) -> str:
        context = SiteContext(helper, code, function=source.code(call.func))
        return templates.render(TEMPLATE, "outputs", context)

    if isinstance(place, ast.ListComp):
        variable = fresh("output", names_in(outermost_function(source, place)))
        found: list[str] = []

        def element(code: str) -> str:
            found.append(outputs(code))
            return variable

        yield TextEdit(call, call.args[0], element)
        yield TextEdit(
            place, place, lambda code: f"{code[:-1].rstrip()} for {variable} in {found[-1]}]"
        )
    else:
        assert isinstance(place.func, ast.Attribute)
        listed = source.code(place.func.value)
        yield TextEdit(place, call.args[0], lambda code: f"{listed}.extend({outputs(code)})")


def _padded_edits(
    source: Source, helper: Helper, padded: PaddedCall, templates: Templates
) -> Iterator[Edit]:
    """The edits of a call whose slices are padded by themselves."""
    padding, call = padded.padding, padded.call
    variable = fresh("part", names_in(outermost_function(source, call)))
    open_, rest = padding.around(source)
    pad = f"lambda {variable}: {open_}{variable}{rest}"
    if not padding.call.keywords and len(padding.call.args) == 1:
        pad = source.code(padding.call.func)

    def emit(code: str) -> str:
        context = SiteContext(helper, code, function=source.code(call.func), statement=pad)
        return templates.render(TEMPLATE, "padded", context)

    if padding.statement is None:
        yield TextEdit(call, padding.input, emit)
    elif _stays_apart(source, padding, call):
        yield TextEdit(padding.call, padding.input, emit)
        yield TextEdit(call, call.args[0], lambda code: code)
    else:
        yield TextEdit(call, padding.input, emit)
        yield Removal(padding.statement)


def _copying_edit(
    source: Source, helper: Helper, padded: PaddedCall, store: ast.Attribute, templates: Templates
) -> Edit:
    """The edit where the module is built that is to pad each slice."""
    if padded.conv is not None:
        own = f"{source.code(padded.conv.value)}.{store.attr}"
        context = SiteContext(helper, own, function=source.code(padded.conv))
        statement = source.statement(padded.conv)
        code = f"{own} = {templates.render(TEMPLATE, 'copied', context)}"
        return insert_after(source, statement, code)
    value = assigned_value(source.parent_of, store)
    assert value is not None
    copied = SiteContext(helper, function=source.code(padded.call.func))
    return TextEdit(
        value,
        value,
        lambda code: templates.render(TEMPLATE, "copied", replace(copied, code=code)),
    )


def _stays_apart(source: Source, padding: Padding, call: ast.Call) -> bool:
    """Whether a call can be made where its input is padded, in a statement just before.

    The variable then holds another value, so that its name must not be one for what is padded:
    it is that of the value before, or after. Where the call is all of its own statement, that
    takes the place of both.
    """
    statement, argument = source.statement(call), call.args[0]
    assert isinstance(argument, ast.Name)
    is_general = binds(statement, argument.id) or argument.id == source.code(padding.input)
    is_part = source.parent(call) is not statement and "#" not in source.code(call)
    return is_general and is_part and can_be_hoisted(source, statement, call, frozenset())


def _assignment_edit(
    source: Source, helper: Helper, assignment: Assignment, templates: Templates
) -> RepeatEdit:
    taken = names_in(outermost_function(source, assignment.statement))
    variable, value_variable = fresh("part", taken), fresh("value", taken)

    def emit(statement: str, codes: Codes) -> str:
        code, value = codes
        if assignment.expands and not isinstance(assignment.value, _PRIMARIES):
            value = f"({value})"
        context = SiteContext(
            helper,
            code,
            variable=variable,
            statement=statement,
            name=assignment.weight.attr,
            value=value,
            value_variable=value_variable,
            expands=assignment.expands,
        )
        return templates.render(TEMPLATE, "assigned", context)

    parts = {assignment.object: variable, assignment.value: value_variable}
    return RepeatEdit(assignment.statement, parts, emit)


def _initialisation_edit(
    source: Source, helper: Helper, assignment: Assignment, templates: Templates
) -> RepeatEdit:
    """Have a weight initialised as a whole, and shared out."""
    taken = names_in(outermost_function(source, assignment.statement))
    context = SiteContext(
        helper,
        source.code(assignment.object),
        variable=fresh("part", taken),
        name=assignment.weight.attr,
        value_variable=fresh("value", taken),
    )

    def emit(statement: str, codes: Codes) -> str:
        return templates.render(TEMPLATE, "initialised", replace(context, value=statement))

    whole = templates.render(TEMPLATE, "whole", context)
    return RepeatEdit(assignment.statement, {assignment.weight: whole}, emit)


def _repeat_edit(
    source: Source, helper: Helper, repeat: Repeat, templates: Templates
) -> RepeatEdit:
    taken = names_in(outermost_function(source, repeat.statement))
    variable = next((each for each in ("conv", "part") if each not in taken), fresh("conv", taken))

    def emit(statement: str, codes: Codes) -> str:
        context = SiteContext(helper, codes[0], variable=variable, statement=statement)
        return templates.render(TEMPLATE, "each", context)

    return RepeatEdit(repeat.statement, {repeat.object: variable}, emit)
