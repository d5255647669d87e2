"""Write convolutions, and the norms after them, out in explicit and loop style, as edits."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from json import dumps
from typing import TYPE_CHECKING

from ..reading.calls import arguments_of, is_plain
from ..reading.classes import ClassIndex
from ..reading.convolutions import SIZES
from ..reading.naming import fresh, names_in, numbered, outermost_function
from ..reading.spelling import spell
from ..rewriting.edits import CallEdit, Codes, Edit, Removal, Replacement, StatementEdit
from .classify import Candidate
from .norms.written import is_rebinding, is_size
from .written import NEEDED, Written, WrittenNorm, input_of

if TYPE_CHECKING:
    from ..rewriting.templating import Templates


@dataclass(frozen=True)
class LayerContext:
    """What the macro ``definition`` is given as ``layer``: a convolution, or the norm after it.

    Attributes:
        self: the name of ``self``.
        attribute: the attribute that held it.
        names: the attribute of each group's layer; in explicit style.
        annotation: the attribute's annotation, or nothing.
        constructor: its class as the source spells it.
        arguments: the code of each argument for the layer of one group.
        groups: the number of groups.
        module_list: ``nn.ModuleList`` as the source spells it.
        counter: a loop variable; in loop style.
    """

    self: str
    attribute: str
    names: tuple[str, ...]
    annotation: str
    constructor: str
    arguments: tuple[str, ...]
    groups: int
    module_list: str
    counter: str


@dataclass(frozen=True)
class BranchContext:
    """The convolution of one group, in explicit style.

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
class CallContext:
    """What the other macros are given as ``call``.

    Attributes:
        self: the name of ``self``.
        attribute: the attribute that held the grouped convolution.
        input: the code of the input: a plain name.
        value: the code of what that variable is to be given first, or nothing.
        branches: the convolution of each group; in explicit style.
        width: the input channels of one group.
        cat: ``torch.cat`` as the source spells it.
        output: a local variable for the result; in loop style for the list of results.
        item: a loop variable for a group's convolution; in loop style.
        counter: a loop variable for its number; in loop style.
        norm: the attribute of the list of norms that follow, or nothing.
        norm_item: a loop variable for a group's norm; in loop style.
    """

    self: str
    attribute: str
    input: str
    value: str
    branches: tuple[BranchContext, ...]
    width: int
    cat: str
    output: str
    item: str
    counter: str
    norm: str
    norm_item: str


