"""What the templates of the explicit and the loop style are given."""

from __future__ import annotations

from dataclasses import dataclass

from ..outcome import WrittenStyle
from ..rewriting.edits import Codes
from .model import NamedArgument


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
        pad: what stands before and after its slice, where that is padded.
    """

    name: str
    start: int
    stop: int
    output: str
    norm: str
    pad: tuple[str, str]


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
        width_variable: a local variable for them, where a statement can bind it; in loop style.
        may_be_plain: whether it may turn out a single one, which takes the input as a whole.
        whole: a local variable for the result as a whole, where that is so and a statement can
            bind it; in loop style.
        is_returned: whether all that the statement does is to return it; likewise.
        cat: ``torch.cat`` as the source spells it.
        output: a local variable for the result; in loop style for the list of results.
        item: a loop variable for a group's convolution; in loop style.
        counter: a loop variable for its number; in loop style.
        norm: the attribute of the norm that follows, or of the list of them; or nothing.
        norm_item: a loop variable for a group's norm; in loop style.
        guarded: whether that is applied under an ``if`` that follows.
        pad: what stands before and after each slice, where that is padded; in loop style.
    """

    self: str
    attribute: str
    input: str
    rest: str
    binding: InputContext
    variables: tuple[Variable, ...]
    branches: tuple[BranchContext, ...]
    width: int | None
    width_variable: str
    may_be_plain: bool
    whole: str
    is_returned: bool
    cat: str
    output: str
    item: str
    counter: str
    norm: str
    norm_item: str
    guarded: bool
    pad: tuple[str, str]


@dataclass(frozen=True)
class PadContext:
    """What the macro ``pads`` is given as ``pad``: the code of a module, and their number."""

    code: str
    groups: int
    module_list: str


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


def variables(arguments: tuple[NamedArgument, ...], codes: Codes) -> tuple[Variable, ...]:
    """The local variables that some arguments need."""
    return tuple(
        Variable(each.variable, code)
        for each, code in zip(arguments, codes, strict=True)
        if each.variable
    )


def template_of(style: WrittenStyle) -> str:
    """The file of a style's template."""
    return f"{style}.py.jinja"
