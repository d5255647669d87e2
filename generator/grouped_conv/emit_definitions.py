"""Fill the templates for where grouped convolutions, and the norms after them, are built."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..reading.source import Source
from ..rewriting.edits import Codes, Edit, StatementEdit
from .contexts import DefinitionContext, NormContext, template_of, variables
from .model import Definition
from .norms.written import NormDefinition
from .quotients import quotient, reduced, term
from .symbols import SIZES

if TYPE_CHECKING:
    from ..rewriting.templating import Templates


def make_definition_edits(
    source: Source, definitions: Iterable[Definition], templates: Templates
) -> Iterator[Edit]:
    """The edits that replace some definitions.

    Raises:
        TemplateError: a template is faulty; raised when the edit's code is emitted.
    """
    for definition in definitions:
        yield _definition_edit(source, definition, templates)
        yield from _norm_edits(source, definition, templates)


def _definition_edit(source: Source, definition: Definition, templates: Templates) -> StatementEdit:
    candidate = definition.candidate

    def emit(codes: Codes) -> str:
        context = _definition_context(source, definition, codes)
        return templates.render(template_of(definition.attribute.style), "definition", context)

    return StatementEdit(candidate.statement, candidate.site.call, emit)


def _norm_edits(source: Source, definition: Definition, templates: Templates) -> Iterator[Edit]:
    """The edits of the definitions of the norm after a convolution."""
    attribute = definition.attribute
    if attribute.norm is None or definition.candidate is not attribute.candidates[0]:
        return
    for each in attribute.norm.definitions:
        yield _norm_edit(source, definition, each, templates)


def _norm_edit(
    source: Source, definition: Definition, norm: NormDefinition, templates: Templates
) -> StatementEdit:
    def emit(codes: Codes) -> str:
        context = _norm_context(source, definition, norm, codes)
        return templates.render(template_of(definition.attribute.style), "norm", context)

    return StatementEdit(norm.statement, norm.call, emit)


def _norm_context(
    source: Source, definition: Definition, norm: NormDefinition, codes: Codes
) -> NormContext:
    attribute = definition.attribute
    assert attribute.norm is not None
    instance = source.code(norm.target.value)
    numbers = definition.candidate.numbers
    over = f"range({attribute.groups})"
    count = str(attribute.groups)
    if numbers is None:
        over = f"{instance}.{attribute.attribute}"
        written = source.code(definition.candidate.site.arguments.by_name["groups"])
        groups = reduced(f"({written}\n)")  # it may go over lines
        is_number = groups.isdecimal() and not definition.count
        count = groups if is_number else f"len({over})"
    arguments = []
    for each, code in zip(norm.arguments, codes, strict=True):
        if each.is_size:
            code = quotient(code if numbers is None else str(numbers[1]), count)
        keyword = each.argument.keyword
        arguments.append(f"{keyword}={code}" if keyword else code)
    annotation = getattr(norm.statement, "annotation", None)
    return NormContext(
        self=instance,
        attribute=attribute.norm.attribute,
        names=attribute.norm.names,
        annotation=ast.unparse(annotation) if annotation is not None else "",
        constructor=ast.unparse(norm.call.func),
        arguments=tuple(arguments),
        module_list=definition.module_list,
        counter=definition.counter,
        over=over,
    )


def _definition_context(source: Source, definition: Definition, codes: Codes) -> DefinitionContext:
    candidate, attribute = definition.candidate, definition.attribute
    statement = candidate.statement
    annotation = getattr(statement, "annotation", None)
    sizes = _sizes(definition, codes)
    return DefinitionContext(
        self=source.code(candidate.target.value),
        attribute=attribute.attribute,
        names=attribute.names,
        annotation=ast.unparse(annotation) if annotation is not None else "",
        constructor=ast.unparse(candidate.site.call.func),
        arguments=tuple(_constructor_arguments(definition, codes, sizes)),
        variables=variables(definition.arguments, codes),
        groups=term(sizes["groups"]),
        count=definition.count,
        is_depthwise=" == ".join(dict.fromkeys(term(sizes[each]) for each in reversed(SIZES))),
        module_list=definition.module_list,
        counter=definition.counter,
    )


def _sizes(definition: Definition, codes: Codes) -> dict[str, str]:
    """The code of in_channels, out_channels and groups; a number where all are known."""
    candidate = definition.candidate
    if candidate.numbers is not None:
        return dict(zip(SIZES, map(str, candidate.numbers), strict=True))
    return {
        named.parameter: named.variable or reduced(code)
        for named, code in zip(definition.arguments, codes, strict=True)
        if named.parameter in SIZES
    }


def _constructor_arguments(
    definition: Definition, codes: Codes, sizes: dict[str, str]
) -> Iterator[str]:
    """The arguments for one group: without groups, and so by name what was placed after it."""
    count = definition.count or sizes["groups"]
    values = {each: quotient(sizes[each], count) for each in SIZES[:2]}
    groups_seen = False
    for named, code in zip(definition.arguments, codes, strict=True):
        if named.parameter == "groups":
            groups_seen = True
            may_be_given = any(each.argument.stars == "**" for each in definition.arguments)
            if may_be_given and not definition.count:
                yield "groups=1"  # so that it is seen not to be grouped
            continue
        value = values.get(named.parameter) or named.variable or code
        keyword = (
            named.parameter if groups_seen and not named.argument.stars else named.argument.keyword
        )
        yield f"{keyword}={value}" if keyword else f"{named.argument.stars}{value}"
    if definition.count:
        yield f"groups={quotient(sizes['groups'], count)}"
