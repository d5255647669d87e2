"""Have PLiNIO's methods try an original and its result, each in a process, and say what comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..load_model import ModelSource
from ..plinio_check.obstacle import Obstacle
from .process import run
from .prove import Asked, Failure, Written, _Proving, laid_out

State: TypeAlias = Literal["as it is", "as rewritten"]


@dataclass(frozen=True)
class Tried:
    """What a method makes of a model.

    Attributes:
        model: what builds it.
        state: which of both it is; where nothing changes it is as it is.
        method: of PLiNIO; empty where that cannot be imported.
        obstacle: what is first in its way; None where it takes the model, or was not asked.
        others: what else is known to be in the way of the methods.
        failure: why it could not be asked.
    """

    model: ModelSource
    state: State
    method: str
    obstacle: Obstacle | None = None
    others: tuple[Obstacle, ...] = ()
    failure: Failure | None = None


def tried(asked: Asked, written: Written, methods: Sequence[str]) -> Iterator[Tried]:
    """Have some methods try each of some models, as it is and as it is to be, where it changes.

    Args:
        asked: which models, and how they are run.
        written: what the run is to write.
        methods: of PLiNIO; an empty one only looks at the model.

    Raises:
        UsageError: what is asked for cannot be meant.
    """
    with laid_out(asked, written) as (scratch, shadow):
        for model in asked.models:
            trying = _Trying(asked, written, scratch, shadow, model)
            yield from trying.all_tried(methods)


class _Trying(_Proving):
    """Has one model tried."""

    _said_before: Mapping[str, Any] | None = None
    _cannot_run = False

    def all_tried(self, methods: Sequence[str]) -> Iterator[Tried]:
        """What each method makes of it, before and after; until it cannot be run at all."""
        states: tuple[State, ...] = ("as it is", "as rewritten")
        for state in states if self._written.changed else states[:1]:
            for method in methods:
                found = self._tried(state, method)
                yield found
                if self._cannot_run:
                    return

    def _tried(self, state: State, method: str) -> Tried:
        """What a method makes of it."""
        is_result = state == "as rewritten"
        place = self._target(self._said_before or {}) if is_result else self._model.place
        question = self._question("try", place, str(self._shadow) if is_result else "")
        ended = run({**question, "method": method}, self._scratch)
        said = self._said(ended)
        if isinstance(said, Failure):
            error = (ended.answer or {}).get("error")
            self._cannot_run = error is not None and "kind" not in error
            return Tried(self._model, state, method, failure=said)
        if not is_result:
            self._said_before = said
        others = tuple(self._obstacle(each) for each in said["others"])
        found = said["obstacle"]
        obstacle = None if found is None else self._obstacle(found)
        return Tried(self._model, state, method, obstacle, others)

    def _obstacle(self, found: Mapping[str, Any]) -> Obstacle:
        place = None if found["place"] is None else self._place(found["place"])
        return Obstacle(**{**found, "methods": tuple(found["methods"]), "place": place})
