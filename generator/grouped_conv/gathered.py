"""A list whose items are read one by one before all of them are concatenated.

    out.append(self.relu(conv(x)))      out.append([self.relu(y) for y in outputs_of(conv, x)])
    x = out[-1] + y                     x = torch.cat(out[-1], dim=1) + y
    x = torch.cat(out, 1)               x = torch.cat(sum(out, []), 1)

It becomes one of lists: each has the parts of one item.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..facts.facts import Facts
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source
from ..rewriting.edits import Edit, TextEdit
from .elementwise import changes_nothing


@dataclass(frozen=True)
class Gathered:
    """A local variable that only ever has such a list.

    Attributes:
        name: of the variable.
        cat: what concatenates its items.
        appended: what is put into it.
        items: where one of them is read.
    """

    name: str
    cat: ast.Call
    appended: tuple[ast.expr, ...]
    items: tuple[ast.Subscript, ...]

    def edits(self, source: Source, place: ast.Call) -> Iterator[Edit]:
        """What changes but for one call of ``append``, which is given a list."""
        (own,) = place.args
        for each in self.appended:
            if each is not own:
                yield TextEdit(each, each, lambda code: f"[{code}]")
        function = source.code(self.cat.func)
        for item in self.items:
            yield TextEdit(item, item, lambda code: f"{function}({code}, dim=1)")
        yield TextEdit(self.cat.args[0], self.cat.args[0], lambda code: f"sum({code}, [])")


def gathered(source: Source, facts: Facts, variable: ast.Name) -> Gathered | None:
    """The list that a variable has, where all that is done with it is seen."""
    found = source.scope(variable).lookup(variable.id)
    if found is None or not isinstance(found[0].node, FUNCTIONS):
        return None
    if variable.id in found[0].module.nonlocals or source.scope(variable).lookup("sum") is not None:
        return None
    cats, appended, items = list[ast.Call](), list[ast.expr](), list[ast.Subscript]()
    stores = 0
    for each in source.names(found[0].node, variable.id):
        parent = source.parent(each)
        call = source.parent(parent) if parent is not None else None
        if isinstance(parent, ast.Assign) and isinstance(each.ctx, ast.Store):
            is_empty = isinstance(parent.value, ast.List) and not parent.value.elts
            if not is_empty or parent.targets != [each]:
                return None
            stores += 1
        elif isinstance(parent, ast.Subscript) and parent.value is each:
            is_index = not isinstance(parent.slice, (ast.Slice, ast.Tuple))
            is_read = isinstance(parent.ctx, ast.Load) and changes_nothing(source, facts, parent)
            if not is_read or not is_index or "#" in source.code(parent):
                return None
            items.append(parent)
        elif isinstance(parent, ast.Attribute) and isinstance(call, ast.Call):
            is_statement = isinstance(source.parent(call), ast.Expr)
            is_plain = len(call.args) == 1 and not isinstance(call.args[0], ast.Starred)
            if parent.attr != "append" or not is_plain or call.keywords or not is_statement:
                return None
            appended += call.args
        elif isinstance(parent, ast.Call) and parent.args[:1] == [each]:
            cats.append(parent)
        else:
            return None
    if stores != 1 or len(cats) != 1 or not items:
        return None
    return Gathered(variable.id, cats[0], tuple(appended), tuple(items))
