"""The same texts once more: `--again`, and how an unfinished one is gone on with."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from tests.support.ledgers import MONDAY, Clock, append, deliver, replace, run, start, take, unsynced, work

from ordersheet.core.errors import LedgerError
from ordersheet.core.history.orderbook import Policy
from ordersheet.core.journal import Done, Release
from ordersheet.core.model import Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import AgainFacts, Ledger
from ordersheet.ledger.writer import BEFORE_COMMIT

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ordersheet.core.model import OrderWork

AGAIN = Policy(again=True)
FILE = [work(order, (order, append("Call the customer"))) for order in (2, 3, 4)]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    path = tmp_path / "ledger.sqlite3"
    with Ledger.open(path, clock=clock, uptime=clock.uptime, connect=unsynced) as opened:
        yield opened


def send(
    ledger: Ledger,
    works: Sequence[OrderWork] = FILE,
    policy: Policy | None = None,
    only: Container[int] | None = None,
    state: OperationState = OperationState.APPLIED,
) -> tuple[dict[int, Outcome | None], AgainFacts]:
    """Send a file, or some orders of it alone, as if killed then; gives what was decided by order."""
    policy = policy or Policy()
    journal = ledger.start_run(start(policy))
    facts = journal.record_again(works)
    decided: dict[int, Outcome | None] = {}
    for wanted in works:
        if only is None or wanted.order in only:
            (decided[wanted.order],) = run(deliver(journal, wanted, state=state))
    return decided, facts


def texts(ledger: Ledger, order: int) -> list[tuple[str | None, int]]:
    return [
        (found.text, found.occurrence) for found in ledger.order_history(order) if found.state == "applied"
    ]


def test_again_sends_each_append_once_more_and_only_once(ledger):
    assert send(ledger) == ({2: None, 3: None, 4: None}, AgainFacts(0, None))
    assert send(ledger)[0] == dict.fromkeys((2, 3, 4), Outcome.ALREADY_APPLIED)
    assert send(ledger, policy=AGAIN) == ({2: None, 3: None, 4: None}, AgainFacts(3, None))
    assert texts(ledger, 2) == [("Call the customer", 1), ("Call the customer", 2)]
    assert send(ledger)[0] == dict.fromkeys((2, 3, 4), Outcome.ALREADY_APPLIED)
    assert send(ledger, policy=AGAIN)[0] == {2: None, 3: None, 4: None}
    assert texts(ledger, 2)[-1] == ("Call the customer", 3)


@pytest.mark.parametrize("policy", [AGAIN, Policy()], ids=["with --again", "without"])
def test_the_next_send_of_the_same_rows_finishes_what_was_left(ledger, policy):
    send(ledger)
    send(ledger, policy=AGAIN, only=[2])
    journal_name = ledger.find_run("last")
    decided, facts = send(ledger, policy=policy)
    assert facts == AgainFacts(0, journal_name)
    assert decided == {2: Outcome.ALREADY_APPLIED, 3: None, 4: None}
    for order in (2, 3, 4):
        assert texts(ledger, order) == [("Call the customer", 1), ("Call the customer", 2)]
    # It is finished now: --again means once more, and without it nothing is sent.
    assert send(ledger)[0] == dict.fromkeys((2, 3, 4), Outcome.ALREADY_APPLIED)
    assert send(ledger, policy=AGAIN)[1] == AgainFacts(3, None)


def test_what_is_in_doubt_counts_as_known_and_leaves_the_run_unfinished(ledger):
    send(ledger, state=OperationState.IN_DOUBT)
    decided, _ = send(ledger, policy=AGAIN, state=OperationState.IN_DOUBT, only=[2])
    assert decided == {2: None}
    assert [found.occurrence for found in ledger.order_history(2)] == [1, 2]
    assert send(ledger, policy=AGAIN, only=[2])[1].finishing is not None


def test_refused_is_finished(ledger):
    send(ledger)
    send(ledger, policy=AGAIN, state=OperationState.REFUSED)
    assert send(ledger, policy=AGAIN)[1] == AgainFacts(3, None)


def test_absent_is_not_finished_and_is_sent_by_the_next_run(ledger):
    send(ledger)
    send(ledger, policy=AGAIN, state=OperationState.ABSENT)
    assert send(ledger) == ({2: None, 3: None, 4: None}, AgainFacts(0, ledger.runs()[1].run))
    assert texts(ledger, 2) == [("Call the customer", 1), ("Call the customer", 2)]


def test_resolved_is_finished(ledger, clock):
    send(ledger, FILE[:1])
    send(ledger, FILE[:1], policy=AGAIN, state=OperationState.IN_DOUBT)
    clock.move(minutes=2)
    ledger.resolve("last", 2, applied=False, who="ann")
    assert send(ledger, FILE[:1], policy=AGAIN)[1] == AgainFacts(1, None)
    assert texts(ledger, 2) == [("Call the customer", 1), ("Call the customer", 2)]


def test_invalid_is_finished(ledger):
    send(ledger, FILE[:1])
    journal = ledger.start_run(start(AGAIN))
    journal.record_again(FILE[:1])

    async def invalid() -> None:
        await take(journal, FILE[0])
        await journal.write(Done(RowResult(2, "2", Outcome.INVALID, "bad", MONDAY)), Release(2))

    run(invalid())
    assert send(ledger, FILE[:1], policy=AGAIN)[1] == AgainFacts(1, None)


def test_others_in_a_corrected_file_are_ordinary(ledger):
    send(ledger)
    send(ledger, policy=AGAIN, only=[2])
    other = work(9, (9, append("New in the file")))
    send(ledger, [other])
    decided, facts = send(ledger, [*FILE, other], policy=AGAIN)
    assert facts.finishing is not None
    assert decided == {2: Outcome.ALREADY_APPLIED, 3: None, 4: None, 9: Outcome.ALREADY_APPLIED}


def test_another_file_is_not_touched_by_an_unfinished_run(ledger):
    other = [work(9, (9, append("Another file")))]
    send(ledger, other)
    send(ledger, policy=AGAIN, only=[2])
    assert send(ledger, other) == ({9: Outcome.ALREADY_APPLIED}, AgainFacts(0, None))
    assert send(ledger, other, policy=AGAIN) == ({9: None}, AgainFacts(1, None))


def test_batches_are_apart(ledger):
    send(ledger)
    send(ledger, policy=Policy(again=True, batch="b"), only=[2])
    assert send(ledger)[0] == dict.fromkeys((2, 3, 4), Outcome.ALREADY_APPLIED)
    assert send(ledger, policy=Policy(batch="b"))[1].finishing is not None


def test_a_run_killed_before_all_was_recorded_has_recorded_nothing(tmp_path):
    """The n-th commit fails, for each n, while hundreds of occurrences are recorded."""
    works = [work(order, (order, append("x"))) for order in range(1, 2501)]
    for failing in range(1, 5):
        path = tmp_path / f"{failing}" / "ledger.sqlite3"
        fault = Countdown(failing)
        with Ledger.open(path, on_point=fault, connect=unsynced) as ledger:
            journal = ledger.start_run(start(AGAIN))
            fault.armed = True
            with pytest.raises(LedgerError):
                journal.record_again(works)
        with Ledger.open(path, connect=unsynced) as ledger:
            assert not ledger.start_run(start()).goes_on_with_again


class Countdown:
    """A disk that is full from the n-th commit on, once armed."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.armed = False

    def __call__(self, name: str) -> None:
        if self.armed and name == BEFORE_COMMIT:
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.ENOSPC, "full")


