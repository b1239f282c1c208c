"""What expat finds in a worksheet, put together to raw rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ordersheet.core.model import column_index, column_letters
from ordersheet.loader.xlsx.display import is_zero
from ordersheet.loader.xlsx.plain_rows import FIELD, RawRow
from ordersheet.ooxml.part import MAIN, MAX_DEPTH, SPACE, XML_BLANKS, main_name, refuse_depth
from ordersheet.ooxml.references import PICTURE, REFERENCE
from ordersheet.ooxml.refusals import not_a_workbook, too_big

if TYPE_CHECKING:
    from ordersheet.loader.xlsx.display import SheetDisplay
    from ordersheet.loader.xlsx.shapes import Shapes
    from ordersheet.ooxml.limits import Limits
    from ordersheet.ooxml.part import PartParser

_IN_DATA, _IN_ROW = 3, 4
"""How deep a row and a cell stand: in the worksheet's sheetData, and in a row of it."""
_HELD_BACK = 2**18
"""Bytes of a row that is not complete yet; beyond them it is left to expat."""
_ROW_DIGITS = 7
_DECLARATION = b"<?xml"
_COMMON = frozenset({"r", "s", "t", "spans", "ht", "hidden", "customHeight"})
"""Attributes of nearly all rows and cells; none of them binds a namespace."""
_SPACES = ("xml:space", SPACE)
"""The attribute that says whether blanks around a text count, as it may be named."""


@dataclass(slots=True)
class _CellSoFar:
    """A cell whose end tag has not come yet."""

    letters: str
    style: str | None
    kind: str | None
    formula: bool = False
    value: str | None = None
    """What its `v` holds."""
    inline: list[str] | None = None
    """What the `t` of its `is` hold."""


@dataclass(slots=True)
class _RowSoFar:
    """A row whose end tag has not come yet."""

    hidden: bool
    shapes: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    size: int = 0
    last: str = ""
    """The letters of the last cell."""


