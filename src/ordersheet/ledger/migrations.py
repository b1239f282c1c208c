"""From an older ledger to today's: one step a version, after a backup beside it."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError
from ordersheet.ledger.engine import engine_for
from ordersheet.ledger.files import sync_file
from ordersheet.ledger.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_TO_2 = (
    "ALTER TABLE run ADD COLUMN uid INTEGER",
    "ALTER TABLE run ADD COLUMN encoding TEXT",
    "ALTER TABLE run ADD COLUMN key_print TEXT",
    "ALTER TABLE run ADD COLUMN same_store INTEGER",
    "ALTER TABLE run ADD COLUMN database_user TEXT",
    "ALTER TABLE run ADD COLUMN undo_of INTEGER",
    """CREATE TABLE undo_step (
    run_id INTEGER NOT NULL, "row" INTEGER NOT NULL, field TEXT NOT NULL, step_id INTEGER NOT NULL,
    PRIMARY KEY (run_id, "row", field, step_id),
    FOREIGN KEY(run_id) REFERENCES run (id), FOREIGN KEY(step_id) REFERENCES operation (id)) WITHOUT ROWID""",
    "CREATE INDEX undo_step_of ON undo_step (step_id)",
    """CREATE TRIGGER operation_undoes_once BEFORE UPDATE OF state ON operation
        WHEN OLD.state = 'in doubt' AND NEW.state = 'sending'
        AND EXISTS (SELECT 1 FROM run WHERE run.id = OLD.run_id AND run.undo_of IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, 'illegal move: an undo in doubt is not sent'); END""",
    """CREATE TABLE pace (
    store_id INTEGER NOT NULL, boot TEXT NOT NULL, members TEXT NOT NULL, rate FLOAT, next_free FLOAT,
    paused_until FLOAT, succeeded FLOAT, generation INTEGER NOT NULL, closed INTEGER NOT NULL, learned TEXT,
    PRIMARY KEY (store_id), FOREIGN KEY(store_id) REFERENCES store (id))""",
    """CREATE TABLE job_file (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, name TEXT NOT NULL,
    sha256 TEXT NOT NULL, batch TEXT NOT NULL, state TEXT NOT NULL, process_id INTEGER NOT NULL,
    taken TEXT NOT NULL, facts TEXT NOT NULL, finished TEXT,
    CONSTRAINT job_file_once UNIQUE (job, sha256, batch))""",
    "CREATE INDEX job_file_open ON job_file (job) WHERE finished IS NULL",
    "ALTER TABLE run ADD COLUMN part_of INTEGER",
    "ALTER TABLE run ADD COLUMN part INTEGER",
    "CREATE INDEX run_part ON run (part_of, part) WHERE part_of IS NOT NULL",
    """CREATE TABLE submission (
    run_id INTEGER NOT NULL PRIMARY KEY, version INTEGER NOT NULL, settings TEXT NOT NULL,
    rows INTEGER NOT NULL, stopped TEXT, stopped_by TEXT, message TEXT NOT NULL,
    FOREIGN KEY(run_id) REFERENCES run (id))""",
    """CREATE TABLE chunk (
    run_id INTEGER NOT NULL, number INTEGER NOT NULL, turn INTEGER NOT NULL, state TEXT NOT NULL,
    process_id INTEGER NOT NULL, tries INTEGER NOT NULL, progress INTEGER NOT NULL, content TEXT,
    PRIMARY KEY (run_id, number),
    CONSTRAINT chunk_state CHECK (state IN ('waiting', 'taken', 'done', 'aside', 'stopped')),
    FOREIGN KEY(run_id) REFERENCES run (id))""",
    "CREATE INDEX chunk_open ON chunk (turn) WHERE content IS NOT NULL",
    """CREATE TABLE chunk_order (
    run_id INTEGER NOT NULL, number INTEGER NOT NULL, order_id INTEGER NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (run_id, number, order_id), FOREIGN KEY(run_id) REFERENCES run (id)) WITHOUT ROWID""",
    """CREATE TABLE file_part (
    run_id INTEGER NOT NULL, number INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (run_id, number), FOREIGN KEY(run_id) REFERENCES run (id))""",
    """CREATE TABLE large_file (
    name TEXT NOT NULL PRIMARY KEY, run_id INTEGER, place TEXT NOT NULL, removed TEXT,
    FOREIGN KEY(run_id) REFERENCES run (id))""",
    "CREATE INDEX ix_large_file_run_id ON large_file (run_id)",
    *(
        f"ALTER TABLE {table} ADD COLUMN {moment}_{part}"
        for table, moment in (("attempt", "given_up"), ("operation", "adopted"), ("operation", "heard"))
        for part in ("boot TEXT", "uptime FLOAT")
    ),
)
"""A step never changes once it is out, whatever becomes of the tables later: so it is text of its own."""


def _statements(step: Sequence[str]) -> Callable[[sqlite3.Cursor], None]:
    def take(cursor: sqlite3.Cursor) -> None:
        for statement in step:
            cursor.execute(statement)

    return take


STEPS: Mapping[int, Callable[[sqlite3.Cursor], None]] = {1: _statements(_TO_2)}
"""The step that leads from each older version to the next. The first version has none before it."""


def version_of(connection: sqlite3.Connection) -> int:
    """Read the version of a ledger's schema."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(
    connection: sqlite3.Connection,
    path: Path,
    *,
    steps: Mapping[int, Callable[[sqlite3.Cursor], None]] = STEPS,
    target: int = SCHEMA_VERSION,
) -> Path | None:
    """Bring a ledger to the version that this program writes.

    Args:
        connection: an open connection, in no transaction.
        path: the ledger's file.
        steps: for each version, what leads to the next.
        target: the version to reach.

    Returns:
        The backup's path; None where nothing was to be done.

    Raises:
        LedgerError: the ledger was written by a newer version, or by one from which no step leads on.
    """
    version = version_of(connection)
    if version == target:
        return None
    if version > target:
        raise LedgerError(
            f"The ledger {path} was written by a newer version of ordersheet. Upgrade ordersheet, or"
            f" choose another with --ledger.",
            code="newer",
        )
    if any(older not in steps for older in range(version, target)):
        raise LedgerError(
            f"The ledger {path} has a version ({version}) that ordersheet does not know.", code="not-a-ledger"
        )
    backup = back_up_beside(connection, path, version)
    cursor = connection.cursor()
    cursor.execute("BEGIN EXCLUSIVE")
    try:
        # Another process may have been first while the backup was written.
        for older in range(version_of(connection), target):
            steps[older](cursor)
            cursor.execute(f"PRAGMA user_version = {older + 1}")
        cursor.execute("COMMIT")
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
    return backup


def back_up_beside(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Write a whole copy of the ledger beside it, for the user alone, under a name that is free."""
    number = 1
    while True:
        backup = path.with_name(f"{path.name}.version{version}-{number}.bak")
        try:
            os.close(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            break
        except FileExistsError:
            number += 1
    copy_database(connection, backup)
    return backup


def copy_database(connection: sqlite3.Connection, target: Path) -> None:
    """Copy a whole ledger, as it is at one moment, into a file that is there already, and make it durable.

    Others may go on writing meanwhile: the copy is made in one step, from one state.
    """
    copy = sqlite3.connect(target)
    try:
        connection.backup(copy)
    finally:
        copy.close()
    sync_file(target)


def migrate_file(path: Path, *, read_only: bool, busy: float) -> bool:
    """Bring a ledger's file up to date; tells of an older one that may only be read, and so stays older."""
    with engine_for(path, read_only=read_only, busy=busy).connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        older = version_of(driver) < SCHEMA_VERSION
        if not (read_only and older):
            migrate(driver, path)
        return read_only and older
