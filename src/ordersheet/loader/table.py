"""What every reader gives, how its header row is found, and what refuses a whole sheet.

The readers (CSV, .xlsx, .ods, .xls, frames) differ in how they see a cell. They do not differ
in what a header is, or in what a person is told about a sheet that cannot be sent: that is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from ordersheet.core.errors import SourceError
from ordersheet.core.model import RESULT_COLUMNS, Header, TableFacts, column_letters

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from ordersheet.core.model import Row

HEAD_ROWS = 200
"""How many filled rows are looked at for the header row."""
SHOWN_NAMES = 8
"""How many headers or sheets a message names."""


class Table(Protocol):
    """One sheet of a file, or a CSV file, or a frame, ready to be read as often as needed.

    Attributes:
        facts: what was found out about the file.
        headers: one for each column from A to the last that has a header or data.
    """

    facts: TableFacts
    headers: tuple[Header, ...]

    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Read the data rows from the first, each time anew.

        Args:
            columns: the columns to render, 0 for column A; all where None.
        """
        ...

    def refuse(self, columns: Collection[int], *, hidden: str) -> None:
        """Refuse the sheet where it cannot be sent truly.

        Args:
            columns: the columns that are sent.
            hidden: `refuse`, `include` or `skip`: what is to happen to hidden rows and columns.

        Raises:
            SourceError: for duplicate headers, merged cells, hidden rows or hidden columns.
        """
        ...


class HeadRow(NamedTuple):
    """A filled row that may hold the headers."""

    number: int
    """As the person sees it."""
    texts: Mapping[int, str]
    """By column index, as shown; blank ones left out."""
    hidden: bool = False


class SheetLook(NamedTuple):
    """A sheet of a workbook as far as choosing among sheets needs it."""

    name: str
    visible: bool
    first: HeadRow | None
    """Its first filled row."""
    header: HeadRow | None
    """The row with an ID header."""


def one_line(text: str) -> str:
    """Give a header's text with white space and line breaks folded to single blanks."""
    return " ".join(text.split())


# ---- the header row ----


def look_at_head(
    rows: Iterable[HeadRow], is_id_header: Callable[[str], bool]
) -> tuple[HeadRow | None, HeadRow | None]:
    """Find the first filled row and the header row among the first rows of a sheet.

    The header row is the first that holds an ID header. A lone cell that reads like one right above
    a row that holds one too is a title. A hidden row is taken only where no visible one will do.

    Args:
        rows: the filled rows from the top; no more than HEAD_ROWS of them are taken.
        is_id_header: tells the order column's header.

    Returns:
        The first filled row and the header row; None for what is not there.
    """
    first: HeadRow | None = None
    lone: HeadRow | None = None
    hidden: HeadRow | None = None
    for count, row in enumerate(rows):
        first = first or row
        if count >= HEAD_ROWS:
            break
        if not any(is_id_header(one_line(text)) for text in row.texts.values()):
            if lone is not None:
                break
        elif row.hidden:
            hidden = hidden or row
        elif lone is not None or len(row.texts) > 1:
            return first, row
        else:
            lone = row
    return first, lone or hidden


def choose_sheet(sheets: Sequence[SheetLook], wanted: str | None) -> SheetLook:
    """Choose the sheet to read: the one asked for, or the only visible one with an ID header.

    Raises:
        SourceError: `unknown-sheet`, `several-sheets` or `no-id-column`; it names the sheets.
    """
    try:
        return _chosen(sheets, wanted)
    except SourceError as error:
        error.sheets = tuple(sheet.name for sheet in sheets)
        raise


