"""How a convolution is split in each of the places where it ends up."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from itertools import zip_longest

from ...reading.parts import walk
from ...reading.scopes import assigned_value
from ..find import Site, is_partial
from ..norms.lists import ListPair
from ..norms.norm_after import Pair
from ..norms.plan import NormPlan
from ..norms.sequential import Sequence
from ..refusal import Refusal
from ..tracing import Tracing, is_by_filter
from ..weights import Obstacle
from .conditions import is_settled
from .ends import End, Ends, InAttribute, InSequence, find_ends
from .multiplier import Multipliers
from .norms_apart import NormsApart
from .places import Place, Placing
from .plan import Line, Way
from .run_before import handed_before
from .wraps import Wraps


class Ways:
    """Decides about some convolutions of a source, which are all that is split."""

    def __init__(
        self,
        tracing: Tracing,
        sites: list[Site],
        multipliers: Multipliers,
        norm: bool,
        in_the_way: Mapping[ast.Call, str],
        line_length: int,
    ) -> None:
        self.tracing = tracing
        self.wraps = Wraps(tracing.index, tracing.directives, line_length)
        self.in_the_way = in_the_way
        self.index = tracing.index
        self.source = tracing.index.source
        self.directives = tracing.directives
        self.multipliers = multipliers
        self.branches_norms = norm
        self.norms = NormPlan(tracing.pairs, sites if norm else ())
        self.followed: dict[Pair, None] = {}
        self.lists: dict[ListPair, None] = {}
        self.reads: dict[ast.expr, ast.expr] = {}
        self.asked: set[ast.expr] = set()
        self.warnings: dict[ast.expr, tuple[ast.expr, str]] = {}
        self.loud: dict[ast.Call, str] = {}
        self.taken: list[Sequence] = []
        self.placing = Placing(tracing)
        self.apart = NormsApart(tracing, self.placing)

    def of(self, site: Site) -> tuple[Way, ...]:
        """How a convolution is split in each of the places where it ends up.

        Raises:
            Refusal: it cannot be.
        """
        uses = self.tracing.uses(site)
        ends = find_ends(self.tracing, site)
        listed = self._in_list(site, ends)
        in_the_way = self.in_the_way.get(site.call, "")
        can_join = self.branches_norms and not self.multipliers.is_multiplier(site)
        can_join = can_join and site.call not in self.tracing.pairs.apart
        if is_by_filter(site):
            ways = [self.wraps.wrapped(site.call, "by_filter")]
        elif is_partial(site) and not ends.found:
            ways = [self.wraps.in_partial(site.call)]
        elif in_the_way:
            notes = self._left_after(site, ends, in_the_way)
            try:
                ways = [self.wraps.wrapped(each.item, "split", notes) for each in ends.found]
            except Refusal:
                if any(map(self._is_left_alone, ends.found)):
                    raise  # where it is built is where that is built too
                ways = []
            ways = ways or [self.wraps.wrapped(site.call, "split", notes)]
        elif listed is not None:
            self.lists[listed] = None
            ways = [self._in_lists(listed)]
        elif can_join and (given := self.apart.given(site)) is not None:
            ways = [given]
        else:
            ways = [self._way(each, site) for each in ends.found]
        ways = ways or [self.wraps.wrapped(site.call, "split")]
        if self.multipliers.is_multiplier(site):
            own = [] if in_the_way or listed is not None else ends.found
            ways = [self.multipliers.marked(*each) for each in zip_longest(ways, own)]
        if can_join and not in_the_way:
            ways += [way for each in ends.found for way in self.apart.outside(each, site)]
        inside: set[ast.AST] = set()
        if not is_by_filter(site):
            inside |= {node for each in ends.functions for node in walk(each)}
            inside |= {node for each in ends.found for node in walk(each.item)}
        done = inside.union(*(each.done for each in ways))
        seen = set[ast.AST]().union(*(each.seen for each in ways))
        if len(ways) == 1:
            handed = {*handed_before(self.index, self.tracing.reached(site).expressions, done)}
            done |= handed
            seen |= handed
        change = next((each.change for each in ways if each.change is not None), None)
        at = change.place if change is not None else site.call
        self._check(site, uses.obstacles_after(done, seen, at, self.tracing.line))
        self.reads |= dict.fromkeys(uses.reads.keys() - done, site.call)
        self.asked |= uses.asked.keys() - done
        return tuple(ways)

    def _check(self, site: Site, obstacles: Iterable[Obstacle]) -> None:
        """See that what is done with a convolution can be done with a split one.

        What fails loudly outside of every forward and constructor is no more than a warning.

        Raises:
            Refusal: it cannot.
        """
        for each in obstacles:
            is_said = each.is_loud and not self._is_run(each.node, site)
            if not is_said and not each.is_apart:
                raise Refusal(each.reason)
            self._warn(each.node, each.reason, site.call)
            if each.may_be_lost:
                self.loud.setdefault(site.call, each.reason)

    def _warn(self, node: ast.expr, reason: str, built: ast.expr) -> None:
        """Say what will raise at a place; if in another file, where the convolution is built."""
        is_own = self.tracing.surroundings.other(node) is None
        self.warnings.setdefault(node, (node if is_own else built, reason))

    @property
    def gives_weights(self) -> bool:
        """Whether what is split must give its weight, since a constructor or a forward takes it."""
        return bool(self.asked) or any(map(self.tracing.running.runs, self.reads))

    def lose_reads(self) -> None:
        """Have what reads a weight raise, and say so: what sets it must not go on to no effect."""
        for each, built in self.reads.items():
            self._warn(each, f"its weight is read ({self.tracing.line(each)})", built)
        self.reads = {}

    def _is_run(self, node: ast.AST, site: Site) -> bool:
        """Whether a node may be run with a model, or with what builds a convolution."""
        function = self.source.function_around(site.call)
        is_beside = function is not None and function in self.source.ancestors(node)
        return is_beside or self.tracing.running.runs(node)

    def _is_left_alone(self, end: End) -> bool:
        """Whether a comment leaves alone what a function builds for one of the places."""
        node = end.target if isinstance(end, InAttribute) else end.item
        is_said = isinstance(node, (ast.Attribute, ast.Call))
        return is_said and self.directives.skip(node) is not None

    def _left_after(self, site: Site, ends: Ends, reason: str) -> str:
        """What to say of the norms after one that is split for itself, though they could be too."""
        pairs = [
            self.norms.pairs.get((each.owner, each.target.attr))
            for each in ends.found
            if isinstance(each, InAttribute)
        ]
        names = [f"self.{each.norm}" for each in pairs if each is not None]
        sequences = self.norms.sequences.get(site.call, ())
        if any(each.has_norm for each in sequences) or self.norms.lists.get(site.call):
            names.append("the norm after it")
        return "; ".join(
            f"{each} stays after the concatenation: {reason}" for each in dict.fromkeys(names)
        )

    def _in_list(self, site: Site, ends: Ends) -> ListPair | None:
        """The list of convolutions that holds it, and nothing else does, with one of norms."""
        if any(self.directives.skip(each.item) for each in ends.found):
            return None
        found = self.norms.lists.get(site.call, ())
        attributes = self.tracing.reached(site).attributes
        if len(found) != 1 or len(attributes) != 1:
            return None
        return None if self.directives.forbids_beside(found[0].last) else found[0]

    def _in_lists(self, listed: ListPair) -> Way:
        codes = self.source.code(listed.convs), self.source.code(listed.norms)
        norm, held = _shown(listed.owner, listed.norms.attr), (listed.owner, listed.convs.attr)
        return Way(Line("pairs", listed.last, *codes), norm=norm, held=held)

    def _way(self, end: End, site: Site) -> Way:
        match end:
            case InAttribute():
                return self._in_attribute(end)
            case InSequence():
                found = self._sequence(end, site)
                if found is not None:
                    self.taken.append(found)
                    way = self._in_sequence(end, found)
                    done, line = way.done, self.tracing.line
                    obstacles = found.uses.obstacles_after(done, way.seen, found.place, line)
                    late = next(obstacles, None)
                    if late is not None:
                        note = f"the norm stays after it: {late.reason}"
                        return self.wraps.wrapped(end.item, "split", note)
                    self.reads |= {each: each for each in found.uses.reads.keys() - done}
                    return way
        return self.wraps.wrapped(end.item, "split")

    def _in_attribute(self, end: InAttribute) -> Way:
        """A line for an attribute, with the norm that follows if there is a place for both."""
        owner, name = end.owner, end.target.attr
        skip = self.directives.skip(end.target)
        if skip is not None:
            return Way(None, note=f"{_shown(owner, name)}: {skip}")
        stores = self.tracing.pairs.stores_of(owner, name)
        if any(self.directives.skip(each) for each in stores):
            raise Refusal("a comment leaves another assignment to its attribute alone")
        pair = self.norms.pairs.get((owner, name))
        note = ""
        if pair is not None:
            place = self.placing.of_pair(pair, end.target)
            note = self._stays(pair, place)
            if place is not None and not note:
                self.followed[pair] = None
                codes = self._code(end.target, name), self._code(end.target, pair.norm)
                condition = self._condition(pair)
                line = Line("conv_norm", place.after, *codes, condition, place.returns)
                shown = _shown(owner, pair.norm)
                return Way(line, place.before, place.before, norm=shown, held=(owner, name))
        place = self.placing.of(owner, end.target)
        if place is None:
            value = assigned_value(self.source.parent_of, end.target)
            item = end.item if value is None else value
            return self.wraps.wrapped(item, "split", note)
        line = Line("conv", place.after, self._code(end.target, name), returns=place.returns)
        done = place.before | self.placing.done_by_others(owner, end.target)
        return Way(line, done, done, note=note, held=(owner, name))

    def _code(self, target: ast.Attribute, name: str) -> str:
        return f"{self.source.code(target.value)}.{name}"

    def _condition(self, pair: Pair) -> str:
        test = pair.conditions[0]
        return ast.unparse(test) if test is not None else ""

    def _stays(self, pair: Pair, place: Place | None) -> str:
        """Why a norm stays that could be split, if so."""
        if pair.alone or len(pair.conditions) > 1:
            reason: str | None = "it is not always applied"
        elif place is None:
            reason = "there is no place where both are built, and nothing else has them"
        elif not is_settled(self.tracing.pairs, pair, place.before, place.returns):
            reason = "whether it is applied is not known where both are built"
        elif pair.conditions[0] is not None and "torch.jit" in self.source.text:
            reason = "torch.jit takes no variable for one tensor or several"
        else:
            before, line = place.before, self.tracing.line
            late = pair.uses.obstacles_after(before, before, place.after, line)
            reason = next((each.reason for each in late), None)
        if reason is None:
            split = place.before if place is not None else frozenset()
            self.reads |= {each: each for each in pair.uses.reads.keys() - split}
            return ""
        return f"self.{pair.norm} stays after the concatenation: {reason}"

    def _sequence(self, end: InSequence, site: Site) -> Sequence | None:
        """The nn.Sequential that it gets into beside a norm or a padding."""
        codes, scope = end.codes(self.source), self.source.scope(end.call)
        for each in self.norms.sequences.get(site.call, ()):
            is_here = self.source.scope(each.node) is scope
            if each.node is end.call or (is_here and each.code in codes):
                return each
        return None

    def _in_sequence(self, end: InSequence, sequence: Sequence) -> Way:
        """A call round an nn.Sequential, or a line for it once it is complete."""
        norm = "a norm that follows" if sequence.has_norm else ""
        target = self._held(end.call)
        owner = self.index.self_class(target.value) if target is not None else None
        place = self.placing.of(owner, target) if target is not None and owner else None
        if place and target and owner and self._is_complete(sequence, place):
            code = self.source.code(target)
            line = Line("layers", place.after, code, returns=place.returns)
            return Way(line, place.before, place.before, norm=norm, held=(owner, target.attr))
        if sequence.after is None:
            change, before = self.wraps.change("listed", sequence.node)
            return Way(change, before, norm=norm, held=sequence.node)
        line = Line("layers", sequence.after, sequence.code)
        return Way(line, self.wraps.before(sequence.after), norm=norm, held=sequence.node)

    def _held(self, call: ast.Call) -> ast.Attribute | None:
        """The attribute that an nn.Sequential is given to which a call builds, or adds to."""
        match self.source.parent(call), call.func:
            case ast.Assign(targets=[ast.Attribute() as target]), _:
                return target
            case _, ast.Attribute(value=ast.Attribute() as target):
                return target
        return None

    def _is_complete(self, sequence: Sequence, place: Place) -> bool:
        """Whether all that an nn.Sequential is to hold is in it at a place."""
        return sequence.after is None or sequence.after in (place.after, *place.before)

    def splits(self, site: Site, ways: Iterable[Way]) -> bool:
        """Whether a way splits what another site builds as well."""
        reached = self.tracing.reached(site)
        held = [each.held for each in ways if each.change is not None]
        return any(each in reached.attributes or each in reached.expressions for each in held)


def _shown(owner: ast.ClassDef, name: str) -> str:
    return f"{owner.name}.{name}"
