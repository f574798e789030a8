"""
Worlds: small stages of kernel Python for one lab each, beside the protocols.

A world is data like a protocol, and `check("lost-update")` takes it like one. It stands on the
shared unit, and on the protocol its row names as `near`, if any; it defines anew the actors it
needs. What a learner is to write is there in the form the lab starts from. Its scenario stands in
`tdplib.scenarios.DEFAULTS`.
"""

from __future__ import annotations

from pathlib import Path

from ..table import Expected, Row

__all__ = ["FOLDER", "WORLDS"]

FOLDER = Path(__file__).parent
"""Where the files of the worlds lie."""

WORLDS: tuple[Row, ...] = (
    Row(
        "lost-update",
        "two tasks add one to a counter, each in two steps",
        "world",
        None,
        Expected("violated", ("no-warn",)),
    ),
)
"""Every world, in the order of the labs."""
