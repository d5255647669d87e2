"""The rules that look at one construct each; ``grouped_conv`` has a package of its own.

So have ``branch-norm`` in it, and ``source-split``: ``grouped_conv.built.sources``.

Each module shows what it does, before and after, and what PLiNIO has against it::

    activation      LeakyReLU, ELU, Hardswish, Hardsigmoid: a forward of simple functions
    cat_norm        a BatchNorm behind a concatenation of convolutions: one for each
    cat_norm_within the same behind a module that concatenates
    cat             concat, axis=, negative dimensions: torch.cat(.., dim=1)
    flat_cat        a concatenation that reaches another one: part by part in that
    flatten         x.view(x.size(0), -1): torch.flatten(x, 1)
    function        y.sigmoid(): torch.sigmoid(y)
    functional      F.dropout, F.silu, F.interpolate: a module
    mean            x.mean((2, 3)): torch.mean(x, (2, 3))
    multiply        x * gate: torch.multiply(x, gate)
    noop            contiguous(): dropped
    norm_subclass   a BatchNorm subclass with layers behind: a module that holds the norm
    pool            F.avg_pool2d(x, 4): a module
    shape_reads     shapes that are checked, or read for nothing: dropped
    shuffle         a channel shuffle: an index that plain convolutions read
    slices          split and chunk of channels: slices
    stack_softmax   a softmax over a stack that is only gone over: of two tensors a sigmoid each
    two_way         softmax attention over two branches: a sigmoid
    sum_of_cats     only listed, or an identity behind split convolutions: sums of concatenations
    lone_norm       only listed: a BatchNorm behind something else than its convolution
    unsupported     only listed: what PLiNIO refuses, and no rule is for
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from ..facts.facts import facts_of
from ..reading.directives import Directives
from ..reading.source import Source
from . import (
    activation,
    cat,
    cat_norm,
    cat_norm_within,
    flat_cat,
    flatten,
    function,
    functional,
    lone_norm,
    mean,
    multiply,
    noop,
    norm_subclass,
    pool,
    shape_reads,
    shuffle,
    slices,
    stack_softmax,
    sum_of_cats,
    two_way,
    unsupported,
)
from .rule import Asking, Finder, Rule

if TYPE_CHECKING:
    from ..rewriting.templating import Templates

RULES: tuple[Rule[Any], ...] = (
    norm_subclass,
    flatten,
    pool,
    multiply,
    mean,
    function,
    functional,
    activation,
    cat,
    cat_norm,
    cat_norm_within,
    slices,
    noop,
    two_way,
    stack_softmax,
    shuffle,
    shape_reads,
    flat_cat,
    sum_of_cats,
    lone_norm,
    unsupported,
)


def finders(source: Source, codes: Collection[str], templates: Templates) -> list[Finder]:
    """The rules of some codes in a source, as far as it has anything that they may be about."""
    asks_all = unsupported.CODE in codes and unsupported.may_apply(source.text)
    rules = [each for each in RULES if asks_all or each.CODE in codes]
    applied = [each for each in rules if each.may_apply(source.text)]
    sites = [(rule, calls) for rule in applied if (calls := [*rule.sites(source)])]
    if not any(rule.CODE in codes for rule, _ in sites):
        return []
    facts = facts_of(source)
    found: list[Finder] = []
    for rule, calls in sites:
        others = tuple(found) if rule is unsupported else ()
        directives = Directives(source, calls, rule.CODE)
        found.append(Finder(rule, calls, Asking(source, facts, directives, templates, others)))
    return [each for each in found if each.code in codes]
