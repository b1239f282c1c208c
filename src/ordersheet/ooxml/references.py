"""Where a cell of a worksheet stands, as its XML writes it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ordersheet.core.model import column_index, column_letters

MAX_ROW = 1_048_576
MAX_COLUMN = 16_384
PICTURE = "picture"
"""The type given to an error cell that stands for a picture, or another value of a newer kind."""

REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6})")
"""The letters and the row number of a cell's address."""
_COLUMN = re.compile(r"\$?([A-Za-z]{1,3})")
_ROW = re.compile(r"\$?([1-9][0-9]{0,6})")


class CellRange(NamedTuple):
    """A block of cells, rows as the person counts them, columns from 0, all inclusive."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int

    @property
    def address(self) -> str:
        """The block as spreadsheets write it, such as `B2:C5`."""
        begin = f"{column_letters(self.first_column)}{self.first_row}"
        return f"{begin}:{column_letters(self.last_column)}{self.last_row}"

    def holds(self, row: int, column: int) -> bool:
        """Tell whether a cell is one of the block's."""
        return self.first_row <= row <= self.last_row and self.first_column <= column <= self.last_column


class Shape(NamedTuple):
    """What many cells have in common."""

    column: int
    style: int
    type: str
    """The type as the file names it (`n`, `s`, `str`, `inlineStr`, `b`, `e`, `d`), or PICTURE."""
    formula: bool


def parse_range(reference: str) -> CellRange | None:
    """Read a range such as `A1:B2`, or one cell such as `A1`; None where it is none."""
    first, _, last = reference.partition(":")
    begin = REFERENCE.fullmatch(first)
    end = REFERENCE.fullmatch(last or first)
    if begin is None or end is None:
        return None
    rows = sorted((int(begin[2]), int(end[2])))
    columns = sorted((column_index(begin[1]), column_index(end[1])))
    return CellRange(rows[0], columns[0], rows[1], columns[1])


def parse_area(reference: str) -> CellRange | None:
    """Read a range as `parse_range` does, or one of whole columns (`A:C`) or whole rows (`2:9`)."""
    first, _, last = reference.partition(":")
    columns = _COLUMN.fullmatch(first), _COLUMN.fullmatch(last)
    if columns[0] is not None and columns[1] is not None:
        low, high = sorted((column_index(columns[0][1]), column_index(columns[1][1])))
        return CellRange(1, low, MAX_ROW, high)
    rows = _ROW.fullmatch(first), _ROW.fullmatch(last)
    if rows[0] is not None and rows[1] is not None:
        low, high = sorted((int(rows[0][1]), int(rows[1][1])))
        return CellRange(low, 0, high, MAX_COLUMN - 1)
    return parse_range(reference)
