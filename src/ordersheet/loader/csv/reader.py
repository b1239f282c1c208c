"""CSV, TSV and TXT as a table: streamed by the standard csv module in strict mode.

The numbers of rows count records, as a spreadsheet program shows them: a record with line breaks in a
quoted field is one row, a blank line is a row without anything in it, and a `sep=` line at the
beginning is no row at all.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from ordersheet.core.errors import EncodingChoice, SourceError
from ordersheet.core.model import (
    Cell,
    CellKind,
    Header,
    Row,
    TableFacts,
    column_letters,
)
from ordersheet.loader.cells import text_problem
from ordersheet.loader.csv.code_pages import (
    EncodingDoubt,
    Evidence,
    Ranked,
    as_evidence,
    doubt_of,
    read_as,
)
from ordersheet.loader.csv.encoding import (
    mixed_encodings,
    several_readings,
    stated_encoding,
    unread,
)
from ordersheet.loader.csv.passes import LARGEST_FIELD, LINE_BREAK, Dialect, look_through, reading
from ordersheet.loader.csv.text import TRANSPARENT
from ordersheet.loader.error_words import ERROR_WORDS, error_problem
from ordersheet.loader.refusals import refuse_duplicate_headers
from ordersheet.loader.table import (
    build_headers,
    result_columns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from ordersheet.loader.csv.passes import Data
    from ordersheet.loader.csv.text import TextTraits

_HOLDS_ROWS = (
    "A text of this row holds lines that read like rows of their own, so a quote that opens here may close "
    "rows later. Close it where the text ends."
)
_CUT_OFF = (
    "The last line has no line end, though all others have one: the file may be cut off. See whether its "
    "last row is whole."
)
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_SHOWN_CELLS, _LONGEST_SHOWN = 5, 60
"""Cells that are shown in every reading, and the letters of each."""


def open_csv(
    path: Path,
    *,
    is_id_header: Callable[[str], bool],
    encoding: str | None = None,
    delimiter: str | None = None,
) -> CsvTable:
    """Open a text file as a table; all of it is decoded and parsed once, and nothing of it kept.

    Args:
        path: the file.
        is_id_header: tells the order column's header.
        encoding: decides instead of what the file and its letters say.
        delimiter: decides instead of the detector; one character, or `tab`.

    Raises:
        SourceError: the file cannot be read as one table.
        UsageError: the encoding or the delimiter is none.
        OSError: the file cannot be read.
    """
    if csv.field_size_limit() < LARGEST_FIELD:
        csv.field_size_limit(LARGEST_FIELD)
    found = look_through(path, stated_encoding(path, encoding), delimiter, is_id_header)
    header, data = found.header, found.data
    headers = build_headers(header, is_id_header, filled=data.filled)
    if data.ragged * 2 > data.rows:
        raise _mostly_ragged(data, found.width)
    id_column = next(item.column for item in headers if is_id_header(item.text))
    facts = TableFacts(
        form="csv",
        sheet=None,
        header_row=header.number,
        encoding=found.encoding.name,
        encoding_from=found.encoding.source,
        telling_words=data.telling,
        delimiter=found.dialect.delimiter,
        line_ending=found.ending,
        separator_line=found.dialect.separator_line,
        end_mark=found.dialect.end_mark,
        result_columns=result_columns(headers),
        notices=(_CUT_OFF,) if data.seen.ends_open and data.rows > 1 else (),
    )
    return CsvTable(
        facts,
        headers,
        _path=path,
        _dialect=found.dialect,
        _width=found.width,
        _id_column=id_column,
        _seen=data.seen,
        _evidence=data.evidence,
        _ranked=found.ranked,
    )


@dataclass
class CsvTable:
    """A CSV file as a table; see `Table`."""

    facts: TableFacts
    headers: tuple[Header, ...]
    _path: Path
    _dialect: Dialect
    _width: int
    _id_column: int
    _seen: TextTraits
    _evidence: Evidence
    _ranked: tuple[Ranked, ...]
    """The code pages, the likeliest first, which is the one that is read; none where the encoding is sure."""

    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Read the data rows from the first, each time anew.

        Raises:
            SourceError: the file changed since it was opened, and does not parse any more.
        """
        width = self._width
        wanted = [column for column in range(width) if columns is None or column in columns]
        # Cell's own constructor would cost as much again as all the rest of the reading.
        new, text = tuple.__new__, CellKind.TEXT
        number = self.facts.header_row
        error_words, odd_texts = self._seen.error_words, self._seen.odd_texts
        with reading(self._path, self._dialect) as reader:
            line = 0
            for record in islice(reader, number, None):
                number += 1
                lines, line = reader.line_num - line, reader.line_num
                if len(record) != width:
                    if any(record):
                        yield Row(number, {}, problem=_ragged(len(record), width))
                    continue
                cells = {
                    column: new(Cell, (field, field, text, column, number, None))
                    for column in wanted
                    if (field := record[column])
                }
                if not cells and not any(record):
                    continue
                if error_words and not ERROR_WORDS.isdisjoint(record):
                    cells = {column: _without_error_word(cell) for column, cell in cells.items()}
                if odd_texts:
                    cells = {column: cell for column, cell in map(_looked_at, cells.items()) if cell.shown}
                problem = _HOLDS_ROWS if lines > 1 and self._holds_rows(record) else None
                yield new(Row, (number, cells, False, problem))

    def refuse(self, columns: Collection[int], *, hidden: str) -> None:  # noqa: ARG002 - a CSV hides nothing
        """Refuse duplicate headers among columns that are sent, and an encoding in doubt; see `Table`."""
        refuse_duplicate_headers(self.headers, columns, header_row=self.facts.header_row)
        doubt = doubt_of(self._evidence, self._ranked, columns) if self._ranked else None
        if doubt is not None:
            raise self._doubted(doubt, sorted(columns))

    def _doubted(self, doubt: EncodingDoubt, columns: Sequence[int]) -> SourceError:
        """Show the readings that are in doubt, cell by cell."""
        plain = Dialect(TRANSPARENT, *self._dialect[1:])
        places: list[tuple[str, str]] = []
        with reading(self._path, plain) as reader:
            for number, record in enumerate(
                islice(reader, self.facts.header_row - 1, None), self.facts.header_row
            ):
                if len(record) == self._width:
                    places += [
                        (f"{column_letters(column)}{number}", record[column])
                        for column in (columns if doubt.chunk is None else range(self._width))
                        if _is_doubted(record[column], doubt)
                    ]
                if len(places) >= _SHOWN_CELLS:
                    break
        choices = tuple(
            EncodingChoice(
                name, tuple((address, _read_cell(text, name)) for address, text in places[:_SHOWN_CELLS])
            )
            for name in doubt.encodings
        )
        if doubt.kind == "ways":
            return several_readings(choices)
        return mixed_encodings(choices) if doubt.kind == "mixed" else unread(choices[0])

    def _holds_rows(self, record: list[str]) -> bool:
        """Tell whether a field with line breaks has swallowed rows, as after a quote left open by mistake."""
        if self._width == 1:
            return False
        for column, field in enumerate(record):
            parts = [line.split(self._dialect.delimiter) for line in LINE_BREAK.split(field)]
            if len(parts) == 1:
                continue
            if any(len(part) == self._width and self._has_id(part) for part in parts[1:]):
                return True
            # The quote may open in one row and close in another: the end of the one, the begin of the other.
            begins, ends = len(parts[0]) == self._width - column, len(parts[-1]) == column + 1
            if begins and ends and self._id_column < column and self._has_id(parts[-1]):
                return True
        return False

    def _has_id(self, fields: list[str]) -> bool:
        return fields[self._id_column].strip(' "').isdecimal()


