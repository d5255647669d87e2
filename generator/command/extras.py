"""Packages that only some of what gencode does needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from ..files import UsageError


@contextmanager
def needing(package: str) -> Iterator[None]:
    """Import a package, or what imports it.

    Args:
        package: as pip has it.

    Raises:
        UsageError: it cannot be imported; with the command to install it.
    """
    try:
        yield
    except ImportError as error:
        install = f"pip install '{package}'"
        raise UsageError(f"this needs {package} ({error}): {install}") from error


def is_installed(package: str) -> bool:
    """Whether a package can be found, which it is not imported for."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False
