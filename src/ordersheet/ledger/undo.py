"""What an undo reads and notes: what was sent to a field, what each of its operations takes back."""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, exists, func, or_, select, update

from ordersheet.core.history.entries import OperationRef
from ordersheet.core.history.undo import PastAttempt, UndoneBefore, attribute_text
from ordersheet.core.model import COMMENT_FIELDS, Operation, OperationKind, OrderUpdate, OrderWork, Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger.compiled import ONE, Statement, bind, constant, listed, named
from ordersheet.ledger.runs import find_run
from ordersheet.ledger.schema import (
    again,
    attempt,
    baseline,
    baseline_of,
    chunk,
    operation,
    row,
    run,
    undo_step,
)
from ordersheet.ledger.statements import OWED_CLAIMS, moment
from ordersheet.ledger.taken_back import APPLIED, MAY_STAND, is_undone, its_undo, submitted_run, undo

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable

    from ordersheet.ledger.database import Cursor

_own_runs = select(run.c.id).where(or_(run.c.id == bind("target"), run.c.part_of == bind("target")))
"""Of a run that is undone: itself, and where workers sent it, each try of a chunk."""
_OWN_NAMES = Statement(select(run.c.name).where(run.c.id.in_(_own_runs)))
_PAST = Statement(
    select(
        *(operation.c[name] for name in ("order_id", "field")),
        run.c.name,
        *(operation.c[name] for name in ("row", "kind", "value", "state")),
        attempt.c["class"],
        baseline.c.text,
        submitted_run(),
    )
    .join(run, run.c.id == operation.c.run_id)
    .join(
        attempt,
        and_(
            attempt.c.run_id == operation.c.run_id,
            attempt.c.row == operation.c.row,
            attempt.c.number <= operation.c.attempt,
        ),
    )
    .outerjoin(baseline, baseline_of(attempt.c.number))
    .where(
        operation.c.store_id == bind("store"),
        operation.c.order_id.in_(listed("orders")),
        run.c.undo_of.is_(None),
        ~is_undone(),
    )
    .order_by(operation.c.order_id, operation.c.place, attempt.c.number)
)
_undo_run = run.alias("undo_run")
_UNDONE = Statement(
    select(run.c.name, operation.c.order_id, operation.c.row, operation.c.field, _undo_run.c.name, undo.c.at)
    .select_from(
        operation.join(run, run.c.id == operation.c.run_id)
        .join(undo_step, undo_step.c.step_id == operation.c.id)
        .join(undo, its_undo)
        .join(_undo_run, _undo_run.c.id == undo.c.run_id)
    )
    .where(
        operation.c.run_id.in_(_own_runs),
        operation.c.order_id.in_(listed("orders")),
        undo.c.state == APPLIED,
    )
)
_ROWS = Statement(
    select(*(operation.c[name] for name in ("order_id", "row", "field", "kind", "value")))
    .where(operation.c.run_id.in_(_own_runs), operation.c.state.in_(MAY_STAND))
    .order_by(operation.c.order_id, operation.c.row, operation.c.id)
)
_wanted_by, _done = run.alias("wanted_by"), operation.alias("done")
_is_tried_again = exists().where(
    _wanted_by.c.id == again.c.run_id,
    chunk.c.run_id == _wanted_by.c.part_of,
    chunk.c.number == _wanted_by.c.part,
    chunk.c.state.in_([constant("waiting"), constant("taken")]),
)
_was_undone = exists().where(
    _done.c.run_id.in_(_own_runs),
    _done.c.order_id == again.c.order_id,
    _done.c.field == again.c.field,
    _done.c.key == again.c.key,
    _done.c.occurrence == again.c.occurrence,
    is_undone(_done),
)
CLOSE_OCCURRENCES = Statement(
    update(again).where(again.c.run_id.in_(_own_runs), or_(~_is_tried_again, _was_undone)).values(closed=ONE)
)
"""What an undone `--again` run meant once more is not meant any more; what a try of a chunk has not come to,
the next one sends."""

