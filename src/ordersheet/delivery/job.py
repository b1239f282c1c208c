"""One order in flight: a state that can be put down at any wait, and taken up again by any lane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ordersheet.core.model import COMMENT_FIELDS, Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery import messages
from ordersheet.delivery.parts import Part, Phase, RowInHand

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ordersheet.api import OrderView
    from ordersheet.core.history.orderbook import Decision, Doubt, OrderBook
    from ordersheet.core.model import OrderWork

NEVER = float("-inf")


@dataclass(slots=True)
class PendingCheck:
    """An operation that was in doubt, and whose last look is owed."""

    field: str
    baseline: str | None
    row: RowInHand | None = None
    """The row of this run that it belongs to, with `part`; None for what another run left."""
    part: Part | None = None
    doubt: Doubt | None = None
    """What another run left."""

    @property
    def readable(self) -> bool:
        """Whether reading the order could tell anything about it."""
        return self.field in COMMENT_FIELDS and self.baseline is not None

    @property
    def open(self) -> bool:
        """Whether it is still to be settled, and not merely looked at once more."""
        if self.doubt is not None:
            return self.doubt.state is OperationState.IN_DOUBT
        return self.part is not None and self.part.phase is Phase.DOUBT


@dataclass(slots=True)
class Job:
    """One order in flight."""

    work: OrderWork
    book: OrderBook
    position: int = 0
    """Which of the work's updates comes next."""
    row: RowInHand | None = None
    """The row under way."""
    pending: list[PendingCheck] = field(default_factory=list)
    clear_at: float = NEVER
    """When the latest unknown attempt can no longer arrive (monotonic); no later row leaves before that."""
    not_before: float = NEVER
    """When the row under way may be tried again (monotonic)."""
    owes_look: bool = False
    """Something of this order was in doubt since it was last looked at."""
    peeked: bool = False
    """It was looked at since the latest unknown attempt."""
    last_peek: bool = False
    """It was looked at after the run's end was decided."""
    looks_missed: int = 0
    held: str | None = None
    """Why the later rows are not sent, as a whole sentence."""
    view: OrderView | None = None
    """The latest reading, as long as nothing was sent since and no time has passed."""
    viewed_at: float = NEVER
    """When it was asked for as a baseline (monotonic)."""
    parts: dict[tuple[int, str], Part] = field(default_factory=dict)
    """By row and field: what became of it, for the rows that repeat it."""
    adopted: bool = False
    """What other runs left was taken over."""

    @property
    def order(self) -> int:
        """The order's ID."""
        return self.work.order

    def waits(self, now: float) -> bool:
        """Tell whether the order is to be looked at, or to be left alone for a while, before a later row."""
        return bool(self.pending) or self.owes_look or now < self.clear_at

    def forgets(self, row: RowInHand, before: float) -> bool:
        """Forget a baseline that was read before then: it waited long for its row's turn. Once an attempt."""
        if self.view is None or row.reread or self.viewed_at >= before:
            return False
        self.view, row.reread = None, True
        return True

    def next_row(self, run: str, *, closed: str | None) -> RowInHand | None:
        """Open the next row: plan it, and close what is not to be sent; None after the last one.

        Args:
            run: this run's id.
            closed: why nothing may be sent; None where it may.
        """
        if self.position >= len(self.work.updates):
            return None
        update = self.work.updates[self.position]
        self.position += 1
        row = RowInHand(update, [self._part(one, run) for one in self.book.plan(update.row)])
        if closed is None and self.position > 1 and not row.over:
            earlier = self.book.waits_for(update.row)
            closed = None if earlier is None else messages.waits_for(f"row {earlier}")
        for part in row.parts:
            if part.phase is Phase.SEND and closed is not None:
                part.close(Outcome.NOT_SENT, closed)
            if len(self.work.updates) > 1:
                self.parts[update.row, part.ask.operation.field] = part
        self.row = row
        return row

    def _part(self, decision: Decision, run: str) -> Part:
        part = Part(decision.ask)
        if decision.twin is not None:
            twin = self.parts[decision.twin, decision.ask.operation.field]
            assert twin.outcome is not None
            ok = twin.outcome.ok
            outcome = Outcome.DUPLICATE if ok else twin.outcome
            part.close(outcome, messages.duplicate(decision.twin, twin.message, ok=ok))
        elif decision.outcome is not None:
            part.close(decision.outcome, messages.decided(decision, run))
        return part


def result_of(row: RowInHand, order: int, at: datetime) -> RowResult:
    """Make the row's result of what became of its parts."""
    outcome, message = messages.of_row(row.parts)
    if outcome is Outcome.DUPLICATE and any(part.outcome is not Outcome.DUPLICATE for part in row.parts):
        outcome = Outcome.ALREADY_APPLIED
    settled_before = outcome is Outcome.ALREADY_APPLIED or outcome is Outcome.DUPLICATE
    tried = settled_before or any(part.sent for part in row.parts)
    return RowResult(row.number, str(order), outcome, message, at if tried else None)


def decide_all(job: Job, run: str, *, closed: str | None, at: datetime) -> list[RowResult] | None:
    """Give the results of all rows of an order where nothing is to be sent; None where something is."""
    results = []
    while (row := job.next_row(run, closed=closed)) is not None:
        if not row.over:
            job.position, job.row = 0, None
            job.parts.clear()
            return None
        row.result = result_of(row, job.order, at)
        results.append(row.result)
    return results


def holds_back(row: RowInHand) -> bool:
    """Tell whether the later rows of the order must wait for this row.

    They wait for an append that may have been applied, and for what a next run would send: rows of one order
    are applied in file order. A refused row holds back nothing.
    """
    return any(
        part.outcome in (Outcome.NOT_SENT, Outcome.NOT_APPLIED)
        or (part.outcome is Outcome.UNCONFIRMED and part.appends)
        for part in row.parts
    )


def oldest_open(pending: Sequence[PendingCheck]) -> Doubt | None:
    """Find an append of another run that is still in doubt."""
    for check in pending:
        doubt = check.doubt
        if doubt is not None and check.open and not doubt.operation.kind.overwrites:
            return doubt
    return None
