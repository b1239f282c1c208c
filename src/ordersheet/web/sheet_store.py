"""The rows of a sheet as the page shows them: on disk, a hundred at a time, whatever their number."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager, suppress
from hashlib import blake2s
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ordersheet.core.errors import UsageError
from ordersheet.core.model import column_index, column_letters
from ordersheet.web import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from ordersheet.core.model import Problem, Row, RowResult

PAGE = 100
_FIRST_BATCH, _BATCH = PAGE, 2000
_SCHEMA = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000;
CREATE TABLE row (place INTEGER PRIMARY KEY, number INTEGER, hidden INTEGER, cells TEXT);
CREATE INDEX by_number ON row (number);
CREATE TABLE left_out (count INTEGER, number INTEGER, outcome TEXT, message TEXT);
CREATE UNIQUE INDEX left_out_by_number ON left_out (count, number);
CREATE INDEX left_out_by_outcome ON left_out (count, outcome, number);
CREATE TABLE problem (count INTEGER, number INTEGER, cell TEXT, kind TEXT, message TEXT);
CREATE INDEX problem_by_number ON problem (count, number);
CREATE INDEX problem_by_kind ON problem (count, kind, number);
"""
_LONGEST = 400
"""Characters of a cell that are kept for the table; whoever mends it gets the whole of it."""


class ShownCell(NamedTuple):
    """One cell of the table."""

    text: str
    whole: bool
    """Whether that is all of it."""
    problem: str | None


class ShownRow(NamedTuple):
    """One row of the table."""

    place: int
    """0 for the first data row."""
    number: int
    hidden: bool
    cells: dict[int, ShownCell]
    message: str | None
    """Why it is not sent; None where it is."""
    outcome: str | None


