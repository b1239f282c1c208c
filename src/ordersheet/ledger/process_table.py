"""The lines of processes: who has the ledger open for writing, and who has died with it open."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from ordersheet.ledger.compiled import bind, compiled, insert, named
from ordersheet.ledger.process_lock import is_alive
from ordersheet.ledger.schema import claim, process

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


_ALL = compiled(select(process.c.id, process.c.lock))
_ENTER = compiled(
    insert(process).values({name: bind(name) for name in ("lock", "pid", "machine", "started")})
)
_LET_GO = compiled(delete(claim).where(claim.c.process_id == bind("process")))
_LEAVE = compiled(delete(process).where(process.c.id == bind("process")))


def enter(cursor: sqlite3.Cursor, lock: str, now: str, folder: Path) -> int:
    """Enter this process, whose lock is held already; clears away those that have died.

    Their claims go. What they left `sending` is adopted by whoever takes the order next.

    Returns:
        The process's number.
    """
    for number, name in cursor.execute(_ALL).fetchall():
        if not is_alive(folder, name):
            leave(cursor, number)
            (folder / name).unlink(missing_ok=True)
    cursor.execute(_ENTER, named(lock=lock, pid=os.getpid(), machine=platform.node(), started=now))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def leave(cursor: sqlite3.Cursor, number: int) -> None:
    """Take a process out, with its claims."""
    cursor.execute(_LET_GO, named(process=number))
    cursor.execute(_LEAVE, named(process=number))
