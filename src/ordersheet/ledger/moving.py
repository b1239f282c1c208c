"""A ledger moved to another place: copied, compared, and the old one marked so that nobody goes on with it.

The new one is marked as unfinished first, then the old one as moved, and only then is anything copied.
Whatever ends this in between, no place can be used that lacks what the other knows, and running it again
finishes it.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, func, select

from ordersheet.core.errors import LedgerError, UsageError
from ordersheet.ledger.compiled import Statement, bind, insert, named
from ordersheet.ledger.copying import facts, fill
from ordersheet.ledger.files import make_private_folder
from ordersheet.ledger.opening import FILLING, MOVED, open_database
from ordersheet.ledger.schema import meta, process, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.ledger.database import Cursor, Database

_MARK = Statement(insert(meta).values(name=bind("name"), value=bind("value")))
_UNMARK = Statement(delete(meta).where(meta.c.name == bind("name")))
_PROCESSES = Statement(select(process.c.lock))
_RUNS = Statement(select(func.count()).select_from(run))


class MovedLedger(NamedTuple):
    """What a move came to."""

    lines: int
    copies: int
    """Private copies of inputs."""


def move(source: Path | LedgerUrl, target: Path | LedgerUrl) -> MovedLedger:
    """Move a ledger from a file to a shared one, or back.

    Args:
        source: where it is.
        target: where it is to be: a file that is not there, or a shared ledger without runs.

    Raises:
        UsageError: somebody works with it, or the target holds runs.
        LedgerError: one of them cannot be read or written.
    """
    if isinstance(source, Path) and isinstance(target, Path) and source.absolute() == target.absolute():
        raise UsageError(f"{source} is the ledger itself. Choose another place.", code="exists")
    if isinstance(source, Path) and not source.exists():
        raise LedgerError(f"There is no ledger at {source}, so nothing was moved.", code="no-ledger")
    old, _ = open_database(source, create=False)
    new, _ = open_database(target, create=True)
    with closing(old), closing(new):
        begun = _marked(new, lambda cursor: _begin_target(cursor, str(old), str(new)))
        try:
            _marked(old, lambda cursor: _begin_source(cursor, old, str(new)))
        except BaseException:
            if begun:
                _marked(new, lambda cursor: _unmark(cursor, FILLING))
            raise
        lines = _copy(old, new)
        return MovedLedger(lines, _copy_inputs(old.copies, new.copies))


def _marked(database: Database, work: Callable[[Cursor], bool | None]) -> bool:
    """Do something in a transaction that nobody else writes in; gives what it gives."""
    with database.plain_words(), closing(database.writing()) as transactions:
        transactions.begin(alone=True)
        try:
            found = work(transactions.cursor)
            transactions.commit()
        except BaseException:
            transactions.roll_back()
            raise
        return bool(found)


def _begin_target(cursor: Cursor, old: str, new: str) -> bool:
    """Mark the new place as unfinished; tells whether it was not before."""
    known = facts(cursor)
    if known.get(FILLING) == old:
        return False
    if FILLING in known or MOVED in known or cursor.execute(_RUNS).fetchone()[0]:
        raise UsageError(
            f"The ledger {new} holds runs already. A ledger is moved to a place that holds none.",
            code="holds-runs",
        )
    cursor.execute(_MARK, named(name=FILLING, value=old))
    return True


def _begin_source(cursor: Cursor, database: Database, new: str) -> None:
    moved = facts(cursor).get(MOVED)
    if moved == new:
        return
    if moved is not None:
        raise UsageError(f"The ledger {database} was moved to {moved} before.", code="moved")
    if any(database.alive(name) for (name,) in cursor.execute(_PROCESSES).fetchall()):
        raise UsageError(
            f"Somebody works with the ledger {database} right now. Move it when all runs, watchers and"
            " pages have ended.",
            code="under-way",
        )
    cursor.execute(_MARK, named(name=MOVED, value=new))


def _unmark(cursor: Cursor, name: str) -> None:
    cursor.execute(_UNMARK, named(name=name))


def _copy(old: Database, new: Database) -> int:
    copied: list[int] = []

    def work(cursor: Cursor) -> None:
        with old.reading() as reading:
            copied.append(fill((old, reading), (new, cursor)))
        _unmark(cursor, FILLING)

    try:
        _marked(new, work)
    except LedgerError:
        _marked(old, lambda cursor: _unmark(cursor, MOVED))
        raise
    return copied[0]


def _copy_inputs(old: Path, new: Path) -> int:
    """Copy the private copies of inputs, as far as they are on this computer."""
    if not old.is_dir():
        return 0
    make_private_folder(new)
    files = [file for file in old.iterdir() if file.is_file() and not (new / file.name).exists()]
    for file in files:
        shutil.copy2(file, new / file.name)
    return len(files)
