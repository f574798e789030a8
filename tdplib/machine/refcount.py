"""
Reference counts with the meaning of the kernel's refcount_t.

A count never rises from zero: a get from zero fails (`inc_not_zero`) or is a bug (`inc`), because
whoever saw zero may be freeing the object already. A count that would pass REFCOUNT_MAX, or fall
below zero, is set to REFCOUNT_SATURATED, and stays there: the object leaks, which is harmless
beside a use after free. Only `set` brings a count up from zero; it is for the one who took it to
zero, while nobody else can see it (the v5.18 put does so for the worker's reference).

Source: include/linux/refcount.h; the same words are used here. What is left out: the memory
ordering, and the short time in which the kernel's counter holds an unchecked value before it is
set to REFCOUNT_SATURATED.

Examples
--------
>>> count = Refcount(1)
>>> count.inc_not_zero(), count.dec_and_test(), count.dec_and_test()
(True, False, True)
>>> count.inc_not_zero()
False
>>> count.dec_and_test()
Traceback (most recent call last):
    ...
tdplib.machine.refcount.RefcountError: dec_and_test of a count of 0: underflow, use after free. \
The count is now REFCOUNT_SATURATED and the object leaks.
"""

from __future__ import annotations

from tdplib.errors import TdplibError, check_int

__all__ = ["REFCOUNT_MAX", "REFCOUNT_SATURATED", "Refcount", "RefcountError"]

REFCOUNT_MAX = 2**31 - 1
"""The highest count: INT_MAX."""
REFCOUNT_SATURATED = -(2**30)
"""Where a count goes when a bug is caught: INT_MIN / 2. Every negative count is a bad one."""


class RefcountError(TdplibError):
    """
    A bug the kernel would WARN about; `kind` is its name there, `before` the count found.

    kind : "ADD_NOT_ZERO_OVF", "ADD_OVF", "ADD_UAF" or "SUB_UAF".
    """

    def __init__(self, kind: str, operation: str, before: int) -> None:
        self.kind = kind
        self.before = before
        count = "a saturated count" if before < 0 else f"a count of {before}"
        super().__init__(
            f"{operation} of {count}: {_SENTENCES[kind]}. "
            "The count is now REFCOUNT_SATURATED and the object leaks."
        )


_SENTENCES = {
    "ADD_NOT_ZERO_OVF": "overflow",
    "ADD_OVF": "overflow",
    "ADD_UAF": "raised from zero, use after free",
    "SUB_UAF": "underflow, use after free",
}


class Refcount:
    """
    One reference count, starting at `value` (0..REFCOUNT_MAX, 1 by default).

    Every operation is the kernel function of that name; a caught bug saturates the count, then
    raises `RefcountError`.
    """

    def __init__(self, value: int = 1) -> None:
        import numpy as np

        self._cell = np.zeros(1, dtype=np.int32)
        self.set(value)

    @property
    def value(self) -> int:
        """The count, negative when saturated (refcount_read, taken as signed)."""
        return int(self._cell[0])

    @property
    def saturated(self) -> bool:
        """Whether a bug was caught before."""
        return self.value < 0

    def set(self, value: int) -> None:
        """Make the count `value` (0..REFCOUNT_MAX) whatever it was: refcount_set."""
        self._cell[0] = check_int("value", value, 0, REFCOUNT_MAX)

    def inc_not_zero(self) -> bool:
        """Take a reference; False where there is none left to share."""
        return self._do("inc_not_zero")

    def inc(self) -> None:
        """Take one more reference; the caller holds one, so that zero is a bug."""
        self._do("inc")

    def dec_and_test(self) -> bool:
        """Put a reference; True where it was the last one, and the object is now the caller's."""
        return self._do("dec_and_test")

    def _do(self, operation: str) -> bool:
        from tdplib.machine import _refcount_kernels as kernels

        before = self.value
        code = getattr(kernels, f"refcount_{operation}")(self._cell, 0)
        if code < 0:
            kind = {getattr(kernels, f"BUG_{kind}"): kind for kind in _SENTENCES}[code]
            raise RefcountError(kind, operation, before)
        return code == kernels.YES

    def __repr__(self) -> str:
        return "Refcount(saturated)" if self.saturated else f"Refcount({self.value})"
