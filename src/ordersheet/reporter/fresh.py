"""A new workbook or CSV with the results, where the person's own file cannot be given back."""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Any, cast

from ordersheet.core.model import RESULT_COLUMNS, CellKind, column_letters
from ordersheet.reporter.added_columns import RESULT_WIDTHS, AddedRow, result_row
from ordersheet.reporter.text import cell_text, csv_field, fit
from ordersheet.reporter.xlsx.styles import FILL_COLOUR

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from openpyxl.cell.cell import Cell as WrittenCell
    from openpyxl.styles import Font
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from ordersheet.core.model import Cell, Header, Row, RowResult
    from ordersheet.ooxml.package_copy import Sink
    from ordersheet.reporter.added_columns import Added

FRESH_WIDTH = 24
PLAIN_HEADERS = ("row", "order", *RESULT_COLUMNS)
PLAIN_WIDTHS = (8, FRESH_WIDTH, *RESULT_WIDTHS)
_SHEET_NAME_LIMIT = 31
_UNFIT_IN_SHEET_NAME = re.compile(r"[\\\\*?:/\[\]]")
_WRITE_BLOCK = 1000
_LINE_HEIGHT = 15
"""Points."""
_MOST_LINES = 20
"""Lines of a cell that are shown at once; Excel's limit is 409 points."""
_EXCEL_ERRORS = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A")


class ErrorWord(str):
    """An error as a cell holds it, which is no text: read again, it is refused again."""

    __slots__ = ()


def with_shown_cells(
    added: Added, headers: Sequence[Header], rows: Iterable[Row], earlier: Collection[int] = ()
) -> tuple[list[str], Iterator[AddedRow]]:
    """Give the person's cells as shown, with the added texts at their right.

    Args:
        added: the columns.
        headers: the table's headers.
        rows: its rows, with all columns.
        earlier: columns of an earlier report, which are left out.

    Returns:
        The headers and the rows of the new table: all of `rows`, with or without added texts.
    """
    kept = [header for header in headers if header.column not in earlier]

    def joined() -> Iterator[AddedRow]:
        new = iter(added.rows)
        due = next(new, None)
        for row in rows:
            own = AddedRow(row.number, ("",) * len(added.headers), bad=False)
            if due is not None and due.row == row.number:
                own, due = due, next(new, None)
            shown = [_shown(row.cells.get(head.column)) for head in kept]
            yield own._replace(texts=(*shown, *own.texts))
        if due is not None:
            raise ValueError(f"row {due.row} has a result and is not in the file, or comes out of order")

    return [*(header.text for header in kept), *added.headers], joined()


def _shown(cell: Cell | None) -> str:
    """Give a cell's text as shown; what cannot be read must not come back as a blank or a text."""
    if cell is None:
        return ""
    if cell.kind is CellKind.ERROR:
        return ErrorWord(cell.shown if cell.shown in _EXCEL_ERRORS else "#VALUE!")
    return ErrorWord("#N/A") if cell.problem and not cell.shown else cell.shown


def plain_rows(results: Iterable[RowResult]) -> Iterator[AddedRow]:
    """Give results as rows of a table of their own: row number, order, and the four texts."""
    for result in results:
        new = result_row(result)
        yield new._replace(texts=(str(result.row), result.order, *new.texts))


def fresh_csv(out: Sink, headers: Sequence[str], rows: Iterable[AddedRow]) -> None:
    """Write a CSV table: UTF-8 with a byte order mark, commas, CRLF, as all spreadsheet programs read it."""
    lines = ["\ufeff" + _line(headers)]
    for row in rows:
        lines.append(_line(row.texts))
        if len(lines) >= _WRITE_BLOCK:
            out.write("".join(lines).encode())
            lines.clear()
    out.write("".join(lines).encode())


def _line(texts: Sequence[str]) -> str:
    return ",".join(csv_field(text, ",") for text in texts) + "\r\n"


def fresh_workbook(
    out: Sink,
    sheet: str,
    headers: Sequence[str],
    widths: Sequence[int],
    rows: Iterable[AddedRow],
    *,
    header_row: int | None = None,
    hidden: Collection[int] = (),
) -> None:
    """Write a workbook of one sheet: texts and errors, the header frozen, a fill on bad rows.

    Args:
        out: where to.
        sheet: the sheet's name; what Excel refuses in it is changed.
        headers: the header row.
        widths: of the columns, in characters.
        rows: their last texts (as many as there are result columns, or fewer) carry the fill.
        header_row: where given, the header and all rows stand where they stood in the input, so that the
            addresses in messages fit; otherwise they stand one below the other.
        hidden: columns that are not shown, 0 for A.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    page: Any = book.create_sheet(_sheet_name(sheet))
    page.freeze_panes = f"A{(header_row or 1) + 1}"
    for column, width in enumerate(widths):
        page.column_dimensions[column_letters(column)].width = width
        page.column_dimensions[column_letters(column)].hidden = column in hidden
    cells = _CellMaker(page)
    _skip_rows(page, (header_row or 1) - 1)
    page.append([cells.make(text, font=Font(bold=True)) for text in headers])
    last = header_row or 1
    for row in rows:
        if header_row is not None:
            _skip_rows(page, row.row - last - 1)
        last = row.row if header_row is not None else last + 1
        lines = max(text.count("\n") for text in row.texts) + 1
        if lines > 1:
            # LibreOffice does not find the height by itself.
            page.row_dimensions[last].height = _LINE_HEIGHT * min(lines, _MOST_LINES)
        page.append([cells.make(text, bad=row.bad) for text in row.texts])
    book.save(cast("IO[bytes]", out))


def _skip_rows(page: WriteOnlyWorksheet, count: int) -> None:
    for _ in range(count):
        page.append([])


class _CellMaker:
    """Makes cells that hold text, whatever the text looks like, and errors."""

    def __init__(self, page: WriteOnlyWorksheet) -> None:
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.styles import Alignment, PatternFill

        self._page = page
        self._several_lines = Alignment(wrap_text=True, vertical="top")
        self._class = WriteOnlyCell
        self._fill = PatternFill("solid", fgColor=f"FF{FILL_COLOUR}")

    def make(self, text: str, *, bad: bool = False, font: Font | None = None) -> WrittenCell | None:
        """Make one; None for no text in a row that is to look like any other."""
        if not text and not bad:
            return None
        error = isinstance(text, ErrorWord)
        cell: WrittenCell = self._class(self._page, str(text) if error else cell_text(text))
        cell.data_type = "e" if error else "s"
        if "\n" in text:
            cell.alignment = self._several_lines
        if bad:
            cell.fill = self._fill
        if font is not None:
            cell.font = font
        return cell


def _sheet_name(name: str) -> str:
    return _UNFIT_IN_SHEET_NAME.sub("_", fit(name)).strip("'")[:_SHEET_NAME_LIMIT] or "Report"
