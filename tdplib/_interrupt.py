"""
Ctrl-C (in a notebook: Interrupt the kernel) put off to where it can be answered.

Python raises KeyboardInterrupt between any two lines, also where a search is half way through
something. What holds it back looks at its own pace whether one came, and ends in good order.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["held"]


class _Noted:
    """A signal handler that notes the first Ctrl-C; the second goes where it went before."""

    def __init__(self, before: Callable) -> None:
        self.before, self.asked = before, False

    def __call__(self, number: int, frame: object) -> None:
        if self.asked:
            self.before(number, frame)
        self.asked = True


@contextmanager
def held() -> Iterator[Callable[[], bool]]:
    """
    Hold the first Ctrl-C back while this is open; give a function that tells whether it came.

    A second one is raised as ever. One inside another shares what came. Other threads than the
    main one get no signals: there it never comes.

    Examples
    --------
    >>> with held() as interrupted:
    ...     interrupted()
    False
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: False
        return
    if isinstance(before, _Noted):
        yield lambda: before.asked
        return
    noted = _Noted(before)
    signal.signal(signal.SIGINT, noted)
    try:
        yield lambda: noted.asked
    finally:
        signal.signal(signal.SIGINT, before)
