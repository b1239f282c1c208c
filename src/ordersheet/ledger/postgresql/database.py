"""A ledger in a database of PostgreSQL's, opened."""

from __future__ import annotations

import json
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg.pq import TransactionStatus

from ordersheet.core.errors import LedgerError
from ordersheet.core.uptime import Uptime
from ordersheet.ledger.copying import fill
from ordersheet.ledger.database import PAGE
from ordersheet.ledger.engine import BUSY_SECONDS, write_schema
from ordersheet.ledger.postgresql import faults
from ordersheet.ledger.postgresql.connect import connect, now, opened
from ordersheet.ledger.postgresql.cursor import GatheringCursor, gathering
from ordersheet.ledger.postgresql.ddl import NUMBERED
from ordersheet.ledger.postgresql.dialect import SCHEMA, translated
from ordersheet.ledger.postgresql.lease import LIVING, STILL_LIVING, WHO_LIVES, Lease
from ordersheet.ledger.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.ledger.compiled import Statement
    from ordersheet.ledger.database import Cursor

_AT_ONE_MOMENT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_MOST_IDLE = 2
"""So many connections that read are kept for the next one who does."""


class PostgresDatabase:
    """Implements `Database`.

    Args:
        url: where it is.
        user: whom the database takes this process for.
    """

    refusals: tuple[type[Exception], ...] = (psycopg.IntegrityError,)
    far = True

    def __init__(self, url: LedgerUrl, user: str) -> None:
        self.url = url
        self.user: str | None = user
        self.copies = url.home / "copies"
        self._idle: list[psycopg.Connection[Any]] = []
        self._here = threading.local()
        self.lease: Lease | None = None

    @classmethod
    def open(
        cls, url: LedgerUrl, *, read_only: bool, clock: Callable[[], datetime] = now
    ) -> PostgresDatabase:
        """Open a shared ledger, once its server and its tables have been looked at.

        Raises:
            LedgerError: it cannot keep what a ledger promises, or this user may not use it.
        """
        with faults.plain_words(url):
            user = opened(url, clock(), read_only=read_only).user
        return cls(url, user)

    def __str__(self) -> str:
        return str(self.url)

    def translate(self, fault: BaseException) -> LedgerError:
        """Say in one sentence what an error means for the ledger."""
        return faults.translate(fault, self.url)

    def plain_words(self) -> AbstractContextManager[None]:
        """Turn what PostgreSQL, psycopg or the system raise inside into LedgerError."""
        return faults.plain_words(self.url)

    def passing(self, fault: BaseException) -> bool:
        """Tell whether the same transaction may well succeed if it is tried anew."""
        return faults.passing(fault)

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Open a cursor that reads, all of it as of one moment."""
        with self.plain_words():
            connection = self._connected()
            outer = getattr(self._here, "cursor", None)
            cursor = self._here.cursor = GatheringCursor(psycopg.ClientCursor(connection))
            try:
                cursor.gather(_AT_ONE_MOMENT)
                yield cursor
                if connection.info.transaction_status is not TransactionStatus.IDLE:
                    cursor.gather("COMMIT").send()
                cursor.drop()
            except BaseException:
                connection.close()
                raise
            finally:
                self._here.cursor = outer
                self._put_back(connection)

    def _connected(self) -> psycopg.Connection[Any]:
        """Give a connection that lives: the server may have been started anew since the last was used."""
        while self._idle:
            connection = self._idle.pop()
            with suppress(psycopg.Error):
                connection.execute("")
                return connection
            connection.close()
        return connect(self.url)

    def _put_back(self, connection: psycopg.Connection[Any]) -> None:
        if not connection.closed and len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    def writing(self) -> PostgresTransactions:
        """Open the connection that writes."""
        transactions = PostgresTransactions(connect(self.url), self)
        self._here.cursor = self._here.writes = transactions.cursor
        return transactions

    def appear(self) -> Lease:
        """Make ready to be heard of; the lease begins when the process is entered."""
        self.lease = Lease()
        return self.lease

    def alive(self, name: str) -> bool:
        """Tell whether a process has a lease that is valid, as far as this transaction sees.

        One that has ended is never valid again: it is renewed only while it is valid, and whoever looks in
        order to take over waits for whoever is just renewing it.
        """
        if self.lease is not None and name == self.lease.name:
            return True
        cursor: GatheringCursor = self._here.cursor
        look = GatheringCursor(psycopg.ClientCursor(cursor.connection))
        statement = STILL_LIVING if cursor is getattr(self._here, "writes", None) else LIVING
        found = look.gather(statement, {"lock": name}).fetchone()
        return found is not None and bool(found[0])

    def living(self, names: Iterable[str]) -> set[str]:
        """Tell who of several has a valid lease, in one statement."""
        asked = json.dumps(list(names))
        cursor: GatheringCursor = self._here.cursor
        seen = GatheringCursor(psycopg.ClientCursor(cursor.connection))
        return {name for (name,) in seen.gather(WHO_LIVES, {"locks": asked}).fetchall()}

    def shared_clock(self, cursor: Cursor) -> Uptime:
        """Tell the database's time: those of two machines may be minutes apart."""
        now = gathering(cursor).gather("SELECT extract(epoch FROM clock_timestamp())")
        return Uptime("database", float(now.fetchone()[0]))

    def pages(self, cursor: Cursor, statement: Statement) -> Iterator[list[Any]]:
        """Give what a statement gives, a page at a time."""
        paging = gathering(cursor)
        paging.gather(f"DECLARE pages NO SCROLL CURSOR FOR {translated(statement)}")
        while page := paging.gather(f"FETCH {PAGE} FROM pages").fetchall():
            yield page
        paging.gather("CLOSE pages")

    @contextmanager
    def without_rules(self, cursor: Cursor) -> Iterator[None]:
        """Let lines be entered as they were elsewhere; only the owner of the tables may."""
        gathering(cursor).gather(f"ALTER TABLE {SCHEMA}.operation DISABLE TRIGGER USER")
        yield
        gathering(cursor).gather(f"ALTER TABLE {SCHEMA}.operation ENABLE TRIGGER USER")

    def count_on(self, cursor: Cursor) -> None:
        """Set each table's sequence above the highest number."""
        for table in NUMBERED:
            name = f"{SCHEMA}.{table}"
            gathering(cursor).gather(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'),"
                f" (SELECT coalesce(max(id), 0) + 1 FROM {name}), false)"
            )

    def back_up(self, target: Path) -> None:
        """Copy the whole ledger into a file, which is a ledger of its own."""
        write_schema(target)
        copy = SqliteDatabase.open(target, read_only=False, busy=BUSY_SECONDS)
        with self.reading() as cursor, closing(copy.writing()) as transactions:
            transactions.begin(alone=True)
            fill((self, cursor), (copy, transactions.cursor))
            transactions.commit()

    def backups(self) -> Iterable[Path]:
        """No migration writes any."""
        return ()

    def overwrite_removed(self) -> None:
        """What was removed goes with the database's own vacuum."""

    def close(self) -> None:
        """Let go of the connections."""
        while self._idle:
            self._idle.pop().close()


