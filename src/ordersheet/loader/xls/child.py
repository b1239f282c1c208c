"""The child process that reads an .xls file with xlrd, and prints what it holds as lines of JSON.

A damaged file of 7 KB kept xlrd busy for two minutes and took 1.8 GB, so it is given neither the time nor the
memory of the process that sends. For each sheet one object comes out, then one list for each filled row.
"""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

import xlrd

from ordersheet.core.model import CellKind
from ordersheet.loader.cells import (
    HIDDEN_BY_CONDITION,
    HIDDEN_ZERO,
    NOT_A_NUMBER,
    STALE_VALUE,
    SeenValue,
    among_formulas,
    plain_value,
    see_error,
    see_number,
    see_text,
    see_truth,
)
from ordersheet.loader.numberformat.render import compile_format
from ordersheet.loader.xls.records import SheetRecords, read_records, text_codec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from xlrd.book import Book
    from xlrd.sheet import Cell as XlrdCell

    from ordersheet.core.model import Cell
    from ordersheet.loader.numberformat.render import NumberFormat

_EXCEL_5, _EXCEL_97 = 50, 80
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
    """Print the sheets of a workbook, or one object with the key `error`, and `code` for a known one."""
    try:
        with _opened(path) as book:
            out.writelines(json.dumps(line) + "\n" for line in _lines(book))
    except xlrd.biffh.XLRDError as error:
        out.write(json.dumps({"error": str(error)}) + "\n")
    except _UnknownCodePageError:
        out.write(json.dumps({"error": "", "code": NO_CODE_PAGE}) + "\n")
    except Exception as error:  # noqa: BLE001 - xlrd fails with anything on a damaged file
        out.write(json.dumps({"error": type(error).__name__}) + "\n")


NO_CODE_PAGE = "no-code-page"


class _UnknownCodePageError(Exception):
    """Nothing in a file says what its letters are."""


def _opened(path: str) -> Book:
    """Open a workbook; the texts of one before Excel 97 come as the bytes that they are, as Latin-1."""

    def opened(encoding: str | None) -> Book:
        return xlrd.open_workbook(
            path, logfile=io.StringIO(), formatting_info=True, on_demand=True, encoding_override=encoding
        )

    book = opened(None)
    if book.biff_version >= _EXCEL_97:
        return book
    book.release_resources()
    return opened("latin_1")


def _lines(book: Book) -> Iterator[dict[str, Any] | list[Any]]:
    for number in range(book.nsheets):
        page = _RowBlock(book, number)
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


def _records_of(book: Book, number: int) -> SheetRecords:
    """Walk a sheet's records; where they begin, xlrd tells in a private place alone."""
    places = getattr(book, "_sh_abs_posn", None) or [book.base]
    return read_records(bytes(book.mem or b""), places[number] or book.base)


class _RowBlock:
    """A sheet as xlrd has it, with rows and columns from 0."""

    def __init__(self, book: Book, number: int) -> None:
        self._book = book
        self._sheet = sheet = book.sheet_by_index(number)
        self._records = _records_of(book, number)
        self._shows_formulas = bool(getattr(sheet, "show_formulas", False))
        self._hides_zeros = not getattr(sheet, "show_zero_values", True)
        self.name = self._decoded(str(sheet.name), None)
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
        seen = self._seen(self._sheet.cell(row, column))
        formula = (row, column) in self._records.formulas
        if self._shows_formulas:
            seen = among_formulas(seen, formula=formula)
        if formula and self._records.stale:
            seen = SeenValue("", None, CellKind.BLANK, STALE_VALUE)
        elif seen.problem is None and seen.kind in (CellKind.NUMBER, CellKind.DATE):
            if self._hides_zeros and seen.value == 0:
                seen = seen._replace(problem=HIDDEN_ZERO)
            elif any(
                top <= row <= bottom and left <= column <= right
                for top, bottom, left, right in self._records.conditions
            ):
                seen = seen._replace(problem=HIDDEN_BY_CONDITION)
        return seen.at(column, row + 1)

    def _seen(self, found: XlrdCell) -> SeenValue:
        if found.ctype == xlrd.XL_CELL_ERROR:
            return see_error(xlrd.error_text_from_code.get(int(found.value), "of an unknown kind"))
        code = self._format_of(found.xf_index)
        shown_as = None if code is None else compile_format(code, date1904=self._book.datemode == 1)
        if found.ctype == xlrd.XL_CELL_BOOLEAN:
            hidden = shown_as is not None and not shown_as.shows_texts_plainly
            return see_truth(bool(found.value), hidden=hidden)
        if isinstance(found.value, str):
            return self._text(found, shown_as)
        if not math.isfinite(found.value):
            return SeenValue("", None, CellKind.NUMBER, NOT_A_NUMBER)
        if shown_as is None:
            problem = "The number format of this cell is not in the file. Save the workbook as .xlsx."
            return SeenValue(str(found.value), found.value, CellKind.NUMBER, problem)
        return see_number(plain_value(found.value), shown_as)

    def _text(self, found: XlrdCell, shown_as: NumberFormat | None) -> SeenValue:
        seen = see_text(self._decoded(str(found.value), found.xf_index))
        if shown_as is None or seen.problem is not None or seen.shown.isspace():
            return seen
        shown, problem = shown_as.text(seen.shown)
        return seen._replace(shown=shown, problem=problem)

    def _decoded(self, text: str, style: int | None) -> str:
        """Give a text of a file before Excel 97 in its letters, which the cell's font may choose."""
        book = self._book
        if book.biff_version >= _EXCEL_97 or text.isascii():
            return text
        charset: int | None = None
        if style is not None and book.biff_version >= _EXCEL_5:
            charset = int(book.font_list[book.xf_list[style].font_index].character_set)
        codec = text_codec(book.biff_version, book.codepage, charset)
        if codec is None:
            raise _UnknownCodePageError
        try:
            return text.encode("latin_1").decode(codec)
        except (LookupError, UnicodeError):
            raise _UnknownCodePageError from None

    def _format_of(self, style: int | None) -> str | None:
        try:
            return str(self._book.format_map[self._book.xf_list[style or 0].format_key].format_str)
        except (IndexError, KeyError):
            return None
