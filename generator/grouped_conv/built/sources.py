"""Plain convolutions of whose output a grouped one takes slices, split by the same slices.

Before, with the grouped one split::

    self.conv2, self.bn2 = split_conv_norm(self.conv2, self.bn2)
    ...
    x = F.relu(self.bn1(self.conv1(x)))
    x = F.relu(self.bn2(self.conv2(x)))

After::

    self.conv2, self.bn2 = split_conv_norm(self.conv2, self.bn2)
    self.conv1, self.bn1 = split_sliced(self.conv1, self.bn1, by=self.conv2)

PLiNIO's PIT (commit 3d6b5e0) keeps alive no more than the last channel of a layer. Of a layer whose
output is taken in slices it may mask all channels of one, and cannot export that. Measured with ten
random masks that differ from layer to layer and from channel to channel, keep 4 channels of 10, and
protect none: of 8 slices of 2 channels no export works, of 4 of 4 six do; of parts all do. What the
parts give is concatenated, and sliced again by the next layer: no list is carried.

That is enough, in PIT, MPS and SuperNet alike, where a convolution reads each slice: the parts of a
grouped one, or plain ones; activations and pooling may stand between. It is not where a slice meets
a sum or a concatenation, as in Res2Net and CSP: a slice of a concatenation has no mask of its own
there ("'PITConcatFeaturesMasker' object has no attribute 'alpha'"). Where the outputs of the parts
are carried as a list, PIT takes both: see ``carried``.

So a plain convolution is split where the facts show that a grouped one alone reads what it gives,
or where a call of ``split`` takes slices of what its norm gives. Whatever reads it, the parts
compute what it did, so that an activation may be one not known. What is done with the convolution
itself, and with its norm, is asked as of a grouped one. It costs time: timm's resnext50_32x4d has
1,045 convolutions then, of 549, and takes 1.3 times as long.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from ...facts.facts import Facts
from ...facts.values import Object, Value
from ...reading.convolutions import Arguments, conv_class
from ...reading.directives import Directives
from ...reading.names import meaning
from ...reading.scopes import assigned_value
from ..find import Site
from ..norms.attribute import Attribute
from ..norms.norm_after import Pair
from ..refusal import Refusal
from ..tracing import Tracing
from .carried import Chain, splits
from .plan import Line, LineKind, SlicedConv, Way, Wrap
from .slices_read import SlicesRead
from .ways import Ways

_PLAIN = frozenset(f"torch.nn.Conv{each}d" for each in (1, 2, 3))


class Sources:
    """Finds those of one source, and the lines that split them.

    Attributes:
        left: the constructions of those that stay as they are, each with the reason.
        skipped: those that a comment leaves alone, likewise.

    Args:
        tracing: of the source.
        norm: whether the norms after convolutions are split.
    """

    def __init__(self, tracing: Tracing, norm: bool) -> None:
        self.tracing = tracing
        self.index = tracing.index
        self.source = tracing.index.source
        self.norm = norm
        self.left: dict[ast.Call, str] = {}
        self.skipped: dict[ast.Call, str] = {}

    def leave(self, sliced: SlicedConv, reason: str) -> None:
        """Have one stay as it is."""
        self.left |= {each.call: reason for each in sliced.sites}

    @property
    def facts(self) -> Facts:
        """The facts of the source, which most have no need of."""
        return self.tracing.surroundings.facts

    # --- which there are ---------------------------------------------------------------------

    def find(self, ways: Mapping[ast.Call, tuple[Way, ...]]) -> Iterator[SlicedConv]:
        """The plain convolutions whose output is sliced, where they can be split.

        Args:
            ways: how those with groups are split.
        """
        calls: set[ast.Call] = set()  # a class, and one that inherits from it, have the same
        for each in (*self._before_grouped(ways), *self._before_splits()):
            if each is not None and each.sites[0].call not in calls:
                calls |= {site.call for site in each.sites}
                yield each

    def _before_grouped(
        self, ways: Mapping[ast.Call, tuple[Way, ...]]
    ) -> Iterator[SlicedConv | None]:
        """Those that a grouped convolution alone reads, which is split in some way."""
        readers = {held: None for each in ways.values() for way in each for held in self.held(way)}
        for owner, reader in readers:
            grouped = self.facts.attribute(owner, reader)
            if not all(isinstance(each, Object) and self.facts.is_plain(each) for each in grouped):
                for name in self._plain(owner):
                    yield self._settled(self._sliced(owner, name, reader), self._is_read)

    def _before_splits(self) -> Iterator[SlicedConv | None]:
        """Those whose output, behind a norm, a call takes slices of that are of one width."""
        for call, tensor, width in splits(self.source):
            owner = self.source.class_around(call)
            for name in self._plain(owner) if owner is not None else ():
                assert owner is not None
                found = self._sliced(owner, name, getattr(width, "attr", ""))
                if found is not None and found.pair is not None:
                    carried = Chain(self.tracing, found.pair).carried(call, tensor, width)
                    if carried is not None:
                        found = replace(found, carried=carried)
                        yield self._settled(found, self._is_carried)

    def held(self, way: Way) -> Iterator[tuple[ast.ClassDef, str]]:
        """The attribute with what is split in a way, by itself or with the norm behind it."""
        kinds = ("conv", "conv_norm", "split")
        if way.change is None or way.change.kind not in kinds or way.has("multiplier"):
            return
        if isinstance(way.held, tuple):
            yield way.held
        elif isinstance(way.held, ast.expr):
            for target in getattr(self.source.statement(way.held), "targets", ()):
                owner = self.index.self_class(getattr(target, "value", target))
                if isinstance(target, ast.Attribute) and owner is not None:
                    yield owner, target.attr

    def _plain(self, owner: ast.ClassDef) -> Iterator[str]:
        """The attributes of a class that are given plain convolutions, and nothing else."""
        for name in dict.fromkeys(
            each.attr
            for each in self.source.nodes
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
            if self.index.self_class(each.value) is owner
        ):
            values = self.facts.attribute(owner, name)
            if values and all(map(self._is_plain, values)):
                yield name

    def _is_plain(self, value: Value) -> bool:
        is_conv = isinstance(value, Object) and value.kind in _PLAIN
        return is_conv and isinstance(value, Object) and self.facts.is_plain(value)

    def _sliced(self, owner: ast.ClassDef, name: str, slices: str) -> SlicedConv | None:
        """What an attribute has; None where no more is to be said of it."""
        given = self._given(owner, name)
        sites = tuple(self._site(each) for each in given if isinstance(each, ast.Call))
        if not sites or any(each.call in (self.left | self.skipped) for each in sites):
            return None
        pair = self.tracing.pairs.find(owner, name)
        return SlicedConv(owner, name, slices, pair if isinstance(pair, Pair) else None, sites)

    def _given(self, owner: ast.ClassDef, name: str) -> list[ast.expr | None]:
        """What an attribute is given."""
        stores = self.tracing.pairs.stores_of(owner, name)
        return [assigned_value(self.source.parent_of, each) for each in stores]

    def _site(self, call: ast.Call) -> Site:
        conv = conv_class(meaning(self.source, call.func).path)
        return Site(call, conv, Arguments({}, False, ()))

    # --- which of them are sliced ------------------------------------------------------------

    def _settled(
        self, sliced: SlicedConv | None, is_sliced: Callable[[SlicedConv], bool]
    ) -> SlicedConv | None:
        """One that is sliced; None where it is not, or is to stay."""
        if sliced is None:
            return None
        try:
            if not is_sliced(sliced) or self._is_skipped(sliced):
                return None
            pair = self.tracing.pairs.find(sliced.owner, sliced.name)
            if isinstance(pair, Refusal):
                raise Refusal(str(pair).partition(": ")[2])
            if len(sliced.sites) != len(self._given(sliced.owner, sliced.name)):
                raise Refusal("what builds it is not known")
            if pair is not None and not self.norm:
                raise Refusal("norms are not split")
        except Refusal as refusal:
            self.leave(sliced, str(refusal))
            return None
        return sliced

    def _is_read(self, sliced: SlicedConv) -> bool:
        """Whether a grouped convolution alone reads what one gives.

        Raises:
            Refusal: something else does too.
        """
        owner, pair = sliced.owner, sliced.pair
        calls = Attribute(self.tracing.pairs, owner, sliced.name).calls
        stays = self.tracing.pairs.find(owner, sliced.name) is not pair
        starts = [each.norm for each in pair.followed] if pair is not None else calls
        return SlicesRead(self.tracing, owner, sliced.slices, stays).check(starts)

    def _is_carried(self, sliced: SlicedConv) -> bool:
        """Whether the slices of one can be carried from its norm to where they are taken.

        Raises:
            Refusal: they cannot.
        """
        carried, text = sliced.carried, self.source.text
        assert carried is not None and sliced.pair is not None
        Chain(self.tracing, sliced.pair).check(carried)
        width = carried.width
        is_own = isinstance(width, ast.Attribute) and self.index.self_class(width.value)
        if not is_own and not isinstance(getattr(width, "value", None), int):
            raise Refusal("the width of a slice is no attribute of self")
        if "register_forward" in text or "jit.script" in text:
            raise Refusal("a hook, or torch.jit.script, may see what is done one after the other")
        changed = (*carried.statements, self.source.statement(carried.call))
        if any(map(self.tracing.directives.forbids, changed)):
            raise Refusal("a comment leaves alone what takes the slices")
        return True

    def _is_skipped(self, sliced: SlicedConv) -> bool:
        """Whether a comment leaves one alone."""
        calls = [each.call for each in sliced.sites]
        directives = Directives(self.source, calls, "source-split")
        skip = next(filter(None, map(directives.skip, calls)), None)
        if skip is not None:
            self.skipped |= dict.fromkeys(calls, str(skip))
        return skip is not None

    # --- how they are split ------------------------------------------------------------------

    def ways(
        self, sliced: SlicedConv, ways: Ways, grouped: Mapping[ast.Call, tuple[Way, ...]]
    ) -> dict[ast.Call, tuple[Way, ...]]:
        """How one is split, for each construction.

        Args:
            sliced: the convolution.
            ways: what decides about all of the source.
            grouped: how those with groups are split.

        Raises:
            Refusal: it cannot be.
        """
        if sliced.pair is not None:
            for each in sliced.pair.convs:
                owner = self.index.self_class(each.value) or sliced.owner
                pair = self.tracing.pairs.find(owner, sliced.name)
                if isinstance(pair, Pair):
                    ways.norms.pairs[owner, sliced.name] = pair
        held = sliced.owner, sliced.slices
        readers = [way for each in grouped.values() for way in each if held in self.held(way)]
        found: dict[ast.Call, tuple[Way, ...]] = {}
        for site in sliced.sites:
            own = ways.of(site)
            line = own[0].change
            if len(own) > 1 or not isinstance(line, Line) or line.kind not in ("conv", "conv_norm"):
                raise Refusal("there is no place where it is built, and nothing else has it")
            if sliced.pair is not None and line.kind == "conv":
                raise Refusal(own[0].note.partition(": ")[2] or "the norm after it stays")
            if line.condition:
                raise Refusal("the norm after it is not always applied")
            self._check_order(sliced, own[0], line, readers)
            kind: LineKind = "source" if line.kind == "conv" else "source_norm"
            slices = f"{line.code.rpartition('.')[0]}.{sliced.slices}"
            if sliced.carried is not None and not sliced.slices:
                slices = self.source.code(sliced.carried.width)
            found[site.call] = (replace(own[0], change=replace(line, kind=kind, slices=slices)),)
        return found

    def _check_order(self, sliced: SlicedConv, way: Way, line: Line, readers: list[Way]) -> None:
        """See that what it is to be split by is there: the grouped one, split, or the width.

        Raises:
            Refusal: it is not, or that is not known.
        """
        if not sliced.slices:
            return
        scope, pairs = self.source.scope(line.after), self.tracing.pairs
        stores = [*pairs.stores_of(sliced.owner, sliced.slices)]
        stores = [each for each in stores if self.source.scope(each) is scope]
        changes = [each.change for each in readers if each.change is not None]
        lines = [each for each in changes if not isinstance(each, Wrap)]
        lines = [each for each in lines if self.source.scope(each.place) is scope]
        are_built = bool(stores) and all(each in way.done for each in stores)
        are_split = all(each.place is line.after or each.place in way.done for each in lines)
        returns = {each.returns for each in lines if isinstance(each, Line)}
        if not are_built or not are_split or not returns <= {line.returns}:
            raise Refusal(f"something else has it before self.{sliced.slices} is there")
