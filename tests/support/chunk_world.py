"""One order of a chunk that is tried several times, among others who write to it, undo, and type.

The shop keeps its own record: what stands in a field is known by the writes that stand there, whatever the
ledger was told.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.ledgers import FIELD, MONDAY, run, start, take, unsynced

from ordersheet.core.history.orderbook import Ask, Entry, OperationRef, Policy
from ordersheet.core.history.undo import UndoBook
from ordersheet.core.journal import AttemptEnded, Begin, Done, Release, Settle
from ordersheet.core.model import Operation, OperationKind, OrderUpdate, OrderWork, Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery.parts import row_outcome
from ordersheet.delivery.undoing.plan import fields_of, plan_field, restoring
from ordersheet.ledger import Ledger
from ordersheet.ledger.chunks import written
from ordersheet.ledger.submissions import Submission

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.history.orderbook import Decision, Doubt, OrderBook
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
    stands: dict[str, tuple[int, ...]] = field(default_factory=lambda: dict.fromkeys(FIELDS, ()))
    """By field, which writes stand there."""
    seen: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    """By field and text, which writes stood there when it held that text last."""
    undone: set[int] = field(default_factory=set)
    """Writes that an undo has taken out."""
    settled: set[tuple[int, str]] = field(default_factory=set)
    """Row and field of what the run was told to be applied."""
    refs: dict[OperationRef, int] = field(default_factory=dict)
    """Where among the writes an operation of the ledger stands."""
    wrong: list[str] = field(default_factory=list)
    faults: int = 0
    """Requests without an answer."""

    def apply(self, who: str, row: int, operation: Operation, ref: OperationRef | None = None) -> None:
        """Carry out a write."""
        self._check(who, row, operation)
        name, at = operation.field, len(self.writes)
        before = self.stands[name]
        earlier = self.seen.get((name, str(operation.value or "")), ())
        self.seen[name, self.text(name)] = before
        if ref is not None:
            self.refs[ref] = at
        self.writes.append(Write(who, row, operation))
        if who == "undo":
            # What stands there once more was written by whoever wrote it.
            self.stands[name] = earlier
            self.undone.update(set(before) - set(self.stands[name]))
        elif operation.kind.overwrites:
            self.stands[name] = (at,) if operation.value else ()
        else:
            self.stands[name] = (*before, at)

    def _check(self, who: str, row: int, operation: Operation) -> None:
        asked = Write(who, row, operation)
        before = [at for at, one in enumerate(self.writes) if one == asked]
        if who == "run" and before:
            last = before[-1]
            others = {
                at
                for at, one in enumerate(self.writes)
                if at > last and (one.who, one.operation.field) == ("desk", operation.field)
            }
            if operation.kind is OperationKind.APPEND or (row, operation.field) in self.settled:
                self.wrong.append(f"row {row} was applied twice: {operation}")
            elif others - self.undone:
                self.wrong.append(f"row {row} was sent again over what a colleague wrote: {operation}")
            elif last in self.undone:
                self.wrong.append(f"row {row} was sent again after somebody had taken it back: {operation}")
        later = [one for one in self.writes if one.who == who and one.operation.field == operation.field]
        if who == "run" and any(one.row > row for one in later):
            self.wrong.append(f"row {row} was applied after a later one: {operation}")
        if (
            operation.kind is OperationKind.APPEND
            and who in {"run", "desk"}
            and str(operation.value) in self.text(operation.field).split("\n")
        ):
            self.wrong.append(f"{operation} stands twice")

    def text(self, name: str) -> str:
        """Give what a field holds."""
        return "\n".join(str(self.writes[at].operation.value) for at in self.stands[name])

    def standing(self, ref: OperationRef) -> bool | None:
        """Tell whether an operation stands, as a reading would; None where it cannot tell."""
        at = self.refs.get(ref)
        if at is None:
            return False
        write = self.writes[at]
        if write.who == "undo":
            return True if self.text(ref.field) == str(write.operation.value or "") else None
        return True if at in self.stands[ref.field] else None


class Killed(Exception):
    """A try's process is dead."""


