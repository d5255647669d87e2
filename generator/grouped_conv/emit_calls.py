"""Fill the templates for where grouped convolutions, and the norms after them, are called."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ..reading.calls import arguments_of
from ..reading.scopes import assigned_value
from ..reading.source import Source
from ..rewriting.edits import CallEdit, Codes, Edit, Removal, Replacement, StatementEdit, TextEdit
from ..rewriting.places import insert_after
from .contexts import (
    BranchContext,
    CallContext,
    InputContext,
    PadContext,
    Variable,
    template_of,
    variables,
)
from .joining import Feed
from .model import NamedArgument, Use
from .norms.written import is_rebinding

if TYPE_CHECKING:
    from ..rewriting.templating import Templates


def make_call_edits(source: Source, uses: Iterable[Use], templates: Templates) -> Iterator[Edit]:
    """The edits that replace some calls.

    Raises:
        TemplateError: a template is faulty; raised when the edit's code is emitted.
    """
    feeding: dict[ast.Call, list[Use]] = defaultdict(list)
    padded: dict[ast.Attribute, Use] = {}
    for use in uses:
        yield from _use_edits(source, use, templates)
        if use.feed is not None:
            feeding[use.feed.cat].append(use)
        if use.padding is not None and use.padding.store is not None:
            padded[use.padding.store] = use
    for store, use in padded.items():
        yield _pads_edit(source, store, use, templates)
    for cat, fed in feeding.items():
        yield _cat_edit(source, cat, fed)


def _use_edits(source: Source, use: Use, templates: Templates) -> Iterator[Edit]:
    """The edits of a call, and of the norm after it."""
    guard, following = use.guarded, use.following
    if use.padding is not None and use.padding.statement is not None:
        yield Removal(use.padding.statement)
    if use.feed is not None:
        yield from _feeding_edits(source, use, use.feed, templates)
    elif following is None:
        yield _use_edit(source, use, templates)
    elif guard is not None:
        yield from _guarded_edits(source, use, guard, templates)
    else:
        yield _use_edit(source, use, templates)
        statement = source.statement(following.norm)
        if following.form == "next" and is_rebinding(following, statement):
            yield Removal(statement)
        elif following.form == "next" or not use.is_alone:
            # The norm is applied to each branch already.
            yield CallEdit(following.norm, lambda codes: Replacement(codes[0]))


def _pads_edit(source: Source, store: ast.Attribute, use: Use, templates: Templates) -> TextEdit:
    """A module for each slice in place of the one that padded them all."""
    value = assigned_value(source.parent_of, store)
    assert value is not None and use.attribute.groups is not None
    groups = use.attribute.groups

    def emit(code: str) -> str:
        context = PadContext(code, groups, use.module_list)
        return templates.render(template_of(use.attribute.style), "pads", context)

    return TextEdit(value, value, emit)


def _feeding_edits(source: Source, use: Use, feed: Feed, templates: Templates) -> Iterator[Edit]:
    """The edits of a call whose results go into a concatenation one by one."""
    template = template_of(use.attribute.style)
    following = use.following
    own, last = source.statement(use.call), source.statement(feed.value)

    def statements(codes: Codes) -> str:
        return templates.render(template, "statements", _call_context(source, use, codes, str))

    def written(codes: Codes) -> Replacement:
        if use.hoisted:
            return Replacement(use.output, statements(codes))
        context = _call_context(source, use, codes, partial(templates.render, template, "bound"))
        return Replacement(_first_argument(templates.render(template, "expression", context)))

    if feed.is_named or own is not last:
        yield StatementEdit(own, use.call, statements)
        if own is not last and feed.is_named:
            yield Removal(last)
        elif own is not last and following is not None:
            yield CallEdit(following.norm, lambda _: Replacement(use.output))
    else:
        yield CallEdit(use.call, written)
        if following is not None:
            yield CallEdit(following.norm, lambda codes: Replacement(codes[0]))


def _cat_edit(source: Source, cat: ast.Call, fed: list[Use]) -> CallEdit:
    """The concatenation with the results of each group among what it takes."""
    listed = cat.args[0]
    assert isinstance(listed, (ast.Tuple, ast.List))
    pieces = {listed.elts.index(use.feed.element): use for use in fed if use.feed is not None}

    def emit(codes: Codes) -> Replacement:
        items = ast.parse(codes[0], mode="eval").body
        assert isinstance(items, (ast.Tuple, ast.List))
        elements = [
            _pieces(pieces.get(number), str(ast.get_source_segment(codes[0], each)))
            for number, each in enumerate(items.elts)
        ]
        opening, closing = "[]" if isinstance(items, ast.List) else "()"
        rest = [
            f"{each.keyword}={code}" if each.keyword else code
            for each, code in zip(arguments_of(cat)[1:], codes[1:], strict=True)
        ]
        whole = f"{opening}{', '.join(elements)}{closing}"
        return Replacement(f"{source.code(cat.func)}({', '.join([whole, *rest])})")

    return CallEdit(cat, emit)


def _pieces(use: Use | None, code: str) -> str:
    """What stands for an element of a concatenation, which may be the results of a call."""
    if use is None:
        return code
    if use.hoisted:
        return ", ".join(use.outputs) or f"*{use.output}"
    results = ast.parse(code, mode="eval").body
    if not isinstance(results, ast.Tuple):
        return f"*{code}"
    return ", ".join(str(ast.get_source_segment(code, each)) for each in results.elts)


def _first_argument(code: str) -> str:
    """The code of the first argument of a call."""
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    return str(ast.get_source_segment(code, call.args[0]))


def _guarded_edits(source: Source, use: Use, guard: ast.If, templates: Templates) -> Iterator[Edit]:
    """The edits where the norm is applied under an ``if``: the concatenation goes behind it."""
    template = template_of(use.attribute.style)
    following = use.following
    assert following is not None

    def rendered(macro: str) -> Callable[[Codes], str]:
        return lambda codes: templates.render(
            template, macro, _call_context(source, use, codes, str)
        )

    yield StatementEdit(source.statement(use.call), use.call, rendered("statements"))
    statement = source.statement(following.norm)
    context = _call_context(
        source, use, [source.code(each.argument.value) for each in use.arguments], str
    )
    yield StatementEdit(
        statement, following.norm, lambda _: templates.render(template, "normed", context)
    )
    value = templates.render(template, "value", context)
    yield insert_after(source, guard, f"{following.output} = {value}")


def _use_edit(source: Source, use: Use, templates: Templates) -> CallEdit | StatementEdit:
    template = template_of(use.attribute.style)

    def statements(codes: Codes) -> str:
        return templates.render(template, "statements", _call_context(source, use, codes, str))

    def emit(codes: Codes) -> Replacement:
        context = _call_context(source, use, codes, partial(templates.render, template, "bound"))
        if not use.hoisted:
            return Replacement(templates.render(template, "expression", context))
        before = templates.render(template, "statements", context)
        value = templates.render(template, "value", context)
        if not templates.has(template, "binding"):
            return Replacement(value, before)
        binding = templates.render(template, "binding", context)
        return Replacement(value, before, Replacement(use.output, f"{before}\n{binding}"))

    if use.is_alone:
        return StatementEdit(source.statement(use.call), use.call, statements)
    return CallEdit(use.call, emit)


def _call_context(
    source: Source, use: Use, codes: Codes, bound: Callable[[Variable], str]
) -> CallContext:
    attribute = use.attribute
    assert isinstance(use.call.func, ast.Attribute)
    codes = _padded_codes(source, use, codes)
    names = attribute.names
    passed = _passed_on(
        use.arguments,
        [each.variable or code for each, code in zip(use.arguments, codes, strict=True)],
    )
    binding = _passed_on(
        use.arguments,
        [
            bound(Variable(each.variable, code)) if each.variable and not use.hoisted else code
            for each, code in zip(use.arguments, codes, strict=True)
        ],
    )
    width = attribute.width
    norm = attribute.norm if use.following is not None else None
    norms = norm.names if norm is not None and norm.names else ("",) * len(names)
    return CallContext(
        self=source.code(use.call.func.value),
        attribute=attribute.attribute,
        input=passed.input,
        rest=passed.rest,
        binding=binding,
        variables=variables(use.arguments, codes),
        branches=tuple(
            BranchContext(
                name, width * i, width * (i + 1), output, norms[i], _around(source, use, str(i))
            )
            for i, (name, output) in enumerate(zip(names, use.outputs, strict=True))
            if width is not None
        ),
        width=width,
        width_variable=use.width,
        may_be_plain=attribute.may_be_plain,
        whole=use.whole,
        is_returned=use.is_alone and isinstance(source.statement(use.call), ast.Return),
        cat=use.cat,
        output=use.output,
        item=use.item,
        counter=use.counter,
        norm=norm.attribute if norm is not None else "",
        norm_item=use.norm_item,
        guarded=use.guarded is not None,
        pad=_around(source, use, use.counter),
    )


def _around(source: Source, use: Use, number: str) -> tuple[str, str]:
    """What stands before and after the slice of a number to pad it."""
    return use.padding.around(source, number) if use.padding is not None else ("", "")


def _padded_codes(source: Source, use: Use, codes: Codes) -> Codes:
    """The code of each argument, with that of what is padded in place of the padding."""
    padding = use.padding
    if padding is None:
        return codes
    (code,) = codes  # a 1d convolution takes its input alone
    return [_first_argument(code) if padding.statement is None else source.code(padding.input)]


def _passed_on(arguments: tuple[NamedArgument, ...], values: list[str]) -> InputContext:
    passed = list(zip(arguments, values, strict=True))
    rest = "".join(
        f", {each.argument.keyword}={value}" if each.argument.keyword else f", {value}"
        for each, value in passed
        if each.parameter != "input"
    )
    return InputContext(next(value for each, value in passed if each.parameter == "input"), rest)
