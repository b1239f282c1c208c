"""Old Excel workbooks (.xls, BIFF 2 to 8) as a table, read by xlrd in a process of its own (child.py).

xlrd alone shows the errors and the number formats of these files, and was not made for damaged ones: whatever
it fails with, also by taking too long or too much memory, is one clear error. 65,536 rows are the most that
such a file has, so what it holds is kept in memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordersheet.core.model import Cell, CellKind, Row, TableFacts
from ordersheet.loader.cells import as_id
from ordersheet.loader.refusals import SheetTable
from ordersheet.loader.table import (
    HeadRow,
    SheetLook,
    build_headers,
    choose_sheet,
    look_at_head,
    result_columns,
)
from ordersheet.ooxml.references import CellRange
from ordersheet.ooxml.refusals import not_a_workbook, password_protected, too_big

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from ordersheet.core.errors import SourceError

LARGEST_FILE = 64 << 20
"""Bytes; 65,536 rows of twenty columns have about 20 MB."""
MEMORY = 512 << 20
"""Bytes that reading may take."""
_NO_CODE_PAGE = "no-code-page"
"""What the child process says of a file whose letters are not known."""
SECONDS = 60
"""The time that reading may take."""


def open_xls(path: Path, *, is_id_header: Callable[[str], bool], sheet: str | None = None) -> XlsTable:
    """Open a sheet of an .xls file as a table.

    Args:
        path: the file.
        is_id_header: tells the order column's header.
        sheet: the sheet; needed only where several visible ones have an ID header.

    Raises:
        SourceError: the file cannot be read as one table.
        OSError: the file cannot be read.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise too_big(f"The .xls file has more than {LARGEST_FILE >> 20} MB")
    pages = _load(path)
    looks = [SheetLook(page.name, page.visible, *look_at_head(page.heads(), is_id_header)) for page in pages]
    chosen = choose_sheet(looks, sheet)
    page = pages[looks.index(chosen)]
    header = chosen.header
    assert header is not None
    filled: set[int] = set()
    hidden_rows, last_row = 0, header.number
    for row in page.rows(header.number):
        filled.update(row.cells)
        hidden_rows += row.hidden
        last_row = row.number
    headers = build_headers(header, is_id_header, hidden=page.hidden_columns, filled=filled, sheet=page.name)
    facts = TableFacts(
        form="xls",
        sheet=page.name,
        header_row=header.number,
        hidden_rows=hidden_rows,
        result_columns=result_columns(headers),
        id_column=next(one.column for one in headers if is_id_header(one.text)),
        sheets=tuple(page.name for page in pages),
    )
    return XlsTable(facts, headers, page.merges, last_row, page)


@dataclass
class XlsTable(SheetTable):
    """A sheet of an .xls file as a table; see `Table`."""

    page: _SheetBlock
    """What the child process printed of it."""

    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Read the data rows from the first, each time anew."""
        for row in self.page.rows(self.facts.header_row):
            yield row._replace(
                cells={
                    column: as_id(cell) if column == self.facts.id_column else cell
                    for column, cell in row.cells.items()
                    if columns is None or column in columns
                }
            )


class _SheetBlock:
    """A sheet as the child process printed it."""

    def __init__(self, about: dict[str, Any]) -> None:
        self.name = str(about["sheet"])
        self.visible = bool(about["visible"])
        self.hidden_columns = frozenset(about["hidden_columns"])
        self.merges = [CellRange(*merge) for merge in about["merges"]]
        self.lines: list[bytes] = []

    def rows(self, after: int = 0) -> Iterator[Row]:
        for line in self.lines:
            number, hidden, cells = json.loads(line)
            if number > after:
                read = (Cell(*cell)._replace(kind=CellKind(cell[2])) for cell in cells)
                yield Row(number, {cell.column: cell for cell in read}, hidden)

    def heads(self) -> Iterator[HeadRow]:
        for row in self.rows():
            texts = {column: cell.shown for column, cell in row.cells.items() if cell.shown.strip()}
            if texts:
                yield HeadRow(row.number, texts, row.hidden)


def _load(path: Path) -> list[_SheetBlock]:
    # The child takes the package that is running, and nothing from the working folder (-P).
    here = str(Path(__file__).parents[3])
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); "
        "from ordersheet.loader.xls import child; "
        "child.limit(memory=int(sys.argv[2]), seconds=int(sys.argv[3])); "
        "child.describe(sys.argv[1], sys.stdout)"
    )
    command = [sys.executable, "-P", "-c", program, here, str(path.absolute()), str(MEMORY), str(SECONDS)]
    try:
        child = subprocess.run(  # noqa: S603 - this very interpreter, and no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise not_a_workbook(f"The .xls file could not be read within {SECONDS} seconds.") from error
    if child.returncode:
        raise not_a_workbook("The .xls file is damaged, or needs more time or memory than it should.")
    return _pages(child.stdout.splitlines())


def _pages(lines: Iterable[bytes]) -> list[_SheetBlock]:
    pages: list[_SheetBlock] = []
    for line in lines:
        if line.startswith(b"["):
            pages[-1].lines.append(line)
            continue
        about = json.loads(line)
        if "error" in about:
            raise _refusal(str(about["error"]), str(about.get("code", "")))
        pages.append(_SheetBlock(about))
    return pages


def _refusal(error: str, code: str) -> SourceError:
    if code == _NO_CODE_PAGE:
        return not_a_workbook(
            "The .xls file does not say which letters its texts are made of, as Excel did before Excel 97."
        )
    if "encrypted" in error.lower() or "password" in error.lower():
        return password_protected()
    return not_a_workbook(f"The .xls file is damaged, or another kind of file ({error}).")
