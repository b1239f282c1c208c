"""Workbooks (.xlsx, .xlsm): choose the sheet, find its header row, and read its rows as the person sees them.

The chosen sheet is parsed once, when the workbook is opened, into packed rows. What is damaged shows then,
before anything is sent; reading the rows renders the asked-for columns alone, as often as needed; and the
file itself is closed, so that the person can go on working with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import Row, TableFacts
from ordersheet.loader.cells import CellReaders
from ordersheet.loader.refusals import SheetTable
from ordersheet.loader.row_store import FIELD, RowStore
from ordersheet.loader.table import (
    HeadRow,
    SheetLook,
    build_headers,
    choose_sheet,
    look_at_head,
    result_columns,
)
from ordersheet.loader.xlsx.sheet import SheetParser
from ordersheet.loader.xlsx.strings import SharedStrings, read_strings
from ordersheet.loader.xlsx.styles import Styles, read_styles
from ordersheet.ooxml.package import open_package
from ordersheet.ooxml.part import RELATIONSHIPS, local_name, main_name, walk_part
from ordersheet.ooxml.refusals import not_a_workbook

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from ordersheet.ooxml.package import Package
    from ordersheet.ooxml.references import Shape

MAX_SHEETS = 2000
_ON = ("1", "true")


class _Sheet(NamedTuple):
    name: str
    part: str
    visible: bool


class _Book(NamedTuple):
    """What a workbook's parts say about all its sheets."""

    sheets: tuple[_Sheet, ...]
    readers: CellReaders
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

    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Read the data rows from the first, each time anew.

        Args:
            columns: the columns to render, 0 for column A; all where None.
        """
        readers = {
            str(number): self.readers.reader(shape)
            for number, shape in enumerate(self.shapes)
            if columns is None or shape.column in columns
        }
        get = readers.get
        for block in self.row_store:
            for text in block:
                fields = iter(text.split(FIELD))
                head = next(fields)
                hidden = head[-1] == "h"
                number = int(head[:-1] if hidden else head)
                cells = {}
                for shape, raw in zip(fields, fields, strict=True):
                    read = get(shape)
                    if read is not None:
                        cell = read(raw, number)
                        if cell is not None:
                            cells[cell.column] = cell
                yield Row(number, cells, hidden)


def open_workbook(
    path: Path, *, is_id_header: Callable[[str], bool], sheet: str | None = None
) -> WorkbookTable:
    """Open an .xlsx or .xlsm workbook and read one of its sheets.

    Args:
        path: the file.
        is_id_header: tells the order column's header.
        sheet: the sheet's name; needed only where several visible sheets have an ID header.

    Raises:
        SourceError: where the file cannot be read or is beyond the limits, or where no sheet qualifies, or
            several do.
    """
    with open_package(path) as package:
        book = _read_book(package)
        looks = [_look(package, one, book, is_id_header) for one in book.sheets]
        chosen = choose_sheet(looks, sheet)
        assert chosen.header is not None
        part = next(one.part for one in book.sheets if one.name == chosen.name)
        return _read_table(package, part, chosen.name, chosen.header, book, is_id_header)


def _read_book(package: Package) -> _Book:
    main = next((to.target for to in package.relationships("") if to.type == "officeDocument"), None)
    if main is None:
        raise not_a_workbook("The file is a zip package, but no workbook.")
    if main.endswith(".bin"):
        raise not_a_workbook("The file is an .xlsb workbook (binary), which is not read.")
    found: list[tuple[str, str, bool]] = []
    date1904 = recalculates = False
    root = ""

    def start(names: list[str], attributes: dict[str, str]) -> None:
        nonlocal date1904, recalculates, root
        local = main_name(names[-1])
        root = root or local or "other"
        if local == "sheet" and len(names) == 3:  # noqa: PLR2004 - workbook, sheets, sheet
            key = next(
                (attributes[f"{space} id"] for space in RELATIONSHIPS if f"{space} id" in attributes), ""
            )
            visible = attributes.get("state", "visible") == "visible"
            found.append((attributes.get("name", ""), key, visible))
        elif local == "workbookPr":
            date1904 = attributes.get("date1904") in _ON
        elif local == "calcPr":
            recalculates = attributes.get("fullCalcOnLoad") in _ON

    walk_part(package.chunks(main), main, start)
    if root != "workbook" or len(found) > MAX_SHEETS:
        raise not_a_workbook("The file is an Office file, but no workbook.")
    related = package.relationships(main)
    worksheets = {to.id: to.target for to in related if to.type == "worksheet"}
    sheets = tuple(
        _Sheet(name, worksheets[key], visible) for name, key, visible in found if key in worksheets
    )
    targets = {to.type: to.target for to in related}
    strings = SharedStrings()
    if "sharedStrings" in targets:
        part = targets["sharedStrings"]
        strings = read_strings(package.chunks(part, big=True), part)
    styles = Styles([], {}, date1904=date1904)
    if "styles" in targets:
        styles = read_styles(package.chunks(targets["styles"]), targets["styles"], date1904=date1904)
    readers = CellReaders(styles, strings.get, recalculates=recalculates)
    return _Book(sheets, readers, strings, _has_macros(package, main))


def _has_macros(package: Package, main: str) -> bool:
    types: list[str] = []

    def start(names: list[str], attributes: dict[str, str]) -> None:
        if local_name(names[-1]) == "Override" and attributes.get("PartName", "").lstrip("/") == main:
            types.append(attributes.get("ContentType", ""))

    if "[Content_Types].xml" in package:
        walk_part(package.chunks("[Content_Types].xml"), "[Content_Types].xml", start)
    return any("macroEnabled" in text for text in types)


def _look(package: Package, sheet: _Sheet, book: _Book, is_id_header: Callable[[str], bool]) -> SheetLook:
    """Look at the first rows of a sheet."""
    parser = SheetParser(sheet.part, book.strings.blank)
    rows = _head_rows(parser, parser.parse(package.chunks(sheet.part, big=True)), book.readers)
    first, header = look_at_head(rows, is_id_header)
    return SheetLook(sheet.name, sheet.visible, first, header)


def _head_rows(
    parser: SheetParser, portions: Iterable[list[list[str]]], readers: CellReaders
) -> Iterator[HeadRow]:
    for portion in portions:
        for fields in portion:
            number = int(fields[0].rstrip("h"))
            texts = {}
            for shape, raw in zip(fields[1::2], fields[2::2], strict=True):
                cell = readers.reader(parser.shapes[int(shape)])(raw, number)
                if cell is not None and cell.shown.strip():
                    texts[cell.column] = cell.shown
            if texts:
                yield HeadRow(number, texts, fields[0].endswith("h"))


def _read_table(
    package: Package,
    part: str,
    name: str,
    header: HeadRow,
    book: _Book,
    is_id_header: Callable[[str], bool],
) -> WorkbookTable:
    parser = SheetParser(part, book.strings.blank)
    row_store = RowStore()
    used: set[str] = set()
    hidden_rows = 0
    last_row = header.number
    for portion in parser.parse(package.chunks(part, big=True)):
        for fields in portion:
            head = fields[0]
            hidden = head[-1] == "h"
            number = int(head[:-1] if hidden else head)
            if number > header.number:
                used.update(fields[1::2])
                hidden_rows += hidden
                last_row = number
                row_store.add(FIELD.join(fields))
    row_store.flush()
    headers = build_headers(
        header,
        is_id_header,
        hidden=parser.hidden_columns,
        filled={parser.shapes[int(shape)].column for shape in used},
        sheet=name,
    )
    facts = TableFacts(
        form="xlsm" if book.macros else "xlsx",
        sheet=name,
        header_row=header.number,
        hidden_rows=hidden_rows,
        result_columns=result_columns(headers),
    )
    return WorkbookTable(
        facts,
        headers,
        tuple(block for block in parser.merges if block.last_row > header.number),
        last_row,
        row_store,
        parser.shapes,
        book.readers,
    )
