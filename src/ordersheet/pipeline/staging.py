"""What passes between the two readings of a file: on disk, since it may be a million rows.

The first pass reads, maps and counts everything and puts it here; the second takes it out
again, order by order. Python's own sqlite3 is the container; this is no ledger, nothing in
it needs to survive, and it is gone when it is closed.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
from contextlib import suppress
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from ordersheet.core.errors import no_temporary_room
from ordersheet.core.fingerprint import Mark
from ordersheet.core.model import (
    Guard,
    LeftOut,
    Operation,
    OperationKind,
    OrderUpdate,
    OrderWork,
    Outcome,
    RowResult,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BATCH = 1000
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode
_KINDS = {kind.value: kind for kind in OperationKind}


_PREFIX, _LEFT_OVER, _OPENED = "ordersheet-", ".staging", ".opened"
_UNLINKS = sys.platform != "win32"
"""Whether a file that is open can lose its name."""


def remove_left_over(folder: Path | None = None) -> None:
    """Remove the temporary files that killed runs left, with people's texts in them.

    Where a file in use can lose its name, only version 0.1.0 left any, and removing one takes nothing from a
    run that still has it open; elsewhere a file in use cannot be removed.

    Args:
        folder: where they would lie; the system's place for temporary files where None.
    """
    for file in Path(folder or tempfile.gettempdir()).glob(f"{_PREFIX}*{_LEFT_OVER}"):
        with suppress(OSError):
            if sys.platform == "win32" or file.lstat().st_uid == os.geteuid():
                file.unlink()


class StagedRow(NamedTuple):
    """A row by its number and its order, as the report names them."""

    row: int
    order: str


class CalledOk(NamedTuple):
    """What an earlier report says of a row that it calls ok."""

    mark: Mark | None
    """The end of its message; None where there is none."""
    time: datetime | None
    """When it was settled."""


def _new_database(folder: Path | None) -> tuple[Path, sqlite3.Connection]:
    suffix = _OPENED if _UNLINKS else _LEFT_OVER
    handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=suffix, dir=folder)
    os.close(handle)
    path = Path(name)
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        database.executescript(
            """
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            PRAGMA cache_size = -8000;
            CREATE TABLE asked
                (row INTEGER PRIMARY KEY, ord INTEGER, operations TEXT, guards TEXT, said TEXT);
            CREATE TABLE left_out
                (row INTEGER PRIMARY KEY, ord TEXT, outcome TEXT, message TEXT, apart INTEGER, at TEXT);
            BEGIN;
            """
        )
    except sqlite3.Error:
        database.close()
        path.unlink()
        raise
    if _UNLINKS:
        # It lives on without a name, and is gone with this process, however that ends.
        path.unlink()
    return path, database


class Staging:
    """Updates and left-out rows of one file, in a temporary file that only this user can read.

    Attributes:
        updates: how many rows ask for something that can be sent.
        left_out: how many do not.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Make the temporary file, in `folder` or in the system's place for such files."""
        try:
            remove_left_over(folder)
            self._path, self._database = _new_database(folder)
        except (OSError, sqlite3.Error) as error:
            raise no_temporary_room(folder or tempfile.tempdir, error) from error
        self._asked: list[tuple[int, int, str, str | None, str | None]] = []
        self._others: list[tuple[int, str, str, str, bool, str | None]] = []
        self.updates = 0
        self.left_out = 0

    def add(self, item: OrderUpdate | LeftOut, *, said: CalledOk | None = None) -> None:
        """Keep one row; `said` where the file is a report that calls it ok."""
        if isinstance(item, OrderUpdate):
            self.updates += 1
            self._asked.append(
                (item.row, item.order, _told(item.operations), _guards_told(item.guards), _said(said))
            )
        else:
            self.left_out += 1
            self._others.append(_left_out(item))
        if len(self._asked) >= _BATCH or len(self._others) >= _BATCH:
            self._flush()

    def seal(self) -> None:
        """End the first pass: from here on it is only read, or rows are taken out of it."""
        self._flush()
        self._execute("CREATE INDEX by_order ON asked (ord, row)")
        self._execute("COMMIT")

    def works(self) -> Iterator[OrderWork]:
        """Give all that is asked of each order, in the order of their first rows."""
        (repeated,) = self._execute("SELECT COUNT(*) > COUNT(DISTINCT ord) FROM asked").fetchone()
        rows = self._execute(
            "SELECT a.row, a.ord, a.operations, a.guards FROM asked a JOIN"
            " (SELECT ord, MIN(row) AS first FROM asked GROUP BY ord) f ON f.ord = a.ord"
            " ORDER BY f.first, a.row"
            if repeated
            else "SELECT row, ord, operations, guards FROM asked ORDER BY row"
        )
        yield from _by_order(rows)

    def repeated_works(self) -> Iterator[OrderWork]:
        """Give all that is asked of each order that stands in several rows."""
        rows = self._execute(
            "SELECT row, ord, operations, guards FROM asked"
            " WHERE ord IN (SELECT ord FROM asked GROUP BY ord HAVING COUNT(*) > 1) ORDER BY ord, row"
        )
        yield from _by_order(rows)

    def single_updates(self, limit: int) -> Iterator[OrderUpdate]:
        """Give the first rows, in row order, whose orders stand in one row alone."""
        rows = self._execute(
            "SELECT row, ord, operations, guards FROM asked a WHERE NOT EXISTS"
            " (SELECT 1 FROM asked b WHERE b.ord = a.ord AND b.row <> a.row) ORDER BY row LIMIT ?",
            (limit,),
        )
        for asked in rows:
            yield _update(*asked)

    def rows_called_ok(self) -> set[int]:
        """Name the rows that the file, as a report, calls ok."""
        return {row for (row,) in self._execute("SELECT row FROM asked WHERE said IS NOT NULL")}

    def called_ok(self) -> Iterator[tuple[OrderUpdate, CalledOk]]:
        """Give these rows in row order, each with what the report says of it."""
        for row, order, operations, guards, said in self._execute(
            "SELECT row, ord, operations, guards, said FROM asked WHERE said IS NOT NULL ORDER BY row"
        ):
            run, fingerprint, at = json.loads(said)
            mark = Mark(run, fingerprint) if run is not None else None
            yield _update(row, order, operations, guards), CalledOk(mark, at and datetime.fromisoformat(at))

    def leave_out(self, item: LeftOut) -> None:
        """Take an update out again, with a result of its own."""
        self._execute("DELETE FROM asked WHERE row = ?", (item.row,))
        self._execute(
            "INSERT INTO left_out VALUES (?, ?, ?, ?, ?, ?)",
            _left_out(item),
        )
        self.updates -= 1
        self.left_out += 1

    def left_out_results(self) -> Iterator[RowResult]:
        """Give the results of the rows that are not sent, in row order."""
        for row, order, outcome, message, apart, at in self._execute("SELECT * FROM left_out ORDER BY row"):
            time = datetime.fromisoformat(at) if at is not None else None
            yield RowResult(row, order, Outcome(outcome), message, time, bool(apart))

    def problem_texts(self) -> Iterator[tuple[int, str]]:
        """Give each row's number and why it cannot be sent, in row order; `""` where nothing is wrong."""
        yield from self._execute(
            "SELECT row, '' FROM asked"
            " UNION ALL SELECT row, CASE WHEN apart OR outcome = ? THEN '' ELSE message END FROM left_out"
            " ORDER BY row",
            (Outcome.UNCHANGED.value,),
        )

    def guarded_updates(self) -> Iterator[OrderUpdate]:
        """Give the rows that have guards, in row order."""
        for asked in self._execute(
            "SELECT row, ord, operations, guards FROM asked WHERE guards IS NOT NULL ORDER BY row"
        ):
            yield _update(*asked)

    def guarded_orders(self, limit: int) -> list[int]:
        """Name the first orders of which a row has a guard."""
        found = self._execute(
            "SELECT ord FROM asked WHERE guards IS NOT NULL GROUP BY ord ORDER BY MIN(row) LIMIT ?", (limit,)
        )
        return [order for (order,) in found]

    def updates_by_row(self) -> Iterator[StagedRow]:
        """Name every row that asks for something, in row order."""
        for row, order in self._execute("SELECT row, ord FROM asked ORDER BY row"):
            yield StagedRow(row, str(order))

    def close(self) -> None:
        """Remove the temporary file."""
        self._database.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _flush(self) -> None:
        try:
            self._database.executemany("INSERT INTO asked VALUES (?, ?, ?, ?, ?)", self._asked)
            self._database.executemany("INSERT INTO left_out VALUES (?, ?, ?, ?, ?, ?)", self._others)
        except sqlite3.OperationalError as error:
            raise no_temporary_room(self._path.parent, error) from error
        self._asked.clear()
        self._others.clear()

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise no_temporary_room(self._path.parent, error) from error


