"""What goes from a call into a concatenation of channels."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .elementwise import Step
from .gathered import Gathered


@dataclass(frozen=True)
class Feed:
    """A call whose result goes into one concatenation of channels.

    Attributes:
        call: the call, of a convolution or of the norm after it.
        cat: the call that concatenates.
        place: what puts the result among what that takes: the call itself or the last of the steps,
            the variable that stands for it, the call of ``append``, or the list comprehension.
        target: where the variable is given the result, if there is one.
        steps: the elementwise layers between, in their order.
        passed: the variables between, each where it is given a value and where that is read.
        is_read: whether the variable is read elsewhere too, and is to be given the whole.
        more: other places where a concatenation takes the variable.
        list: that which collects it, where its items are read too.
    """

    call: ast.Call
    cat: ast.Call
    place: ast.expr
    target: ast.Name | None = None
    steps: tuple[Step, ...] = ()
    passed: tuple[tuple[ast.Name, ast.Name], ...] = ()
    is_read: bool = False
    more: tuple[ast.Name, ...] = ()
    list: Gathered | None = None

    @property
    def last(self) -> ast.Call:
        """What gives what goes into the concatenation."""
        return self.steps[-1].call if self.steps else self.call

    @property
    def is_plain(self) -> bool:
        """Whether it needs no more than what every target does."""
        is_direct = self.target is None or isinstance(self.place, ast.Name)
        is_alone = not self.is_read and not self.more and self.list is None
        return is_direct and is_alone and not self.steps
