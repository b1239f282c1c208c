"""A person has looked at the order, and settles a row that is in doubt."""

from __future__ import annotations

import json
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, or_, select, update

from ordersheet.core.errors import UsageError
from ordersheet.core.model import OperationKind, Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import statements
from ordersheet.ledger.compiled import ONE, ZERO, Statement, bind, constant, named
from ordersheet.ledger.histories import Since, TakenOver
from ordersheet.ledger.results import ROW_OPERATIONS, judged
from ordersheet.ledger.runs import OUTCOMES, find_run, give_result
from ordersheet.ledger.schema import claim, operation, process, row, run, undo_step
from ordersheet.ledger.statements import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ordersheet.core.uptime import Uptime
    from ordersheet.ledger.database import Cursor

_unknown = operation.c.state.in_(
    [constant(OperationState.SENDING.value), constant(OperationState.IN_DOUBT.value)]
)
_in_doubt = (
    select(
        operation.c.id,
        run.c.name,
        *(operation.c[name] for name in ("run_id", "row", "order_id", "store_id", "batch")),
        *(operation.c[name] for name in ("field", "key", "occurrence", "state")),
        run.c.settle,
        run.c.undo_of.is_not(None),
    )
    .join(run, run.c.id == operation.c.run_id)
    .where(
        or_(operation.c.kind == constant(OperationKind.APPEND.value), run.c.undo_of.is_not(None)), _unknown
    )
    .order_by(operation.c.id)
)
_its_row = operation.c.run_id == bind("run"), operation.c.row == bind("row")
_OF_ROW = Statement(
    _in_doubt.where(
        or_(operation.c.run_id == bind("run"), run.c.part_of == bind("run")), operation.c.row == bind("row")
    )
)
"""Of a run that was submitted, what any of its tries left."""
_OF_ORDER = Statement(
    _in_doubt.where(
        operation.c.open == ONE,
        operation.c.store_id == bind("store"),
        operation.c.order_id == bind("order"),
    )
)
_HOLDER = Statement(
    select(process.c.lock)
    .join(claim, claim.c.process_id == process.c.id)
    .where(claim.c.store_id == bind("store"), claim.c.order_id == bind("order"))
)
_SETTLE = Statement(
    update(operation)
    .where(operation.c.id == bind("id"))
    .values(
        state=bind("state"),
        at=bind("at"),
        message=bind("message"),
        resolved_by=bind("who"),
        doubted=ZERO,
        open=ZERO,
    )
)
_ROW = Statement(
    select(row.c.order_text, row.c.outcome, run.c.store_id)
    .join(run, run.c.id == row.c.run_id)
    .where(row.c.run_id == bind("run"), row.c.row == bind("row"))
)
_ANY_UNKNOWN = Statement(select(operation.c.id).where(*_its_row, _unknown).limit(ONE).offset(ZERO))
_UNDONE_WITH_IT = Statement(
    select(row.c.row)
    .distinct()
    .select_from(
        undo_step.join(operation, operation.c.id == undo_step.c.step_id).join(
            row, and_(row.c.run_id == undo_step.c.run_id, row.c.row == operation.c.row)
        )
    )
    .where(
        undo_step.c.run_id == bind("run"),
        undo_step.c.row == bind("row"),
        undo_step.c.field == bind("field"),
        row.c.outcome == constant(Outcome.UNCONFIRMED.value),
    )
)
_COUNTS = Statement(select(run.c.counts).where(run.c.id == bind("run")))
_COUNT = Statement(update(run).where(run.c.id == bind("run")).values(counts=bind("counts")))

ANEW = "Send the file again: it looks first, and what is known is not sent again."


class Resolution(NamedTuple):
    """What a person says of a row."""

    run: str
    row: int
    applied: bool
    who: str
    now: datetime
    uptime: Uptime


