"""OpenDocument spreadsheets (.ods) as a table: what LibreOffice shows is in the file, and is read as it is.

Dates alone are read from the stored value, so that they are ISO 8601 in every language.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import Cell, CellKind, Row, TableFacts
from ordersheet.loader.cells import (
    HIDDEN_BY_CONDITION,
    HIDDEN_VALUE,
    HIDDEN_ZERO,
    NO_SAVED_VALUE,
    NOT_A_NUMBER,
    SeenValue,
    as_id,
    plain_value,
    see_error,
    see_moment,
    see_text,
    see_truth,
    text_problem,
)
from ordersheet.loader.error_words import ERROR_WORDS
from ordersheet.loader.numberformat.numerals import decimal_of
from ordersheet.loader.numberformat.render import LONG_NUMBER
from ordersheet.loader.numberformat.serial_date import When
from ordersheet.loader.ods.content import OdsCell, OdsRow, OdsSheet, stream_rows
from ordersheet.loader.ods.styles import OdsStyles, Shows
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
from ordersheet.ooxml.package import open_package
from ordersheet.ooxml.part import PartParser
from ordersheet.ooxml.refusals import not_a_workbook, too_big

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from ordersheet.ooxml.package import Package
    from ordersheet.ooxml.references import CellRange

MOST_ALIKE = 1 << 16
"""Filled rows that repeat; more are no orders."""
MOST_HELD = 1 << 24
"""Cells of one row that repeats, times its count."""

_LENGTH = re.compile(r"-?P(?:(\d+)D)?T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d+))?S)?")
_DAY = 24 * 60 * 60
"""Seconds."""
_WHEN = {Shows.MOMENT: When.BOTH, Shows.DATE: When.DATE, Shows.TIME: When.TIME}
_CONTENT = "content.xml"
_TOO_NARROW = "The column is too narrow to show this number. Widen it, and save the file."
_NO_FORM = "#FMT"
"""What LibreOffice shows where a number is too large for the cell's format."""
_CANNOT_SHOW = (
    "LibreOffice shows #FMT here, since the number is too large for the cell's format. Choose another "
    "format, such as 0, and save the file"
)


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
    with open_package(path) as package:
        return _open(package, is_id_header, sheet)


def _open(package: Package, is_id_header: Callable[[str], bool], sheet: str | None) -> OdsTable:
    looks = _look(package, is_id_header)
    chosen = choose_sheet(looks, sheet)
    header = chosen.header
    assert header is not None
    filled: set[int] = set()
    hidden_rows, last_row = 0, header.number
    found = OdsSheet(chosen.name, None)
    styles = _named_styles(package)
    row_store = RowStore()
    for sheet_so_far, row in _rows_of(package, chosen.name, styles):
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
    id_column = next(one.column for one in headers if is_id_header(one.text))
    facts = TableFacts(
        form="ods",
        sheet=chosen.name,
        header_row=header.number,
        hidden_rows=hidden_rows,
        result_columns=result_columns(headers),
        id_column=id_column,
        sheets=tuple(look.name for look in looks),
    )
    return OdsTable(
        facts, headers, found.merges, last_row, row_store, found.conditions, hides_zeros=_hides_zeros(package)
    )


@dataclass
class OdsTable(SheetTable):
    """A sheet of an .ods file as a table; see `Table`."""

    row_store: RowStore
    """The packed rows."""
    conditions: list[CellRange]
    """Blocks of conditional formats that may show a value in another way."""
    hides_zeros: bool

    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Read the data rows from the first, each time anew."""
        for block in self.row_store:
            for text in block:
                first, repeat, hidden, packed = json.loads(text)
                filled = [(OdsCell(*fields), _Style(Shows(shows), odd)) for *fields, shows, odd in packed]
                for number in range(max(first, self.facts.header_row + 1), first + repeat):
                    cells = {
                        cell.column: self._cell(cell, number, style)
                        for cell, style in filled
                        if columns is None or cell.column in columns
                    }
                    yield Row(number, cells, hidden)

    def _cell(self, stored: OdsCell, number: int, style: _Style) -> Cell:
        seen = _see(stored, style.shows)
        cell = seen.at(stored.column, number)
        if cell.column == self.facts.id_column:
            return as_id(cell)
        if cell.problem is not None or cell.kind is CellKind.TEXT:
            return cell
        if style.conditional or any(block.holds(number, cell.column) for block in self.conditions):
            return cell._replace(problem=HIDDEN_BY_CONDITION)
        if self.hides_zeros and cell.kind is CellKind.NUMBER and cell.value == 0:
            return cell._replace(problem=HIDDEN_ZERO)
        return cell


class _Style(NamedTuple):
    """What a cell's style says of what it shows."""

    shows: Shows
    conditional: bool
    """Whether a condition in it may choose another format."""


# ---- the file ----


def _look(package: Package, is_id_header: Callable[[str], bool]) -> list[SheetLook]:
    """Look at the first rows of every sheet."""
    heads: dict[str, tuple[OdsSheet, list[HeadRow]]] = {}
    styles = _named_styles(package)
    for sheet, row in _stream(package, _CONTENT, styles):
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


def _rows_of(package: Package, name: str, styles: OdsStyles) -> Iterator[tuple[OdsSheet, OdsRow]]:
    for sheet, row in _stream(package, _CONTENT, styles):
        if row is not None and sheet.name == name:
            yield sheet, row


