"""What an order's life leaves behind: results of rows, states of operations, events that tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.history.orderbook import OperationRef
from ordersheet.core.journal import AttemptEnded, Begin, Done, Settle, There
from ordersheet.core.model import Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery import messages
from ordersheet.delivery.rows import result_of
from ordersheet.delivery.verdict.put import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ordersheet.core.history.orderbook import Entry, OrderBook
    from ordersheet.core.journal import Event
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.parts import Part, RowInHand
    from ordersheet.delivery.run_facts import RunFacts


class OrderNotes:
    """Notes what becomes of one order: in its book, in its rows, and as events for the ledger.

    Attributes:
        events: what the ledger has yet to be told, in this order.
    """

    def __init__(self, order: int, book: OrderBook, run: RunFacts) -> None:
        self.events: list[Event] = []
        self._order = order
        self._book = book
        self._run = run

    def take(self) -> tuple[Event, ...]:
        """Hand the events over."""
        events, self.events = tuple(self.events), []
        return events

    def entry(self, row: RowInHand, part: Part, now: Moment, message: str = "") -> Entry:
        """Make an operation's entry for the order's history, with the state that it has now."""
        return part.entry(self._ref(row, part), self._run.options.batch, now.utc, message)

    def settled(
        self, row: RowInHand, part: Part, state: OperationState, now: Moment, *, message: str = ""
    ) -> None:
        """Tell book and ledger what an operation has come to."""
        part.move(state)
        ref = self._ref(row, part)
        if state is OperationState.ABSENT:
            self._book.forget(ref)
        else:
            self._book.record(self.entry(row, part, now, message))
        self.events.append(Settle(ref, state, message, now.utc))

    def unsent(self, row: RowInHand, parts: Iterable[Part], kind: VerdictKind, now: Moment) -> None:
        """Tell that nothing of an attempt was applied: its parts stand where they stood before it."""
        for part in parts:
            state = OperationState.IN_DOUBT if part.open else OperationState.ABSENT
            self.settled(row, part, state, now, message=kind.value)

    def left_there(self, row: RowInHand, part: Part, outcome: Outcome, why: str, now: Moment) -> None:
        """Send nothing of a part, since the field holds it; it stands in the history at its place."""
        part.close(outcome, why)
        part.move(OperationState.THERE)
        self._book.record(self.entry(row, part, now))
        self.events.append(There(self._order, part.ask, now.utc))

    def turned_up(self, row: RowInHand, part: Part, now: Moment) -> None:
        """An append was applied by an attempt that was thought to be lost: nothing leaves."""
        part.close(Outcome.CONFIRMED, messages.TURNED_UP)
        row.begun += 1
        part.move(OperationState.SENDING)
        self.events.append(Begin(self._order, row.number, row.begun, (part.ask,), None, now.utc))
        self.attempt_ended(row, VerdictKind.NOT_SENT, None, now)
        self.settled(row, part, OperationState.APPLIED, now, message=messages.TURNED_UP)

    def attempt_ended(self, row: RowInHand, kind: VerdictKind, status: int | None, now: Moment) -> None:
        """Tell what an attempt has ended in."""
        self.events.append(AttemptEnded(row.number, row.begun, kind.value, status, now.utc))

    def result(self, row: RowInHand, now: Moment) -> None:
        """Tell a row's result, unless the same was told before."""
        result, before = result_of(row, now.utc), row.result
        if before is None or (result.outcome, result.message) != (before.outcome, before.message):
            self._run.count(result, before)
            row.result = result
            self.events.append(Done(result))

    def leave_out(self, row: RowInHand, part: Part, why: str) -> None:
        """Give a part its outcome that was to be sent, and is not, or not once more."""
        if part.open:
            self._give_up_unsent(row, part)
        elif part.doubted:
            part.close(Outcome.NOT_APPLIED, messages.NOT_APPLIED)
        else:
            part.close(Outcome.NOT_SENT, why + self._earlier(part))

    def stop(self, row: RowInHand, outcome: Outcome, why: str) -> None:
        """Send nothing of a row, or no more of it."""
        for part in row.to_send:
            if part.open:
                self._give_up_unsent(row, part)
            else:
                part.close(outcome, why + self._earlier(part))

    def _earlier(self, part: Part) -> str:
        """Say which run left the very same in doubt: nothing of it has left here, and it may stand there."""
        same = (part.ask.operation.kind, part.ask.key)
        for entry in reversed(self._book.history(part.field)):
            doubtful = entry.state is OperationState.IN_DOUBT and entry.ref.run != self._run.run
            if doubtful and (entry.kind, entry.key) == same:
                return messages.sent_before(entry.known_as)
        return ""

    def _give_up_unsent(self, row: RowInHand, part: Part) -> None:
        self.give_up(row, part, why=messages.not_sent_again(row.attempts, self._run.stopped))

    def give_up(self, row: RowInHand, part: Part, *, said: str = "", why: str = "") -> None:
        """Leave a part unconfirmed: nothing more can be learned about it.

        Args:
            row: the part's row.
            part: gets its outcome.
            said: what the server said, where it answered.
            why: why reading the order proved nothing.
        """
        run = self._run.name.known_as
        message = messages.unconfirmed(part, self._order, run, row.number, said=said, why=why)
        part.close(Outcome.UNCONFIRMED, message)

    def _ref(self, row: RowInHand, part: Part) -> OperationRef:
        return OperationRef(self._run.run, row.number, part.field)
