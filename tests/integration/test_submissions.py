"""Runs that were handed over, in the ledger: who has which chunk, whose turn it is, what became of rows."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.ledgers import (
    FIELD,
    MONDAY,
    append,
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
from tests.support.postgres import let_leases_end

from ordersheet.core.errors import LedgerError, UsageError
from ordersheet.core.fingerprint import mark_of
from ordersheet.core.history.orderbook import Policy
from ordersheet.core.journal import Done, Release
from ordersheet.core.model import Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery.messages import RunName, decided
from ordersheet.ledger import Ledger, RunState
from ordersheet.ledger.chunks import VERSION, WrittenChunk, works_in, written
from ordersheet.ledger.submissions import Submission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.core.model import OrderWork
    from ordersheet.ledger import RunJournal
    from ordersheet.ledger.chunks import TakenChunk

SETTINGS = {"duplicates": "skip", "most_no": None}


def works(first: int, number: int) -> list[OrderWork]:
    return [work(order, (order, append(f"text {order}"))) for order in range(first, first + number)]


def hand_over(ledger: Ledger, *chunks: list[OrderWork], sha256: str = "a" * 64, **more: Any) -> str:
    return ledger.submissions().submit(
        Submission(
            start=start(sha256=sha256, **more),
            settings=SETTINGS,
            left_out=[RowResult(1, "", Outcome.INVALID, "no order")],
            chunks=map(written, chunks),
            file=[b"the sheet", b" itself"],
        )
    )


def taken(ledger: Ledger, name: str, number: int) -> TakenChunk:
    one = ledger.submissions().take(name, number)
    assert one is not None
    return one


def outcomes(ledger: Ledger, name: str) -> dict[int, Outcome]:
    return {result.row: result.outcome for result in ledger.results(name)}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def opened(place: Path | LedgerUrl) -> Ledger:
    return Ledger.open(place, connect=unsynced)


def test_a_run_is_handed_over_whole_and_goes_on_when_its_giver_has_left(place: Path) -> None:
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 2), works(12, 2))
    with opened(place) as ledger:
        info = ledger.run("last")
        assert (info.run, info.state, info.submitted, info.outcomes) == (
            name, RunState.RUNNING, True, {"invalid": 1},
        )  # fmt: skip
        assert b"".join(ledger.submissions().file(name)) == b"the sheet itself"
        assert [one.run for one in ledger.runs()] == [name]


@pytest.mark.needs("postgres")
def test_a_living_process_keeps_its_chunk_and_a_dead_one_s_is_taken_over(ledger_url: LedgerUrl) -> None:
    with opened(ledger_url) as first, opened(ledger_url) as second:
        name = hand_over(first, works(10, 2))
        held = taken(first, name, 1)
        assert second.submissions().take(name, 1) is None
        let_leases_end(ledger_url)
        with opened(ledger_url) as third:
            other = taken(third, name, 1)
            with pytest.raises(LedgerError):
                first.submissions().finish(held, "")
            assert third.submissions().finish(other, "not tried")
            assert outcomes(third, name) == {1: Outcome.INVALID, 10: Outcome.NOT_SENT, 11: Outcome.NOT_SENT}


def test_a_chunk_that_gets_no_further_is_put_aside_and_the_others_end(place: Path) -> None:
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 1), works(20, 1))
    for _ in range(3):
        with opened(place) as ledger:
            taken(ledger, name, 1)
    with opened(place) as ledger:
        assert ledger.submissions().take(name, 1) is None
        other = taken(ledger, name, 2)
        journal = ledger.start_run(start(part_of=name, part=2))
        run(deliver(journal, other.works[0]))
        journal.finish()
        ledger.submissions().finish(other, "")
        info = ledger.run(name)
        assert (info.state, info.stopped_by, "put aside" in info.message) == (
            RunState.STOPPED,
            "internal",
            True,
        )
        assert outcomes(ledger, name)[10] is Outcome.NOT_SENT
        assert outcomes(ledger, name)[20] is Outcome.APPLIED


def test_a_chunk_that_gets_further_each_time_is_never_put_aside(place: Path) -> None:
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 6))
    for order in range(10, 16):
        with opened(place) as ledger:
            one = taken(ledger, name, 1)
            # It dies after the next row, without a word.
            run(deliver(ledger.start_run(start(part_of=name, part=1)), one.works[order - 10]))
    with opened(place) as ledger:
        one = taken(ledger, name, 1)
        journal = ledger.start_run(start(part_of=name, part=1))
        for wanted in one.works:
            run(deliver(journal, wanted))
        journal.finish()
        # Whoever brings a chunk to its end counts what all its tries have applied.
        assert ledger.submissions().finish(one, "") == {"applied": 6}
        assert ledger.submissions().finish(one, "") == {}
        assert set(outcomes(ledger, name).values()) == {Outcome.INVALID, Outcome.APPLIED}
        assert (ledger.run(name).state, len(ledger.runs())) == (RunState.FINISHED, 1)


def test_people_are_told_of_the_run_that_was_submitted_and_of_what_is_left(place: Path) -> None:
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 1), works(20, 2))
        assert ledger.submissions().rows_to_go(name) == (3, False)
        one = taken(ledger, name, 1)
        journal = ledger.start_run(start(part_of=name, part=1))
        run(deliver(journal, one.works[0]))
        journal.finish()
        ledger.submissions().finish(one, "")
        assert ledger.submissions().rows_to_go(name) == (2, True)
        (book,) = ledger.histories("shop", one.works, Policy())
        assert decided(book.plan(10)[0], RunName("now")).startswith(f"Done by run {name} on ")
        (mark,) = filter(None, (mark_of(result.message) for result in ledger.results(name)))
        assert mark.run == name
        (undo_book,) = ledger.to_undo(name, "shop").books(one.works, guess=False)
        assert {past.known_as for past in undo_book.past[FIELD]} == {name}


def test_after_a_purge_no_table_holds_a_text_and_each_row_is_still_told(place: Path) -> None:
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 2), works(20, 1))
        for number in (1, 2):
            one = taken(ledger, name, number)
            journal = ledger.start_run(start(part_of=name, part=number))
            for wanted in one.works:
                run(deliver(journal, wanted))
            journal.finish()
            ledger.submissions().finish(one, "")
        before = outcomes(ledger, name)
        assert ledger.purge_all().runs == 1
        assert outcomes(ledger, name) == before
        assert list(ledger.submissions().file(name)) == []
    with closing(sqlite3.connect(place)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        held = {table: database.execute(f'SELECT * FROM "{table}"').fetchall() for (table,) in names}
    told = {table: repr(lines) for table, lines in held.items()}
    assert [table for table, lines in told.items() if "text 1" in lines or "the sheet" in lines] == []
    assert {table: len(held[table]) for table in ("submission", "chunk", "operation", "file_part")} == {
        "submission": 1,
        "chunk": 2,
        "operation": 3,
        "file_part": 0,
    }
    assert [content for *_, content in held["chunk"]] == [None, None]


def test_what_a_person_saw_of_a_submitted_run_is_told_by_its_name(place: Path) -> None:
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 1))
        one = taken(ledger, name, 1)
        journal = ledger.start_run(start(part_of=name, part=1))
        run(deliver(journal, one.works[0], state=OperationState.IN_DOUBT))
        journal.finish()
        ledger.submissions().finish(one, "")
        assert outcomes(ledger, name)[10] is Outcome.UNCONFIRMED
        result = ledger.resolve(name, 10, applied=True, who="Kim")
        assert (result.outcome, "Kim" in result.message) == (Outcome.CONFIRMED, True)
        assert outcomes(ledger, name)[10] is Outcome.CONFIRMED


def test_what_a_try_applied_stays_applied_where_others_overwrote_it_before_the_next(place: Path) -> None:
    """A server is down for a while, a colleague is not: the run's own work is no `no` for that."""
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 1))
        one = taken(ledger, name, 1)
        run(deliver(ledger.start_run(start(part_of=name, part=1)), one.works[0]))
        ledger.submissions().give_back(one, counts=False)
        colleague = ledger.start_run(start(sha256="c" * 64))
        run(deliver(colleague, work(10, (2, replace("all new"))), MONDAY + timedelta(minutes=1)))
        colleague.finish()
        one = taken(ledger, name, 1)
        later = ledger.start_run(start(part_of=name, part=1))
        assert run(deliver(later, one.works[0])) == [Outcome.ALREADY_APPLIED]
        later.finish()
        ledger.submissions().finish(one, "")
        assert outcomes(ledger, name)[10] is Outcome.APPLIED


