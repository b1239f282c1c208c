"""The rows of one order, opened one after the other: planned by what is already done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ordersheet.core.model import Outcome, RowResult
from ordersheet.delivery import messages
from ordersheet.delivery.parts import Part, RowInHand

if TYPE_CHECKING:
    from datetime import datetime

    from ordersheet.core.history.orderbook import Decision, OrderBook
    from ordersheet.core.model import OrderWork
    from ordersheet.delivery.messages import RunName


class RowSource(Protocol):
    """What gives a machine its rows, one after the other."""

    changed: set[int]
    """Rows whose guard did not hold, and those that wait for them."""

    def next(self, *, closed: str | None) -> RowInHand | None:
        """Open the next row, and close what is not to be sent; None after the last one.

        Args:
            closed: why nothing may be sent; None where it may.
        """

    def rewind(self) -> None:
        """Begin anew with the first row."""

    def settled_since(self) -> list[RowInHand]:
        """Decide rows anew that an overwrite in doubt left unconfirmed; give those of which more is known."""


class Rows:
    """What the file asks of one order, row by row."""

    def __init__(self, work: OrderWork, book: OrderBook, run: RunName) -> None:
        self._work = work
        self._book = book
        self._run = run
        self._position = 0
        self._parts: dict[tuple[int, str], Part] = {}
        """By row and field: what became of it, for the rows that repeat it."""
        self._followed: list[RowInHand] = []
        """Rows of which a text was applied long since, and an overwrite that followed it is in doubt."""
        self.changed: set[int] = set()
        """Rows whose guard did not hold, and those that wait for them."""

    def next(self, *, closed: str | None) -> RowInHand | None:
        """Open the next row: plan it, and close what is not to be sent; None after the last one.

        Args:
            closed: why nothing may be sent; None where it may.
        """
        updates = self._work.updates
        if self._position >= len(updates):
            return None
        update = updates[self._position]
        self._position += 1
        row = RowInHand(update, [self._part(one) for one in self._book.plan(update.row)])
        if closed is None and self._position > 1 and not row.over:
            earlier = self._book.waits_for(update.row)
            closed = None if earlier is None else messages.waits_for(f"row {earlier}")
            if earlier in self.changed:
                row.waits_for_change = True
                self.changed.add(row.number)
        for part in row.parts:
            if part.outcome is None and closed is not None:
                part.close(Outcome.NOT_SENT, closed)
            if len(updates) > 1:
                self._parts[update.row, part.field] = part
        if any(map(_hangs_on_overwrite, row.parts)):
            self._followed.append(row)
        return row

    def rewind(self) -> None:
        """Begin anew with the first row."""
        self._position = 0
        self._parts.clear()
        self._followed.clear()

    def settled_since(self) -> list[RowInHand]:
        """Decide rows anew that an overwrite in doubt left unconfirmed; give those of which more is known."""
        settled = []
        for row in self._followed:
            for part, decision in zip(row.parts, self._book.plan(row.number), strict=True):
                now = self._part(decision) if _hangs_on_overwrite(part) else part
                if now.outcome is not None and now.outcome is not part.outcome:
                    part.close(now.outcome, now.message)
                    settled.append(row)
        return settled

    def _part(self, decision: Decision) -> Part:
        part = Part(decision.ask)
        if decision.twin is not None:
            twin = self._parts[decision.twin, part.field]
            assert twin.outcome is not None
            ok = twin.outcome.ok
            outcome = Outcome.DUPLICATE if ok else twin.outcome
            part.was_followed = twin.was_followed
            part.close(outcome, messages.duplicate(decision.twin, twin.message, ok=ok))
        elif decision.outcome is not None:
            part.close(decision.outcome, messages.decided(decision, self._run))
            part.was_followed = decision.follower is not None
        return part


def _hangs_on_overwrite(part: Part) -> bool:
    return part.was_followed and part.outcome is Outcome.UNCONFIRMED


def result_of(row: RowInHand, at: datetime) -> RowResult:
    """Make the row's result of what became of its parts."""
    outcome, message = messages.of_row(row.parts)
    if outcome is Outcome.DUPLICATE and any(part.outcome is not outcome for part in row.parts):
        outcome = Outcome.ALREADY_APPLIED
    settled_before = outcome is Outcome.ALREADY_APPLIED or outcome is Outcome.DUPLICATE
    tried = settled_before or any(part.sent for part in row.parts)
    return RowResult(row.number, str(row.update.order), outcome, message, at if tried else None)
