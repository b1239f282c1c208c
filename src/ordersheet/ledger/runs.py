"""The lines of runs: how one is opened, named, closed, and found again."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, or_, select, update

from ordersheet.core.errors import UsageError
from ordersheet.ledger import results
from ordersheet.ledger.compiled import NOTHING, ONE, ZERO, Statement, bind, constant, insert, named
from ordersheet.ledger.person import this_person
from ordersheet.ledger.schema import claim, row, run, store
from ordersheet.ledger.statements import storable, timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from ordersheet.core.model import RequestCounts, RowResult
    from ordersheet.ledger.database import Cursor
    from ordersheet.ledger.records import RunStart

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Base 32 without letters that are taken for others; in the order of their codes, so that names sort."""
_DIGITS_IN_NAME = 4
_MOST_NAMED = 5
"""Runs whose names fit a line."""
_TICKS_A_DAY = len(_DIGITS) ** _DIGITS_IN_NAME
_DAY = timedelta(days=1)

_FIRST_COLUMNS = (
    "name", "store_id", "process_id", "host", "profile", "tool_version", "user", "machine", "options",
    "mapping", "input", "sha256", "copy", "sheet", "header_row", "batch", "again", "settle", "started",
    "uid", "encoding", "key_print", "same_store", "undo_of", "database_user", "part_of", "part",
)  # fmt: skip
"""What is known of a run when it starts."""
_of_run = row.c.run_id == bind("run")
_INSERT = Statement(insert(run).values(message=NOTHING, **{name: bind(name) for name in _FIRST_COLUMNS}))
_ADD_STORE = Statement(insert(store).values(name=bind("name")).on_conflict_do_nothing())
STORE = Statement(select(store.c.id).where(store.c.name == bind("name")))
_TAKEN = Statement(select(run.c.id).where(run.c.name == bind("name")))
_WITHOUT_RESULT = Statement(
    select(row.c.row, row.c.order_text).where(_of_run, row.c.state == constant("sending"))
)
GIVE_RESULT = Statement(
    update(row)
    .where(_of_run, row.c.row == bind("row"))
    .values(state=constant("done"), outcome=bind("outcome"), message=bind("message"), at=bind("at"))
)
OUTCOMES = Statement(select(row.c.outcome, func.count()).where(_of_run).group_by(row.c.outcome))
LEFT_OUT = Statement(select(func.count()).select_from(row).where(_of_run, row.c.left_out == ONE))
_CLOSE = Statement(
    update(run)
    .where(run.c.id == bind("run"))
    .values({name: bind(name) for name in ("finished", "stopped_by", "message", "counts")})
)
_LET_GO = Statement(delete(claim).where(claim.c.run_id == bind("run")))
_latest = (
    select(run.c.name, run.c.id)
    .where(
        run.c.part.is_(None),
        # A ledger in a file is its owner's.
        or_(
            run.c.database_user.is_(None),
            and_(
                run.c.user == bind("user"),
                run.c.database_user == func.coalesce(bind("database_user"), run.c.database_user),
            ),
        ),
    )
    .order_by(run.c.id.desc())
    .limit(ONE)
    .offset(ZERO)
)
_ANY = Statement(select(run.c.id).limit(ONE).offset(ZERO))
_LATEST = Statement(_latest)
_LATEST_SEND = Statement(_latest.where(run.c.undo_of.is_(None)))
_BEGINNING = Statement(
    select(run.c.name, run.c.id)
    .where(func.substr(run.c.name, ONE, func.length(bind("text"))) == bind("text"))
    .order_by((run.c.name == bind("text")).desc(), run.c.name)
    .limit(constant(6))
    .offset(ZERO)
)


