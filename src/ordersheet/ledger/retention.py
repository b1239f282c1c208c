"""What the ledger forgets, and what it never does.

Texts whose retention has ended become keyed hashes. An operation stays for ever, by its key, so
that what is applied is never sent again. All that bears on an order of which anything is in doubt
stays whole, since the doubt is settled by comparing texts.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, delete, func, null, select, update

from ordersheet.core.model import Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger.compiled import ONE, ZERO, Statement, bind, constant, named
from ordersheet.ledger.keys import text_hash
from ordersheet.ledger.large_files import let_go
from ordersheet.ledger.records import Purged
from ordersheet.ledger.schema import baseline, chunk, file_part, operation, process, row, run, submission
from ordersheet.ledger.statements import timestamp
from ordersheet.ledger.taken_back import is_undone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ordersheet.ledger.database import Cursor, Database
    from ordersheet.ledger.writer import Writer

_PAGE = 500
_ORPHAN_AGE = timedelta(days=1)
REMOVED = "The details were removed when their retention ended."

_this, _other = operation.alias("this"), operation.alias("other")
_open_of_same_order = and_(
    _other.c.store_id == _this.c.store_id, _other.c.order_id == _this.c.order_id, _other.c.open == ONE
)
_of_run = run.c.id == bind("run")
_goes_on = and_(
    run.c.finished.is_(None), select(submission.c.run_id).where(submission.c.run_id == run.c.id).exists()
)
"""It was submitted: workers send it, though whoever handed it over has left."""

_RUNS = Statement(
    select(run.c.id, run.c.part_of, run.c.copy, run.c.finished.is_not(None), process.c.lock)
    .outerjoin(process, process.c.id == run.c.process_id)
    .where(func.coalesce(run.c.finished, run.c.started) <= bind("cutoff"), ~_goes_on)
    .order_by(run.c.id)
)
_FORGET_VALUES = Statement(
    update(operation)
    .where(
        operation.c.id.in_(
            select(_this.c.id)
            .where(
                _this.c.run_id == bind("run"),
                _this.c.value.is_not(None),
                _this.c.open == ZERO,
                _this.c.at <= bind("cutoff"),
                ~select(_other.c.id).where(_open_of_same_order).exists(),
            )
            .limit(bind("page"))
            .offset(ZERO)
        )
    )
    .values(value=null())
)
_BASELINES = Statement(
    select(*(baseline.c[name] for name in ("run_id", "row", "number", "field", "text")))
    .where(
        baseline.c.run_id == bind("run"),
        baseline.c.text.is_not(None),
        ~select(_this.c.id)
        .where(_open_of_same_order, _this.c.run_id == baseline.c.run_id, _this.c.row == baseline.c.row)
        .correlate(baseline)
        .exists(),
    )
    .limit(bind("page"))
    .offset(ZERO)
)
_FORGET_BASELINE = Statement(
    update(baseline)
    .where(
        baseline.c.run_id == bind("run"),
        baseline.c.row == bind("row"),
        baseline.c.number == bind("number"),
        baseline.c.field == bind("field"),
    )
    .values(text=null(), hash=bind("hash"))
)
_FORGET_RUN = Statement(
    update(run)
    .where(_of_run)
    .values(
        options=constant("{}"),
        mapping=constant("{}"),
        copy=null(),
        purged=func.coalesce(run.c.purged, bind("now")),
    )
)
_FORGET_PROBLEMS = Statement(
    update(row)
    .where(
        row.c.run_id == bind("run"),
        row.c.outcome == constant(Outcome.INVALID.value),
        row.c.message != bind("removed"),
    )
    .values(message=bind("removed"))
)
_FORGET_FILE = Statement(delete(file_part).where(file_part.c.run_id == bind("run")))
_FORGET_CHUNKS = Statement(update(chunk).where(chunk.c.run_id == bind("run")).values(content=null()))
_IN_DOUBT = Statement(
    select(func.count())
    .select_from(operation)
    .where(operation.c.open == ONE, operation.c.at <= bind("cutoff"))
)
_COPIES = Statement(select(run.c.copy).where(run.c.copy.is_not(None)))


class Purge(NamedTuple):
    """What to purge."""

    cutoff: datetime
    """Runs that ended at or before this moment."""
    now: datetime
    salt: bytes


class _Ended(NamedTuple):
    run_id: int
    part_of: int | None
    copy: str | None


_UNDOABLE = Statement(
    select(func.count(func.coalesce(run.c.part_of, run.c.id).distinct()))
    .select_from(operation.join(run, run.c.id == operation.c.run_id))
    .where(
        func.coalesce(run.c.finished, run.c.started) <= bind("cutoff"),
        run.c.undo_of.is_(None),
        operation.c.state == constant(OperationState.APPLIED.value),
        operation.c.value.is_not(None),
        ~is_undone(),
    )
)


def undoable(cursor: Cursor, cutoff: datetime) -> int:
    """Count the runs that can be undone now, as far as their texts go, and after a purge no more."""
    return int(cursor.execute(_UNDOABLE, named(cutoff=timestamp(cutoff))).fetchone()[0])


def purge(writer: Writer, plan: Purge, database: Database) -> Purged:
    """Forget what may be forgotten, in transactions short enough that other processes need not wait.

    Args:
        writer: of the ledger.
        plan: what to purge.
        database: the ledger's; private copies and older backups go too.
    """
    copies = database.copies
    ended = writer.do(lambda cursor: _ended_runs(cursor, plan, database.alive))
    texts = removed = 0
    for run_id, _, copy in ended:
        texts += _forget_texts(writer, plan, run_id)
        if copy is not None:
            removed += _remove(copies / copy)
        writer.do(partial(_forget_run, plan, run_id))
    removed += _remove_orphans(writer, plan, copies)
    for backup in database.backups():
        if _age_of(backup) <= plan.cutoff:
            _remove(backup)
    in_doubt = writer.do(
        lambda cursor: int(cursor.execute(_IN_DOUBT, named(cutoff=timestamp(plan.cutoff))).fetchone()[0])
    )
    runs = {part_of or run_id for run_id, part_of, _ in ended}
    return Purged(len(runs), texts, removed, in_doubt)


def _ended_runs(cursor: Cursor, plan: Purge, alive: Callable[[str], bool]) -> list[_Ended]:
    found = cursor.execute(_RUNS, named(cutoff=timestamp(plan.cutoff))).fetchall()
    return [
        _Ended(run_id, part_of, copy)
        for run_id, part_of, copy, finished, lock in found
        if finished or lock is None or not alive(lock)
    ]


def _forget_texts(writer: Writer, plan: Purge, run_id: int) -> int:
    values = named(run=run_id, cutoff=timestamp(plan.cutoff), page=_PAGE)

    def forget_values(cursor: Cursor) -> int:
        return cursor.execute(_FORGET_VALUES, values).rowcount

    def forget_baselines(cursor: Cursor) -> int:
        found = cursor.execute(_BASELINES, values).fetchall()
        cursor.executemany(
            _FORGET_BASELINE,
            [
                named(hash=text_hash(plan.salt, text), run=of_run, row=of_row, number=number, field=field)
                for of_run, of_row, number, field, text in found
            ],
        )
        return len(found)

    total = 0
    for step in (forget_values, forget_baselines):
        while done := writer.do(step):
            total += done
    return total


def _forget_run(plan: Purge, run_id: int, cursor: Cursor) -> None:
    values = named(run=run_id, now=timestamp(plan.now), removed=REMOVED)
    cursor.execute(_FORGET_RUN, values)
    cursor.execute(_FORGET_PROBLEMS, values)
    cursor.execute(_FORGET_FILE, named(run=run_id))
    let_go(cursor, run_id)
    cursor.execute(_FORGET_CHUNKS, named(run=run_id))


def _remove_orphans(writer: Writer, plan: Purge, copies: Path) -> int:
    """Remove copies whose run never started, once no start can be under way any more."""
    kept = writer.do(lambda cursor: {name for (name,) in cursor.execute(_COPIES)})
    if not copies.is_dir():
        return 0
    return sum(
        _remove(copy)
        for copy in copies.iterdir()
        if copy.name not in kept and _age_of(copy) <= plan.now - _ORPHAN_AGE
    )


def _remove(file: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
        return 1
    return 0


def _age_of(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)
