"""What delivery may rely on of any journal: the same tests for the ledger's and for the one in memory."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.journals import LedgerJournals, MemoryJournals
from tests.support.ledgers import MONDAY, append, attribute, replace, run, work

from ordersheet.core.errors import LedgerError
from ordersheet.core.history.orderbook import OperationRef, Policy
from ordersheet.core.journal import AttemptEnded, Begin, Done, Heard, Learned, Looked, Release, Settle, There
from ordersheet.core.model import Operation, Outcome, RowResult
from ordersheet.core.operation_state import OperationState, is_legal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.support.journals import Journals

    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.core.journal import Event, Journal
    from ordersheet.core.model import OrderWork

S = OperationState
ORDER, ROW, FIELD = 7, 2, "internalComment"
CALLED = append("called")
ONE = work(ORDER, (ROW, CALLED))


@pytest.fixture(params=["memory", "ledger", pytest.param("shared", marks=pytest.mark.needs("postgres"))])
def journals(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journals]:
    made: Journals
    if request.param == "memory":
        made = MemoryJournals()
    elif request.param == "ledger":
        made = LedgerJournals(tmp_path / "home" / "ledger.sqlite3")
    else:
        made = LedgerJournals(request.getfixturevalue("ledger_url"))
    yield made
    made.close()


def take(journal: Journal, wanted: OrderWork) -> OrderBook | None:
    (book,) = run(journal.take([wanted]))
    return book


def taken(journal: Journal, wanted: OrderWork) -> OrderBook:
    book = take(journal, wanted)
    assert book is not None
    return book


def write(journal: Journal, *events: Event) -> None:
    run(journal.write(*events))


def ref(journal: Journal, row: int = ROW, field: str = FIELD) -> OperationRef:
    return OperationRef(journal.run, row, field)


def begin(
    journal: Journal, wanted: OrderWork = ONE, row: int = ROW, *, attempt: int = 1, at: datetime = MONDAY
) -> None:
    asks = taken(journal, wanted).row_asks(row)
    write(journal, Begin(wanted.order, row, attempt, asks, {FIELD: "before"}, at))


def settle(journal: Journal, state: OperationState, row: int = ROW, *, field: str = FIELD) -> None:
    write(journal, Settle(ref(journal, row, field), state, f"it is {state}", MONDAY))


def bring_to(journal: Journal, state: OperationState, operation: Operation) -> None:
    """Bring the one operation of a new order to a state."""
    wanted = work(ORDER, (ROW, operation))
    if state is S.THERE:
        write(journal, There(ORDER, taken(journal, wanted).row_asks(ROW)[0], MONDAY))
        return
    begin(journal, wanted)
    if state is not S.SENDING:
        settle(journal, state)


# --- claims


def test_an_order_is_one_living_run_s_at_a_time(journals):
    first, second = journals.begin(), journals.begin()
    assert take(first, ONE) is not None
    assert take(first, ONE) is not None
    assert run(second.take([ONE, work(8, (3, CALLED))]))[0] is None
    write(first, Release(ORDER))
    assert take(second, ONE) is not None
    assert take(first, ONE) is None


def test_the_claim_of_a_dead_run_is_free(journals):
    first, second = journals.begin(), journals.begin()
    taken(first, ONE)
    journals.die(first)
    assert take(second, ONE) is not None


def test_orders_are_told_in_the_order_in_which_they_were_asked_for(journals):
    works = [work(order, (order, CALLED)) for order in (9, 3, 5)]
    books = run(journals.begin().take(works))
    assert [book.order for book in books if book is not None] == [9, 3, 5]
    assert [list(book.rows) for book in books if book is not None] == [[9], [3], [5]]


# --- histories


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (S.APPLIED, [S.APPLIED]),
        (S.REFUSED, [S.REFUSED]),
        (S.IN_DOUBT, [S.IN_DOUBT]),
        (S.THERE, [S.THERE]),
        (S.ABSENT, []),
    ],
)
def test_a_later_run_finds_what_became_of_each_operation(journals, state, shown):
    first, second = journals.begin(), journals.begin()
    bring_to(first, state, CALLED)
    write(first, Release(ORDER))
    history = taken(second, ONE).history(FIELD)
    assert [entry.state for entry in history] == shown
    assert [entry.text for entry in history] == ["called"] * len(shown)
    assert {entry.ref for entry in history} <= {ref(first)}


def test_an_entry_tells_when_in_which_batch_and_with_which_words(journals):
    first, second = journals.begin(Policy(batch="monday")), journals.begin()
    bring_to(first, S.REFUSED, CALLED)
    write(first, Release(ORDER))
    (entry,) = taken(second, ONE).history(FIELD)
    assert (entry.batch, entry.at, entry.message) == ("monday", MONDAY, "it is refused")


def test_a_history_stands_in_the_order_of_sending(journals):
    wanted = work(ORDER, (2, append("first")), (3, append("second")))
    journal, other = journals.begin(), journals.begin()
    begin(journal, wanted, 2)
    settle(journal, S.ABSENT, 2)
    begin(journal, wanted, 3)
    settle(journal, S.APPLIED, 3)
    begin(journal, wanted, 2, attempt=2)
    settle(journal, S.APPLIED, 2)
    write(journal, Release(ORDER))
    assert [entry.text for entry in taken(other, ONE).history(FIELD)] == ["second", "first"]


def test_each_field_has_a_history_of_its_own(journals):
    journal, other = journals.begin(), journals.begin()
    wanted = work(ORDER, (2, append("a")), (3, append("b", "comment")), (4, attribute(1)))
    for row, field in ((2, FIELD), (3, "comment"), (4, "extraAttributes.hold")):
        begin(journal, wanted, row)
        settle(journal, S.APPLIED, row, field=field)
    write(journal, Release(ORDER))
    book = taken(other, ONE)
    assert [len(book.history(field)) for field in (FIELD, "comment", "extraAttributes.hold", "other")] == [
        1,
        1,
        1,
        0,
    ]


# --- doubts


def test_of_what_a_dead_run_was_sending_nothing_was_heard_yet(journals):
    first, second = journals.begin(), journals.begin()
    begin(first)
    journals.die(first)
    journals.clock.move(minutes=5)
    (doubt,) = taken(second, ONE).doubts
    assert (doubt.ref, doubt.operation, doubt.baseline) == (ref(first), CALLED, "before")
    assert (doubt.state, doubt.heard_ago) == (S.IN_DOUBT, None)


def doubted(journals: Journals, status: int | None) -> None:
    """Let a run leave an append in doubt, after an attempt that was answered so, or not at all."""
    first = journals.begin()
    begin(first)
    ended = AttemptEnded(ROW, 1, "unknown", status, MONDAY)
    write(first, ended, Settle(ref(first), S.IN_DOUBT, "", MONDAY), Release(ORDER))
    journals.die(first)


def heard_ago(journals: Journals) -> float | None:
    journal = journals.begin()
    (doubt,) = taken(journal, ONE).doubts
    write(journal, Release(ORDER))
    journals.die(journal)
    return doubt.heard_ago


def test_an_answer_that_does_not_tell_was_heard_when_the_attempt_ended(journals):
    doubted(journals, 500)
    journals.clock.move(minutes=5)
    assert heard_ago(journals) == 300


def test_where_no_answer_came_it_counts_from_the_first_that_was_heard_later(journals):
    doubted(journals, None)
    journals.clock.move(minutes=5)
    assert heard_ago(journals) is None
    journal = journals.begin()
    taken(journal, ONE)
    write(journal, Heard(ORDER), Release(ORDER))
    journals.clock.move(minutes=1)
    assert heard_ago(journals) == 60


@pytest.mark.parametrize("turned", [timedelta(hours=1), timedelta(days=-1)])
def test_a_time_of_day_that_is_turned_changes_nothing(journals, turned):
    doubted(journals, 500)
    journals.clock.turn(seconds=turned.total_seconds())
    journals.clock.move(seconds=7)
    assert heard_ago(journals) == 7


def test_after_the_machine_was_started_anew_nothing_is_known(journals):
    doubted(journals, 500)
    journals.clock.start_anew()
    journals.clock.move(hours=5)
    assert heard_ago(journals) is None


def test_what_is_sent_again_was_not_heard_of_yet(journals):
    first, second, third = journals.begin(), journals.begin(), journals.begin()
    wanted = work(ORDER, (ROW, replace("new")))
    begin(first, wanted)
    ended = AttemptEnded(ROW, 1, "unknown", 500, MONDAY)
    write(first, ended, Settle(ref(first), S.IN_DOUBT, "", MONDAY), Heard(ORDER), Release(ORDER))
    (doubt,) = taken(second, wanted).doubts
    assert doubt.heard_ago == 0
    write(second, Release(ORDER))
    begin(first, wanted, attempt=2)
    journals.die(first)
    (doubt,) = taken(third, wanted).doubts
    assert doubt.heard_ago is None


def test_what_this_run_has_under_way_is_no_doubt_and_owes_no_look(journals):
    journal = journals.begin()
    begin(journal)
    assert taken(journal, ONE).doubts == ()
    assert owed(journal) == []


def test_a_doubt_without_a_baseline_says_so(journals):
    first, second = journals.begin(), journals.begin()
    asks = taken(first, ONE).row_asks(ROW)
    write(first, Begin(ORDER, ROW, 1, asks, None, MONDAY))
    journals.die(first)
    (doubt,) = taken(second, ONE).doubts
    assert doubt.baseline is None


# --- owed looks


def owed(journal: Journal) -> list[int]:
    return list(run(journal.owed()))


@pytest.mark.parametrize(
    ("operation", "state", "before", "after"),
    [
        (CALLED, S.IN_DOUBT, [ORDER], [ORDER]),
        (replace("new"), S.IN_DOUBT, [ORDER], []),
        (CALLED, S.APPLIED, [], []),
        (CALLED, S.REFUSED, [], []),
        (CALLED, S.THERE, [], []),
    ],
)
def test_an_order_owes_a_look_while_it_was_in_doubt_and_nobody_looked(
    journals, operation, state, before, after
):
    first, second = journals.begin(), journals.begin()
    bring_to(first, state, operation)
    write(first, Release(ORDER))
    assert owed(second) == before
    taken(second, work(ORDER))
    write(second, Looked(ORDER, MONDAY), Release(ORDER))
    assert owed(second) == after


def test_a_doubt_that_was_settled_is_looked_at_a_last_time(journals):
    first, second = journals.begin(), journals.begin()
    bring_to(first, S.IN_DOUBT, CALLED)
    settle(first, S.APPLIED)
    write(first, Release(ORDER))
    assert owed(second) == [ORDER]
    (doubt,) = taken(second, work(ORDER)).doubts
    assert doubt.state is S.APPLIED
    write(second, Looked(ORDER, MONDAY), Release(ORDER))
    assert (owed(second), taken(second, work(ORDER)).doubts) == ([], ())


def test_what_a_living_run_has_claimed_is_left_to_it(journals):
    first, second = journals.begin(), journals.begin()
    bring_to(first, S.IN_DOUBT, CALLED)
    assert owed(second) == []
    journals.die(first)
    assert owed(second) == [ORDER]


# --- moves


@pytest.mark.parametrize("operation", [CALLED, replace("new")], ids=["append", "overwrite"])
@pytest.mark.parametrize("new", [S.APPLIED, S.REFUSED, S.ABSENT, S.IN_DOUBT])
@pytest.mark.parametrize("old", list(S))
def test_only_legal_moves_are_written(journals, old, new, operation):
    journal = journals.begin()
    bring_to(journal, old, operation)
    if is_legal(old, new, appends=not operation.kind.overwrites):
        settle(journal, new)
    else:
        with pytest.raises(LedgerError):
            settle(journal, new)


@pytest.mark.parametrize("operation", [CALLED, replace("new")], ids=["append", "overwrite"])
@pytest.mark.parametrize("old", [S.SENDING, S.APPLIED, S.REFUSED, S.ABSENT, S.IN_DOUBT])
def test_only_what_may_be_sent_again_is_sent_again(journals, old, operation):
    journal = journals.begin()
    bring_to(journal, old, operation)
    wanted = work(ORDER, (ROW, operation))
    if is_legal(old, S.SENDING, appends=not operation.kind.overwrites):
        begin(journal, wanted, attempt=2)
    else:
        with pytest.raises(LedgerError):
            begin(journal, wanted, attempt=2)


def test_events_of_one_call_are_written_whole_or_not_at_all(journals):
    journal, other = journals.begin(), journals.begin()
    bring_to(journal, S.APPLIED, CALLED)
    second = work(ORDER, (3, append("second")))
    asks = taken(journal, second).row_asks(3)
    with pytest.raises(LedgerError):
        write(
            journal,
            Begin(ORDER, 3, 1, asks, None, MONDAY),
            Learned(FIELD, reads_back=True),
            Settle(ref(journal), S.REFUSED, "", MONDAY),
        )
    assert run(other.reads_back()) == {}
    journals.die(journal)
    assert [entry.text for entry in taken(other, ONE).history(FIELD)] == ["called"]


# --- results, and what was learned


def test_a_later_result_of_a_row_replaces_an_earlier_one(journals):
    journal = journals.begin()
    first, later = (
        RowResult(ROW, str(ORDER), outcome, "words", MONDAY)
        for outcome in (Outcome.NOT_SENT, Outcome.REFUSED)
    )
    write(journal, Done(first))
    write(journal, Done(later))
    assert journals.results(journal) == {ROW: later}


def test_what_cannot_be_written_any_more_is_told_all_the_same_and_is_the_latest(journals):
    journal = journals.begin()
    written, kept = (
        RowResult(ROW, str(ORDER), outcome, "words", MONDAY)
        for outcome in (Outcome.UNCONFIRMED, Outcome.CONFIRMED)
    )
    other = kept._replace(row=ROW + 1)
    write(journal, Done(written))
    journal.keep([other, kept])
    assert journals.results(journal) == {ROW: kept, ROW + 1: other}


def test_each_run_has_results_of_its_own(journals):
    first, second = journals.begin(), journals.begin()
    write(first, Done(RowResult(ROW, str(ORDER), Outcome.REFUSED, "words", MONDAY)))
    assert journals.results(second) == {}


def test_what_one_run_learned_the_next_knows_and_the_latest_counts(journals):
    first, second = journals.begin(), journals.begin()
    assert run(first.reads_back()) == {}
    write(first, Learned(FIELD, reads_back=False), Learned("comment", reads_back=True))
    write(second, Learned(FIELD, reads_back=True))
    assert run(journals.begin().reads_back()) == {FIELD: True, "comment": True}


def test_lanes_may_write_at_once(journals):
    journal = journals.begin()
    works = [work(order, (order, append(f"text {order}"))) for order in range(1, 21)]

    async def lane(wanted: OrderWork) -> Any:
        (book,) = await journal.take([wanted])
        assert book is not None
        row = wanted.order
        await journal.write(Begin(row, row, 1, book.row_asks(row), None, MONDAY))
        await journal.write(Settle(ref(journal, row), S.APPLIED, "", MONDAY), Release(row))

    async def all_lanes() -> None:
        await asyncio.gather(*map(lane, works))

    run(all_lanes())
    books = run(journals.begin().take(works))
    assert [len(book.history(FIELD)) for book in books if book is not None] == [1] * 20
