"""The way from a ledger's place to its database: made where it may be, looked at, brought up to date."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError
from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import engine, files
from ordersheet.ledger.faults import plain_words
from ordersheet.ledger.migrations import migrate_file
from ordersheet.ledger.shared import shared_ledgers
from ordersheet.ledger.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ordersheet.ledger.database import Database

MOVED, FILLING = "moved", "filling"
"""What a ledger says of itself once it was moved, and while it is being filled: to where, and from where."""


def open_database(
    place: Path | LedgerUrl,
    *,
    create: bool,
    read_only: bool = False,
    connect: engine.Connect = engine.connect,
    busy: float = engine.BUSY_SECONDS,
) -> tuple[Database, bool]:
    """Open the database of a ledger, and tell whether it was made.

    Args:
        place: its file, or the URL of a shared one, which only `ledger init` makes.
        create: whether to make it where there is none.
        read_only: nothing is written, but that an older file is brought up to date.
        connect: opens each connection to a file.
        busy: seconds to wait for another process's transaction in a file.

    Raises:
        LedgerError: there is none, or it cannot be used.
    """
    if isinstance(place, LedgerUrl):
        shared: Database = shared_ledgers().PostgresDatabase.open(place, read_only=read_only)
        return shared, False
    path = place.expanduser().absolute()
    with plain_words(path):
        created = _made(path, create=create and not read_only)
        files.inspect(path)
        with ExitStack() as meanwhile:
            meanwhile.callback(files.note_use(path))
            if migrate_file(path, read_only=read_only, busy=busy):
                open_database(path, create=False, busy=busy)[0].close()
            return SqliteDatabase.open(path, read_only=read_only, busy=busy, connect=connect), created


def _made(path: Path, *, create: bool) -> bool:
    """Make a ledger's file where there is none; tells whether it did."""
    files.refuse_network(path)
    if path.exists():
        return False
    if not create:
        raise LedgerError(
            f"There is no ledger at {path}. Check --ledger; a first run does without --ledger-must-exist.",
            code="no-ledger",
        )
    return engine.create(path)


def refuse_moved(facts: Mapping[str, str], place: object) -> None:
    """Raise LedgerError where a ledger was moved away, or is not yet whole."""
    if MOVED in facts:
        raise LedgerError(
            f"The ledger {place} was moved to {facts[MOVED]}. Name that one with --ledger.", code="moved"
        )
    if FILLING in facts:
        raise LedgerError(
            f"The ledger {place} is not whole: it is being filled from {facts[FILLING]}. Where that was"
            " broken off, run `ordersheet ledger move` again.",
            code="half-moved",
        )
