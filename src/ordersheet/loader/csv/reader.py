"""CSV, TSV and TXT as a table: streamed by the standard csv module in strict mode.

The numbers of rows count records, as a spreadsheet program shows them: a record with line breaks in a
quoted field is one row, a blank line is a row without anything in it, and a `sep=` line at the
beginning is no row at all.
"""

from __future__ import annotations

import csv
import re
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.errors import SourceError
from ordersheet.core.model import Cell, CellKind, Header, Row, TableFacts
from ordersheet.loader.csv.dialect import filled_fields, find_delimiter, named_delimiter, separator_line
from ordersheet.loader.csv.encoding import LONGEST_LINE, find_encoding
from ordersheet.loader.error_words import ERROR_WORDS, error_problem
from ordersheet.loader.refusals import refuse_duplicate_headers
from ordersheet.loader.table import (
    HeadRow,
    build_headers,
    empty_file,
    look_at_head,
    no_id_column,
    result_columns,
)

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

SAMPLE = 1 << 18
"""Characters that the delimiter is found from."""
LARGEST_FIELD = LONGEST_LINE
"""Characters of one field; the csv module's own limit of 131,072 refuses real comments."""

_ENDINGS = ("\r\n", "\n", "\r")
_HOLDS_ROWS = (
    "A text of this row holds lines that read like rows of their own, so a quote that opens here may close "
    "rows later. Close it where the text ends."
)
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class _Dialect(NamedTuple):
    encoding: str
    delimiter: str
    separator_line: bool


class _Data(NamedTuple):
    """What one pass over all data records tells."""

    rows: int
    ragged: int
    first_ragged: tuple[int, int]
    """The first such row's number and width."""
    filled: frozenset[int]


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
        encoding: decides instead of the detector.
        delimiter: decides instead of the detector; one character, or `tab`.

    Raises:
        SourceError: the file cannot be read as one table.
        UsageError: the encoding or the delimiter is none.
        OSError: the file cannot be read.
    """
    if csv.field_size_limit() < LARGEST_FIELD:
        csv.field_size_limit(LARGEST_FIELD)
    found = find_encoding(path, encoding)
    dialect = _find_dialect(path, found.name, delimiter, is_id_header)
    header, width, ending = _find_header(path, dialect, is_id_header)
    data = _read_through(path, dialect, header.number, width)
    headers = build_headers(header, is_id_header, filled=data.filled)
    if data.ragged * 2 > data.rows:
        raise _mostly_ragged(data, width)
    id_column = next(item.column for item in headers if is_id_header(item.text))
    facts = TableFacts(
        form="csv",
        sheet=None,
        header_row=header.number,
        encoding=found.name,
        encoding_from=found.source,
        delimiter=dialect.delimiter,
        line_ending=ending,
        separator_line=dialect.separator_line,
        result_columns=result_columns(headers),
    )
    return CsvTable(facts, headers, _path=path, _dialect=dialect, _width=width, _id_column=id_column)


@dataclass
class CsvTable:
    """A CSV file as a table; see `Table`."""

    facts: TableFacts
    headers: tuple[Header, ...]
    _path: Path
    _dialect: _Dialect
    _width: int
    _id_column: int

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
        with _reading(self._path, self._dialect) as reader:
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
                if not ERROR_WORDS.isdisjoint(record):
                    cells = {column: _without_error_word(cell) for column, cell in cells.items()}
                problem = _HOLDS_ROWS if lines > 1 and self._holds_rows(record) else None
                yield new(Row, (number, cells, False, problem))

    def refuse(self, columns: Collection[int], *, hidden: str) -> None:  # noqa: ARG002 - a CSV hides nothing
        """Refuse duplicate headers among columns that are sent; see `Table`."""
        refuse_duplicate_headers(self.headers, columns, header_row=self.facts.header_row)

    def _holds_rows(self, record: list[str]) -> bool:
        """Tell whether a field with line breaks has swallowed rows, as after a quote left open by mistake."""
        if self._width == 1:
            return False
        for column, field in enumerate(record):
            parts = [line.split(self._dialect.delimiter) for line in _LINE_BREAK.split(field)]
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


# ---- passes over the file ----


def _find_dialect(
    path: Path, encoding: str, delimiter: str | None, is_id_header: Callable[[str], bool]
) -> _Dialect:
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline(SAMPLE)
        stated = separator_line(first)
        if delimiter is not None:
            return _Dialect(encoding, named_delimiter(delimiter), stated is not None)
        if stated is not None:
            return _Dialect(encoding, stated, separator_line=True)
        sample = first + file.read(SAMPLE)
        if file.read(1):
            # The last record is cut short; what of it stands on the last line must not count.
            sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    return _Dialect(encoding, find_delimiter(sample, is_id_header), separator_line=False)


def _find_header(
    path: Path, dialect: _Dialect, is_id_header: Callable[[str], bool]
) -> tuple[HeadRow, int, str | None]:
    """Find the header record, its width, and its line ending (None where the file ends with it)."""
    shapes: dict[int, tuple[int, str | None]] = {}

    def heads(lines: _Watched) -> Iterator[HeadRow]:
        for number, record in enumerate(_strict(lines, dialect.delimiter), 1):
            texts = filled_fields(record)
            if texts:
                last = lines.record[-1]
                shapes[number] = len(record), next((end for end in _ENDINGS if last.endswith(end)), None)
                yield HeadRow(number, texts)
            lines.record.clear()

    with _translated(path, dialect), path.open(encoding=dialect.encoding, newline="") as file:
        if dialect.separator_line:
            file.readline()
        first, header = look_at_head(heads(_Watched(file)), is_id_header)
    if first is None:
        raise empty_file()
    if header is None:
        raise no_id_column(first)
    return header, *shapes[header.number]


def _read_through(path: Path, dialect: _Dialect, header_row: int, width: int) -> _Data:
    """Parse all records, so that whatever refuses the file does so now."""
    rows = ragged = 0
    first_ragged = (0, 0)
    unfilled = list(range(width))
    with _reading(path, dialect) as reader:
        for number, record in enumerate(islice(reader, header_row, None), header_row + 1):
            if not any(record):
                continue
            rows += 1
            if len(record) != width:
                first_ragged = first_ragged if ragged else (number, len(record))
                ragged += 1
            elif unfilled:
                unfilled = [column for column in unfilled if not record[column]]
    return _Data(
        rows, ragged, first_ragged, frozenset(range(width)).difference(unfilled if rows else range(width))
    )


@contextmanager
def _reading(path: Path, dialect: _Dialect) -> Iterator[Reader]:
    with _translated(path, dialect), path.open(encoding=dialect.encoding, newline="") as file:
        if dialect.separator_line:
            file.readline()
        yield _strict(file, dialect.delimiter)


class _Watched:
    """Lines of a file, counted, and kept for the record that they belong to."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.count = 0
        self.record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.count += 1
        self.record.append(line)
        return line


