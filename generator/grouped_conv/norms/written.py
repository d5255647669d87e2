"""The norm after a convolution that is written out: as one attribute a group, or as a list."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ...reading.calls import Argument, arguments_of, is_repeatable
from ...reading.classes import ClassIndex
from ...reading.names import meaning
from ...torch_api import canonical
from ..classify import Candidate, single_target
from ..numbers import Values
from ..refusal import Refusal
from ..uses import find_calls
from .attributes import Store
from .following import Following
from .kinds import NORMS
from .norm_after import Pair
from .order import is_set_before


@dataclass(frozen=True)
class NormArgument:
    """An argument of a norm's constructor, and whether it is the number of channels."""

    argument: Argument
    is_size: bool


@dataclass(frozen=True)
class NormDefinition:
    """A statement ``self.name = nn.BatchNorm2d(...)`` that is to be replaced.

    Attributes:
        statement: the statement.
        target: what it assigns to.
        call: what it assigns.
        arguments: of the call, in the order of the text.
    """

    statement: ast.Assign | ast.AnnAssign
    target: ast.Attribute
    call: ast.Call
    arguments: tuple[NormArgument, ...]


def norm_definitions(
    index: ClassIndex, values: Values, candidate: Candidate, pair: Pair
) -> tuple[NormDefinition, ...]:
    """The definitions of a norm that can be written out.

    Raises:
        Refusal: it cannot; it can then still be split when it is built.
    """
    if not pair.is_plain:
        raise Refusal(f"self.{pair.norm} after it is not only called")
    targets = [each.target for each in pair.stores]
    find_calls(index, pair.owner, pair.norm, targets)  # see that it is only called
    for each in pair.followed:
        _check_form(index, each)
    return tuple(_definition(index, values, candidate, pair, each) for each in pair.stores)


def _definition(
    index: ClassIndex, values: Values, candidate: Candidate, pair: Pair, store: Store
) -> NormDefinition:
    statement, call = index.source.statement(store.target), store.value
    is_call = (
        isinstance(call, ast.Call) and canonical(meaning(index.source, call.func).path) in NORMS
    )
    if store.kind.name != "norm" or not isinstance(call, ast.Call) or not is_call:
        raise Refusal(f"the class of self.{pair.norm} is known only at run time")
    is_alone = isinstance(statement, (ast.Assign, ast.AnnAssign)) and (
        single_target(statement) is store.target
    )
    if not is_alone or index.self_class(store.target.value) is not pair.owner:
        raise Refusal(f"self.{pair.norm} after it is not built in a statement of its own")
    assert isinstance(statement, (ast.Assign, ast.AnnAssign))
    arguments = _arguments(index, call)
    size = next(each.argument.value for each in arguments if each.is_size)
    if candidate.numbers is None:
        if not is_set_before(index, pair.convs, store.target):
            raise Refusal(f"self.{pair.norm} after it is built before it")
    elif values.known_int(size) != candidate.numbers[1]:
        raise Refusal(f"the num_features of self.{pair.norm} after it are not known")
    return NormDefinition(statement, store.target, call, arguments)


def _arguments(index: ClassIndex, call: ast.Call) -> tuple[NormArgument, ...]:
    found = []
    for number, each in enumerate(arguments_of(call)):
        if each.stars or not is_repeatable(index.source, each.value):
            raise Refusal("the norm's arguments may have side effects")
        is_size = each.keyword == "num_features" or (number == 0 and not each.keyword)
        found.append(NormArgument(each, is_size))
    if not any(each.is_size for each in found):
        raise Refusal("the norm is built without num_features")
    return tuple(found)


def _check_form(index: ClassIndex, following: Following) -> None:
    """See that a norm is applied in a way that can be written anew."""
    source = index.source
    statement = source.statement(following.norm)
    if following.form == "choice":
        raise Refusal("an expression decides whether the norm is applied")
    if following.form == "if":
        guard = following.guard
        assert isinstance(guard, ast.If)
        if guard.orelse or len(guard.body) > 1 or not is_rebinding(following, statement):
            raise Refusal("the statement that applies the norm does more")
    if following.form == "next" and is_rebinding(following, statement):
        if not source.has_own_lines(statement):
            raise Refusal("the norm is applied on the same line")


def is_rebinding(following: Following, statement: ast.stmt) -> bool:
    """Whether a statement gives a variable what the norm makes of it, and nothing else."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name == following.output and value is following.norm
    return False
