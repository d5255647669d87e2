"""What is found of a result: plain data, of which the other process is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from .first_difference import Culprit
from .watching import Place


class Pair(NamedTuple):
    """Two values that are to be the same.

    Attributes:
        kind: which values these are among.
        what: which one it is.
        mode: that both models were run in.
        expected: what the original has.
        value: what the result has.
        least: what the largest value is taken to be at least.
        tolerance: how much they may differ, relative to the largest value.
    """

    kind: str
    what: str
    mode: str
    expected: Tensor
    value: Tensor
    least: float
    tolerance: float


@dataclass
class Compared:
    """What was compared of a kind.

    Attributes:
        kind: of values.
        count: how many tensors.
        difference: the largest, as ``Verdict`` has it.
        tolerance: how large it may be.
    """

    kind: str
    count: int = 0
    difference: float = 0.0
    tolerance: float = 0.0


@dataclass
class Convolution:
    """A convolution of the original that has groups.

    Attributes:
        path: in the model.
        kind: the name of its class.
        inputs: the channels that it takes.
        outputs: those that it gives.
        groups: how many.
        kernel: the size of its kernel.
        is_split: whether it has become plain ones.
        built: the line that builds it.
    """

    path: str
    kind: str
    inputs: int
    outputs: int
    groups: int
    kernel: tuple[int, ...]
    is_split: bool
    built: Place | None


@dataclass
class Verdict:
    """What was found of a result.

    Attributes:
        reason: why it is not proved; empty where it is.
        culprit: the first module that gives something else.
        difference: the largest, relative to the largest value of an output, or of all gradients.
        parameters: how many before, and now.
        multiply_adds: likewise.
        grouped: the convolutions that PLiNIO still does not take for their groups.
        behind: the norms that now take a concatenation of convolutions.
        places: the lines that build these two.
        modes: that it was run in.
        split: how many convolutions are.
        compared: what was compared, by its kind.
        convolutions: those of the original that have groups.
        by_itself: those that hardly matter to the outputs, and were seen to give the same.
    """

    reason: str = ""
    culprit: Culprit | None = None
    difference: float = 0.0
    parameters: tuple[int, int] = (0, 0)
    multiply_adds: tuple[int, int] = (0, 0)
    grouped: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    modes: list[str] = field(default_factory=list)
    by_itself: list[str] = field(default_factory=list)
    split: int = 0
    compared: dict[str, Compared] = field(default_factory=dict)
    convolutions: list[Convolution] = field(default_factory=list)
