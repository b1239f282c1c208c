"""The passes over a CSV file: what it is written in and like, where its header stands, and its records."""

from __future__ import annotations

import csv
import re
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.errors import SourceError
from ordersheet.loader.csv.code_pages import PAGES, possible_pages, rank, read_as
from ordersheet.loader.csv.collector import EvidenceCollector
from ordersheet.loader.csv.dialect import filled_fields, find_delimiter, named_delimiter, separator_line
from ordersheet.loader.csv.encoding import Encoding, damaged_utf8, no_page, undecodable
from ordersheet.loader.csv.text import LONGEST_LINE, TRANSPARENT, TextTraits, dos_end_mark, text_lines
from ordersheet.loader.table import HeadRow, empty_file, look_at_head, no_id_column, one_line

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ordersheet.loader.csv.code_pages import Evidence, Ranked

SAMPLE = 1 << 18
"""Characters that the delimiter is found from."""
LARGEST_FIELD = LONGEST_LINE
"""Characters of one field; the csv module's own limit of 131,072 refuses real comments."""
LINE_BREAK = re.compile(r"\r\n|\r|\n")

_RECORDS_AT_ONCE = 500
_ENDINGS = ("\r\n", "\n", "\r")


class Dialect(NamedTuple):
    """What the bytes of a file are split into records by."""

    encoding: str
    """While it is looked for, `TRANSPARENT`: each byte is one character."""
    delimiter: str
    separator_line: bool
    end_mark: int
    """Bytes at the end that are not read."""


class Data(NamedTuple):
    """What one pass over all data records tells."""

    rows: int
    ragged: int
    first_ragged: tuple[int, int]
    """The first such row's number and width."""
    filled: frozenset[int]
    seen: TextTraits
    telling: tuple[str, ...]
    """The first few words with letters beyond ASCII."""
    evidence: Evidence
    """Empty where the encoding is known."""


class LookedThrough(NamedTuple):
    """What is known of a file once it has been read to its end."""

    encoding: Encoding
    dialect: Dialect
    header: HeadRow
    width: int
    ending: str | None
    data: Data
    ranked: tuple[Ranked, ...] = ()


# ---- passes over the file ----


def look_through(
    path: Path, stated: Encoding | None, delimiter: str | None, is_id_header: Callable[[str], bool]
) -> LookedThrough:
    """Read all of a file once, in the encoding that is stated, or in UTF-8; else find its code page."""
    encoding = stated or Encoding("utf-8", "strict UTF-8")
    try:
        return _pass(path, encoding, delimiter, is_id_header)
    except UnicodeDecodeError as error:
        if stated is not None and stated.source != "UTF-16 without a mark":
            raise undecodable(path, stated.name) from error
    # A header is looked for in each page's reading: it may be what tells the pages apart.
    found = _pass(
        path,
        Encoding(TRANSPARENT, "letters"),
        delimiter,
        lambda text: any(is_id_header(read_as(text, page.name)) for page in PAGES),
    )
    return _in_its_page(path, found, is_id_header)


def _in_its_page(path: Path, found: LookedThrough, is_id_header: Callable[[str], bool]) -> LookedThrough:
    """Decide on the code page of a file that was looked through byte by byte."""
    data = found.data
    if data.seen.utf8_letters >= data.seen.other_letters:
        raise damaged_utf8(path, data.seen.other_letters)
    pages = possible_pages(data.seen.high_bytes)
    if not pages:
        raise no_page(path)
    texts = found.header.texts
    known = [
        page
        for page in pages
        if any(is_id_header(one_line(read_as(text, page.name))) for text in texts.values())
    ]
    ranked = rank(data.evidence, known or pages)
    name = ranked[0].page.name
    return found._replace(
        encoding=Encoding(name, "letters"),
        dialect=found.dialect._replace(encoding=name),
        header=found.header._replace(texts={column: read_as(text, name) for column, text in texts.items()}),
        data=data._replace(telling=tuple(read_as(word, name) for word in data.telling)),
        ranked=ranked,
    )


