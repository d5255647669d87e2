"""Keep what is asked of a source again and again, for as long as the source itself is kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar


class _Keeping(Protocol):
    """What is asked: a source, or an index of one.

    Attributes:
        kept: the answers, by the question and what it was asked with.
    """

    kept: dict[Hashable, Any]


_Asked = TypeVar("_Asked", bound=_Keeping)
_With = ParamSpec("_With")
_Answer = TypeVar("_Answer")


def kept(
    question: Callable[Concatenate[_Asked, _With], _Answer],
) -> Callable[Concatenate[_Asked, _With], _Answer]:
    """Ask a source a question only once.

    The answers go with the source. A cache of the question's own would hold on to the trees of the
    last few sources, which the garbage collector then goes through over and over.
    """

    @wraps(question)
    def answered(asked: _Asked, /, *args: _With.args, **kwargs: _With.kwargs) -> _Answer:
        key = (question, *args, *kwargs.items())
        if key not in asked.kept:
            asked.kept[key] = question(asked, *args, **kwargs)
        answer: _Answer = asked.kept[key]
        return answer

    return answered
