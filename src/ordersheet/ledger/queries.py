"""What the ledger tells: runs, rows, the history of an order, and the books of an estimate."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

from ordersheet.core.model import OperationKind, RequestCounts
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import results
from ordersheet.ledger.again import Again, Wanted
from ordersheet.ledger.claims import Reader, as_text
from ordersheet.ledger.records import AttemptInfo, OperationInfo, RowInfo, RunInfo, RunState
from ordersheet.ledger.runs import find_run
from ordersheet.ledger.statements import moment, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from ordersheet.core.history.orderbook import OrderBook, Policy
    from ordersheet.core.model import OrderWork, RowResult

_RUN = """SELECT run.*, store.name AS store, process.lock AS lock
    FROM run JOIN store ON store.id = run.store_id LEFT JOIN process ON process.id = run.process_id"""
_OPERATION = """SELECT operation.*, run.name AS run, store.name AS store, run.user AS user, run.uid AS uid,
    run.machine AS machine, run.input AS input, baseline.text AS earlier
    FROM operation JOIN run ON run.id = operation.run_id JOIN store ON store.id = operation.store_id
    LEFT JOIN baseline ON baseline.run_id = operation.run_id AND baseline.row = operation.row
    AND baseline.number = operation.attempt AND baseline.field = operation.field"""
_COUNTS = "SELECT coalesce(outcome, 'unconfirmed'), count(*) FROM row WHERE run_id = ? GROUP BY 1"
_LEFT_OUT = "SELECT count(*) FROM row WHERE run_id = ? AND left_out = 1"
_PAGE = 1000


class BookContext(NamedTuple):
    """What a run's line does not hold itself."""

    alive: Callable[[str], bool]
    copies: Path


def runs(
    cursor: sqlite3.Cursor, context: BookContext, *, limit: int | None, store: str | None
) -> list[RunInfo]:
    """Tell the runs, newest first."""
    found = _records(
        cursor,
        f"{_RUN} WHERE ? IS NULL OR store.name = ? ORDER BY run.id DESC LIMIT ?",
        (store, store, -1 if limit is None else limit),
    )
    return [_run_info(cursor, context, record) for record in found]


def run(cursor: sqlite3.Cursor, context: BookContext, run_id: int) -> RunInfo:
    """Tell one run."""
    (record,) = _records(cursor, f"{_RUN} WHERE run.id = ?", (run_id,))
    return _run_info(cursor, context, record)


def _records(cursor: sqlite3.Cursor, query: str, values: Sequence[object]) -> list[sqlite3.Row]:
    """Read with columns by their names."""
    cursor.row_factory = sqlite3.Row
    return cursor.execute(query, values).fetchall()


def _run_info(cursor: sqlite3.Cursor, context: BookContext, record: sqlite3.Row) -> RunInfo:
    if record["counts"] is None:
        counts: dict[str, Any] = {"outcomes": dict(map(tuple, cursor.execute(_COUNTS, (record["id"],))))}
        counts["left_out"] = cursor.execute(_LEFT_OUT, (record["id"],)).fetchone()[0]
    else:
        counts = json.loads(record["counts"])
    copy = None if record["copy"] is None else context.copies / record["copy"]
    return RunInfo(
        run=record["name"],
        state=_run_state(context, record),
        copy=copy if copy is not None and copy.exists() else None,
        options=json.loads(record["options"]),
        mapping=json.loads(record["mapping"]),
        again=bool(record["again"]),
        settle=record["settle"] / 1000,
        started=moment(record["started"]),
        finished=_optional(record["finished"]),
        purged=_optional(record["purged"]),
        outcomes=counts["outcomes"],
        left_out=counts.get("left_out", 0),
        requests=RequestCounts(**(counts.get("requests") or {})),
        **{name: record[name] for name in _RUN_COLUMNS},
    )


_RUN_COLUMNS = (
    "store", "host", "profile", "tool_version", "user", "machine", "input", "sha256", "sheet", "header_row",
    "batch", "stopped_by", "message", "report", "uid", "encoding",
)  # fmt: skip
"""Columns that are told as they are stored."""


def _run_state(context: BookContext, record: sqlite3.Row) -> RunState:
    if record["finished"] is not None:
        return RunState.FINISHED if record["stopped_by"] is None else RunState.STOPPED
    lock = record["lock"]
    return RunState.RUNNING if lock is not None and context.alive(lock) else RunState.KILLED


def runs_of(cursor: sqlite3.Cursor, path: str) -> frozenset[str]:
    """Name the runs of one input."""
    return frozenset(
        name for (name,) in cursor.execute("SELECT name FROM run WHERE input = ?", (storable(path),))
    )


