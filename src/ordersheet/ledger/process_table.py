"""The lines of processes: who has the ledger open for writing, and who has died with it open."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from ordersheet.ledger.compiled import Statement, bind, insert, named
from ordersheet.ledger.copying import facts
from ordersheet.ledger.opening import refuse_moved
from ordersheet.ledger.schema import claim, process

if TYPE_CHECKING:
    from ordersheet.ledger.database import Cursor, Database, Presence


_ALL = Statement(select(process.c.id, process.c.lock))
_ENTER = Statement(
    insert(process).values({name: bind(name) for name in ("lock", "pid", "machine", "started")})
)
_NUMBER = Statement(select(process.c.id).where(process.c.lock == bind("lock")))
_LET_GO = Statement(delete(claim).where(claim.c.process_id == bind("process")))
_LEAVE = Statement(delete(process).where(process.c.id == bind("process")))


def enter(cursor: Cursor, database: Database, presence: Presence, now: str) -> int:
    """Enter this process, which others can see already; clears away those that have died.

    Their claims go. What they left `sending` is adopted by whoever takes the order next.

    Returns:
        The process's number.
    """
    # It may have been moved since it was opened.
    refuse_moved(facts(cursor), database)
    for number, name in cursor.execute(_ALL).fetchall():
        if not database.alive(name):
            leave(cursor, number)
            presence.forget(name)
    cursor.execute(_ENTER, named(lock=presence.name, pid=os.getpid(), machine=platform.node(), started=now))
    number = int(cursor.execute(_NUMBER, named(lock=presence.name)).fetchone()[0])
    presence.entered(cursor, number)
    return number


def leave(cursor: Cursor, number: int) -> None:
    """Take a process out, with its claims."""
    cursor.execute(_LET_GO, named(process=number))
    cursor.execute(_LEAVE, named(process=number))