def _said(said: CalledOk | None) -> str | None:
    if said is None:
        return None
    run, fingerprint = said.mark or (None, None)
    return json.dumps([run, fingerprint, said.time.isoformat() if said.time is not None else None])


def _left_out(item: LeftOut) -> tuple[int, str, str, str, bool, str | None]:
    order, message = _whole(item.order), _whole(item.message)
    at = item.time.isoformat() if item.time is not None else None
    return item.row, order, item.outcome.value, message, item.on_purpose, at


def _whole(text: str) -> str:
    """Give a text with a stand-in for half of a character, which only what is not sent can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _told(operations: tuple[Operation, ...]) -> str:
    """Give operations as a JSON list; json makes its machinery anew for each list, and none for texts."""
    told = [f'[{_encode(field)},"{kind}",{_encode(value)}]' for field, kind, value in operations]
    return f"[{','.join(told)}]"


def _guards_told(guards: tuple[Guard, ...]) -> str | None:
    return json.dumps(guards, ensure_ascii=False) if guards else None


def _by_order(rows: Iterable[tuple[int, int, str, str | None]]) -> Iterator[OrderWork]:
    for order, together in groupby(rows, key=itemgetter(1)):
        yield OrderWork(order, tuple([_update(*asked) for asked in together]))


def _update(row: int, order: int, operations: str, guards: str | None) -> OrderUpdate:
    told, _ = _decode(operations)
    asked = tuple([Operation(field, _KINDS[kind], value) for field, kind, value in told])
    if guards is None:
        return OrderUpdate(row, order, asked)
    return OrderUpdate(row, order, asked, tuple([Guard(*one) for one in json.loads(guards)]))
