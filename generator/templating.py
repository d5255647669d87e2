"""Render the templates: the built-in ones, or those of the user in their place."""

from __future__ import annotations

import traceback
from functools import lru_cache
from importlib import resources
from pathlib import Path

import jinja2

from .outcome import TemplateError

_FILES = resources.files(f"{__package__}.templates")


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
        line = self._line(template, error)
        reason = str(error).partition("\n")[0] or type(error).__name__
        return TemplateError(f"template {template}{f' line {line}' if line else ''}: {reason}")

    def _line(self, template: str, error: Exception) -> int | None:
        """The line of a template that an error comes from; None where it is not known."""
        if isinstance(error, jinja2.TemplateSyntaxError):
            return error.lineno
        frames = traceback.extract_tb(error.__traceback__)
        lines = [each.lineno for each in frames if Path(each.filename).name == template]
        if not lines or lines[-1] is None:
            return None
        return self._environment.get_template(template).get_corresponding_lineno(lines[-1])


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
    names = sorted(each.name for each in _FILES.iterdir() if each.name.endswith(".jinja"))
    if not any((directory / name).is_file() for name in names):
        raise TemplateError(f"{directory} has none of the templates {', '.join(names)}")


def _built_in(name: str) -> str | None:
    file = _FILES.joinpath(name)
    return file.read_text("utf-8") if file.is_file() else None
