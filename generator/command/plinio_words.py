"""What is said of what PLiNIO makes of a model: what is in its way, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..codes import TARGETS
from ..load_model import ModelSource
from ..plinio_check.obstacle import Obstacle
from ..proof import Asked, Place
from ..proof.trying import Tried
from .formats import Level, Said, pointed
from .proof_words import label_of, limits, relative, shown

INSTALL: Final = "pip install 'git+https://github.com/eml-eda/plinio'"
NOT_THERE: Final = (
    "PLiNIO cannot be imported, and is not asked: what is said is what a traced model shows. It is"
    f" not on PyPI: {INSTALL}"
)
_MOST_PLACES: Final = 5
_LONGEST: Final = 160
_BY_HAND: Final = {
    "a BatchNorm behind no convolution": "put it behind a convolution of its own, or an identity"
    " depthwise convolution with frozen weights before it",
    "a BatchNorm of what another layer reads too": "have the other layer read what the BatchNorm"
    " gives, or a convolution of its own",
    "a BatchNorm after a torch.cat, when pruned": "have a BatchNorm behind each convolution",
    "an output that is a torch.cat, when pruned": "set train_features = False on the layers that"
    " it is of",
    "a value that is not 0 for a pruned channel": "use a function that gives 0 for 0 before a"
    " convolution, or exclude_names= of what is before it",
    "a parameter for each channel, when pruned": "use a depthwise convolution of size 1 with that"
    " weight",
    "a depthwise convolution of the input": "put a plain convolution before it",
    "a layer that is called twice": "have a layer of its own for each call",
    "a torch.cat that reaches another one": "concatenate all at once",
    "a sum of two torch.cat, when pruned": "add part by part, and concatenate then",
    "a product of two torch.cat, when pruned": "multiply part by part, and concatenate then",
    "a sum with a slice of channels": "give each slice a convolution of its own",
    "an index that is no x[:, a:b]": "write x[:, a:b], with bounds that are no sizes of a tensor",
}
"""What to write instead where no rule does."""
_NO_FORM: Final = "no form is known that computes the same: take another layer, and train again"
_NOT_KNOWN: Final = "nothing that is known of PLiNIO explains it"
_TRACED: Final = "what a forward decides must be known when the model is built, for torch.fx"


def trying(asked: Asked, model: ModelSource) -> Said:
    """That PLiNIO's methods are to try a model."""
    how = f"as it is and as rewritten ({limits(asked)} each)"
    said = f"trying {model.expression} with PLiNIO, {how}"
    return Said("running", said, label_of(model))


def said(found: Sequence[Tried], codes: Mapping[str, bool]) -> Iterator[Said]:
    """What PLiNIO makes of one model.

    Args:
        found: what each method makes of it, as it is and then as rewritten.
        codes: the rules that were applied, and whether each has said why it leaves something.
    """
    label = label_of(found[0].model)
    for each in found:
        if each.failure is not None:
            what = f"{each.state}, {each.method or 'a trace'} cannot try it: {each.failure.reason}"
            yield _at(each.failure.place, Said("plinio", what, label, level="error", data=each))
    answered = [each for each in found if each.failure is None]
    if any(each.method for each in answered):
        yield Said("plinio", _overview(answered), label)
    last = found[-1].state
    for state in dict.fromkeys(each.state for each in answered):
        own = [each for each in answered if each.state == state]
        yield from _of_state(own, codes, state == last, label)


def _of_state(
    found: Sequence[Tried], codes: Mapping[str, bool], is_last: bool, label: str
) -> Iterator[Said]:
    """What is in the way of a model in one state; of the last one all that is known."""
    level: Level = "warning" if is_last else "notice"
    same: dict[tuple[object, str], list[Tried]] = {}
    for each in found:
        if each.obstacle is not None:
            same.setdefault((_key(each.obstacle), each.obstacle.said), []).append(each)
    for alike in same.values():
        obstacle = alike[0].obstacle
        assert obstacle is not None
        methods = _listed([each.method for each in alike])
        what = (
            f"{alike[0].state}, {methods}: {_what(obstacle)}; {_advice(obstacle, codes, is_last)}"
        )
        yield _at(obstacle.place, Said("plinio", what, label, level=level, data=alike[0]))
    if is_last and found:
        done = {key for key, _ in same}
        rest = [each for each in found[0].others if _key(each) not in done]
        yield from _others(rest, codes, label)


def _others(found: Sequence[Obstacle], codes: Mapping[str, bool], label: str) -> Iterator[Said]:
    """What else a trace shows, each kind once."""
    kinds: dict[tuple[str, tuple[str, ...]], list[Obstacle]] = {}
    for each in found:
        kinds.setdefault((each.what, each.methods), []).append(each)
    for same in kinds.values():
        places = [shown(each.place) for each in same[1:] if each.place is not None]
        more = len(places) - _MOST_PLACES
        named = [*places[:_MOST_PLACES], *([f"{more} more"] if more > 0 else [])]
        also = f", and in {', '.join(named)}" if named else ""
        what = f"in the way of {_listed(same[0].methods)}: {_what(same[0])}{also}"
        what += f"; {_advice(same[0], codes, True)}"
        yield _at(same[0].place, Said("plinio", what, label, level="warning", data=same[0]))


def _overview(found: Sequence[Tried]) -> str:
    """Which methods take a model, before and after."""
    words: dict[str, list[str]] = {}
    for each in found:
        words.setdefault(each.method, []).append("yes" if each.obstacle is None else "no")
    states = " -> ".join(dict.fromkeys(each.state for each in found))
    methods = ", ".join(f"{method} {' -> '.join(each)}" for method, each in words.items())
    return f"PLiNIO takes {found[0].model.expression}, {states}: {methods}"


def _advice(obstacle: Obstacle, codes: Mapping[str, bool], is_last: bool) -> str:
    """What to do about something."""
    code = obstacle.code
    by_hand = _BY_HAND.get(obstacle.what, "")
    if code in codes and not is_last:
        return f"rewritten where it is known to be equal ({code})"
    if code == "sum-of-cats":
        selected = ",".join(dict.fromkeys((*TARGETS["grouped"], code)))
        return f"--select {selected} rewrites some, which adds weights; or {by_hand}"
    if code and code not in codes:
        return f"--target plinio rewrites it where it is known to be equal ({code})"
    why = ", and says above why" if codes.get(code) else ""
    left = f"the rule {code} leaves it{why}" if code else ""
    if "traced" in obstacle.said:
        by_hand = _TRACED
    otherwise = _NO_FORM if obstacle.what.startswith(("nn.", "`")) else _NOT_KNOWN
    return "; by hand: ".join(filter(None, (left, by_hand))) or otherwise


def _what(obstacle: Obstacle) -> str:
    """What is in the way, and what a method says of it."""
    said = obstacle.said
    shortened = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
    return f"{obstacle.what} ({shortened})" if said else obstacle.what


def _listed(methods: Sequence[str]) -> str:
    *some, last = methods
    return f"{', '.join(some)} and {last}" if some else last


def _key(obstacle: Obstacle) -> tuple[str, str, int]:
    place = obstacle.place
    return (obstacle.what, place.file, place.line) if place is not None else (obstacle.what, "", 0)


def _at(place: Place | None, said: Said) -> Said:
    """A message at a place, if there is one."""
    if place is None:
        return said
    source = pointed(place.source_line, place.column) if place.column else ()
    return replace(
        said, path=relative(place.file), line=place.line, column=place.column, source=source
    )
