"""A chunk that is tried again while others write to its orders: nothing twice, nothing over what is newer.

The worlds are drawn: tries that end in every way, colleagues who send at the same ledger between two tries,
and people in the shop's own back office. The shop keeps its own record, and an oracle that knows nothing of
tries holds it against what the run is told to have come to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.ledgers import FIELD, MONDAY, append, replace, run, start, take, unsynced

from ordersheet.core.history.orderbook import Entry, OperationRef
from ordersheet.core.journal import AttemptEnded, Begin, Done, Release, Settle
from ordersheet.core.model import Operation, OperationKind, OrderUpdate, OrderWork, Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery.parts import row_outcome
from ordersheet.ledger import Ledger
from ordersheet.ledger.chunks import written
from ordersheet.ledger.submissions import Submission

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.history.orderbook import Ask, Decision, OrderBook
    from ordersheet.ledger import RunJournal

ORDER = 7
FIELDS = (FIELD, "comment")
SENDS = {
    "applied": OperationState.APPLIED,
    "refused": OperationState.REFUSED,
    "lost": OperationState.IN_DOUBT,
    "never": OperationState.IN_DOUBT,
}
"""What becomes of a request: `lost` was applied and its answer was not heard, `never` did not arrive."""
ENDS = (*SENDS, "killed after", "killed before", "dies")


class Write(NamedTuple):
    """What the shop has applied."""

    who: str
    row: int
    operation: Operation


@dataclass
class Shop:
    """The shop, with a record of its own, and what the ledger was told."""

    writes: list[Write] = field(default_factory=list)
    settled: set[tuple[int, str]] = field(default_factory=set)
    """Row and field of what the run was told to be applied."""
    refs: dict[OperationRef, int] = field(default_factory=dict)
    """Where among the writes an operation of the ledger stands."""
    wrong: list[str] = field(default_factory=list)

    def apply(self, who: str, row: int, operation: Operation, ref: OperationRef | None = None) -> None:
        before = [
            at for at, one in enumerate(self.writes) if one[:2] == (who, row) and self._like(at, operation)
        ]
        if who == "run" and before:
            between = {one.who for one in self.writes[before[-1] + 1 :] if self._of(one, operation)}
            if operation.kind is OperationKind.APPEND or (row, operation.field) in self.settled:
                self.wrong.append(f"row {row} was applied twice: {operation}")
            elif "desk" in between:
                self.wrong.append(f"row {row} was sent again over what a colleague wrote: {operation}")
        if (
            operation.kind is OperationKind.APPEND
            and who != "person"
            and operation.value in self.texts(operation.field)
        ):
            self.wrong.append(f"{operation} stands twice")
        if ref is not None:
            self.refs[ref] = len(self.writes)
        self.writes.append(Write(who, row, operation))

    def _like(self, at: int, operation: Operation) -> bool:
        return self.writes[at].operation == operation

    def _of(self, one: Write, operation: Operation) -> bool:
        return one.operation.field == operation.field

    def texts(self, name: str) -> list[object]:
        texts: list[object] = []
        for one in self.writes:
            if one.operation.field == name:
                texts = [] if one.operation.kind.overwrites else texts
                texts.append(one.operation.value)
        return texts

    def standing(self, ref: OperationRef) -> bool | None:
        """Tell whether an append stands, as a reading would; None where it cannot tell."""
        if ref in self.refs:
            later = self.writes[self.refs[ref] + 1 :]
            gone = any(one.operation.field == ref.field and one.operation.kind.overwrites for one in later)
            return None if gone else True
        return False


class Killed(Exception):
    """A try's process is dead."""


