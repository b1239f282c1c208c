"""What the ledger costs: rows a second through the writer, without any server.

Each row is begun (with its baseline) and finished, the finish together with the next row's begin,
as the lanes do. Run it with `python benchmarks/ledger.py [rows]`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ordersheet.core.history.orderbook import Ask, OperationRef, OrderBook
from ordersheet.core.journal import AttemptEnded, Begin, Done, Event, Release, Settle
from ordersheet.core.model import Operation, OperationKind, OrderUpdate, OrderWork, Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import Ledger, RunJournal, RunStart
from ordersheet.ledger.engine import connect
from ordersheet.ledger.sqlite import SqliteCursor
from ordersheet.ledger.writer import BEFORE_COMMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ordersheet.ledger.compiled import Statement
    from ordersheet.ledger.database import Values
    from ordersheet.ledger.engine import Connect

LANES = 8
CHUNK = 500
FIELD = "internalComment"
START = RunStart(store="bench", host="bench", tool_version="0", user="b", machine="b", input="bench.csv")


def works(rows: int) -> list[OrderWork]:
    return [
        OrderWork(
            order,
            (
                OrderUpdate(
                    order, order, (Operation(FIELD, OperationKind.APPEND, f"Delayed by strike, row {order}"),)
                ),
            ),
        )
        for order in range(2, rows + 2)
    ]


def finish(run: str, order: int) -> tuple[Event, ...]:
    at = datetime.now(UTC)
    return (
        AttemptEnded(order, 1, "answered ok", 200, at),
        Settle(OperationRef(run, order, FIELD), OperationState.APPLIED, "", at),
        Done(RowResult(order, str(order), Outcome.APPLIED, "Applied.", at)),
        Release(order),
    )


def begin(order: int, asks: tuple[Ask, ...]) -> Begin:
    baseline = {FIELD: "Called on Monday.\nCalled again on Tuesday.", "comment": ""}
    return Begin(order, order, 1, asks, baseline, datetime.now(UTC))


async def lane(journal: RunJournal, books: list[OrderBook]) -> None:
    ended: tuple[Event, ...] = ()
    while books:
        book = books.pop()
        row = book.order
        asks = tuple(decision.ask for decision in book.plan(row) if decision.outcome is None)
        await journal.write(*ended, begin(row, asks))
        ended = finish(journal.run, row)
    if ended:
        await journal.write(*ended)


async def deliver(journal: RunJournal, wanted: Sequence[OrderWork]) -> None:
    for start in range(0, len(wanted), CHUNK):
        books = [book for book in await journal.take(wanted[start : start + CHUNK]) if book is not None]
        async with asyncio.TaskGroup() as group:
            for _ in range(LANES):
                group.create_task(lane(journal, books))


async def resend(journal: RunJournal, wanted: Sequence[OrderWork]) -> None:
    for start in range(0, len(wanted), CHUNK):
        events: list[Event] = []
        for book in await journal.take(wanted[start : start + CHUNK]):
            assert book is not None
            decisions = book.plan(book.order)
            assert decisions[0].outcome is Outcome.ALREADY_APPLIED
            result = RowResult(
                book.order,
                str(book.order),
                decisions[0].outcome,
                "Run x did it.",
                decisions[0].entry and decisions[0].entry.at,
            )
            events += [Done(result), Release(book.order)]
        await journal.write(*events)


class _Uncommitted(SqliteCursor):
    """Leaves its transaction open, to measure what commits cost."""

    def execute(self, statement: Statement | str, values: Values = (), /) -> Self:
        return self if statement == "COMMIT" else super().execute(statement, values)


class _Uncommitting(sqlite3.Connection):
    def cursor(self, factory: object = None) -> _Uncommitted:  # type: ignore[override]
        del factory
        return super().cursor(_Uncommitted)


def unsynced(path: Path, *, read_only: bool, busy: float) -> sqlite3.Connection:
    """Open a ledger that does not wait for the disk, to measure what syncs cost."""
    connection = connect(path, read_only=read_only, busy=busy, factory=sqlite3.Connection)
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def uncommitted(path: Path, *, read_only: bool, busy: float) -> sqlite3.Connection:
    """Open a ledger that commits nothing."""
    connection = connect(path, read_only=read_only, busy=busy, factory=_Uncommitting)
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def slow_sync(name: str) -> None:
    if name == BEFORE_COMMIT:
        time.sleep(0.005)


def measure(
    rows: int,
    *,
    connect: Connect = connect,
    on_point: Callable[[str], None] | None = None,
) -> tuple[float, float, float]:
    wanted = works(rows)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        path = Path(folder) / "ledger.sqlite3"
        with Ledger.open(path, connect=connect, on_point=on_point) as ledger:
            journal = ledger.start_run(START)
            clock, cpu = time.perf_counter(), time.process_time()
            asyncio.run(deliver(journal, wanted))
            clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
            journal.finish()
            again = ledger.start_run(START)
            second = time.perf_counter()
            asyncio.run(resend(again, wanted))
            again.finish()
            for _ in again.results():
                pass
            second = time.perf_counter() - second
    return rows / clock, cpu / rows * 1e6, rows / second


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    print(f"{rows} rows, {LANES} lanes; python {sys.version.split()[0]}")
    print(f"{'':34}{'rows/s':>10}{'CPU us/row':>12}{'re-sent rows/s':>16}")
    cases: list[tuple[str, Callable[[], tuple[float, float, float]]]] = [
        ("each commit synced", lambda: measure(rows)),
        ("commits without sync", lambda: measure(rows, connect=unsynced)),
        ("no commits", lambda: measure(rows, connect=uncommitted)),
        ("each sync slowed by 5 ms", lambda: measure(rows, on_point=slow_sync)),
    ]
    for name, case in cases:
        rate, cpu, resent = case()
        print(f"{name:34}{rate:>10,.0f}{cpu:>12,.0f}{resent:>16,.0f}")


if __name__ == "__main__":
    main()
