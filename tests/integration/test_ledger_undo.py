"""What the ledger knows of undos: what they took back, what is in doubt, and who settles it."""

from __future__ import annotations

import pytest
from tests.support.ledgers import FIELD, MONDAY, Clock, append, run, start, take, work

from ordersheet.core.errors import LedgerError, UsageError
from ordersheet.core.history.orderbook import Ask, OperationRef, Policy
from ordersheet.core.history.undo import UndoBook
from ordersheet.core.journal import AttemptEnded, Begin, Done, Release, Settle
from ordersheet.core.model import Operation, OperationKind, Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import Ledger, RunJournal

S, O = OperationState, Outcome  # noqa: E741 - it stands in nearly every line here
ASKED = work(1, (2, append("Called")))
RESTORE = Ask(2, Operation(FIELD, OperationKind.REPLACE, "before"), "undo")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    with Ledger.open(tmp_path / "ledger.db", clock=clock, uptime=clock.uptime) as one:
        yield one


def sent(ledger: Ledger) -> str:
    """Send one append, as delivery does."""

    async def main() -> str:
        journal = ledger.start_run(start())
        book = await take(journal, ASKED)
        (ask,) = book.row_asks(2)
        await journal.write(Begin(1, 2, 1, (ask,), {FIELD: "before"}, MONDAY))
        ref = OperationRef(journal.run, 2, FIELD)
        await journal.write(
            AttemptEnded(2, 1, "answered ok", 200, MONDAY),
            Settle(ref, S.APPLIED, "", MONDAY),
            Done(RowResult(2, "1", O.APPLIED, "Done.", MONDAY)),
            Release(1),
        )
        journal.finish()
        return journal.run

    return run(main())


def begun_undo(ledger: Ledger, target: str) -> RunJournal:
    """Begin to put an order back, and leave it in doubt."""

    async def main() -> RunJournal:
        journal = ledger.start_run(start(undo_of=target))
        book = await take(journal, ASKED)
        assert isinstance(book, UndoBook)
        (past,) = book.past[FIELD]
        assert (past.text, past.baseline, past.may_stand) == ("Called", "before", True)
        took = (OperationRef(target, 2, FIELD),)
        await journal.write(Begin(1, 2, 1, (RESTORE,), {FIELD: "before\nCalled"}, MONDAY, took))
        ref = OperationRef(journal.run, 2, FIELD)
        await journal.write(AttemptEnded(2, 1, "unknown", None, MONDAY), Settle(ref, S.IN_DOUBT, "", MONDAY))
        return journal

    return run(main())


def settled(ledger: Ledger, journal: RunJournal, state: OperationState) -> None:
    async def main() -> None:
        ref = OperationRef(journal.run, 2, FIELD)
        outcome = O.UNDONE if state is S.APPLIED else O.UNCONFIRMED
        done = Done(RowResult(2, "1", outcome, "", MONDAY))
        await journal.write(Settle(ref, state, "", MONDAY), done, Release(1))
        journal.finish()

    run(main())


def decided(ledger: Ledger) -> Outcome | None:
    (book,) = ledger.histories("shop", [ASKED], Policy())
    (decision,) = book.plan(2)
    return decision.outcome


def test_what_is_undone_is_no_part_of_the_history(ledger):
    target = sent(ledger)
    assert decided(ledger) is O.ALREADY_APPLIED
    journal = begun_undo(ledger, target)
    settled(ledger, journal, S.APPLIED)
    assert decided(ledger) is None
    assert ledger.run(journal.run).undo_of == target
    assert ledger.find_run("last") == journal.run
    assert ledger.find_run("last", sends=True) == target
    (book,) = ledger.to_undo(target, "shop").books([ASKED], guess=False)
    assert [one.by for one in book.undone.values()] == [journal.run]


def test_an_undo_in_doubt_holds_its_order_and_is_settled_by_a_person(ledger, clock):
    target = sent(ledger)
    journal = begun_undo(ledger, target)
    settled(ledger, journal, S.IN_DOUBT)
    assert decided(ledger) is O.UNCONFIRMED

    async def adopted() -> None:
        other = ledger.start_run(start())
        book = await take(other, ASKED)
        (doubt,) = book.doubts
        assert not doubt.may_be_sent_again
        assert [entry.ref.run for entry in doubt.takes_back or ()] == [target]
        await other.write(Release(1))
        other.finish()

    run(adopted())
    clock.move(hours=1)
    result = ledger.resolve(journal.run, 2, applied=True, who="Kim")
    assert result.outcome is O.UNDONE
    assert decided(ledger) is None


def test_an_undo_that_a_person_does_not_find_leaves_things_as_they_were(ledger, clock):
    target = sent(ledger)
    journal = begun_undo(ledger, target)
    settled(ledger, journal, S.IN_DOUBT)
    with pytest.raises(UsageError, match="Too early"):
        ledger.resolve(journal.run, 2, applied=False, who="Kim")
    clock.move(hours=1)
    result = ledger.resolve(journal.run, 2, applied=False, who="Kim")
    assert (result.outcome, "Run the undo again" in result.message) == (O.NOT_SENT, True)
    assert decided(ledger) is O.ALREADY_APPLIED


def test_the_database_itself_sends_no_undo_in_doubt_once_more(ledger):
    journal = begun_undo(ledger, sent(ledger))

    async def again() -> None:
        await journal.write(Begin(1, 2, 2, (RESTORE,), {FIELD: "before\nCalled"}, MONDAY))

    with pytest.raises(LedgerError, match="an undo in doubt is not sent"):
        run(again())


def test_the_same_bytes_are_new_once_their_run_is_undone(ledger):
    async def main() -> str:
        journal: RunJournal = ledger.start_run(start(sha256="ab" * 32))
        book = await take(journal, ASKED)
        await journal.write(Begin(1, 2, 1, book.row_asks(2), {FIELD: "before"}, MONDAY))
        ref = OperationRef(journal.run, 2, FIELD)
        done = Done(RowResult(2, "1", O.APPLIED, "Done.", MONDAY))
        ended = AttemptEnded(2, 1, "answered ok", 200, MONDAY)
        await journal.write(ended, Settle(ref, S.APPLIED, "", MONDAY), done, Release(1))
        journal.finish()
        return journal.run

    target: str = run(main())
    assert [one.run for one in ledger.sent_before("shop", "ab" * 32)] == [target]
    settled(ledger, begun_undo(ledger, target), S.APPLIED)
    assert ledger.sent_before("shop", "ab" * 32) == []
