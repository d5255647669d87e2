"""Lines for norms that are no attribute beside the convolution before them.

self.one.conv, self.two.bn = split_conv_norm(self.one.conv, self.two.bn)    of other objects
conv, norm = split_conv_norm(conv, norm)    given to one object with it
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain

from ...reading.names import meaning
from ...reading.scopes import assigned_value
from ...reading.source import Source
from ..find import Site, lacks_groups
from ..norms.given import Givens
from ..norms.plan import passes_groups
from ..tracing import Tracing
from .ends import End, InAttribute
from .places import Placing
from .plan import Line, Way

_NO_SCRIPT = "torch.jit.script takes no list of tensors from a module"


class NormsApart:
    """Finds their lines in one source."""

    def __init__(self, tracing: Tracing, placing: Placing) -> None:
        self.index = tracing.index
        self.source = tracing.index.source
        self.pairs = tracing.pairs
        self.directives = tracing.directives
        self.placing = placing

    @cached_property
    def _givens(self) -> Givens:
        return Givens(self.pairs)

    def given(self, site: Site) -> Way | None:
        """A line for what an object is given together with the norm behind it."""
        found = self._givens.of(site.call)
        if found is None:
            return None
        line, before = Line("conv_norm", found.after, found.conv.id, found.norm), found.before
        return Way(line, before, before, norm=found.norm, held=found.conv, applied=found.applied)

    def outside(self, end: End, site: Site) -> Iterator[Way]:
        """Lines where a module is called, and a norm alone takes what its convolution gives."""
        if not isinstance(end, InAttribute):
            return
        conv = end.target.attr
        for each in self.pairs.outside(end.owner, conv):
            owner, names = each.owner, (each.module, each.norm[0])
            stores = [[*self.pairs.stores_of(owner, name)] for name in names]
            scopes = {self.source.scope(one) for own in stores for one in own}
            if not all(stores) or len(scopes) > 1 or not self._may_be_grouped(stores[0], site):
                continue
            place = self.placing.find(owner, stores, [*chain(*stores)])
            if place is not None:
                own = self.source.code(stores[0][0].value)
                codes = f"{own}.{each.module}.{conv}", ".".join((own, *each.norm))
                line = Line("conv_norm", place.after, *codes, returns=place.returns)
                norm = ".".join((owner.name, *each.norm))
                note = _NO_SCRIPT if "torch.jit" in self.source.text else ""
                yield Way(line, norm=norm, note=note, held=(end.owner, conv), joined=each)

    def _may_be_grouped(self, modules: Iterable[ast.Attribute], site: Site) -> bool:
        """Whether one of some modules may be built with groups for a convolution in it."""
        function = self.source.function_around(site.call)
        for each in modules:
            value = assigned_value(self.source.parent_of, each)
            if not isinstance(value, ast.Call) or function is None:
                return True
            is_own = meaning(self.source, value.func).node is self.source.class_around(function)
            if (
                passes_groups(self.source, function, value, site)
                if is_own
                else any(_may_pass_groups(self.source, one) for one in value.keywords)
            ):
                return True
        return False


def _may_pass_groups(source: Source, keyword: ast.keyword) -> bool:
    is_open = keyword.arg is None and not lacks_groups(source, keyword.value)
    return is_open or keyword.arg == "groups"
