"""A worksheet's XML -> raw rows, in one pass through expat.

What costs time is done once for each shape (a column, a style, a type, and whether there is a formula)
and not for each cell. Most cells need no more than their start tag and their text, so Python is called
at end tags only inside cells with formulas or inline text; elsewhere end tags are merely counted.
"""

from __future__ import annotations

import re
from array import array
from itertools import chain
from typing import TYPE_CHECKING

from ordersheet.core.model import column_letters
from ordersheet.ooxml.part import MAIN, PartParser, main_name, plain_prefix, refuse_depth
from ordersheet.ooxml.references import REFERENCE, Merge, Shape, column_index, parse_range
from ordersheet.ooxml.refusals import not_a_workbook, too_big

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_ROW = 1_048_576
MAX_COLUMN = 16_384
MAX_SHAPES = 100_000
MAX_MERGES = 200_000
MAX_PATTERNS = 500
"""Sequences of shapes in a row that are remembered as being in order."""
MAX_TEXT = 2**20
"""Characters of one cell."""
MAX_ROW_TEXT = 64 * 2**20
"""Characters of one row."""

_NAMES = ("c", "v", "row", "f", "is", "t")
_LETTERS = re.compile(r"[A-Za-z]{1,3}")
_INLINE = frozenset({"str", "inlineStr", "d"})
"""Types whose text counts to the last blank, so that its end must be known."""