def _named_styles(package: Package) -> OdsStyles:
    """Give the named styles; those of single cells follow while the content is streamed."""
    styles = OdsStyles()
    for _ in _stream(package, "styles.xml", styles):
        pass
    return styles


def _stream(package: Package, part: str, styles: OdsStyles) -> Iterator[tuple[OdsSheet, OdsRow | None]]:
    if part in package:
        yield from stream_rows(package.chunks(part, big=True), part, styles)
    elif part == _CONTENT:
        raise not_a_workbook("The .ods file has no content.")


def _hides_zeros(package: Package) -> bool:
    """Tell whether a view of the document is set to show no zeros."""
    found: list[bool] = []
    inside = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        inside = any(
            key.endswith(" name") and value == "ShowZeroValues" for key, value in attributes.items()
        ) and name.endswith(" config-item")

    def end(_name: str) -> None:
        nonlocal inside
        inside = False

    def characters(data: str) -> None:
        if inside:
            found.append(data.strip() == "false")

    if "settings.xml" in package:
        part = PartParser("settings.xml")
        part.expat.StartElementHandler = start
        part.expat.EndElementHandler = end
        part.expat.CharacterDataHandler = characters
        for chunk in package.chunks("settings.xml"):
            part.feed(chunk)
        part.feed(b"", last=True)
    return any(found)


# ---- cells ----


def _packed(row: OdsRow, sheet: OdsSheet, styles: OdsStyles) -> str:
    """Write down a row's filled cells, each with what its style shows."""
    cells = []
    for cell in row.cells:
        if not _is_filled(cell):
            continue
        for column in _columns(cell):
            style = cell.style or sheet.column_styles.get(column)
            conditional = style in styles.conditional
            placed = cell._replace(column=column, repeat=1)
            cells.append((*placed, styles.shows(style).value, conditional))
    return json.dumps((row.number, row.repeat, row.hidden, cells), ensure_ascii=False)


def _columns(cell: OdsCell) -> range:
    return range(cell.column, cell.column + cell.repeat)


def _is_filled(cell: OdsCell) -> bool:
    """Tell whether a cell holds something: a formula that gives an empty text does not."""
    return bool(cell.text) or cell.type not in ("", "string") or (cell.formula and not cell.saved)


def _see(cell: OdsCell, shows: Shows) -> SeenValue:
    kind = cell.type
    if kind == "error" or (cell.formula and cell.text in ERROR_WORDS):
        return see_error(cell.text or "of a formula")
    if cell.formula and not cell.saved:
        return SeenValue(cell.text, None, CellKind.BLANK, NO_SAVED_VALUE)
    if kind == "boolean":
        return see_truth(cell.value in ("true", "1"), hidden=not cell.text.strip())
    if kind == "date" or (kind == "time" and shows is not Shows.LENGTH):
        return _see_moment(cell, shows)
    if kind in ("float", "percentage", "currency", "time"):
        return _see_number(cell, shows)
    return see_text(cell.text)


def _see_moment(cell: OdsCell, shows: Shows) -> SeenValue:
    value = cell.value or ""
    when = _WHEN.get(shows)
    length = _LENGTH.fullmatch(value)
    if length is not None:
        days, hours, minutes, seconds, rest = (part or "0" for part in length.groups())
        # More than a day under a format of time alone: what is shown is the time on that day.
        whole = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
        minute, second = divmod(whole % _DAY, 60)
        value = f"{minute // 60:02}:{minute % 60:02}:{second:02}.{rest[:6]}"
    elif when is When.BOTH and "T" not in value:
        # Midnight is left out of the stored value, though it is shown.
        value = f"{value}T00:00:00"
    seen = see_moment(value, when)
    return seen if seen.problem is None else seen._replace(shown=cell.text, value=cell.text)


def _see_number(cell: OdsCell, shows: Shows) -> SeenValue:
    try:
        number = plain_value(_stored_number(cell))
    except ValueError:
        return SeenValue(cell.text, None, CellKind.NUMBER, NOT_A_NUMBER)
    if shows is Shows.GENERAL and number in (0, 1) and cell.text.strip().isalpha():
        # LibreOffice stores what TRUE() gives as 1 with the word for it, in the document's language.
        return see_truth(bool(number))
    problem: str | None = None
    if not cell.text.strip():
        problem = HIDDEN_VALUE
    elif set(cell.text) == {"#"}:
        problem = _TOO_NARROW
    elif cell.text == _NO_FORM:
        problem = _CANNOT_SHOW
    elif shows is Shows.GENERAL and cell.type == "float" and _leaves_digits_out(cell.text, number):
        problem = LONG_NUMBER
    return SeenValue(cell.text, number, CellKind.NUMBER, problem or text_problem(cell.text))


def _stored_number(cell: OdsCell) -> float:
    length = _LENGTH.fullmatch(cell.value or "") if cell.type == "time" else None
    if length is None:
        value = float(cell.value or "")
        if not math.isfinite(value):
            raise ValueError(cell.value)
        return value
    days, hours, minutes, seconds, rest = (part or "0" for part in length.groups())
    whole = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(f"{seconds}.{rest}")
    return -whole / 86400 if length[0].startswith("-") else whole / 86400


def _leaves_digits_out(text: str, number: float) -> bool:
    """Tell whether a number is shown with fewer digits than it has, in whichever language's signs."""
    shown = re.sub(r"[^0-9]", "", re.sub(r"[eE][-+]?\d+$", "", text)).strip("0")
    stored = "".join(map(str, decimal_of(number).as_tuple().digits)).strip("0")
    return shown != stored
