"""Tell what a convolution is whose numbers are not known, where its text shows it all the same."""

from __future__ import annotations

import ast

from ..reading.convolutions import ConvClass, Kind
from ..reading.parts import walk
from ..reading.symbols import Symbols
from ..reading.values import Values
from .find import Site

SIZES = ("in_channels", "out_channels", "groups")


def kinds_by_text(values: Values, site: Site, conv: ConvClass) -> set[Kind]:
    """What a convolution may be whose number of groups is not known; empty where it may be grouped.

    It is depthwise where in_channels, out_channels and groups are the same whatever they are.
    """
    symbols = Symbols(values)
    inputs, outputs, groups = (site.arguments.by_name.get(name) for name in SIZES)
    # An argument between them, as in (n, n, (n := 3)), may bind a name anew.
    if groups is None or any(isinstance(node, ast.NamedExpr) for node in walk(site.call)):
        return set()

    def kind(case: ast.expr) -> Kind:
        if values.known_int(case) == 1:
            return "plain"
        if inputs is None or outputs is None or not conv.has_depthwise:
            return "grouped"
        forms = {symbols.form(each) for each in (inputs, outputs, case)}
        return "depthwise" if len(forms) == 1 and None not in forms else "grouped"

    if kind(groups) == "depthwise":
        return {"depthwise"}
    kinds = {kind(each) for each in symbols.cases(groups)}
    return kinds if "grouped" not in kinds else set()
