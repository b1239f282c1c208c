"""The lines of processes: who has the ledger open for writing, and who has died with it open."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from ordersheet.ledger.process_lock import is_alive

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


def enter(cursor: sqlite3.Cursor, lock: str, now: str, folder: Path) -> int:
    """Enter this process, whose lock is held already; clears away those that have died.

    Their claims go. What they left `sending` is adopted by whoever takes the order next.

    Returns:
        The process's number.
    """
    for number, name in cursor.execute("SELECT id, lock FROM process").fetchall():
        if not is_alive(folder, name):
            leave(cursor, number)
            (folder / name).unlink(missing_ok=True)
    cursor.execute(
        "INSERT INTO process (lock, pid, machine, started) VALUES (?, ?, ?, ?)",
        (lock, os.getpid(), platform.node(), now),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def leave(cursor: sqlite3.Cursor, number: int) -> None:
    """Take a process out, with its claims."""
    cursor.execute("DELETE FROM claim WHERE process_id = ?", (number,))
    cursor.execute("DELETE FROM process WHERE id = ?", (number,))
