"""The way to shared ledgers, whose library comes with an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError

if TYPE_CHECKING:
    from types import ModuleType


def shared_ledgers() -> ModuleType:
    """Import what a shared ledger takes, which comes with an extra.

    Raises:
        LedgerError: it is not installed.
    """
    try:
        from ordersheet.ledger import postgresql
    except ImportError as fault:
        raise LedgerError(
            "A shared ledger needs psycopg, which is not installed. Install it with:"
            " pip install 'ordersheet[postgres]'",
            code="no-psycopg",
        ) from fault
    return postgresql
