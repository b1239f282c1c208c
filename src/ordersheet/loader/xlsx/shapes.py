"""What the cells of a worksheet have in common: column, style, type, and whether there is a formula."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ordersheet.core.model import column_index
from ordersheet.ooxml.references import MAX_COLUMN, Shape
from ordersheet.ooxml.refusals import not_a_workbook, too_big

if TYPE_CHECKING:
    from ordersheet.loader.xlsx.plain_rows import CellTag
    from ordersheet.ooxml.limits import Limits

_STYLE_DIGITS = 7
_LETTERS = re.compile(r"[A-Za-z]{1,3}")
ATTRIBUTES = re.compile(r'([A-Za-z0-9:]+)="([^"]*)"')
"""The attributes of a tag of the usual make."""


class Shapes:
    """The shapes of one worksheet's cells, numbered as they come.

    Args:
        name: the part's name, for messages.
        blank: numbers of empty shared strings, as the file writes them.
        limits: how many there may be.

    Attributes:
        all: every shape met so far; a row names them by their place here.
    """

    def __init__(self, name: str, blank: set[str], limits: Limits) -> None:
        self.all: list[Shape] = []
        self._name = name
        self._blank = blank
        self._limits = limits
        self._numbers: dict[Shape, str] = {}
        self._known: dict[tuple[str, str | None, str | None, bool], str] = {}
        self._shared: set[str] = set()

    def number(self, letters: str, style: str | None, kind: str | None, *, formula: bool = False) -> str:
        """Give the number of what a cell is.

        Raises:
            SourceError: where its column or style is none.
        """
        found = self._known.get((letters, style, kind, formula))
        if found is None:
            found = self._known[letters, style, kind, formula] = self._new(
                letters, style, kind, formula=formula
            )
        return found

    def _new(self, letters: str, style: str | None, kind: str | None, *, formula: bool) -> str:
        column = column_index(letters) if _LETTERS.fullmatch(letters) else -1
        if not 0 <= column < MAX_COLUMN:
            raise self.damaged(f"has a cell in a column {letters!r}")
        shape = Shape(column, self._style(style), kind or "n", formula)
        number = self._numbers.get(shape)
        if number is None:
            if len(self.all) >= self._limits.shapes:
                raise too_big(
                    f"The part {self._name} has more than {len(self.all):,} combinations of column and style"
                )
            number = self._numbers[shape] = str(len(self.all))
            self.all.append(shape)
            if shape.type == "s":
                self._shared.add(number)
        return number

    def numbers(self, tags: list[CellTag]) -> tuple[str, ...] | None:
        """Give the numbers of a row's shapes; None where two cells are in one column."""
        if len({tag.letters for tag in tags}) < len(tags):
            return None
        found = []
        for tag in tags:
            attributes = dict(ATTRIBUTES.findall(tag.attributes))
            found.append(
                self.number(tag.letters, attributes.get("s"), attributes.get("t"), formula=tag.formula)
            )
        return tuple(found)

    def is_blank(self, shape: str, value: str) -> bool:
        """Tell whether a cell shows an empty shared string."""
        return value in self._blank and shape in self._shared

    def _style(self, style: str | None) -> int:
        if style is None:
            return 0
        if not (style.isascii() and style.isdigit() and len(style) <= _STYLE_DIGITS):
            raise self.damaged(f"has a cell with the style {style[:20]!r}")
        return int(style)

    def damaged(self, what: str) -> Exception:
        """Say what is wrong with the part."""
        return not_a_workbook(f"The file is damaged: its part {self._name} {what}.")