def look_up(shop: Shop, journal: RunJournal, book: OrderBook) -> bool:
    """Settle what is in doubt by what the shop shows; tells whether something stays so, and holds all."""
    held = False
    for doubt in book.doubts:
        if doubt.may_be_sent_again:
            continue
        stands = shop.standing(doubt.ref)
        if stands is None:
            held = True
            continue
        state = OperationState.APPLIED if stands else OperationState.ABSENT
        run(journal.write(Settle(doubt.ref, state, "", MONDAY)))
        _tell(book, doubt, stands=stands)
    return held


def _tell(book: OrderBook, doubt: Doubt, *, stands: bool) -> None:
    """Tell an order's book what was seen of a doubt, as delivery does."""
    if doubt.takes_back is not None and stands:
        book.take_back(doubt, MONDAY)
    elif doubt.takes_back is not None:
        for entry in doubt.takes_back:
            book.record(entry)
    elif stands:
        book.confirm(doubt.ref, MONDAY, "")
    else:
        book.forget(doubt.ref)


class Request(NamedTuple):
    """A request that is sent."""

    who: str
    number: int
    """The how-manieth of its row."""
    asks: tuple[Ask, ...]
    undoes: tuple[OperationRef, ...] = ()


def request(shop: Shop, journal: RunJournal, one: Request, end: str) -> OperationState:
    """Write a request ahead, send it, and settle what it has come to.

    Raises:
        Killed: it does not come that far.
    """
    row, asks = one.asks[0].row, one.asks
    held = {name: shop.text(name) for name in FIELDS}
    run(journal.write(Begin(ORDER, row, one.number, asks, held, MONDAY, one.undoes)))
    shop.faults += end not in {"applied", "refused"}
    if end == "killed before":
        raise Killed
    refs = [OperationRef(journal.run, row, ask.operation.field) for ask in asks]
    if end in {"applied", "lost", "killed after"}:
        for ask, ref in zip(asks, refs, strict=True):
            shop.apply(one.who, row, ask.operation, ref)
    if end == "killed after":
        raise Killed
    state = SENDS[end]
    settles = [Settle(ref, state, "", MONDAY) for ref in refs]
    verdict = "unknown" if state is OperationState.IN_DOUBT else "answered ok"
    run(journal.write(AttemptEnded(row, one.number, verdict, 200, MONDAY), *settles))
    return state


class Sender:
    """Sends an order's rows as delivery does, with ends that are given."""

    def __init__(self, shop: Shop, who: str, journal: RunJournal) -> None:
        self._shop, self._who, self._journal = shop, who, journal
        self._held = False
        self._fates: dict[tuple[int, str], Outcome] = {}

    def send(self, work: OrderWork, ends: list[str]) -> None:
        """Send them.

        Raises:
            Killed: it does not come to the end.
        """
        book = run(take(self._journal, work))
        self._held = look_up(self._shop, self._journal, book)
        for row, end in zip(book.rows, ends, strict=False):
            if end == "dies":
                raise Killed
            self._row(book, row, end)
        run(self._journal.write(Release(ORDER)))

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
        state = request(self._shop, self._journal, Request(self._who, 1, asks), end)
        for ask in asks:
            name = ask.operation.field
            ref = OperationRef(self._journal.run, row, name)
            book.record(Entry(ref, ask.operation.kind, ask.key, state, ask.occurrence, None, MONDAY))
            if state is OperationState.APPLIED and self._who == "run":
                self._shop.settled.add((row, name))
        return state


def undo(shop: Shop, journal: RunJournal, works: list[OrderWork], ends: list[str]) -> None:
    """Take back what a run did, as delivery does, each field's request with an end that is given.

    Raises:
        Killed: it does not come to the end.
    """
    for work in works:
        book = run(take(journal, work))
        assert isinstance(book, UndoBook)
        held = look_up(shop, journal, book) and any(doubt.takes_back is not None for doubt in book.doubts)
        begun: dict[int, int] = {}
        for name, end in zip([] if held else fields_of(book), ends, strict=False):
            _undo_field(shop, journal, book, name, end, begun)
        for update in work.updates:
            run(journal.write(Done(RowResult(update.row, str(ORDER), Outcome.UNDONE, "", MONDAY))))
        run(journal.write(Release(ORDER)))