def test_an_again_run_that_has_recorded_nothing_may_not_send(ledger):
    with pytest.raises(LedgerError, match="before it sends"):
        run(take(ledger.start_run(start(AGAIN)), FILE[0]))


def test_repetitions_in_the_file_count_each_where_they_are_to_be_sent(ledger):
    twice = [work(2, (2, append("x")), (3, append("x")))]
    each = Policy(again=True, duplicates="send")
    journal = ledger.start_run(start(each))
    assert journal.record_again(twice) == AgainFacts(2, None)
    assert run(deliver(journal, twice[0])) == [None, None]
    assert texts(ledger, 2) == [("x", 1), ("x", 2)]
    second = ledger.start_run(start(each))
    assert second.record_again(twice) == AgainFacts(2, None)
    assert run(deliver(second, twice[0])) == [None, None]
    assert texts(ledger, 2)[2:] == [("x", 3), ("x", 4)]
    third = ledger.start_run(start(AGAIN))
    assert third.record_again(twice) == AgainFacts(1, None)
    assert run(deliver(third, twice[0])) == [None, Outcome.DUPLICATE]


def test_overwrites_are_not_recorded(ledger):
    journal = ledger.start_run(start(AGAIN))
    assert journal.record_again([work(2, (2, replace("x")))]) == AgainFacts(0, None)
    assert not journal.goes_on_with_again


def test_an_estimate_counts_what_again_would_send(ledger):
    send(ledger)
    books = ledger.histories("shop", FILE, AGAIN)
    assert [book.plan(book.order)[0].outcome for book in books] == [None, None, None]
    send(ledger, policy=AGAIN, only=[2])
    for policy in (AGAIN, Policy()):
        books = ledger.histories("shop", FILE, policy)
        assert [book.plan(book.order)[0].outcome for book in books] == [Outcome.ALREADY_APPLIED, None, None]
