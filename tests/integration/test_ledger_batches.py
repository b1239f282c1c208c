"""What many lanes write in one commit of a shared ledger is what each of them would have written alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.ledgers import FIELD, MONDAY, append, replace, run, start, take, unsynced, work
from tests.support.postgres import carried_out

from ordersheet.core.errors import LedgerError
from ordersheet.core.history.orderbook import Ask, OperationRef
from ordersheet.core.journal import AttemptEnded, Begin, Done, Heard, Learned, Looked, Release, Settle, There
from ordersheet.core.model import OperationKind, Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.core.uptime import Uptime
from ordersheet.ledger import Ledger
from ordersheet.ledger.events import EventWriter, execute
from ordersheet.ledger.postgresql.cursor import GatheringCursor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from ordersheet.core.journal import Event
    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.ledger.database import Cursor
    from ordersheet.ledger.statements import Write

pytestmark = pytest.mark.needs("postgres")

ROUNDS, ORDERS = 7, 5
TABLES = {
    "row": "run_id, row, order_text, state, outcome, message, at, left_out",
    "attempt": "run_id, row, number, begun, given_up, given_up_boot, given_up_uptime, class, status",
    "baseline": "run_id, row, number, field, text, hash",
    "operation": (
        "run_id, row, field, store_id, order_id, place, kind, key, key_version, batch, occurrence, state,"
        " attempt, doubted, open, at, adopted, heard_boot, heard_uptime, message, value"
    ),
    "learned": "store_id, field, reads_back",
    "claim": "store_id, order_id, run_id",
}


class Life:
    """What one order goes through, step by step, as a machine of delivery would tell it; drawn at random."""

    def __init__(self, order: int, run_name: str, chance: Random) -> None:
        self.order, self._run, self._chance = order, run_name, chance
        self._row, self._number = order * 10, 0
        self._ask: Ask | None = None
        self._in_doubt = False

    def step(self, at: datetime) -> list[Event]:
        if self._ask is None:
            return self._begin(at)
        number, ref = self._number, OperationRef(self._run, self._row, self._ask.operation.field)
        if self._chance.random() < 0.3:
            again = self._ask.operation.kind is OperationKind.REPLACE
            ended: list[Event] = [
                AttemptEnded(self._row, number, "unknown", None, at),
                Settle(ref, OperationState.IN_DOUBT, "It's \\ not known.", at),
                *([Heard(self.order)] if self._chance.random() < 0.5 else []),
            ]
            if again:
                return [*ended, self._attempt(at)]
            ended += [Settle(ref, OperationState.ABSENT, "", at), Looked(self.order, at)]
            return ended + self._done(Outcome.NOT_APPLIED, at)
        state = self._chance.choice((OperationState.APPLIED, OperationState.REFUSED))
        ended = [
            AttemptEnded(self._row, number, "answered", self._chance.choice((200, 422)), at),
            Settle(ref, state, "", at),
        ]
        outcome = Outcome.APPLIED if state is OperationState.APPLIED else Outcome.REFUSED
        return ended + self._done(outcome, at)

    def _begin(self, at: datetime) -> list[Event]:
        self._row, self._number = self._row + 1, 0
        text = f"Row {self._row}: ü 'x' %s {self._chance.randint(0, 9)}"
        operation = self._chance.choice((append(text), replace(text), append(text, "comment")))
        self._ask = Ask(self._row, operation, f"{self._row:032x}", 1)
        if self._chance.random() < 0.15:
            there, self._ask = self._ask, None
            return [There(self.order, there, at), *self._done(Outcome.ALREADY_THERE, at)]
        return [self._attempt(at)]

    def _attempt(self, at: datetime) -> Event:
        assert self._ask is not None
        self._number += 1
        baseline = self._chance.choice((None, {FIELD: "before", "comment": ""}, {FIELD: "a\0b"}))
        return Begin(self.order, self._row, self._number, (self._ask,), baseline, at)

    def _done(self, outcome: Outcome, at: datetime) -> list[Event]:
        self._ask = None
        told: list[Event] = [Done(RowResult(self._row, str(self.order), outcome, "Told.", at))]
        if self._chance.random() < 0.2:
            told.append(Learned(FIELD, self._chance.random() < 0.5))
        return told + (self._begin(at) if self._chance.random() < 0.5 else [])


def steps(run_name: str, chance: Random) -> list[list[tuple[list[Event], bool]]]:
    """Draw rounds of jobs, each round one transaction: the events of a job, and whether it stands apart."""
    lives = [Life(order, run_name, chance) for order in range(1, ORDERS + 1)]
    rounds = []
    for number in range(ROUNDS):
        at = MONDAY + timedelta(seconds=number)
        jobs = [(life.step(at), False) for life in lives if chance.random() < 0.8]
        if chance.random() < 0.4:
            # Whoever was cancelled while writing goes on in the same transaction.
            jobs.append((chance.choice(lives).step(at), True))
        rounds.append(jobs)
    rounds.append([([Release(life.order)], False) for life in lives if chance.random() < 0.8])
    return rounds


def written(ledger: Ledger, seed: int) -> None:
    """Begin a run, and let each round be one transaction of the ledger."""
    journal = ledger.start_run(start())
    orders = range(1, ORDERS + 1)
    run(journal.take([work(order, (order, append("x"))) for order in orders]))
    events = EventWriter(journal.run, 1, 1, "batch", lambda: Uptime("first", 7.25))
    events.places.update(dict.fromkeys(orders, 1))
    for jobs in steps(journal.run, Random(seed)):
        texts: list[tuple[list[Write], bool]] = [(events.writes(job), apart) for job, apart in jobs]

        def together(cursor: Cursor, texts: Sequence[tuple[list[Write], bool]] = texts) -> None:
            for writes, apart in texts:
                execute(writes, cursor, apart=apart)

        ledger._writing().do(together, alone=False)  # noqa: SLF001 - one transaction for many jobs


def held(ledger: Ledger) -> dict[str, list[Any]]:
    found = {}
    with ledger._database.reading() as cursor:  # noqa: SLF001 - what stands in its tables
        for table, columns in TABLES.items():
            if isinstance(cursor, GatheringCursor):
                lines = cursor.gather(f"SELECT {columns} FROM ordersheet.{table}").fetchall()
            else:
                lines = cursor.execute(f"SELECT {columns} FROM {table}").fetchall()
            # Runs and stores are numbered on where other tests had some.
            found[table] = sorted(map(str, lines))
    return found


def emptied(url: LedgerUrl) -> None:
    names = (
        "undo_step, again, again_run, baseline, attempt, operation, row, claim, learned, job_file, run, store"
    )
    tables = ", ".join(f"ordersheet.{name.strip()}" for name in names.split(","))
    carried_out(url, f"TRUNCATE {tables} RESTART IDENTITY CASCADE")


@given(seed=st.integers(0, 1 << 32))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_many_lanes_in_one_commit_write_what_each_would_write_alone(
    ledger_url: LedgerUrl, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    emptied(ledger_url)
    path: Path = tmp_path_factory.mktemp("alone") / "ledger.db"
    with Ledger.open(ledger_url) as shared:
        written(shared, seed)
        found = held(shared)
    with Ledger.open(path, connect=unsynced) as alone:
        written(alone, seed)
        assert found == held(alone)
    assert found["operation"]


def test_of_many_in_one_commit_the_one_that_names_nothing_is_refused_alone(ledger_url: LedgerUrl) -> None:
    """Also where those beside it settle what is there, in the same statement."""
    with Ledger.open(ledger_url) as ledger:
        journal = ledger.start_run(start())

        async def all_at_once() -> list[Any]:
            books = [await take(journal, work(order, (order, append("x")))) for order in range(2, 8)]
            for book in books:
                await journal.write(Begin(book.order, book.order, 1, book.row_asks(book.order), None, MONDAY))
            refs = [OperationRef(journal.run, row, FIELD) for row in (*range(2, 8), 99)]
            settled = (journal.write(Settle(ref, OperationState.APPLIED, "", MONDAY)) for ref in refs)
            return await asyncio.gather(*settled, return_exceptions=True)

        told = run(all_at_once())
        assert told[:-1] == [None] * 6
        assert isinstance(told[-1], LedgerError)
        assert "row 99" in str(told[-1])
        states = {one.state for order in range(2, 8) for one in ledger.order_history(order)}
        assert states == {OperationState.APPLIED}


def test_of_many_that_begin_in_one_commit_the_one_against_a_rule_is_refused_alone(
    ledger_url: LedgerUrl,
) -> None:
    """Each is told the truth: who was written goes on, and who was not hears of it in one line."""
    with Ledger.open(ledger_url) as ledger:
        journal = ledger.start_run(start())

        async def all_at_once() -> list[Any]:
            books = [await take(journal, work(order, (order, append("x")))) for order in range(2, 8)]
            for book in books:
                order, doubt = book.order, book.order == 4
                state = OperationState.IN_DOUBT if doubt else OperationState.ABSENT
                await journal.write(
                    Begin(order, order, 1, book.row_asks(order), None, MONDAY),
                    AttemptEnded(order, 1, "unknown" if doubt else "not connected", None, MONDAY),
                    Settle(OperationRef(journal.run, order, FIELD), state, "", MONDAY),
                )
            begun = (
                journal.write(Begin(book.order, book.order, 2, book.row_asks(book.order), None, MONDAY))
                for book in books
            )
            return await asyncio.gather(*begun, return_exceptions=True)

        told = dict(zip(range(2, 8), run(all_at_once()), strict=True))
        refused = str(told.pop(4))
        assert "an append in doubt is not sent" in refused
        assert "\n" not in refused
        assert set(told.values()) == {None}
        states = {order: ledger.order_history(order)[-1].state for order in range(2, 8)}
        assert states.pop(4) is OperationState.IN_DOUBT
        assert set(states.values()) == {OperationState.SENDING}
