"""What the ledger forgets, and what it never does.

Texts whose retention has ended become keyed hashes. An operation stays for ever, by its key, so
that what is applied is never sent again. All that bears on an order of which anything is in doubt
stays whole, since the doubt is settled by comparing texts.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.ledger.keys import text_hash
from ordersheet.ledger.records import Purged
from ordersheet.ledger.statements import timestamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from ordersheet.ledger.writer import Writer

_PAGE = 500
_ORPHAN_AGE = timedelta(days=1)
REMOVED = "The details were removed when their retention ended."

_RUNS = """SELECT run.id, run.copy, run.finished IS NOT NULL, process.lock FROM run
    LEFT JOIN process ON process.id = run.process_id
    WHERE coalesce(run.finished, run.started) <= ? ORDER BY run.id"""
_FORGET_VALUES = """UPDATE operation SET value = NULL WHERE id IN (
    SELECT this.id FROM operation AS this
    WHERE this.run_id = :run AND this.value IS NOT NULL AND this.open = 0 AND this.at <= :cutoff
    AND NOT EXISTS (SELECT 1 FROM operation AS other WHERE other.store_id = this.store_id
        AND other.order_id = this.order_id AND other.open = 1)
    LIMIT :page)"""
_BASELINES = """SELECT run_id, row, number, field, text FROM baseline
    WHERE run_id = :run AND text IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM operation AS this JOIN operation AS other
        ON other.store_id = this.store_id AND other.order_id = this.order_id AND other.open = 1
        WHERE this.run_id = baseline.run_id AND this.row = baseline.row)
    LIMIT :page"""
_FORGET_BASELINE = """UPDATE baseline SET text = NULL, hash = ?
    WHERE run_id = ? AND row = ? AND number = ? AND field = ?"""
_FORGET_RUN = """UPDATE run SET options = '{}', mapping = '{}', copy = NULL, purged = coalesce(purged, :now)
    WHERE id = :run"""
_FORGET_PROBLEMS = """UPDATE row SET message = :removed
    WHERE run_id = :run AND outcome = 'invalid' AND message <> :removed"""


class Purge(NamedTuple):
    """What to purge."""

    cutoff: datetime
    """Runs that ended at or before this moment."""
    now: datetime
    salt: bytes


def purge(writer: Writer, plan: Purge, path: Path, copies: Path, alive: Callable[[str], bool]) -> Purged:
    """Forget what may be forgotten, in transactions short enough that other processes need not wait.

    Args:
        writer: of the ledger.
        plan: what to purge.
        path: the ledger's file; older backups beside it go too.
        copies: the folder of private copies.
        alive: tells whether the process behind a lock still lives.
    """
    ended = writer.do(lambda cursor: _ended_runs(cursor, plan, alive))
    texts = removed = 0
    for run_id, copy in ended:
        texts += _forget_texts(writer, plan, run_id)
        if copy is not None:
            removed += _remove(copies / copy)
        writer.do(partial(_forget_run, plan, run_id))
    removed += _remove_orphans(writer, plan, copies)
    for backup in path.parent.glob(f"{path.name}.version*.bak"):
        if _age_of(backup) <= plan.cutoff:
            _remove(backup)
    in_doubt = writer.do(
        lambda cursor: int(
            cursor.execute(
                "SELECT count(*) FROM operation WHERE open = 1 AND at <= ?", (timestamp(plan.cutoff),)
            ).fetchone()[0]
        )
    )
    return Purged(len(ended), texts, removed, in_doubt)


def _ended_runs(
    cursor: sqlite3.Cursor, plan: Purge, alive: Callable[[str], bool]
) -> list[tuple[int, str | None]]:
    found = cursor.execute(_RUNS, (timestamp(plan.cutoff),)).fetchall()
    return [
        (run_id, copy)
        for run_id, copy, finished, lock in found
        if finished or lock is None or not alive(lock)
    ]


def _forget_texts(writer: Writer, plan: Purge, run_id: int) -> int:
    values = {"run": run_id, "cutoff": timestamp(plan.cutoff), "page": _PAGE}

    def forget_values(cursor: sqlite3.Cursor) -> int:
        return cursor.execute(_FORGET_VALUES, values).rowcount

    def forget_baselines(cursor: sqlite3.Cursor) -> int:
        found = cursor.execute(_BASELINES, values).fetchall()
        cursor.executemany(
            _FORGET_BASELINE,
            [
                (text_hash(plan.salt, text), run, row, number, field)
                for run, row, number, field, text in found
            ],
        )
        return len(found)

    total = 0
    for step in (forget_values, forget_baselines):
        while done := writer.do(step):
            total += done
    return total


def _forget_run(plan: Purge, run_id: int, cursor: sqlite3.Cursor) -> None:
    values = {"run": run_id, "now": timestamp(plan.now), "removed": REMOVED}
    cursor.execute(_FORGET_RUN, values)
    cursor.execute(_FORGET_PROBLEMS, values)


def _remove_orphans(writer: Writer, plan: Purge, copies: Path) -> int:
    """Remove copies whose run never started, once no start can be under way any more."""
    kept = writer.do(
        lambda cursor: {name for (name,) in cursor.execute("SELECT copy FROM run WHERE copy IS NOT NULL")}
    )
    if not copies.is_dir():
        return 0
    return sum(
        _remove(copy)
        for copy in copies.iterdir()
        if copy.name not in kept and _age_of(copy) <= plan.now - _ORPHAN_AGE
    )


def _remove(file: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
        return 1
    return 0


def _age_of(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)
