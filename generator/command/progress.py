"""A progress bar on a terminal, for what takes its time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SECONDS = 1


@contextmanager
def progress(total: int) -> Iterator[Callable[[], object]]:
    """Show how many of some files are done, on standard error, if that is a terminal.

    What else is written to the terminal meanwhile has lines of its own.

    Yields:
        What is to be called when one more is done.
    """
    if total < 2 or sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    # Slow to import, and so only for a terminal.
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # a thread would not go with processes that fork
    with tqdm(total=total, unit="file", leave=False, delay=_SECONDS) as bar:
        yield bar.update


@contextmanager
def above_progress() -> Iterator[None]:
    """Write to a terminal, above the bar if there is one."""
    tqdm = sys.modules.get("tqdm")
    if tqdm is None:
        yield
    else:
        with tqdm.tqdm.external_write_mode():
            yield
