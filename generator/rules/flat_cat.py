"""Concatenations of concatenations: flat, as PIT takes them.

Before::

    import torch
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Conv2d(3, 8, 3)
            self.two = nn.Conv2d(3, 8, 3)
            self.three = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            y = torch.cat([self.one(x), self.two(x)], 1)
            y = F.relu(y)
            return torch.cat((y, self.three(x)), 1)

After::

    import torch
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Conv2d(3, 8, 3)
            self.two = nn.Conv2d(3, 8, 3)
            self.three = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            y = [self.one(x), self.two(x)]
            y = [F.relu(output) for output in y]
            return torch.cat((*y, self.three(x)), 1)

That is exact where only elementwise layers stand between, and a sum or a convolution that reads
the inner one gets a concatenation of its own. What a split convolution gives is concatenated by the
helper: its outputs are taken one by one, by the same code, once it is split. In PLiNIO (commit
3d6b5e0) a nested concatenation ends PIT with "'PITConcatFeaturesMasker' object has no attribute".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from .. import torch_api
from ..facts.values import Object, Tensor, Value
from ..grouped_conv.flow import Flow, is_of_channels
from ..reading.naming import fresh, names_in, outermost_function
from ..reading.source import Source
from .rule import Asking, Left, Proposal
from .tensors import function_of, is_free_of_effects, is_in_model

if TYPE_CHECKING:
    from ..grouped_conv.feed import Feed

CODE: Final = "flat-cat"
NAMES: Final = ("cat", "concat", "concatenate")
PATHS: Final = frozenset(f"torch.{each}" for each in NAMES)
_GIVING_NEW: Final = torch_api.CONVOLUTIONS | torch_api.BATCH_NORMS | {"torch.nn.Linear"}


def may_apply(text: str) -> bool:
    """Whether a text has more than one concatenation."""
    return "torch" in text and sum(text.count(f"{each}(") for each in NAMES) > 1


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named so, along dimension 1."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and is_of_channels(node):
            if getattr(node.func, "attr", getattr(node.func, "id", "")) in NAMES:
                yield node


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether what it gives goes into another concatenation, with its channels as they are."""
    if not is_in_model(asking, node) or function_of(asking, node) not in PATHS:
        return False
    return _outer(asking, node) is not None


def _outer(asking: Asking, node: ast.Call) -> ast.AST | None:
    flow = Flow(asking.facts, lambda _: asking.source)
    return flow.cat_of(asking.facts.values(node))


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """What it concatenates, part by part, in the other one."""
    from ..grouped_conv.emit_feeding import make_part_edits
    from ..grouped_conv.feeding import find_nested

    source = asking.source
    if len(node.args) != 2 and not (len(node.args) == 1 and node.keywords):
        raise Left("it is not given the tensors first")
    feed = find_nested(source, asking.facts, node)
    if feed is None or feed.cat is node or feed.list is not None:
        raise Left(
            "there is more than one variable and elementwise layers between, on the way to another"
            " concatenation, or it is read otherwise",
            _outer(asking, node),
        )
    for each in feed.steps:
        if not each.is_known:
            raise Left(f"{source.shown(each.call.func)} is not known to be elementwise")
    _check_writing(asking, node, feed)
    asking.keep_comments(node, node.args[0])
    places = [node, feed.cat, feed.place, *(each.call for each in feed.steps)]
    for place in places:
        skip = asking.directives.forbids(place)
        if skip is not None:
            raise Left(f"it is not changed: {skip}")
    target = feed.target.id if feed.target is not None else ""
    if feed.is_read:
        target = fresh(f"{target}_parts", names_in(outermost_function(source, node)))
    edits = tuple(make_part_edits(source, feed, target))
    return Proposal(f"part by part in {source.shown(feed.cat)}", edits)


def _check_writing(asking: Asking, node: ast.Call, feed: Feed) -> None:
    """See that nothing can write into the parts before they are concatenated.

    The concatenation that goes was a copy of them.

    Raises:
        Left: something may.
    """
    from ..grouped_conv.elementwise import may_write

    if _are_new(asking, node):
        return
    for each in feed.steps:
        if may_write(asking.facts, each):
            name = asking.source.shown(each.call.func)
            raise Left(f"{name} may write into what is concatenated")
        if each.given is node:
            return  # what it gives is new
    siblings = getattr(asking.source.parent(node), "elts", [])
    is_direct = feed.place is node and node in siblings
    if not is_direct or not all(map(is_free_of_effects, siblings[siblings.index(node) + 1 :])):
        raise Left("what is concatenated may be written into before it is again")


def _are_new(asking: Asking, node: ast.Call) -> bool:
    """Whether a concatenation takes what layers of torch give, which nobody else has."""
    given = node.args[0]
    if not isinstance(given, (ast.Tuple, ast.List)):
        return False
    return all(
        found and all(_is_new(asking, each, node) for each in found)
        for found in map(asking.facts.values, given.elts)
    )


def _is_new(asking: Asking, value: Value, cat: ast.Call) -> bool:
    producer = value.producer if isinstance(value, Tensor) else None
    is_layer = isinstance(producer, Object) and producer.kind in _GIVING_NEW
    return is_layer and {use.node for use in asking.facts.uses(value)} == {cat}
