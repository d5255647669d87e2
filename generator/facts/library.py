"""What calls of Python's standard library do."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from .arguments import Arguments
from .containers import Containers
from .frames import Frame
from .heap import Slot, union
from .interpreter import Interpreter
from .new_containers import NewContainers
from .partials import Partials
from .values import NOTHING, Values, only_text
from .walks import Walks

_MANY: Final = 99
_ROUNDS: Final = 4
"""How often a function that ``functools.reduce`` is given is applied to what it gives."""
_COMPILING: Final = ("mode", "fullgraph", "dynamic", "backend", "options", "disable")
_CHECKPOINT: Final = ("use_reentrant", "preserve_rng_state", "determinism_check", "debug")
BY_PATH: Final = "operator.attrgetter()"
"""What ``operator.attrgetter`` gives is this, with the paths before what has them."""


class Known(NamedTuple):
    """A function that is known, for calls with so many arguments and no other names."""

    do: Callable[[str, Arguments, ast.AST, Frame], Values]
    least: int
    most: int
    names: tuple[str, ...] = ()


@dataclass(eq=False)
class Library:
    """The functions that are known, by their paths."""

    interpreter: Interpreter
    containers: Containers
    new_containers: NewContainers
    partials: Partials
    walks: Walks

    def __post_init__(self) -> None:
        self.known: Mapping[str, Known] = {
            "builtins.filter": Known(self._filter, 2, 2),
            "functools.reduce": Known(self._reduce, 2, 3),
            "itertools.chain": Known(self._chain, 0, _MANY),
            "itertools.chain.from_iterable": Known(self._chain_of, 1, 1),
            "itertools.islice": Known(self._slice, 2, 4),
            "operator.attrgetter": Known(self._getter, 1, _MANY),
            BY_PATH: Known(self._by_path, 2, _MANY),
            "operator.getitem": Known(self._item, 2, 2),
            "operator.setitem": Known(self._set_item, 3, 3),
            "operator.delitem": Known(self._delete_item, 2, 2),
            "typing.cast": Known(self._cast, 2, 2),
            "types.SimpleNamespace": Known(self._namespace, 0, 0, ("*",)),
            "torch.compile": Known(self._same, 1, 1, _COMPILING),
            "torch.jit.script": Known(self._same, 1, 1, _COMPILING),
            "torch.utils.checkpoint.checkpoint": Known(self._applied, 1, _MANY, _CHECKPOINT),
            "weakref.ref": Known(self._reference, 1, 1),
        }

    def _applied(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """A function that applies its first argument to the rest."""
        others = Arguments(given.positional[1:])
        call = self.interpreter.call
        return union([call(each, others, node, frame) for each in given.positional[0]])

    def _same(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """A function that gives a module that does what its first argument does."""
        return given.positional[0]

    def _cast(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        return given.positional[1]

    def _filter(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        function, items = given.positional
        made = self.new_containers.copied(items, "builtins.list", node, frame)
        any_of = union(self.interpreter.heap.item(each, None) for each in made)
        for each in function:
            self.interpreter.call(each, Arguments((any_of,)), node, frame)
        for each in made:
            self.interpreter.heap.loosen(each)
        return made

    def _reduce(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        slots, call = (
            self.interpreter.items(given.positional[1], node, frame),
            self.interpreter.call,
        )
        by = self.interpreter.external(path)
        self.interpreter.use(given.positional[1], "argument", node, frame, by=by)
        turns = [slot.values for slot in slots]
        if all(slot.is_one for slot in slots) and not any(
            map(self.interpreter.heap.is_loose, given.get(1, ""))
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

    def _chain(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        made = self.interpreter.container(node, "builtins.list", frame)
        for each in given.positional:
            self.containers.extend(made, each, node, frame)
        if len(given.positional) > 1:
            self.interpreter.heap.loosen(made)
        return frozenset((made,))

    def _chain_of(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        slots = self.interpreter.items(given.positional[0], node, frame)
        many = Arguments(tuple(slot.values for slot in slots))
        found = self._chain(path, many, node, frame)
        for each in found:
            self.interpreter.heap.loosen(each)
        return found

    def _slice(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        self.interpreter.use(given.positional[0], "item", node, frame)
        made = self.new_containers.copied(given.positional[0], "builtins.list", node, frame)
        for each in made:
            self.interpreter.heap.loosen(each)
        return made

    def _getter(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        by_path = frozenset((self.interpreter.external(BY_PATH),))
        return self.partials.made(Arguments((by_path, *given.positional)), node, frame)

    def _by_path(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        *paths, values = given.positional
        texts = [*map(only_text, paths)]
        found = [
            self.walks.at_path(values, each, node, frame) for each in texts if each is not None
        ]
        if len(found) < len(paths):
            return self.interpreter.unknown(given, node, frame, path)
        if len(found) == 1:
            return found[0]
        made = self.interpreter.container(node, "builtins.tuple", frame)
        for place, each in enumerate(found):
            self.interpreter.heap.put(made, place, Slot(each))
        return frozenset((made,))

    def _item(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        self.interpreter.use(given.positional[0], "item", node, frame)
        found: Values = NOTHING
        for each in given.positional[0]:
            if self.interpreter.heap.is_container(each):
                found |= self.interpreter.heap.item(each, None)
            else:
                found |= self.interpreter.unknown(given, node, frame, path)
        return found

    def _set_item(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        container, index, values = given.positional
        for each in container:
            self.containers.set_item(each, index, values, node, frame)
        return self.interpreter.constant(None)

    def _delete_item(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        self.interpreter.use(given.positional[0], "write", node, frame, name="[]")
        for each in given.positional[0]:
            self.interpreter.heap.loosen(each)
        return self.interpreter.constant(None)

    def _namespace(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        made = self.interpreter.made_at(node, path, frame)
        for name, values in given.named.items():
            self.interpreter.heap.store(made, name, values)
        return frozenset((made,))

    def _reference(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        cast = frozenset((self.interpreter.external("typing.cast"),))
        arguments = Arguments((cast, self.interpreter.constant(None), given.positional[0]))
        return self.partials.made(arguments, node, frame)
