"""The command: what is typed, what is to be done of it, and what is said of that."""

from .entry import main

__all__ = ["main"]
