"""The copies of the helper in a source that is to import it: what is as emitted gives way."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from io import StringIO
from typing import TYPE_CHECKING, Final

from ...reading.parsing import LINE_END
from ...reading.parts import walk
from ...reading.source import Source
from ...reading.spelling import spell_in_module
from .blocks import blocks_in
from .helper import SPLITTING, TEMPLATE, Names, emitted, helper_of
from .layers import WITH_LAYERS

if TYPE_CHECKING:
    from ...rewriting.templating import Templates

_MODULE: Final = "# gencode helper "
"""How a module begins that others import."""
_NAMES: Final = frozenset(str(each.default) for each in fields(Names))
_STAYS: Final = "this copy of the helper stays: "
_EDITED: Final = "this copy of the helper is not as gencode emits it, and stays"
_UNUSED: Final = "nothing here uses this copy of the helper, and it stays: other files may"
_SILENT: Final = (
    f"{_STAYS}a weight that is set here once it is split raises, and with the helper of others it"
    " might not"
)
_LAYERED: Final = f"{_STAYS}it knows norms of this project"
_HELD: Final = f"{_STAYS}more is done with {{}} than to call it"


@dataclass(frozen=True)
class OwnCopy:
    """A copy of the helper.

    Attributes:
        source: where it stands.
        definitions: its classes and functions, and what stands between them.
    """

    source: Source
    definitions: tuple[ast.stmt, ...]

    @cached_property
    def blocks(self) -> frozenset[str]:
        """The blocks that it has."""
        return blocks_in(re.sub(rf"(?<![\w.]){re.escape(self._nn)}\.", "nn.", self._text))

    @cached_property
    def uses(self) -> Mapping[ast.expr, str]:
        """Where the rest of the source has one of its names, in code or as a string."""
        names = {getattr(each, "name", "") for each in self.definitions}
        own = {each for one in self.definitions for each in walk(one)}
        found: dict[ast.expr, str] = {}
        for each in walk(self.source.tree):
            match each:
                case ast.Name(id=str(name)) | ast.Constant(value=str(name)):
                    if name in names and each not in own:
                        found[each] = name
        return found

    def is_as_emitted(self, templates: Templates) -> bool:
        """Whether it has what gencode emits, however that is laid out, and nothing else.

        Raises:
            TemplateError: a template is faulty.
        """
        bindings = self.source.scope(self.source.tree).bindings
        names = [getattr(each, "name", "") for each in self.definitions]
        is_plain = _NAMES.issuperset(names) and all(len(bindings[each]) == 1 for each in names)
        torch = self._spelled("torch")
        if not is_plain or torch is None:
            return False
        copy, warnings = (self._spelled(each) or each for each in ("copy", "warnings"))
        helper = helper_of(Names(), self.blocks, torch, self._nn, copy, warnings)
        code = templates.render(TEMPLATE, "definitions", helper)
        is_same = ast.dump(ast.parse(code)) == ast.dump(ast.Module([*self.definitions], []))
        return is_same and _comments(code) == _comments(self._text)

    @property
    def _text(self) -> str:
        first, last = self.definitions[0], self.definitions[-1]
        start, end = self.source.span(first).start, self.source.span(last).end
        return self.source.text[start : self.source.line_of(end).end]

    @property
    def _nn(self) -> str:
        return self._spelled("torch.nn") or f"{self._spelled('torch')}.nn"

    def _spelled(self, path: str) -> str | None:
        return spell_in_module(self.source, path, self.definitions[0].lineno)


def own_copies(source: Source) -> Iterator[OwnCopy]:
    """The copies of the helper in a source that is not the module of others."""
    ours = emitted(source.tree) if not source.text.startswith(_MODULE) else []
    found: list[list[ast.stmt]] = []
    for each in source.tree.body:
        if each in ours:
            is_first = re.fullmatch(rf"{Names().branches}(_\d+)?", getattr(each, "name", ""))
            found += [[]] if is_first or not found else []
            found[-1].append(each)
    at = source.tree.body.index
    yield from (OwnCopy(source, (*source.tree.body[at(x[0]) : at(x[-1]) + 1],)) for x in found)


def why_it_stays(copy: OwnCopy, templates: Templates, may_fail: bool) -> str:
    """Why a copy is not taken away, for the import of a module; empty if it is.

    Args:
        copy: the copy.
        templates: that of the helper is among them.
        may_fail: whether the source sets a weight that a copy does not give, which then raises.

    Raises:
        TemplateError: a template is faulty.
    """
    if not copy.is_as_emitted(templates):
        return _EDITED
    if not copy.uses:
        return _UNUSED
    for each, name in copy.uses.items():
        if name in SPLITTING and not _is_called(copy.source, each):
            return _HELD.format(name)
        if isinstance(copy.source.parent(each), ast.Attribute):
            return _HELD.format(name)
    if any(each.startswith(WITH_LAYERS) for each in copy.blocks):
        return _LAYERED
    return _SILENT if "reads" not in copy.blocks and may_fail else ""


def _is_called(source: Source, use: ast.expr) -> bool:
    """Whether a function is called, be it by a partial."""
    call = source.parent(use)
    return isinstance(use, ast.Constant) or (
        isinstance(call, ast.Call) and (call.func is use or "partial" in ast.unparse(call.func))
    )


def _comments(code: str) -> list[str]:
    tokens = tokenize.generate_tokens(StringIO(LINE_END.sub("\n", code)).readline)
    return [each.string for each in tokens if each.type == tokenize.COMMENT]
