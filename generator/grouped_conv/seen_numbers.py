"""The numbers of a convolution as they were seen in a run, for a style that is to be written out.

Where all that a place has built in a run is one grouped convolution of torch, it is written out as
such, as a person does by hand for one configuration; what it is given is looked at when it is
built, and anything else raises.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..facts.seen import seen_in
from ..reading.calls import is_repeatable
from ..reading.classes import ClassIndex
from ..reading.convolutions import SIZES, ConvClass, kind_of
from .classify import Candidate, Deferred, candidate
from .find import Site

SEEN: Final = "as seen in a run, and anything else raises"


def candidate_seen(index: ClassIndex, deferred: Deferred) -> Candidate | Deferred:
    """What can be written out by what was seen of it; else the same, with the reason.

    Args:
        index: of the source.
        deferred: a convolution of which the source does not tell all numbers.
    """
    site = deferred.site
    if site.conv is None or deferred.numbers is not None or not index.source.seen:
        return deferred
    numbers = _numbers(index, site, site.conv)
    if isinstance(numbers, str):
        return replace(deferred, reason=f"{deferred.reason}, and {numbers}")
    found = candidate(index, site, site.conv, numbers)
    return replace(found, is_seen=True) if isinstance(found, Candidate) else deferred


def _numbers(index: ClassIndex, site: Site, conv: ConvClass) -> tuple[int, int, int] | str:
    """in_channels, out_channels and groups as they were seen, or why there are none."""
    built = seen_in(index.source).built(site.call)
    if not built:
        return "nothing was seen of it in a run"
    if any(each["what"] != f"torch.nn.{conv.name}" for each in built):
        return "something else was built there in a run"
    given = [site.arguments.by_name.get(name) for name in SIZES]
    if not all(each is not None and is_repeatable(index.source, each) for each in given):
        return "what it is given cannot be looked at before"
    found = {tuple(each["has"].get(name, {}).get("value") for name in SIZES) for each in built}
    inputs, outputs, groups = found.pop() if len(found) == 1 else (0, 0, 0)
    if not groups:
        return "it had several numbers of channels or groups in a run"
    numbers = int(inputs), int(outputs), int(groups)
    if kind_of(conv, *numbers) != "grouped":
        return "it was not grouped in a run"
    return numbers
