"""What chunks hold, and what became of their rows: of each row the word of the try that knows most of it."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from ordersheet.core.model import Guard, Operation, OperationKind, OrderUpdate, OrderWork, Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger.compiled import ONE, ZERO, bind, compiled, constant, named
from ordersheet.ledger.results import interrupted
from ordersheet.ledger.schema import again_run, operation, row, run
from ordersheet.ledger.statements import DONE, moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ordersheet.ledger.database import Cursor

VERSION = 1
"""Of what a chunk holds, and of how it is sent. Raised with either: an older worker leaves it alone."""

_DONE = frozenset({Outcome.APPLIED, Outcome.CONFIRMED, Outcome.APPLIED_TWICE, Outcome.DUPLICATE})
_SENT_NOTHING = frozenset(
    {Outcome.OVERWRITTEN_SINCE, Outcome.CHANGED_SINCE, Outcome.UNCHANGED, Outcome.ALREADY_THERE}
)
"""What a later try says of a row for which it sent nothing."""

_of_chunk = run.c.part_of == bind("run"), run.c.part == bind("part")
_TRIES = compiled(select(run.c.id, run.c.name).where(*_of_chunk).order_by(run.c.id))
_MEANT_AGAIN = compiled(
    select(run.c.id).join(again_run, again_run.c.run_id == run.c.id).where(*_of_chunk).limit(ONE).offset(ZERO)
)
_SETTLED = compiled(
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
_RESULTS = compiled(
    select(*(row.c[name] for name in ("row", "order_text", "outcome", "message", "at", "left_out")))
    .where(row.c.run_id == bind("run"))
    .order_by(row.c.row)
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
    done: frozenset[int] = frozenset()
    """Orders of which earlier tries have applied every row."""


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


def written(works: Iterable[OrderWork]) -> str:
    """Write down what rows ask for, as a chunk holds it."""
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
    return base64.b64encode(zlib.compress(json.dumps(told).encode())).decode()


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


def give_results(cursor: Cursor, run_id: int, number: int, works: Sequence[OrderWork], rest: str) -> None:
    """Give each row of a chunk its result in the run that was submitted.

    Args:
        cursor: of a transaction that writes.
        run_id: the submitted run's number.
        number: the chunk's.
        works: what it holds.
        rest: why rows that no try has come to were not sent.
    """
    known = _told(cursor, run_id, number)
    cursor.executemany(
        DONE,
        [
            _values(run_id, known.get(one.row) or RowResult(one.row, str(one.order), Outcome.NOT_SENT, rest))
            for work in works
            for one in work.updates
        ],
    )


def orders_done(cursor: Cursor, run_id: int, number: int, works: Sequence[OrderWork]) -> frozenset[int]:
    """Name the orders of a chunk of which earlier tries have applied every row: nothing is left to send.

    Whatever somebody else has written into them since then is newer than what this run wants.
    """
    known = _told(cursor, run_id, number)
    applied = {row for row, result in known.items() if result.outcome in _DONE}
    return frozenset(work.order for work in works if all(one.row in applied for one in work.updates))


def _told(cursor: Cursor, run_id: int, number: int) -> dict[int, RowResult]:
    """Give by row what the tries of a chunk know of it."""
    known: dict[int, RowResult] = {}
    for try_id, _ in cursor.execute(_TRIES, named(run=run_id, part=number)).fetchall():
        for result in _results(cursor, try_id):
            known[result.row] = _better(known.get(result.row), result)
    return known


def _results(cursor: Cursor, try_id: int) -> Iterator[RowResult]:
    for number, order, outcome, message, at, left_out in cursor.execute(
        _RESULTS, named(run=try_id)
    ).fetchall():
        judged = interrupted(cursor, try_id, number, order)
        if outcome is None:
            yield judged
            continue
        told = RowResult(
            number, order, Outcome(outcome), message, moment(at) if at is not None else None, bool(left_out)
        )
        # What was in doubt at that try's end may have been proven since.
        yield judged if not told.outcome.ok and judged.outcome is Outcome.CONFIRMED else told


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
