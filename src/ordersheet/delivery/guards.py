"""A row's guards, and what equals what stands: whether a row goes out, judged by a reading. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.model import COMMENT_FIELDS, OperationKind, Outcome
from ordersheet.core.values import shows_as
from ordersheet.delivery import messages
from ordersheet.delivery.reconcile import standing_in
from ordersheet.delivery.verdict.guard import guard_holds

if TYPE_CHECKING:
    from collections.abc import Collection

    from ordersheet.api import OrderView
    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.core.model import Operation
    from ordersheet.delivery.parts import Part, RowInHand
    from ordersheet.delivery.run_facts import RunFacts

GUARD_FRESH = 5.0
"""Seconds that may lie between the reading that a guard was judged by and the overwrite that it guards."""
MOST_REREADS = 8
"""How often a row may be read so before one attempt of it."""


def trusted_text(view: OrderView | None, field: str, run: RunFacts, stale: Collection[str]) -> str | None:
    """Give what a field holds where the reading can be trusted to be whole; None where it cannot.

    Args:
        view: the reading.
        field: a comment or an attribute.
        run: what the run's readings have shown so far.
        stale: fields of which this reading is an old copy.
    """
    held = standing_in(view, field)
    if held is None or field not in COMMENT_FIELDS:
        return held
    trusted = run.trusts(field) and run.shows(field) and field not in stale
    return held if trusted and not run.trust[field].looks_cut(held) else None


def why_not_sent(
    row: RowInHand, view: OrderView | None, book: OrderBook, run: RunFacts, stale: Collection[str]
) -> tuple[Outcome, str] | None:
    """Say why a guarded row is not sent; None where all its guards hold.

    Args:
        row: the row.
        view: the reading that becomes its baseline; None where the order may not be read at all.
        book: what was done to the order before, and what the file asks.
        run: how the run stands.
        stale: fields of which the reading is an old copy.
    """
    if view is None or not run.readable:
        return Outcome.NOT_SENT, messages.GUARD_UNREADABLE
    if not view.found:
        return Outcome.NOT_SENT, messages.GUARD_NOT_VISIBLE
    for guard in row.update.guards:
        held = trusted_text(view, guard.field, run, stale)
        if held is None:
            return Outcome.NOT_SENT, messages.guard_not_shown(guard.field)
        asks, history = book.asks_of(guard.field), book.history(guard.field)
        if not guard_holds(guard.text, held, asks, history, book.batch):
            return Outcome.CHANGED_SINCE, messages.changed_since(guard, held)
    return None


def guards_an_overwrite(row: RowInHand) -> bool:
    """Tell whether a row has a guard and something to send that takes away what stands."""
    return bool(row.update.guards) and any(not part.appends for part in row.to_send)


def guards_grew_old(row: RowInHand, seconds: float) -> bool:
    """Tell whether a reading of so many seconds ago is too old to guard what a row takes away."""
    return guards_an_overwrite(row) and seconds > GUARD_FRESH


def is_unchanged(part: Part, view: OrderView | None, run: RunFacts, stale: Collection[str]) -> bool:
    """Tell whether an overwrite that was never tried equals what a trusted reading shows."""
    if part.appends or part.sent:
        return False
    held = trusted_text(view, part.field, run, stale)
    return held is not None and equals_what_stands(part.ask.operation, held)


def equals_what_stands(operation: Operation, held: str) -> bool:
    """Tell whether an overwrite would leave a field as it is, line ends apart."""
    if operation.kind is OperationKind.CLEAR:
        return held == ""
    if operation.kind is OperationKind.SET:
        return shows_as(operation.value, held)
    return _plain(str(operation.value)) == _plain(held)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
