"""The statements of the hot path, in SQLAlchemy Core and compiled once; and how values are written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import ColumnElement, and_, case, delete, func, null, or_, select, true, update

from ordersheet.core.operation_state import OperationState
from ordersheet.ledger.compiled import NOTHING, ONE, ZERO, Statement, bind, constant, insert, listed
from ordersheet.ledger.schema import (
    UPTIME,
    again,
    again_run,
    attempt,
    baseline,
    baseline_of,
    claim,
    learned,
    operation,
    process,
    row,
    run,
)
from ordersheet.ledger.taken_back import submitted_run, taken_back

if TYPE_CHECKING:
    from ordersheet.ledger.compiled import Params

Write: TypeAlias = "tuple[Statement, Params | tuple[object, ...]]"
"""A statement and its values: by name, or by place."""


def timestamp(moment: datetime) -> str:
    """Write a moment in the one form in which texts sort as times.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """Read what `timestamp` wrote."""
    return datetime.fromisoformat(text)


def storable(name: str) -> str:
    """Give a path as the database can keep it: bytes that are no UTF-8 (an old file name) as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


_SENDING, _IN_DOUBT, _APPLIED, _THERE, _ABSENT = (
    constant(state.value)
    for state in (
        OperationState.SENDING,
        OperationState.IN_DOUBT,
        OperationState.APPLIED,
        OperationState.THERE,
        OperationState.ABSENT,
    )
)
_given_orders = listed("orders")
SINCE = ("adopted", *(f"{moment}_{part}" for moment in ("adopted", "heard") for part, _ in UPTIME))
"""Since when what is in doubt is so; nothing of it, once it is sent again."""

_begin_row = insert(row).values(
    run_id=bind("run"),
    row=bind("row"),
    order_text=bind("order_text"),
    state=_SENDING,
    message=NOTHING,
    left_out=ZERO,
)
BEGIN_ROW = Statement(
    _begin_row.on_conflict_do_update(
        index_elements=["run_id", "row"], set_={"state": _SENDING, "outcome": null(), "message": NOTHING}
    )
)
_done = insert(row).values(
    run_id=bind("run"),
    row=bind("row"),
    order_text=bind("order_text"),
    state=constant("done"),
    outcome=bind("outcome"),
    message=bind("message"),
    at=bind("at"),
    left_out=bind("left_out"),
)
DONE = Statement(
    _done.on_conflict_do_update(
        index_elements=["run_id", "row"],
        set_={name: _done.excluded[name] for name in ("state", "outcome", "message", "at", "left_out")},
    ),
    by_place=True,
)
"""Values by place, which are bound faster: run, row, order, outcome, message, time, left out."""
NOT_SENT = Statement(_done.on_conflict_do_nothing(), by_place=True)
"""Values as those of `DONE`."""
KNOWN_ROWS = Statement(
    select(row.c.row).where(row.c.run_id == bind("run"), row.c.row.between(bind("first"), bind("last")))
)
BEGIN_ATTEMPT = Statement(
    insert(attempt).values(run_id=bind("run"), row=bind("row"), number=bind("number"), begun=bind("at"))
)
BASELINE = Statement(
    insert(baseline).values(
        run_id=bind("run"), row=bind("row"), number=bind("number"), field=bind("field"), text=bind("text")
    )
)
_operation_values = {
    name: bind(name)
    for name in (
        "row",
        "field",
        "store_id",
        "order_id",
        "place",
        "kind",
        "key",
        "key_version",
        "batch",
        "occurrence",
        "attempt",
        "at",
        "value",
    )
}
_begin_operation = insert(operation).values(
    **_operation_values, run_id=bind("run"), state=_SENDING, doubted=ZERO, open=ONE, message=NOTHING
)
BEGIN_OPERATION = Statement(
    _begin_operation.on_conflict_do_update(
        index_elements=["run_id", "row", "field"],
        set_={
            "state": _SENDING,
            "open": ONE,
            **dict.fromkeys(SINCE, null()),
            **{name: _begin_operation.excluded[name] for name in ("place", "attempt", "at")},
        },
    )
)
THERE = Statement(
    insert(operation).values(
        **_operation_values, run_id=bind("run"), state=_THERE, doubted=ZERO, open=ZERO, message=NOTHING
    )
)
GAVE_UP = Statement(
    update(attempt)
    .where(attempt.c.run_id == bind("run"), attempt.c.row == bind("row"), attempt.c.number == bind("number"))
    .values(
        {
            "given_up": bind("at"),
            "given_up_boot": bind("boot"),
            "given_up_uptime": bind("uptime"),
            "class": bind("verdict"),
            "status": bind("status"),
        }
    )
)


def _settle(whose: ColumnElement[bool]) -> Statement:
    # Who was in doubt once owes a last look, until it is refused, absent, or looked at. To be found in
    # doubt again, after that look, changes nothing.
    doubt = bind("state") == _IN_DOUBT
    stays = and_(doubt, operation.c.state == _IN_DOUBT)
    return Statement(
        update(operation)
        .where(whose, operation.c.row == bind("row"), operation.c.field == bind("field"))
        .values(
            state=bind("state"),
            message=bind("message"),
            at=bind("at"),
            doubted=case((stays, operation.c.doubted), (doubt, ONE), else_=operation.c.doubted),
            open=case(
                (stays, operation.c.open),
                (doubt, ONE),
                (bind("state") == _APPLIED, operation.c.doubted),
                else_=ZERO,
            ),
        )
    )


SETTLE = _settle(operation.c.run_id == bind("run"))
SETTLE_OTHER = _settle(
    operation.c.run_id == select(run.c.id).where(run.c.name == bind("run")).scalar_subquery()
)
LOOKED = Statement(
    update(operation)
    .where(
        operation.c.store_id == bind("store"),
        operation.c.order_id == bind("order"),
        operation.c.open == ONE,
        operation.c.state != _SENDING,
    )
    .values(
        doubted=ZERO,
        # An append stays open until somebody knows, and so does an undo; an overwrite in doubt is simply sent
        # again.
        open=case(
            (
                and_(
                    operation.c.state == _IN_DOUBT,
                    or_(
                        operation.c.kind == constant("append"),
                        operation.c.run_id.in_(select(run.c.id).where(run.c.undo_of.is_not(None))),
                    ),
                ),
                ONE,
            ),
            else_=ZERO,
        ),
    )
)
HEARD = Statement(
    update(operation)
    .where(
        operation.c.store_id == bind("store"),
        operation.c.order_id == bind("order"),
        operation.c.open == ONE,
        operation.c.state != _SENDING,
    )
    .values(heard_boot=bind("boot"), heard_uptime=bind("uptime"))
)
RELEASE = Statement(
    delete(claim).where(
        claim.c.store_id == bind("store"), claim.c.order_id == bind("order"), claim.c.run_id == bind("run")
    )
)
_learned = insert(learned).values(store_id=bind("store"), field=bind("field"), reads_back=bind("reads_back"))
LEARNED = Statement(
    _learned.on_conflict_do_update(
        index_elements=["store_id", "field"], set_={"reads_back": _learned.excluded.reads_back}
    )
)
CLOSE_AGAIN = Statement(
    update(again)
    .where(
        again.c.run_id.in_(
            select(again_run.c.run_id).where(
                again_run.c.store_id == bind("store"), again_run.c.batch.is_not_distinct_from(bind("batch"))
            )
        ),
        again.c.order_id == bind("order"),
        again.c.field == bind("field"),
        again.c.key == bind("key"),
        again.c.occurrence == bind("occurrence"),
    )
    .values(closed=ONE)
)
"""A key says nothing of the store and the batch: the same text may be meant once more at another."""

MUST_HIT = frozenset({SETTLE, SETTLE_OTHER, GAVE_UP})
"""Statements that name something which has to be there."""

CLAIMED = Statement(
    select(claim.c.order_id, claim.c.run_id, claim.c.process_id, process.c.lock)
    .join(process, process.c.id == claim.c.process_id)
    .where(claim.c.store_id == bind("store"), claim.c.order_id.in_(_given_orders))
)
_claim = insert(claim).from_select(
    ["store_id", "order_id", "process_id", "run_id"],
    # Without a WHERE, SQLite would take ON CONFLICT for a part of the FROM.
    select(bind("store"), _given_orders.selected_columns.value, bind("process"), bind("run")).where(true()),
)
CLAIM = Statement(
    _claim.on_conflict_do_update(
        index_elements=["store_id", "order_id"],
        set_={"process_id": _claim.excluded.process_id, "run_id": _claim.excluded.run_id},
    )
)
HISTORY = Statement(
    select(
        operation.c.order_id,
        operation.c.field,
        run.c.name,
        operation.c.row,
        operation.c.kind,
        operation.c.key,
        operation.c.state,
        operation.c.occurrence,
        operation.c.batch,
        operation.c.at,
        operation.c.message,
        operation.c.value,
        operation.c.place,
        operation.c.open,
        operation.c.id,
        run.c.undo_of,
        taken_back(),
        submitted_run(),
    )
    .join(run, run.c.id == operation.c.run_id)
    .where(operation.c.store_id == bind("store"), operation.c.order_id.in_(_given_orders))
    .order_by(operation.c.order_id, operation.c.place)
)
_taken_over = {"adopted": bind("at"), "adopted_boot": bind("boot"), "adopted_uptime": bind("uptime")}
ADOPT = Statement(
    update(operation)
    .where(operation.c.id == bind("id"))
    .values(state=_IN_DOUBT, doubted=ONE, open=ONE, **_taken_over)
)
TAKE_OVER = Statement(update(operation).where(operation.c.id == bind("id")).values(**_taken_over))
"""For what was in doubt before the machine was started anew: nobody knows for how long."""
_its_attempt = and_(
    attempt.c.run_id == operation.c.run_id,
    attempt.c.row == operation.c.row,
    attempt.c.number == operation.c.attempt,
)
DOUBT = Statement(
    select(
        attempt.c.given_up,
        attempt.c.given_up_boot,
        attempt.c.given_up_uptime,
        attempt.c.status,
        operation.c.adopted,
        operation.c.adopted_boot,
        operation.c.adopted_uptime,
        operation.c.heard_boot,
        operation.c.heard_uptime,
        # An overwrite that was sent several times is judged by what stood there before the first of them.
        select(baseline.c.text)
        .where(
            baseline.c.run_id == operation.c.run_id,
            baseline.c.row == operation.c.row,
            baseline.c.field == operation.c.field,
            or_(baseline.c.number == operation.c.attempt, operation.c.kind != constant("append")),
        )
        .order_by(baseline.c.number)
        .limit(ONE)
        .offset(ZERO)
        .scalar_subquery(),
    )
    .select_from(operation)
    .outerjoin(attempt, _its_attempt)
    .where(operation.c.id == bind("id"))
)
MAY_HAVE_LEFT = Statement(
    select(ONE)
    .select_from(operation)
    .join(attempt, and_(attempt.c.run_id == operation.c.run_id, attempt.c.row == operation.c.row))
    .where(
        operation.c.id == bind("id"),
        func.coalesce(attempt.c["class"], NOTHING).not_like(constant("not %")),
    )
)
"""Whether an attempt of an operation's row may have reached the server."""
LATEST = Statement(
    select(
        operation.c.order_id,
        operation.c.field,
        operation.c.kind,
        operation.c.state,
        operation.c.value,
        baseline.c.text,
    )
    .outerjoin(baseline, baseline_of(operation.c.attempt))
    .where(operation.c.store_id == bind("store"), operation.c.state != _ABSENT)
    .order_by(operation.c.id.desc())
    .limit(bind("most"))
    .offset(ZERO)
)
"""The latest operations at a store, each with what its field held before."""
OWED = Statement(
    select(operation.c.order_id)
    .distinct()
    .where(operation.c.store_id == bind("store"), operation.c.open == ONE)
    .order_by(operation.c.order_id)
)
OWED_CLAIMS = Statement(
    select(claim.c.order_id, claim.c.run_id, process.c.lock)
    .join(process, process.c.id == claim.c.process_id)
    .where(claim.c.store_id == bind("store"))
)
WANTED = Statement(
    select(again.c.order_id, again.c.field, again.c.key, again.c.occurrence, again.c.run_id)
    .where(
        again.c.run_id.in_(listed("runs")),
        again.c.order_id.in_(_given_orders),
    )
    .order_by(again.c.run_id, again.c.occurrence)
)
READS_BACK = Statement(
    select(learned.c.field, learned.c.reads_back).where(learned.c.store_id == bind("store"))
)
SET_REPORT = Statement(update(run).where(run.c.id == bind("run")).values(report=bind("report")))
