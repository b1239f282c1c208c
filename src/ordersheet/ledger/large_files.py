"""Files of submitted runs that lie elsewhere: their names, kept until what they name is certainly gone.

A name is noted in the transaction that begins a run, before the first byte goes out. Once nobody needs the
file, whoever has the way to its place removes it, more than once: a process that was frozen while it wrote
may write on when it wakes. A day later the name is struck out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, null, select, update

from ordersheet.core.errors import LedgerError
from ordersheet.ledger.compiled import Statement, bind, insert, named
from ordersheet.ledger.runs import find_run
from ordersheet.ledger.schema import large_file
from ordersheet.ledger.statements import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from ordersheet.ledger.database import Cursor
    from ordersheet.ledger.writer import Writer

LOOKED_AFTER = timedelta(days=1)
"""So long after it was removed a file is removed anew, should somebody have written it meanwhile."""
_NAME = re.compile(r"ordersheet-[0-9a-f]{32}")
_NOTE = Statement(insert(large_file).values(name=bind("name"), run_id=bind("run"), place=bind("place")))
_OF_RUN = Statement(select(large_file.c.name, large_file.c.place).where(large_file.c.run_id == bind("run")))
_LET_GO = Statement(update(large_file).where(large_file.c.run_id == bind("run")).values(run_id=null()))
_UNWANTED = Statement(
    select(large_file.c.name, large_file.c.removed)
    .where(large_file.c.run_id.is_(None))
    .order_by(large_file.c.name)
)
_REMOVED = Statement(
    update(large_file)
    .where(large_file.c.name == bind("name"), large_file.c.removed.is_(None))
    .values(removed=bind("now"))
)
_STRIKE = Statement(
    delete(large_file).where(large_file.c.name == bind("name"), large_file.c.run_id.is_(None))
)


@dataclass(frozen=True, slots=True)
class LargeFile:
    """The file of a run that is handed over, where it lies elsewhere."""

    name: str
    place: str
    """Where it lies, for people: no password in it."""
    put: Callable[[], None]
    """Writes it there; it may take minutes."""


class Unwanted(NamedTuple):
    """A file that nobody needs any more."""

    name: str
    removed: datetime | None
    """When it was first removed; None where it may still lie there."""


class LargeFiles:
    """The large files of one ledger's runs; `Submissions.large_files` gives it.

    Args:
        writer: gives the ledger's writing thread.
        reading: gives a cursor for reading.
        clock: gives the time in UTC.
    """

    def __init__(
        self,
        writer: Callable[[], Writer],
        reading: Callable[[], AbstractContextManager[Cursor]],
        clock: Callable[[], datetime],
    ) -> None:
        self._writer, self._reading, self._clock = writer, reading, clock

    def of_run(self, run: str) -> tuple[str, str] | None:
        """Give the name of a run's file, and the place where it was put; None where it lies in the ledger.

        Raises:
            LedgerError: what stands there is no name of ours.
        """
        with self._reading() as cursor:
            found = cursor.execute(_OF_RUN, named(run=find_run(cursor, run)[1])).fetchone()
        return None if found is None else (_checked(found[0]), found[1])

    def unwanted(self) -> list[Unwanted]:
        """Name the files that are to be removed, or to be looked for once more."""
        with self._reading() as cursor:
            found = cursor.execute(_UNWANTED).fetchall()
        return [Unwanted(_checked(name), removed and moment(removed)) for name, removed in found]

    def removed(self, one: Unwanted) -> None:
        """Note that a file was removed; its name stays until nobody can write it any more."""
        now = self._clock()
        if one.removed is None:
            self._writer().do(
                lambda cursor: cursor.execute(_REMOVED, named(name=one.name, now=timestamp(now)))
            )
        elif now - one.removed >= LOOKED_AFTER:
            self._writer().do(lambda cursor: cursor.execute(_STRIKE, named(name=one.name)))


def _checked(name: str) -> str:
    """Refuse a name by which somebody with rights to the ledger would have other files read or removed."""
    if not _NAME.fullmatch(name):
        raise LedgerError("The ledger names a large file that is none of ordersheet's.", code="bad-name")
    return name


def note(cursor: Cursor, run_id: int, file: LargeFile) -> None:
    """Note whose file is about to be written."""
    cursor.execute(_NOTE, named(name=file.name, run=run_id, place=file.place))


def let_go(cursor: Cursor, run_id: int) -> None:
    """Note that nobody needs a run's file any more."""
    cursor.execute(_LET_GO, named(run=run_id))
