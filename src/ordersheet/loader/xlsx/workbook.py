"""Workbooks (.xlsx, .xlsm): choose the sheet, find its header row, and read its rows as the person sees them.

The chosen sheet is parsed once, when the workbook is opened, into packed rows. What is damaged shows then,
before anything is sent; reading the rows renders the asked-for columns alone, as often as needed; and the
file itself is closed, so that the person can go on working with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import RESULT_COLUMNS, Cell, CellKind, Row, TableFacts, column_letters
from ordersheet.loader.cells import NO_SAVED_VALUE
from ordersheet.loader.refusals import SheetTable
from ordersheet.loader.row_store import RowStore
from ordersheet.loader.table import (
    HeadRow,
    SheetLook,
    build_headers,
    choose_sheet,
    look_at_head,
    result_columns,
)
from ordersheet.loader.xlsx.plain_rows import FIELD
from ordersheet.loader.xlsx.readers import CellReaders
from ordersheet.loader.xlsx.settings import SheetSettings
from ordersheet.loader.xlsx.sheet import SheetParser
from ordersheet.loader.xlsx.strings import SharedStrings, read_strings
from ordersheet.loader.xlsx.styles import Styles, read_styles
from ordersheet.loader.xlsx.totals import totals_rows
from ordersheet.ooxml.limits import LIMITS, Limits
from ordersheet.ooxml.package import open_package
from ordersheet.ooxml.part import RELATIONSHIPS, local_name, main_name, walk_part
from ordersheet.ooxml.references import MAX_COLUMN
from ordersheet.ooxml.refusals import not_a_workbook, too_big

_SHEET_DEPTH = 3
"""A sheet's element stands in the list of sheets, and that in the workbook."""

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from ordersheet.loader.xlsx.plain_rows import RawRow
    from ordersheet.loader.xlsx.readers import Reader
    from ordersheet.ooxml.package import Package
    from ordersheet.ooxml.references import CellRange, Shape

REMEMBERED = 2**18
"""Cells of frames that are remembered."""
_ON = ("1", "true")
_OFF = ("0", "false")


class _Sheet(NamedTuple):
    name: str
    part: str
    visible: bool


class _Book(NamedTuple):
    """What a workbook's parts say about all its sheets."""

    sheets: tuple[_Sheet, ...]
    readers: CellReaders
    styles: Styles
    strings: SharedStrings
    macros: bool