class SheetEvents:
    """What expat finds, put together to rows.

    Attributes:
        number: the last row's number.
        irregular: whether a comment, CDATA section or instruction stands among the rows, or was cut in two,
            so that tags cannot be told from text by their looks.
    """

    def __init__(
        self,
        parser: PartParser,
        prefix: str | None,
        shapes: Shapes,
        display: SheetDisplay,
        limits: Limits,
    ) -> None:
        self.number = 0
        self._number_text = "0"
        self.irregular = False
        self._shapes = shapes
        self._display = display
        self._limits = limits
        self._name = parser.name
        self._expat = parser.expat
        self._prefix = prefix
        self._rows: list[RawRow] = []
        self._path: list[str] = []
        self._row: _RowSoFar | None = None
        self._cell: _CellSoFar | None = None
        self._text: list[str] | None = None
        self._size = 0
        self._keeps_blanks = False
        self._phonetic = 0
        name = (prefix or "").encode()
        self._sheet_data = b"<" + name + b"sheetData"
        self._locals: dict[str, str] = {}
        self._row_end = re.compile(b"</" + name + rb"row\s*>|" + self._sheet_data + b"[^<>]*>")
        self.resume(0)

    # ---- turns with the rows that are read by pattern ----

    @property
    def between_rows(self) -> bool:
        """Whether expat stands in sheetData, and in no row of it."""
        return self._path == ["worksheet", "sheetData"]

    def pause(self) -> None:
        """Let expat check what it is fed, and tell nothing."""
        self._expat.StartElementHandler = self._expat.EndElementHandler = None
        self._expat.CharacterDataHandler = None

    def resume(self, number: int) -> None:
        """Be told again; the last row had this number."""
        self.number = number
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters

    def next_end(self, buffer: bytes, at: int) -> int:
        """Find how far expat is to be fed before rows are tried again; `at` where more must come first.

        What is fed ends with a tag, so that no comment is cut where it begins.
        """
        match = self._row_end.search(buffer, at)
        if match is not None:
            end = match.end()
        elif self.between_rows and len(buffer) - at < _HELD_BACK:
            return at
        else:
            end = buffer.rfind(b">", at) + 1
            self.irregular = end <= at and len(buffer) - at > _HELD_BACK
        if match is None or not match[0].startswith(self._sheet_data):
            self.look_over(buffer, at, end)
        return end

    def look_over(self, buffer: bytes, at: int, end: int) -> None:
        """Note whether what is fed next holds, or begins, anything but elements and text."""
        begin = max(at, len(_DECLARATION) if buffer.startswith(_DECLARATION) else 0)
        self.irregular |= buffer.find(b"<!", begin, end) >= 0 or buffer.find(b"<?", begin, end) >= 0

    def take(self) -> list[RawRow]:
        """Give the rows that are complete."""
        rows, self._rows = self._rows, []
        return rows

    # ---- elements ----

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = self._locals.get(name)
        if local is None:
            local = self._locals[name] = self._local(name)
        self._path.append(local)
        if len(self._path) > MAX_DEPTH:
            refuse_depth(len(self._path), self._name)
        if len(self._path) == 1 and local != "worksheet":
            raise not_a_workbook(f"The part {self._name} is no worksheet.")
        if not attributes.keys() <= _COMMON:
            self._refuse_redeclared(attributes)
        if local == "c":
            self._refuse_elsewhere(_IN_ROW)
            self._start_cell(attributes)
        elif local == "row":
            self._refuse_elsewhere(_IN_DATA)
            self._start_row(attributes)
        elif self._cell is not None:
            self._start_in_cell(self._cell, local, attributes)
        elif self._row is None:
            self._display.start(local or name, attributes)

    def _end(self, name: str) -> None:
        local = self._path.pop()
        if self._cell is not None:
            self._end_in_cell(self._cell, local)
        elif local == "row":
            self._end_row()
        elif self._row is None:
            self._display.end(local or name)

    def _characters(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)
            self._size += len(data)
            if self._size > self._limits.cell_text:
                raise too_big(
                    f"The part {self._name} has a cell of more than {self._limits.cell_text:,} characters"
                )
        elif self._row is None:
            self._display.characters(data)

    def _local(self, name: str) -> str:
        """Give an element's name without prefix or namespace; `""` where it is none of a spreadsheet's."""
        if self._prefix is None:
            return main_name(name)
        local = name[len(self._prefix) :] if name.startswith(self._prefix) else ""
        return "" if ":" in local else local

    def _refuse_redeclared(self, attributes: dict[str, str]) -> None:
        """Refuse a part that binds its prefix anew below the root, where names are taken as they stand."""
        if self._prefix is None or len(self._path) == 1:
            return
        own = f"xmlns:{self._prefix[:-1]}" if self._prefix else "xmlns"
        for key, space in attributes.items():
            if key.startswith("xmlns") and (key == own) != (space in MAIN):
                raise self._shapes.damaged("changes its namespaces halfway")

    def _refuse_elsewhere(self, depth: int) -> None:
        """Refuse rows and cells between two choices, of which a program shows one: which, is not known."""
        if len(self._path) != depth:
            raise self._shapes.damaged("has rows or cells where none belong")

    # ---- rows ----

    def _start_row(self, attributes: dict[str, str]) -> None:
        self._end_row()
        self.number = self._row_number(attributes.get("r"))
        self._number_text = str(self.number)
        self._row = _RowSoFar(is_hidden_row(attributes))

    def _row_number(self, reference: str | None) -> int:
        if reference is None:
            number = self.number + 1
        elif reference.isascii() and reference.isdigit() and len(reference) <= _ROW_DIGITS:
            number = int(reference)
        else:
            raise self._shapes.damaged("has a row without a proper number")
        if number <= self.number:
            raise self._shapes.damaged(f"has row {number} twice or out of order")
        if number > self._limits.rows:
            raise too_big(f"The part {self._name} has more than {self._limits.rows:,} rows")
        return number

    def _end_row(self) -> None:
        row, self._row = self._row, None
        if row is None or not row.shapes:
            return
        columns = [self._shapes.all[int(shape)].column for shape in row.shapes]
        if len(set(columns)) < len(columns):
            raise self._shapes.damaged(f"has two cells of one column in row {self.number}")
        self._rows.append(RawRow(self.number, row.hidden, " ".join(row.shapes), FIELD.join(row.values)))

    # ---- cells ----

    def _start_cell(self, attributes: dict[str, str]) -> None:
        if self._row is None:
            raise self._shapes.damaged("has a cell outside of any row")
        letters = self._letters(self._row, attributes.get("r"))
        self._row.last = letters
        kind = attributes.get("t")
        if kind == "e" and "vm" in attributes:
            kind = PICTURE
        self._cell = _CellSoFar(letters, attributes.get("s"), kind)
        self._size = 0

    def _letters(self, row: _RowSoFar, reference: str | None) -> str:
        if reference is None:
            return column_letters(column_index(row.last) + 1 if row.last else 0)
        if (
            reference.endswith(self._number_text)
            and (letters := reference[: -len(self._number_text)]).isupper()
        ):
            return letters  # whether these are letters of a column, their shape tells
        match = REFERENCE.fullmatch(reference)
        if match is None or int(match[2]) != self.number:
            raise self._shapes.damaged(f"has a cell {reference!r} in row {self.number}")
        return match[1].upper()

    def _start_in_cell(self, cell: _CellSoFar, local: str, attributes: dict[str, str]) -> None:
        if local == "v":
            self._text = []
        elif local == "f":
            cell.formula = True
            self._display.formula(attributes)
        elif local == "is":
            cell.inline = [] if cell.inline is None else cell.inline
        elif local == "t" and cell.inline is not None and not self._phonetic:
            self._text = []
            self._keeps_blanks = any(attributes.get(name) == "preserve" for name in _SPACES)
        elif local == "rPh":
            self._phonetic += 1

    def _end_in_cell(self, cell: _CellSoFar, local: str) -> None:
        if local == "c":
            self._end_cell(cell)
        elif local == "rPh":
            self._phonetic -= 1
        elif local in ("v", "t") and self._text is not None:
            text, self._text = "".join(self._text), None
            if local == "t" and cell.inline is not None:
                cell.inline.append(text if self._keeps_blanks else text.strip(XML_BLANKS))
            elif cell.value is not None and text:
                raise self._shapes.damaged(f"has a cell with two values in row {self.number}")
            else:
                cell.value = text

    def _end_cell(self, cell: _CellSoFar) -> None:
        self._cell = None
        row = self._row
        assert row is not None
        inline = "".join(cell.inline or ())
        if inline and cell.value:
            raise self._shapes.damaged(f"has a cell with two values in row {self.number}")
        text = inline or cell.value or ""
        empty = cell.kind == "str" and cell.value is not None
        # An empty text is a formula's result; no value at all, or an empty number, was never computed.
        uncomputed = cell.formula and not empty
        # Where all is computed anew, a formula's empty text may be stale like any other value.
        kept = self._display.arrays or (cell.formula and self._display.recalculates)
        if not text and not uncomputed and not (empty and kept):
            return
        kind = cell.kind
        if inline and kind != "inlineStr":
            kind = f"{kind or 'n'} with a text"  # programs differ on whether they show it
        shape = self._shapes.number(cell.letters, cell.style, kind, formula=cell.formula)
        if self._shapes.is_blank(shape, text):
            return
        row.shapes.append(shape)
        row.values.append(text)
        row.size += len(text)
        if row.size > self._limits.row_text:
            raise too_big(
                f"The part {self._name} has a row of more than {self._limits.row_text:,} characters"
            )


def is_hidden_row(attributes: dict[str, str]) -> bool:
    """Tell whether a row is hidden by hand, by a filter, in a closed group, or by a height of nothing."""
    if attributes.get("hidden") in ("1", "true"):
        return True
    height = attributes.get("ht")
    return height is not None and is_zero(height)
