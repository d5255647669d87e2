"""The copies of the helper in a source that is to import it: what is as emitted gives way."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from io import StringIO
from typing import TYPE_CHECKING, Final

from ...reading.parts import walk
from ...reading.source import LINE_END, Source
from ...reading.spelling import spell_in_module
from .blocks import blocks_in
from .helper import TEMPLATE, Names, emitted, helper_of
from .layers import moved

if TYPE_CHECKING:
    from ...rewriting.templating import Templates

_MODULE: Final = "# gencode helper "
"""How a module begins that others import."""
_FIRST: Final = Names().branches
_EDITED: Final = "this copy of the helper is not as gencode emits it, and stays"
_UNUSED: Final = "nothing here uses this copy of the helper, and it stays: other files may"
_SILENT: Final = (
    "this copy of the helper stays: a weight that is set here once it is split raises, and with the"
    " helper of others it might not"
)
_APART: Final = "this copy of the helper stays: {} cannot import the norms that it knows"
_HELD: Final = "this copy of the helper stays: more is done with {} than to call it"


@dataclass(frozen=True)
class OwnCopy:
    """A copy of the helper.

    Attributes:
        source: where it stands.
        definitions: its classes and functions, one after the other.
        names: by the name of each what it usually is called.
    """

    source: Source
    definitions: tuple[ast.stmt, ...]
    names: Mapping[str, str]

    @cached_property
    def blocks(self) -> frozenset[str]:
        """The blocks that it has."""
        text = re.sub(rf"(?<![\w.]){re.escape(self._nn)}\.", "nn.", self._text)
        for name, usual in self.names.items():
            text = re.sub(rf"\b{name}\b", usual, text)
        return blocks_in(text)

    @cached_property
    def uses(self) -> Mapping[ast.expr, str]:
        """Where the rest of the source has one of its names, in code or as a string."""
        own = {each for one in self.definitions for each in walk(one)}
        found: dict[ast.expr, str] = {}
        for each in walk(self.source.tree):
            match each:
                case ast.Name(id=str(name)) | ast.Constant(value=str(name)):
                    if name in self.names and each not in own:
                        found[each] = name
        return found

    @property
    def used(self) -> Mapping[str, str]:
        """Those of the names."""
        found = set(self.uses.values())
        return {name: usual for name, usual in self.names.items() if name in found}

    def is_as_emitted(self, templates: Templates) -> bool:
        """Whether it has what gencode emits, however that is laid out, and nothing else.

        Raises:
            TemplateError: a template is faulty.
        """
        bindings = self.source.scope(self.source.tree).bindings
        if any(len(bindings[name]) > 1 for name in self.names) or not self._spelled("torch"):
            return False
        usual = {one: name for name, one in self.names.items()}
        names = {
            each.name: usual.get(str(each.default), str(each.default)) for each in fields(Names)
        }
        copy, warnings = (self._spelled(each) or each for each in ("copy", "warnings"))
        helper = helper_of(Names(**names), self.blocks, self._torch, self._nn, copy, warnings)
        code = templates.render(TEMPLATE, "definitions", helper)
        is_same = ast.dump(ast.parse(code)) == ast.dump(ast.Module([*self.definitions], []))
        return is_same and _comments(code) == _comments(self._text)

    @property
    def _text(self) -> str:
        first, last = self.definitions[0], self.definitions[-1]
        start, end = self.source.span(first).start, self.source.span(last).end
        return self.source.text[start : self.source.line_of(end).end]

    @property
    def _torch(self) -> str:
        return self._spelled("torch") or ""

    @property
    def _nn(self) -> str:
        return self._spelled("torch.nn") or f"{self._torch}.nn"

    def _spelled(self, path: str) -> str | None:
        return spell_in_module(self.source, path, self.definitions[0].lineno)


def own_copies(source: Source) -> Iterator[OwnCopy]:
    """The copies of the helper in a source that is not the module of others."""
    if source.text.startswith(_MODULE):
        return
    ours = emitted(source.tree)
    found: list[dict[str, ast.stmt]] = []  # each by the usual names
    previous: ast.stmt | None = None
    for each in source.tree.body:
        if each in ours:
            usual = re.sub(r"_\d+$", "", _name(each))
            is_another = previous not in ours or usual in found[-1]
            found += [{}] if is_another else []
            found[-1][usual] = each
        previous = each
    for copy in found:
        if next(iter(copy)) == _FIRST:  # what else has a name of the helper's is the author's
            names = {_name(each): usual for usual, each in copy.items()}
            yield OwnCopy(source, tuple(copy.values()), names)


def why_it_stays(
    copy: OwnCopy, path: str, templates: Templates, may_fail: Callable[[OwnCopy], bool]
) -> str:
    """Why a copy is not taken away, for the import of a module; empty if it is.

    Args:
        copy: the copy.
        path: that of the module, as it stands after ``from``.
        templates: that of the helper is among them.
        may_fail: whether the source sets a weight that a copy does not give, which then raises.

    Raises:
        TemplateError: a template is faulty.
    """
    if not copy.is_as_emitted(templates):
        return _EDITED
    if not copy.uses:
        return _UNUSED
    for each in copy.uses:
        if isinstance(copy.source.parent(each), ast.Attribute):
            return _HELD.format(copy.source.code(each))
    if moved(copy.blocks, copy.source, path) is None:
        return _APART.format(path)
    return _SILENT if "reads" not in copy.blocks and may_fail(copy) else ""


def _name(statement: ast.stmt) -> str:
    return str(getattr(statement, "name", ""))


def _comments(code: str) -> list[str]:
    tokens = tokenize.generate_tokens(StringIO(LINE_END.sub("\n", code)).readline)
    return [each.string for each in tokens if each.type == tokenize.COMMENT]