@dataclass
class WorkbookTable(SheetTable):
    """One sheet of a workbook; made by `open_workbook`."""

    row_store: RowStore
    """The packed rows."""
    shapes: list[Shape]
    """What their cells' first fields name."""
    readers: CellReaders
    settings: SheetSettings
    arrays: list[CellRange]
    """Blocks of cells that one formula fills."""

    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Read the data rows from the first, each time anew.

        Args:
            columns: the columns to render, 0 for column A; all where None.
        """
        frames: dict[str, list[tuple[int, int, Reader]]] = {}
        size = 0
        new = tuple.__new__  # what Row(...) ends in, without a call in between
        readers = {
            str(number): self.settings.upon(self.readers.reader(shape), shape)
            for number, shape in enumerate(self.shapes)
            if columns is None or shape.column in columns
        }
        for block in self.row_store:
            for text in block:
                head, shapes, *values = text.split(FIELD)
                hidden = head[-1] == "h"
                number = int(head[:-1] if hidden else head)
                frame = frames.get(shapes)
                if frame is None:
                    size += len(values)
                    if size > REMEMBERED:
                        frames.clear()
                        size = len(values)
                    frame = frames[shapes] = self._frame(shapes, readers)
                cells = {}
                for place, column, read in frame:
                    cell = read(values[place], number)
                    if cell is not None:
                        cells[column] = cell
                if self.arrays:
                    cells.update(self._unwritten(number, shapes, columns))
                yield new(Row, (number, cells, hidden, None))

    def _unwritten(
        self, number: int, shapes: str, columns: Collection[int] | None
    ) -> Iterator[tuple[int, Cell]]:
        """Give the cells of a row that belong to an array formula and have no value in the file."""
        written = {self.shapes[int(shape)].column for shape in shapes.split()}
        for block in self.arrays:
            if block.first_row <= number <= block.last_row:
                for column in range(block.first_column, block.last_column + 1):
                    if column not in written and (columns is None or column in columns):
                        yield column, Cell("", None, CellKind.BLANK, column, number, NO_SAVED_VALUE)

    def _frame(self, shapes: str, readers: Mapping[str, Reader]) -> list[tuple[int, int, Reader]]:
        """Tell which cells of a row are read: their place among its texts, their column, and how."""
        return [
            (place, self.shapes[int(shape)].column, readers[shape])
            for place, shape in enumerate(shapes.split())
            if shape in readers
        ]


def open_workbook(
    path: Path,
    *,
    is_id_header: Callable[[str], bool],
    sheet: str | None = None,
    limits: Limits = LIMITS,
) -> WorkbookTable:
    """Open an .xlsx or .xlsm workbook and read one of its sheets.

    Args:
        path: the file.
        is_id_header: tells the order column's header.
        sheet: the sheet's name; needed only where several visible sheets have an ID header.
        limits: how big the file may be.

    Raises:
        SourceError: where the file cannot be read or is beyond the limits, or where no sheet qualifies, or
            several do.
    """
    with open_package(path, limits) as package:
        book = _read_book(package)
        openings = [_Opening(package, one, book, is_id_header) for one in book.sheets]
        chosen = choose_sheet([opening.look for opening in openings], sheet)
        opening = next(opening for opening in openings if opening.look is chosen)
        return _read_table(package, opening, book, is_id_header)


class _Main(NamedTuple):
    """What the main part says."""

    sheets: list[tuple[str, str, bool]]
    """Name, relationship and visibility of each sheet."""
    date1904: bool
    stale: bool
    """Whether saved values of formulas may not be what they give."""


def _read_book(package: Package) -> _Book:
    main = next((to.target for to in package.relationships("") if to.type == "officeDocument"), None)
    if main is None:
        raise not_a_workbook("The file is a zip package, but no workbook.")
    if main.endswith(".bin"):
        raise not_a_workbook("The file is an .xlsb workbook (binary), which is not read.")
    said = _read_main(package, main)
    related = package.relationships(main)
    worksheets = {to.id: to.target for to in related if to.type == "worksheet"}
    sheets = tuple(
        _Sheet(name, worksheets[key], visible) for name, key, visible in said.sheets if key in worksheets
    )
    targets = {to.type: to.target for to in related}
    strings = SharedStrings()
    if "sharedStrings" in targets:
        part = targets["sharedStrings"]
        strings = read_strings(package.chunks(part, big=True), part, package.limits)
    styles = Styles([], {}, date1904=said.date1904)
    if "styles" in targets:
        part = targets["styles"]
        styles = read_styles(package.chunks(part), part, date1904=said.date1904, limits=package.limits)
    readers = CellReaders(styles, strings.get, recalculates=said.stale)
    return _Book(sheets, readers, styles, strings, _has_macros(package, main))


def _read_main(package: Package, main: str) -> _Main:
    found: list[tuple[str, str, bool]] = []
    date1904 = stale = False
    root = ""

    def start(names: list[str], attributes: dict[str, str]) -> None:
        nonlocal date1904, stale, root
        local = main_name(names[-1])
        root = root or local or "other"
        if local == "sheet" and len(names) == _SHEET_DEPTH:
            key = next(
                (attributes[f"{space} id"] for space in RELATIONSHIPS if f"{space} id" in attributes), ""
            )
            visible = attributes.get("state", "visible") == "visible"
            found.append((attributes.get("name", ""), key, visible))
        elif local == "workbookPr":
            date1904 = attributes.get("date1904") in _ON
        elif local == "calcPr":
            stale = attributes.get("fullCalcOnLoad") in _ON or attributes.get("calcCompleted") in _OFF

    walk_part(package.chunks(main), main, start)
    if root != "workbook":
        raise not_a_workbook("The file is an Office file, but no workbook.")
    if len(found) > package.limits.sheets:
        raise too_big(f"The file has {len(found):,} sheets")
    return _Main(found, date1904, stale)


def _has_macros(package: Package, main: str) -> bool:
    types: list[str] = []

    def start(names: list[str], attributes: dict[str, str]) -> None:
        if local_name(names[-1]) == "Override" and attributes.get("PartName", "").lstrip("/") == main:
            types.append(attributes.get("ContentType", ""))

    if "[Content_Types].xml" in package:
        walk_part(package.chunks("[Content_Types].xml"), "[Content_Types].xml", start)
    return any("macroEnabled" in text for text in types)


def _notices(totals: frozenset[int], width: int, earlier: tuple[int, ...]) -> tuple[str, ...]:
    found = [
        f"Row {row} is the table's row of totals, and no order: it is not read, and gets no status."
        for row in sorted(totals)
    ]
    if not earlier and width + len(RESULT_COLUMNS) > MAX_COLUMN:
        found.append(
            f"The sheet is filled up to column {column_letters(width - 1)}, so there is no room for the "
            "results beside it: the report will be a new workbook."
        )
    return tuple(found)


class _Opening:
    """A sheet that is being read: its first rows are known, and the others follow in the same pass."""

    def __init__(
        self, package: Package, sheet: _Sheet, book: _Book, is_id_header: Callable[[str], bool]
    ) -> None:
        self.sheet = sheet
        self.parser = SheetParser(
            sheet.part, book.strings.blank, package.limits, recalculates=book.readers.recalculates
        )
        self._readers = book.readers
        self._portions = self.parser.parse(package.chunks(sheet.part, big=True))
        self._seen: list[list[RawRow]] = []
        first, header = look_at_head(self._heads(), is_id_header)
        self.look = SheetLook(sheet.name, sheet.visible, first, header)

    def rows(self) -> Iterator[RawRow]:
        """Give all rows, from the first."""
        for portion in chain(self._seen, self._portions):
            yield from portion

    def _heads(self) -> Iterator[HeadRow]:
        for portion in self._portions:
            self._seen.append(portion)
            for row in portion:
                texts = {}
                for shape, raw in zip(row.shapes.split(), row.values.split(FIELD), strict=True):
                    cell = self._readers.reader(self.parser.shapes[int(shape)])(raw, row.number)
                    if cell is not None and cell.shown.strip():
                        texts[cell.column] = cell.shown
                if texts:
                    yield HeadRow(row.number, texts, row.hidden)


def _read_table(
    package: Package, opening: _Opening, book: _Book, is_id_header: Callable[[str], bool]
) -> WorkbookTable:
    header = opening.look.header
    assert header is not None
    parser, name = opening.parser, opening.sheet.name
    totals = totals_rows(package, opening.sheet.part, header, is_id_header)
    row_store = RowStore()
    used: set[str] = set()
    before = ""
    hidden_rows = 0
    last_row = header.number
    for number, hidden, shapes, values in opening.rows():
        if number > header.number and number not in totals:
            if shapes != before:
                used.update(shapes.split())
                before = shapes
            hidden_rows += hidden
            last_row = number
            row_store.add(f"{number}{'h' if hidden else ''}{FIELD}{shapes}{FIELD}{values}")
    row_store.flush()
    display = parser.display
    headers = build_headers(
        header,
        is_id_header,
        hidden=display.hidden_columns,
        filled={parser.shapes[int(shape)].column for shape in used},
        sheet=name,
    )
    id_column = next(one.column for one in headers if is_id_header(one.text))
    facts = TableFacts(
        form="xlsm" if book.macros else "xlsx",
        sheet=name,
        header_row=header.number,
        hidden_rows=hidden_rows,
        result_columns=result_columns(headers),
        notices=_notices(totals, len(headers), result_columns(headers)),
        id_column=id_column,
        sheets=tuple(sheet.name for sheet in book.sheets),
    )
    return WorkbookTable(
        facts,
        headers,
        tuple(block for block in display.merges if block.last_row > header.number),
        last_row,
        row_store,
        parser.shapes,
        book.readers,
        SheetSettings(display, book.styles, id_column),
        display.arrays,
    )
