"""What refuses a whole sheet once it is known which of its columns are sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from ordersheet.core.errors import SourceError
from ordersheet.core.model import Problem
from ordersheet.loader.table import SHOWN_NAMES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ordersheet.core.model import Header, Row, TableFacts
    from ordersheet.ooxml.references import CellRange

MOST_PLACES = 1000
"""How many hidden rows are named one by one."""
_DECIDE = "Show them in the sheet, or decide: --hidden skip leaves them out, --hidden include sends them."


@dataclass
class SheetTable(ABC):
    """A sheet of a workbook as a table; see `Table`."""

    facts: TableFacts
    headers: tuple[Header, ...]
    merges: Collection[CellRange]
    """All merged blocks of the sheet."""
    last_row: int
    """The last data row's number."""

    @abstractmethod
    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Read the data rows from the first, each time anew; see `Table`."""

    def refuse(self, columns: Collection[int], *, hidden: str) -> None:
        """Refuse the sheet where it cannot be sent truly, with all reasons at once; see `Table`."""
        facts = self.facts
        found: list[SourceError] = []
        with _gathered(found):
            refuse_duplicate_headers(self.headers, columns, header_row=facts.header_row)
        with _gathered(found):
            refuse_merges(
                self.merges,
                columns,
                header_row=facts.header_row,
                last_row=self.last_row,
                sheet=facts.sheet,
            )
        if hidden == "refuse":
            with _gathered(found):
                unseen = (row.number for row in self.rows(frozenset()) if row.hidden)
                refuse_hidden_rows(facts.hidden_rows, unseen, sheet=facts.sheet)
            with _gathered(found):
                refuse_hidden_columns(self.headers, columns, header_row=facts.header_row, sheet=facts.sheet)
        if found:
            raise SourceError(
                "\n".join(str(fault) for fault in found),
                code=found[0].code,
                problems=[problem for fault in found for problem in fault.problems],
            )


@contextmanager
def _gathered(found: list[SourceError]) -> Iterator[None]:
    try:
        yield
    except SourceError as fault:
        found.append(fault)


def refuse_duplicate_headers(headers: Sequence[Header], columns: Collection[int], *, header_row: int) -> None:
    """Refuse columns that are sent where another column has the same header.

    Raises:
        SourceError: `duplicate-headers`, with a problem for each.
    """
    places: dict[str, list[Header]] = {}
    for header in headers:
        if header.text:
            places.setdefault(header.text.casefold(), []).append(header)
    twins = [group for group in places.values() if len(group) > 1 and any(h.column in columns for h in group)]
    if not twins:
        return
    cells = [f"{header.letters}{header_row}" for header in twins[0]]
    raise SourceError(
        f'The header "{twins[0][0].text}" stands {len(cells)} times ({", ".join(cells)}), so it is not clear '
        "which column is meant. Rename or delete all but one of them.",
        code="duplicate-headers",
        problems=[
            Problem(
                "duplicate-headers",
                "Another column has the same header; rename or delete one of them.",
                row=header_row,
                column=header.text,
                cell=f"{header.letters}{header_row}",
            )
            for group in twins
            for header in group
        ],
    )


def refuse_merges(
    merges: Iterable[CellRange],
    columns: Collection[int],
    *,
    header_row: int,
    last_row: int,
    sheet: str | None,
) -> None:
    """Refuse merged cells that touch data of columns that are sent.

    Args:
        merges: all merged blocks of the sheet.
        columns: the columns that are sent.
        header_row: the header row's number; blocks that end there or above are harmless.
        last_row: the last data row's number; blocks below it are harmless.
        sheet: the sheet's name, for the problems.

    Raises:
        SourceError: `merged-cells`, with a problem for each block.
    """
    touching = sorted(
        merge
        for merge in merges
        if merge.last_row > header_row
        and merge.first_row <= last_row
        and any(merge.first_column <= column <= merge.last_column for column in columns)
    )
    if not touching:
        return
    shown = ", ".join(merge.address for merge in touching[:SHOWN_NAMES])
    more = len(touching) - SHOWN_NAMES
    raise SourceError(
        f"Merged cells in columns that are sent: {shown}{f' and {more:,} more' if more > 0 else ''}. "
        "A merged cell belongs to several rows or columns. Unmerge them, and fill in each cell.",
        code="merged-cells",
        problems=[
            Problem(
                "merged-cells",
                "Unmerge these cells, and fill in each.",
                row=merge.first_row,
                cell=merge.address,
                sheet=sheet,
            )
            for merge in touching
        ],
    )


def refuse_hidden_rows(number: int, hidden: Iterable[int], *, sheet: str | None) -> None:
    """Refuse hidden rows, about which nothing was decided.

    Args:
        number: how many data rows are hidden.
        hidden: their numbers, from the first; read only where there are any.
        sheet: the sheet's name, for the message.

    Raises:
        SourceError: `hidden-rows`, with a problem for each of the first thousand.
    """
    if not number:
        return
    what, verb = ("1 row", "is") if number == 1 else (f"{number:,} rows", "are")
    where = f' of the sheet "{sheet}"' if sheet is not None else ""
    first = list(islice(hidden, MOST_PLACES))
    raise SourceError(
        f"{what}{where} {verb} hidden, by hand or by a filter: {_ranges(first, number)}. {_DECIDE}",
        code="hidden-rows",
        problems=[
            Problem("hidden-rows", "Show this row, or decide with --hidden.", row=row, sheet=sheet)
            for row in first
        ],
    )


def refuse_hidden_columns(
    headers: Sequence[Header], columns: Collection[int], *, header_row: int, sheet: str | None
) -> None:
    """Refuse hidden columns that would be sent, about which nothing was decided.

    Args:
        headers: the table's headers.
        columns: the columns that are sent.
        header_row: the header row's number.
        sheet: the sheet's name.

    Raises:
        SourceError: `hidden-columns`, with a problem for each.
    """
    unseen = [header for header in headers if header.hidden and header.column in columns]
    if not unseen:
        return
    names = ", ".join(f'"{header.text}" (column {header.letters})' for header in unseen)
    raise SourceError(
        f"Hidden columns would be sent: {names}. {_DECIDE}",
        code="hidden-columns",
        problems=[
            Problem(
                "hidden-columns",
                "Show this column, or decide with --hidden.",
                row=header_row,
                column=header.text,
                cell=f"{header.letters}{header_row}",
                sheet=sheet,
            )
            for header in unseen
        ],
    )


def _ranges(rows: Sequence[int], number: int) -> str:
    """Name rows as `--rows` takes them, such as `3-5, 9`; only the first few."""
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    shown = runs[:SHOWN_NAMES]
    more = number - sum(last - first + 1 for first, last in shown)
    named = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in shown)
    return f"{'row' if number == 1 else 'rows'} {named}{f' and {more:,} more' if more else ''}"
