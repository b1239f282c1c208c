"""What earlier runs at a store say against a new one: the same bytes under another batch, another key."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, case, exists, func, or_, select

from ordersheet.core.model import Outcome
from ordersheet.ledger.compiled import Statement, bind, constant, named
from ordersheet.ledger.schema import attempt, operation, row, run, store
from ordersheet.ledger.statements import moment
from ordersheet.ledger.taken_back import MAY_STAND, is_undone

if TYPE_CHECKING:
    from datetime import datetime

    from ordersheet.ledger.database import Cursor

_UNFINISHED = [
    constant(outcome.value) for outcome in (Outcome.NOT_SENT, Outcome.NOT_APPLIED, Outcome.UNCONFIRMED)
]

_may_have_arrived = exists().where(
    attempt.c.run_id == run.c.id,
    # An attempt's class begins with "not " where it is known to have changed nothing.
    or_(attempt.c["class"].is_(None), attempt.c["class"].not_like(constant("not %"))),
)
_has_unfinished_rows = exists().where(
    row.c.run_id == run.c.id,
    row.c.left_out == constant(0),
    or_(row.c.outcome.is_(None), row.c.outcome.in_(_UNFINISHED)),
)
_of_store = and_(store.c.id == run.c.store_id, store.c.name == bind("store"))
_of_this_run = operation.c.run_id == run.c.id
_is_taken_back = and_(
    exists().where(_of_this_run, is_undone()),
    ~exists().where(_of_this_run, operation.c.state.in_(MAY_STAND), ~is_undone()),
)
"""Undone as a whole: it counts as if it had never been."""
_SAME_BYTES = Statement(
    select(
        run.c.name,
        run.c.batch,
        run.c.started,
        or_(run.c.finished.is_(None), run.c.stopped_by.is_not(None), _has_unfinished_rows),
    )
    .join(store, _of_store)
    .where(run.c.sha256 == bind("sha256"), _may_have_arrived, run.c.undo_of.is_(None), ~_is_taken_back)
    .order_by(run.c.id.desc())
)
_KEY_PRINTS = Statement(
    select(func.count(), func.count(case((run.c.key_print == bind("print"), constant(1)))))
    .select_from(run)
    .join(store, _of_store)
    .where(run.c.key_print.is_not(None), or_(run.c.same_store == constant(1), _may_have_arrived))
)


class EarlierSend(NamedTuple):
    """An earlier run that sent something of the very same bytes."""

    run: str
    batch: str | None
    started: datetime
    unfinished: bool
    """Whether running it again, under its batch, can do more."""


def sent_before(cursor: Cursor, store: str, sha256: str) -> list[EarlierSend]:
    """Tell the runs at a store that sent something of a file with these bytes, newest first."""
    found = cursor.execute(_SAME_BYTES, named(store=store, sha256=sha256))
    return [
        EarlierSend(name, batch, moment(started), bool(unfinished))
        for name, batch, started, unfinished in found
    ]


def key_is_new(cursor: Cursor, store: str, key_print: str) -> bool:
    """Tell whether a store was written to with other keys, and never with this one.

    A store of which no key is known yet, since nothing was sent there or an older version sent it, takes
    whichever comes first.
    """
    known, same = cursor.execute(_KEY_PRINTS, named(store=store, print=key_print)).fetchone()
    return bool(known) and not same


def key_print(salt: bytes, key: str) -> str:
    """Give the fingerprint of an API key: keyed with the ledger's own salt, so that it tells nothing else."""
    return hmac.digest(salt, b"api key\0" + key.encode(), "sha256")[:16].hex()