class PostgresTransactions:
    """Implements `Transactions`."""

    def __init__(self, connection: psycopg.Connection[Any], database: PostgresDatabase) -> None:
        self._connection = connection
        self._database = database
        self._gathering = GatheringCursor(psycopg.ClientCursor(connection))
        self.cursor: Cursor = self._gathering

    @property
    def open(self) -> bool:
        """Whether a transaction is under way."""
        return (
            self._gathering.waiting or self._connection.info.transaction_status is not TransactionStatus.IDLE
        )

    def begin(self, *, alone: bool, stores: Collection[int] = ()) -> None:
        """Begin a transaction; it fails where this process's lease has ended."""
        lease = self._database.lease
        me = None if lease is None else lease.number
        self._gathering.gather("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        # In one order for all: who has one of them waits for nobody who waits for that one.
        named = f"{{{','.join(map(str, sorted(stores)))}}}"
        self._gathering.gather(
            f"SELECT {SCHEMA}.begin_writing(%(me)s::BIGINT, %(alone)s, %(stores)s::INT[])",
            {"me": me, "alone": alone, "stores": named},
        )

    def commit(self) -> None:
        """Make it durable."""
        self._gathering.gather("COMMIT").send()
        status = self._connection.info.transaction_status
        if self._gathering.status != "COMMIT" or status is not TransactionStatus.IDLE:
            raise LedgerError(f"The ledger {self._database} did not keep what was written.", code="ledger")

    def roll_back(self) -> None:
        """Take it back."""
        self._gathering.drop()
        if self._connection.info.transaction_status is not TransactionStatus.IDLE:
            self._gathering.gather("ROLLBACK").send()

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(psycopg.Error):
            self._connection.close()
