"""Lay the weights of an original out as its split model has them, or back, and say what moved."""

from .convert import Converted, convert

__all__ = ["Converted", "convert"]
