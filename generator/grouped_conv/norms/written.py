"""The norm after a convolution that is written out: as one attribute a group, or as a list."""

from __future__ import annotations

import ast

from ...reading.calls import Argument, arguments_of, is_repeatable
from ...reading.classes import ClassIndex
from ...reading.names import meaning
from ...torch_api import canonical
from ..classify import Candidate, single_target
from ..numbers import Numbers
from ..refusal import Refusal
from ..uses import find_calls
from ..written import WrittenNorm
from .following import Following
from .kinds import NORMS
from .norm_after import Pair


def written_norm(
    index: ClassIndex, numbers: Numbers, candidate: Candidate, pair: Pair, names: tuple[str, ...]
) -> WrittenNorm:
    """A norm as it is written out.

    Raises:
        Refusal: it cannot be; it can then still be split when it is built.
    """
    name, source = f"self.{pair.norm}", index.source
    if not pair.is_plain:
        raise Refusal(f"{name} after it is not only called")
    find_calls(index, pair.owner, pair.norm, [each.target for each in pair.stores])
    for each in pair.followed:
        if each.form not in ("nested", "next"):
            raise Refusal("the norm after it is not always applied")
    target, call = pair.stores[0].target, pair.stores[0].value
    definition = source.statement(target)
    is_norm = isinstance(call, ast.Call) and canonical(meaning(source, call.func).path) in NORMS
    if len(pair.stores) > 1 or not isinstance(call, ast.Call) or not is_norm:
        raise Refusal(f"the class of {name} is known only at run time")
    if not isinstance(definition, (ast.Assign, ast.AnnAssign)) or (
        single_target(definition) is not target or index.self_class(target.value) is not pair.owner
    ):
        raise Refusal(f"{name} after it is not built in a statement of its own")
    arguments = arguments_of(call)
    if any(each.stars or not is_repeatable(source, each.value) for each in arguments):
        raise Refusal("the norm's arguments may have side effects")
    sizes = [each.value for number, each in enumerate(arguments) if is_size(number, each)]
    if not sizes or not _are_channels(numbers, candidate, sizes[0]):
        raise Refusal(f"the num_features of {name} after it are not known")
    following = {each.call: each for each in pair.followed}
    return WrittenNorm(pair.norm, definition, target, call, names, following)


def _are_channels(numbers: Numbers, candidate: Candidate, size: ast.expr) -> bool:
    """Whether a norm surely has as many channels as a convolution gives."""
    if not candidate.is_seen:
        return numbers.known_int(size) == candidate.out_channels
    form = numbers.form(size)
    return form is not None and form == numbers.form(
        candidate.site.arguments.by_name["out_channels"]
    )


def is_size(number: int, argument: Argument) -> bool:
    """Whether an argument of a norm is the number of its channels."""
    return argument.keyword == "num_features" or (number == 0 and not argument.keyword)


def is_rebinding(following: Following, statement: ast.stmt) -> bool:
    """Whether a statement gives a variable what the norm makes of it, and nothing else."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name == following.output and value is following.norm
    return False
