"""One order's rows that were turned away with 403, until it is known what that means (`forbidden.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.journal import Release
from ordersheet.core.model import Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery import messages

if TYPE_CHECKING:
    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.core.journal import Event
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.order_notes import OrderNotes
    from ordersheet.delivery.parts import Part, RowInHand
    from ordersheet.delivery.run_facts import RunFacts


class ForbiddenRows:
    """The rows of one order that were turned away with 403."""

    def __init__(self, order: int, book: OrderBook, run: RunFacts, notes: OrderNotes) -> None:
        self._order = order
        self._book = book
        self._run = run
        self._notes = notes
        self._rows: list[tuple[RowInHand, list[Part]]] = []
        self._over: list[RowInHand] = []
        """Those of them that are over, but for their result."""
        self._finished = False

    def __bool__(self) -> bool:
        """Tell whether any row waits."""
        return bool(self._rows)

    def keep_result(self, row: RowInHand) -> bool:
        """A row is over: tell whether its result is told later, since it waits."""
        waits = any(row is other for other, _ in self._rows)
        if waits:
            self._over.append(row)
        return waits

    def keep_claim(self) -> bool:
        """The order is done with: tell whether its claim is given back later, since a row waits."""
        self._finished = bool(self._rows)
        return self._finished

    def turned_away(self, row: RowInHand, parts: list[Part], now: Moment) -> None:
        """Let the parts of an attempt wait; those that an earlier one may have applied stay in doubt."""
        waiting = []
        for part in parts:
            if part.open:
                self._notes.give_up(row, part, said=messages.FORBIDDEN)
                self._notes.settled(row, part, OperationState.IN_DOUBT, now)
                continue
            part.close(Outcome.REFUSED, messages.FORBIDDEN)
            waiting.append(part)
            entry = self._notes.entry(row, part, now, messages.FORBIDDEN)
            self._book.record(entry._replace(state=OperationState.REFUSED))
        if waiting:
            self._rows.append((row, waiting))
            self._run.forbidden.wait(self)

    def settle(self, *, refused: bool, now: Moment) -> list[Event]:
        """Tell what these rows have come to, and what of the order was not told before that."""
        rows, self._rows = self._rows, []
        for row, parts in rows:
            for part in parts:
                if not refused:
                    part.close(Outcome.NOT_SENT, self._run.closed or messages.FORBIDDEN)
                state = OperationState.REFUSED if refused else OperationState.ABSENT
                self._notes.settled(row, part, state, now, message=messages.FORBIDDEN)
            if any(row is other for other in self._over):
                self._notes.result(row, now)
        self._over.clear()
        if self._finished:
            self._notes.events.append(Release(self._order))
        return [*self._notes.take()]