def _undo_field(
    shop: Shop, journal: RunJournal, book: UndoBook, name: str, end: str, begun: dict[int, int]
) -> None:
    plan = plan_field(name, shop.text(name), book, range(100))
    if plan.outcome is not None or plan.walk.restore is None:
        return
    row = plan.walk.undone[-1].row
    begun[row] = begun.get(row, 0) + 1
    ask = Ask(row, restoring(name, plan.walk.restore), "undo")
    request(shop, journal, Request("undo", begun[row], (ask,), plan.walk.undone), end)


OK = ["applied"] * 4


def work_of(rows: list[list[Operation]]) -> OrderWork:
    return OrderWork(ORDER, tuple(OrderUpdate(at, ORDER, tuple(row)) for at, row in enumerate(rows, 1)))


def opened(place: Path) -> Ledger:
    return Ledger.open(place, connect=unsynced)


def live(
    place: Path, rows: list[list[Operation]], steps: list[tuple[str, Any]], *, again: bool = False
) -> tuple[Shop, dict[int, Outcome]]:
    """Let a run go through all this; gives the shop's record, and what each row is told to have come to.

    Args:
        place: where the ledger is made.
        rows: what the run asks of the order.
        steps: what happens before its last try.
        again: whether it was handed over with `--again`.
    """
    shop = Shop()
    with opened(place) as ledger:
        given = Submission(
            start=start(sha256="a" * 64),
            settings={},
            left_out=[],
            chunks=[written([work_of(rows)])],
            file=[b""],
        )
        name = ledger.submissions().submit(given)
    runs: list[str] = []
    for number, (what, how) in enumerate([*steps, ("try", OK)]):
        with opened(place) as ledger:
            if what == "person":
                shop.apply("person", 0, how)
            elif what == "undo":
                _let_undo(shop, ledger, runs, how)
            elif what in {"desk", "alike"}:
                journal = ledger.start_run(start(sha256=f"{number:064}"))
                runs.append(journal.run)
                file, ends = (how, OK) if what == "desk" else (rows, [*OK[:how], *["dies"] * 4])
                with suppress(Killed):
                    Sender(shop, "desk", journal).send(work_of(file), ends)
                    journal.finish()
            elif not _try(shop, ledger, (name, again), runs, how):
                break
    with opened(place) as ledger:
        one = ledger.submissions().take(name, 1)
        if one is not None:
            ledger.submissions().finish(one, "not reached")
        return shop, {result.row: result.outcome for result in ledger.results(name)}


def _try(shop: Shop, ledger: Ledger, what: tuple[str, bool], runs: list[str], ends: list[str]) -> bool:
    """Try the chunk once, as a worker does; tells whether it can be tried."""
    name, again = what
    one = ledger.submissions().take(name, 1)
    if one is None:
        return False
    policy = Policy(again=again and not one.again)
    journal = ledger.start_run(start(policy, part_of=name, part=1))
    runs.append(journal.run)
    if policy.again or journal.goes_on_with_again:
        journal.record_again(one.works)
    try:
        Sender(shop, "run", journal).send(one.works[0], ends)
    except Killed:
        return True
    journal.finish()
    ledger.submissions().give_back(one, counts=False)
    return True


def _let_undo(shop: Shop, ledger: Ledger, runs: list[str], how: tuple[int, list[str]]) -> None:
    """Let somebody undo one of the runs so far: a colleague's, or a try."""
    which, ends = how
    if not runs:
        return
    target = runs[-1 - which % len(runs)]
    works = ledger.to_undo(target, "shop").works(None)
    journal = ledger.start_run(start(undo_of=target))
    try:
        undo(shop, journal, works, ends)
    except Killed:
        return
    journal.finish()
