"""Render the templates: the built-in ones, or those of the user in their place."""

from __future__ import annotations

import traceback
from functools import lru_cache
from importlib import resources
from pathlib import Path

import jinja2

from ..outcome import TemplateError

_FILES = resources.files("gencode.templates")


class Templates:
    """The templates that code is emitted from.

    Each template is a file of macros; a file of the same name in ``directory`` replaces it whole.

    Raises:
        TemplateError: ``directory`` has no file of the name of a template.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._environment = _environment(directory)
        if directory is not None:
            _check_names(directory)

    def has(self, template: str, macro: str) -> bool:
        """Whether a template has a macro."""
        return hasattr(self._module(template), macro)

    def render(self, template: str, macro: str, value: object) -> str:
        """The text that a template's macro makes of a value.

        Raises:
            TemplateError: the template is faulty; the message names it, and the line if known.
        """
        found = getattr(self._module(template), macro, None)
        if found is None:
            raise TemplateError(f"template {template}: it has no macro {macro}")
        try:
            return str(found(value)).strip()
        except Exception as error:  # a template is a program, and may fail in any way
            raise self._named(template, error) from error

    def _module(self, template: str) -> object:
        try:
            return self._environment.get_template(template).module
        except Exception as error:
            raise self._named(template, error) from error

    def _named(self, template: str, error: Exception) -> TemplateError:
        name, line = self._place(template, error)
        reason = str(error).partition("\n")[0] or type(error).__name__
        return TemplateError(f"template {name}{f' line {line}' if line else ''}: {reason}")

    def _place(self, template: str, error: Exception) -> tuple[str, int | None]:
        """Where an error comes from: a template, or one that it imports, and the line if known."""
        if isinstance(error, jinja2.TemplateSyntaxError):
            return error.name or template, error.lineno
        known = _names()
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            name = Path(frame.filename).name
            if name in known and frame.lineno is not None:
                found = self._environment.get_template(name)
                return name, found.get_corresponding_lineno(frame.lineno)
        return template, None


@lru_cache(maxsize=8)
def _environment(directory: Path | None) -> jinja2.Environment:
    """Templates once compiled, which takes longer than most of all else, stay so."""
    built_in = jinja2.FunctionLoader(_built_in)
    own = [jinja2.FileSystemLoader(directory)] if directory is not None else []
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([*own, built_in]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _check_names(directory: Path) -> None:
    """See that a directory of templates replaces something: a misspelt name would do nothing."""
    names = _names()
    if not any((directory / name).is_file() for name in names):
        raise TemplateError(f"{directory} has none of the templates {', '.join(names)}")


def _names() -> list[str]:
    return sorted(each.name for each in _FILES.iterdir() if each.name.endswith(".jinja"))


def _built_in(name: str) -> str | None:
    file = _FILES.joinpath(name)
    return file.read_text("utf-8") if file.is_file() else None
