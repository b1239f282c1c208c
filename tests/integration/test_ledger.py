"""A run in a ledger, from its start to what is told of it afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
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
    settle,
    start,
    take,
    unsynced,
    work,
)

from ordersheet.core.errors import LedgerError, SourceError, UsageError
from ordersheet.core.history.orderbook import OperationRef, Policy
from ordersheet.core.journal import AttemptEnded, Begin, Done, Learned, Looked, Release, Settle, There
from ordersheet.core.model import OperationKind, OrderUpdate, OrderWork, Outcome, RequestCounts, RowResult
from ordersheet.core.operation_state import FIRST_STATES, MOVES, OperationState
from ordersheet.ledger import Ledger, RunState

STRIKE = work(7, (2, append("Delayed by strike")))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    path = tmp_path / "home" / "ledger.sqlite3"
    with Ledger.open(path, clock=clock, uptime=clock.uptime, connect=unsynced) as opened:
        yield opened


def test_what_one_run_applied_the_next_knows(ledger):
    journal = ledger.start_run(start())
    assert run(deliver(journal, STRIKE)) == [None]
    journal.finish()
    second = ledger.start_run(start())
    assert run(deliver(second, STRIKE)) == [Outcome.ALREADY_APPLIED]


@pytest.mark.parametrize(
    "other",
    [start(store="another shop"), start(Policy(batch="2026-11-23"))],
    ids=["store", "batch"],
)
def test_other_stores_and_batches_know_nothing_of_it(ledger, other):
    run(deliver(ledger.start_run(start()), STRIKE))
    assert run(deliver(ledger.start_run(other), STRIKE)) == [None]


def test_history_stands_in_the_order_of_sending_even_where_an_attempt_is_repeated(ledger):
    journal = ledger.start_run(start())

    async def both() -> Any:
        book = await take(journal, work(7, (2, append("first")), (3, append("second"))))
        first, second = book.row_asks(2), book.row_asks(3)
        await begin(journal, 7, first, MONDAY)
        await settle(journal, first, OperationState.ABSENT, MONDAY)
        await begin(journal, 7, second, MONDAY)
        await settle(journal, second, OperationState.APPLIED, MONDAY)
        await begin(journal, 7, first, MONDAY, attempt=2)
        await settle(journal, first, OperationState.APPLIED, MONDAY, attempt=2)
        await journal.write(Release(7))
        return await take(journal, work(7))

    book = run(both())
    assert [entry.text for entry in book.history(FIELD)] == ["second", "first"]


def test_what_is_proven_absent_stands_in_no_history(ledger):
    journal = ledger.start_run(start())
    run(deliver(journal, STRIKE, state=OperationState.ABSENT))
    assert run(deliver(ledger.start_run(start()), STRIKE)) == [None]


def test_entries_tell_all_that_is_known(ledger, clock):
    journal = ledger.start_run(start(Policy(batch="b")))
    run(deliver(journal, work(7, (2, attribute({"a": [1, None]}))), state=OperationState.REFUSED))
    (entry,) = run(take(journal, work(7))).history("extraAttributes.hold")
    assert entry.ref == OperationRef(journal.run, 2, "extraAttributes.hold")
    assert (entry.kind, entry.state, entry.batch, entry.at) == (
        OperationKind.SET,
        OperationState.REFUSED,
        "b",
        MONDAY,
    )
    assert json.loads(entry.text or "") == {"a": [1, None]}


def test_a_text_that_was_there_already_stands_in_the_history(ledger):
    journal = ledger.start_run(start())

    async def there() -> Any:
        book = await take(journal, STRIKE)
        await journal.write(There(7, book.row_asks(2)[0], MONDAY), Release(7))
        return await take(journal, work(7))

    assert [entry.state for entry in run(there()).history(FIELD)] == [OperationState.THERE]


def test_doubts_are_told_with_what_settles_them(ledger, clock):
    journal = ledger.start_run(start())

    async def doubtful() -> Any:
        book = await take(journal, STRIKE)
        asks = book.row_asks(2)
        await begin(journal, 7, asks, MONDAY)
        await journal.write(AttemptEnded(2, 1, "not sent", None, MONDAY))
        await journal.write(Settle(OperationRef(journal.run, 2, FIELD), OperationState.ABSENT, "", MONDAY))
        await begin(journal, 7, asks, MONDAY, attempt=2)
        await settle(journal, asks, OperationState.IN_DOUBT, MONDAY + timedelta(seconds=30), attempt=2)
        await journal.write(Release(7))

    run(doubtful())
    journal.finish("dead server")
    other = ledger.start_run(start())
    assert list(run(other.owed())) == [7]
    (doubt,) = run(take(other, work(7))).doubts
    assert doubt.ref == OperationRef(journal.run, 2, FIELD)
    assert doubt.operation == append("Delayed by strike")
    assert (doubt.baseline, doubt.state) == ("before", OperationState.IN_DOUBT)
    assert doubt.heard_ago == 0


def test_a_last_look_is_owed_until_it_is_taken(ledger):
    journal = ledger.start_run(start())
    ref = OperationRef(journal.run, 2, FIELD)
    run(deliver(journal, STRIKE, state=OperationState.IN_DOUBT))
    run(journal.write(Settle(ref, OperationState.APPLIED, "seen", MONDAY)))
    assert list(run(journal.owed())) == [7]
    (doubt,) = run(take(journal, work(7))).doubts
    assert doubt.state is OperationState.APPLIED
    run(journal.write(Looked(7, MONDAY)))
    assert list(run(journal.owed())) == []
    assert run(take(journal, work(7))).doubts == ()


def test_an_append_that_stays_in_doubt_stays_owed_and_an_overwrite_does_not(ledger):
    journal = ledger.start_run(start())
    run(deliver(journal, STRIKE, state=OperationState.IN_DOUBT))
    run(deliver(journal, work(8, (3, replace("new"))), state=OperationState.IN_DOUBT))
    assert list(run(journal.owed())) == [7, 8]
    run(journal.write(Looked(7, MONDAY), Looked(8, MONDAY)))
    run(journal.write(Settle(OperationRef(journal.run, 3, FIELD), OperationState.IN_DOUBT, "", MONDAY)))
    assert list(run(journal.owed())) == [7]


def test_what_was_learned_about_a_store_stays_known(ledger):
    journal = ledger.start_run(start())
    run(journal.write(Learned(FIELD, reads_back=False), Learned("comment", reads_back=True)))
    run(journal.write(Learned(FIELD, reads_back=True)))
    assert run(ledger.start_run(start()).reads_back()) == {FIELD: True, "comment": True}
    assert run(ledger.start_run(start(store="other")).reads_back()) == {}


def test_results_come_in_row_order_each_row_once(ledger):
    journal = ledger.start_run(start())
    journal.add_left_out([RowResult(row, "", Outcome.INVALID, "bad") for row in range(9001, 2, -2)])
    run(deliver(journal, STRIKE))
    run(journal.write(Done(RowResult(2, "7", Outcome.APPLIED_TWICE, "look", MONDAY, left_out=True))))
    journal.finish(
        "interrupt", "Interrupted.", [(row, "9") for row in range(2, 9001)], RequestCounts(1, 2, 3)
    )
    results = list(journal.results())
    assert [result.row for result in results] == list(range(2, 9002))
    assert results[0] == RowResult(2, "7", Outcome.APPLIED_TWICE, "look", MONDAY, left_out=True)
    assert results[1] == RowResult(3, "", Outcome.INVALID, "bad")
    assert results[2] == RowResult(4, "9", Outcome.NOT_SENT, "Interrupted.")
    counts = Counter(result.outcome for result in results)
    assert counts == {Outcome.APPLIED_TWICE: 1, Outcome.INVALID: 4500, Outcome.NOT_SENT: 4499}
    assert list(ledger.results(journal.run)) == results
    info = ledger.run("last")
    assert (info.state, info.stopped_by, info.requests) == (
        RunState.STOPPED,
        "interrupt",
        RequestCounts(1, 2, 3),
    )
    assert info.outcomes == {"applied twice": 1, "invalid": 4500, "not sent": 4499}


def test_a_row_without_a_result_is_told_by_what_it_came_to(ledger):
    journal = ledger.start_run(start())

    async def stopped() -> Any:
        for order in (7, 8):
            book = await take(journal, work(order, (order, append("x"))))
            await begin(journal, order, book.row_asks(order), MONDAY)
        await journal.write(Settle(OperationRef(journal.run, 8, FIELD), OperationState.APPLIED, "", MONDAY))

    run(stopped())
    outcomes = [Outcome.UNCONFIRMED, Outcome.CONFIRMED]
    assert [result.outcome for result in journal.results()] == outcomes
    journal.finish("disk full")
    assert [result.outcome for result in journal.results()] == outcomes


def test_runs_are_told_newest_first_and_found_by_their_beginning(ledger, clock):
    names = []
    for day in range(3):
        clock.now = MONDAY + timedelta(days=day)
        names.append(ledger.start_run(start(store=f"shop {day % 2}", input=f"/sheets/{day}.csv")).run)
    assert names == sorted(names)
    assert [info.run for info in ledger.runs()] == names[::-1]
    assert [info.run for info in ledger.runs(limit=1)] == names[2:]
    assert [info.run for info in ledger.runs(store="shop 0")] == [names[2], names[0]]
    assert ledger.find_run("last") == names[2]
    assert ledger.find_run(names[1].upper()) == names[1]
    assert ledger.find_run("20261124") == names[1]
    assert ledger.runs_of(ledger.path.parent / "/sheets/1.csv") == {names[1]}
    with pytest.raises(UsageError, match="several runs"):
        ledger.find_run("202611")
    for nothing in ("2025", "", "%", "2026_"):
        with pytest.raises(UsageError, match="no run"):
            ledger.find_run(nothing)


def test_runs_that_start_at_one_moment_have_names_of_their_own(ledger):
    names = [ledger.start_run(start()).run for _ in range(5)]
    assert len(set(names)) == 5
    assert names == sorted(names)


def test_an_order_s_history_tells_who_wrote_what_and_what_stood_there_before(ledger):
    run(deliver(ledger.start_run(start(user="ann")), work(7, (2, append("one")))))
    run(deliver(ledger.start_run(start(user="bob", input="/b.xlsx")), work(7, (5, replace("all new")))))
    run(deliver(ledger.start_run(start(store="other")), work(7, (2, append("one")))))
    one, new = ledger.order_history(7, "shop")
    assert (one.user, one.text, one.earlier, one.row) == ("ann", "one", "before", 2)
    assert (new.user, new.text, new.input, new.kind) == ("bob", "all new", "/b.xlsx", OperationKind.REPLACE)
    assert len(ledger.order_history(7)) == 3
    assert ledger.order_history(8) == []


def test_rows_are_told_with_attempts_and_operations(ledger):
    journal = ledger.start_run(start())
    journal.add_left_out([RowResult(3, "", Outcome.INVALID, "bad")])
    run(deliver(journal, STRIKE))
    sent, invalid = ledger.rows("last")
    assert sent.result.outcome is Outcome.APPLIED
    assert [(attempt.number, attempt.verdict, attempt.status) for attempt in sent.attempts] == [
        (1, "answered ok", 200)
    ]
    assert [operation.text for operation in sent.operations] == ["Delayed by strike"]
    assert (invalid.attempts, invalid.operations) == ((), ())


def test_a_run_is_told_as_it_was_started(ledger, tmp_path):
    source = tmp_path / "orders.csv"
    source.write_bytes(b"order\n7\n")
    copy, sha256 = ledger.keep_copy(source)
    policy = Policy(batch="b", again=True)
    begun = start(
        policy,
        profile="qa",
        sha256=sha256,
        copy=copy,
        sheet="S",
        header_row=3,
        options={"rate": 2.5},
        settle=1.5,
    )
    ledger.start_run(begun)
    info = ledger.run("last")
    assert info.state is RunState.RUNNING
    assert (info.profile, info.sha256, info.copy, info.sheet, info.header_row) == ("qa", sha256, copy, "S", 3)
    assert (info.batch, info.again, info.options, info.settle) == ("b", True, {"rate": 2.5}, 1.5)
    assert sha256 == hashlib.sha256(b"order\n7\n").hexdigest()
    assert copy.read_bytes() == b"order\n7\n"
    assert copy.suffix == ".csv"
    assert copy.stat().st_mode & 0o077 == 0
    ledger.drop_copy(copy)
    assert ledger.run("last").copy is None


def test_an_input_that_cannot_be_read_leaves_no_copy(ledger, tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        ledger.keep_copy(tmp_path / "none.csv")
    with pytest.raises((SourceError, LedgerError)):
        ledger.keep_copy(tmp_path)
    assert not list(tmp_path.glob("**/*.copies/*"))


def test_an_estimate_sees_what_a_run_would_see_and_claims_nothing(ledger):
    journal = ledger.start_run(start())
    run(deliver(journal, STRIKE))
    books = list(ledger.histories("shop", [STRIKE, work(8, (3, append("x")))], Policy()))
    assert [book.plan(row)[0].outcome for book, row in zip(books, (2, 3), strict=True)] == [
        Outcome.ALREADY_APPLIED,
        None,
    ]
    (unknown,) = ledger.histories("a store never seen", [STRIKE], Policy())
    assert unknown.plan(2)[0].outcome is None
    with Ledger.open(ledger.path, read_only=True) as reader:
        (book,) = reader.histories("shop", [STRIKE], Policy())
        assert book.plan(2)[0].outcome is Outcome.ALREADY_APPLIED
        with pytest.raises(LedgerError, match="reading alone"):
            reader.start_run(start())


def test_lanes_that_write_at_once_share_commits(tmp_path):
    commits: list[str] = []
    with Ledger.open(tmp_path / "l", on_point=commits.append) as ledger:
        journal = ledger.start_run(start())
        works = [work(order, (order, append("x"))) for order in range(1, 101)]

        async def lane(book) -> Any:
            asks = book.row_asks(book.order)
            await begin(journal, book.order, asks, MONDAY)
            await settle(journal, asks, OperationState.APPLIED, MONDAY)

        async def all_lanes() -> Any:
            books = await journal.take(works)
            commits.clear()
            await asyncio.gather(*map(lane, books))

        run(all_lanes())
        assert commits.count("before commit") <= 20
        assert len(ledger.order_history(50)) == 1


def test_whoever_is_cancelled_while_waiting_has_written_all_the_same(ledger):
    journal = ledger.start_run(start())

    async def cancelled() -> Any:
        book = await take(journal, STRIKE)
        task = asyncio.create_task(begin(journal, 7, book.row_asks(2), MONDAY))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settle(journal, book.row_asks(2), OperationState.APPLIED, MONDAY)

    run(cancelled())
    assert [found.state for found in ledger.order_history(7)] == [OperationState.APPLIED]


# --- legal moves

PATHS: dict[OperationState, list[OperationState]] = {
    OperationState.SENDING: [],
    OperationState.APPLIED: [OperationState.APPLIED],
    OperationState.REFUSED: [OperationState.REFUSED],
    OperationState.ABSENT: [OperationState.ABSENT],
    OperationState.IN_DOUBT: [OperationState.IN_DOUBT],
    OperationState.THERE: [],
}


@pytest.mark.parametrize("old", list(OperationState))
@pytest.mark.parametrize("operation", [append("x"), replace("x")], ids=["append", "replace"])
def test_the_database_itself_holds_to_the_legal_moves(ledger, old, operation):
    journal = ledger.start_run(start())

    async def prepare() -> Any:
        book = await take(journal, work(7, (2, operation)))
        asks = book.row_asks(2)
        if old is OperationState.THERE:
            await journal.write(There(7, asks[0], MONDAY))
            return
        await begin(journal, 7, asks, MONDAY)
        for state in PATHS[old]:
            await settle(journal, asks, state, MONDAY)

    run(prepare())
    legal = {new for before, new in MOVES if before is old} | ({old} - {OperationState.SENDING})
    if operation.kind is OperationKind.APPEND and old is OperationState.IN_DOUBT:
        legal.discard(OperationState.SENDING)
    reached = set()
    with closing(sqlite3.connect(ledger.path)) as connection:
        for new in OperationState:
            try:
                connection.execute("UPDATE operation SET state = ?", (new.value,))
                reached.add(new)
            except sqlite3.IntegrityError as refusal:
                assert "illegal" in str(refusal)  # noqa: PT017 - what is refused is told by `reached`
            connection.rollback()
    assert reached == legal


@pytest.mark.parametrize("state", list(OperationState))
def test_an_operation_enters_the_database_only_as_sending_or_there(ledger, state):
    run(deliver(ledger.start_run(start()), STRIKE))
    with closing(sqlite3.connect(ledger.path)) as connection:
        columns = [
            name for (_, name, *_) in connection.execute("PRAGMA table_info(operation)") if name != "id"
        ]
        picked = ", ".join({"row": "row + 1", "state": f"'{state}'"}.get(name, name) for name in columns)
        enter = f"INSERT INTO operation ({', '.join(columns)}) SELECT {picked} FROM operation"
        if state in FIRST_STATES:
            connection.execute(enter)
        else:
            with pytest.raises(sqlite3.IntegrityError, match="illegal"):
                connection.execute(enter)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE operation SET key = 'other'",
        "UPDATE operation SET order_id = 8",
        "UPDATE operation SET occurrence = 2",
        "UPDATE operation SET value = '\"other\"'",
        "DELETE FROM operation",
    ],
)
def test_what_an_operation_did_cannot_be_rewritten(ledger, change):
    run(deliver(ledger.start_run(start()), STRIKE))
    with (
        closing(sqlite3.connect(ledger.path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="illegal"),
    ):
        connection.execute(change)


def test_the_text_of_what_is_in_doubt_cannot_be_removed(ledger):
    run(deliver(ledger.start_run(start()), STRIKE, state=OperationState.IN_DOUBT))
    with (
        closing(sqlite3.connect(ledger.path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="needed"),
    ):
        connection.execute("UPDATE operation SET value = NULL")


def test_one_illegal_write_fails_alone(ledger):
    journal = ledger.start_run(start())

    async def both() -> Any:
        books = await journal.take([STRIKE, work(8, (3, append("x")))])
        wrong = Settle(OperationRef(journal.run, 99, FIELD), OperationState.APPLIED, "", MONDAY)
        right = Begin(8, 3, 1, books[1].row_asks(3), None, MONDAY)
        return await asyncio.gather(journal.write(wrong), journal.write(right), return_exceptions=True)

    refused, written = run(both())
    assert isinstance(refused, LedgerError)
    assert written is None
    assert [found.state for found in ledger.order_history(8)] == [OperationState.SENDING]
    assert ledger.order_history(7) == []


def test_an_order_that_is_not_claimed_cannot_be_changed(ledger):
    journal = ledger.start_run(start())

    async def unclaimed() -> Any:
        book = await take(journal, STRIKE)
        await journal.write(Release(7))
        await begin(journal, 7, book.row_asks(2), MONDAY)

    with pytest.raises(LedgerError, match="not claimed"):
        run(unclaimed())


def test_a_write_is_all_or_nothing(ledger):
    journal = ledger.start_run(start())

    async def half() -> Any:
        book = await take(journal, STRIKE)
        wrong = Settle(OperationRef(journal.run, 99, FIELD), OperationState.APPLIED, "", MONDAY)
        await journal.write(Begin(7, 2, 1, book.row_asks(2), None, MONDAY), wrong)

    with pytest.raises(LedgerError, match="does not know"):
        run(half())
    assert ledger.order_history(7) == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.sampled_from(list(PATHS)[1:5])), max_size=6)
)
def test_a_history_is_what_was_sent_less_what_was_proven_absent(tmp_path_factory, sent):
    with Ledger.open(tmp_path_factory.mktemp("l") / "ledger", connect=unsynced) as ledger:
        journal = ledger.start_run(start())

        async def send() -> Any:
            for row, (text, overwrites, state) in enumerate(sent, 2):
                await journal.take([work(7)])
                book = await take(journal, work(7, (row, (replace if overwrites else append)(text))))
                asks = book.row_asks(row)
                await begin(journal, 7, asks, MONDAY)
                await settle(journal, asks, state, MONDAY)
            return await take(journal, work(7))

        history = run(send()).history(FIELD)
    assert [(entry.ref.row, entry.text) for entry in history] == [
        (row, text) for row, (text, _, state) in enumerate(sent, 2) if state is not OperationState.ABSENT
    ]


def test_a_run_tells_how_many_rows_are_ok_and_who_ran_it(ledger):
    journal = ledger.start_run(start(uid=1000))
    journal.add_left_out([RowResult(9, "7", Outcome.NOT_SENT, "Beyond --limit.", left_out=True)])
    run(deliver(journal, STRIKE))
    running = ledger.run(journal.run)
    journal.add_left_out([RowResult(10, "x", Outcome.INVALID, "No ID.")])
    journal.finish()
    ended = ledger.run(journal.run)
    assert (running.rows, running.ok, running.left_out) == (2, 1, 1)
    assert (ended.rows, ended.ok, ended.left_out) == (3, 1, 1)
    assert ended.person == "ann (uid 1000)"
    assert [one.person for one in ledger.order_history(7)] == ["ann (uid 1000)"]


def test_a_row_under_way_is_not_told_as_one_whose_run_has_ended(ledger):
    journal = ledger.start_run(start())

    async def leave() -> None:
        book = await take(journal, STRIKE)
        await begin(journal, 7, book.row_asks(2), MONDAY)

    run(leave())
    (result,) = ledger.results(journal.run)
    assert (result.outcome, "still goes on" in result.message) == (Outcome.UNCONFIRMED, True)
    journal.finish("interrupted", "Stopped.")
    (result,) = ledger.results(journal.run)
    assert (result.outcome, "still goes on" in result.message) == (Outcome.UNCONFIRMED, False)


def test_what_a_person_settles_and_what_stays_open_are_told_apart(ledger, clock):
    """An append is settled by hand beside a value of which nothing is known yet."""
    both = OrderWork(7, (OrderUpdate(2, 7, (append("Called"), attribute("1"))),))
    journal = ledger.start_run(start())

    async def doubt() -> None:
        book = await take(journal, both)
        asks = book.row_asks(2)
        await begin(journal, 7, asks, MONDAY)
        await settle(journal, asks, OperationState.IN_DOUBT, MONDAY)

    run(doubt())
    journal.finish()
    clock.move(seconds=100)
    result = ledger.resolve("last", 2, applied=True, who="Kim")
    assert result.outcome is Outcome.UNCONFIRMED
    assert result.message.startswith("Seen in the order by Kim. Whether the rest of the row")
    assert "whether this arrived" not in result.message