def _pass(
    path: Path, encoding: Encoding, delimiter: str | None, is_id_header: Callable[[str], bool]
) -> LookedThrough:
    """Find a file's delimiter and header, and parse all of it, so that whatever refuses it does so now.

    Raises:
        UnicodeDecodeError: a byte does not decode.
    """
    dialect = _find_dialect(path, encoding.name, delimiter, is_id_header)
    header, width, ending = _find_header(path, dialect, is_id_header)
    return LookedThrough(
        encoding, dialect, header, width, ending, _read_through(path, dialect, header, width)
    )


def _find_dialect(
    path: Path, encoding: str, delimiter: str | None, is_id_header: Callable[[str], bool]
) -> Dialect:
    end_mark = dos_end_mark(path, encoding)
    lines = text_lines(path, encoding, end_mark=end_mark)
    first = next(lines, "")
    stated = separator_line(first)
    if delimiter is not None:
        return Dialect(encoding, named_delimiter(delimiter), stated is not None, end_mark)
    if stated is not None:
        return Dialect(encoding, stated, separator_line=True, end_mark=end_mark)
    sample, size = [first], len(first)
    for line in lines:
        if size > SAMPLE:
            # The last record may be cut short, but ends where a line does.
            break
        sample.append(line)
        size += len(line)
    delimiter = find_delimiter("".join(sample), is_id_header)
    return Dialect(encoding, delimiter, separator_line=False, end_mark=end_mark)


def _find_header(
    path: Path, dialect: Dialect, is_id_header: Callable[[str], bool]
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

    with _translated(path, dialect):
        first, header = look_at_head(heads(_Watched(_lines(path, dialect))), is_id_header)
    if first is None:
        raise empty_file()
    if header is None:
        raise no_id_column(first)
    return header, *shapes[header.number]


def _read_through(path: Path, dialect: Dialect, header: HeadRow, width: int) -> Data:
    """Parse all records, so that whatever refuses the file does so now."""
    rows = ragged = 0
    first_ragged = (0, 0)
    unfilled = list(range(width))
    seen = TextTraits()
    collector = EvidenceCollector(header, dialect.encoding)
    with _translated(path, dialect):
        records = islice(_strict(_lines(path, dialect, seen), dialect.delimiter), header.number, None)
        number = header.number
        # A step for a batch costs a fraction of a step for each record.
        while batch := list(islice(records, _RECORDS_AT_ONCE)):
            others = [
                (at, len(record))
                for at, record in enumerate(batch, number + 1)
                if len(record) != width and any(record)
            ]
            first_ragged = others[0] if others and not ragged else first_ragged
            ragged += len(others)
            rows += len(others)
            number += len(batch)
            whole = [record for record in batch if len(record) == width]
            rows += sum(map(any, whole))
            if unfilled:
                unfilled = [column for column in unfilled if not any(record[column] for record in whole)]
            if not seen.ascii_only and collector.wants_more:
                collector.add_records(whole)
    filled_columns = frozenset(range(width)).difference(unfilled)
    return Data(rows, ragged, first_ragged, filled_columns, seen, collector.telling(), collector.evidence)


def _lines(path: Path, dialect: Dialect, seen: TextTraits | None = None) -> Iterator[str]:
    lines = text_lines(path, dialect.encoding, end_mark=dialect.end_mark, seen=seen)
    if dialect.separator_line:
        next(lines, None)
    return lines


@contextmanager
def reading(path: Path, dialect: Dialect) -> Iterator[Reader]:
    """Read the records of a file that has been looked through, title rows and header among them."""
    with _translated(path, dialect):
        try:
            yield _strict(_lines(path, dialect), dialect.delimiter)
        except UnicodeDecodeError as error:
            raise SourceError(
                "The file changed while it was read. Close what writes to it, and try again."
            ) from error


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
def _translated(path: Path, dialect: Dialect) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise _broken_quote(path, dialect, error) from error


# ---- what is wrong ----


def _broken_quote(path: Path, dialect: Dialect, error: csv.Error) -> SourceError:
    """Find the record that does not parse, and in it the quote at fault."""
    number = 1
    lines = _Watched(_lines(path, dialect))
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
    return len(LINE_BREAK.findall(record, 0, begin))