class _Open(NamedTuple):
    """An append that is in doubt."""

    number: int
    run: str
    run_id: int
    row: int
    order: int
    store_id: int
    batch: str | None
    field: str
    key: str
    occurrence: int
    state: str
    settle: int
    undoes: bool
    """It puts back what stood before."""


def adopt(cursor: Cursor, verdict: Resolution, alive: Callable[[str], bool]) -> None:
    """Take over what a dead process left `sending` in this row: from now on it is in doubt.

    In a transaction of its own, since the wait counts from here even where the verdict comes too early.
    """
    now = TakenOver(verdict.now, verdict.uptime)
    for found in _find(cursor, verdict, alive):
        if found.state == OperationState.SENDING:
            now.adopt(cursor, found.number)
        elif _ago(Since.of(cursor, found.number), verdict) is None:
            now.adopt(cursor, found.number, statements.TAKE_OVER)


def resolve(cursor: Cursor, verdict: Resolution, alive: Callable[[str], bool]) -> RowResult:
    """Settle the appends of a row.

    Raises:
        UsageError: there is nothing to settle, or it is too early to tell.
    """
    found = _find(cursor, verdict, alive)
    if not verdict.applied:
        for append in found:
            _refuse_early(cursor, append, verdict)
    state = OperationState.APPLIED if verdict.applied else OperationState.ABSENT
    seen = "Seen in the order" if verdict.applied else "Not found in the order"
    message = f"{seen} by {verdict.who}."
    # What --again asked for and is resolved is not asked for any more.
    anew = "with --again" if any(append.occurrence > 1 for append in found) else "again"
    for append in found:
        cursor.execute(
            _SETTLE,
            named(
                id=append.number,
                state=state.value,
                at=timestamp(verdict.now),
                message=message,
                who=verdict.who,
            ),
        )
        cursor.execute(
            statements.CLOSE_AGAIN,
            {
                "p_store": append.store_id,
                "p_batch": append.batch,
                "p_order": append.order,
                "p_field": append.field,
                "p_key": append.key,
                "p_occurrence": append.occurrence,
            },
        )
    results = [
        _settle_row(cursor, run_id, row, (message, f"Send the file {anew}."), verdict)
        for run_id, row in dict.fromkeys((one.run_id, one.row) for one in found if not one.undoes)
    ]
    results += [
        result for one in found if one.undoes for result in _settle_undo(cursor, one, message, verdict)
    ]
    run, run_id = find_run(cursor, verdict.run)
    if all((append.run, append.row) != (run, verdict.row) for append in found):
        # The row waited for what another run had left in doubt: it is told by that.
        results.append(_copy_result(cursor, run_id, verdict.row, results[0]))
    return results[-1]


def _find(cursor: Cursor, verdict: Resolution, alive: Callable[[str], bool]) -> list[_Open]:
    run, run_id = find_run(cursor, verdict.run)
    record = cursor.execute(_ROW, named(run=run_id, row=verdict.row)).fetchone()
    if record is None:
        raise UsageError(f"Run {run} has no row {verdict.row}.", code="no-row")
    order, outcome, store_id = record
    found = [_Open(*line) for line in cursor.execute(_OF_ROW, named(run=run_id, row=verdict.row))]
    if not found and outcome == Outcome.UNCONFIRMED and order.isdecimal():
        values = named(store=store_id, order=int(order))
        found = [_Open(*line) for line in cursor.execute(_OF_ORDER, values)]
        rows = sorted({(append.run, append.row) for append in found})
        if len(rows) > 1:
            names = ", ".join(f"{name} --row {row}" for name, row in rows)
            raise UsageError(
                f"Several texts to order {order} are in doubt. Settle each by its own run and row: {names}.",
                code="several-in-doubt",
            )
    if not found:
        raise UsageError(_nothing_to_settle(cursor, run, run_id, verdict.row, outcome), code="not-in-doubt")
    holder = cursor.execute(_HOLDER, named(store=found[0].store_id, order=found[0].order)).fetchone()
    if holder is not None and alive(holder[0]):
        raise UsageError(
            f"Order {found[0].order} is being worked on by a run right now. Wait until that run has ended.",
            code="under-way",
        )
    return found


