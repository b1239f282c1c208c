"""Which rows of a sheet are totals: the last rows of a table that says so, and no orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.loader.table import one_line
from ordersheet.ooxml.part import main_name, walk_part
from ordersheet.ooxml.references import parse_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.loader.table import HeadRow
    from ordersheet.ooxml.package import Package

_ROW_DIGITS = 7


def totals_rows(
    package: Package, part: str, header: HeadRow, is_id_header: Callable[[str], bool]
) -> frozenset[int]:
    """Give the numbers of the rows of totals below the orders.

    Args:
        package: the workbook.
        part: the sheet's part.
        header: the header row.
        is_id_header: tells the order column's header.
    """
    ids = [column for column, text in header.texts.items() if is_id_header(one_line(text))]
    found: set[int] = set()

    def start(names: list[str], attributes: dict[str, str]) -> None:
        block = parse_range(attributes.get("ref", ""))
        count = attributes.get("totalsRowCount", "0")
        if len(names) > 1 or main_name(names[0]) != "table" or block is None or not count.isdecimal():
            return
        if block.first_row == header.number and any(
            block.first_column <= column <= block.last_column for column in ids
        ):
            first = block.last_row - int(count[:_ROW_DIGITS]) + 1
            found.update(range(max(first, header.number + 1), block.last_row + 1))

    for to in package.relationships(part):
        if to.type == "table" and to.target in package:
            walk_part(package.chunks(to.target), to.target, start)
    return frozenset(found)
