"""What chunks hold, and what became of their rows: of each row the word of the try that knows most of it."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from ordersheet.core.errors import LedgerError
from ordersheet.core.model import Guard, Operation, OperationKind, OrderUpdate, OrderWork, Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger.compiled import ONE, ZERO, Statement, bind, constant, named
from ordersheet.ledger.results import judged
from ordersheet.ledger.schema import again_run, operation, row, run
from ordersheet.ledger.statements import DONE, moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ordersheet.ledger.database import Cursor

VERSION = 1
"""Of what a chunk holds, and of how it is sent. Raised with either: an older worker leaves it alone."""

_DONE = frozenset({Outcome.APPLIED, Outcome.CONFIRMED, Outcome.APPLIED_TWICE, Outcome.DUPLICATE})
_SENT_NOTHING = frozenset(
    {Outcome.OVERWRITTEN_SINCE, Outcome.CHANGED_SINCE, Outcome.UNCHANGED, Outcome.ALREADY_THERE}
)
"""What a later try says of a row for which it sent nothing."""
_SAYS_WHAT_STANDS = frozenset({Outcome.UNCONFIRMED, Outcome.PARTLY_APPLIED})
_UNKNOWN = frozenset({OperationState.SENDING, OperationState.IN_DOUBT})

_of_chunk = run.c.part_of == bind("run"), run.c.part == bind("part")
_MEANT_AGAIN = Statement(
    select(run.c.id).join(again_run, again_run.c.run_id == run.c.id).where(*_of_chunk).limit(ONE).offset(ZERO)
)
_SETTLED = Statement(
    select(func.count())
    .select_from(operation.join(run, run.c.id == operation.c.run_id))
    .where(
        *_of_chunk,
        operation.c.state.in_(
            [
                constant(state.value)
                for state in (OperationState.APPLIED, OperationState.REFUSED, OperationState.THERE)
            ]
        ),
    )
)
_RESULTS = Statement(
    select(*(row.c[name] for name in ("run_id", "row", "order_text", "outcome", "message", "at", "left_out")))
    .select_from(row.join(run, run.c.id == row.c.run_id))
    .where(*_of_chunk)
    .order_by(row.c.run_id, row.c.row)
)
_OPERATIONS = Statement(
    select(*(operation.c[name] for name in ("run_id", "row", "field", "state", "message", "at")))
    .select_from(operation.join(run, run.c.id == operation.c.run_id))
    .where(*_of_chunk)
    .order_by(operation.c.id)
)


class TakenChunk(NamedTuple):
    """A chunk that this process has taken."""

    run: str
    number: int
    turn: int
    works: Sequence[OrderWork]
    settings: Mapping[str, Any]
    again: bool
    """Whether what `--again` means is recorded already."""
    no_rows: int
    """How many rows of the run have ended in `no` while sending."""


class OpenChunk(NamedTuple):
    """A chunk that is not at its end."""

    run: str
    number: int
    turn: int
    store: str
    held: bool
    """Whether somebody living has it."""
    started: datetime
    """When its run was handed over."""


class WrittenChunk(NamedTuple):
    """What rows ask for, as a chunk holds it."""

    content: str
    rows: int


def written(works: Sequence[OrderWork]) -> WrittenChunk:
    """Write down what rows ask for."""
    told = [
        [
            work.order,
            [
                [one.row, [list(op) for op in one.operations], [list(g) for g in one.guards]]
                for one in work.updates
            ],
        ]
        for work in works
    ]
    content = base64.b64encode(zlib.compress(json.dumps(told).encode())).decode()
    return WrittenChunk(content, sum(len(work.updates) for work in works))


def works_in(content: str) -> list[OrderWork]:
    """Read what `written` wrote."""
    told = json.loads(zlib.decompress(base64.b64decode(content)))
    return [
        OrderWork(
            order,
            tuple(
                OrderUpdate(
                    number,
                    order,
                    tuple(Operation(field, OperationKind(kind), value) for field, kind, value in operations),
                    tuple(Guard(*guard) for guard in guards),
                )
                for number, operations, guards in updates
            ),
        )
        for order, updates in told
    ]


def settled(cursor: Cursor, run_id: int, number: int) -> int:
    """Count what the tries of a chunk have brought to an end."""
    return int(cursor.execute(_SETTLED, named(run=run_id, part=number)).fetchone()[0])


def is_meant_again(cursor: Cursor, run_id: int, number: int) -> bool:
    """Tell whether a try has recorded already what `--again` means: another must not mean it once more."""
    return cursor.execute(_MEANT_AGAIN, named(run=run_id, part=number)).fetchone() is not None


def give_results(
    cursor: Cursor, run_id: int, number: int, works: Sequence[OrderWork], rest: str
) -> Mapping[str, int]:
    """Give each row of a chunk its result in the run that was submitted; gives the rows by outcome.

    Args:
        cursor: of a transaction that writes.
        run_id: the submitted run's number.
        number: the chunk's.
        works: what it holds.
        rest: why rows that no try has come to were not sent.
    """
    known = _told(cursor, run_id, number)
    results = [
        known.get(one.row) or RowResult(one.row, str(one.order), Outcome.NOT_SENT, rest)
        for work in works
        for one in work.updates
    ]
    cursor.executemany(DONE, [_values(run_id, result) for result in results])
    return Counter(result.outcome.value for result in results)


class _TriedPart(NamedTuple):
    """What became of an operation in one try."""

    field: str
    state: OperationState
    message: str
    at: datetime | None


def _told(cursor: Cursor, run_id: int, number: int) -> dict[int, RowResult]:
    """Give by row what the tries of a chunk know of it."""
    of_chunk = named(run=run_id, part=number)
    parts: dict[tuple[int, int], list[_TriedPart]] = {}
    for try_id, at_row, field, state, message, at in cursor.execute(_OPERATIONS, of_chunk).fetchall():
        part = _TriedPart(field, OperationState(state), message, moment(at))
        parts.setdefault((try_id, at_row), []).append(part)
    known: dict[int, RowResult] = {}
    of_row: dict[int, list[_TriedPart]] = {}
    for try_id, *told in cursor.execute(_RESULTS, of_chunk).fetchall():
        its_parts = parts.get((try_id, told[0]), [])
        result = _result(told, its_parts)
        known[result.row] = _better(known.get(result.row), result)
        of_row.setdefault(result.row, []).extend(its_parts)
    return {at_row: _with_doubts(result, of_row[at_row]) for at_row, result in known.items()}


def _result(told: Sequence[Any], parts: Sequence[_TriedPart]) -> RowResult:
    """Give what one try knows of a row."""
    number, order, outcome, message, at, left_out = told
    latest = max((part.at for part in parts if part.at is not None), default=None)
    by_parts = judged([part.state for part in parts], [part.message for part in parts])
    since = RowResult(number, order, *by_parts, latest)
    if outcome is None:
        return since
    result = RowResult(
        number, order, Outcome(outcome), message, moment(at) if at is not None else None, bool(left_out)
    )
    # What was in doubt at that try's end may have been proven since.
    return since if not result.outcome.ok and since.outcome is Outcome.CONFIRMED else result


def _with_doubts(result: RowResult, parts: Sequence[_TriedPart]) -> RowResult:
    """Say of a row that is `no` what any try has applied of it, or may have: the last one may not know."""
    if result.outcome.ok or result.outcome in _SAYS_WHAT_STANDS:
        return result
    applied = {part.field for part in parts if part.state is OperationState.APPLIED}
    in_doubt = {part.field for part in parts if part.state in _UNKNOWN} - applied
    if not applied and not in_doubt:
        return result
    if in_doubt:
        said = (
            f"It is not known whether an earlier try of this run applied it. The last one: {result.message}"
        )
        return result._replace(outcome=Outcome.UNCONFIRMED, message=said)
    said = f"An earlier try of this run applied a part of the row. The last one: {result.message}"
    return result._replace(outcome=Outcome.PARTLY_APPLIED, message=said)


def _better(before: RowResult | None, now: RowResult) -> RowResult:
    """Choose between an earlier try's word of a row and a later one's."""
    if before is None:
        return now
    if now.outcome is Outcome.ALREADY_APPLIED and before.outcome.ok:
        # The run did it itself.
        return before
    if now.outcome in _SENT_NOTHING and before.outcome in _DONE:
        # The run did it itself, and somebody else has been at the order since.
        return before
    if now.outcome is Outcome.NOT_SENT and before.outcome is not Outcome.NOT_SENT:
        # The later try ended before this row's turn.
        return before
    return now


def _values(run_id: int, result: RowResult) -> tuple[object, ...]:
    number, order, outcome, message, at, left_out = result
    return run_id, number, order, outcome.value, message, at and timestamp(at), int(left_out)


ASIDE = (
    "It failed three times without getting any further. Submit the file again: what is done is not done"
    " twice."
)


def refuse_newer(version: int, name: str | None) -> None:
    """Raise LedgerError where what was submitted is of a newer kind than this program sends."""
    if version > VERSION:
        what = "What waits" if name is None else f"Run {name}"
        raise LedgerError(
            f"{what} was submitted by a newer version of ordersheet. Upgrade ordersheet on this computer.",
            code="newer",
        )
