"""One run in the ledger: delivery's journal, and what the pipeline records before and after it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from ordersheet.core.errors import LedgerError
from ordersheet.core.fingerprint import marked
from ordersheet.core.journal import Done, Release, Settle
from ordersheet.core.model import Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import results, statements
from ordersheet.ledger.again import Again
from ordersheet.ledger.claims import Claims
from ordersheet.ledger.compiled import named
from ordersheet.ledger.events import EventWriter, execute
from ordersheet.ledger.histories import Reader, TakenOver, answered_appends
from ordersheet.ledger.pace import LedgerPaceBoard
from ordersheet.ledger.records import AgainFacts
from ordersheet.ledger.remembered import Remembered
from ordersheet.ledger.runs import close_run, insert_run
from ordersheet.ledger.statements import storable, timestamp
from ordersheet.ledger.tries import Tries
from ordersheet.ledger.undo import CLOSE_OCCURRENCES, UndoTarget, past_of, target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.core.history.undo import UndoBook
    from ordersheet.core.journal import AnsweredAppend, Event
    from ordersheet.core.model import OrderUpdate, OrderWork, RequestCounts
    from ordersheet.ledger.again import Wanted
    from ordersheet.ledger.compiled import Params, Statement
    from ordersheet.ledger.database import Cursor
    from ordersheet.ledger.handles import LedgerHandles
    from ordersheet.ledger.histories import Found
    from ordersheet.ledger.records import RunStart
    from ordersheet.ledger.undo import PastOfOrder

T = TypeVar("T")

_CHUNK = 5000


class RunJournal:
    """A run, from its start to its end. Implements `ordersheet.core.journal.Journal`.

    Its async methods may be called by any number of lanes of one event loop at once, and share
    commits. Its plain methods wait for the disk; they are for before and after the lanes.
    """

    def __init__(self, handles: LedgerHandles, start: RunStart) -> None:
        self._handles = handles
        self._policy = start.policy
        now = handles.clock()
        opened = handles.writer.do(
            lambda cursor: insert_run(cursor, start, handles.process_id, now, handles.database.user)
        )
        self._name, self._run_id, self._store_id = opened
        self._undo = None if start.undo_of is None else self._target(start.undo_of)
        self._guess, self._whole = start.guess_attributes, start.undo_whole
        self._event_writer = EventWriter(
            self._name, self._run_id, self._store_id, start.policy.batch, handles.uptime
        )
        self._reader = Reader(self._store_id, handles.salt, start.policy)
        self._claims = Claims(self._store_id, self._run_id, handles.process_id, handles.database.alive)
        self._again = Again(
            self._run_id,
            self._store_id,
            start.policy.batch,
            handles.salt,
            each=start.policy.duplicates == "send",
        )
        self._again_is_settled = not start.policy.again
        self._rows: dict[str, dict[int, OrderUpdate]] = {}
        self._doubted: set[int] = set()
        self._wanted: dict[str, dict[int, list[Params]]] = {}
        self._unwritten: dict[int, RowResult] = {}
        self._remembered = Remembered() if handles.database.far else None
        self._left_behind: set[asyncio.Future[Any]] = set()
        """What is still to be written though nobody waits for it any more."""
        self._closed = False
        self._tries, self._known_as = None, start.part_of or self._name
        if start.part_of is not None and start.part is not None:
            self._tries = Tries(self._target(start.part_of).id, start.part)
            handles.writer.do(self._tries.find)
        self.board = LedgerPaceBoard(handles.writer, handles.database, self._run_id, self._store_id)

        def begin(cursor: Cursor) -> None:
            self._again.find_unfinished(cursor, timestamp(now))
            self.board.enter(cursor)

        handles.writer.do(begin)

    @property
    def run(self) -> str:
        """This run's id."""
        return self._name

    def _target(self, name: str) -> UndoTarget:
        return self._handles.writer.do(lambda cursor: target_of(cursor, name))

    def _undo_book(self, work: OrderWork, found: Found | None, past: PastOfOrder | None) -> UndoBook:
        assert self._undo is not None
        return self._reader.undo_book(work, found, self._undo.names, past, guess=self._guess)

    def record_again(self, works: Iterable[OrderWork]) -> AgainFacts:
        """Record, for an `--again` run and before its first byte, what is meant once more.

        In any other run nothing is recorded; it then only tells whether an unfinished `--again` run is
        finished by these rows.

        Args:
            works: all that the file asks, each order once.

        Raises:
            LedgerError: it could not be made durable; nothing is meant once more then.
        """
        if not self._policy.again:
            return AgainFacts(0, self._again.finished_by(self._handles.writer, works))
        recorded, finishing = self._again.record(self._handles.writer, works, self._handles.clock())
        self._again_is_settled = True
        if finishing is not None:
            # What that run did not want is ordinary here.
            self._reader.policy = replace(self._policy, again=False)
        return AgainFacts(recorded, finishing)

    @property
    def goes_on_with_again(self) -> bool:
        """Whether an unfinished `--again` run was found at this store and in this batch, from whatever file.

        Rows that it left are then finished, whether or not this run was started with `--again`:
        `record_again` tells whether this file has any.
        """
        return self._again.any

    async def take(self, works: Sequence[OrderWork]) -> Sequence[OrderBook | None]:
        """Claim these orders, adopt what dead processes left there, and tell each order's history and doubts.

        Raises:
            LedgerError: the ledger cannot be read or written.
        """
        if not self._again_is_settled:
            raise LedgerError("An --again run has to record what it means before it sends.", code="refused")
        orders = [work.order for work in works]
        asking = [work.order for work in works if work.updates]
        now = TakenOver(self._handles.clock(), self._handles.uptime())

        past: dict[int, PastOfOrder] = {}

        def claim(cursor: Cursor) -> tuple[set[int], dict[int, Found], dict[int, Wanted]]:
            new, mine = self._claims.take(cursor, orders)
            found = self._found(cursor, new, mine, now, asking)
            if self._undo is not None:
                past.update(past_of(cursor, self._store_id, self._undo, new | mine))
            return new | mine, found, self._again.wanted(cursor, new | mine)

        taken, found, wanted = await self._submit(claim)
        books: list[OrderBook | None] = []
        for work in works:
            if work.order not in taken:
                books.append(None)
                continue
            known = found.get(work.order)
            self._event_writer.places[work.order] = known.next_place if known is not None else 1
            if self._undo is not None and work.updates:
                books.append(self._undo_book(work, known, past.get(work.order)))
                continue
            if work.updates:
                self._rows[str(work.order)] = {update.row: update for update in work.updates}
            meant = wanted.get(work.order)
            book = self._reader.book(work, known, meant)
            if meant is not None:
                self._remember_wanted(work.order, book)
            books.append(book)
        return books

    def _found(
        self, cursor: Cursor, new: set[int], mine: set[int], now: TakenOver, asking: Iterable[int]
    ) -> dict[int, Found]:
        """Read what is known of orders just claimed, and of those claimed before."""
        tries = self._tries
        came = None if tries is None else tries.came(cursor, new | mine)
        found = self._reader.found(cursor, new, now, came) if new else {}
        if mine:
            found |= self._reader.found(cursor, mine, now._replace(adopts=False), came)
        if tries is not None and came is not None:
            tries.note(cursor, new.intersection(asking).difference(came.places), found)
        return found

    async def write(self, *events: Event) -> None:
        """Make the events durable, in this order, in one transaction.

        Raises:
            LedgerError: they could not be made durable; where the disk or the file is at fault,
                nothing can be written any more.
        """
        events = tuple(map(self._with_mark, events))
        done = [event.result for event in events if type(event) is Done]
        self.keep(done)
        writes = self._event_writer.writes(events)
        if self._wanted:
            for result in done:
                if result.outcome is Outcome.INVALID:
                    meant = self._wanted.get(result.order, {}).get(result.row, ())
                    writes.extend((statements.CLOSE_AGAIN, values) for values in meant)
            for event in events:
                if type(event) is Release:
                    self._wanted.pop(str(event.order), None)
        for event in events:
            if type(event) is Release:
                self._forget_rows(str(event.order))
        # Whoever was cancelled while writing may write of the same rows again, and that comes after.
        apart = bool(self._left_behind)
        await self._submit(lambda cursor: execute(writes, cursor, apart=apart), done, alone=False)
        if self._remembered is not None:
            self._remembered.note(events)

    def keep(self, results: Iterable[RowResult]) -> None:
        """Keep results that are not written yet, or cannot be any more; newer than what is written."""
        self._unwritten.update((result.row, result) for result in results)

    def _with_mark(self, event: Event) -> Event:
        """Let the message of a row that is ok end in its mark, by which a report that comes back is known."""
        if type(event) is Settle and event.state is OperationState.IN_DOUBT:
            self._doubted.add(event.ref.row)
        if type(event) is Done and event.result.outcome.ok:
            result = event.result
            update = self._rows.get(result.order, {}).get(result.row)
            if update is not None:
                return Done(result._replace(message=marked(result.message, self._known_as, update)))
        return event

    def _forget_rows(self, order: str) -> None:
        """Let go of an order's rows, but for those that a last look may tell anew."""
        rows = self._rows.pop(order, {})
        kept = {row: update for row, update in rows.items() if row in self._doubted}
        if kept:
            self._rows[order] = kept

    async def owed(self) -> Sequence[int]:
        """Name the orders of this store that owe a look, but for those that another living run holds."""
        return await self._submit(self._claims.owed)

    async def reads_back(self) -> Mapping[str, bool]:
        """Tell what earlier runs learned about this store, by PUT's field name."""

        def read(cursor: Cursor) -> dict[str, bool]:
            known = cursor.execute(statements.READS_BACK, named(store=self._store_id))
            return {field: bool(found) for field, found in known}

        return await self._submit(read)

    async def answered_appends(self) -> Sequence[AnsweredAppend]:
        """Name some of the latest appends at this store, the latest last."""
        return await self._submit(lambda cursor: answered_appends(cursor, self._store_id))

    def add_left_out(self, rows: Iterable[RowResult]) -> None:
        """Record the results of rows that are not sent. A later one of the same row replaces an earlier one.

        Raises:
            LedgerError: they could not be made durable.
        """
        iterator = iter(rows)
        while chunk := list(islice(iterator, _CHUNK)):
            values = [self._event_writer.row_values(result) for result in chunk]
            self._handles.writer.do(partial(_execute_many, statements.DONE, values))
            if self._remembered is not None:
                self._remembered.add(chunk)

    def finish(
        self,
        stopped_by: str | None = None,
        message: str = "",
        not_sent: Iterable[tuple[int, str | int]] = (),
        requests: RequestCounts | None = None,
    ) -> None:
        """Record the run's end, and let go of its claims.

        Args:
            stopped_by: what ended it early; None where it came to its end.
            message: why the rows that are left were not sent.
            not_sent: number and order of each row that may have no result; those that have one keep it.
            requests: how many there were.

        Raises:
            LedgerError: it could not be made durable. `results` tells all the same.
        """
        rest = iter(not_sent)
        while chunk := list(islice(rest, _CHUNK)):
            self._handles.writer.do(partial(self._insert_not_sent, chunk, message))
        now = self._handles.clock()

        def close(cursor: Cursor) -> None:
            if self._undo is not None and self._whole and stopped_by is None:
                cursor.execute(CLOSE_OCCURRENCES, named(target=self._undo.id))
            close_run(cursor, self._run_id, now, stopped_by, message, requests)
            self._again.find_unfinished(cursor, timestamp(now))
            self.board.leave(cursor)

        self._handles.writer.do(close)
        self._closed = True

    def results(
        self,
        *,
        rest: Iterable[tuple[int, str]] = (),
        message: str = "",
    ) -> Iterator[RowResult]:
        """Give the result of each row in row order, those included that a fault kept from being written.

        Args:
            rest: number and order of rows in row order, for a run whose `finish` failed: those without a
                result are `not sent`.
            message: why they were not.
        """
        recorded = results.recorded(self._handles.database.reading, self._run_id)
        if self._remembered is not None:
            recorded = self._remembered.complete(recorded)
        if self._closed and not self._unwritten and self._remembered is None:
            # `finish` has given every row its result.
            return recorded
        return results.merged(recorded, rest, message, dict(self._unwritten))

    def set_report(self, path: str) -> None:
        """Record where the report was written."""

        def update(cursor: Cursor) -> None:
            cursor.execute(statements.SET_REPORT, named(report=storable(path), run=self._run_id))

        self._handles.writer.do(update)

    def _insert_not_sent(self, rows: Sequence[tuple[int, str | int]], message: str, cursor: Cursor) -> None:
        numbers = [row for row, _ in rows]
        between = {"p_run": self._run_id, "p_first": min(numbers), "p_last": max(numbers)}
        # Nearly all rows have a result: to see that takes a tenth of trying to insert them all the same.
        known = {row for (row,) in cursor.execute(statements.KNOWN_ROWS, between)}
        values = [
            self._event_writer.row_values(RowResult(row, str(order), Outcome.NOT_SENT, message))
            for row, order in rows
            if row not in known
        ]
        cursor.executemany(statements.NOT_SENT, values)

    async def _submit(
        self, work: Callable[[Cursor], T], done: Sequence[RowResult] = (), *, alone: bool = True
    ) -> T:
        """Hand a job to the writer.

        Whoever is cancelled while waiting leaves it to be finished all the same.
        """
        future = self._handles.writer.submit(
            work, asyncio.get_running_loop(), alone=alone, store=self._store_id
        )

        def note(ended: asyncio.Future[T]) -> None:
            if ended.exception() is None:
                for result in done:
                    if self._unwritten.get(result.row) is result:
                        del self._unwritten[result.row]

        future.add_done_callback(note)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not future.done():
                self._left_behind.add(future)
                future.add_done_callback(self._left_behind.discard)
            raise

    def _remember_wanted(self, order: int, book: OrderBook) -> None:
        """Keep what an again row stands for, so that it can be closed where the row turns out invalid."""
        self._wanted[str(order)] = {
            row: [
                {
                    "p_store": self._store_id,
                    "p_batch": self._policy.batch,
                    "p_order": order,
                    "p_field": ask.operation.field,
                    "p_key": ask.key,
                    "p_occurrence": ask.occurrence,
                }
                for ask in book.row_asks(row)
            ]
            for row in book.rows
        }


def _execute_many(statement: Statement, values: Sequence[tuple[object, ...]], cursor: Cursor) -> None:
    cursor.executemany(statement, values)