def results_of(
    connect: Callable[[], AbstractContextManager[sqlite3.Cursor]], text: str
) -> Iterator[RowResult]:
    """Give a run's results in row order."""
    with connect() as cursor:
        run_id = find_run(cursor, text)[1]
    return results.recorded(connect, run_id)


def rows(connect: Callable[[], AbstractContextManager[sqlite3.Cursor]], text: str) -> Iterator[RowInfo]:
    """Give a run's rows in row order, with all that was tried, a page at a time."""
    with connect() as cursor:
        run_id = find_run(cursor, text)[1]
    page: list[RowResult] = []
    for result in results.recorded(connect, run_id):
        page.append(result)
        if len(page) == _PAGE:
            yield from _row_infos(connect, run_id, page)
            page = []
    if page:
        yield from _row_infos(connect, run_id, page)


def _row_infos(
    connect: Callable[[], AbstractContextManager[sqlite3.Cursor]], run_id: int, page: Sequence[RowResult]
) -> Iterator[RowInfo]:
    between = (run_id, page[0].row, page[-1].row)
    attempts: dict[int, list[AttemptInfo]] = {}
    operations: dict[int, list[OperationInfo]] = {}
    with connect() as cursor:
        for row, number, begun, given_up, verdict, status in cursor.execute(
            "SELECT row, number, begun, given_up, class, status FROM attempt"
            " WHERE run_id = ? AND row BETWEEN ? AND ? ORDER BY row, number",
            between,
        ):
            attempts.setdefault(row, []).append(
                AttemptInfo(number, moment(begun), _optional(given_up), verdict, status)
            )
        query = (
            f"{_OPERATION} WHERE operation.run_id = ? AND operation.row BETWEEN ? AND ? ORDER BY operation.id"
        )
        for record in _records(cursor, query, between):
            operations.setdefault(record["row"], []).append(_operation_info(record))
    for result in page:
        yield RowInfo(result, tuple(attempts.get(result.row, ())), tuple(operations.get(result.row, ())))


def order_history(cursor: sqlite3.Cursor, order: int, store: str | None) -> list[OperationInfo]:
    """Tell what was done to one order, in the order of sending."""
    found = _records(
        cursor,
        f"{_OPERATION} WHERE operation.order_id = ? AND (? IS NULL OR store.name = ?)"
        " ORDER BY store.name, operation.place",
        (order, store, store),
    )
    return [_operation_info(record) for record in found]


def _operation_info(record: sqlite3.Row) -> OperationInfo:
    return OperationInfo(
        order=record["order_id"],
        kind=OperationKind(record["kind"]),
        text=as_text(record["value"]),
        state=OperationState(record["state"]),
        at=moment(record["at"]),
        **{name: record[name] for name in _OPERATION_COLUMNS},
    )


_OPERATION_COLUMNS = (
    "run", "row", "store", "field", "message", "occurrence", "batch", "earlier", "resolved_by", "user",
    "uid", "machine", "input",
)  # fmt: skip
"""Columns that are told as they are stored."""


def books(
    cursor: sqlite3.Cursor,
    store: str,
    works: Iterable[OrderWork],
    policy: Policy,
    salt: bytes,
    seen: dict[tuple[str, str | None], list[int]],
) -> list[OrderBook]:
    """Make the books of orders as they stand now.

    Args:
        cursor: of a connection that reads.
        store: whose orders.
        works: what the file asks.
        policy: the options that bear on what is already done.
        salt: for the keys.
        seen: the unfinished `--again` runs by store and batch, as far as they were looked for before: to find
            them may mean to look at each of a hundred thousand occurrences.
    """
    works = list(works)
    found_store = cursor.execute("SELECT id FROM store WHERE name = ?", (store,)).fetchone()
    store_id = 0 if found_store is None else int(found_store[0])
    reader = Reader(store_id, salt, policy)
    orders = [work.order for work in works]
    found = reader.found(cursor, orders)
    again = Again(0, store_id, policy.batch, salt, each=policy.duplicates == "send")
    name = store, policy.batch
    if name not in seen:
        again.see_unfinished(cursor)
        seen[name] = again.unfinished
    again.unfinished = seen[name]
    wanted = again.wanted(cursor, orders)
    if policy.again:
        for run_id, order, field, key, occurrence in again.estimate(cursor, works):
            wanted.setdefault(order, Wanted()).add(run_id, field, key, occurrence)
    return [reader.book(work, found.get(work.order), wanted.get(work.order)) for work in works]


def _optional(text: str | None) -> datetime | None:
    return None if text is None else moment(text)