def run_name(moment: datetime, later: int = 0) -> str:
    """Name a run by its moment: the day, and the time of day in four digits of base 32 (82 ms each).

    Args:
        moment: when it started.
        later: how many ticks to move on, where names are taken.
    """
    moment = moment.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    ticks = int((moment - midnight) / _DAY * _TICKS_A_DAY) + later
    if ticks >= _TICKS_A_DAY:
        return run_name(midnight + _DAY, ticks - _TICKS_A_DAY)
    digits = ""
    for _ in range(_DIGITS_IN_NAME):
        ticks, digit = divmod(ticks, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return f"{moment:%Y%m%d}-{digits}"


def insert_run(
    cursor: Cursor, start: RunStart, process_id: int, now: datetime, database_user: str | None = None
) -> tuple[str, int, int]:
    """Open a run; gives its name, its number and its store's number."""
    cursor.execute(_ADD_STORE, named(name=start.store))
    store_id = int(cursor.execute(STORE, named(name=start.store)).fetchone()[0])
    later = 0
    while cursor.execute(_TAKEN, named(name=run_name(now, later))).fetchone():
        later += 1
    name = run_name(now, later)
    cursor.execute(
        _INSERT,
        named(
            name=name,
            store_id=store_id,
            process_id=process_id,
            host=start.host,
            profile=start.profile,
            tool_version=start.tool_version,
            user=start.user,
            machine=start.machine,
            options=json.dumps(dict(start.options)),
            mapping=json.dumps(dict(start.mapping)),
            input=storable(start.input),
            sha256=start.sha256,
            # By name: the ledger's folder may be moved.
            copy=None if start.copy is None else start.copy.name,
            sheet=start.sheet,
            header_row=start.header_row,
            batch=start.policy.batch,
            again=int(start.policy.again),
            settle=round(start.settle * 1000),
            started=timestamp(now),
            uid=start.uid,
            encoding=start.encoding,
            key_print=start.key_print,
            same_store=int(start.same_store),
            database_user=database_user,
            undo_of=None if start.undo_of is None else find_run(cursor, start.undo_of)[1],
            part_of=None if start.part_of is None else find_run(cursor, start.part_of)[1],
            part=start.part,
        ),
    )
    number = int(cursor.execute(_TAKEN, named(name=name)).fetchone()[0])
    return name, number, store_id


def close_run(
    cursor: Cursor,
    run_id: int,
    now: datetime,
    stopped_by: str | None,
    message: str,
    requests: RequestCounts | None,
) -> None:
    """Close a run. Rows without a result get one from what their operations came to; claims are let go."""
    of_run = named(run=run_id)
    for number, order in cursor.execute(_WITHOUT_RESULT, of_run).fetchall():
        result = results.interrupted(cursor, run_id, number, order)
        give_result(cursor, run_id, result)
    counts = dict(cursor.execute(OUTCOMES, of_run))
    left_out = cursor.execute(LEFT_OUT, of_run).fetchone()[0]
    sent = (
        None
        if requests is None
        else {"put": requests.put, "get": requests.get, "pushed_back": requests.pushed_back}
    )
    closed = named(
        run=run_id,
        finished=timestamp(now),
        # A word of an enum is no plain text to every database.
        stopped_by=None if stopped_by is None else str(stopped_by),
        message=message,
        counts=_counts(counts, left_out, sent),
    )
    cursor.execute(_CLOSE, closed)
    cursor.execute(_LET_GO, of_run)


def give_result(cursor: Cursor, run_id: int, result: RowResult) -> None:
    """Write the result of a row that is in the ledger already."""
    at = result.time and timestamp(result.time)
    told = named(run=run_id, row=result.row, outcome=result.outcome.value, message=result.message, at=at)
    cursor.execute(GIVE_RESULT, told)


def _counts(outcomes: dict[str, int], left_out: int, requests: dict[str, int] | None) -> str:
    return json.dumps({"outcomes": outcomes, "left_out": left_out, "requests": requests})


def find_run(
    cursor: Cursor, text: str, *, sends: bool = False, database_user: str | None = None
) -> tuple[str, int]:
    """Find a run by its id, the unique beginning of one, or `last`, which is this person's.

    Args:
        cursor: of a connection that reads.
        text: what somebody called it.
        sends: whether `last` means no undo.
        database_user: whom a shared ledger's database takes this process for; None for whomever.

    Raises:
        UsageError: none is meant, or several are.
    """
    wanted = text.strip().lower()
    if wanted == "last":
        mine = named(user=this_person().name, database_user=database_user)
        found = cursor.execute(_LATEST_SEND if sends else _LATEST, mine).fetchall()
        if not found and cursor.execute(_ANY).fetchone() is not None:
            raise UsageError(
                "You have sent nothing with this ledger yet. See the runs of all with: ordersheet runs",
                code="no-run",
            )
        if not found:
            raise UsageError("The ledger holds no run yet.", code="no-run")
    else:
        found = cursor.execute(_BEGINNING, named(text=wanted)).fetchall()
        if not wanted or not found:
            raise UsageError(
                f"The ledger holds no run {text!r}. See them all with: ordersheet runs", code="no-run"
            )
        if len(found) > 1 and found[0][0] != wanted:
            names = ", ".join(name for name, _ in found[:_MOST_NAMED]) + (
                " and more" if found[_MOST_NAMED:] else ""
            )
            raise UsageError(
                f"{text!r} is the beginning of several runs ({names}). Give more of it.", code="several-runs"
            )
    name, run_id = found[0]
    return str(name), int(run_id)
