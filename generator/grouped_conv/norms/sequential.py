"""Find each nn.Sequential with a norm, or a padding, next to a convolution that is split."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import takewhile
from typing import Final

from ...facts.heap import Slot
from ...facts.values import Instance, Object, Value
from ...reading.parts import walk
from ..padding import is_padding
from ..refusal import Refusal, line_of
from ..weights import Uses, Weights
from .kinds import TRYING, Kind
from .pairs import Pairs

ADDING: Final = frozenset(("append", "add_module", "insert", "extend", "register_module"))
"""The methods that add to an nn.Sequential."""


@dataclass(frozen=True)
class Sequence:
    """An nn.Sequential in which a norm follows a convolution, or a padding comes before one.

    Attributes:
        node: the call that builds it, or what stands for it where it is added to.
        after: the statement after which it is all there; None for the call.
        code: what stands for it after that statement.
        has_norm: whether a norm may follow a convolution in it.
        has_padding: whether a padding comes before one.
        norms: what may be such norms, as far as they are seen.
        reason: why these stay as they are, if so.
        uses: what else is done with the norms, as far as that may be no obstacle.
    """

    node: ast.expr
    after: ast.stmt | None
    code: str
    has_norm: bool
    has_padding: bool
    norms: tuple[ast.expr, ...] = ()
    reason: str = ""
    uses: Uses = field(default_factory=Uses, compare=False)

    @property
    def place(self) -> ast.AST:
        """What is the same for all convolutions in it."""
        return self.after or self.node


def find_sequences(pairs: Pairs, convs: Iterable[Value]) -> Iterator[Sequence]:
    """Each nn.Sequential that a convolution gets into beside a norm or a padding.

    Args:
        pairs: of the source.
        convs: what its construction makes.
    """
    facts, known = pairs.surroundings.facts, dict[ast.AST, Sequence]()
    for conv in convs:
        for holder, name in facts.heap.holders(conv):
            if name == "" and is_sequential(holder) and not pairs.modules.is_copy(holder):
                found = _Search(pairs, holder, conv).sequence()
                if found is not None:  # what is built in one place stays as a whole
                    before = known.setdefault(found.node, found)
                    known[found.node] = before if before.reason else found
    yield from known.values()


def is_sequential(value: Value) -> bool:
    """Whether a value is an nn.Sequential, or of a class that inherits from it."""
    if isinstance(value, Instance):
        return "torch.nn.Sequential" in value.cls.externals
    return isinstance(value, Object) and value.kind == "torch.nn.Sequential"


class _Search:
    """Looks at one nn.Sequential that holds a convolution."""

    def __init__(self, pairs: Pairs, whole: Value, conv: Value) -> None:
        self.pairs = pairs
        self.modules = pairs.modules
        self.facts = pairs.surroundings.facts
        self.source = pairs.source
        self.whole = whole
        self.conv = conv
        self.slots = self.facts.heap.slots(whole)
        self.places = [at for at, each in enumerate(self.slots) if conv in each.values]

    def sequence(self) -> Sequence | None:
        """What becomes of it; None where nothing in it changes, or it is of another file."""
        kinds = [(each, self._kind(each)) for each in self._behind()]
        trying = [each for each, kind in kinds if kind.name in TRYING and not kind.reason]
        padded = [*self._paddings()]
        found = self._where([*trying, *padded, *(self.slots[at] for at in self.places)])
        if found is None or not (trying or padded):
            reason = next((kind.reason for _, kind in kinds if kind.reason), "")
            return (
                replace(found, reason=f"the norm stays after it: {reason}")
                if found and reason
                else None
            )
        norms = tuple(each.node for each in trying if isinstance(each.node, ast.expr))
        found = replace(found, has_norm=bool(trying), has_padding=bool(padded), norms=norms)
        what = "the norm stays after" if trying else "the padding stays before"
        try:
            uses = self._uses(trying, padded)
        except Refusal as refusal:
            return replace(found, reason=f"{what} it: {refusal}")
        after = self._after_writes(found.after, uses) if found.after is not None else None
        return replace(found, after=after, uses=uses)

    # --- what is in it -----------------------------------------------------------------------

    def _behind(self) -> Iterator[Slot]:
        """What may come directly behind the convolution: anything, where no order is known."""
        if self.facts.heap.is_loose(self.whole):
            yield from self.slots
            return
        for place in self.places:
            for each in self.slots[place + 1 :]:
                yield each
                if not each.is_optional or each.many:
                    break

    def _paddings(self) -> Iterator[Slot]:
        for place in self.places:
            before = self.slots[place - 1].node if place else None
            if isinstance(before, ast.expr) and self.source.has(before):
                if is_padding(self.pairs.index, before):
                    yield self.slots[place - 1]

    def _kind(self, slot: Slot) -> Kind:
        shown = ast.unparse(slot.node) if slot.node is not None else ""
        return self.modules.kinds.of_values(slot.values, shown)

    # --- where it is built -------------------------------------------------------------------

    def _where(self, slots: Iterable[Slot]) -> Sequence | None:
        """Where some of it are all in it."""
        added = self._added
        last = max(map(added.index, filter(None, map(self._adding, slots))), default=None)
        base = self._base()
        is_given = base is not None and bool(base.args)
        if not is_given and not all(self._adding(self.slots[at]) for at in self.places):
            return None  # something else has put it there
        if last is not None or (added and isinstance(self.whole, Object)):
            return self._added_to(added, last if last is not None else len(added) - 1)
        assert base is not None
        statement = self.source.parent(base)
        if isinstance(self.whole, Instance):
            function = self.source.function_around(base)
            assert function is not None
            return Sequence(
                *(base, self.source.statement(base), function.args.args[0].arg, False, False)
            )
        match statement:
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target]):
                is_long = base.lineno != base.end_lineno
                if is_long and self.source.has_own_lines(statement):
                    return Sequence(base, statement, self.source.code(target), False, False)
        return Sequence(base, None, "", False, False)

    def _base(self) -> ast.Call | None:
        """The call that builds it, in the source."""
        if isinstance(self.whole, Object):
            site = self.whole.site
            return site if isinstance(site, ast.Call) and self.source.has(site) else None
        assert isinstance(self.whole, Instance)
        for cls in self.whole.cls.order:
            for each in walk(cls.node) if self.source.has(cls.node) else ():
                match each:
                    case ast.Call(
                        func=ast.Attribute(
                            value=ast.Call(func=ast.Name(id="super")), attr="__init__"
                        )
                    ) if each.args:
                        return each
        return None

    @cached_property
    def _added(self) -> list[ast.Call]:
        """The calls that add to it."""
        return [
            use.node
            for use in self.facts.uses(self.whole)
            if use.kind == "method" and use.name in ADDING and self.source.has(use.node)
            if isinstance(use.node, ast.Call) and isinstance(use.node.func, ast.Attribute)
        ]

    def _adding(self, slot: Slot) -> ast.Call | None:
        """The call that adds an item to it; None for one that it is built with."""
        call = self.source.parent(slot.node) if slot.node and self.source.has(slot.node) else None
        return call if isinstance(call, ast.Call) and call in self._added else None

    def _added_to(self, added: list[ast.Call], last: int) -> Sequence | None:
        """What becomes of it where modules are added to it one by one."""
        call = added[last]
        assert isinstance(call.func, ast.Attribute)
        receiver, function = call.func.value, self.source.function_around(call)
        if function is None:
            return None
        base = self._base()
        around = [call, *self.source.ancestors(call)]
        inside = around[: around.index(function)]
        blocks = [function.body]
        if base is not None and function in self.source.ancestors(base):
            blocks.insert(0, self.source.block(self.source.statement(base)))
        block = next(each for each in blocks if any(one in each for one in inside))
        statement = next(one for one in inside if one in block)
        assert isinstance(statement, ast.stmt)
        here = [each for each in added if function in self.source.ancestors(each)]
        after = self._end_of_series(block, statement, receiver, here)
        return Sequence(receiver, after, self.source.code(receiver), False, False)

    def _end_of_series(
        self, block: list[ast.stmt], last: ast.stmt, receiver: ast.expr, added: list[ast.Call]
    ) -> ast.stmt:
        """The last statement of a block that adds to it before it is used otherwise."""
        for each in block[block.index(last) + 1 :]:
            nodes = [*walk(each)]
            is_left = any(isinstance(node, ast.Return) for node in nodes)
            if is_left or self.pairs.directives.skip(each) or self._is_used(receiver, nodes, added):
                break
            last = each if any(call in nodes for call in added) else last
        return last

    def _is_used(self, receiver: ast.expr, nodes: list[ast.AST], added: list[ast.Call]) -> bool:
        """Whether some nodes may use it, but for some calls that add to it."""
        roots = {node.id for node in walk(receiver) if isinstance(node, ast.Name)}
        own = ast.unparse(receiver)
        for node in nodes:
            if isinstance(node, ast.Name) and node.id in roots:
                path: ast.AST = node
                while isinstance(parent := self.source.parent(path), ast.Attribute):
                    path = parent
                is_method = isinstance(parent, ast.Call) and parent.func is path
                code = ast.unparse(path)
                is_near = code.startswith(own) or own.startswith(code)
                if parent not in added and (is_method or is_near):
                    return True
        return False

    def _after_writes(self, statement: ast.stmt, uses: Uses) -> ast.stmt:
        """The last of the statements right behind one that set weights of the norms."""
        block = self.source.block(statement)
        following = block[block.index(statement) + 1 :]
        writing = takewhile(lambda each: any(one in uses.writes for one in walk(each)), following)
        return [statement, *writing][-1]

    # --- what else is done with it -----------------------------------------------------------

    def _uses(self, trying: list[Slot], padded: list[Slot]) -> Uses:
        """What else is done with the norms.

        Raises:
            Refusal: one of them, or the convolution, may be used by itself.
        """
        weights = Weights(self.pairs.index)
        convs = [self.slots[at] for at in self.places]
        for slot in (*trying, *convs, *padded):
            self._check_held(slot)
            self.modules.look_at_items(weights, slot, (), slot in trying)
        self._check_taken(any(isinstance(each, Instance) for one in trying for each in one.values))
        return weights.uses

    def _check_held(self, slot: Slot) -> None:
        """See that nothing else holds an item, and it is another one in each nn.Sequential."""
        names = [str(each.name) for each in self.slots if each.name is not None]
        calls = (*reversed(self.whole.context),) if isinstance(self.whole, Object) else ()
        if isinstance(self.whole, Object) and self.source.has(self.whole.site):
            whole = replace(slot, node=self.whole.site)
            self.modules.check_items(whole, (self.whole,), names, *calls)
        elif isinstance(self.whole, Instance) and slot.node is not None:
            cls = self.source.class_around(slot.node)
            if not any(each.node is cls for each in self.whole.cls.order):
                raise Refusal(f"it is put there by another class ({line_of(slot.node)})")
        self.modules.check_items(slot, (self.whole,), names, *calls)

    def _check_taken(self, has_own: bool) -> None:
        """See that nothing is taken out of it, or put in the place of another."""
        changed: list[ast.AST] = [
            use.node
            for use in self.facts.uses(self.whole)
            if (use.kind == "write" and use.name == "[]")
            or (use.kind == "method" and use.name in ("pop", "insert", "__setitem__", "clear"))
            or (has_own and use.kind in ("item", "iterate"))
        ]
        changed += [
            each
            for each in self.modules.expressions((self.whole,))
            if isinstance(parent := self.source.parent(each), ast.Subscript)
            and not isinstance(parent.ctx, ast.Load)
        ]
        for each in changed:
            raise Refusal(f"one of them is used directly ({line_of(each)})")
