"""What calls of Python's standard library do."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from .arguments import Arguments
from .frames import Frame
from .heap import union
from .values import NOTHING, Values, only_text

if TYPE_CHECKING:
    from .interpreter import Interpreter

_MANY: Final = 99
_ROUNDS: Final = 4
"""How often a function that ``functools.reduce`` is given is applied to what it gives."""
_CHECKPOINT: Final = ("use_reentrant", "preserve_rng_state", "determinism_check", "debug")
BY_PATH: Final = "operator.attrgetter()"
"""What ``operator.attrgetter`` gives is this, with the path as its first argument."""


class Known(NamedTuple):
    """A function that is known, for calls with so many arguments and no other names."""

    do: Callable[[str, Arguments, ast.AST, Frame], Values]
    least: int
    most: int
    names: tuple[str, ...] = ()


def library(interpreter: Interpreter) -> Mapping[str, Known]:
    """The functions that are known, by their paths."""

    def known(do: Callable[..., Values], least: int, most: int, *names: str) -> Known:
        return Known(partial(do, interpreter), least, most, names)

    return {
        "builtins.filter": known(_filter, 2, 2),
        "functools.reduce": known(_reduce, 2, 3),
        "itertools.chain": known(_chain, 0, _MANY),
        "itertools.chain.from_iterable": known(_chain_of, 1, 1),
        "itertools.islice": known(_slice, 2, 4),
        "operator.attrgetter": known(_getter, 1, 1),
        BY_PATH: known(_by_path, 2, 2),
        "operator.getitem": known(_item, 2, 2),
        "types.SimpleNamespace": known(_namespace, 0, 0, "*"),
        "torch.utils.checkpoint.checkpoint": known(_applied, 1, _MANY, *_CHECKPOINT),
        "weakref.ref": known(_reference, 1, 1),
    }


def _applied(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    """A function that applies its first argument to the rest."""
    others = Arguments(given.positional[1:])
    call = interpreter.calls.call
    return union([call(each, others, node, frame) for each in given.positional[0]])


def _filter(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    function, items = given.positional
    made = interpreter.new_containers.copied(items, "builtins.list", node, frame)
    any_of = union(interpreter.heap.item(each, None) for each in made)
    for each in function:
        interpreter.calls.call(each, Arguments((any_of,)), node, frame)
    for each in made:
        interpreter.heap.loosen(each)
    return made


def _reduce(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    slots, call = interpreter.items(given.positional[1], node, frame), interpreter.calls.call
    turns = [slot.values for slot in slots]
    if all(slot.is_one for slot in slots) and not any(
        map(interpreter.heap.is_loose, given.get(1, ""))
    ):
        found = given.get(2, "initial") or turns.pop(0)
        for turn in turns:
            arguments = Arguments((found, turn))
            found = union([call(each, arguments, node, frame) for each in given.positional[0]])
        return found
    found = given.get(2, "initial") or union(turns)
    for _ in range(_ROUNDS):
        for each in given.positional[0]:
            found |= call(each, Arguments((found, union(turns))), node, frame)
    return found


def _chain(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    made = interpreter.container(node, "builtins.list", frame)
    for each in given.positional:
        interpreter.containers.extend(made, each, node, frame)
    if len(given.positional) > 1:
        interpreter.heap.loosen(made)
    return frozenset((made,))


def _chain_of(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    slots = interpreter.items(given.positional[0], node, frame)
    many = Arguments(tuple(slot.values for slot in slots))
    found = _chain(interpreter, path, many, node, frame)
    for each in found:
        interpreter.heap.loosen(each)
    return found


def _slice(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    interpreter.use(given.positional[0], "item", node, frame)
    made = interpreter.new_containers.copied(given.positional[0], "builtins.list", node, frame)
    for each in made:
        interpreter.heap.loosen(each)
    return made


def _getter(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    by_path = frozenset((interpreter.external(BY_PATH),))
    return interpreter.calls.partial(Arguments((by_path, *given.positional)), node, frame)


def _by_path(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    text = only_text(given.positional[0])
    if text is None:
        return interpreter.calls.unknown(given, node, frame, path)
    return interpreter.walks.at_path(given.positional[1], text, node, frame)


def _item(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    interpreter.use(given.positional[0], "item", node, frame)
    found: Values = NOTHING
    for each in given.positional[0]:
        if interpreter.heap.is_container(each):
            found |= interpreter.heap.item(each, None)
        else:
            found |= interpreter.calls.unknown(given, node, frame, path)
    return found


def _namespace(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    made = interpreter.made_at(node, path, frame)
    for name, values in given.named.items():
        interpreter.heap.store(made, name, values)
    return frozenset((made,))


def _reference(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    cast = frozenset((interpreter.external("typing.cast"),))
    arguments = Arguments((cast, interpreter.constant(None), given.positional[0]))
    return interpreter.calls.partial(arguments, node, frame)
