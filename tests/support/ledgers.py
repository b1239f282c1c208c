"""Small runs in a real ledger, as delivery would make them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ordersheet.core.history.orderbook import OperationRef, Policy
from ordersheet.core.journal import AttemptEnded, Begin, Done, Release, Settle
from ordersheet.core.model import Operation, OperationKind, OrderUpdate, OrderWork, Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.core.uptime import Uptime
from ordersheet.ledger import RunStart
from ordersheet.ledger.engine import connect

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Coroutine
    from pathlib import Path

    from ordersheet.core.history.orderbook import Ask, OrderBook
    from ordersheet.ledger import RunJournal

T = TypeVar("T")

FIELD = "internalComment"
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def unsynced(path: Path, *, read_only: bool, busy: float) -> sqlite3.Connection:
    """Open a ledger without waiting for the disk: for tests of what it holds."""
    connection = connect(path, read_only=read_only, busy=busy)
    connection.execute("PRAGMA synchronous=OFF")
    return connection


class Clock:
    """A machine's clocks, which stand until they are moved.

    Attributes:
        now: the time of day.
        boot: which start of the machine it is; None where it does not tell.
    """

    def __init__(self, now: datetime = MONDAY) -> None:
        self.now = now
        self.boot: str | None = "first"
        self._seconds = 1000.0

    def __call__(self) -> datetime:
        return self.now

    def uptime(self) -> Uptime:
        return Uptime(self.boot, self._seconds)

    def move(self, **step: float) -> None:
        """Let so much time go by."""
        self.turn(**step)
        self._seconds += timedelta(**step).total_seconds()

    def turn(self, **step: float) -> None:
        """Turn the time of day."""
        self.now += timedelta(**step)

    def start_anew(self) -> None:
        """Start the machine anew."""
        self.boot, self._seconds = f"{self.boot} again", 30.0


def start(policy: Policy | None = None, **changes: Any) -> RunStart:
    known: dict[str, Any] = {
        "store": "shop",
        "host": "shop.example",
        "tool_version": "1",
        "user": "ann",
        "machine": "desk",
        "input": "/sheets/orders.csv",
        "policy": policy or Policy(),
    }
    return RunStart(**(known | changes))


def append(text: str, field: str = FIELD) -> Operation:
    return Operation(field, OperationKind.APPEND, text)


def replace(text: str, field: str = FIELD) -> Operation:
    return Operation(field, OperationKind.REPLACE, text)


def attribute(value: object, key: str = "hold") -> Operation:
    return Operation(f"extraAttributes.{key}", OperationKind.SET, value)


def work(order: int, *rows: tuple[int, Operation]) -> OrderWork:
    return OrderWork(order, tuple(OrderUpdate(row, order, (operation,)) for row, operation in rows))


def run(what: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(what)


async def take(journal: RunJournal, wanted: OrderWork) -> OrderBook:
    (book,) = await journal.take([wanted])
    assert book is not None
    return book


async def begin(
    journal: RunJournal, order: int, asks: tuple[Ask, ...], at: datetime, attempt: int = 1
) -> None:
    await journal.write(Begin(order, asks[0].row, attempt, asks, {FIELD: "before", "comment": ""}, at))


async def settle(
    journal: RunJournal,
    asks: tuple[Ask, ...],
    state: OperationState,
    at: datetime,
    *,
    attempt: int = 1,
    message: str = "",
) -> None:
    verdict = "unknown" if state is OperationState.IN_DOUBT else "answered ok"
    row = asks[0].row
    await journal.write(
        AttemptEnded(row, attempt, verdict, 200, at),
        *(Settle(OperationRef(journal.run, row, ask.operation.field), state, message, at) for ask in asks),
    )


OUTCOMES = {
    OperationState.APPLIED: Outcome.APPLIED,
    OperationState.REFUSED: Outcome.REFUSED,
    OperationState.ABSENT: Outcome.NOT_APPLIED,
    OperationState.IN_DOUBT: Outcome.UNCONFIRMED,
}


async def deliver(
    journal: RunJournal,
    wanted: OrderWork,
    at: datetime = MONDAY,
    *,
    state: OperationState = OperationState.APPLIED,
) -> list[Outcome | None]:
    """Send what is to be sent of an order, all of it ending in one state; gives each row's decision."""
    book = await take(journal, wanted)
    decided = []
    for row in book.rows:
        decisions = book.plan(row)
        decided.append(decisions[0].outcome)
        asks = tuple(decision.ask for decision in decisions if decision.outcome is None)
        if asks:
            await begin(journal, wanted.order, asks, at)
            await settle(journal, asks, state, at)
        outcome = OUTCOMES[state] if asks else decisions[0].outcome
        assert outcome is not None
        await journal.write(Done(RowResult(row, str(wanted.order), outcome, "", at)))
    await journal.write(Release(wanted.order))
    return decided
