"""The rules that look at one construct each; ``grouped_conv`` has a package of its own."""

from __future__ import annotations

from . import flatten, pool
from .rule import Rule

RULES: tuple[Rule, ...] = (flatten, pool)

__all__ = ["RULES", "Rule"]
