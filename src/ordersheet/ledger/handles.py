"""What the parts of an open ledger have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ordersheet.core.uptime import Uptime
    from ordersheet.ledger.database import Database
    from ordersheet.ledger.writer import Writer


class LedgerHandles(NamedTuple):
    """What a run stands on: the parts of an open ledger."""

    writer: Writer
    database: Database
    process_id: int
    salt: bytes
    clock: Callable[[], datetime]
    uptime: Callable[[], Uptime]