class Sender:
    """Sends an order's rows as delivery does, with ends that are given."""

    def __init__(self, shop: Shop, who: str, journal: RunJournal) -> None:
        self._shop, self._who, self._journal = shop, who, journal
        self._held = False
        self._fates: dict[tuple[int, str], Outcome] = {}

    def send(self, work: OrderWork, ends: list[str]) -> None:
        book = run(take(self._journal, work))
        self._look_up(book)
        for row, end in zip(book.rows, ends, strict=False):
            if end == "dies":
                raise Killed
            self._row(book, row, end)
        run(self._journal.write(Release(ORDER)))

    def _look_up(self, book: OrderBook) -> None:
        for doubt in book.doubts:
            if doubt.operation.kind.overwrites:
                continue
            stands = self._shop.standing(doubt.ref)
            if stands is None:
                self._held = True
                continue
            state = OperationState.APPLIED if stands else OperationState.ABSENT
            run(self._journal.write(Settle(doubt.ref, state, "", MONDAY)))
            if stands:
                book.confirm(doubt.ref, MONDAY, "")
            else:
                book.forget(doubt.ref)

    def _row(self, book: OrderBook, row: int, end: str) -> None:
        plan = book.plan(row)
        asks = tuple(one.ask for one in plan if one.outcome is None)
        outcomes = [self._decided(one) for one in plan]
        if asks and (self._held or book.waits_for(row) is not None):
            end = "held"
            outcomes = [one or Outcome.NOT_SENT for one in outcomes]
        elif asks:
            state = self._request(book, row, asks, end)
            now = {
                OperationState.APPLIED: Outcome.APPLIED,
                OperationState.REFUSED: Outcome.REFUSED,
                OperationState.IN_DOUBT: Outcome.UNCONFIRMED,
            }[state]
            self._held |= state is OperationState.IN_DOUBT and any(
                not a.operation.kind.overwrites for a in asks
            )
            outcomes = [one or now for one in outcomes]
        for one, outcome in zip(plan, outcomes, strict=True):
            assert outcome is not None
            self._fates[row, one.ask.operation.field] = outcome
        told = row_outcome(one for one in outcomes if one is not None)
        run(self._journal.write(Done(RowResult(row, str(ORDER), told, "", MONDAY))))

    def _decided(self, decision: Decision) -> Outcome | None:
        """Give what is known of an operation before its row is sent; a duplicate has its twin's fate."""
        if decision.twin is None:
            return decision.outcome
        twin = self._fates[decision.twin, decision.ask.operation.field]
        return Outcome.DUPLICATE if twin.ok else twin

    def _request(self, book: OrderBook, row: int, asks: tuple[Ask, ...], end: str) -> OperationState:
        run(self._journal.write(Begin(ORDER, row, 1, asks, dict.fromkeys(FIELDS, ""), MONDAY)))
        if end == "killed before":
            raise Killed
        refs = [OperationRef(self._journal.run, row, ask.operation.field) for ask in asks]
        if end in {"applied", "lost", "killed after"}:
            for ask, ref in zip(asks, refs, strict=True):
                self._shop.apply(self._who, row, ask.operation, ref)
        if end == "killed after":
            raise Killed
        state = SENDS[end]
        settles = [Settle(ref, state, "", MONDAY) for ref in refs]
        verdict = "unknown" if state is OperationState.IN_DOUBT else "answered ok"
        run(self._journal.write(AttemptEnded(row, 1, verdict, 200, MONDAY), *settles))
        for ask, ref in zip(asks, refs, strict=True):
            book.record(Entry(ref, ask.operation.kind, ask.key, state, ask.occurrence, None, MONDAY))
            if state is OperationState.APPLIED and self._who == "run":
                self._shop.settled.add((row, ask.operation.field))
        return state


OPERATIONS = st.sampled_from(
    [
        *(append(text, name) for text in "ab" for name in FIELDS),
        *(replace(text, name) for text in "xy" for name in FIELDS),
        Operation(FIELD, OperationKind.CLEAR, None),
    ]
)
ROWS = st.lists(OPERATIONS, min_size=1, max_size=2, unique_by=lambda one: one.field)
FILES = st.lists(ROWS, min_size=1, max_size=4)
TRIES = st.tuples(st.just("try"), st.lists(st.sampled_from(ENDS), min_size=4, max_size=4))
DESKS = st.tuples(st.just("desk"), FILES)
PEOPLE = st.tuples(st.just("person"), OPERATIONS.filter(lambda one: one.kind.overwrites))
STEPS = st.lists(st.one_of(TRIES, DESKS, PEOPLE), min_size=1, max_size=6)


def work_of(rows: list[list[Operation]]) -> OrderWork:
    return OrderWork(ORDER, tuple(OrderUpdate(at, ORDER, tuple(row)) for at, row in enumerate(rows, 1)))


