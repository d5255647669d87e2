"""Format emitted code with black, as the project does that it goes into."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import NamedTuple

import black
from black.const import DEFAULT_LINE_LENGTH
from black.files import infer_target_version
from black.mode import TargetVersion
from black.parsing import InvalidInput, lib2to3_parse

from ..outcome import TemplateError

_ENDLESS = 10**6
_LONGEST_SHOWN = 1000
_STARRED = re.compile(r"^ *\*", re.MULTILINE)
"""What may be ``*args`` on a line of its own: a comma behind it is for Python 3.6 and newer."""
_FSTRING_START = getattr(tokenize, "FSTRING_START", None)  # from Python 3.12
_FSTRING_END = getattr(tokenize, "FSTRING_END", None)


class Layout(NamedTuple):
    """What black is told of how code looks."""

    line_length: int
    target_versions: frozenset[TargetVersion]
    string_normalization: bool
    magic_trailing_comma: bool
    preview: bool


@lru_cache(maxsize=1024)
def formatted(code: str, layout: Layout) -> str:
    """Code as black formats it, which takes a while for a helper that many sources share."""
    settings = layout._asdict() | {"target_versions": set(layout.target_versions)}
    return black.format_str(code, mode=black.Mode(**settings))


class Element(NamedTuple):
    """One of several things in brackets.

    Attributes:
        lines: of it, without the indent.
        comment: what black has put behind it and its comma, with the space before it, or nothing.
    """

    lines: list[str]
    comment: str


class Formatter:
    """Formats fragments of code that stand at an indentation of their own.

    Args:
        config: the project's ``[tool.black]`` table; keys that do not say how code looks, such as
            ``exclude``, are passed over. With ``requires-python`` as the project has it.
        indentation: what the source indents a block by.
        line_end: what the source ends a line with.
        whole: the source, and what is put into it: by this, black tells the version of Python.
    """

    def __init__(
        self, config: Mapping[str, object], indentation: str, line_end: str, whole: str
    ) -> None:
        self._config = {key.replace("-", "_"): value for key, value in config.items()}
        self._indentation = indentation
        self._line_end = line_end
        self._whole = whole

    @cached_property
    def line_length(self) -> int:
        """The columns that a line may have."""
        length = self._config.get("line_length", DEFAULT_LINE_LENGTH)
        return int(str(length))

    def statements(self, code: str, indent: str) -> list[str]:
        """The lines of some statements that are to stand at an indent, without it and line ends.

        Raises:
            TemplateError: the code is not Python.
        """
        layout = self._layout(self.line_length - len(indent.expandtabs(4)))
        return self._format(code, layout).split("\n")

    def expression(self, code: str) -> str:
        """An expression on one line, as far as its strings let it.

        Raises:
            TemplateError: the code is not Python.
        """
        return self._on_one_line(code, self._layout(_ENDLESS))

    def source_expression(self, code: str) -> str:
        """The same for one that is for the most part the source's own: it keeps its quotes.

        Raises:
            TemplateError: the code is not Python.
        """
        return self._on_one_line(code, self._keeping(_ENDLESS))

    def _on_one_line(self, code: str, layout: Layout) -> str:
        layout = layout._replace(magic_trailing_comma=False)
        return self._format(f"_ = ({code})", layout).removeprefix("_ = ")

    def source_statements(self, code: str, indent: str, longest: int = 0) -> list[str]:
        """The same as ``statements`` for what is for the most part the source's own.

        Its strings keep their quotes, and its lines may be as long as the longest was.

        Raises:
            TemplateError: the code is not Python.
        """
        width = max(self.line_length, longest) - len(indent.expandtabs(4))
        return self._format(code, self._keeping(width)).split("\n")

    def element(self, code: str, indent: str, tail: str, is_entry: bool = False) -> Element:
        """One of several things in brackets, such as an argument.

        Args:
            code: of it, for the most part the source's own; its strings keep their quotes.
            indent: where it is to stand, on lines of its own.
            tail: what stands behind it on its last line.
            is_entry: whether it is a key of a dict with its value.

        Raises:
            TemplateError: the code is not Python.
        """
        width = self.line_length - len(indent.expandtabs(4)) + len("    ")
        element = self._element(code, width, is_entry)
        if len(element.lines) == 1:
            length = len(f"    {element.lines[0]}")
            if length + len(tail + element.comment) > width:
                return self._element(code, min(width, length), is_entry)
        return element

    def _element(self, code: str, width: int, is_entry: bool) -> Element:
        opening, closing = ("_ = {", "}") if is_entry else ("_(", ")")
        # The comma, or it would not stand on lines of its own.
        layout = self._keeping(width)._replace(magic_trailing_comma=True)
        text = self._format(f"{opening}\n{code},\n{closing}", layout)
        inside_string = _lines_inside_strings(text)
        lines = [
            line if number in inside_string else line.removeprefix("    ")
            for number, line in enumerate(text.split("\n"), 1)
        ]
        comment = _behind_last_comma(text)
        return Element([*lines[1:-2], lines[-2].removesuffix(f",{comment}")], comment)

    def joined(self, lines: list[str], indent: str) -> str:
        """Lines as a text whose first line stands at an indent already."""
        inside_string = _lines_inside_strings("\n".join(lines))
        text = lines[0]
        for number, line in enumerate(lines[1:], 2):
            if number in inside_string:
                text += self._line_end + line
            else:
                content = line.lstrip(" ")
                levels = (len(line) - len(content)) // 4
                text += self._line_end + (indent + self._indentation * levels if content else "")
                text += content
        return text

    def _format(self, code: str, layout: Layout) -> str:
        try:
            found = formatted(code, layout)
            if not layout.target_versions and _STARRED.search(found):
                found = formatted(code, layout._replace(target_versions=self._seen_versions))
            return found.removesuffix("\n")
        except (InvalidInput, KeyError) as error:  # KeyError: of black 23, for a null character
            shown = repr(code.strip()[:_LONGEST_SHOWN])
            raise TemplateError(f"a template emits what is not Python: {shown}") from error

    def _keeping(self, width: int) -> Layout:
        """A layout in which strings keep their quotes."""
        return self._layout(width)._replace(string_normalization=False)

    def _layout(self, width: int) -> Layout:
        config = self._config
        return Layout(
            line_length=max(width, 1),
            target_versions=self._versions,
            string_normalization=not config.get("skip_string_normalization", False),
            magic_trailing_comma=not config.get("skip_magic_trailing_comma", False),
            preview=bool(config.get("preview", False)),
        )

    @cached_property
    def _versions(self) -> frozenset[TargetVersion]:
        """The versions of Python that the project names; empty for none."""
        if "target_version" not in self._config:
            project = {"project": {"requires-python": self._config.get("requires_python")}}
            return frozenset(infer_target_version(project) or ())
        known = {version.name.lower(): version for version in TargetVersion}
        named = _strings(self._config["target_version"])
        return frozenset(known[each] for each in named if each in known)

    @cached_property
    def _seen_versions(self) -> frozenset[TargetVersion]:
        """Those that black sees the whole source to be for; empty for any."""
        try:
            tree = lib2to3_parse(self._whole.lstrip())
        except InvalidInput:
            return frozenset()
        imports = black.get_future_imports(tree)
        return frozenset(black.detect_target_versions(tree, future_imports=imports))


def _strings(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, (list, tuple)) else [str(value)]


def _lines_inside_strings(code: str) -> set[int]:
    """The numbers, from 1, of the lines that begin inside a string."""
    found: set[int] = set()
    starts: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in (tokenize.STRING, _FSTRING_START):
                starts.append(token.start[0])
            if token.type in (tokenize.STRING, _FSTRING_END):
                found.update(range(starts.pop() + 1, token.end[0] + 1))
    except tokenize.TokenError as error:  # of parentheses, from Python 3.12
        raise RecursionError from error
    return found


def _behind_last_comma(code: str) -> str:
    """What stands behind the last comma on its line."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    *_, last = (each for each in tokens if each.string == ",")
    return code.split("\n")[last.end[0] - 1][last.end[1] :]
