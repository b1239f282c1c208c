"""What became of the rows of a run, in row order, a page at a time."""

from __future__ import annotations

import heapq
from operator import itemgetter
from typing import TYPE_CHECKING

from sqlalchemy import select

from ordersheet.core.model import Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger.compiled import ZERO, Statement, bind, named
from ordersheet.ledger.schema import operation, row, run
from ordersheet.ledger.statements import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from ordersheet.ledger.database import Cursor

_PAGE = 2000
UNDER_WAY = "The run still goes on, and this row is under way. Ask again when the run has ended."

_ROWS = Statement(
    select(*(row.c[name] for name in ("row", "order_text", "outcome", "message", "at", "left_out")))
    .where(row.c.run_id == bind("run"), row.c.row > bind("after"))
    .order_by(row.c.row)
    .limit(bind("most"))
    .offset(ZERO)
)
ROW_OPERATIONS = Statement(
    select(*(operation.c[name] for name in ("state", "message", "at")))
    .where(operation.c.run_id == bind("run"), operation.c.row == bind("row"))
    .order_by(operation.c.id)
)

_IS_UNDO = Statement(select(run.c.id).where(run.c.id == bind("run"), run.c.undo_of.is_not(None)))


def recorded(
    connect: Callable[[], AbstractContextManager[Cursor]], run_id: int, *, running: bool = False
) -> Iterator[RowResult]:
    """Give the results that the ledger holds, in row order, without holding a transaction between pages.

    Args:
        connect: opens a cursor that reads.
        run_id: whose.
        running: whether the run still goes on: its rows without a result are then under way.
    """
    last = 0
    while True:
        with connect() as cursor:
            page = cursor.execute(_ROWS, named(run=run_id, after=last, most=_PAGE)).fetchall()
            results = [
                RowResult(
                    number,
                    order,
                    Outcome(outcome),
                    message,
                    moment(at) if at is not None else None,
                    bool(left_out),
                )
                if outcome is not None
                else RowResult(number, order, Outcome.UNCONFIRMED, UNDER_WAY)
                if running
                else interrupted(cursor, run_id, number, order)
                for number, order, outcome, message, at, left_out in page
            ]
        yield from results
        if len(page) < _PAGE:
            return
        last = page[-1][0]


def interrupted(cursor: Cursor, run_id: int, number: int, order: str) -> RowResult:
    """Tell a row that never got its result, since its process died, by what its operations have come to."""
    operations = cursor.execute(ROW_OPERATIONS, named(run=run_id, row=number)).fetchall()
    states = [OperationState(state) for state, _, _ in operations]
    at = max((moment(text) for _, _, text in operations), default=None)
    outcome, message = judged(states, [text for _, text, _ in operations])
    if cursor.execute(_IS_UNDO, named(run=run_id)).fetchone() is not None:
        undone = outcome is Outcome.CONFIRMED
        outcome = {Outcome.CONFIRMED: Outcome.UNDONE, Outcome.NOT_APPLIED: Outcome.NOT_SENT}.get(
            outcome, outcome
        )
        message = "Put back, as was seen after the run had ended." if undone else message
        message = message.replace("Send the file again", "Run the undo again")
    return RowResult(number, order, outcome, message, at)


def judged(states: Sequence[OperationState], messages: Sequence[str] = ()) -> tuple[Outcome, str]:
    """Say what a row comes to whose operations have these states, and no answer of its own any more."""
    applied = OperationState.APPLIED in states
    if any(state in (OperationState.SENDING, OperationState.IN_DOUBT) for state in states):
        return (
            Outcome.UNCONFIRMED,
            "The run ended before it was known whether this arrived. Send the file again: it looks first.",
        )
    if states and all(state is OperationState.APPLIED for state in states):
        return Outcome.CONFIRMED, "Proven after the run had ended."
    if applied:
        return Outcome.PARTLY_APPLIED, "A part of the row stands, another does not. Send the file again."
    if OperationState.REFUSED in states:
        return Outcome.REFUSED, next((text for text in messages if text), "The API said no.")
    return Outcome.NOT_APPLIED, "Proven not to have arrived. Send the file again."


def merged(
    results: Iterator[RowResult],
    rest: Iterable[tuple[int, str]],
    message: str,
    newer: Mapping[int, RowResult],
) -> Iterator[RowResult]:
    """Join what is recorded with the rows that have nothing recorded, in row order.

    Args:
        results: what the ledger holds, in row order.
        rest: number and order of rows, in row order; those with a result are passed over.
        message: why they were not sent.
        newer: results that could not be written, by row: they stand in place of what is recorded.
    """
    streams = (
        ((number, 0, newer[number]) for number in sorted(newer)),
        ((result.row, 1, result) for result in results),
        ((number, 2, RowResult(number, order, Outcome.NOT_SENT, message)) for number, order in rest),
    )
    last = 0
    # The number of a stream settles which of several results of one row counts.
    for number, _, result in heapq.merge(*streams, key=itemgetter(0, 1)):
        if number != last:
            yield result
        last = number