def die_while_handing_over(place: str) -> None:
    """Hand a run over, and be killed before all of it is there."""

    def chunks() -> Iterator[WrittenChunk]:
        yield written(works(10, 1))
        os.kill(os.getpid(), signal.SIGKILL)

    with opened(Path(place)) as ledger:
        ledger.submissions().submit(
            Submission(start=start(sha256="a" * 64), settings=SETTINGS, left_out=[], chunks=chunks(), file=[])
        )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing is killed so here")
def test_a_run_whose_giver_is_killed_before_it_is_handed_over_was_never_there(place: Path) -> None:
    with opened(place) as ledger:
        earlier = hand_over(ledger, works(5, 1), sha256="b" * 64)
    name = die_while_handing_over.__name__
    code = f"import sys; from {__name__} import {name}; {name}(sys.argv[1])"
    root = Path(__file__).parents[2]
    died = subprocess.run([sys.executable, "-c", code, str(place)], cwd=root, check=False)
    assert died.returncode == -signal.SIGKILL
    with sqlite3.connect(place) as found:
        assert found.execute("SELECT count(*) FROM chunk").fetchone() == (2,)
    found.close()
    with opened(place) as ledger:
        assert [one.run for one in ledger.runs()] == [earlier]
        assert ledger.run("last").run == earlier
        assert [one.run for one in ledger.submissions().look(9).open] == [earlier]
        name = hand_over(ledger, works(10, 1))
        assert [one.run for one in ledger.runs()] == [name, earlier]
    with sqlite3.connect(place) as found:
        assert found.execute("SELECT count(*) FROM chunk").fetchone() == (2,)
        assert found.execute("SELECT count(*) FROM run").fetchone() == (2,)
    found.close()