class SheetParser:
    """Parses one worksheet part.

    Args:
        name: the part's name, for messages.
        blank: numbers of empty shared strings, as the file writes them.

    Attributes:
        shapes: every shape met so far; a row names them by their place here.
        hidden_columns: the hidden columns, 0 for A.
    """

    def __init__(self, name: str, blank: set[str]) -> None:
        self.shapes: list[Shape] = []
        self.hidden_columns: set[int] = set()
        self._spanned = 0
        self._name = name
        self._blank = blank
        self._known: dict[tuple[str, str | None, str | None], tuple[str, bool]] = {}
        self._numbers: dict[Shape, str] = {}
        self._merges = array("I")
        self._rows: list[list[str]] = []
        self._shared: set[str] = set()
        self._prefix: str | None = None

    @property
    def merges(self) -> Iterator[Merge]:
        """The merged blocks; complete when all rows were read."""
        flat = iter(self._merges)
        return (Merge(*block) for block in zip(flat, flat, flat, flat, strict=True))

    def parse(self, chunks: Iterable[bytes]) -> Iterator[list[list[str]]]:
        """Parse the part; gives the filled rows in portions, each as the fields that `row_store` describes.

        Raises:
            SourceError: where it is damaged or beyond the limits.
        """
        parts = iter(chunks)
        first = next(parts, b"")
        self._prefix = plain_prefix(first)
        parser = PartParser(self._name, namespaces=self._prefix is None)
        finish, depth = self._install(parser)
        for chunk in chain((first,), parts):
            parser.feed(chunk)
            refuse_depth(depth(), self._name)
            if self._rows:
                yield self._rows.copy()
                self._rows.clear()
        parser.feed(b"", last=True)
        finish()
        yield self._rows

    def _install(self, parser: PartParser) -> tuple[Callable[[], None], Callable[[], int]]:  # noqa: C901, PLR0915 - one state machine, flat for speed
        """Set the handlers; gives what finishes the last row, and what tells the depth."""
        expat = parser.expat
        known, rows, blank = self._known, self._rows, self._blank
        ended: list[str] = []
        starts = ends = 0
        cell = value = row = inline = text = formula = ""
        number = 0
        number_text = ""
        width = 0
        shape = ""
        style: str | None = None
        kind: str | None = None
        letters = ""
        # What the next text is: 0 nothing; 1 a value's begin, and 2 its rest; 3 and 4 the same where
        # blanks count; 6 inline text.
        mode = 0
        exact = has_formula = valued = False
        phonetic = 0
        parts: list[str] = []
        patterns: set[tuple[str, ...]] = set()
        fields: list[str] = []
        add = fields.append

        def begin(name: str, _attributes: dict[str, str]) -> None:
            nonlocal starts, cell, value, row, inline, text, formula
            starts += 1
            if self._local(name) != "worksheet":
                raise not_a_workbook(f"The part {self._name} is no worksheet.")
            space = name[: -len("worksheet")]
            # Expat gives the one object it has for a name, so that comparing is comparing addresses.
            names = [expat.intern.setdefault(space + local, space + local) for local in _NAMES]
            cell, value, row, formula, inline, text = names
            expat.StartElementHandler = start

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal starts, mode, shape, letters, style, kind, valued
            nonlocal number, number_text, width, fields, add
            starts += 1
            if name == cell:
                reference = attributes.get("r")
                style = attributes.get("s")
                kind = attributes.get("t")
                if reference is not None and reference[-width:] == number_text:
                    letters = reference[:-width]
                else:
                    letters = self._letters(reference, number, shape)
                found = known.get((letters, style, kind))
                if found is None:
                    found = self._register(letters, style, kind)
                shape, is_inline = found
                mode = 0
                if is_inline:
                    exactly()
            elif name == value:
                if exact:
                    valued = True
                    mode = 3
                else:
                    mode = 1
            elif name == row:
                end_row()
                self._refuse_redeclared(attributes)
                number = self._number(attributes.get("r"), number)
                number_text = str(number)
                width = len(number_text)
                shape = ""
                mode = 0
                fields = [f"{number_text}h" if _is_hidden(attributes) else number_text]
                add = fields.append
            else:
                mode = 0
                other(name, attributes)

        def end_row() -> None:
            filled = self._filled(fields) if blank else fields
            if len(filled) > 1:
                places = tuple(filled[1::2])
                if places not in patterns:
                    self._refuse_twice(places, number)
                    if len(patterns) > MAX_PATTERNS:
                        patterns.clear()
                    patterns.add(places)
                rows.append(filled)

        def other(name: str, attributes: dict[str, str]) -> None:
            nonlocal mode, has_formula, shape, phonetic
            self._refuse_redeclared(attributes)
            if name == formula and number:
                exactly()
                has_formula = True
                shape = self._formula_shape(letters, style, kind)
            elif name == inline and number:
                if kind != "inlineStr":
                    shape, _ = self._register(letters, style, "inlineStr")
                exactly()
            elif name == text:
                mode = 6 if exact and not phonetic else 0
            else:
                local = self._local(name)
                if local == "rPh":
                    phonetic += exact
                elif local == "col":
                    self._column(attributes)
                elif local == "mergeCell":
                    self._merge(attributes.get("ref", ""))

        def exactly() -> None:
            nonlocal exact, valued
            exact = True
            valued = False
            expat.EndElementHandler = end

        def end(name: str) -> None:
            nonlocal ends, mode, exact, has_formula, phonetic
            ends += 1
            mode = 0
            if name == cell:
                joined = "".join(parts)
                parts.clear()
                if joined:
                    add(shape)
                    add(joined)
                elif has_formula and not (valued and kind == "str") and fields[-2:-1] != [shape]:
                    # An empty text is a result; no value at all, or an empty number, was never computed.
                    add(shape)
                    add("")
                exact = has_formula = False
                phonetic = 0
                expat.EndElementHandler = ended.append
            elif self._local(name) == "rPh":
                phonetic -= 1

        def characters(data: str) -> None:
            nonlocal mode
            if mode & 1:
                add(shape)
                add(data)
                mode += 1
            elif mode == 6:  # noqa: PLR2004 - named above
                parts.append(data)
            elif mode == 4 or (mode == 2 and not data.isspace()):  # noqa: PLR2004 - named above
                fields[-1] += data
                if len(fields[-1]) > MAX_TEXT:
                    raise too_big(f"The part {self._name} has a cell of more than {MAX_TEXT:,} characters")

        def depth() -> int:
            nonlocal ends
            ends += len(ended)
            ended.clear()
            if sum(map(len, fields)) + sum(map(len, parts)) > MAX_ROW_TEXT:
                raise too_big(f"The part {self._name} has a row of more than {MAX_ROW_TEXT:,} characters")
            return starts - ends

        expat.StartElementHandler = begin
        expat.EndElementHandler = ended.append
        expat.CharacterDataHandler = characters
        return end_row, depth

    def _local(self, name: str) -> str:
        """Give an element's name without prefix or namespace; `""` where it is none of a spreadsheet's."""
        if self._prefix is None:
            return main_name(name)
        local = name[len(self._prefix) :] if name.startswith(self._prefix) else ""
        return "" if ":" in local else local

    def _refuse_redeclared(self, attributes: dict[str, str]) -> None:
        """Refuse a part that binds its prefix anew below the root, where names are taken as they stand."""
        if self._prefix is None:
            return
        own = f"xmlns:{self._prefix[:-1]}" if self._prefix else "xmlns"
        for key, space in attributes.items():
            if key.startswith("xmlns") and (key == own) != (space in MAIN):
                raise self._damaged("changes its namespaces halfway")

    def _filled(self, fields: list[str]) -> list[str]:
        """Leave out the cells of empty shared strings."""
        kept = fields[:1]
        pairs = iter(fields[1:])
        for shape, raw in zip(pairs, pairs, strict=True):
            if raw not in self._blank or shape not in self._shared:
                kept += (shape, raw)
        return kept

    def _number(self, reference: str | None, before: int) -> int:
        if reference is None:
            number = before + 1
        elif reference.isascii() and reference.isdigit() and len(reference) < 8:  # noqa: PLR2004 - MAX_ROW's digits
            number = int(reference)
        else:
            raise self._damaged("has a row without a proper number")
        if number <= before:
            raise self._damaged(f"has row {number} twice or out of order")
        if number > MAX_ROW:
            raise too_big(f"The part {self._name} has more than {MAX_ROW:,} rows")
        return number

    def _letters(self, reference: str | None, number: int, before: str) -> str:
        """Give the letters of a cell whose reference is missing or unusual, from the shape before it."""
        if not number:
            raise self._damaged("has a cell outside of any row")
        if reference is None:
            return column_letters(self.shapes[int(before)].column + 1 if before else 0)
        match = REFERENCE.fullmatch(reference)
        if match is None or int(match[2]) != number:
            raise self._damaged(f"has a cell {reference!r} in row {number}")
        return match[1].upper()

    def _register(self, letters: str, style: str | None, kind: str | None) -> tuple[str, bool]:
        column = column_index(letters) if _LETTERS.fullmatch(letters) else -1
        if not 0 <= column < MAX_COLUMN:
            raise self._damaged(f"has a cell in a column {letters!r}")
        shape = self._shape(Shape(column, self._style(style), kind or "n", formula=False))
        found = shape, kind in _INLINE
        self._known[letters, style, kind] = found
        return found

    def _formula_shape(self, letters: str, style: str | None, kind: str | None) -> str:
        return self._shape(Shape(column_index(letters), self._style(style), kind or "n", formula=True))

    def _style(self, style: str | None) -> int:
        if style is None:
            return 0
        if not (style.isascii() and style.isdigit() and len(style) < 8):  # noqa: PLR2004 - more is no style
            raise self._damaged(f"has a cell with the style {style[:20]!r}")
        return int(style)

    def _shape(self, shape: Shape) -> str:
        number = self._numbers.get(shape)
        if number is None:
            if len(self.shapes) >= MAX_SHAPES:
                raise too_big(
                    f"The part {self._name} has more than {MAX_SHAPES:,} combinations of column and style"
                )
            number = self._numbers[shape] = str(len(self.shapes))
            self.shapes.append(shape)
            if shape.type == "s":
                self._shared.add(number)
        return number

    def _refuse_twice(self, places: tuple[str, ...], number: int) -> None:
        """Refuse two filled cells at one place; cells that are merely out of order are read."""
        columns = [self.shapes[int(shape)].column for shape in places]
        if len(set(columns)) < len(columns):
            raise self._damaged(f"has two cells of one column in row {number}")

    def _column(self, attributes: dict[str, str]) -> None:
        width = attributes.get("width", "1")
        if attributes.get("hidden") not in ("1", "true") and not _is_zero(width):
            return
        try:
            first, last = int(attributes["min"]), int(attributes["max"])
        except (KeyError, ValueError):
            raise self._damaged("has columns without proper numbers") from None
        span = range(first - 1, min(last, MAX_COLUMN))
        self._spanned += len(span)
        if first < 1 or self._spanned > MAX_COLUMN:
            raise self._damaged("has columns twice")
        self.hidden_columns.update(span)

    def _merge(self, reference: str) -> None:
        block = parse_range(reference)
        if block is None:
            raise self._damaged(f"has merged cells at {reference[:20]!r}")
        if len(self._merges) > 4 * MAX_MERGES:
            raise too_big(f"The part {self._name} has more than {MAX_MERGES:,} merged blocks")
        self._merges.extend(block)

    def _damaged(self, what: str) -> Exception:
        return not_a_workbook(f"The file is damaged: its part {self._name} {what}.")


def _is_hidden(attributes: dict[str, str]) -> bool:
    """Tell whether a row is hidden by hand, by a filter, in a closed group, or by a height of nothing."""
    if attributes.get("hidden") in ("1", "true"):
        return True
    height = attributes.get("ht")
    return height is not None and _is_zero(height)


def _is_zero(text: str) -> bool:
    try:
        return float(text) == 0
    except ValueError:
        return False
