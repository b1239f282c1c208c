"""The one thread that writes: jobs that wait while the disk is busy share the next commit.

With a sync of 5 ms, one commit per row is 200 rows a second however many lanes there are; here
each commit carries whatever has gathered meanwhile, and the event loop never waits for the disk.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ordersheet.core.errors import LedgerError, OrdersheetError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ordersheet.ledger.database import Cursor, Database, Transactions

T = TypeVar("T")

BATCHES = 4
"""Of so many commits, the largest tells how many jobs usually come together."""
PATIENCE, LONGEST_PATIENCE = 0.5, 0.01
"""The share of a commit's time, and the seconds, for which it is put off until as many have come."""

MOST_TRIES = 5
"""So often a transaction is tried that fails by what passes, such as another's lock."""

AT_BEGIN = "transaction"
BEFORE_COMMIT = "before commit"
AFTER_COMMIT = "after commit"


class _Job(NamedTuple):
    work: Callable[[Cursor], Any]
    done: Callable[[Any, BaseException | None], None]
    loop: asyncio.AbstractEventLoop | None
    alone: bool = True
    """Whether nobody else may write meanwhile."""
    store: int | None = None
    """At whose orders alone; None for anything in the ledger."""


class Writer:
    """Runs jobs on one connection in a thread of its own, many to a transaction, in the order they came.

    After a fault of the disk or the database nothing is written any more: every waiting and
    every later job gets a LedgerError. A job that the database refuses (an illegal move) fails
    alone.

    Args:
        database: where to write.
        guard: called after each commit, before anybody is told of it; raises LedgerError where the
            ledger is no longer what was opened.
        on_point: called at each step of each transaction with the step's name, for tests.
    """

    def __init__(
        self,
        database: Database,
        *,
        guard: Callable[[], None],
        on_point: Callable[[str], None] | None = None,
    ) -> None:
        self._database = database
        self._refused: tuple[type[Exception], ...] = (*database.refusals, OrdersheetError)
        self._guard = guard
        self._on_point = on_point or (lambda _name: None)
        self._waiting: deque[_Job] = deque()
        self._batches: deque[int] = deque(maxlen=BATCHES)
        self._usual = 1
        self._patience = 0.0
        self._wake = threading.Condition()
        self._closing = False
        self._fault: LedgerError | None = None
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self._thread.join()
            raise

    @property
    def fault(self) -> LedgerError | None:
        """What ended all writing; None while it goes on."""
        return self._fault

    def do(self, work: Callable[[Cursor], T], *, alone: bool = True) -> T:
        """Run a job, and wait for its commit. Not for an event loop's thread, which would stand still.

        Raises:
            LedgerError: it could not be made durable.
        """
        answer: Future[T] = Future()

        def done(result: T, fault: BaseException | None) -> None:
            if fault is not None:
                answer.set_exception(fault)
            else:
                answer.set_result(result)

        self._submit(_Job(work, done, None, alone))
        return answer.result()

    def submit(
        self,
        work: Callable[[Cursor], T],
        loop: asyncio.AbstractEventLoop,
        *,
        alone: bool = True,
        store: int | None = None,
    ) -> asyncio.Future[T]:
        """Hand over a job; the future has its result when it is committed.

        It runs even where nobody waits any more.

        Args:
            work: what to do.
            loop: where the future is waited for.
            alone: whether nobody else may write meanwhile; not needed to write what is claimed.
            store: the number of the store whose orders it is about, where it is about nothing else.
        """
        answer: asyncio.Future[T] = loop.create_future()

        def done(result: T, fault: BaseException | None) -> None:
            if answer.done():
                return
            if fault is not None:
                answer.set_exception(fault)
            else:
                answer.set_result(result)

        self._submit(_Job(work, done, loop, alone, store))
        return answer

    def close(self) -> None:
        """Finish what waits, and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _submit(self, job: _Job) -> None:
        with self._wake:
            if self._closing or self._fault is not None:
                raise self._fault or LedgerError("The ledger is closed.", code="closed")
            self._waiting.append(job)
            if len(self._waiting) in (1, self._usual):
                self._wake.notify()

    def _run(self) -> None:
        try:
            transactions = self._database.writing()
        except Exception as fault:  # noqa: BLE001 - whoever opens the ledger waits for it
            self._opened.set_exception(self._database.translate(fault))
            return
        with contextlib.closing(transactions):
            self._opened.set_result(None)
            while jobs := self._next_jobs():
                self._serve(transactions, jobs)

    def _next_jobs(self) -> list[_Job]:
        with self._wake:
            while not self._waiting and not self._closing:
                self._wake.wait()
            if len(self._waiting) < self._usual and not self._closing:
                # The first lane back is seldom alone: alone in a commit, it would keep the others waiting.
                self._wake.wait(self._patience)
            jobs = list(self._waiting)
            self._waiting.clear()
        self._batches.append(len(jobs))
        self._usual = max(self._batches)
        return jobs

    def _serve(self, transactions: Transactions, jobs: list[_Job], tries: int = 1) -> None:
        """Run jobs in one transaction; where the database refuses one of them, each in its own."""
        try:
            results = self._transact(transactions, jobs)
        except self._refused as fault:
            if not self._roll_back(transactions, fault, jobs):
                return
            if len(jobs) == 1:
                _tell(jobs, [None], self._refusal(fault))
                return
            for position, job in enumerate(jobs):
                if self._fault is not None:
                    _tell(jobs[position:], [None] * (len(jobs) - position), self._fault)
                    return
                self._serve(transactions, [job])
        except BaseException as fault:  # noqa: BLE001 - a thread has nobody above it; all who wait must hear of it
            if self._database.passing(fault) and tries < MOST_TRIES:
                if self._roll_back(transactions, fault, jobs):
                    self._serve(transactions, jobs, tries + 1)
                return
            self._break(fault, jobs)
            with contextlib.suppress(Exception):
                transactions.roll_back()
        else:
            _tell(jobs, results, None)

    def _transact(self, transactions: Transactions, jobs: list[_Job]) -> list[Any]:
        if self._fault is not None:
            raise self._fault
        if not transactions.open:
            self._on_point(AT_BEGIN)
            everything = any(job.alone and job.store is None for job in jobs)
            stores = () if everything else {job.store for job in jobs if job.store is not None}
            transactions.begin(alone=any(job.alone for job in jobs), stores=stores)
        results = [job.work(transactions.cursor) for job in jobs]
        began = time.perf_counter()
        self._on_point(BEFORE_COMMIT)
        transactions.commit()
        self._on_point(AFTER_COMMIT)
        self._patience = min((time.perf_counter() - began) * PATIENCE, LONGEST_PATIENCE)
        try:
            self._guard()
        except LedgerError as fault:
            raise _GuardError(fault) from fault
        return results

    def _roll_back(self, transactions: Transactions, fault: BaseException, jobs: list[_Job]) -> bool:
        try:
            if transactions.open:
                transactions.roll_back()
        except Exception:  # noqa: BLE001 - whatever it is, nobody knows what is written
            self._break(fault, jobs)
            return False
        return True

    def _refusal(self, fault: BaseException) -> BaseException:
        if isinstance(fault, OrdersheetError):
            return fault
        # PostgreSQL goes on with where in its own functions that was.
        said = str(fault).partition("\n")[0]
        return LedgerError(
            f"The ledger {self._database} refused what does not fit its history: {said}.",
            code="refused",
        )

    def _break(self, fault: BaseException, jobs: list[_Job]) -> None:
        """Write nothing any more: after a failed sync nobody knows what is on disk."""
        cause = fault.fault if isinstance(fault, _GuardError) else self._database.translate(fault)
        with self._wake:
            self._fault = cause
            late = list(self._waiting)
            self._waiting.clear()
        everybody = jobs + late
        _tell(everybody, [None] * len(everybody), cause)


class _GuardError(Exception):
    """The guard's finding, told apart from a refusal of one job: it ends everything."""

    def __init__(self, fault: LedgerError) -> None:
        super().__init__(str(fault))
        self.fault = fault


def _tell(jobs: list[_Job], results: list[Any], fault: BaseException | None) -> None:
    """Tell those who wait: each event loop is woken once, whoever waits in it."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, Any]]] = {}
    for job, result in zip(jobs, results, strict=True):
        if job.loop is None:
            job.done(result, fault)
        else:
            by_loop.setdefault(job.loop, []).append((job, result))
    for loop, told in by_loop.items():
        # A closed loop has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell_here, told, fault)


def _tell_here(told: list[tuple[_Job, Any]], fault: BaseException | None) -> None:
    for job, result in told:
        job.done(result, fault)