# ---- cells ----


def _looked_at(item: tuple[int, Cell]) -> tuple[int, Cell]:
    """Read `="00123"` as the text that Excel keeps with it, and find signs that are not seen."""
    column, cell = item
    if cell.problem is not None:
        return item
    found = _TEXT_FORMULA.fullmatch(cell.shown)
    text = found[1].replace('""', '"') if found else cell.shown
    return column, cell._replace(shown=text, value=text, problem=text_problem(text))


def _is_doubted(text: str, doubt: EncodingDoubt) -> bool:
    """Tell whether a cell, in `TRANSPARENT` characters, is one that a doubt is about."""
    if text.isascii():
        return False
    if doubt.chunk is not None:
        return doubt.chunk in as_evidence(text)
    first, *others = doubt.encodings
    return any(read_as(text, first) != read_as(text, other) for other in others)


def _read_cell(text: str, encoding: str) -> str:
    shown = " ".join(read_as(text, encoding).split())
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 1]}…"


def _without_error_word(cell: Cell) -> Cell:
    if cell.shown not in ERROR_WORDS:
        return cell
    return cell._replace(kind=CellKind.ERROR, problem=error_problem(cell.shown))


# ---- what is wrong ----


def _ragged(found: int, width: int) -> str:
    much = "more" if found > width else "fewer"
    fields = "field" if found == 1 else "fields"
    return (
        f"The row has {found} {fields}, {much} than the header's {width}, so its texts may stand under the "
        "wrong headers. Look for a delimiter too many or too few, or a text that needs quotes."
    )


def _mostly_ragged(data: Data, width: int) -> SourceError:
    number, found = data.first_ragged
    return SourceError(
        f"{data.ragged:,} of {data.rows:,} rows do not have as many fields as the header: row {number} has "
        f"{found}, the header {width}. Their texts would be read under the wrong headers. Say the delimiter "
        "with --delimiter, or save the sheet as CSV anew.",
        code="mostly-ragged",
    )
