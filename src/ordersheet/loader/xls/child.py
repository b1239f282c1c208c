"""The child process that reads an .xls file with xlrd, and prints what it holds as lines of JSON.

A damaged file of 7 KB kept xlrd busy for two minutes and took 1.8 GB, so it is given neither the time nor the
memory of the process that sends. For each sheet one object comes out, then one list for each filled row.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import xlrd

from ordersheet.core.model import Cell, CellKind
from ordersheet.loader.cells import plain_value
from ordersheet.loader.error_words import error_problem
from ordersheet.loader.numberformat.render import compile_format

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from xlrd.book import Book
    from xlrd.sheet import Sheet

_EMPTY = (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK)


def limit(*, memory: int, seconds: int) -> None:
    """Limit this process, where the operating system can (Windows cannot; the parent's clock still does).

    Args:
        memory: bytes of address space.
        seconds: of processor time.
    """
    try:
        import resource
    except ImportError:
        return
    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds)):
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            # A lower limit is set already, or this system does not keep this one.
            continue


def describe(path: str, out: TextIO) -> None:
    """Print the sheets of a workbook, or one object with the key `error`."""
    try:
        with xlrd.open_workbook(path, logfile=io.StringIO(), formatting_info=True) as book:
            out.writelines(json.dumps(line) + "\n" for line in _lines(book))
    except xlrd.biffh.XLRDError as error:
        out.write(json.dumps({"error": str(error)}) + "\n")
    except Exception as error:  # noqa: BLE001 - xlrd fails with anything on a damaged file
        out.write(json.dumps({"error": type(error).__name__}) + "\n")


def _lines(book: Book) -> Iterator[dict[str, Any] | list[Any]]:
    for sheet in book.sheets():
        page = _RowBlock(book, sheet)
        yield {
            "sheet": page.name,
            "visible": page.visible,
            "hidden_columns": page.hidden_columns(),
            "merges": page.merges(),
        }
        for row in range(page.rows):
            columns = page.filled_columns(row)
            if columns:
                yield [row + 1, page.is_hidden(row), [page.cell(row, column) for column in columns]]


class _RowBlock:
    """A sheet as xlrd has it, with rows and columns from 0."""

    def __init__(self, book: Book, sheet: Sheet) -> None:
        self._book = book
        self._sheet = sheet
        self.name = str(sheet.name)
        self.visible = sheet.visibility == 0
        self.rows = int(sheet.nrows)

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

    def hidden_columns(self) -> list[int]:
        infos = self._sheet.colinfo_map.items()
        return [column for column, info in infos if info.hidden or info.width == 0]

    def merges(self) -> list[tuple[int, int, int, int]]:
        # xlrd's ends are the first row and column beyond.
        return [(top + 1, left, bottom, right - 1) for top, bottom, left, right in self._sheet.merged_cells]

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
        number = plain_value(found.value)
        rendered = number_format.render(number)
        value = rendered.text if rendered.kind is CellKind.DATE else number
        return Cell(rendered.text, value, rendered.kind, *place, rendered.problem)

    def _format_of(self, style: int | None) -> str | None:
        try:
            return str(self._book.format_map[self._book.xf_list[style or 0].format_key].format_str)
        except (IndexError, KeyError):
            return None