def kind_id(kind: str) -> str:
    """Give a short name of a kind of problem, for addresses."""
    return blake2s(kind.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


class SheetStore:
    """Rows and problems of one look at a file; several threads may use it."""

    def __init__(self, path: Path) -> None:
        for one in (path, path.with_name(path.name + "-journal")):
            with suppress(FileNotFoundError):
                one.unlink()
        path.touch(mode=0o600)
        self._path = path
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        with self._used():
            self._database.executescript(_SCHEMA)
        self._waiting: list[tuple[int, int, int, str]] = []
        self._next = _FIRST_BATCH
        self._count = 0
        """Which count of problems is shown; the next one is written beside it."""
        self._noted: list[tuple[int, int, str | None, str, str]] = []
        self.rows = 0

    def add(self, row: Row) -> None:
        """Add the next row."""
        cells = {
            column: [cell.shown[:_LONGEST], len(cell.shown) <= _LONGEST, cell.problem]
            for column, cell in row.cells.items()
        }
        told = json.dumps(cells, separators=(",", ":"))
        self._waiting.append((self.rows + len(self._waiting), row.number, int(row.hidden), told))
        if len(self._waiting) >= self._next:
            self.flush()

    def flush(self) -> None:
        """Write what waits, so that it can be shown."""
        with self._used():
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO row VALUES (?, ?, ?, ?)", self._waiting)
            self._database.execute("COMMIT")
            self.rows += len(self._waiting)
        self._waiting.clear()
        self._next = _BATCH

    def begin_problems(self) -> Callable[[Problem, str], None]:
        """Begin to count anew what is wrong; until it is ended, what was known before is shown.

        Returns:
            What takes each problem and its kind.
        """
        self._forget(self._count + 1)
        noted: list[tuple[int, int, str | None, str, str]] = []
        self._noted = noted
        count = self._count + 1

        def note(problem: Problem, kind: str) -> None:
            if problem.row is None:
                return
            noted.append((count, problem.row, problem.cell, kind_id(kind), problem.message))
            if len(noted) >= _BATCH:
                self._put("INSERT INTO problem VALUES (?, ?, ?, ?, ?)", noted)
                noted.clear()

        return note

    def end_problems(self, left_out: Iterable[RowResult]) -> None:
        """Show what has been noted since the beginning, and these rows as not sent."""
        self._put("INSERT INTO problem VALUES (?, ?, ?, ?, ?)", self._noted)
        self._noted = []
        count = self._count + 1
        rows = ((count, one.row, one.outcome.value, one.message) for one in left_out)
        while block := list(islice(rows, _BATCH)):
            self._put("INSERT OR REPLACE INTO left_out VALUES (?, ?, ?, ?)", block)
        self._count = count
        self._forget(count - 1)

    def _put(self, statement: str, values: Sequence[tuple[object, ...]]) -> None:
        """Write a block of rows; pages are read between two of them."""
        with self._used():
            self._database.execute("BEGIN")
            self._database.executemany(statement, values)
            self._database.execute("COMMIT")

    def _forget(self, count: int) -> None:
        """Remove what one count found, in blocks too."""
        for statement in (
            "DELETE FROM problem WHERE rowid IN (SELECT rowid FROM problem WHERE count = ? LIMIT ?)",
            "DELETE FROM left_out WHERE rowid IN (SELECT rowid FROM left_out WHERE count = ? LIMIT ?)",
        ):
            removed = 1
            while removed:
                with self._used():
                    removed = self._database.execute(statement, (count, _BATCH)).rowcount

    def page(self, number: int, outcome: str | None = None, kind: str | None = None) -> list[ShownRow]:
        """Give a page of rows, 1 for the first; only those of an outcome, or with a kind of problem."""
        begin = (number - 1) * PAGE
        count = self._count
        if kind is not None:
            found = self._all(
                "SELECT place, row.number, hidden, cells, message, outcome FROM row"
                " JOIN left_out ON left_out.count = ? AND left_out.number = row.number"
                " WHERE row.number IN (SELECT number FROM problem WHERE count = ? AND kind = ?)"
                " ORDER BY row.number LIMIT ? OFFSET ?",
                (count, count, kind, PAGE, begin),
            )
        elif outcome is None:
            found = self._all(
                "SELECT place, row.number, hidden, cells, message, outcome FROM row"
                " LEFT JOIN left_out ON left_out.count = ? AND left_out.number = row.number"
                " WHERE place >= ? AND place < ? ORDER BY place",
                (count, begin, begin + PAGE),
            )
        else:
            found = self._all(
                "SELECT place, row.number, hidden, cells, message, outcome FROM left_out"
                " JOIN row ON row.number = left_out.number WHERE count = ? AND outcome = ?"
                " ORDER BY left_out.number LIMIT ? OFFSET ?",
                (count, outcome, PAGE, begin),
            )
        if not found:
            return []
        numbers = json.dumps([one[1] for one in found])
        cells = dict(
            self._all(
                "SELECT cell, message FROM problem WHERE count = ? AND cell IS NOT NULL"
                " AND number IN (SELECT value FROM json_each(?))",
                (count, numbers),
            )
        )
        return [_shown(one, cells) for one in found]

    def count_of(self, kind: str) -> int:
        """Count the rows that have a kind of problem."""
        query = "SELECT count(DISTINCT number) FROM problem WHERE count = ? AND kind = ?"
        return int(self._all(query, (self._count, kind))[0][0])

    def next_problem(self, after: int) -> tuple[int, int] | None:
        """Find the next row with a problem, from the top again after the last: its place and number."""
        query = (
            "SELECT place, row.number FROM left_out JOIN row ON row.number = left_out.number"
            " WHERE count = ? AND outcome = 'invalid' AND left_out.number > ?"
            " ORDER BY left_out.number LIMIT 1"
        )
        found = self._all(query, (self._count, after)) or self._all(query, (self._count, 0))
        return (found[0][0], found[0][1]) if found else None

    def row(self, number: int) -> ShownRow | None:
        """Give one row by its number."""
        found = self._all("SELECT place FROM row WHERE number = ?", (number,))
        if not found:
            return None
        page = self.page(found[0][0] // PAGE + 1)
        return next((one for one in page if one.number == number), None)

    def close(self) -> None:
        """Remove it."""
        with self._lock:
            self._database.close()
        with suppress(OSError):
            self._path.unlink()

    def _all(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._used():
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _used(self) -> Iterator[None]:
        """Keep other threads out, and say what the disk did."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise UsageError(messages.NO_ROOM_FOR_ROWS.format(reason=error), code="disk-full") from error


def _shown(found: tuple[Any, ...], problems: dict[str, str]) -> ShownRow:
    place, number, hidden, told, message, outcome = found
    cells = {
        int(column): ShownCell(text, whole, problems.get(f"{column_letters(int(column))}{number}") or problem)
        for column, (text, whole, problem) in json.loads(told).items()
    }
    for address, why in problems.items():
        letters = address.rstrip("0123456789")
        if address[len(letters) :] == str(number):
            cells.setdefault(column_index(letters), ShownCell("", whole=True, problem=why))
    return ShownRow(
        place, number, bool(hidden), cells, message, outcome,
    )  # fmt: skip
