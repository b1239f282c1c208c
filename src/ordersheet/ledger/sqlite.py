"""A ledger in a file of SQLite's: the usual one, of one user at one computer."""

from __future__ import annotations

import sqlite3
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from ordersheet.core.errors import LedgerError
from ordersheet.core.uptime import uptime
from ordersheet.ledger import engine, faults, files
from ordersheet.ledger.database import PAGE
from ordersheet.ledger.migrations import copy_database
from ordersheet.ledger.process_lock import ProcessLock, is_alive
from ordersheet.ledger.rules import RULES
from ordersheet.ledger.triggers import triggers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Engine

    from ordersheet.core.uptime import Uptime
    from ordersheet.ledger.compiled import Statement
    from ordersheet.ledger.database import Cursor, Do, Values


class SqliteDatabase:
    """Implements `Database`.

    Args:
        path: the ledger's file, which is there.
        engine_: opens connections to it.
    """

    refusals: tuple[type[Exception], ...] = (sqlite3.IntegrityError,)
    far = False
    user: str | None = None

    def __init__(self, path: Path, engine_: Engine) -> None:
        self.path = path
        self.copies = files.copies_folder(path)
        self._engine = engine_
        self._lock: FileLock | None = None
        # Also where nobody closes it.
        self._end_use = weakref.finalize(self, files.note_use(path))

    @classmethod
    def open(
        cls, path: Path, *, read_only: bool, busy: float, connect: engine.Connect = engine.connect
    ) -> SqliteDatabase:
        """Open a ledger's file; `busy` is how many seconds another's transaction is waited for."""
        return cls(path, engine.engine_for(path, read_only=read_only, busy=busy, connect=connect))

    def __str__(self) -> str:
        return str(self.path)

    def translate(self, fault: BaseException) -> LedgerError:
        """Say in one sentence what an error means for the ledger."""
        return faults.translate(fault, self.path)

    def plain_words(self) -> AbstractContextManager[None]:
        """Turn what SQLite, SQLAlchemy or the system raise inside into LedgerError."""
        return faults.plain_words(self.path)

    def passing(self, fault: BaseException) -> bool:
        """Nothing passes: whoever writes is alone, and others were waited for."""
        del fault
        return False

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Open a cursor that reads, all of it as of one moment."""
        with self.plain_words(), self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            cursor = driver.cursor(SqliteCursor)
            try:
                cursor.execute("BEGIN")
                yield cursor
            finally:
                if driver.in_transaction:
                    cursor.execute("COMMIT")
                cursor.close()

    def writing(self) -> SqliteTransactions:
        """Open the connection that writes."""
        return SqliteTransactions(self._engine)

    def appear(self) -> FileLock:
        """Take this process's lock."""
        with self.plain_words():
            folder = files.locks_folder(self.path)
            files.make_private_folder(folder)
            self._lock = FileLock(self.path)
        return self._lock

    def alive(self, name: str) -> bool:
        """Tell whether the process behind a lock lives."""
        if self._lock is not None and name == self._lock.name:
            return True
        return is_alive(files.locks_folder(self.path), name)

    def living(self, names: Iterable[str]) -> set[str]:
        """Tell who of several lives."""
        return set(filter(self.alive, names))

    def shared_clock(self, cursor: Cursor) -> Uptime:
        """Tell the machine's time: nobody uses the file from another one."""
        del cursor
        return uptime()

    def pages(self, cursor: Cursor, statement: Statement) -> Iterator[list[Any]]:
        """Give what a statement gives, a page at a time."""
        found = cursor.execute(statement)
        while page := found.fetchmany(PAGE):
            yield page

    @contextmanager
    def without_rules(self, cursor: Cursor) -> Iterator[None]:
        """Let lines be entered as they were elsewhere."""
        for rule in RULES:
            cursor.execute(f"DROP TRIGGER {rule.name}")
        yield
        for trigger in triggers():
            cursor.execute(trigger)

    def count_on(self, cursor: Cursor) -> None:
        """SQLite's numbers go on above the highest by themselves."""

    def back_up(self, target: Path) -> None:
        """Copy the whole ledger into a file that is there already."""
        with self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            copy_database(driver, target)

    def backups(self) -> Iterable[Path]:
        """Name the backups that migrations wrote beside the ledger."""
        return self.path.parent.glob(f"{self.path.name}.version*.bak")

    def overwrite_removed(self) -> None:
        """Clear the write-ahead log, which still holds the texts as they were."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Note that it is not in use any more; nothing is open between the calls."""
        self._end_use()


class SqliteCursor(sqlite3.Cursor):
    """Implements `Cursor`: takes the ledger's statements as they are."""

    def execute(self, statement: Statement | str, values: Values = (), /) -> Self:
        """Carry a statement out."""
        return super().execute(str(statement), values)

    def executemany(self, statement: Statement | str, values: Iterable[Values], /) -> Self:
        """Carry a statement out once for each of the values."""
        return super().executemany(str(statement), values)


class FileLock:
    """This process's OS lock beside the ledger's file. Implements `Presence`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = files.locks_folder(path)
        self._lock = ProcessLock(self._folder)
        self._watch = files.Watch(path)
        self.name = self._lock.name

    def check(self) -> None:
        """Raise LedgerError where the ledger's file or the lock's is no longer what it was."""
        self._watch.check()
        if not self._lock.held():
            raise LedgerError(
                f"The lock file of this process beside the ledger {self._path} was removed while it"
                f" was in use."
                " Leave these files alone, and run again.",
                code="removed",
            )

    def entered(self, cursor: Cursor, number: int) -> None:
        """The lock says all that there is to say."""

    def keep(self, do: Do, number: int) -> None:
        """The system holds the lock by itself."""

    def forget(self, name: str) -> None:
        """Remove a lock file that nobody holds."""
        (self._folder / name).unlink(missing_ok=True)

    def release(self) -> None:
        """Let go of the lock, and remove its file."""
        self._lock.release()


class SqliteTransactions:
    """Implements `Transactions`: one writer at a time in the whole file."""

    def __init__(self, engine_: Engine) -> None:
        self._connection = engine_.connect()
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        self._driver = driver
        self.cursor: Cursor = driver.cursor(SqliteCursor)

    @property
    def open(self) -> bool:
        """Whether a transaction is under way."""
        return self._driver.in_transaction

    def begin(self, *, alone: bool, stores: Collection[int] = ()) -> None:
        """Begin a transaction; SQLite knows of no other than one alone."""
        del alone, stores
        self.cursor.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make it durable."""
        self.cursor.execute("COMMIT")

    def roll_back(self) -> None:
        """Take it back."""
        self.cursor.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
