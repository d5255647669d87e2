"""Whether a value surely is no other than what it says: no convolution that is made elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import torch_api
from .values import (
    STRANGE,
    ClassValue,
    Constant,
    External,
    Function,
    Instance,
    ModuleValue,
    Object,
    Size,
    Tensor,
    Value,
    Values,
)

_NO_MODULES = (Constant, External, Function, ClassValue, ModuleValue, Size, Tensor)
_STANDARD = ("builtins.", "collections.")


def with_copies(made: Values, copies: Mapping[Value, Iterable[Value]]) -> Values:
    """Some objects, and what may be copies of them, or of such copies."""
    found = frozenset(copy for each in made for copy in copies.get(each, ()))
    return made if found <= made else with_copies(made | found, copies)


def is_another(value: Value, made: Values) -> bool:
    """Whether a value surely is none of the convolutions, which are made at some places.

    What is made by a callee that is not known may be any convolution, but nothing else.
    """
    match value:
        case Instance(cls=cls):
            is_conv = not torch_api.CONVOLUTIONS.isdisjoint(cls.externals)
            return value not in made and cls.is_known and (not is_conv or _are_known(made))
        case Object(kind=kind, site=site):
            if any(isinstance(each, Object) and each.site is site for each in made):
                return False
            if kind in torch_api.CONVOLUTIONS:
                return _are_known(made)
            return torch_api.is_nn_class(kind) or kind.startswith(_STANDARD)
    return isinstance(value, _NO_MODULES)


def _are_known(made: Values) -> bool:
    """Whether all of what is made is by a class that is known."""
    return all(
        isinstance(each, Instance)
        or (isinstance(each, Object) and not each.kind.startswith(STRANGE))
        for each in made
    )
