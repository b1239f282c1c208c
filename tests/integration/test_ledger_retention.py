"""What a purge removes, and what it never does."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.ledgers import (
    FIELD,
    MONDAY,
    Clock,
    append,
    attribute,
    begin,
    deliver,
    replace,
    run,
    start,
    take,
    unsynced,
    work,
)

from ordersheet.core.history.orderbook import OperationRef
from ordersheet.core.journal import Looked, Settle
from ordersheet.core.model import Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import Ledger
from ordersheet.ledger.files import copies_folder
from ordersheet.ledger.migrations import back_up_beside

SECRET = "Her number is 555 0100"
NINETY = timedelta(days=90)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    with Ledger.open(tmp_path / "ledger.sqlite3", clock=clock, connect=unsynced) as opened:
        yield opened


def everything(ledger: Ledger) -> bytes:
    """All bytes that the ledger keeps, whatever file they are in."""
    return b"".join(file.read_bytes() for file in ledger.path.parent.rglob("*") if file.is_file())


def test_texts_go_after_their_retention_and_not_before(ledger, clock, tmp_path_factory):
    source = tmp_path_factory.mktemp("input") / "orders.csv"
    source.write_text(SECRET, encoding="utf-8")
    copy, _ = ledger.keep_copy(source)
    journal = ledger.start_run(
        start(copy=copy, options={"set": [f"comment={SECRET}"]}, mapping={"values": SECRET})
    )
    journal.add_left_out([RowResult(3, "9", Outcome.INVALID, f"A7: {SECRET} is no order ID")])
    run(deliver(journal, work(7, (2, append(SECRET))), clock()))
    run(deliver(journal, work(8, (4, replace(SECRET))), clock()))
    journal.finish()
    clock.move(days=89)
    assert ledger.purge(NINETY).texts == 0
    assert copy.exists()
    clock.move(days=2)
    purged = ledger.purge(NINETY)
    assert (purged.runs, purged.copies, purged.in_doubt) == (1, 1, 0)
    assert purged.texts == 2 + 4
    assert not copy.exists()
    assert SECRET.encode() not in everything(ledger)
    info = ledger.run("last")
    assert (info.options, info.mapping, info.copy, info.purged) == ({}, {}, None, clock())
    assert info.outcomes == {"applied": 2, "invalid": 1}
    assert [found.text for found in ledger.order_history(7)] == [None]
    assert ledger.purge(NINETY).texts == 0


def test_what_was_applied_is_known_without_its_text(ledger, clock):
    asks = [work(7, (2, append(SECRET))), work(8, (3, attribute({"a": 1})))]
    journal = ledger.start_run(start())
    for wanted in asks:
        run(deliver(journal, wanted, clock()))
    journal.finish()
    ledger.purge_all()
    again = ledger.start_run(start())
    for wanted in asks:
        assert run(deliver(again, wanted)) == [Outcome.ALREADY_APPLIED]
    (entry,) = run(take(again, work(7))).history(FIELD)
    assert (entry.text, entry.state) == (None, OperationState.APPLIED)


def test_what_is_in_doubt_stays_whole_and_so_does_its_order(ledger, clock):
    journal = ledger.start_run(start())
    run(deliver(journal, work(7, (2, append("earlier text"))), clock()))
    run(deliver(journal, work(7, (3, append(SECRET))), clock(), state=OperationState.IN_DOUBT))
    run(deliver(journal, work(8, (4, append("another order"))), clock()))
    journal.finish()
    assert ledger.purge_all().in_doubt == 1
    assert [found.text for found in ledger.order_history(7)] == ["earlier text", SECRET]
    assert [found.text for found in ledger.order_history(8)] == [None]
    other = ledger.start_run(start())
    (doubt,) = run(take(other, work(7))).doubts
    assert (doubt.operation, doubt.baseline) == (append(SECRET), "before")
    ref = OperationRef(journal.run, 3, FIELD)
    run(other.write(Settle(ref, OperationState.APPLIED, "seen", clock())))
    assert ledger.purge_all().in_doubt == 1, "a last look is owed"
    run(other.write(Looked(7, clock())))
    assert ledger.purge_all().in_doubt == 0
    assert SECRET.encode() not in everything(ledger)


def test_a_run_that_goes_on_is_left_alone(ledger, clock, tmp_path_factory):
    source = tmp_path_factory.mktemp("input") / "orders.csv"
    source.write_text("order", encoding="utf-8")
    copy, _ = ledger.keep_copy(source)
    journal = ledger.start_run(start(copy=copy))
    run(deliver(journal, work(7, (2, append("text"))), clock()))
    clock.move(days=100)
    assert ledger.purge_all().runs == 0
    assert copy.exists()
    assert [found.text for found in ledger.order_history(7)] == ["text"]


def test_copies_without_a_run_and_old_backups_go(ledger, clock, tmp_path_factory):
    source = tmp_path_factory.mktemp("input") / "orders.csv"
    source.write_text("order", encoding="utf-8")
    old, _ = ledger.keep_copy(source)
    new, _ = ledger.keep_copy(source)
    with closing(sqlite3.connect(ledger.path)) as connection:
        backup = back_up_beside(connection, ledger.path, 0)
    for file, age in ((old, 2), (new, 0), (backup, 2)):
        moment = (clock() - timedelta(days=age)).timestamp()
        os.utime(file, (moment, moment))
    assert ledger.purge(timedelta(days=1)).copies == 1
    assert list(copies_folder(ledger.path).iterdir()) == [new]
    assert not backup.exists()


STATES = [
    OperationState.APPLIED,
    OperationState.REFUSED,
    OperationState.ABSENT,
    OperationState.IN_DOUBT,
    None,
]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from("ab"), st.booleans(), st.sampled_from(STATES)),
        max_size=6,
    )
)
def test_a_purge_changes_no_decision(tmp_path_factory, sent):
    """Whatever was sent and whatever it came to: purged or not, the same is sent next time."""
    clock = Clock()
    asked = [
        work(order, (99, operation))
        for order in (1, 2, 3)
        for operation in (append("a"), append("b"), replace("a"), replace("b"))
    ]

    def decided(ledger: Ledger) -> list[Any]:
        books = ledger.histories("shop", asked, start().policy)
        return [(book.plan(99)[0].outcome, [entry[:5] for entry in book.history(FIELD)]) for book in books]

    with Ledger.open(tmp_path_factory.mktemp("l") / "ledger", clock=clock, connect=unsynced) as ledger:
        journal = ledger.start_run(start())

        async def send(
            row: int, order: int, text: str, state: OperationState | None, *, overwrites: bool
        ) -> None:
            wanted = work(order, (row, (replace if overwrites else append)(text)))
            await journal.take([work(order)])
            asks = (await take(journal, wanted)).row_asks(row)
            await begin(journal, order, asks, MONDAY)
            if state is not None:
                ref = OperationRef(journal.run, row, FIELD)
                await journal.write(Settle(ref, state, "", MONDAY))

        for row, (order, text, overwrites, state) in enumerate(sent, 2):
            run(send(row, order, text, state, overwrites=overwrites))
        journal.finish()
        before = decided(ledger)
        open_before = [[found.text for found in ledger.order_history(order)] for order in (1, 2, 3)]
        ledger.purge_all()
        assert decided(ledger) == before
        for order, texts in zip((1, 2, 3), open_before, strict=True):
            open_now = {found.state for found in ledger.order_history(order)} & {
                OperationState.SENDING,
                OperationState.IN_DOUBT,
            }
            kept = [found.text for found in ledger.order_history(order)]
            assert kept == (texts if open_now else [None] * len(texts))
