"""Why a grouped convolution is left as it is."""

from __future__ import annotations

from .model import SplitAttribute


class Refusal(Exception):
    """A grouped convolution cannot be split; the message says why.

    Attributes:
        attribute: what was to be split, where that was settled already.
    """

    def __init__(self, reason: str, attribute: SplitAttribute | None = None) -> None:
        super().__init__(reason)
        self.attribute = attribute
