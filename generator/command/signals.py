"""What signals to end do: they end a run as an exception does, so that nothing is left behind."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Have a signal to end run what an exception runs, so that no temporary file is left.

    One that is ignored, as under ``nohup``, or handled already, stays so.
    """
    is_main = threading.current_thread() is threading.main_thread()  # others cannot set handlers
    ours = [each for each in _ENDING if is_main and signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, _end)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)


def leave_interrupts_to_the_parent() -> None:
    """Have a worker process go on when the terminal interrupts all, and end when it is told to.

    To end it at once is how its parent ends it where another one has ended abruptly.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for each in _ENDING:
        if signal.getsignal(each) is _end:  # which it has from its parent
            signal.signal(each, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
