"""What the stubs are made of: the error they raise, and names that stand for something."""

from __future__ import annotations

from ...errors import TdplibError

__all__ = ["Constant", "Name", "NotExecutedError", "not_executed"]


class NotExecutedError(TdplibError):
    """A name of kernel Python was used by Python itself."""


def not_executed(name: str) -> NotExecutedError:
    """Return the error of a stub that Python has called."""
    return NotExecutedError(
        f"{name}() has no Python code: kernel Python is explored, not executed: "
        "pass the function to check()"
    )


class Constant(int):
    """A constant of kernel Python: an integer that knows its name and meaning."""

    name: str

    def __new__(cls, name: str, value: int, doc: str) -> Constant:
        self = super().__new__(cls, value)
        self.name = name
        self.__doc__ = doc
        return self

    def __repr__(self) -> str:
        value = int(self)
        return f"{self.name} = {value}" if value < 10 else f"{self.name} = {value:#x}"

    def __reduce__(self) -> tuple[type, tuple[str, int, str]]:
        return Constant, (self.name, int(self), self.__doc__)


class Name:
    """A name that means something in kernel Python and has no value in Python."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.__doc__ = doc

    def __repr__(self) -> str:
        return f"{self.name}: {self.__doc__}"

    def __call__(self, *args: object) -> None:
        raise not_executed(self.name)
