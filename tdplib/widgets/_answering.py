"""Messages from a page that are dealt with while a cell runs."""

from __future__ import annotations

from typing import Any

__all__ = ["Answering"]


class Answering:
    """
    A widget that its page reaches also while a cell runs; to stand before the widget's class.

    JupyterLab sends what a page says to a thread of its own. But ipykernel 7.4 takes it for an
    answer to what was sent last, and hands it to who sent that; was it a cell, then it waits until
    the cell is done. Our pages answer nothing: what they say comes of clicks. So who sent last is
    forgotten each time; a kernel that does not note it loses nothing.
    """

    def open(self) -> None:
        """Open the channel to the page."""
        super().open()
        self._forget()

    def _send(self, msg: Any, buffers: Any = None) -> None:
        super()._send(msg, buffers)
        self._forget()

    def _forget(self) -> None:
        if self.comm is not None:
            vars(self.comm).pop("_reply_subshell_id", None)
