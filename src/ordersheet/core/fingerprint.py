"""The mark that a report leaves at the end of a row's message: which run sent the row, and what the row was.

A report may be edited and come back on another computer, whose ledger knows nothing of it. The mark
tells whether a row is still the one that was sent. It is no secret and no proof against a forger: what
it stands for is written in the same row.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.history.normal import normalise_append
from ordersheet.core.model import OperationKind

if TYPE_CHECKING:
    from ordersheet.core.model import OrderUpdate

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 10
"""Digits of base 32: with 50 bits, no two rows of a life's work share a fingerprint by chance."""
_SHIFTS = range(0, 5 * _LENGTH, 5)
"""Where in the number each of them stands, the last digit first."""
_MARK = re.compile(r"\[(\d{8}-[0-9a-z]{4,8}) ([0-9a-z]{10})\]\s*$")


class Mark(NamedTuple):
    """What stands in the brackets."""

    run: str
    """The run that sent the row first."""
    fingerprint: str

    def __str__(self) -> str:
        return f"[{self.run} {self.fingerprint}]"


def fingerprint(update: OrderUpdate) -> str:
    """Hash a row as it is sent: its order, and each field with what is done to it.

    Appended texts count as they do in the ledger, so that white space which a spreadsheet program changes
    by itself makes no other row.
    """
    told = sorted(
        (field, kind.value, normalise_append(str(value)) if kind is OperationKind.APPEND else value)
        for field, kind, value in update.operations
    )
    number = int.from_bytes(hashlib.sha256(json.dumps([update.order, told]).encode("ascii")).digest()[:8])
    return "".join([_DIGITS[number >> shift & 31] for shift in _SHIFTS])


def marked(message: str, run: str, update: OrderUpdate) -> str:
    """Give a message with the row's mark at its end."""
    return f"{message} {Mark(run, fingerprint(update))}".lstrip()


def mark_of(message: str) -> Mark | None:
    """Find the mark at the end of a message."""
    found = _MARK.search(message)
    return Mark(found[1], found[2]) if found is not None else None