def test_to_take_a_chunk_again_costs_as_much_for_many_rows_as_for_few(place: Path) -> None:
    """Whoever takes one is alone in the whole ledger meanwhile."""
    said: list[str] = []

    def overheard(path: Path, *, read_only: bool, busy: float) -> sqlite3.Connection:
        connection = unsynced(path, read_only=read_only, busy=busy)
        connection.set_trace_callback(said.append)
        return connection

    costs = []
    with Ledger.open(place, connect=overheard) as ledger:
        name = hand_over(ledger, works(10, 2), works(100, 60))
        for number in (1, 2):
            one = taken(ledger, name, number)
            journal = ledger.start_run(start(part_of=name, part=number))
            for wanted in one.works:
                run(deliver(journal, wanted))
            ledger.submissions().give_back(one, counts=False)
            said.clear()
            taken(ledger, name, number)
            costs.append(len(said))
    assert costs[0] == costs[1] < 20


def test_rows_that_end_in_no_are_counted_across_chunks_under_way(place: Path) -> None:
    with opened(place) as ledger:
        submissions = ledger.submissions()
        name = hand_over(ledger, works(10, 2), works(20, 2), works(30, 2))
        under_way = [taken(ledger, name, number) for number in (1, 2)]
        for one in under_way:
            journal = ledger.start_run(start(part_of=name, part=one.number))
            run(deliver(journal, one.works[0], state=OperationState.REFUSED))
            run(deliver(journal, one.works[1]))
        assert submissions.no_rows(name) == 2
        submissions.finish(under_way[1], "")
        assert submissions.no_rows(name) == 2
        assert taken(ledger, name, 3).no_rows == 2
    with opened(place) as ledger:
        # What an earlier try of the same chunk told counts once it is told again.
        assert taken(ledger, name, 1).no_rows == 1


def test_a_chunk_given_back_in_peace_is_no_try_that_failed(place: Path) -> None:
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 1))
        for _ in range(5):
            ledger.submissions().give_back(taken(ledger, name, 1), counts=False)
        assert ledger.submissions().take(name, 1) is not None


def test_runs_take_turns_however_long_the_first_is(place: Path) -> None:
    with opened(place) as ledger:
        submissions = ledger.submissions()
        long = hand_over(ledger, *(works(order, 1) for order in range(10, 16)))
        for number in (1, 2):
            submissions.finish(taken(ledger, long, number), "")
        short = hand_over(ledger, works(30, 1), works(31, 1), sha256="b" * 64)
        in_turn = [(one.run, one.number) for one in submissions.look(9).open]
        assert in_turn[:4] == [(long, 3), (short, 1), (long, 4), (short, 2)]


def test_the_same_file_is_taken_once_while_it_is_being_sent(place: Path) -> None:
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 1))
        with pytest.raises(UsageError, match=name):
            hand_over(ledger, works(10, 1))
        hand_over(ledger, works(10, 1), policy=Policy(batch="two"))
        hand_over(ledger, works(10, 1), store="another")
        ledger.submissions().finish(taken(ledger, name, 1), "")
        hand_over(ledger, works(10, 1))


def test_what_is_stopped_is_not_sent_and_whoever_has_a_chunk_ends_it(place: Path) -> None:
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 1), works(20, 1))
        held = taken(ledger, name, 1)
        assert ledger.submissions().stop(name, message="stopped") == name
        assert ledger.submissions().state(name) == ({"taken": 1, "stopped": 1}, True, False)
        ledger.submissions().finish(held, "stopped")
        info = ledger.run(name)
        assert (info.state, info.stopped_by) == (RunState.STOPPED, "interrupted")
        assert {one.message for one in ledger.results(name)} == {"no order", "stopped"}
        with pytest.raises(UsageError, match="has ended"):
            ledger.submissions().stop(name, message="stopped")


