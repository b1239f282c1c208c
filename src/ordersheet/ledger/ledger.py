"""The ledger of one user: opened, asked, and written through the runs it starts."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Self

from ordersheet.core.errors import LedgerError
from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.core.uptime import uptime
from ordersheet.ledger import (
    engine,
    files,
    health,
    process_table,
    queries,
    resolve,
    retention,
    sent_before,
)
from ordersheet.ledger.copying import facts as facts_of
from ordersheet.ledger.handles import LedgerHandles
from ordersheet.ledger.job_files import JobFiles
from ordersheet.ledger.opening import open_database, refuse_moved
from ordersheet.ledger.run_journal import RunJournal
from ordersheet.ledger.run_to_undo import RunToUndo
from ordersheet.ledger.runs import find_run
from ordersheet.ledger.shared import shared_ledgers
from ordersheet.ledger.statements import timestamp
from ordersheet.ledger.submissions import Submissions
from ordersheet.ledger.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ordersheet.core.history.orderbook import OrderBook, Policy
    from ordersheet.core.model import OrderWork, RowResult
    from ordersheet.core.uptime import Uptime
    from ordersheet.ledger.database import Database, Presence
    from ordersheet.ledger.health import LedgerHealth
    from ordersheet.ledger.records import OperationInfo, Purged, RowInfo, RunInfo, RunStart
    from ordersheet.ledger.sent_before import EarlierSend

_CHUNK = 500


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """What was done to which order, durably. Open it with `Ledger.open`, as a context manager.

    Attributes:
        path: its file, or the URL of a shared one.
        created: whether opening it made it.
        clock: gives the time in UTC.
    """

    def __init__(
        self,
        path: Path | LedgerUrl,
        database: Database,
        *,
        created: bool,
        read_only: bool,
        clock: Callable[[], datetime],
        uptime: Callable[[], Uptime],
        on_point: Callable[[str], None] | None,
    ) -> None:
        self.path = path
        self.created = created
        self._database = database
        self._read_only = read_only
        self.clock = clock
        self._uptime = uptime
        self._on_point = on_point
        self._presence: Presence | None = None
        self._process_id = 0
        self._again_seen: dict[tuple[str, str | None], list[int]] = {}
        self._writer: Writer | None = None
        try:
            with self._database.reading() as cursor:
                facts = facts_of(cursor)
            refuse_moved(facts, path)
        except BaseException:
            self._database.close()
            raise
        self._salt = bytes.fromhex(facts["salt"])

    @classmethod
    def open(
        cls,
        path: Path | LedgerUrl,
        *,
        create: bool = True,
        read_only: bool = False,
        on_point: Callable[[str], None] | None = None,
        clock: Callable[[], datetime] = _now,
        uptime: Callable[[], Uptime] = uptime,
        connect: engine.Connect = engine.connect,
        busy: float = engine.BUSY_SECONDS,
    ) -> Self:
        """Open a ledger; brings an older one up to date, after a backup beside it.

        Args:
            path: its file, or the URL of a shared one, which only `ledger init` makes.
            create: whether to make it where there is none.
            read_only: for `runs`, `show` and `check`: nothing is written or made, but that an older ledger is
                brought up to date.
            on_point: called at each step of each transaction, with its name.
            clock: gives the time in UTC.
            uptime: the clock that nobody can turn.
            connect: opens each connection.
            busy: seconds to wait for another process's transaction.

        Raises:
            LedgerError: there is none, or it cannot be used; one sentence says why and what to do.
        """
        database, created = open_database(
            path, create=create, read_only=read_only, connect=connect, busy=busy
        )
        return cls(
            path if isinstance(path, LedgerUrl) else path.expanduser().absolute(),
            database,
            created=created,
            read_only=read_only,
            clock=clock,
            uptime=uptime,
            on_point=on_point,
        )

    @staticmethod
    def check(path: Path | LedgerUrl, *, busy: float = engine.BUSY_SECONDS) -> LedgerHealth:
        """Look at a ledger from end to end, and change nothing: not even an older one's version.

        Args:
            path: its file.
            busy: seconds to wait for another process's transaction.

        Raises:
            LedgerError: it cannot be opened or read at all.
        """
        if isinstance(path, LedgerUrl):
            found: LedgerHealth = shared_ledgers().check(path)
            return found
        return health.check(path.expanduser().absolute(), busy=busy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what waits to be written, and let go of the ledger.

        Orders still claimed may then be taken by others.
        """
        try:
            self._leave()
        finally:
            self._database.close()

    def _leave(self) -> None:
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                with suppress(LedgerError):
                    writer.do(lambda cursor: process_table.leave(cursor, self._process_id))
                writer.close()
        finally:
            if self._presence is not None:
                self._presence.release()
                self._presence = None

    def start_run(self, start: RunStart) -> RunJournal:
        """Open a run.

        Raises:
            LedgerError: it could not be made durable.
        """
        writer = self._writing()
        self._again_seen.clear()
        handles = LedgerHandles(
            writer, self._database, self._process_id, self._salt, self.clock, self._uptime
        )
        return RunJournal(handles, start)

    def keep_copy(self, source: Path) -> tuple[Path, str]:
        """Copy an input into the ledger's folder, for its user alone, hashing it in the same pass.

        Returns:
            The copy's path and the SHA-256 of its bytes in hexadecimal. It goes with its run's retention;
            `drop_copy` removes one whose run never started.

        Raises:
            SourceError: the input cannot be read.
            LedgerError: the copy cannot be written.
        """
        return files.copy_private(source, self._database.copies)

    def drop_copy(self, copy: Path) -> None:
        """Remove a copy that `keep_copy` made."""
        with self._database.plain_words():
            copy.unlink(missing_ok=True)

    def histories(self, store: str, works: Iterable[OrderWork], policy: Policy) -> Iterator[OrderBook]:
        """Give the books of orders as they stand, without claiming them: for an estimate.

        Occurrences that `--again` would add are counted as if they were recorded.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        iterator = iter(works)
        while chunk := list(islice(iterator, _CHUNK)):
            with self._database.reading() as cursor:
                books = queries.books(cursor, store, chunk, policy, self._salt, self._again_seen)
            yield from books

    def find_run(self, text: str, *, sends: bool = False) -> str:
        """Find a run's id by it, by its unique beginning, or by `last`.

        Args:
            text: what somebody called it.
            sends: whether `last` means the last that was no undo.

        Raises:
            UsageError: none is meant, or several are.
        """
        with self._database.reading() as cursor:
            return find_run(cursor, text, sends=sends, database_user=self._database.user)[0]

    def to_undo(self, name: str, store: str) -> RunToUndo:
        """Give what is known of a run that is to be undone."""
        return RunToUndo(self._database, name, store)

    def sent_before(self, store: str, sha256: str) -> list[EarlierSend]:
        """Tell the runs at a store that sent something of a file with these bytes, newest first."""
        with self._database.reading() as cursor:
            return sent_before.sent_before(cursor, store, sha256)

    def key_print(self, key: str) -> str:
        """Give the fingerprint by which this ledger knows an API key; the key itself is kept nowhere."""
        return sent_before.key_print(self._salt, key)

    def key_is_new(self, store: str, key_print: str) -> bool:
        """Tell whether a store was written to with other keys, and never with this one."""
        with self._database.reading() as cursor:
            return sent_before.key_is_new(cursor, store, key_print)

    def runs_of(self, path: Path) -> frozenset[str]:
        """Name the runs whose input was the file at this path."""
        with self._database.reading() as cursor:
            return queries.runs_of(cursor, str(path.absolute()))

    def encoding_of_report(self, path: Path) -> str | None:
        """Tell the encoding of the input whose report lies at a path, or was written under its name."""
        with self._database.reading() as cursor:
            return queries.encoding_of_report(cursor, path.absolute())

    def runs(self, *, limit: int | None = None, store: str | None = None) -> list[RunInfo]:
        """Tell the runs, newest first.

        Args:
            limit: how many at most.
            store: whose; all stores where None.
        """
        with self._database.reading() as cursor:
            return queries.runs(cursor, self._context(), limit=limit, store=store)

    def run(self, text: str) -> RunInfo:
        """Tell one run, found as `find_run` finds it."""
        with self._database.reading() as cursor:
            run_id = find_run(cursor, text, database_user=self._database.user)[1]
            return queries.one_run(cursor, self._context(), run_id)

    def results(self, text: str) -> Iterator[RowResult]:
        """Give the results of an earlier run in row order, as far as the ledger holds any."""
        return queries.results_of(self._database.reading, self._context(), text)

    def rows(self, text: str) -> Iterator[RowInfo]:
        """Give the rows of a run in row order, each with its attempts and operations."""
        return queries.rows(self._database.reading, self._context(), text)

    def order_history(self, order: int, store: str | None = None) -> list[OperationInfo]:
        """Tell what was done to one order, oldest first."""
        with self._database.reading() as cursor:
            return queries.order_history(cursor, order, store)

    def resolve(self, text: str, row: int, *, applied: bool, who: str) -> RowResult:
        """Settle an `unconfirmed` row, as somebody has seen it in the order.

        Args:
            text: the run.
            row: the row's number.
            applied: whether its appended text stands in the order.
            who: the person's name.

        Returns:
            What the row has come to.

        Raises:
            UsageError: there is nothing to settle, or it is too early to tell.
            LedgerError: it could not be made durable.
        """
        verdict = resolve.Resolution(self.find_run(text), row, applied, who, self.clock(), self._uptime())
        writer = self._writing()
        writer.do(lambda cursor: resolve.adopt(cursor, verdict, self._database.alive))
        return writer.do(lambda cursor: resolve.resolve(cursor, verdict, self._database.alive))

    def job_files(self) -> JobFiles:
        """Give the files of jobs, as this process takes and finds them."""
        return JobFiles(
            self._writing, self._database.reading, lambda: self._process_id, self._database.alive, self.clock
        )

    def submissions(self) -> Submissions:
        """Give the runs that were submitted, as this process hands them over or works on them."""
        return Submissions(self._writing, self._database.reading, self._me, self._database, self.clock)

    def _me(self) -> tuple[int, str]:
        assert self._presence is not None
        return self._process_id, self._presence.name

    def back_up(self, target: Path, *, overwrite: bool = False) -> None:
        """Copy the whole ledger, also while runs write into it, for its user alone (mode 0600).

        Args:
            target: the copy's path.
            overwrite: let it replace a file.

        Raises:
            FileExistsError: it is there already.
            LedgerError: it cannot be written.
        """
        if target.exists() and not overwrite:
            raise FileExistsError(target)
        with files.new_private_file(target) as draft:
            self._database.back_up(draft)

    def undoable(self, older_than: timedelta) -> int:
        """Count the runs that can be undone now, and after such a purge no more."""
        with self._database.reading() as cursor:
            return retention.undoable(cursor, self.clock() - older_than)

    def purge(self, older_than: timedelta, *, now: datetime | None = None) -> Purged:
        """Turn texts whose retention has ended into keyed hashes, and remove copies of inputs.

        What is applied stays known as such, and what is in doubt stays whole.

        Raises:
            LedgerError: it could not be made durable.
        """
        moment = now or self.clock()
        plan = retention.Purge(moment - older_than, moment, self._salt)
        with self._database.plain_words():
            purged = retention.purge(self._writing(), plan, self._database)
            self._database.overwrite_removed()
        return purged

    def purge_all(self, *, now: datetime | None = None) -> Purged:
        """Purge whatever may be purged, however young it is."""
        return self.purge(timedelta(0), now=now)

    def _context(self) -> queries.BookContext:
        return queries.BookContext(self._database.alive, self._database.copies)

    def _writing(self) -> Writer:
        if self._writer is not None and self._database.far and self._writer.fault is not None:
            # Its database was away, or its lease has ended: it comes back as somebody new.
            self._leave()
        if self._writer is not None:
            return self._writer
        if self._read_only:
            raise LedgerError(f"The ledger {self.path} was opened for reading alone.", code="read-only")
        presence = self._presence = self._database.appear()
        writer = self._writer = Writer(self._database, guard=presence.check, on_point=self._on_point)
        now = timestamp(self.clock())
        self._process_id = writer.do(
            lambda cursor: process_table.enter(cursor, self._database, presence, now)
        )
        presence.keep(writer.do, self._process_id)
        return writer
