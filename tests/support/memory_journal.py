"""A journal in memory that keeps the seam's promises: claims, adoption, doubts, owed looks, legal moves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError
from ordersheet.core.history.orderbook import Ask, Doubt, Entry, OperationRef, OrderBook, Policy, TakenOut
from ordersheet.core.history.undo import PastAttempt, UndoBook, UndoneBefore, attribute_text
from ordersheet.core.journal import (
    AnsweredAppend,
    AttemptEnded,
    Begin,
    Done,
    Heard,
    Learned,
    Looked,
    Release,
    Settle,
    There,
)
from ordersheet.core.model import COMMENT_FIELDS
from ordersheet.core.operation_state import OperationState, is_legal
from ordersheet.core.uptime import Uptime, seconds_since

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from ordersheet.core.journal import Event
    from ordersheet.core.model import Operation, OrderWork, RowResult

S = OperationState


@dataclass
class Kept:
    """One operation in the ledger."""

    ref: OperationRef
    order: int
    ask: Ask
    state: OperationState
    batch: str | None
    at: datetime
    message: str = ""
    baseline: str | None = None
    attempt: int = 0
    doubted: bool = False
    was_in_doubt: bool = False
    heard: Uptime | None = None
    """When the server was first heard after it was given up or taken over."""


@dataclass
class MemoryLedger:
    """What several runs share."""

    uptime: Callable[[], Uptime]
    operations: dict[OperationRef, Kept] = field(default_factory=dict)
    answered: dict[tuple[str, int, int], Uptime] = field(default_factory=dict)
    """When each attempt ended that got an answer, by run, row and number."""
    claims: dict[int, str] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    learned: dict[str, bool] = field(default_factory=dict)
    looked: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What could not be written, since it was no legal move: delivery must never try."""

    undo_of: dict[str, str] = field(default_factory=dict)
    """Of each undo, the run that it takes back."""
    steps: dict[OperationRef, tuple[OperationRef, ...]] = field(default_factory=dict)
    """Of each operation of an undo, what it takes back."""
    sent: list[tuple[int, Ask, OperationRef, int, str | None]] = field(default_factory=list)
    """Every attempt: order, what it asked, its operation, its number, and what the field held before."""
    verdicts: dict[tuple[str, int, int], str] = field(default_factory=dict)

    def journal(self, run: str, policy: Policy | None = None, *, undo_of: str | None = None) -> MemoryJournal:
        self.alive.add(run)
        if undo_of is not None:
            self.undo_of[run] = undo_of
        return MemoryJournal(self, run, policy or Policy())

    def taken_back(self, ref: OperationRef) -> OperationState | None:
        """Tell how the undo stands that took an operation back; None where none did, or may have."""
        states = [self.operations[by].state for by, refs in self.steps.items() if ref in refs]
        return next((state for state in (S.APPLIED, S.IN_DOUBT, S.SENDING) if state in states), None)

    def dies(self, run: str) -> None:
        self.alive.discard(run)


