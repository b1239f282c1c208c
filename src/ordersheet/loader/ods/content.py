"""The tables of an OpenDocument spreadsheet, as a stream of rows.

Names and meanings: OpenDocument 1.3, part 3. A cell's text is what its own `text:p` hold: annotations,
notes and shapes in a cell have paragraphs too, and are left out. Rows and columns that repeat come once,
with their count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.ooxml.limits import LIMITS
from ordersheet.ooxml.part import PartParser
from ordersheet.ooxml.references import CellRange, parse_range
from ordersheet.ooxml.refusals import too_big

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ordersheet.loader.ods.styles import OdsStyles

LAST_ROW = 1 << 20
LAST_COLUMN = 1 << 14
"""The most that LibreOffice and Excel have."""
DEEPEST = 100
LONGEST_TEXT = 1 << 20
"""Characters of one cell, and XML elements inside each other."""

_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0 "
_TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 "
_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0 "
_CALCEXT = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 "

_GROUPS = frozenset(
    (
        *(
            _TABLE + name
            for name in (
                "table-header-rows",
                "table-rows",
                "table-row-group",
                "table-header-columns",
                "table-columns",
                "table-column-group",
            )
        ),
        _CALCEXT + "conditional-formats",
    )
)
_CONDITIONS = frozenset(
    _CALCEXT + name for name in ("condition", "date-is", "icon-set", "data-bar", "color-scale")
)
_ADDRESS = r"(?:'(?:[^']|'')*'|[^\s'.:]*)\.\$?([A-Z]{1,3})\$?([1-9][0-9]{0,6})"
_RANGE = re.compile(rf"{_ADDRESS}(?::{_ADDRESS})?")
_CELL = _TABLE + "table-cell"
_COVERED = _TABLE + "covered-table-cell"
_LEFT_OUT = frozenset(
    (_TEXT + "note", _TEXT + "ruby-text", _OFFICE + "annotation", _OFFICE + "annotation-end")
)
_WRAPPED = re.compile(r" *[\t\r\n][ \t\r\n]*")
"""White space of laid-out XML. The standard folds plain runs of blanks too, but LibreOffice writes them
as they are, and shows them."""


class OdsCell(NamedTuple):
    """A cell that holds something, or several alike side by side."""

    column: int
    repeat: int
    type: str
    """`string`, `float`, `percentage`, `currency`, `date`, `time`, `boolean`, `error`, or empty."""
    value: str | None
    """The value as stored."""
    text: str
    """As shown."""
    formula: bool
    saved: bool
    """Whether a value or a shown text is in the file; a formula may have neither."""
    style: str | None


class OdsRow(NamedTuple):
    """A row, or several alike below each other."""

    number: int
    repeat: int
    hidden: bool
    cells: tuple[OdsCell, ...]


class OdsSheet:
    """What is known of a sheet once it has been streamed."""

    def __init__(self, name: str, style: str | None) -> None:
        self.name = name
        self.style = style
        self.merges: list[CellRange] = []
        self.hidden_columns: set[int] = set()
        self.column_styles: dict[int, str] = {}
        self.conditions: list[CellRange] = []
        """Blocks of conditional formats that may show a value in another way, or hide it."""
        self.columns = 0
        self.rows = 0


def stream_rows(
    chunks: Iterable[bytes], name: str, styles: OdsStyles
) -> Iterator[tuple[OdsSheet, OdsRow | None]]:
    """Stream the rows of all sheets; each sheet begins with a None, and blank rows are left out.

    Args:
        chunks: the bytes of `content.xml`, or of `styles.xml`, which has styles alone.
        name: the part's name, for messages.
        styles: is filled in; styles come before the sheets.

    Raises:
        SourceError: `not-a-workbook` or `bomb`.
    """
    part = PartParser(name)
    parser = _Parser(part, styles)
    for chunk in chunks:
        part.feed(chunk)
        yield from parser.take()
    part.feed(b"", last=True)
    yield from parser.take()


class _Parser:
    """Turns expat's calls into rows."""

    def __init__(self, part: PartParser, styles: OdsStyles) -> None:
        self._styles = styles
        self._out: list[tuple[OdsSheet, OdsRow | None]] = []
        self._path: list[str] = []
        self._skip = 0
        self._ranges: list[CellRange] = []
        self._sheet: OdsSheet | None = None
        self._row: Mapping[str, str] = {}
        self._cells: list[OdsCell] = []
        self._column = 0
        self._cell: Mapping[str, str] | None = None
        self._paragraphs: list[list[str]] = []
        self._length = 0
        part.expat.StartElementHandler = self._start
        part.expat.EndElementHandler = self._end
        part.expat.CharacterDataHandler = self._characters

    def take(self) -> list[tuple[OdsSheet, OdsRow | None]]:
        out, self._out = self._out, []
        return out

    # ---- elements ----

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._skip:
            self._skip += 1
            if self._skip > DEEPEST:
                raise too_big("The .ods file nests its XML too deeply")
            return
        if len(self._path) > DEEPEST:
            raise too_big("The .ods file nests its XML too deeply")
        if self._cell is not None:
            taken = self._in_cell(name, attributes)
        elif self._sheet is not None:
            taken = self._in_sheet(self._sheet, name, attributes)
        else:
            taken = self._outside(name, attributes)
        if taken:
            self._path.append(name)
        else:
            self._skip = 1

    def _end(self, name: str) -> None:
        if self._skip:
            self._skip -= 1
            return
        self._path.pop()
        if name in (_CELL, _COVERED):
            self._end_cell(name)
        elif name == _TABLE + "table-row":
            self._end_row()
        elif name == _TABLE + "table":
            self._sheet = None

    def _outside(self, name: str, attributes: dict[str, str]) -> bool:
        """Take styles, and the tables right below the spreadsheet (links have some too)."""
        if name != _TABLE + "table":
            self._styles.start(name, attributes, self._path[-1] if self._path else "")
            return True
        if self._path[-1:] != [_OFFICE + "spreadsheet"]:
            return False
        self._sheet = OdsSheet(attributes.get(_TABLE + "name", ""), attributes.get(_TABLE + "style-name"))
        self._out.append((self._sheet, None))
        return True

    def _in_sheet(self, sheet: OdsSheet, name: str, attributes: dict[str, str]) -> bool:
        if name in (_CELL, _COVERED):
            self._cell = attributes
            self._paragraphs = []
            self._length = 0
        elif name == _TABLE + "table-row":
            self._row = attributes
            self._cells = []
            self._column = 0
        elif name == _TABLE + "table-column":
            self._add_columns(sheet, attributes)
        elif name == _CALCEXT + "conditional-format":
            self._ranges = _ranges(attributes.get(_CALCEXT + "target-range-address", ""))
        elif name in _CONDITIONS:
            self._add_condition(sheet, attributes)
        else:
            return name in _GROUPS
        return True

    def _add_condition(self, sheet: OdsSheet, attributes: dict[str, str]) -> None:
        style = attributes.get(_CALCEXT + "apply-style-name")
        hides = attributes.get(_CALCEXT + "show-value") == "false"
        if hides or (style is not None and self._styles.has_format(style)):
            sheet.conditions += self._ranges
            if len(sheet.conditions) > LIMITS.blocks:
                raise too_big(f"The sheet has more than {LIMITS.blocks:,} conditional formats")

    def _add_columns(self, sheet: OdsSheet, attributes: dict[str, str]) -> None:
        begin = sheet.columns
        sheet.columns += _count(attributes, "number-columns-repeated")
        columns = range(begin, min(sheet.columns, LAST_COLUMN))
        if attributes.get(_TABLE + "visibility", "visible") != "visible":
            sheet.hidden_columns.update(columns)
        style = attributes.get(_TABLE + "default-cell-style-name")
        if style is not None:
            sheet.column_styles.update(dict.fromkeys(columns, style))

    def _in_cell(self, name: str, attributes: dict[str, str]) -> bool:
        if self._path[-1] in (_CELL, _COVERED):
            if name != _TEXT + "p":
                return False
            self._paragraphs.append([])
            return True
        if name == _TEXT + "s":
            self._add(" " * min(_number(attributes.get(_TEXT + "c"), 1), LONGEST_TEXT))
        elif name == _TEXT + "tab":
            self._add("\t")
        elif name == _TEXT + "line-break":
            self._add("\n")
        return name.startswith(_TEXT) and name not in _LEFT_OUT

    def _characters(self, data: str) -> None:
        if self._skip or not self._paragraphs or self._cell is None or self._path[-1] in (_CELL, _COVERED):
            return
        if "\n" in data or "\t" in data or "\r" in data:
            data = _WRAPPED.sub(" ", data)
            data = data.removeprefix(" ") if not self._paragraphs[-1] else data
        if data:
            self._add(data)

    def _add(self, text: str) -> None:
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            raise too_big(f"A cell has more than {LONGEST_TEXT:,} characters")
        self._paragraphs[-1].append(text)

    # ---- cells and rows ----

    def _end_cell(self, name: str) -> None:
        attributes, self._cell = self._cell or {}, None
        repeat = _count(attributes, "number-columns-repeated")
        column = self._column
        self._column += repeat
        if name == _COVERED:
            # Covered by a merged cell: what it may still hold is not shown.
            return
        if _number(attributes.get(_TABLE + "number-columns-spanned"), 1) > 1 or (
            _number(attributes.get(_TABLE + "number-rows-spanned"), 1) > 1
        ):
            self._add_merge(attributes, column)
        kind = attributes.get(_OFFICE + "value-type", "")
        if attributes.get(_CALCEXT + "value-type") == "error":
            kind = "error"
        formula = _TABLE + "formula" in attributes
        text = "\n".join("".join(pieces) for pieces in self._paragraphs)
        if not kind and not text and not formula:
            return
        if self._column > LAST_COLUMN:
            raise too_big(f"A row has data beyond column {LAST_COLUMN:,}")
        value = next((attributes[_OFFICE + key] for key in _VALUES if _OFFICE + key in attributes), None)
        if kind == "string" and not self._paragraphs:
            text = value or ""
        row_style = self._row.get(_TABLE + "default-cell-style-name")
        style = attributes.get(_TABLE + "style-name", row_style)
        self._cells.append(
            OdsCell(column, repeat, kind, value, text, formula, bool(kind or self._paragraphs), style)
        )

    def _add_merge(self, attributes: Mapping[str, str], column: int) -> None:
        assert self._sheet is not None
        row = self._sheet.rows + 1
        width = _number(attributes.get(_TABLE + "number-columns-spanned"), 1)
        height = _number(attributes.get(_TABLE + "number-rows-spanned"), 1)
        self._sheet.merges.append(CellRange(row, column, row + height - 1, column + width - 1))

    def _end_row(self) -> None:
        assert self._sheet is not None
        repeat = _count(self._row, "number-rows-repeated")
        number = self._sheet.rows + 1
        self._sheet.rows += repeat
        if not self._cells:
            return
        if self._sheet.rows > LAST_ROW:
            raise too_big(f"The sheet has data beyond row {LAST_ROW:,}")
        hidden = self._row.get(_TABLE + "visibility", "visible") != "visible"
        self._out.append((self._sheet, OdsRow(number, repeat, hidden, tuple(self._cells))))


_VALUES = ("value", "date-value", "time-value", "boolean-value", "string-value")


def _count(attributes: Mapping[str, str], name: str) -> int:
    return _number(attributes.get(_TABLE + name), 1)


def _number(text: str | None, default: int) -> int:
    if text is None or not text.isdecimal():
        return default
    # Ten digits are far beyond any sheet already.
    return max(int(text[:10]), 1)


def _ranges(text: str) -> list[CellRange]:
    """Read the ranges of a sheet, such as `Orders.B2:Orders.B9 Orders.D2`."""
    found = []
    for first, top, last, bottom in _RANGE.findall(text):
        block = parse_range(f"{first}{top}:{last or first}{bottom or top}")
        if block is not None:
            found.append(block)
    return found
