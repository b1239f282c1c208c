"""What undos have taken back, as a part of other statements."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, exists, func, select

from ordersheet.core.operation_state import OperationState
from ordersheet.ledger.compiled import Statement, bind, constant, insert
from ordersheet.ledger.schema import operation, run, undo_step

UNDONE, PERHAPS = 2, 1
"""What `taken_back` tells of an operation; NULL where no undo has tried."""
undo = operation.alias("undo")
"""The undo's own operation."""
its_undo = and_(
    undo.c.run_id == undo_step.c.run_id, undo.c.row == undo_step.c.row, undo.c.field == undo_step.c.field
)
APPLIED = constant(OperationState.APPLIED.value)
_UNKNOWN = [constant(OperationState.SENDING.value), constant(OperationState.IN_DOUBT.value)]
MAY_STAND = [APPLIED, *_UNKNOWN]


def taken_back(what: FromClause = operation) -> ColumnElement[Any]:
    """Tell of an operation whether an undo has taken it back: UNDONE, PERHAPS or NULL."""
    how = case((undo.c.state == APPLIED, constant(UNDONE)), (undo.c.state.in_(_UNKNOWN), constant(PERHAPS)))
    return (
        select(func.max(how))
        .select_from(undo_step.join(undo, its_undo))
        .where(undo_step.c.step_id == what.c.id)
        .scalar_subquery()
    )


def is_undone(what: FromClause = operation) -> ColumnElement[bool]:
    """Tell of an operation whether an undo has taken it back for certain."""
    return exists(
        select(undo_step.c.step_id)
        .select_from(undo_step.join(undo, its_undo))
        .where(undo_step.c.step_id == what.c.id, undo.c.state == APPLIED)
        .correlate(what)
    )


_step = (
    select(bind("run"), bind("row"), bind("field"), operation.c.id)
    .join(run, run.c.id == operation.c.run_id)
    .where(
        run.c.name == bind("step_run"),
        operation.c.row == bind("step_row"),
        operation.c.field == bind("step_field"),
    )
)
_whole = run.alias("whole")


def submitted_run() -> ColumnElement[Any]:
    """Name the run that was submitted, where a run is a try of one of its chunks; else NULL."""
    return select(_whole.c.name).where(_whole.c.id == run.c.part_of).correlate(run).scalar_subquery()


TAKE_BACK = Statement(
    insert(undo_step).from_select(["run_id", "row", "field", "step_id"], _step).on_conflict_do_nothing()
)
"""Note what an undo's operation takes back, once it is applied."""