def _chosen(sheets: Sequence[SheetLook], wanted: str | None) -> SheetLook:
    if wanted is not None:
        named = [sheet for sheet in sheets if sheet.name == wanted]
        named = named or [sheet for sheet in sheets if sheet.name.casefold() == wanted.strip().casefold()]
        if len(named) != 1:
            raise unknown_sheet(wanted, [sheet.name for sheet in sheets])
        if named[0].header is None:
            raise no_id_column(named[0].first, sheet=named[0].name)
        return named[0]
    candidates = [sheet for sheet in sheets if sheet.visible and sheet.header is not None]
    if len(candidates) > 1:
        raise several_sheets([sheet.name for sheet in candidates])
    if candidates:
        return candidates[0]
    secret = [sheet.name for sheet in sheets if sheet.header is not None]
    if secret:
        raise SourceError(
            f"No visible sheet has a column of order IDs; the hidden sheet {_quoted(secret)} has one. "
            f'Unhide it, or name it with --sheet "{secret[0]}".',
            code="no-id-column",
        )
    seen = [sheet for sheet in sheets if sheet.visible and sheet.first is not None]
    if not seen:
        raise empty_file()
    raise no_id_column(seen[0].first, sheet=seen[0].name if len(seen) == 1 else None)


def build_headers(
    header: HeadRow,
    is_id_header: Callable[[str], bool],
    *,
    hidden: Collection[int] = (),
    filled: Collection[int] = (),
    sheet: str | None = None,
) -> tuple[Header, ...]:
    """Build the headers of a table from its header row.

    Args:
        header: the header row.
        is_id_header: tells the order column's header.
        hidden: hidden columns.
        filled: columns with something in any data row.
        sheet: the sheet's name, for the message.

    Returns:
        One header for each column from A to the last with a header or data.

    Raises:
        SourceError: `two-id-columns`, or `no-id-column` where the row has none.
    """
    texts = {column: one_line(text) for column, text in header.texts.items()}
    ids = [column for column, text in sorted(texts.items()) if text and is_id_header(text)]
    if not ids:
        raise no_id_column(header, sheet=sheet)
    if len(ids) > 1:
        raise two_id_columns([(texts[column], f"{column_letters(column)}{header.number}") for column in ids])
    last = max([*texts, *filled])
    return tuple(
        Header(column, texts.get(column, ""), column in hidden, column in filled)
        for column in range(last + 1)
    )


def result_columns(headers: Sequence[Header]) -> tuple[int, ...]:
    """Find the columns of an earlier report: its four headers side by side and in order."""
    names = [header.text for header in headers]
    for begin in range(len(names) - len(RESULT_COLUMNS) + 1):
        if tuple(names[begin : begin + len(RESULT_COLUMNS)]) == RESULT_COLUMNS:
            return tuple(header.column for header in headers[begin : begin + len(RESULT_COLUMNS)])
    return ()


# ---- refusals that several readers share ----


def empty_file() -> SourceError:
    """There is nothing in the file."""
    return SourceError("The file is empty: it has no header row and no data.", code="empty-file")


def no_id_column(first: HeadRow | None, *, sheet: str | None = None) -> SourceError:
    """No row holds a header that reads like an order ID; `first` is the first filled row."""
    if first is None:
        return empty_file()
    where = f'in the sheet "{sheet}"' if sheet is not None else "in the file"
    texts = [one_line(text) for _, text in sorted(first.texts.items()) if text.strip()]
    return SourceError(
        f"There is no column of order IDs {where}: no header reads like one. Row {first.number} holds "
        f'{_quoted(texts)}. Name the column "Order ID", or say which one it is with --mapping.',
        code="no-id-column",
    )


def two_id_columns(places: Sequence[tuple[str, str]]) -> SourceError:
    """Several headers of one row read like an order ID; `places` are their texts and addresses."""
    shown = " and ".join(f'"{_short(text)}" ({cell})' for text, cell in places)
    return SourceError(
        f"Several columns could hold the order IDs: {shown}. Rename all but one, or say which one it is with "
        "--mapping.",
        code="two-id-columns",
    )


def several_sheets(names: Sequence[str]) -> SourceError:
    """Several visible sheets have an ID header."""
    return SourceError(
        f"Several sheets have a column of order IDs: {_quoted(names)}. Say which one with --sheet, for "
        f'example --sheet "{names[0]}".',
        code="several-sheets",
    )


def unknown_sheet(wanted: str, names: Sequence[str]) -> SourceError:
    """The sheet that was asked for is not there; `names` are those that are."""
    return SourceError(
        f'There is no sheet "{_short(wanted)}". The file has {_quoted(names)}.', code="unknown-sheet"
    )


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(f'"{_short(name)}"' for name in names[:SHOWN_NAMES])
    more = len(names) - SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
