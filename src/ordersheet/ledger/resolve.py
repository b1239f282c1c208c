"""A person has looked at the order, and settles a row that is in doubt."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.errors import UsageError
from ordersheet.core.model import Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import statements
from ordersheet.ledger.results import judged
from ordersheet.ledger.runs import find_run
from ordersheet.ledger.statements import moment, timestamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from datetime import datetime

_COLUMNS = """SELECT operation.id, run.name, operation.run_id, operation.row, operation.order_id,
    operation.store_id, operation.batch, operation.field, operation.key, operation.occurrence,
    operation.state, run.settle
    FROM operation JOIN run ON run.id = operation.run_id
    WHERE operation.kind = 'append' AND operation.state IN ('sending', 'in doubt')"""
_OF_ROW = f"{_COLUMNS} AND operation.run_id = :run AND operation.row = :row ORDER BY operation.id"
_OF_ORDER = f"""{_COLUMNS} AND operation.open = 1 AND operation.store_id = :store
    AND operation.order_id = :order ORDER BY operation.id"""
_CLAIM = """SELECT process.lock FROM claim JOIN process ON process.id = claim.process_id
    WHERE claim.store_id = ? AND claim.order_id = ?"""


class Resolution(NamedTuple):
    """What a person says of a row."""

    run: str
    row: int
    applied: bool
    who: str
    now: datetime


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


def adopt(cursor: sqlite3.Cursor, verdict: Resolution, alive: Callable[[str], bool]) -> None:
    """Take over what a dead process left `sending` in this row: from now on it is in doubt.

    In a transaction of its own, since the wait counts from here even where the verdict comes too early.
    """
    for found in _find(cursor, verdict, alive):
        if found.state == OperationState.SENDING:
            cursor.execute(statements.ADOPT, {"p_id": found.number, "p_at": timestamp(verdict.now)})


def resolve(cursor: sqlite3.Cursor, verdict: Resolution, alive: Callable[[str], bool]) -> RowResult:
    """Settle the appends of a row.

    Raises:
        UsageError: there is nothing to settle, or it is too early to tell.
    """
    found = _find(cursor, verdict, alive)
    if not verdict.applied:
        for append in found:
            _refuse_early(cursor, append, verdict.now)
    state = OperationState.APPLIED if verdict.applied else OperationState.ABSENT
    seen = "Seen in the order" if verdict.applied else "Not found in the order"
    message = f"{seen} by {verdict.who}."
    # What --again asked for and is resolved is not asked for any more.
    anew = "with --again" if any(append.occurrence > 1 for append in found) else "again"
    for append in found:
        cursor.execute(
            "UPDATE operation SET state = ?, at = ?, message = ?, resolved_by = ?, doubted = 0, open = 0"
            " WHERE id = ?",
            (state.value, timestamp(verdict.now), message, verdict.who, append.number),
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
        for run_id, row in dict.fromkeys((append.run_id, append.row) for append in found)
    ]
    run, run_id = find_run(cursor, verdict.run)
    if all((append.run, append.row) != (run, verdict.row) for append in found):
        # The row waited for what another run had left in doubt: it is told by that.
        results.append(_copy_result(cursor, run_id, verdict.row, results[0]))
    return results[-1]


def _find(cursor: sqlite3.Cursor, verdict: Resolution, alive: Callable[[str], bool]) -> list[_Open]:
    run, run_id = find_run(cursor, verdict.run)
    record = cursor.execute(
        "SELECT row.order_text, row.outcome, run.store_id FROM row JOIN run ON run.id = row.run_id"
        " WHERE row.run_id = ? AND row.row = ?",
        (run_id, verdict.row),
    ).fetchone()
    if record is None:
        raise UsageError(f"Run {run} has no row {verdict.row}.", code="no-row")
    order, outcome, store_id = record
    found = [_Open(*line) for line in cursor.execute(_OF_ROW, {"run": run_id, "row": verdict.row})]
    if not found and outcome == Outcome.UNCONFIRMED and order.isdecimal():
        values = {"store": store_id, "order": int(order)}
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
    holder = cursor.execute(_CLAIM, (found[0].store_id, found[0].order)).fetchone()
    if holder is not None and alive(holder[0]):
        raise UsageError(
            f"Order {found[0].order} is being worked on by a run right now. Wait until that run has ended.",
            code="under-way",
        )
    return found


def _nothing_to_settle(cursor: sqlite3.Cursor, run: str, run_id: int, row: int, outcome: str | None) -> str:
    overwrite = cursor.execute(
        "SELECT 1 FROM operation WHERE run_id = ? AND row = ? AND state IN ('sending', 'in doubt')",
        (run_id, row),
    ).fetchone()
    if overwrite is not None:
        return (
            f"Row {row} of run {run} holds no added text that is in doubt, only a value that can be sent"
            f" again without harm."
            " Send the file again."
        )
    return f"Row {row} of run {run} is not in doubt: it is {outcome or 'known by now'}."


def _refuse_early(cursor: sqlite3.Cursor, append: _Open, now: datetime) -> None:
    given_up, adopted, _ = cursor.execute(statements.DOUBT, {"p_id": append.number}).fetchone()
    ended = max(filter(None, (given_up, adopted)), default=None)
    if ended is None:
        return
    left = moment(ended) + timedelta(milliseconds=append.settle) - now
    if left > timedelta(0):
        seconds = -(-left // timedelta(seconds=1))
        raise UsageError(
            f"Too early to tell: the request of row {append.row} could still arrive for {seconds} s."
            " Look at the order again after that.",
            code="too-early",
        )


def _settle_row(
    cursor: sqlite3.Cursor, run_id: int, row: int, said: tuple[str, str], verdict: Resolution
) -> RowResult:
    message, how_to_go_on = said
    operations = cursor.execute(
        "SELECT state, message FROM operation WHERE run_id = ? AND row = ? ORDER BY id", (run_id, row)
    ).fetchall()
    outcome, words = judged([OperationState(state) for state, _ in operations])
    if outcome in (Outcome.CONFIRMED, Outcome.NOT_APPLIED):
        words = message if outcome is Outcome.CONFIRMED else f"{message} {how_to_go_on}"
    else:
        words = f"{message} {words}"
    order = cursor.execute(
        "SELECT order_text FROM row WHERE run_id = ? AND row = ?", (run_id, row)
    ).fetchone()[0]
    return _write_result(cursor, run_id, RowResult(row, order, outcome, words, verdict.now))


def _copy_result(cursor: sqlite3.Cursor, run_id: int, row: int, result: RowResult) -> RowResult:
    return _write_result(
        cursor, run_id, RowResult(row, result.order, result.outcome, result.message, result.time)
    )


def _write_result(cursor: sqlite3.Cursor, run_id: int, result: RowResult) -> RowResult:
    assert result.time is not None
    cursor.execute(
        "UPDATE row SET state = 'done', outcome = ?, message = ?, at = ? WHERE run_id = ? AND row = ?",
        (result.outcome.value, result.message, timestamp(result.time), run_id, result.row),
    )
    counted = cursor.execute("SELECT counts FROM run WHERE id = ?", (run_id,)).fetchone()[0]
    if counted is not None:
        outcomes = dict(
            cursor.execute("SELECT outcome, count(*) FROM row WHERE run_id = ? GROUP BY outcome", (run_id,))
        )
        counts = {**json.loads(counted), "outcomes": outcomes}
        cursor.execute("UPDATE run SET counts = ? WHERE id = ?", (json.dumps(counts), run_id))
    return result
