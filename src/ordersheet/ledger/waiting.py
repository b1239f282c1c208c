"""What waits for workers: how many chunks a store, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from ordersheet.ledger.compiled import compiled, constant
from ordersheet.ledger.schema import chunk, run, store, submission
from ordersheet.ledger.statements import moment

if TYPE_CHECKING:
    from datetime import datetime

    from ordersheet.ledger.database import Cursor

_WAITING = compiled(
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


def waiting(cursor: Cursor) -> dict[str, Waiting]:
    """Tell by store what nobody works on yet."""
    return {
        name: Waiting(number, moment(since)) for name, number, since in cursor.execute(_WAITING).fetchall()
    }
