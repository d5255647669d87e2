"""Render the templates: the built-in ones, or those of the user in their place."""

from __future__ import annotations

from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Protocol

from ..outcome import TemplateError

_FILES = resources.files("gencode.templates")


class _Renderer(Protocol):
    def render(self, template: str, macro: str, value: object) -> str: ...


class Templates:
    """The templates that code is emitted from.

    Each template is a file of macros; a file of the same name in ``directory`` replaces it whole.
    All are rendered in a sandbox, and with those of a directory in a process with limits. None is
    looked at before it is needed.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory

    @cached_property
    def _renderer(self) -> _Renderer:
        return _built_in() if self._directory is None else _foreign(self._directory)

    def render(self, template: str, macro: str, value: object) -> str:
        """The text that a template's macro makes of a value.

        Raises:
            TemplateError: the template is faulty, and the message names it, and the line if known;
                or the directory has no file of the name of a template.
        """
        return self._renderer.render(template, macro, value)


@lru_cache(maxsize=1)
def _built_in() -> _Renderer:
    """Templates once compiled, which takes longer than most of all else, stay so.

    What is faulty in them is a fault of gencode, and no ``TemplateError``.
    """
    # Each way imports only what it needs: jinja2 takes its time.
    from .sandbox import Renderer

    return Renderer(_text)


def _foreign(directory: Path) -> _Renderer:
    from .template_process import ForeignTemplates

    _check_names(directory)
    return ForeignTemplates(directory, {name: str(_text(name)) for name in _names()})


def _check_names(directory: Path) -> None:
    """See that a directory of templates replaces something: a misspelt name would do nothing."""
    names = _names()
    try:
        is_there = any((directory / name).is_file() for name in names)
    except OSError as error:
        raise TemplateError(f"{directory} cannot be read: {error.strerror}") from error
    if not is_there:
        raise TemplateError(f"{directory} has none of the templates {', '.join(names)}")


def _names() -> list[str]:
    return sorted(each.name for each in _FILES.iterdir() if each.name.endswith(".jinja"))


def _text(name: str) -> str | None:
    file = _FILES.joinpath(name)
    return file.read_text("utf-8") if file.is_file() else None
