"""Render the templates: the built-in ones, or those of the user in their place."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import jinja2

from .outcome import TemplateError


class Templates:
    """The templates that code is emitted from.

    Each template is a file of macros; a file of the same name in ``directory`` replaces it whole.
    """

    def __init__(self, directory: Path | None = None) -> None:
        built_in = jinja2.FunctionLoader(_built_in)
        own = [jinja2.FileSystemLoader(directory)] if directory is not None else []
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader([*own, built_in]),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def has(self, template: str, macro: str) -> bool:
        """Whether a template has a macro."""
        return hasattr(self._module(template), macro)

    def render(self, template: str, macro: str, value: object) -> str:
        """The text that a template's macro makes of a value.

        Raises:
            TemplateError: the template is faulty; the message names it and the line.
        """
        found = getattr(self._module(template), macro, None)
        if found is None:
            raise TemplateError(f"template {template}: it has no macro {macro}")
        try:
            return str(found(value)).strip()
        except Exception as error:  # a template is a program, and may fail in any way
            raise _named(template, error) from error

    def _module(self, template: str) -> object:
        try:
            return self._environment.get_template(template).module
        except Exception as error:
            raise _named(template, error) from error


def _named(template: str, error: Exception) -> TemplateError:
    line = f" line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
    reason = str(error).partition("\n")[0] or type(error).__name__
    return TemplateError(f"template {template}{line}: {reason}")


def _built_in(name: str) -> str | None:
    file = resources.files(f"{__package__}.templates").joinpath(name)
    return file.read_text("utf-8") if file.is_file() else None
