"""What the ledger tells: runs, rows, the history of an order, and the books of an estimate."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import case, func, or_, select

from ordersheet.core.model import OperationKind, Outcome, RequestCounts
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import results
from ordersheet.ledger.again import Again, Wanted
from ordersheet.ledger.compiled import ONE, ZERO, Statement, bind, constant, named
from ordersheet.ledger.histories import Reader, as_text
from ordersheet.ledger.records import AttemptInfo, OperationInfo, RowInfo, RunInfo, RunState, Submitter
from ordersheet.ledger.runs import LEFT_OUT, STORE, find_run
from ordersheet.ledger.schema import (
    attempt,
    baseline,
    baseline_of,
    operation,
    process,
    row,
    run,
    store,
    submission,
)
from ordersheet.ledger.statements import moment, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from ordersheet.core.history.orderbook import OrderBook, Policy
    from ordersheet.core.model import OrderWork, RowResult
    from ordersheet.ledger.compiled import Params
    from ordersheet.ledger.database import Cursor

_HANDED_OVER = ("name", "user", "uid", "machine", "database_user")
_undone_run, _whole_run, _try = run.alias("undone"), run.alias("whole"), run.alias("try")
_runs = (
    select(
        run,
        store.c.name.label("store"),
        process.c.lock.label("lock"),
        select(_undone_run.c.name)
        .where(_undone_run.c.id == run.c.undo_of)
        .scalar_subquery()
        .label("undone_run"),
        select(_whole_run.c.name)
        .where(_whole_run.c.id == run.c.part_of)
        .scalar_subquery()
        .label("whole_run"),
        submission.c.run_id.label("submission"),
    )
    .join(store, store.c.id == run.c.store_id)
    .outerjoin(process, process.c.id == run.c.process_id)
    .outerjoin(submission, submission.c.run_id == run.c.id)
)
_ONE_RUN = Statement(_runs.where(run.c.id == bind("run")))
_at_store = or_(bind("store").is_(None), store.c.name == bind("store"))
_listed = _runs.where(_at_store, run.c.part.is_(None))
_RUNS = Statement(_listed.order_by(run.c.id.desc()))
_LATEST_RUNS = Statement(_listed.order_by(run.c.id.desc()).limit(bind("limit")).offset(ZERO))
_operations = (
    select(
        operation,
        run.c.name.label("run"),
        store.c.name.label("store"),
        *(run.c[name] for name in ("user", "uid", "machine", "input", "database_user")),
        *(_whole_run.c[name].label(f"whole_{name}") for name in _HANDED_OVER),
        baseline.c.text.label("earlier"),
    )
    .join(run, run.c.id == operation.c.run_id)
    .join(store, store.c.id == operation.c.store_id)
    .outerjoin(_whole_run, _whole_run.c.id == run.c.part_of)
    .outerjoin(baseline, baseline_of(operation.c.attempt))
)
_tries = select(_try.c.id).where(_try.c.part_of == bind("run"))
_OF_ROWS = Statement(
    _operations.where(
        or_(operation.c.run_id == bind("run"), operation.c.run_id.in_(_tries)),
        operation.c.row.between(bind("first"), bind("last")),
    ).order_by(operation.c.id)
)
_OF_ORDER = Statement(
    _operations.where(operation.c.order_id == bind("order"), _at_store).order_by(
        store.c.name, operation.c.place
    )
)
_ATTEMPTS = Statement(
    select(*(attempt.c[name] for name in ("row", "number", "begun", "given_up", "class", "status")))
    .where(
        or_(attempt.c.run_id == bind("run"), attempt.c.run_id.in_(_tries)),
        attempt.c.row.between(bind("first"), bind("last")),
    )
    .order_by(attempt.c.row, attempt.c.begun, attempt.c.number)
)
_outcome = func.coalesce(row.c.outcome, constant(Outcome.UNCONFIRMED.value))
_COUNTS = Statement(select(_outcome, func.count()).where(row.c.run_id == bind("run")).group_by(_outcome))
_OF_INPUT = Statement(select(run.c.name).where(run.c.input == bind("input")))
_ENCODING = Statement(
    select(run.c.encoding)
    .where(or_(run.c.report == bind("report"), run.c.name == bind("run")))
    .order_by(case((run.c.report == bind("report"), ZERO), else_=ONE), run.c.id.desc())
    .limit(ONE)
    .offset(ZERO)
)
_RUN_IN_NAME = re.compile(r"-(\d{8}-[0-9a-z]{4,8})$")
_PAGE = 1000


class BookContext(NamedTuple):
    """What a run's line does not hold itself."""

    alive: Callable[[str], bool]
    copies: Path


def runs(cursor: Cursor, context: BookContext, *, limit: int | None, store: str | None) -> list[RunInfo]:
    """Tell the runs, newest first."""
    wanted = named(store=store, limit=limit)
    found = _records(cursor, _RUNS if limit is None else _LATEST_RUNS, wanted)
    return [_run_info(cursor, context, record) for record in found]


def one_run(cursor: Cursor, context: BookContext, run_id: int) -> RunInfo:
    """Tell one run."""
    (record,) = _records(cursor, _ONE_RUN, named(run=run_id))
    return _run_info(cursor, context, record)


def _records(cursor: Cursor, query: Statement, values: Params) -> list[dict[str, Any]]:
    """Read with columns by their names."""
    found = cursor.execute(query, values).fetchall()
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, record, strict=True)) for record in found]


