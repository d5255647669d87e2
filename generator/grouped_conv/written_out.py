"""Decide which attributes are written out, in explicit or loop style, and which cannot be.

That is for the simple case alone, where the result reads as a person would write it by hand: the
numbers stand in the source, and all that is done with the convolution is to call it in statements
before which others can stand. What else there is, is split once it is built.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping

from ..limits import LONGEST_CODE, MOST_GROUPS
from ..outcome import Options, Style, WrittenStyle
from ..reading.calls import arguments_of, is_repeatable
from ..reading.convolutions import SIZES
from ..reading.evaluation import can_be_hoisted
from ..reading.naming import fresh_series
from ..reading.parts import walk
from ..reading.source import Source
from ..reading.spelling import can_import_torch, spell
from .built.multiplier import Multipliers, note_of
from .classify import Candidate
from .feeding import find_feed
from .find import Site
from .loading import check_loading
from .norms.norm_after import Pair
from .norms.written import written_norm
from .numbers import Numbers
from .padding import find_padding
from .refusal import Refusal, check_free, check_length, line_of
from .seen_numbers import SEEN
from .sums import Sums
from .tracing import Tracing
from .uses import find_calls
from .written import NEEDED, Written, WrittenNorm, input_of


class WritingOut:
    """Decides about the attributes of one source, one after the other.

    Args:
        tracing: of the source.
        multipliers: what tells which depthwise ones are better split once they are built.
        options: how the source is to be split.
        by_attribute: what is assigned to each attribute that may be written out.
    """

    def __init__(
        self,
        tracing: Tracing,
        multipliers: Multipliers,
        options: Options,
        by_attribute: Mapping[tuple[ast.ClassDef, str], list[Candidate]],
    ) -> None:
        self.tracing = tracing
        self.index = tracing.index
        self.source = tracing.index.source
        self.pairs = tracing.pairs
        self.multipliers = multipliers
        self.directives = tracing.directives
        self.options = options
        self.numbers = Numbers(tracing.index)
        self._sums = Sums(tracing)
        self._given: dict[ast.ClassDef, set[str]] = defaultdict(set)
        self._calls: dict[tuple[ast.ClassDef, str], tuple[ast.Call, ...] | Refusal] = {}
        for (owner, name), candidates in by_attribute.items():
            targets = [each.target for each in candidates]
            try:
                self._calls[owner, name] = find_calls(self.index, owner, name, targets)
            except Refusal as refusal:
                self._calls[owner, name] = refusal

    def decide(self, candidates: list[Candidate]) -> Written:
        """Decide about an attribute, and the norm after it.

        Raises:
            Refusal: it cannot be written out.
        """
        first = candidates[0]
        owner, name = first.owner, first.attribute
        if first.site.call in self.tracing.left:
            raise Refusal(self.tracing.left[first.site.call])
        if len(candidates) > 1:
            raise Refusal(f"self.{name} is assigned several convolutions")
        classes = self.pairs.surroundings.facts.classes(owner)
        if any("__setattr__" in each.functions for each in classes):
            raise Refusal("its class sets attributes in its own way")
        if self.options.checkpoint:
            check_loading(self.index, self.index.classes[owner])
        calls = self._calls[owner, name]
        if isinstance(calls, Refusal):
            raise calls
        at_calls = ((self.source.statement(each), "at its call") for each in calls)
        check_free(self.directives, [(first.statement, "in its definition"), *at_calls])
        self.pairs.check_elsewhere(owner, name)
        if first.groups > MOST_GROUPS:
            raise Refusal(f"it has more than {MOST_GROUPS} groups")
        _check_arguments(self.source, first)
        style, note = self._style(first, calls)
        norm, reason = self._norm(first, style)
        notes = SEEN if first.is_seen else "", note, reason, self._as_multiplier(first)
        written = Written(
            first,
            calls,
            style,
            self._names(first, name) if style == "explicit" else (),
            norm,
            "; ".join(filter(None, notes)),
            self._imports([first.site.call, *calls]),
        )
        for each in calls:
            self._check_call(each, first, norm)
        for statement in written.statements(self.source):
            check_length(self.source, statement)
            if not self.source.has_own_lines(statement):
                raise Refusal(f"another statement stands on {line_of(statement)}")
        return written

    def _style(self, first: Candidate, calls: Iterable[ast.Call]) -> tuple[WrittenStyle, str]:
        """The style, and why it is another one than that which was asked for."""
        style = style_of(first.site, self.options)
        if style == "loop" or (style == "auto" and first.groups > self.options.max_unroll):
            return "loop", ""
        longest = max(len(self.source.code(each)) for each in (first.site.call, *calls))
        if first.groups * longest <= LONGEST_CODE:
            return "explicit", ""
        return "loop", (
            f"written out for each of {first.groups} groups, it would have more than"
            f" {LONGEST_CODE} characters"
        )

    def _norm(self, first: Candidate, style: WrittenStyle) -> tuple[WrittenNorm | None, str]:
        """The norm that is written out too, or why it is not."""
        if not self.options.branches_norms:
            return None, ""
        pair = self.pairs.find(first.owner, first.attribute)
        if not isinstance(pair, Pair):
            return None, str(pair or "")
        names = self._names(first, pair.norm) if style == "explicit" else ()
        apart = self.pairs.apart.get(first.site.call)
        if apart is not None:
            return None, f"self.{pair.norm} stays after the concatenation: {apart}"
        return written_norm(self.index, self.numbers, first, pair, names), ""

    def _as_multiplier(self, first: Candidate) -> str:
        """Why a depthwise multiplier does not become depthwise ones; empty for any other.

        Raises:
            Refusal: it does.
        """
        if not self.multipliers.is_multiplier(first.site):
            return ""
        style = style_of(first.site, self.options)
        if style != "auto":
            return note_of(f"{style} style has no other form")
        place = first.owner, first.attribute
        pair = self.pairs.find(*place) if self.options.branches_norms else None
        try:
            self.multipliers.check([first.site.call], isinstance(pair, Pair))
        except Refusal as reason:
            return note_of(reason)
        raise Refusal("only built style makes depthwise ones of it")

    def _imports(self, places: Iterable[ast.expr]) -> tuple[str, ...]:
        """What is to be imported, so that torch.cat and nn.ModuleList have names."""
        found: tuple[str, ...] = ()
        for place in places:
            if None in (spell(self.source, each, place) for each in NEEDED):
                if not can_import_torch(self.source, place):
                    raise Refusal("torch.cat is needed, but the name torch means something else")
                found = ("torch",)
        return found

    def _check_call(self, call: ast.Call, first: Candidate, norm: WrittenNorm | None) -> None:
        """See that a call can be written anew.

        Raises:
            Refusal: it cannot.
        """
        source, where = self.source, line_of(call)
        given = input_of(call)
        if given is None:
            raise Refusal(f"it is called with more than its input ({where})")
        statement = source.statement(call)
        function = source.scope(statement).node
        if any(map(_is_frame_reader, walk(function))):
            raise Refusal(f"the function of {where} reads its own local names")
        if not can_be_hoisted(source, statement, call):
            raise Refusal(f"no statement can stand before its call ({where})")
        conv, directives = first.conv, self.directives
        if conv.dimensions == 1 and not conv.transposed:
            if find_padding(self.index, directives, call, given) is not None:
                raise Refusal(f"its input is padded, which is to be done by slice ({where})")
        following = norm.following.get(call) if norm is not None else None
        value = following.norm if following is not None else call
        facts = self.pairs.surroundings.facts
        if find_feed(source, facts, directives, value, self.options.flattens_cats) is not None:
            raise Refusal(f"what it gives goes into another concatenation ({where})")
        if self.options.adds_identities and self._sums.of(first.site) is not None:
            raise Refusal(f"what it gives is added to another concatenation ({where})")

    def _names(self, candidate: Candidate, attribute: str) -> tuple[str, ...]:
        """An attribute for each group in place of one of an attribute's class."""
        index = self.index
        relatives = index.classes[candidate.owner].relatives()

        def is_taken(name: str) -> bool:
            return (
                bool(index.accesses(name))
                or name in index.mentions.quoted
                or any(name in each.names or name in self._given[each.node] for each in relatives)
                or any(index.mentions.computed(name))
            )

        stem = attribute
        if stem.startswith("__"):  # the branches of what is private by its name are so by custom
            stem = f"_{stem.strip('_') or 'conv'}"
        names = fresh_series(stem, candidate.groups, is_taken)
        if names is None:
            raise Refusal("all names for its branches may be taken by other attributes")
        self._given[candidate.owner].update(names)
        return names


def style_of(site: Site, options: Options) -> Style:
    """The style that is asked for at a site: by a comment, or else by the options."""
    return (site.asked.style if site.asked is not None else None) or options.style


def _check_arguments(source: Source, candidate: Candidate) -> None:
    """See that what the constructor is given can be evaluated for each group."""
    parameters = candidate.conv.parameters
    for number, each in enumerate(arguments_of(candidate.site.call)):
        name = each.keyword or ("" if each.stars else parameters[number])
        if name not in SIZES and not is_repeatable(source, each.value):
            raise Refusal("its arguments may have side effects")


def _is_frame_reader(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
        return False
    return node.func.id in ("locals", "vars", "dir")