def _nothing_to_settle(cursor: Cursor, name: str, run_id: int, number: int, outcome: str | None) -> str:
    overwrite = cursor.execute(_ANY_UNKNOWN, named(run=run_id, row=number)).fetchone()
    if overwrite is not None:
        return (
            f"Row {number} of run {name} holds no added text that is in doubt, only a value that can be sent"
            f" again without harm."
            " Send the file again."
        )
    return f"Row {number} of run {name} is not in doubt: it is {outcome or 'known by now'}."


def _ago(since: Since, verdict: Resolution) -> float | None:
    """Tell for how many seconds nothing more is under way; None where that cannot be known.

    By the time of day where the system has no other clock that outlasts a process.
    """
    if verdict.uptime.boot is not None:
        return since.ago(verdict.uptime)
    known = since.adopted or since.given_up
    seconds = -1.0 if known is None else (verdict.now - moment(known)).total_seconds()
    return seconds if seconds >= 0 else None


def _refuse_early(cursor: Cursor, append: _Open, verdict: Resolution) -> None:
    ago = _ago(Since.of(cursor, append.number), verdict)
    left = append.settle / 1000 - (ago or 0.0)
    if left > 0:
        seconds = ceil(left)
        raise UsageError(
            f"Too early to tell: the request of row {append.row} could still arrive for {seconds} s."
            " Look at the order again after that.",
            code="too-early",
        )


def _settle_row(
    cursor: Cursor, run_id: int, number: int, said: tuple[str, str], verdict: Resolution
) -> RowResult:
    message, how_to_go_on = said
    of_row = named(run=run_id, row=number)
    operations = cursor.execute(ROW_OPERATIONS, of_row).fetchall()
    outcome, words = judged([OperationState(state) for state, _, _ in operations])
    if outcome in (Outcome.CONFIRMED, Outcome.NOT_APPLIED):
        words = message if outcome is Outcome.CONFIRMED else f"{message} {how_to_go_on}"
    elif outcome is Outcome.UNCONFIRMED:
        words = f"{message} Whether the rest of the row was done is not known yet. {ANEW}"
    else:
        words = f"{message} {words}"
    order = cursor.execute(_ROW, of_row).fetchone()[0]
    return _write_result(cursor, run_id, RowResult(number, order, outcome, words, verdict.now))


def _settle_undo(cursor: Cursor, undone: _Open, message: str, verdict: Resolution) -> list[RowResult]:
    """Tell the rows of an undo that stand or fall with one of its operations; the named one last."""
    of_it = named(run=undone.run_id, row=undone.row, field=undone.field)
    rows = {number for (number,) in cursor.execute(_UNDONE_WITH_IT, of_it).fetchall()} | {undone.row}
    outcome, words = (
        (Outcome.UNDONE, message)
        if verdict.applied
        else (Outcome.NOT_SENT, f"{message} Run the undo again to put it back.")
    )
    told = [RowResult(number, str(undone.order), outcome, words, verdict.now) for number in sorted(rows)]
    told.sort(key=lambda result: result.row == verdict.row)
    return [_write_result(cursor, undone.run_id, result) for result in told]


def _copy_result(cursor: Cursor, run_id: int, number: int, result: RowResult) -> RowResult:
    return _write_result(cursor, run_id, result._replace(row=number, left_out=False))


def _write_result(cursor: Cursor, run_id: int, result: RowResult) -> RowResult:
    give_result(cursor, run_id, result)
    of_run = named(run=run_id)
    counted = cursor.execute(_COUNTS, of_run).fetchone()[0]
    if counted is not None:
        counts = {**json.loads(counted), "outcomes": dict(cursor.execute(OUTCOMES, of_run))}
        cursor.execute(_COUNT, {**of_run, **named(counts=json.dumps(counts))})
    return result
