"""A check that runs beside everything else: in a thread, to be looked at, waited for, cancelled."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable

from . import check as checks
from ._interrupt import held

__all__ = ["Background"]

EVERY = 0.25
"""Seconds between two times that are told."""
MOMENT = 0.1
"""Seconds that waiting looks away from an interrupt."""


class Background:
    """
    A check in a thread of its own; the search lets other threads run meanwhile.

    What is wrong with the arguments is raised here. Each check has a machine of its own, so any
    number may run at once. Not more than `max_states`, `max_memory`, `max_seconds` as of `check`.

    Parameters
    ----------
    code, base, scenario, properties, reductions, first_only : as of `tdplib.check`
    told : called with this object, from the thread, when there is something new

    Attributes
    ----------
    state : "running", "done", "cancelled" (ended before its time; the verdict is not complete)
        or "failed"
    now : the search's last `Progress`, or None; verdict : None until there is one; error : what
        ended it where it failed

    Examples
    --------
    >>> beside = Background("lost-update")
    >>> beside.wait().status
    'violated'
    """

    def __init__(
        self,
        code=None,
        *,
        base: str = "v5.18",
        scenario=None,
        properties=None,
        max_states: int = 50_000_000,
        max_memory: int = 8 << 30,
        max_seconds: float = float("inf"),
        reductions: tuple[str, ...] = checks.DEFAULT_REDUCTIONS,
        first_only: bool = False,
        told: Callable[[Background], None] | None = None,
    ) -> None:
        bounds = (max_states, max_memory, max_seconds)
        self.asked = checks.Asked.of(
            code, base, scenario, properties, bounds, reductions, first_only
        )
        self.state, self.now, self.verdict, self.error = "running", None, None, None
        self._told, self._last = told, 0.0
        self._enough, self._over = threading.Event(), threading.Event()
        threading.Thread(target=self._run, name="tdplib check", daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.state == "running"

    @property
    def cancelled(self) -> bool:
        """Whether it was told to end; it may still be about to."""
        return self._enough.is_set()

    def cancel(self) -> None:
        """End it; what was found by then is the verdict, and is not complete."""
        self._enough.set()

    def wait(self, timeout: float | None = None):
        """
        Wait and return the verdict; None if it still runs after `timeout` seconds.

        Ctrl-C (Interrupt the kernel) cancels it. What made it fail is raised.
        """
        end = None if timeout is None else time.monotonic() + timeout
        with held() as interrupted:
            while not self._over.is_set() and (end is None or time.monotonic() < end):
                left = MOMENT if end is None else min(MOMENT, end - time.monotonic())
                self._over.wait(max(left, 0))
                if interrupted():
                    self.cancel()
                    end = None
        if self.error is not None:
            raise self.error
        return self.verdict

    def _run(self) -> None:
        try:
            for part in (self._answer, self._tell):
                try:
                    part()
                except BaseException as error:  # whatever it is, it belongs to whoever waits
                    traceback.clear_frames(error.__traceback__)  # they hold the search's memory
                    self.error, self.state = error, "failed"
        finally:
            self._over.set()

    def _answer(self) -> None:
        verdict = self.asked.answer(self._goes_on)
        early = "interrupt" in verdict.stopped_by
        self.verdict = checks.let_go(verdict) if early else verdict
        self.state = "cancelled" if early else "done"

    def _goes_on(self, now: object) -> bool:
        self.now = now
        moment = time.monotonic()
        if moment - self._last >= EVERY:
            self._last = moment
            self._tell()
        return not self._enough.is_set()

    def _tell(self) -> None:
        if self._told is not None:
            self._told(self)
