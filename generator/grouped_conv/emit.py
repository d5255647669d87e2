"""Fill the templates of the styles, and hand the code to the rewriter as edits."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..edits import CallEdit, Codes, Edit, Insertion, Removal, Replacement, StatementEdit
from ..outcome import WrittenStyle
from ..places import line_after
from ..source import Source
from .classify import SIZES
from .model import Definition, NamedArgument, Use
from .norms.written import NormDefinition, is_rebinding

if TYPE_CHECKING:
    from ..templating import Templates


@dataclass(frozen=True)
class Variable:
    """A local variable to bind: its name, and the code of its value."""

    variable: str
    code: str


@dataclass(frozen=True)
class DefinitionContext:
    """What the macro ``definition`` is given as ``conv``.

    Attributes:
        self: the name of ``self``.
        attribute: the attribute that held the grouped convolution.
        names: the attribute of each group's convolution; in explicit style.
        annotation: the attribute's annotation, or nothing.
        constructor: the convolution class as the source spells it.
        arguments: the code of each argument for the convolution of one group.
        variables: the local variables that the arguments need.
        groups: the number of groups, or its code where it is known only at run time.
        count: a variable for the number of convolutions, where it may turn out depthwise.
        is_depthwise: the code of the question whether it is; likewise.
        module_list: ``nn.ModuleList`` as the source spells it; in loop style.
        counter: a loop variable; in loop style.
    """

    self: str
    attribute: str
    names: tuple[str, ...]
    annotation: str
    constructor: str
    arguments: tuple[str, ...]
    variables: tuple[Variable, ...]
    groups: str
    count: str
    is_depthwise: str
    module_list: str
    counter: str


@dataclass(frozen=True)
class BranchContext:
    """The convolution of one group.

    Attributes:
        name: its attribute.
        start, stop: its channels.
        output: the variable for its output.
        norm: the attribute of the norm that follows, or nothing.
    """

    name: str
    start: int
    stop: int
    output: str
    norm: str


@dataclass(frozen=True)
class InputContext:
    """What is passed on in a call: the input's code, and that of all else, with a comma before."""

    input: str
    rest: str


@dataclass(frozen=True)
class CallContext:
    """What the other macros are given as ``call``.

    Attributes:
        self: the name of ``self``.
        attribute: the attribute that held the grouped convolution.
        input: the code of the input: a plain name.
        rest: the code of the other arguments, with a comma before each.
        binding: the same two, with ``:=`` where a variable is to be bound by the expression.
        variables: the local variables that the arguments need.
        branches: the convolution of each group; in explicit style.
        width: the input channels of one group; None where they are known only at run time.
        may_be_plain: whether it may turn out a single one, which takes the input as a whole.
        cat: ``torch.cat`` as the source spells it.
        output: a local variable for the result; in loop style for the list of results.
        item: a loop variable for a group's convolution; in loop style.
        counter: a loop variable for its number; in loop style.
        norm: the attribute of the norm that follows, or of the list of them; or nothing.
        norm_item: a loop variable for a group's norm; in loop style.
        guarded: whether that is applied under an ``if`` that follows.
    """

    self: str
    attribute: str
    input: str
    rest: str
    binding: InputContext
    variables: tuple[Variable, ...]
    branches: tuple[BranchContext, ...]
    width: int | None
    may_be_plain: bool
    cat: str
    output: str
    item: str
    counter: str
    norm: str
    norm_item: str
    guarded: bool


@dataclass(frozen=True)
class NormContext:
    """What the macro ``norm`` is given as ``norm``.

    Attributes:
        self: the name of ``self``.
        attribute: the attribute that held the norm.
        names: the attribute of each group's norm; in explicit style.
        annotation: the attribute's annotation, or nothing.
        constructor: the norm's class as the source spells it.
        arguments: the code of each argument for the norm of one group.
        module_list: ``nn.ModuleList`` as the source spells it; in loop style.
        counter: a loop variable; in loop style.
        over: the code of what it goes over; in loop style.
    """

    self: str
    attribute: str
    names: tuple[str, ...]
    annotation: str
    constructor: str
    arguments: tuple[str, ...]
    module_list: str
    counter: str
    over: str


def make_edits(
    source: Source, definitions: Iterable[Definition], uses: Iterable[Use], templates: Templates
) -> Iterator[Edit]:
    """The edits that replace some definitions and calls.

    Raises:
        TemplateError: a template is faulty; raised when the edit's code is emitted.
    """
    for definition in definitions:
        yield _definition_edit(source, definition, templates)
        yield from _norm_edits(source, definition, templates)
    for use in uses:
        yield from _use_edits(source, use, templates)


def _definition_edit(source: Source, definition: Definition, templates: Templates) -> StatementEdit:
    candidate = definition.candidate

    def emit(codes: Codes) -> str:
        context = _definition_context(source, definition, codes)
        return templates.render(_template(definition.attribute.style), "definition", context)

    return StatementEdit(candidate.statement, candidate.site.call, emit)


def _use_edits(source: Source, use: Use, templates: Templates) -> Iterator[Edit]:
    """The edits of a call, and of the norm after it."""
    guard, following = use.guarded, use.following
    if following is None:
        yield _use_edit(source, use, templates)
    elif guard is not None:
        yield from _guarded_edits(source, use, guard, templates)
    else:
        yield _use_edit(source, use, templates)
        statement = source.statement(following.norm)
        if following.form == "next" and is_rebinding(following, statement):
            yield Removal(statement)
        else:  # the norm is applied to each branch already
            yield CallEdit(following.norm, lambda codes: Replacement(codes[0]))


