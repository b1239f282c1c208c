"""The lines of runs: how one is opened, named, closed, and found again."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError
from ordersheet.ledger import results
from ordersheet.ledger.statements import storable, timestamp

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from ordersheet.core.model import RequestCounts
    from ordersheet.ledger.records import RunStart

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Base 32 without letters that are taken for others; in the order of their codes, so that names sort."""
_DIGITS_IN_NAME = 4
_TICKS_A_DAY = len(_DIGITS) ** _DIGITS_IN_NAME
_DAY = timedelta(days=1)

_INSERT = """INSERT INTO run (name, store_id, process_id, host, profile, tool_version, user, machine,
    options, mapping, input, sha256, copy, sheet, header_row, batch, again, settle, started, message,
    uid, encoding, key_print, same_store)
    VALUES (:name, :store_id, :process_id, :host, :profile, :tool_version, :user, :machine,
    :options, :mapping, :input, :sha256, :copy, :sheet, :header_row, :batch, :again, :settle, :started, '',
    :uid, :encoding, :key_print, :same_store)"""


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
    cursor: sqlite3.Cursor, start: RunStart, process_id: int, now: datetime
) -> tuple[str, int, int]:
    """Open a run; gives its name, its number and its store's number."""
    cursor.execute("INSERT INTO store (name) VALUES (?) ON CONFLICT DO NOTHING", (start.store,))
    store_id = int(cursor.execute("SELECT id FROM store WHERE name = ?", (start.store,)).fetchone()[0])
    later = 0
    while cursor.execute("SELECT 1 FROM run WHERE name = ?", (run_name(now, later),)).fetchone():
        later += 1
    name = run_name(now, later)
    cursor.execute(
        _INSERT,
        {
            "name": name,
            "store_id": store_id,
            "process_id": process_id,
            "host": start.host,
            "profile": start.profile,
            "tool_version": start.tool_version,
            "user": start.user,
            "machine": start.machine,
            "options": json.dumps(dict(start.options)),
            "mapping": json.dumps(dict(start.mapping)),
            "input": storable(start.input),
            "sha256": start.sha256,
            # By name: the ledger's folder may be moved.
            "copy": None if start.copy is None else start.copy.name,
            "sheet": start.sheet,
            "header_row": start.header_row,
            "batch": start.policy.batch,
            "again": int(start.policy.again),
            "settle": round(start.settle * 1000),
            "started": timestamp(now),
            "uid": start.uid,
            "encoding": start.encoding,
            "key_print": start.key_print,
            "same_store": int(start.same_store),
        },
    )
    assert cursor.lastrowid is not None
    return name, cursor.lastrowid, store_id


def close_run(
    cursor: sqlite3.Cursor,
    run_id: int,
    now: datetime,
    stopped_by: str | None,
    message: str,
    requests: RequestCounts | None,
) -> None:
    """Close a run. Rows without a result get one from what their operations came to; claims are let go."""
    for row, order in cursor.execute(
        "SELECT row, order_text FROM row WHERE run_id = ? AND state = 'sending'", (run_id,)
    ).fetchall():
        result = results.interrupted(cursor, run_id, row, order)
        cursor.execute(
            "UPDATE row SET state = 'done', outcome = ?, message = ?, at = ? WHERE run_id = ? AND row = ?",
            (result.outcome.value, result.message, result.time and timestamp(result.time), run_id, row),
        )
    counts = dict(
        cursor.execute("SELECT outcome, count(*) FROM row WHERE run_id = ? GROUP BY outcome", (run_id,))
    )
    left_out = cursor.execute(
        "SELECT count(*) FROM row WHERE run_id = ? AND left_out = 1", (run_id,)
    ).fetchone()[0]
    sent = (
        None
        if requests is None
        else {"put": requests.put, "get": requests.get, "pushed_back": requests.pushed_back}
    )
    cursor.execute(
        "UPDATE run SET finished = ?, stopped_by = ?, message = ?, counts = ? WHERE id = ?",
        (timestamp(now), stopped_by, message, _counts(counts, left_out, sent), run_id),
    )
    cursor.execute("DELETE FROM claim WHERE run_id = ?", (run_id,))


def _counts(outcomes: dict[str, int], left_out: int, requests: dict[str, int] | None) -> str:
    return json.dumps({"outcomes": outcomes, "left_out": left_out, "requests": requests})


def find_run(cursor: sqlite3.Cursor, text: str) -> tuple[str, int]:
    """Find a run by its id, the unique beginning of one, or `last`.

    Raises:
        UsageError: none is meant, or several are.
    """
    wanted = text.strip().lower()
    if wanted == "last":
        found = cursor.execute("SELECT name, id FROM run ORDER BY id DESC LIMIT 1").fetchall()
        if not found:
            raise UsageError("The ledger holds no run yet.", code="no-run")
    else:
        found = cursor.execute(
            "SELECT name, id FROM run WHERE substr(name, 1, length(?)) = ? ORDER BY name = ? DESC,"
            " name LIMIT 6",
            (wanted, wanted, wanted),
        ).fetchall()
        if not wanted or not found:
            raise UsageError(
                f"The ledger holds no run {text!r}. See them all with: ordersheet runs", code="no-run"
            )
        if len(found) > 1 and found[0][0] != wanted:
            names = ", ".join(name for name, _ in found[:5]) + (" and more" if len(found) > 5 else "")  # noqa: PLR2004 - as many as fit on a line
            raise UsageError(
                f"{text!r} is the beginning of several runs ({names}). Give more of it.", code="several-runs"
            )
    name, run_id = found[0]
    return str(name), int(run_id)
