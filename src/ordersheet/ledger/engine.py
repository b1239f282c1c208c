"""Connections: how each one is set up, and how a new ledger comes to be."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from ordersheet.core.errors import LedgerError
from ordersheet.ledger import schema
from ordersheet.ledger.faults import plain_words
from ordersheet.ledger.files import make_private_folder, sync_file, sync_folder
from ordersheet.ledger.keys import SALT_BYTES
from ordersheet.ledger.triggers import triggers

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

BUSY_SECONDS = 30.0
"""How long one process waits for another's transaction, which takes milliseconds."""


class Connect(Protocol):
    """How a connection to a ledger is opened and set up."""

    def __call__(self, path: Path, *, read_only: bool, busy: float) -> sqlite3.Connection:
        """Open the file; `busy` is how many seconds another's transaction is waited for."""
        ...


def connect(
    path: Path, *, read_only: bool, busy: float, factory: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    """Open a ledger's file so that each commit is on disk when it returns; `factory` makes the connection."""
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=busy,
        isolation_level=None,
        check_same_thread=False,
        factory=factory,
    )
    try:
        _set_up(connection, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def engine_for(
    path: Path, *, read_only: bool = False, busy: float = BUSY_SECONDS, connect: Connect = connect
) -> Engine:
    """Make the engine of a ledger; each connection is opened anew and set up in full."""
    return create_engine(
        "sqlite://", creator=lambda: connect(path, read_only=read_only, busy=busy), poolclass=NullPool
    )


def _set_up(connection: sqlite3.Connection, *, read_only: bool) -> None:
    if not read_only:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise LedgerError(
                "The disk that holds the ledger does not allow SQLite's write-ahead log. Choose a ledger"
                " on a local disk with --ledger.",
                code="no-wal",
            )
    connection.execute("PRAGMA synchronous=FULL")
    # macOS: a plain fsync leaves the data in the drive's cache. Elsewhere this changes nothing.
    connection.execute("PRAGMA fullfsync=ON")
    connection.execute("PRAGMA checkpoint_fullfsync=ON")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("PRAGMA temp_store=MEMORY")


def create(path: Path) -> bool:
    """Make a new, empty ledger at a path, whole or not at all.

    Returns:
        False where another process was first.
    """
    make_private_folder(path.parent)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with plain_words(path):
            write_schema(draft)
            sync_file(draft)
        try:
            _put_in_place(draft, path)
        except FileExistsError:
            return False
        sync_folder(path.parent)
    finally:
        for leftover in (draft, *(draft.with_name(draft.name + end) for end in ("-wal", "-shm"))):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)
    return True


def write_schema(draft: Path) -> None:
    """Make an empty ledger in an empty file."""
    with engine_for(draft).connect() as connection:
        # One sync at the end, when the file is whole, does for all.
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        schema.metadata.create_all(connection, checkfirst=False)
        for trigger in triggers():
            connection.exec_driver_sql(trigger)
        connection.execute(
            schema.meta.insert(),
            [
                {"name": "salt", "value": secrets.token_hex(SALT_BYTES)},
                {"name": "created", "value": datetime.now(UTC).isoformat(timespec="microseconds")},
            ],
        )
        connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
        connection.exec_driver_sql("COMMIT")


def _put_in_place(draft: Path, path: Path) -> None:
    """Give a finished draft its name, without ever replacing a ledger that another process made meanwhile."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (FAT, some containers). An exclusive creation settles who is first.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        draft.replace(path)
