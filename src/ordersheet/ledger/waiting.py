"""What a worker sees at one look: the chunks next in turn, what waits at each store, and who works here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from ordersheet.ledger import submission_statements as sql
from ordersheet.ledger.chunks import VERSION, OpenChunk
from ordersheet.ledger.compiled import ONE, ZERO, Statement, bind, constant, named
from ordersheet.ledger.runs import find_run
from ordersheet.ledger.schema import chunk, process, row, run, store, submission
from ordersheet.ledger.statements import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ordersheet.ledger.database import Cursor, Database

_ROWS = Statement(select(submission.c.rows).where(submission.c.run_id == bind("run")))
_TOLD = Statement(select(func.count()).select_from(row).where(row.c.run_id == bind("run")))
_TRIES = Statement(select(run.c.id).where(run.c.part_of == bind("run")).limit(ONE).offset(ZERO))
_PROCESSES = Statement(select(process.c.lock))

_WAITING = Statement(
    select(store.c.name, func.count(), func.min(run.c.started))
    .select_from(
        chunk.join(run, run.c.id == chunk.c.run_id)
        .join(submission, submission.c.run_id == run.c.id)
        .join(store, store.c.id == run.c.store_id)
    )
    .where(chunk.c.state == constant("waiting"), chunk.c.content.is_not(None))
    .group_by(store.c.name)
)


class Waiting(NamedTuple):
    """What waits at one store."""

    chunks: int
    since: datetime
    """When the oldest of their runs was handed over."""


class SubmissionState(NamedTuple):
    """How far a submitted run has come."""

    chunks: Mapping[str, int]
    """How many are in which state."""
    stopped: bool
    """Whether its end was asked for."""
    finished: bool


class RowsToGo(NamedTuple):
    """What is left of a submitted run."""

    rows: int
    """Rows that are not told what they came to."""
    begun: bool
    """Whether any worker has taken something of it."""


def rows_to_go(cursor: Cursor, name: str) -> RowsToGo:
    """Tell what is left of a submitted run."""
    run_id = named(run=find_run(cursor, name)[1])
    rows = int(cursor.execute(_ROWS, run_id).fetchone()[0])
    told = int(cursor.execute(_TOLD, run_id).fetchone()[0])
    begun = cursor.execute(_TRIES, run_id).fetchone() is not None
    return RowsToGo(max(0, rows - told), begun)


class WorkSeen(NamedTuple):
    """What is seen at one look."""

    open: Sequence[OpenChunk]
    """Chunks that are not at their end and that this program can send, in turn."""
    waiting: Mapping[str, Waiting]
    """By store, what nobody works on yet."""
    leases: int
    """How many processes work with the ledger."""


def look(cursor: Cursor, database: Database, most: int) -> WorkSeen:
    """Look for work; the statements are as few with many processes as with one.

    Args:
        cursor: of a transaction that reads.
        database: the ledger's.
        most: how many chunks are named; what a newer program handed over is none of ours.
    """
    chunks = cursor.execute(sql.ALL_OPEN, named(most=most, version=VERSION)).fetchall()
    found = cursor.execute(_WAITING).fetchall()
    locks = [lock for (lock,) in cursor.execute(_PROCESSES).fetchall()]
    living = database.living(locks)
    waiting = {name: Waiting(number, moment(since)) for name, number, since in found}
    return WorkSeen(_open(chunks, living), waiting, len(living))


def chunks_of(cursor: Cursor, database: Database, name: str) -> list[OpenChunk]:
    """Name the chunks of a run that are not at their end, in turn."""
    found = cursor.execute(sql.OPEN_IN_TURN, named(run=find_run(cursor, name)[1])).fetchall()
    return _open(found, database.living(lock for *_, lock, _ in found if lock is not None))


def _open(found: Iterable[Any], living: set[str]) -> list[OpenChunk]:
    """Read chunks that are not at their end; `living` are the processes that live among their holders."""
    return [
        OpenChunk(name, number, turn, of, state == "taken" and lock in living, moment(started))
        for name, number, turn, of, state, lock, started in found
    ]