def _guarded_edits(
    source: Source, use: Use, guard: ast.If, templates: Templates
) -> Iterator[Edit]:
    """The edits where the norm is applied under an ``if``: the concatenation goes behind it."""
    template = _template(use.attribute.style)
    following = use.following
    assert following is not None

    def rendered(macro: str) -> Callable[[Codes], str]:
        return lambda codes: templates.render(
            template, macro, _call_context(source, use, codes, str)
        )

    yield StatementEdit(source.statement(use.call), use.call, rendered("statements"))
    statement = source.statement(following.norm)
    context = _call_context(source, use, [source.code(each.argument.value) for each in use.arguments], str)
    yield StatementEdit(statement, following.norm, lambda _: templates.render(template, "normed", context))
    value = templates.render(template, "value", context)
    indent = source.indent_of_line(source.span(guard).start)
    place = line_after(source, guard, indent)
    yield Insertion(place, f"{following.output} = {value}", indent=indent)


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
        return templates.render(_template(definition.attribute.style), "norm", context)

    return StatementEdit(norm.statement, norm.call, emit)


def _norm_context(
    source: Source, definition: Definition, norm: NormDefinition, codes: Codes
) -> NormContext:
    attribute = definition.attribute
    assert attribute.norm is not None
    instance = source.code(norm.target.value)
    numbers = definition.candidate.numbers
    over = f"range({attribute.groups})"
    if numbers is None:
        over = f"{instance}.{attribute.attribute}"
    arguments = []
    for each, code in zip(norm.arguments, codes, strict=True):
        if each.is_size and numbers is not None:
            code = str(numbers[1] // numbers[2])
        elif each.is_size:
            code = f"{_operand(each.argument.value, code)} // len({over})"
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


def _use_edit(source: Source, use: Use, templates: Templates) -> CallEdit:
    template = _template(use.attribute.style)

    def bound(variable: Variable) -> str:
        return templates.render(template, "bound", variable)

    def emit(codes: Codes) -> Replacement:
        context = _call_context(source, use, codes, bound)
        if not use.hoisted:
            return Replacement(templates.render(template, "expression", context))
        before = templates.render(template, "statements", context)
        value = templates.render(template, "value", context)
        if not templates.has(template, "binding"):
            return Replacement(value, before)
        binding = templates.render(template, "binding", context)
        return Replacement(value, before, Replacement(use.output, f"{before}\n{binding}"))

    return CallEdit(use.call, emit)


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
        variables=_variables(definition.arguments, codes),
        groups=sizes["groups"],
        count=definition.count,
        is_depthwise=" == ".join(dict.fromkeys(sizes[each] for each in reversed(SIZES))),
        module_list=definition.module_list,
        counter=definition.counter,
    )


def _sizes(definition: Definition, codes: Codes) -> dict[str, str]:
    """The code of in_channels, out_channels and groups; a number where all are known."""
    candidate = definition.candidate
    if candidate.numbers is not None:
        return dict(zip(SIZES, map(str, candidate.numbers), strict=True))
    return {
        named.parameter: named.variable or _operand(named.argument.value, code)
        for named, code in zip(definition.arguments, codes, strict=True)
        if named.parameter in SIZES
    }


def _operand(value: ast.expr, code: str) -> str:
    """The code of an expression as an operand of any operator."""
    is_atom = isinstance(value, (ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.Subscript))
    return code if is_atom else f"({code})"


def _constructor_arguments(
    definition: Definition, codes: Codes, sizes: dict[str, str]
) -> Iterator[str]:
    """The arguments for one group: without groups, and so by name what was placed after it."""
    numbers = definition.candidate.numbers
    count = definition.count or sizes["groups"]
    values = {each: f"{sizes[each]} // {count}" for each in SIZES[:2]}
    if numbers is not None:
        values = {
            each: str(number // numbers[2])
            for each, number in zip(SIZES, numbers[:2], strict=False)
        }
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
        yield f"groups={sizes['groups']} // {count}"


def _call_context(
    source: Source, use: Use, codes: Codes, bound: Callable[[Variable], str]
) -> CallContext:
    attribute = use.attribute
    assert isinstance(use.call.func, ast.Attribute)
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
        variables=_variables(use.arguments, codes),
        branches=tuple(
            BranchContext(name, width * i, width * (i + 1), output, norms[i])
            for i, (name, output) in enumerate(zip(names, use.outputs, strict=True))
            if width is not None
        ),
        width=width,
        may_be_plain=attribute.may_be_plain,
        cat=use.cat,
        output=use.output,
        item=use.item,
        counter=use.counter,
        norm=norm.attribute if norm is not None else "",
        norm_item=use.norm_item,
        guarded=use.guarded is not None,
    )


def _passed_on(arguments: tuple[NamedArgument, ...], values: list[str]) -> InputContext:
    passed = list(zip(arguments, values, strict=True))
    rest = "".join(
        f", {each.argument.keyword}={value}" if each.argument.keyword else f", {value}"
        for each, value in passed
        if each.parameter != "input"
    )
    return InputContext(next(value for each, value in passed if each.parameter == "input"), rest)


def _variables(arguments: tuple[NamedArgument, ...], codes: Codes) -> tuple[Variable, ...]:
    return tuple(
        Variable(each.variable, code)
        for each, code in zip(arguments, codes, strict=True)
        if each.variable
    )


def _template(style: WrittenStyle) -> str:
    return f"{style}.py.jinja"
