"""Where a cell of a worksheet stands, as its XML writes it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ordersheet.core.model import column_letters

REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6})")
"""The letters and the row number of a cell's address."""


class Merge(NamedTuple):
    """A block of merged cells, rows as the person counts them, columns from 0, all inclusive."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int

    @property
    def address(self) -> str:
        """The block as spreadsheets write it, such as `B2:C5`."""
        begin = f"{column_letters(self.first_column)}{self.first_row}"
        return f"{begin}:{column_letters(self.last_column)}{self.last_row}"


class Shape(NamedTuple):
    """What many cells have in common."""

    column: int
    style: int
    type: str
    """The type as the file names it (`n`, `s`, `str`, `inlineStr`, `b`, `e`, `d`)."""
    formula: bool


def column_index(letters: str) -> int:
    """Give the index of a column's letters: 0 for A."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - 64
    return index - 1


def parse_range(reference: str) -> Merge | None:
    """Read a range such as `A1:B2`; None where it is none."""
    first, _, last = reference.partition(":")
    begin = REFERENCE.fullmatch(first)
    end = REFERENCE.fullmatch(last or first)
    if begin is None or end is None:
        return None
    rows = sorted((int(begin[2]), int(end[2])))
    columns = sorted((column_index(begin[1]), column_index(end[1])))
    return Merge(rows[0], columns[0], rows[1], columns[1])