def _run_info(cursor: Cursor, context: BookContext, record: Mapping[str, Any]) -> RunInfo:
    if record["counts"] is None:
        of_run = named(run=record["id"])
        counts: dict[str, Any] = {"outcomes": dict(map(tuple, cursor.execute(_COUNTS, of_run)))}
        counts["left_out"] = cursor.execute(LEFT_OUT, of_run).fetchone()[0]
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
        undo_of=record["undone_run"],
        part_of=record["whole_run"],
        submitted=record["submission"] is not None,
        **{name: record[name] for name in _RUN_COLUMNS},
    )


_RUN_COLUMNS = (
    "store", "host", "profile", "tool_version", "user", "machine", "input", "sha256", "sheet", "header_row",
    "batch", "stopped_by", "message", "report", "uid", "encoding", "database_user",
)  # fmt: skip
"""Columns that are told as they are stored."""


def _run_state(context: BookContext, record: Mapping[str, Any]) -> RunState:
    if record["finished"] is not None:
        return RunState.FINISHED if record["stopped_by"] is None else RunState.STOPPED
    lock = record["lock"]
    if record["submission"] is not None:
        # Whoever submitted it may go: workers send it.
        return RunState.RUNNING
    return RunState.RUNNING if lock is not None and context.alive(lock) else RunState.KILLED


def runs_of(cursor: Cursor, path: str) -> frozenset[str]:
    """Name the runs of one input."""
    return frozenset(name for (name,) in cursor.execute(_OF_INPUT, named(input=storable(path))))


def encoding_of_report(cursor: Cursor, path: Path) -> str | None:
    """Tell the encoding of a report's input: by its path, or by the run that its name ends in."""
    named_run = _RUN_IN_NAME.search(path.stem)
    wanted = named(report=storable(str(path)), run=named_run[1] if named_run is not None else None)
    found = cursor.execute(_ENCODING, wanted).fetchone()
    return None if found is None else found[0]


def results_of(
    connect: Callable[[], AbstractContextManager[Cursor]], context: BookContext, text: str
) -> Iterator[RowResult]:
    """Give a run's results in row order."""
    run_id, running = _found(connect, context, text)
    return results.recorded(connect, run_id, running=running)


def _found(
    connect: Callable[[], AbstractContextManager[Cursor]], context: BookContext, text: str
) -> tuple[int, bool]:
    """Find a run; gives its number, and whether it is still going on."""
    with connect() as cursor:
        run_id = find_run(cursor, text)[1]
        return run_id, one_run(cursor, context, run_id).state is RunState.RUNNING


def rows(
    connect: Callable[[], AbstractContextManager[Cursor]], context: BookContext, text: str
) -> Iterator[RowInfo]:
    """Give a run's rows in row order, with all that was tried, a page at a time."""
    run_id, running = _found(connect, context, text)
    page: list[RowResult] = []
    for result in results.recorded(connect, run_id, running=running):
        page.append(result)
        if len(page) == _PAGE:
            yield from _row_infos(connect, run_id, page)
            page = []
    if page:
        yield from _row_infos(connect, run_id, page)


def _row_infos(
    connect: Callable[[], AbstractContextManager[Cursor]], run_id: int, page: Sequence[RowResult]
) -> Iterator[RowInfo]:
    between = named(run=run_id, first=page[0].row, last=page[-1].row)
    attempts: dict[int, list[AttemptInfo]] = {}
    operations: dict[int, list[OperationInfo]] = {}
    with connect() as cursor:
        for of_row, number, begun, given_up, verdict, status in cursor.execute(_ATTEMPTS, between):
            attempts.setdefault(of_row, []).append(
                AttemptInfo(number, moment(begun), _optional(given_up), verdict, status)
            )
        for record in _records(cursor, _OF_ROWS, between):
            operations.setdefault(record["row"], []).append(_operation_info(record))
    for result in page:
        yield RowInfo(result, tuple(attempts.get(result.row, ())), tuple(operations.get(result.row, ())))


def order_history(cursor: Cursor, order: int, store: str | None) -> list[OperationInfo]:
    """Tell what was done to one order, in the order of sending."""
    found = _records(cursor, _OF_ORDER, named(order=order, store=store))
    return [_operation_info(record) for record in found]


def _operation_info(record: Mapping[str, Any]) -> OperationInfo:
    whole = [record[f"whole_{name}"] for name in _HANDED_OVER]
    return OperationInfo(
        submitted=None if whole[0] is None else Submitter(*whole),
        order=record["order_id"],
        kind=OperationKind(record["kind"]),
        text=as_text(record["value"]),
        state=OperationState(record["state"]),
        at=moment(record["at"]),
        **{name: record[name] for name in _OPERATION_COLUMNS},
    )


_OPERATION_COLUMNS = (
    "run", "row", "store", "field", "message", "occurrence", "batch", "earlier", "resolved_by", "user",
    "uid", "machine", "input", "database_user",
)  # fmt: skip
"""Columns that are told as they are stored."""


def store_of(cursor: Cursor, store: str) -> int:
    """Give a store's number; 0 where the ledger knows none of that name."""
    found = cursor.execute(STORE, named(name=store)).fetchone()
    return 0 if found is None else int(found[0])


def books(
    cursor: Cursor,
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
    store_id = store_of(cursor, store)
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
