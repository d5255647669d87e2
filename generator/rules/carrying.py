"""What a rule knows of the split convolutions whose parts its new code takes, one by one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Carrying:
    """What is in parts, of which the branches and their weights are taken.

    Attributes:
        function: what takes both halves.
        norm: the attribute with the norm behind the convolution.
        conv: the attribute with the convolution of the weights.
        width: the code of how many channels a half has.
    """

    function: str
    norm: str
    conv: str
    width: str
