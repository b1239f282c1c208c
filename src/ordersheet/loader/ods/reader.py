"""OpenDocument spreadsheets (.ods) as a table: what LibreOffice shows is in the file, and is read as it is.

Dates alone are read from the stored value, so that they are ISO 8601 in every language.
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.core.model import Cell, CellKind, Row, TableFacts
from ordersheet.loader.cells import NO_SAVED_VALUE
from ordersheet.loader.error_words import ERROR_WORDS, error_problem
from ordersheet.loader.numberformat.serial_date import NoDateError, iso_from_text
from ordersheet.loader.ods.content import OdsCell, OdsRow, OdsSheet, OdsStyles, Shows, stream_rows
from ordersheet.loader.refusals import SheetTable
from ordersheet.loader.row_store import RowStore
from ordersheet.loader.table import (
    HEAD_ROWS,
    HeadRow,
    SheetLook,
    build_headers,
    choose_sheet,
    look_at_head,
    result_columns,
)
from ordersheet.ooxml.refusals import not_a_workbook, too_big

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

LARGEST_PART = 1 << 30
"""Unpacked bytes of one part."""
LARGEST_RATIO = 250
"""Times that a part may grow when unpacked, once it is big; real sheets stay below 100."""
BIG = 16 << 20
MOST_ALIKE = 1 << 16
"""Filled rows that repeat; more are no orders."""
MOST_HELD = 1 << 24
"""Cells of one row that repeats, times its count."""

_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(ValueError, RuntimeError, IndexError, OverflowError),
)
"""What zipfile fails with on a damaged package."""
_LENGTH = re.compile(r"PT(\d+)H(\d+)M(\d+)(?:[.,](\d+))?S")
_FIRST_DATE = "1900-03-01"


def open_ods(path: Path, *, is_id_header: Callable[[str], bool], sheet: str | None = None) -> OdsTable:
    """Open a sheet of an .ods file as a table; the file is closed again, and its rows are kept packed.

    Args:
        path: the file.
        is_id_header: tells the order column's header.
        sheet: the sheet; needed only where several visible ones have an ID header.

    Raises:
        SourceError: the file cannot be read as one table.
        OSError: the file cannot be read.
    """
    chosen = choose_sheet(_look(path, is_id_header), sheet)
    header = chosen.header
    assert header is not None
    filled: set[int] = set()
    hidden_rows, last_row = 0, header.number
    found = OdsSheet(chosen.name, None)
    styles = _named_styles(path)
    row_store = RowStore()
    for sheet_so_far, row in _rows_of(path, chosen.name, styles):
        found = sheet_so_far
        if row.number + row.repeat - 1 <= header.number:
            continue
        columns = {c for cell in row.cells if _is_filled(cell) for c in _columns(cell)}
        if columns:
            if row.repeat > MOST_ALIKE or row.repeat * len(columns) > MOST_HELD:
                raise too_big(f"{row.repeat:,} rows from row {row.number} on are all alike")
            filled |= columns
            last_row = row.number + row.repeat - 1
            hidden_rows += row.repeat if row.hidden else 0
            row_store.add(_packed(row, found, styles))
    row_store.flush()
    headers = build_headers(
        header, is_id_header, hidden=found.hidden_columns, filled=filled, sheet=chosen.name
    )
    facts = TableFacts(
        form="ods",
        sheet=chosen.name,
        header_row=header.number,
        hidden_rows=hidden_rows,
        result_columns=result_columns(headers),
    )
    return OdsTable(facts, headers, found.merges, last_row, row_store)


@dataclass
class OdsTable(SheetTable):
    """A sheet of an .ods file as a table; see `Table`."""

    row_store: RowStore
    """The packed rows."""

    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Read the data rows from the first, each time anew."""
        for block in self.row_store:
            for text in block:
                first, repeat, hidden, packed = json.loads(text)
                filled = [(OdsCell(*fields), Shows(shows)) for *fields, shows in packed]
                for number in range(max(first, self.facts.header_row + 1), first + repeat):
                    cells = {
                        cell.column: _read(cell, number, shows)
                        for cell, shows in filled
                        if columns is None or cell.column in columns
                    }
                    yield Row(number, cells, hidden)


# ---- the file ----


def _look(path: Path, is_id_header: Callable[[str], bool]) -> list[SheetLook]:
    """Look at the first rows of every sheet."""
    heads: dict[str, tuple[OdsSheet, list[HeadRow]]] = {}
    styles = _named_styles(path)
    for sheet, row in _stream(path, "content.xml", styles):
        _, rows = heads.setdefault(sheet.name, (sheet, []))
        if row is None or len(rows) > HEAD_ROWS:
            continue
        texts = {c: cell.text for cell in row.cells if cell.text.strip() for c in _columns(cell)}
        if texts:
            rows.append(HeadRow(row.number, texts, row.hidden))
    looks = []
    for name, (sheet, rows) in heads.items():
        first, header = look_at_head(rows, is_id_header)
        looks.append(SheetLook(name, sheet.style not in styles.hidden_tables, first, header))
    return looks