def test_a_purge_leaves_what_workers_still_need(place: Path, tmp_path: Path) -> None:
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 1))
        ledger.purge(timedelta(0))
        one = taken(ledger, name, 1)
        assert one.works == works(10, 1)
        ledger.submissions().finish(one, "")
        ledger.back_up(tmp_path / "copy.db")
        ledger.purge(timedelta(0))
        assert list(ledger.submissions().file(name)) == []
    with opened(tmp_path / "copy.db") as copy:
        assert b"".join(copy.submissions().file(name)) == b"the sheet itself"


def test_what_a_chunk_holds_is_read_as_it_was_written() -> None:
    given_works = [*works(10, 3), work(7, (2, append("ÄÖ\n\0😀")), (5, append("", "comment")))]
    assert works_in(written(given_works).content) == given_works


ENDS = st.sampled_from(["applied", "refused", "dies in doubt", "dies before", "not reached"])
"""What becomes of a row in one try."""


@settings(max_examples=10)
@given(st.lists(st.lists(ENDS, min_size=3, max_size=3), min_size=1, max_size=4))
@example([["applied", "dies before", "applied"], ["applied", "dies in doubt", "applied"]])
@example([["applied", "refused", "dies in doubt"], ["not reached", "not reached", "not reached"]])
def test_a_row_is_told_by_what_the_ledger_knows_of_it(
    tmp_path_factory: pytest.TempPathFactory, tries: list[list[str]]
) -> None:
    """Whatever tries came to: what stands is ok, and as this run's own; what is in doubt is said to be."""
    place = tmp_path_factory.mktemp("tries") / "ledger.db"
    with opened(place) as ledger:
        name = hand_over(ledger, works(10, 3))
    stands: dict[int, str] = {}
    for ends in tries:
        with opened(place) as ledger:
            one = ledger.submissions().take(name, 1)
            if one is None:
                break
            journal = ledger.start_run(start(part_of=name, part=1))
            for wanted, end in zip(one.works, ends, strict=True):
                if end == "dies before" or (end != "not reached" and _dies(journal, wanted, end, stands)):
                    break
    with opened(place) as ledger:
        if (one := ledger.submissions().take(name, 1)) is not None:
            ledger.submissions().finish(one, "not reached")
        told = outcomes(ledger, name)
    for order in (10, 11, 12):
        assert told[order] in EXPECTED[stands.get(order)], (order, stands, tries)


EXPECTED = {
    "applied": {Outcome.APPLIED, Outcome.CONFIRMED},
    "refused": {Outcome.REFUSED},
    "dies in doubt": {Outcome.UNCONFIRMED},
    None: {Outcome.NOT_SENT},
}


def _dies(journal: RunJournal, wanted: OrderWork, end: str, stands: dict[int, str]) -> bool:
    """Let a row of an order come to this end, where it is sent at all; tells whether its process died."""
    order = wanted.order
    book = run(take(journal, wanted))
    decision = book.plan(order)[0]
    if book.doubts:
        return False
    if decision.outcome is not None:
        run(journal.write(Done(RowResult(order, str(order), decision.outcome, "", MONDAY))))
        return False
    asks = (decision.ask,)
    stands[order] = end
    run(begin(journal, order, asks, MONDAY))
    if end == "dies in doubt":
        return True
    state = OperationState.APPLIED if end == "applied" else OperationState.REFUSED
    run(settle(journal, asks, state, MONDAY))
    outcome = Outcome.APPLIED if end == "applied" else Outcome.REFUSED
    run(journal.write(Done(RowResult(order, str(order), outcome, "", MONDAY)), Release(order)))
    return False


def test_what_a_newer_program_handed_over_is_neither_found_nor_taken_nor_ended(ledger_url: LedgerUrl) -> None:
    with Ledger.open(ledger_url) as ledger:
        submissions = ledger.submissions()
        newer = submissions.submit(
            Submission(
                start=start(sha256="b" * 64),
                settings=SETTINGS,
                left_out=[],
                chunks=[written(works(7, 2))],
                file=[],
                version=VERSION + 1,
            )
        )
        name = hand_over(ledger, works(1, 2))
        assert [(one.run, one.number) for one in submissions.look(9).open] == [(name, 1)]
        for refused in (lambda: submissions.take(newer, 1), lambda: submissions.stop(newer, message="")):
            with pytest.raises(LedgerError, match="newer version"):
                refused()
        assert submissions.state(newer) == ({"waiting": 1}, False, False)
        assert submissions.rows_to_go(newer) == (2, False)