def opened(place: Path) -> Ledger:
    return Ledger.open(place, connect=unsynced)


def live(
    place: Path, rows: list[list[Operation]], steps: list[tuple[str, Any]]
) -> tuple[Shop, dict[int, Outcome]]:
    """Let a run go through all this; gives the shop's record, and what each row is told to have come to."""
    shop = Shop()
    with opened(place) as ledger:
        name = ledger.submissions().submit(
            Submission(
                start=start(sha256="a" * 64),
                settings={},
                left_out=[],
                chunks=[written([work_of(rows)])],
                file=[b""],
            )
        )
    for number, (what, how) in enumerate([*steps, ("try", ["applied"] * 4)]):
        with opened(place) as ledger:
            if what == "try":
                one = ledger.submissions().take(name, 1)
                if one is None:
                    break
                journal = ledger.start_run(start(part_of=name, part=1))
                try:
                    Sender(shop, "run", journal).send(one.works[0], how)
                except Killed:
                    continue
                journal.finish()
                ledger.submissions().give_back(one, counts=False)
            elif what == "desk":
                journal = ledger.start_run(start(sha256=f"{number:064}"))
                Sender(shop, "desk", journal).send(work_of(how), ["applied"] * 4)
                journal.finish()
            else:
                shop.apply("person", 0, how)
    with opened(place) as ledger:
        one = ledger.submissions().take(name, 1)
        if one is not None:
            ledger.submissions().finish(one, "not reached")
        return shop, {result.row: result.outcome for result in ledger.results(name)}


def judge(shop: Shop, rows: list[list[Operation]], told: dict[int, Outcome]) -> None:
    """Hold what rows are told to have come to against the shop's record."""
    assert not shop.wrong, shop.wrong
    assert set(told) == set(range(1, len(rows) + 1))
    for row, outcome in told.items():
        own = [one.operation for one in shop.writes if one[:2] == ("run", row)]
        if outcome in {Outcome.APPLIED, Outcome.CONFIRMED}:
            assert own, (row, outcome)
        elif outcome in {Outcome.ALREADY_APPLIED, Outcome.DUPLICATE}:
            assert all(any(one.operation == op for one in shop.writes) for op in rows[row - 1]), (
                row,
                outcome,
            )
        elif outcome not in {Outcome.UNCONFIRMED, Outcome.PARTLY_APPLIED, Outcome.OVERWRITTEN_SINCE}:
            assert not own, (row, outcome)


CLEAR = Operation(FIELD, OperationKind.CLEAR, None)
OK, NOT = ["applied"] * 4, ["applied", "dies", "dies", "dies"]


@settings(max_examples=40)
@given(FILES, STEPS)
@example([[replace("x")], [append("a")]], [("try", NOT), ("desk", [[replace("y")]])])
@example([[replace("x"), append("a", "comment")]], [("try", ["lost"] * 4), ("desk", [[replace("y")]])])
@example([[append("a")], [replace("x")], [append("a")]], [("try", NOT), ("desk", [[CLEAR]])])
@example([[append("a")], [append("b")]], [("try", NOT), ("desk", [[append("b")]])])
@example([[replace("x")], [append("a")]], [("try", ["dies"] * 4), ("desk", [[append("a")]])])
@example([[replace("x")], [replace("y")]], [("try", ["applied", "lost", "dies", "dies"])])
@example([[replace("x")]], [("try", ["lost"] * 4), ("try", ["refused"] * 4)])
def test_nothing_is_sent_again_or_over_what_is_newer_however_often_a_chunk_is_tried(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Operation]], steps: list[tuple[str, Any]]
) -> None:
    shop, told = live(tmp_path_factory.mktemp("world") / "ledger.db", rows, steps)
    judge(shop, rows, told)


@pytest.mark.torture
@settings(max_examples=1500)
@given(FILES, STEPS)
def test_however_often_a_chunk_is_tried_in_many_worlds(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Operation]], steps: list[tuple[str, Any]]
) -> None:
    shop, told = live(tmp_path_factory.mktemp("world") / "ledger.db", rows, steps)
    judge(shop, rows, told)