def _rows_of(path: Path, name: str, styles: OdsStyles) -> Iterator[tuple[OdsSheet, OdsRow]]:
    for sheet, row in _stream(path, "content.xml", styles):
        if row is not None and sheet.name == name:
            yield sheet, row


def _named_styles(path: Path) -> OdsStyles:
    """Give the named styles; those of single cells follow while the content is streamed."""
    styles = OdsStyles()
    for _ in _stream(path, "styles.xml", styles):
        pass
    return styles


def _stream(path: Path, part: str, styles: OdsStyles) -> Iterator[tuple[OdsSheet, OdsRow | None]]:
    try:
        with zipfile.ZipFile(path) as archive:
            if part not in archive.NameToInfo:
                if part == "content.xml":
                    raise not_a_workbook("The .ods file has no content.")
                return
            info = archive.getinfo(part)
            ratio = info.file_size / max(info.compress_size, 1)
            if info.file_size > LARGEST_PART or (info.file_size > BIG and ratio > LARGEST_RATIO):
                raise too_big(f"Unpacked, the .ods file has {info.file_size >> 20:,} MB")
            with archive.open(part) as file:
                yield from stream_rows(file, styles)
    except _DAMAGED as error:
        raise not_a_workbook("The .ods file is damaged or cut off.") from error


# ---- cells ----


def _packed(row: OdsRow, sheet: OdsSheet, styles: OdsStyles) -> str:
    """Write down a row's filled cells, each with what its style shows of dates and times."""
    cells = [
        (
            *cell._replace(column=column, repeat=1),
            styles.shows(cell.style or sheet.column_styles.get(column)).value,
        )
        for cell in row.cells
        if _is_filled(cell)
        for column in _columns(cell)
    ]
    return json.dumps((row.number, row.repeat, row.hidden, cells), ensure_ascii=False)


def _columns(cell: OdsCell) -> range:
    return range(cell.column, cell.column + cell.repeat)


def _is_filled(cell: OdsCell) -> bool:
    """Tell whether a cell holds something: a formula that gives an empty text does not."""
    return bool(cell.text) or cell.type not in ("", "string") or (cell.formula and not cell.saved)


def _read(cell: OdsCell, row: int, shows: Shows) -> Cell:
    kind, column = cell.type, cell.column
    if kind == "error" or (cell.formula and cell.text in ERROR_WORDS):
        return Cell(cell.text, None, CellKind.ERROR, column, row, error_problem(cell.text or "of a formula"))
    if cell.formula and not cell.saved:
        return Cell(cell.text, None, CellKind.BLANK, column, row, NO_SAVED_VALUE)
    if kind == "boolean":
        true = cell.value == "true"
        return Cell("TRUE" if true else "FALSE", true, CellKind.BOOLEAN, column, row)
    if kind == "date" or (kind == "time" and shows is not Shows.LENGTH):
        return _read_moment(cell, row, shows)
    if kind in ("float", "percentage", "currency", "time"):
        return _read_number(cell, row)
    return Cell(cell.text, cell.text, CellKind.TEXT, column, row)


def _read_moment(cell: OdsCell, row: int, shows: Shows) -> Cell:
    column = cell.column
    value = cell.value or ""
    if cell.type == "date" and shows is Shows.MOMENT and "T" not in value:
        # Midnight is left out of the stored value, though it is shown.
        value = f"{value}T00:00:00"
    length = _LENGTH.fullmatch(value)
    if length:
        # More than a day under a format of time alone: what is shown is the time on that day.
        value = f"{int(length[1]) % 24:02}:{length[2]}:{length[3]}"
    fault = None
    shown = ""
    try:
        shown = iso_from_text(value, None)
    except NoDateError as error:
        fault = str(error)
    if fault is None and cell.type == "date" and shown < _FIRST_DATE:
        fault = "This is a date before 1900-03-01, which programs read differently."
    if fault is not None:
        problem = f"{fault} Format the cell as text and type the date."
        return Cell(cell.text, cell.text, CellKind.DATE, column, row, problem)
    return Cell(shown, shown, CellKind.DATE, column, row)


def _read_number(cell: OdsCell, row: int) -> Cell:
    column = cell.column
    value: float | None = None
    problem: str | None = None
    length = _LENGTH.fullmatch(cell.value or "") if cell.type == "time" else None
    try:
        if length:
            seconds = int(length[1]) * 3600 + int(length[2]) * 60 + float(f"{length[3]}.{length[4] or 0}")
            value = seconds / 86400
        else:
            value = float(cell.value or "")
    except ValueError:
        problem = "The file stores no number for this cell. Type it again, and save the file."
        return Cell(cell.text, None, CellKind.NUMBER, column, row, problem)
    if not cell.text.strip():
        problem = (
            "The number is not shown: its number format hides it, or the file was never saved by LibreOffice."
        )
    elif set(cell.text) == {"#"}:
        problem = "The column is too narrow to show this number. Widen it, and save the file."
    return Cell(cell.text, value, CellKind.NUMBER, column, row, problem)