def _strict(lines: Iterable[str], delimiter: str) -> Reader:
    return csv.reader(lines, delimiter=delimiter, strict=True)


@contextmanager
def _translated(path: Path, dialect: _Dialect) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise _broken_quote(path, dialect, error) from error
    except UnicodeDecodeError as error:
        raise SourceError(
            "The file changed while it was read. Close what writes to it, and try again."
        ) from error


# ---- cells ----


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


def _mostly_ragged(data: _Data, width: int) -> SourceError:
    number, found = data.first_ragged
    return SourceError(
        f"{data.ragged:,} of {data.rows:,} rows do not have as many fields as the header: row {number} has "
        f"{found}, the header {width}. Their texts would be read under the wrong headers. Say the delimiter "
        "with --delimiter, or save the sheet as CSV anew.",
        code="mostly-ragged",
    )


def _broken_quote(path: Path, dialect: _Dialect, error: csv.Error) -> SourceError:
    """Find the record that does not parse, and in it the quote at fault."""
    number = 1
    with path.open(encoding=dialect.encoding, newline="") as file:
        if dialect.separator_line:
            file.readline()
        lines = _Watched(file)
        try:
            for _ in _strict(lines, dialect.delimiter):
                number += 1
                lines.record.clear()
        except csv.Error:
            pass
    line = lines.count + dialect.separator_line
    if "field larger" in str(error):
        return SourceError(
            f"Row {number} (line {line}) has a text of more than {LARGEST_FIELD:,} characters. Look for a "
            "quote that opens there and is never closed.",
            code="unclosed-quote",
        )
    opened = line - len(lines.record) + 1 + _open_quote("".join(lines.record), dialect.delimiter)
    return SourceError(
        f"The quote that opens in line {opened} (row {number}) is not closed where its text ends, so the "
        'rows below would be read as one text. Close it; a quote inside a text is written twice (""). Or '
        "save the sheet as .xlsx.",
        code="unclosed-quote",
    )


def _open_quote(record: str, delimiter: str) -> int:
    """Count the line breaks before the quote that is not closed properly."""
    begin = 0
    while True:
        if record[begin : begin + 1] == '"':
            end = begin + 1
            while (end := record.find('"', end)) >= 0 and record[end + 1 : end + 2] == '"':
                end += 2
            after = record[end + 1 : end + 2]
            if end < 0 or (after and after not in (delimiter, "\r", "\n")):
                break
        else:
            end = begin - 1
        begin = record.find(delimiter, end + 1) + 1
        if begin == 0:
            break
    return len(_LINE_BREAK.findall(record, 0, begin))
