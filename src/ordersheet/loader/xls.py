"""Old Excel workbooks (.xls, BIFF 2 to 8) as a table, through xlrd.

xlrd alone shows the errors and the number formats of these files. It reads a workbook as a whole; 65,536 rows
are the most that one has. It was not made for damaged files: whatever it fails with is one clear error.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xlrd

from ordersheet.errors import SourceError
from ordersheet.loader.errorwords import error_problem
from ordersheet.loader.numberformat import compile_format
from ordersheet.loader.table import (
    HeadRow,
    Merge,
    SheetLook,
    build_headers,
    choose_sheet,
    look_at_head,
    not_a_workbook,
    password_protected,
    refuse_duplicate_headers,
    refuse_hidden,
    refuse_merges,
    result_columns,
    too_big,
)
from ordersheet.model import Cell, CellKind, Header, Row, TableFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from xlrd.book import Book
    from xlrd.sheet import Sheet

LARGEST_FILE = 128 << 20
"""Bytes; xlrd keeps about ten times as much in memory."""

_EMPTY = (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK)


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
    book = _load(path)
    pages = [_Page(book, page) for page in book.sheets()]
    looks = [SheetLook(page.name, page.visible, *look_at_head(page.heads(), is_id_header)) for page in pages]
    chosen = choose_sheet(looks, sheet)
    page = pages[looks.index(chosen)]
    header = chosen.header
    assert header is not None
    data = range(header.number, page.rows)
    filled_rows = [row for row in data if page.filled_columns(row)]
    headers = build_headers(
        header,
        is_id_header,
        hidden=page.hidden_columns(),
        filled={column for row in filled_rows for column in page.filled_columns(row)},
        sheet=page.name,
    )
    facts = TableFacts(
        form="xls",
        sheet=page.name,
        header_row=header.number,
        hidden_rows=sum(page.is_hidden(row) for row in filled_rows),
        result_columns=result_columns(headers),
    )
    return XlsTable(facts, headers, _page=page, _filled_rows=filled_rows)


@dataclass
class XlsTable:
    """A sheet of an .xls file as a table; see `Table`."""

    facts: TableFacts
    headers: tuple[Header, ...]
    _page: _Page
    _filled_rows: list[int]

    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Read the data rows from the first, each time anew."""
        for row in self._filled_rows:
            cells = {
                column: self._page.cell(row, column)
                for column in self._page.filled_columns(row)
                if columns is None or column in columns
            }
            yield Row(row + 1, cells, self._page.is_hidden(row))

    def refuse(self, columns: Collection[int], *, hidden: str) -> None:
        """Refuse the sheet where it cannot be sent truly; see `Table`."""
        refuse_duplicate_headers(self.headers, columns, header_row=self.facts.header_row)
        refuse_merges(
            self._page.merges(),
            columns,
            header_row=self.facts.header_row,
            last_row=max(self._filled_rows, default=0) + 1,
            sheet=self.facts.sheet,
        )
        refuse_hidden(self.headers, columns, rows=self.facts.hidden_rows, hidden=hidden)


class _Page:
    """A sheet as xlrd has it, with rows and columns from 0."""

    def __init__(self, book: Book, sheet: Sheet) -> None:
        self._book = book
        self._sheet = sheet
        self._columns = range(sheet.ncols)
        self.name = str(sheet.name)
        self.visible = sheet.visibility == 0
        self.rows = int(sheet.nrows)

    def heads(self) -> Iterator[HeadRow]:
        for row in range(self.rows):
            shown = {column: self.cell(row, column).shown for column in self.filled_columns(row)}
            texts = {column: text for column, text in shown.items() if text.strip()}
            if texts:
                yield HeadRow(row + 1, texts, self.is_hidden(row))

    def filled_columns(self, row: int) -> list[int]:
        types = self._sheet.row_types(row)
        return [
            column
            for column, kind in enumerate(types)
            if kind not in _EMPTY and (kind != xlrd.XL_CELL_TEXT or self._sheet.cell_value(row, column) != "")
        ]

    def is_hidden(self, row: int) -> bool:
        info = self._sheet.rowinfo_map.get(row)
        return info is not None and bool(info.hidden or info.height == 0)

    def hidden_columns(self) -> set[int]:
        infos = self._sheet.colinfo_map.items()
        return {column for column, info in infos if info.hidden or info.width == 0}

    def merges(self) -> list[Merge]:
        return [
            Merge(top + 1, left, bottom, right - 1) for top, bottom, left, right in self._sheet.merged_cells
        ]

    def cell(self, row: int, column: int) -> Cell:
        """Read a filled cell as the person sees it."""
        found = self._sheet.cell(row, column)
        place = (column, row + 1)
        if found.ctype == xlrd.XL_CELL_ERROR:
            word = xlrd.error_text_from_code.get(int(found.value), "of an unknown kind")
            return Cell(word, None, CellKind.ERROR, *place, error_problem(word))
        if found.ctype == xlrd.XL_CELL_BOOLEAN:
            return Cell("TRUE" if found.value else "FALSE", bool(found.value), CellKind.BOOLEAN, *place)
        code = self._format_of(found.xf_index)
        if code is None:
            problem = "The number format of this cell is not in the file. Save the workbook as .xlsx."
            return Cell(str(found.value), found.value, CellKind.NUMBER, *place, problem)
        number_format = compile_format(code, date1904=self._book.datemode == 1)
        if isinstance(found.value, str):
            text, fault = number_format.text(found.value)
            return Cell(text, found.value, CellKind.TEXT, *place, fault)
        rendered = number_format.render(found.value)
        value = rendered.text if rendered.kind is CellKind.DATE else found.value
        return Cell(rendered.text, value, rendered.kind, *place, rendered.problem)

    def _format_of(self, style: int | None) -> str | None:
        try:
            return str(self._book.format_map[self._book.xf_list[style or 0].format_key].format_str)
        except (IndexError, KeyError):
            return None


def _load(path: Path) -> Book:
    try:
        return xlrd.open_workbook(str(path), logfile=io.StringIO(), formatting_info=True)
    except xlrd.biffh.XLRDError as error:
        if "encrypted" in str(error).lower() or "password" in str(error).lower():
            raise password_protected() from error
        raise not_a_workbook(f"The .xls file cannot be read: {error}.") from error
    except (SourceError, OSError):
        raise
    except Exception as error:
        raise not_a_workbook("The .xls file is damaged, or another kind of file.") from error
