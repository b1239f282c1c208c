"""What is done to a ledger as a whole, by whoever keeps it: made, brought up to date, and moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger.ledger import Ledger
from ordersheet.ledger.schema import SCHEMA_VERSION
from ordersheet.ledger.shared import shared_ledgers

if TYPE_CHECKING:
    from pathlib import Path


def make_shared(url: LedgerUrl) -> None:
    """Make a new shared ledger: its tables, its rules, its roles.

    Raises:
        LedgerError: there is one already, or the server or its user cannot have one.
    """
    shared_ledgers().make(url)


def upgrade(place: Path | LedgerUrl) -> int:
    """Bring a ledger to the version that this program writes; gives that version.

    Raises:
        LedgerError: there is none, or it cannot be changed.
    """
    if isinstance(place, LedgerUrl):
        return int(shared_ledgers().upgrade(place))
    Ledger.open(place, create=False).close()
    return SCHEMA_VERSION