@dataclass
class MemoryJournal:
    """One run's journal."""

    ledger: MemoryLedger
    run: str
    policy: Policy
    log: list[tuple[Event, ...]] = field(default_factory=list)
    results: dict[int, RowResult] = field(default_factory=dict)
    kept: dict[int, RowResult] = field(default_factory=dict)
    """What could not be written any more."""
    fail_after: int | None = None
    """How many writes succeed before the disk is full."""
    seconds: Callable[[], float] = float
    """How long the disk takes."""
    before_write: Callable[[tuple[Event, ...]], None] | None = None
    book: type[OrderBook] = OrderBook
    """What decides; another one for a rule that is to fail."""

    @property
    def board(self) -> None:
        """Nobody else is there."""

    async def take(self, works: Sequence[OrderWork]) -> Sequence[OrderBook | None]:
        await asyncio.sleep(self.seconds())
        return [self._take(work) for work in works]

    def _take(self, work: OrderWork) -> OrderBook | None:
        ledger, order = self.ledger, work.order
        holder = ledger.claims.get(order)
        if holder is not None and holder != self.run and holder in ledger.alive:
            return None
        fresh = holder != self.run
        ledger.claims[order] = self.run
        all_kept = [one for one in ledger.operations.values() if one.order == order]
        for one in all_kept:
            if one.state is S.SENDING and fresh:
                one.state, one.doubted, one.was_in_doubt = S.IN_DOUBT, True, True
        undos = [one for one in all_kept if one.ref.run in ledger.undo_of]
        kept = [one for one in all_kept if one not in undos and ledger.taken_back(one.ref) is not S.APPLIED]
        entries = [self._entry(one, state) for one in kept if (state := one.state.in_history) is not None]
        perhaps = {entry.ref: entry for entry in entries if ledger.taken_back(entry.ref) is not None}
        entries = [entry._replace(state=S.IN_DOUBT) if entry.ref in perhaps else entry for entry in entries]
        asks = [
            Ask(update.row, operation, key_of(operation), self._occurrence(kept, operation))
            for update in work.updates
            for operation in update.operations
        ]
        doubts = [self._doubt(one) for one in kept if _open(one)]
        for one in undos:
            if _open(one):
                taken = tuple(perhaps[ref] for ref in ledger.steps[one.ref] if ref in perhaps)
                doubts.append(replace(self._doubt(one), takes_back=taken))
        if self.run in ledger.undo_of and work.updates:
            return self._undo_book(order, entries, doubts)
        absent = [self._entry(one, one.state) for one in kept if one.state is S.ABSENT and one.was_in_doubt]
        gone = {
            by.field: TakenOut(
                tuple(str(ledger.operations[ref].ask.operation.value) for ref in refs),
                ledger.operations[by].at,
            )
            for by, refs in ledger.steps.items()
            if ledger.operations[by].order == order and ledger.operations[by].state is S.APPLIED
        }
        return self.book(order, asks, entries, self.policy, doubts, absent, gone=gone)

    def _undo_book(self, order: int, entries: list[Entry], doubts: list[Doubt]) -> UndoBook:
        ledger, target = self.ledger, self.ledger.undo_of[self.run]
        past: dict[str, list[PastAttempt]] = {}
        for of, ask, ref, number, baseline in ledger.sent:
            if of != order or ref.run in ledger.undo_of or ledger.taken_back(ref) is S.APPLIED:
                continue
            verdict = ledger.verdicts.get((ref.run, ref.row, number), "")
            kind, value = ask.operation.kind, ask.operation.value
            text = str(value) if ref.field in COMMENT_FIELDS else attribute_text(value)
            state = ledger.operations[ref].state
            left = not verdict.startswith("not ")
            past.setdefault(ref.field, []).append(PastAttempt(ref, kind, text, state, baseline, left))
        undone = [
            UndoneBefore(ref, by.run, ledger.operations[by].at)
            for by, refs in ledger.steps.items()
            for ref in refs
            if ref.run == target and ledger.operations[by].state is S.APPLIED
        ]
        return UndoBook(order, entries, self.policy, doubts, frozenset({target}), past, undone)

    def _occurrence(self, kept: list[Kept], operation: Operation) -> int:
        if not self.policy.again or operation.kind.overwrites:
            return 1
        return 1 + max((one.ask.occurrence for one in kept if one.ask.key == key_of(operation)), default=0)

    def _entry(self, one: Kept, state: OperationState) -> Entry:
        operation = one.ask.operation
        return Entry(
            one.ref, operation.kind, one.ask.key, state, one.ask.occurrence, one.batch, one.at,
            one.message, str(operation.value),
        )  # fmt: skip

    def _doubt(self, one: Kept) -> Doubt:
        heard = one.heard or self.ledger.answered.get((one.ref.run, one.ref.row, one.attempt))
        state = one.state.in_history
        assert state is not None
        heard_ago = seconds_since(heard, self.ledger.uptime())
        return Doubt(one.ref, one.ask.operation, one.baseline, heard_ago, state)

    async def write(self, *events: Event) -> None:
        assert events
        if self.fail_after is not None and len(self.log) >= self.fail_after:
            raise LedgerError("The disk is full.", code="full")
        if self.before_write is not None:
            self.before_write(events)
        await asyncio.sleep(self.seconds())
        undo = self._as_it_stands(events)
        try:
            for event in events:
                self._apply(event)
        except LedgerError as error:
            self.ledger.refused.append(str(error))
            undo()
            raise
        self.log.append(events)

    def keep(self, results: Iterable[RowResult]) -> None:
        self.kept.update((result.row, result) for result in results)

    def _as_it_stands(self, events: tuple[Event, ...]) -> Callable[[], None]:
        """Remember what these events touch, so that all of them are written, or none."""
        ledger = self.ledger
        orders = {event.order for event in events if isinstance(event, Begin | There | Looked | Heard)}
        refs = {event.ref for event in events if isinstance(event, Settle)}
        touched = {
            ref: replace(one) for ref, one in ledger.operations.items() if one.order in orders or ref in refs
        }
        known, learned, claims = list(ledger.operations), dict(ledger.learned), dict(ledger.claims)
        looked, results = list(ledger.looked), dict(self.results)

        def undo() -> None:
            kept = ledger.operations | touched
            ledger.operations.clear()
            ledger.operations.update({ref: kept[ref] for ref in known})
            ledger.learned, ledger.claims, ledger.looked = learned, claims, looked
            self.results = results

        return undo

    def _apply(self, event: Event) -> None:
        ledger = self.ledger
        match event:
            case Begin():
                assert ledger.claims.get(event.order) == self.run, "an attempt without the claim"
                for ask in event.asks:
                    self._begin(event, ask)
            case AttemptEnded():
                ledger.verdicts[self.run, event.row, event.attempt] = event.verdict
                if event.status is not None:
                    ledger.answered[self.run, event.row, event.attempt] = ledger.uptime()
            case Settle():
                one = ledger.operations[event.ref]
                _move(one, event.state)
                one.message, one.at = event.message, event.at
                one.doubted = one.doubted or event.state is S.IN_DOUBT
            case There():
                ref = OperationRef(self.run, event.ask.row, event.ask.operation.field)
                assert ref not in ledger.operations
                ledger.operations[ref] = Kept(
                    ref, event.order, event.ask, S.THERE, self.policy.batch, event.at
                )
            case Done():
                self.results[event.result.row] = event.result
            case Release():
                assert ledger.claims.pop(event.order) == self.run
            case Learned():
                ledger.learned[event.field] = event.reads_back
            case Looked() | Heard():
                self._of_order(event)

    def _of_order(self, event: Looked | Heard) -> None:
        ledger = self.ledger
        kept = [one for one in ledger.operations.values() if one.order == event.order and _open(one)]
        for one in kept:
            if isinstance(event, Heard):
                one.heard = ledger.uptime()
            else:
                waits = not one.ask.operation.kind.overwrites or one.ref.run in ledger.undo_of
                one.doubted = one.state is S.IN_DOUBT and waits
        if isinstance(event, Looked):
            ledger.looked.append(event.order)

    def _begin(self, event: Begin, ask: Ask) -> None:
        ledger = self.ledger
        ref = OperationRef(self.run, event.row, ask.operation.field)
        one = ledger.operations.pop(ref, None)
        if one is None:
            one = Kept(ref, event.order, ask, S.SENDING, self.policy.batch, event.at)
        else:
            if one.state is S.IN_DOUBT and self.run in ledger.undo_of:
                raise LedgerError("An undo in doubt is not sent.", code="refused")
            _move(one, S.SENDING)
        if event.takes_back:
            ledger.steps[ref] = event.takes_back
        one.at, one.attempt, one.heard = event.at, event.attempt, None
        baseline = (event.baseline or {}).get(ask.operation.field)
        ledger.sent.append((event.order, ask, ref, event.attempt, baseline))
        if one.baseline is None or not ask.operation.kind.overwrites:
            one.baseline = baseline  # What stood there before the first of several attempts counts.
        ledger.operations[ref] = one

    async def owed(self) -> Sequence[int]:
        ledger = self.ledger
        return sorted(
            {
                one.order
                for one in ledger.operations.values()
                if (_open(one) or one.state is S.SENDING) and ledger.claims.get(one.order) not in ledger.alive
            }
        )

    async def reads_back(self) -> Mapping[str, bool]:
        return dict(self.ledger.learned)

    async def answered_appends(self) -> Sequence[AnsweredAppend]:
        latest: dict[tuple[int, str], AnsweredAppend | None] = {}
        for one in self.ledger.operations.values():
            operation, place = one.ask.operation, (one.order, one.ask.operation.field)
            latest.pop(place, None)
            answered = one.state is S.APPLIED and not operation.kind.overwrites and one.baseline is not None
            latest[place] = AnsweredAppend(*place, one.baseline or "", operation.value) if answered else None
        return [told for told in latest.values() if told is not None]


def _move(one: Kept, state: OperationState) -> None:
    appends = not one.ask.operation.kind.overwrites
    if not is_legal(one.state, state, appends=appends):
        raise LedgerError(f"An illegal move of {one.ref} to {state}.", code="refused")
    one.state = state
    one.was_in_doubt = one.was_in_doubt or state is S.IN_DOUBT


def _open(one: Kept) -> bool:
    return one.doubted and one.state in (S.IN_DOUBT, S.APPLIED)


def key_of(operation: Operation) -> str:
    return repr((operation.field, operation.kind.value, " ".join(str(operation.value).split())))
