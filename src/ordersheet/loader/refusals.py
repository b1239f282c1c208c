"""What refuses a whole sheet once it is known which of its columns are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.errors import SourceError
from ordersheet.loader.table import SHOWN_NAMES, Merge
from ordersheet.model import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ordersheet.model import Header, TableFacts


def refuse_sheet(
    facts: TableFacts,
    headers: Sequence[Header],
    columns: Collection[int],
    *,
    merges: Iterable[Merge],
    last_row: int,
    hidden: str,
) -> None:
    """Refuse a workbook's sheet where it cannot be sent truly.

    Args:
        facts: what was found out about the sheet.
        headers: its headers.
        columns: the columns that are sent.
        merges: all merged blocks of the sheet.
        last_row: the last data row's number.
        hidden: `refuse`, `include` or `skip`: what is to happen to hidden rows and columns.

    Raises:
        SourceError: for duplicate headers, merged cells, hidden rows or hidden columns.
    """
    refuse_duplicate_headers(headers, columns, header_row=facts.header_row)
    refuse_merges(merges, columns, header_row=facts.header_row, last_row=last_row, sheet=facts.sheet)
    refuse_hidden(headers, columns, rows=facts.hidden_rows, hidden=hidden, sheet=facts.sheet)


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
    merges: Iterable[Merge], columns: Collection[int], *, header_row: int, last_row: int, sheet: str | None
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
    touching = [
        merge
        for merge in merges
        if merge.last_row > header_row
        and merge.first_row <= last_row
        and any(merge.first_column <= column <= merge.last_column for column in columns)
    ]
    if not touching:
        return
    shown = ", ".join(merge.address for merge in touching[:SHOWN_NAMES])
    more = len(touching) - SHOWN_NAMES
    raise SourceError(
        f"Merged cells in columns that are sent: {shown}{f' and {more} more' if more > 0 else ''}. A merged "
        "cell belongs to several rows or columns. Unmerge them, and fill in each cell.",
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


def refuse_hidden(
    headers: Sequence[Header], columns: Collection[int], *, rows: int, hidden: str, sheet: str | None
) -> None:
    """Refuse hidden rows, and hidden columns that are sent, where nothing was decided about them.

    Args:
        headers: the table's headers.
        columns: the columns that are sent.
        rows: how many data rows are hidden.
        hidden: `refuse`, `include` or `skip`.
        sheet: the sheet's name, for the message.

    Raises:
        SourceError: `hidden-rows` or `hidden-columns`.
    """
    if hidden != "refuse":
        return
    decide = "Show them in the sheet, or decide: --hidden skip leaves them out, --hidden include sends them."
    if rows:
        what = "1 row" if rows == 1 else f"{rows:,} rows"
        where = f' of the sheet "{sheet}"' if sheet is not None else ""
        verb = "is" if rows == 1 else "are"
        raise SourceError(
            f"{what}{where} {verb} hidden, by hand or by a filter. {decide}", code="hidden-rows"
        )
    unseen = [header for header in headers if header.hidden and header.column in columns]
    if unseen:
        names = ", ".join(f'"{header.text}" (column {header.letters})' for header in unseen)
        raise SourceError(f"Hidden columns would be sent: {names}. {decide}", code="hidden-columns")
