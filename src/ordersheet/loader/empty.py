"""A file of 0 bytes as a table without columns and rows: what an export of a quiet night may leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.model import TableFacts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from ordersheet.core.model import Header, Row
    from ordersheet.loader.table import Table

_TEXT_SUFFIXES = (".csv", ".tsv", ".txt")


class EmptyTable:
    """Nothing at all."""

    headers: tuple[Header, ...] = ()

    def __init__(self, form: str) -> None:
        self.facts = TableFacts(form=form, sheet=None, header_row=1)

    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Give no rows."""
        del columns
        return iter(())

    def refuse(self, columns: Collection[int], *, hidden: str) -> None:
        """Refuse nothing."""


def empty_table(path: Path) -> Table | None:
    """Give the table of a file of 0 bytes; None for any other."""
    if not path.is_file() or path.stat().st_size:
        return None
    return EmptyTable("csv" if path.suffix.lower() in _TEXT_SUFFIXES else "xlsx")
