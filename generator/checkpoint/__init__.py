"""Lay the weights of an original out as its split model has them, and say which keys moved."""

from .convert import Converted, convert

__all__ = ["Converted", "convert"]
