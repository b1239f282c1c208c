"""What a sheet's settings do to cells that their own format shows otherwise: such a cell is refused.

Whether a conditional format holds for a cell is not computed. A cell is refused where one that may hold
would show another text, or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.model import Cell, CellKind
from ordersheet.loader.cells import (
    HIDDEN_BY_CONDITION,
    HIDDEN_ZERO,
    SeenValue,
    among_formulas,
    as_id,
    plain_value,
    shown_by_condition,
)
from ordersheet.loader.numberformat.render import compile_format

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ordersheet.loader.numberformat.render import NumberFormat
    from ordersheet.loader.xlsx.display import SheetDisplay
    from ordersheet.loader.xlsx.readers import Reader
    from ordersheet.loader.xlsx.styles import Styles
    from ordersheet.ooxml.references import CellRange, Shape

_UNTOUCHED = (CellKind.BLANK, CellKind.ERROR)


class SheetSettings:
    """Puts a sheet's settings upon the readers of its cells.

    Args:
        display: what the sheet says.
        styles: the workbook's styles.
        id_column: the column of the order IDs, which are read by their value.
    """

    def __init__(self, display: SheetDisplay, styles: Styles, id_column: int) -> None:
        self._display = display
        self._id_column = id_column
        self._conditions: list[tuple[CellRange, NumberFormat | None]] = []
        for condition in display.conditions:
            code = condition.code
            if code is None and condition.dxf is not None:
                code = styles.dxf_code(condition.dxf)
            if code is not None:
                shown_as = compile_format(code, date1904=styles.date1904)
                self._conditions += [(block, shown_as) for block in condition.blocks]
            if condition.hides:
                self._conditions += [(block, None) for block in condition.blocks]

    def upon(self, read: Reader, shape: Shape) -> Reader:
        """Give the reader of one shape's cells under the sheet's settings."""
        if self._display.shows_formulas:
            read = _among_formulas(read, formula=shape.formula)
        if shape.column == self._id_column:
            read = _by_value(read)
        if self._display.hides_zeros:
            read = _without_zeros(read)
        conditions = [
            (block, shown_as)
            for block, shown_as in self._conditions
            if block.first_column <= shape.column <= block.last_column
        ]
        return _under_conditions(read, conditions) if conditions else read


def _by_value(read: Reader) -> Reader:
    def read_id(raw: str, row: int) -> Cell | None:
        cell = read(raw, row)
        return cell if cell is None or cell.problem is None else as_id(cell)

    return read_id


def _among_formulas(read: Reader, *, formula: bool) -> Reader:
    def read_plainly(raw: str, row: int) -> Cell | None:
        cell = read(raw, row)
        if cell is None:
            return None
        seen = SeenValue(cell.shown, cell.value, cell.kind, cell.problem)
        return among_formulas(seen, formula=formula).at(cell.column, cell.row)

    return read_plainly


def _without_zeros(read: Reader) -> Reader:
    def read_seen(raw: str, row: int) -> Cell | None:
        cell = read(raw, row)
        if cell is None or cell.problem is not None or cell.kind is not CellKind.NUMBER or cell.value != 0:
            return cell
        return cell._replace(problem=HIDDEN_ZERO)

    return read_seen


def _under_conditions(read: Reader, conditions: list[tuple[CellRange, NumberFormat | None]]) -> Reader:
    def read_conditional(raw: str, row: int) -> Cell | None:
        cell = read(raw, row)
        if cell is None or cell.problem is not None or cell.kind in _UNTOUCHED:
            return cell
        touching = [shown_as for block, shown_as in conditions if block.first_row <= row <= block.last_row]
        problem = _problem(cell, raw, touching)
        return cell if problem is None else cell._replace(problem=problem)

    return read_conditional


def _problem(cell: Cell, raw: str, formats: Iterable[NumberFormat | None]) -> str | None:
    for shown_as in formats:
        if cell.kind in (CellKind.TEXT, CellKind.BOOLEAN):
            other = cell.shown if shown_as is None else shown_as.text(cell.shown)[0]
            hidden = shown_as is not None and shown_as.text(cell.shown)[1] is not None
        elif shown_as is None:
            return HIDDEN_BY_CONDITION
        else:
            try:
                rendered = shown_as.render(plain_value(float(raw)))
            except ValueError:
                return HIDDEN_BY_CONDITION  # an ISO date, which a rule would show in another way
            other, hidden = rendered.text, rendered.problem is not None
        if hidden or other != cell.shown:
            return HIDDEN_BY_CONDITION if hidden else shown_by_condition(other)
    return None
