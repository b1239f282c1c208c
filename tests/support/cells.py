"""Short ways to make headers, cells and rows in tests."""

from __future__ import annotations

from ordersheet.core.model import Cell, CellKind, Header, Row


def headers(*texts: str) -> list[Header]:
    """Make a header row that begins in column A."""
    return [Header(column, text) for column, text in enumerate(texts)]


def text_cell(shown: str, column: int = 0, row: int = 2, problem: str | None = None) -> Cell:
    """Make a text cell."""
    return Cell(shown, shown, CellKind.TEXT, column, row, problem)


def number_cell(
    value: float, shown: str | None = None, column: int = 0, row: int = 2, problem: str | None = None
) -> Cell:
    """Make a number's cell, shown as General shows it where nothing is said."""
    return Cell(f"{value:g}" if shown is None else shown, value, CellKind.NUMBER, column, row, problem)


def row_of(*cells: str | Cell | None, number: int = 2, problem: str | None = None) -> Row:
    """Make a row of texts or cells, column by column; None for a blank cell."""
    placed: dict[int, Cell] = {}
    for column, cell in enumerate(cells):
        if isinstance(cell, Cell):
            placed[column] = cell._replace(column=column, row=number)
        elif cell is not None:
            placed[column] = text_cell(cell, column, number)
    return Row(number, placed, problem=problem)