class Writing:
    """Writes attributes of one source.

    Args:
        index: of the source.
        attributes: all that are written.
        templates: what code is rendered from.
    """

    def __init__(
        self, index: ClassIndex, attributes: Sequence[Written], templates: Templates
    ) -> None:
        self.source = index.source
        self.templates = templates
        self._stems = {each.stem for each in attributes}
        self._taken: dict[ast.stmt, set[str]] = defaultdict(set)

    def edits(self, written: Written) -> Iterator[Edit]:
        """The edits that write an attribute out, and the norm after it."""
        candidate, norm = written.candidate, written.norm
        yield StatementEdit(
            candidate.statement, candidate.site.call, lambda codes: self._conv(written, codes)
        )
        if norm is not None:
            yield StatementEdit(
                norm.statement, norm.call, lambda codes: self._norm(written, norm, codes)
            )
        for call in sorted(written.calls, key=lambda each: self.source.span(each).end):
            yield CallEdit(call, self._call(written, call))
            following = norm.following.get(call) if norm is not None else None
            if following is not None:
                statement = self.source.statement(following.norm)
                if following.form == "next" and is_rebinding(following, statement):
                    yield Removal(statement)
                else:  # it is applied to each branch already
                    yield CallEdit(following.norm, lambda codes: Replacement(codes[0]))

    def _rendered(self, written: Written, macro: str, value: object) -> str:
        return self.templates.render(f"{written.style}.py.jinja", macro, value)

    def _spelled(self, path: str, place: ast.expr) -> str:
        return spell(self.source, path, place) or path

    # --- definitions -------------------------------------------------------------------------

    def _conv(self, written: Written, codes: Codes) -> str:
        candidate = written.candidate
        target, call = candidate.target, candidate.site.call
        arguments = tuple(_arguments(written, codes))
        context = self._layer(written, target, call, written.names, arguments)
        definition = self._rendered(written, "definition", context)
        return f"{self._check(candidate)}\n{definition}" if candidate.is_seen else definition

    def _check(self, candidate: Candidate) -> str:
        """What raises where a convolution is to be another one than was seen in a run."""
        given = candidate.site.arguments.by_name
        numbers = zip(SIZES, candidate.numbers, strict=True)
        told = [(given[name], number) for name, number in numbers]
        codes = {
            self._operand(each): number
            for each, number in told
            if not isinstance(each, ast.Constant)
        }
        shown = ", ".join(f"{code} = {number}" for code, number in codes.items())
        message = dumps(f"{candidate.attribute} is written out for {shown}", ensure_ascii=False)
        value = {"given": tuple(codes.items()), "message": message}
        return self.templates.render("seen_numbers.py.jinja", "check", value)

    def _operand(self, node: ast.expr) -> str:
        """The code of an expression in a comparison."""
        code = ast.unparse(node)
        return code if isinstance(node, (ast.Name, ast.Attribute, ast.BinOp)) else f"({code})"

    def _norm(self, written: Written, norm: WrittenNorm, codes: Codes) -> str:
        width = written.candidate.out_channels // written.candidate.groups
        arguments = []
        for number, (each, code) in enumerate(zip(arguments_of(norm.call), codes, strict=True)):
            code = str(width) if is_size(number, each) else code
            arguments.append(f"{each.keyword}={code}" if each.keyword else code)
        context = self._layer(written, norm.target, norm.call, norm.names, tuple(arguments))
        return self._rendered(written, "definition", context)

    def _layer(
        self,
        written: Written,
        target: ast.Attribute,
        call: ast.Call,
        names: tuple[str, ...],
        arguments: tuple[str, ...],
    ) -> LayerContext:
        annotation = getattr(self.source.parent(call), "annotation", None)
        read = {each.id for each in self.source.inside(call) if isinstance(each, ast.Name)}
        return LayerContext(
            self.source.code(target.value),
            target.attr,
            names,
            ast.unparse(annotation) if annotation is not None else "",
            ast.unparse(call.func),
            arguments,
            written.candidate.groups,
            self._spelled(NEEDED[1], written.candidate.site.call),
            fresh("_", read),
        )

    # --- calls -------------------------------------------------------------------------------

    def _call(self, written: Written, call: ast.Call) -> Callable[[Codes], Replacement]:
        """What makes a call of the code of its input; all its names are new in its statement."""
        source, groups = self.source, written.candidate.groups
        statement = source.statement(call)
        taken = self._taken[statement]
        taken |= names_in(outermost_function(source, call))
        width, norm = written.candidate.in_channels // groups, written.norm
        follows = norm is not None and call in norm.following
        given = input_of(call)
        assert given is not None
        variable = "" if is_plain(given) else _new(f"{written.stem}_input", taken)
        outputs = _series(written.stem, groups, taken) if written.style == "explicit" else ()
        branches = tuple(
            BranchContext(name, width * i, width * (i + 1), outputs[i], norm_name)
            for i, (name, norm_name) in enumerate(
                zip(
                    written.names,
                    norm.names if norm is not None and follows else [""] * len(written.names),
                    strict=True,
                )
            )
        )
        assert isinstance(call.func, ast.Attribute)
        instance, output = source.code(call.func.value), _new(written.stem, taken)
        items = [each for each in ("conv", "branch", "layer") if each not in self._stems]
        item = _one_of((*items, f"{written.stem}_part"), taken)
        counter = _one_of(("i", "j", "k", "index"), taken)
        norm_item = _one_of(("norm", "bn", "each"), taken)
        cat = self._spelled(NEEDED[0], call)

        def emit(codes: Codes) -> Replacement:
            context = CallContext(
                instance,
                written.attribute,
                variable or codes[0],
                codes[0] if variable else "",
                branches,
                width,
                cat,
                output,
                item,
                counter,
                norm.attribute if norm is not None and follows else "",
                norm_item,
            )
            before = self._rendered(written, "statements", context)
            value = self._rendered(written, "value", context)
            if written.style == "loop":
                return Replacement(value, before)
            short = f"{before}\n{output} = {value}"
            return Replacement(value, before, Replacement(output, short))

        return emit


def _arguments(written: Written, codes: Codes) -> Iterator[str]:
    """The arguments for one group: without groups, and so by name what was placed after it."""
    candidate = written.candidate
    groups = candidate.groups
    widths = {
        "in_channels": candidate.in_channels // groups,
        "out_channels": candidate.out_channels // groups,
    }
    given = arguments_of(candidate.site.call)
    is_behind = False
    for number, (each, code) in enumerate(zip(given, codes, strict=True)):
        name = each.keyword or ("" if each.stars else candidate.conv.parameters[number])
        if name == "groups":
            is_behind = True
            if any(one.stars for one in given):
                yield "groups=1"  # so that it is seen not to be grouped
        else:
            value = widths.get(name, code)
            keyword = name if is_behind else each.keyword
            yield f"{keyword}={value}" if keyword else f"{each.stars}{value}"


def _new(name: str, taken: set[str]) -> str:
    found = fresh(name, taken)
    taken.add(found)
    return found


def _series(stem: str, count: int, taken: set[str]) -> tuple[str, ...]:
    """A variable for each group: ``conv_0``, ``conv_1``, or with another stem for all."""
    series = (tuple(f"{each}_{i}" for i in range(count)) for each in numbered(stem))
    found = next(each for each in series if taken.isdisjoint(each))
    taken.update(found)
    return found


def _one_of(names: Sequence[str], taken: set[str]) -> str:
    return next((each for each in names if each not in taken), fresh(names[0], taken))
