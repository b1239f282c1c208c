"""What a worksheet says, outside of its rows, about what a person sees.

Hidden columns, merged cells, and settings that show a value in another way than its cell's format does, or
not at all.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.ooxml.limits import LIMITS, Limits
from ordersheet.ooxml.references import MAX_COLUMN, CellRange, parse_area, parse_range
from ordersheet.ooxml.refusals import not_a_workbook, too_big

if TYPE_CHECKING:
    from collections.abc import Iterator

_ON = ("1", "true")
_OFF = ("0", "false")


class Condition(NamedTuple):
    """A conditional format that may show a value in another way than its cell's format does."""

    blocks: tuple[CellRange, ...]
    dxf: int | None
    """The number of its format among the workbook's differential ones."""
    code: str | None
    """The number format that stands in the rule itself."""
    hides: bool
    """Whether an icon or a bar takes the place of the value."""


class SheetDisplay:
    """Gathers it from the elements of the part.

    Args:
        name: the part's name, for messages.
        limits: how much it may hold.
        recalculates: whether the workbook asks to be computed anew when it is opened.

    Attributes:
        recalculates: as given.
        shows_formulas: whether a view of the sheet shows formulas rather than what they give.
        hides_zeros: whether a view of the sheet shows no zeros.
        arrays: blocks of cells that one formula fills.
        conditions: conditional formats that matter here.
    """

    def __init__(self, name: str, limits: Limits = LIMITS, *, recalculates: bool = False) -> None:
        self._limits = limits
        self.recalculates = recalculates
        self.hides_zeros = False
        self.shows_formulas = False
        self.arrays: list[CellRange] = []
        self.conditions: list[Condition] = []
        self._name = name
        self._spanned = 0
        self._hides_others = False
        self._hidden_columns: set[int] = set()
        self._seen_columns: set[int] = set()
        self._merges = array("I")
        self._rules: list[Condition] = []
        self._blocks: tuple[CellRange, ...] = ()
        self._reference: list[str] | None = None

    @property
    def hidden_columns(self) -> set[int]:
        """The hidden columns, 0 for A."""
        # A width of nothing for all columns is how a sheet hides those that it does not list.
        others = set(range(MAX_COLUMN)) - self._seen_columns if self._hides_others else set()
        return self._hidden_columns | others

    @property
    def merges(self) -> Iterator[CellRange]:
        """The merged blocks."""
        flat = iter(self._merges)
        return (CellRange(*block) for block in zip(flat, flat, flat, flat, strict=True))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the start tag of an element that stands in no row.

        Args:
            name: its name, with a prefix or namespace where it is not the spreadsheet's own.
            attributes: its attributes.
        """
        local = name.rpartition(" ")[2].rpartition(":")[2]
        if local == "col":
            self._column(attributes)
        elif local == "mergeCell":
            self._merge(attributes.get("ref", ""))
        elif local in ("sheetView", "sheetFormatPr"):
            self.hides_zeros |= attributes.get("showZeros") in _OFF
            self.shows_formulas |= attributes.get("showFormulas") in _ON
            self._hides_others |= is_zero(attributes.get("defaultColWidth", "1"))
        elif local == "conditionalFormatting":
            self._blocks = self._ranges(attributes.get("sqref", ""))
            self._rules = []
        elif local == "cfRule":
            dxf = attributes.get("dxfId", "")
            self._rules.append(
                Condition((), int(dxf) if dxf.isdecimal() and dxf.isascii() else None, None, hides=False)
            )
        elif local in ("iconSet", "dataBar") and self._rules:
            if attributes.get("showValue") in _OFF:
                self._rules[-1] = self._rules[-1]._replace(hides=True)
        elif local == "numFmt" and self._rules:
            self._rules[-1] = self._rules[-1]._replace(code=attributes.get("formatCode"))
        elif local == "sqref":
            self._reference = []

    def end(self, name: str) -> None:
        """Take the end tag of such an element."""
        local = name.rpartition(" ")[2].rpartition(":")[2]
        if local == "sqref" and self._reference is not None:
            self._blocks = self._ranges("".join(self._reference))
            self._reference = None
        elif local == "conditionalFormatting":
            self.conditions += [
                rule._replace(blocks=self._blocks)
                for rule in self._rules
                if self._blocks and (rule.hides or rule.dxf is not None or rule.code is not None)
            ]
            self._rules = []
            if len(self.conditions) > self._limits.blocks:
                raise too_big(
                    f"The part {self._name} has more than {self._limits.blocks:,} conditional formats"
                )

    def characters(self, data: str) -> None:
        """Take text that stands in no row."""
        if self._reference is not None:
            self._reference.append(data)

    def formula(self, attributes: dict[str, str]) -> None:
        """Take the attributes of a cell's formula: one may fill a block of cells."""
        if attributes.get("t") not in ("array", "dataTable"):
            return
        block = parse_range(attributes.get("ref", ""))
        if block is None or (block.first_row, block.first_column) == (block.last_row, block.last_column):
            return
        if len(self.arrays) >= self._limits.blocks:
            raise too_big(f"The part {self._name} has more than {self._limits.blocks:,} array formulas")
        self.arrays.append(block)

    def _ranges(self, text: str) -> tuple[CellRange, ...]:
        found = [parse_area(reference) for reference in text.split()]
        if len(found) > self._limits.blocks:
            raise too_big(f"The part {self._name} has more than {self._limits.blocks:,} conditional formats")
        return tuple(block for block in found if block is not None)

    def _column(self, attributes: dict[str, str]) -> None:
        width = attributes.get("width", "1")
        hidden = attributes.get("hidden") in _ON or is_zero(width)
        if not hidden and not self._hides_others:
            return
        try:
            first, last = int(attributes["min"]), int(attributes["max"])
        except (KeyError, ValueError):
            raise self._damaged("has columns without proper numbers") from None
        span = range(first - 1, min(last, MAX_COLUMN))
        self._spanned += len(span)
        if first < 1 or self._spanned > MAX_COLUMN:
            raise self._damaged("has columns twice")
        (self._hidden_columns if hidden else self._seen_columns).update(span)

    def _merge(self, reference: str) -> None:
        block = parse_range(reference)
        if block is None:
            raise self._damaged(f"has merged cells at {reference[:20]!r}")
        if len(self._merges) > 4 * self._limits.merges:
            raise too_big(f"The part {self._name} has more than {self._limits.merges:,} merged blocks")
        self._merges.extend(block)

    def _damaged(self, what: str) -> Exception:
        return not_a_workbook(f"The file is damaged: its part {self._name} {what}.")


def is_zero(text: str) -> bool:
    """Tell whether a text is the number 0."""
    try:
        return float(text) == 0
    except ValueError:
        return False