_COUNTED_ON = Statement(
    select(func.count())
    .select_from(row.join(run, run.c.id == row.c.run_id))
    .where(
        row.c.run_id > bind("run"),
        # What one try of a chunk says of another one is no later run's word.
        run.c.part_of.is_(None),
        row.c.outcome == constant(Outcome.ALREADY_APPLIED.value),
        row.c.message.like(bind("words")),
    )
)


class UndoTarget(NamedTuple):
    """A run that is to be undone."""

    id: int
    names: frozenset[str]
    """Its own, and those of the tries by which workers sent it."""


def target_of(cursor: Cursor, text: str) -> UndoTarget:
    """Find a run that is to be undone.

    Raises:
        UsageError: there is none of this name.
    """
    run_id = find_run(cursor, text)[1]
    names = cursor.execute(_OWN_NAMES, named(target=run_id)).fetchall()
    return UndoTarget(run_id, frozenset(name for (name,) in names))


class PastOfOrder(NamedTuple):
    """What the ledger knows of one order, for an undo."""

    attempts: dict[str, list[PastAttempt]]
    """By field, oldest first."""
    undone: list[UndoneBefore]


def past_of(
    cursor: Cursor, store_id: int, target: UndoTarget, orders: Iterable[int]
) -> dict[int, PastOfOrder]:
    """Read what was sent to orders, and what of a run is undone there.

    Args:
        cursor: of a connection in a transaction.
        store_id: whose orders.
        target: the run that is to be undone.
        orders: their IDs.
    """
    asked = json.dumps(list(orders))
    found: dict[int, PastOfOrder] = {}
    for record in cursor.execute(_PAST, named(store=store_id, orders=asked)):
        order, field, by, number, kind, value, state, verdict, text, whole = record
        one = PastAttempt(
            OperationRef(by, number, field),
            OperationKind(kind),
            _text(field, value),
            OperationState(state),
            text,
            may_have_left=verdict is None or not verdict.startswith("not "),
            whole=whole,
        )
        found.setdefault(order, PastOfOrder({}, [])).attempts.setdefault(field, []).append(one)
    for name, order, number, field, by, at in cursor.execute(_UNDONE, named(target=target.id, orders=asked)):
        undone = UndoneBefore(OperationRef(name, number, field), by, moment(at))
        found.setdefault(order, PastOfOrder({}, [])).undone.append(undone)
    return found


def _text(field: str, value: str | None) -> str | None:
    """Give what an operation wrote as a walk compares it."""
    if value is None:
        return None
    decoded = json.loads(value)
    return str(decoded) if field in COMMENT_FIELDS else attribute_text(decoded)


def works_of(cursor: Cursor, run_id: int, chosen: Container[int] | None) -> list[OrderWork]:
    """Give what a run did, or may have done, order by order.

    Args:
        cursor: of a connection that reads.
        run_id: the run's number.
        chosen: the rows that are meant; None for all of them.
    """
    works = []
    for order, together in groupby(cursor.execute(_ROWS, named(target=run_id)).fetchall(), key=itemgetter(0)):
        updates = []
        for number, operations in groupby(together, key=itemgetter(1)):
            # Of what workers tried several times, the latest.
            asked = {
                field: Operation(field, OperationKind(kind), None if value is None else json.loads(value))
                for _, _, field, kind, value in operations
            }
            if chosen is None or number in chosen:
                updates.append(OrderUpdate(number, order, tuple(asked.values())))
        if updates:
            works.append(OrderWork(order, tuple(updates)))
    return works


def busy_orders(
    cursor: Cursor, store_id: int, orders: Collection[int], alive: Callable[[str], bool]
) -> list[int]:
    """Name those of these orders that a living run has claimed."""
    living: dict[str, bool] = {}
    claimed = cursor.execute(OWED_CLAIMS, named(store=store_id)).fetchall()
    return [order for order, _, lock in claimed if order in orders and living.setdefault(lock, alive(lock))]


def counted_on(cursor: Cursor, target: UndoTarget) -> int:
    """Count the rows of later runs that are `already applied` since this run did it."""
    wanted = (named(run=target.id, words=f"%run {name} on %") for name in sorted(target.names))
    return sum(int(cursor.execute(_COUNTED_ON, one).fetchone()[0]) for one in wanted)
