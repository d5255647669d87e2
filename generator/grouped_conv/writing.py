"""Decide how each definition and each call is written: as which statements, with which names."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from ..reading.calls import Argument, arguments_of, is_plain, is_repeatable
from ..reading.classes import ClassIndex
from ..reading.directives import Directives
from ..reading.evaluation import can_be_hoisted
from ..reading.naming import fresh, names_in, numbered, outermost_function
from ..reading.parts import walk
from ..reading.spelling import can_import_torch, spell
from .classify import Candidate
from .joining import Feed, find_feed
from .model import Definition, NamedArgument, SplitAttribute, Use
from .padding import Padding, find_padding, with_stores
from .refusal import Refusal, line_of

_REPLACED = frozenset(("in_channels", "out_channels", "groups"))
_CALL_PARAMETERS = ("input", "output_size")


class Writing:
    """Writes attributes of one source.

    Attributes:
        needs_torch: whether ``import torch`` must be added for what was written.
    """

    def __init__(self, index: ClassIndex, directives: Directives) -> None:
        self.index = index
        self.directives = directives
        self.source = index.source
        self.needs_torch = False
        self._stems: dict[ast.AST, Counter[str]] = defaultdict(Counter)
        self._names: dict[ast.AST, frozenset[str]] = {}
        self._reads_frame: dict[ast.AST, bool] = {}

    def write(self, attributes: Iterable[SplitAttribute]) -> tuple[list[Definition], list[Use]]:
        """Write all definitions and calls of some attributes.

        Raises:
            Refusal: one of them cannot be written; it is named.
        """
        attributes = list(attributes)
        self._stems.clear()
        for each in attributes:
            for call in each.calls:
                self._stems[outermost_function(self.source, call)][each.stem] += 1
        definitions: list[Definition] = []
        by_statement: dict[ast.stmt, list[tuple[ast.Call, SplitAttribute]]] = defaultdict(list)
        for attribute in attributes:
            for candidate in attribute.candidates:
                definitions.append(self._definition(attribute, candidate))
            for call in attribute.calls:
                by_statement[self.source.statement(call)].append((call, attribute))
        uses: list[Use] = []
        for statement, calls in by_statement.items():
            # What ends first is evaluated first: an argument before the call that it is for.
            calls.sort(key=lambda each: self.source.span(each[0]).end)
            uses += _StatementWriting(self, statement).write(calls)
        return definitions, [*self._padded(attributes, uses)]

    def _padded(self, attributes: list[SplitAttribute], uses: list[Use]) -> Iterator[Use]:
        """The uses, of which those that are padded know where the module for that is built."""
        for attribute in attributes:
            own = [each for each in uses if each.attribute is attribute]
            found = [each.padding for each in own if each.padding is not None]
            if attribute.groups is None or not found:
                yield from own
                continue
            paddings = iter(with_stores(self.index, self.directives, found))
            for each in own:
                yield replace(each, padding=next(paddings)) if each.padding is not None else each

    def _definition(self, attribute: SplitAttribute, candidate: Candidate) -> Definition:
        site = candidate.site
        taken = self.names_around(site.call)
        arguments = []
        for position, argument in enumerate(arguments_of(site.call)):
            parameter = argument.keyword or ""
            if not argument.keyword and not argument.stars:
                parameter = candidate.conv.parameters[position]
            variable = ""
            is_known = parameter in _REPLACED and candidate.numbers is not None
            if not is_known and not is_repeatable(self.source, argument.value):
                variable = fresh(f"{attribute.stem}_{parameter or 'options'}", taken)
                taken.add(variable)
            arguments.append(NamedArgument(argument, parameter, variable))
        return Definition(
            candidate,
            attribute,
            tuple(arguments),
            module_list=self.spell("torch.nn.ModuleList", site.call, attribute)
            if attribute.style == "loop"
            else "",
            counter=fresh("_", _names_read(site.call)),
            count=fresh(f"{attribute.stem}_count", taken) if candidate.may_be_depthwise else "",
        )

    def is_only_one(self, call: ast.Call, attribute: SplitAttribute) -> bool:
        """Whether no other call in its function gives its variables other values."""
        return self.stems(call)[attribute.stem] == 1

    def stems(self, call: ast.Call) -> Counter[str]:
        """What the variables are named after for the calls in the function of one, how often."""
        return self._stems[outermost_function(self.source, call)]

    def names_around(self, node: ast.expr) -> set[str]:
        """The names that are taken where a node stands; to be added to at will."""
        function = outermost_function(self.source, node)
        if function not in self._names:
            self._names[function] = frozenset(names_in(function))
        return set(self._names[function])

    def reads_frame(self, statement: ast.stmt) -> bool:
        """Whether the function of a statement sees its own local names as data."""
        function = self.source.scope(statement).node
        if function not in self._reads_frame:
            self._reads_frame[function] = any(map(_is_frame_reader, walk(function)))
        return self._reads_frame[function]

    def spell(self, path: str, place: ast.expr, attribute: SplitAttribute) -> str:
        """How something of torch is called at a place.

        Raises:
            Refusal: it has no name there and can be given none.
        """
        spelled = spell(self.source, path, place)
        if spelled is None:
            if not can_import_torch(self.source, place):
                raise Refusal(
                    f"{path} is needed, but the name torch means something else", attribute
                )
            self.needs_torch = True
        return spelled or path


class _StatementWriting:
    """Writes the calls in one statement, in the order of their evaluation."""

    def __init__(self, writing: Writing, statement: ast.stmt) -> None:
        self.writing = writing
        self.source = writing.source
        self.statement = statement
        self.hoisted: set[ast.Call] = set()
        self.taken: set[str] = set()

    def write(self, calls: list[tuple[ast.Call, SplitAttribute]]) -> list[Use]:
        self.taken = self.writing.names_around(calls[0][0])
        return [self._use(call, attribute) for call, attribute in calls]

    def _use(self, call: ast.Call, attribute: SplitAttribute) -> Use:
        frame_is_read = self.writing.reads_frame(self.statement)
        hoisted = not frame_is_read and can_be_hoisted(
            self.source, self.statement, call, self.hoisted
        )
        following = attribute.norm.following.get(call) if attribute.norm else None
        if hoisted:
            self.hoisted.add(call)
            if following is not None and following.form == "nested":
                self.hoisted.add(following.norm)  # it goes into the branches
        padding = self._padding(call, attribute, hoisted)
        arguments = tuple(
            self._argument(attribute, position, argument, padding)
            for position, argument in enumerate(arguments_of(call))
        )
        if not hoisted and any(each.variable for each in arguments):
            if attribute.may_be_plain:
                raise Refusal(f"{line_of(call)} calls it on an expression", attribute)
            if frame_is_read:
                raise Refusal(
                    f"the function of {line_of(call)} reads its own local names", attribute
                )
            self._check_expression(call, attribute, arguments)
        if following is not None and following.form == "if":
            if not hoisted or attribute.may_be_plain:
                raise Refusal("the norm after it is applied under an if", attribute)
        is_nested = following is not None and following.form == "nested"
        whole, is_alone = "", False
        if attribute.may_be_plain and hoisted:
            value = following.norm if following is not None and is_nested else call
            whole, is_alone = self._whole(value, attribute)
        reads_width = attribute.style == "loop" and attribute.width is None and hoisted
        return Use(
            call,
            attribute,
            arguments,
            hoisted,
            cat=self.writing.spell("torch.cat", call, attribute),
            output=self._one_of("parts") if whole else self._fresh(attribute.stem),
            outputs=self._outputs(attribute) if attribute.style == "explicit" else (),
            width=self._one_of("width", "group_width") if reads_width else "",
            whole=whole,
            is_alone=is_alone,
            item=self._item(call, attribute, hoisted),
            counter=self._one_of("i", "j", "k", "index"),
            norm_item=self._one_of("norm", "bn", "each") if following else "",
            following=following,
            feed=self._feed(call, attribute, hoisted),
            module_list=self.writing.spell("torch.nn.ModuleList", call, attribute)
            if padding is not None
            else "",
            padding=padding,
        )

    def _item(self, call: ast.Call, attribute: SplitAttribute, hoisted: bool) -> str:
        """A loop variable for a convolution, which TorchScript wants to be nothing else."""
        if attribute.may_be_plain and not hoisted:
            return self._fresh(f"{attribute.stem}_part")
        stems = self.writing.stems(call)
        names = (each for each in ("conv", "branch", "layer") if each not in stems)
        return self._one_of(*names, f"{attribute.stem}_part")

    def _whole(self, value: ast.expr, attribute: SplitAttribute) -> tuple[str, bool]:
        """A variable for what a statement makes of a call, and whether it only binds or returns it.

        The variable is then the statement's own.
        """
        if self.source.ends_line(self.statement):  # or what follows would stand in the block
            match self.source.parent(value):
                case ast.Assign(targets=[ast.Name(id=name)]):
                    return name, True
                case ast.Return():
                    return self._fresh(attribute.stem), True
        return self._fresh(attribute.stem), False

    def _padding(self, call: ast.Call, attribute: SplitAttribute, hoisted: bool) -> Padding | None:
        """What pads the input of a 1d convolution, if each slice can be padded by itself."""
        conv = attribute.candidates[0].conv
        if not hoisted or conv.dimensions > 1 or conv.transposed or attribute.may_be_plain:
            return None
        is_alone = len(call.args) == 1 and not call.keywords
        index, directives = self.writing.index, self.writing.directives
        return find_padding(index, directives, call, call.args[0]) if is_alone else None

    def _feed(self, call: ast.Call, attribute: SplitAttribute, hoisted: bool) -> Feed | None:
        """The concatenation that the results go into one by one."""
        following = attribute.norm.following.get(call) if attribute.norm else None
        if attribute.may_be_plain or (following is not None and following.form == "if"):
            return None
        value = following.norm if following is not None else call
        feed = find_feed(self.source, self.writing.directives, value)
        if feed is None or (feed.is_named and not hoisted):
            return None
        last = self.source.statement(feed.value)
        if feed.is_named or self.source.statement(call) is not last:
            # Other statements stand between the branches and the concatenation.
            is_alone = self.writing.is_only_one(call, attribute)
            return feed if is_alone and self.source.has_own_lines(last) else None
        return feed

    def _argument(
        self,
        attribute: SplitAttribute,
        position: int,
        argument: Argument,
        padding: Padding | None,
    ) -> NamedArgument:
        parameter = argument.keyword or _CALL_PARAMETERS[min(position, 1)]
        is_padded = padding is not None and parameter == "input"
        value = padding.input if is_padded and padding is not None else argument.value
        variable = "" if is_plain(value) else self._fresh(f"{attribute.stem}_{parameter}")
        return NamedArgument(argument, parameter, variable)

    def _check_expression(
        self, call: ast.Call, attribute: SplitAttribute, arguments: tuple[NamedArgument, ...]
    ) -> None:
        """Refuse what an assignment or a comprehension inside an expression may not hold."""
        parents = [call, *self.source.ancestors(call)]
        for inner, outer in pairwise(parents):
            if isinstance(outer, ast.comprehension) and outer.iter is inner:
                raise Refusal(
                    f"{line_of(call)} calls it on an expression in what a comprehension goes over",
                    attribute,
                )
        forbidden = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
        for each in arguments:
            for node in walk(each.argument.value):
                if isinstance(node, forbidden) or _is_super(node):
                    raise Refusal(
                        f"{line_of(call)} calls it on an expression that binds, waits or calls"
                        " super",
                        attribute,
                    )
        if arguments[0].parameter != "input" and sum(bool(each.variable) for each in arguments) > 1:
            raise Refusal(f"{line_of(call)} calls it with its input not first", attribute)

    def _fresh(self, name: str) -> str:
        found = fresh(name, self.taken)
        self.taken.add(found)
        return found

    def _outputs(self, attribute: SplitAttribute) -> tuple[str, ...]:
        """A variable for each group: ``conv_0``, ``conv_1``, or with another stem for all."""
        numbers = range(attribute.groups or 0)
        stem = next(
            stem
            for stem in numbered(attribute.stem)
            if not any(f"{stem}_{i}" in self.taken for i in numbers)
        )
        return tuple(self._fresh(f"{stem}_{i}") for i in numbers)

    def _one_of(self, *names: str) -> str:
        return next((name for name in names if name not in self.taken), fresh(names[0], self.taken))


def _is_frame_reader(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
        return False
    return node.func.id in ("locals", "vars", "dir")


def _names_read(call: ast.Call) -> set[str]:
    return {node.id for node in walk(call) if isinstance(node, ast.Name)}


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "super"
