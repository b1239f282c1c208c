"""The person's own CSV given back: each record's bytes as they are, with fields appended."""

from __future__ import annotations

import codecs
import csv
import io
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from ordersheet.core.errors import SourceError, UsageError
from ordersheet.reporter.text import csv_field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ordersheet.core.model import TableFacts
    from ordersheet.ooxml.package_copy import Sink
    from ordersheet.reporter.added_columns import Added, AddedRow

READ_BLOCK = 1 << 18
WRITE_BLOCK = 1 << 18
LARGEST_FIELD = 1 << 27
"""Characters; the csv module's own limit of 131,072 refuses real comments."""

_WIDE = ("utf-16", "utf-32")
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LINE_END = re.compile(r"(?:\r\n|\r|\n)\Z")
_WHOLE_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")


def write_delimited(source: Path, facts: TableFacts, added: Added, out: Sink, *, replace: bool) -> None:
    """Write a CSV with columns added.

    The loader counts records as `csv.reader` does, and so does this: one reader goes over the decoded lines,
    and the bytes of the lines that it took for a record are that record's bytes.

    Args:
        source: the input.
        facts: its encoding, delimiter, header row.
        added: the columns.
        out: where to.
        replace: they replace those of an earlier report, at `facts.result_columns`.

    Raises:
        SourceError: where the file changed since it was read.
        ValueError: where a result belongs to no record.
    """
    if csv.field_size_limit() < LARGEST_FIELD:
        csv.field_size_limit(LARGEST_FIELD)
    rows = iter(added.rows)
    due = next(rows, None)
    block: list[bytes] = []
    size = 0
    with _Records(source, facts) as records:
        writer = _FieldWriter(facts, records.codec, facts.result_columns if replace else ())
        block.append(records.start)
        for number, (fields, raw) in enumerate(records, 1):
            if number == facts.header_row:
                new = writer.header(raw, len(fields), added.headers)
            elif due is not None and due.row == number:
                new = writer.row(raw, fields, due)
                due = next(rows, None)
            else:
                new = raw
            block.append(new)
            size += len(new)
            if size >= WRITE_BLOCK:
                out.write(b"".join(block))
                block.clear()
                size = 0
        block.append(records.end)
    out.write(b"".join(block))
    if due is not None:
        raise ValueError(f"row {due.row} has a result and is not in the file, or comes out of order")


class _Records:
    """The records of a CSV: their fields, and their bytes with the line ending.

    Attributes:
        start: the bytes before the first record: byte order mark and `sep=` line.
        end: the bytes after the last record: the old mark for a file's end, where there is one.
        codec: the Python codec of everything after the byte order mark.
    """

    def __init__(self, source: Path, facts: TableFacts) -> None:
        self._file = source.open("rb")
        assert facts.encoding is not None
        assert facts.delimiter is not None
        first = self._file.read(4)
        mark = next((bom for bom in _BOMS if first.startswith(bom)), b"")
        self.codec = _codec(facts.encoding, mark)
        if self.codec == facts.encoding:
            mark = b""
        size = self._file.seek(0, io.SEEK_END)
        self._file.seek(size - facts.end_mark)
        self.end = self._file.read()
        self._left = size - len(mark) - facts.end_mark
        self._file.seek(len(mark))
        self._taken: list[bytes] = []
        self.start = mark
        self._lines = self._watched()
        if facts.separator_line:
            next(self._lines, None)
            self.start += b"".join(self._taken)
            self._taken.clear()
        self._delimiter = facts.delimiter

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[tuple[list[str], bytes]]:
        try:
            for fields in csv.reader(self._lines, delimiter=self._delimiter, strict=True):
                yield fields, b"".join(self._taken)
                self._taken.clear()
        except (csv.Error, UnicodeError) as error:
            raise SourceError(
                "The file changed since it was read. Close what writes to it, and try again."
            ) from error

    def _watched(self) -> Iterator[str]:
        lines = self._wide_lines() if self.codec.startswith(_WIDE) else self._narrow_lines()
        for raw, text in lines:
            self._taken.append(raw)
            yield text

    def _chunk(self) -> bytes:
        chunk = self._file.read(min(READ_BLOCK, self._left))
        self._left -= len(chunk)
        return chunk

    def _narrow_lines(self) -> Iterator[tuple[bytes, str]]:
        """Read lines of an encoding in which the bytes of CR and LF are nothing else."""
        rest = b""
        while chunk := self._chunk():
            lines = (rest + chunk).splitlines(keepends=True)
            # A CR at the end may be the first half of a line end, and the last line may go on.
            rest = lines.pop()
            for raw in lines:
                yield raw, raw.decode(self.codec)
        for raw in rest.splitlines(keepends=True):
            yield raw, raw.decode(self.codec)

    def _wide_lines(self) -> Iterator[tuple[bytes, str]]:
        decoder = codecs.getincrementaldecoder(self.codec)()
        rest = ""
        while chunk := self._chunk():
            rest += decoder.decode(chunk)
            end = max(rest.rfind("\n"), rest.rfind("\r", 0, -1)) + 1
            for line in _WHOLE_LINES.findall(rest, 0, end):
                yield line.encode(self.codec), line
            rest = rest[end:]
        rest += decoder.decode(b"", final=True)
        for line in re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", rest):
            yield line.encode(self.codec), line


def _codec(encoding: str, mark: bytes) -> str:
    """Give the codec that reads what follows the byte order mark."""
    name = codecs.lookup(encoding).name
    if name == "utf-8-sig":
        return "utf-8"
    if name in _WIDE:
        big = mark in (codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
        return f"{name}-{'be' if big else 'le'}"
    return encoding


@lru_cache(maxsize=256)
def _fields(texts: tuple[str, ...], delimiter: str, codec: str) -> bytes:
    """Give texts as fields, each after a delimiter; neighbours in a report often have the same."""
    return "".join([delimiter + csv_field(text, delimiter) for text in texts]).encode(codec, "replace")


class _FieldWriter:
    """Appends fields to records, or puts them in the place of an earlier report's."""

    def __init__(self, facts: TableFacts, codec: str, replaced: Sequence[int]) -> None:
        assert facts.delimiter is not None
        self._delimiter = facts.delimiter
        self._codec = codec
        self._endings = [ending.encode(codec) for ending in ("\r\n", "\n", "\r")]
        self._replaced = tuple(replaced)
        self._width = 0

    def header(self, raw: bytes, width: int, headers: tuple[str, ...]) -> bytes:
        """Append the headers, unless they are there already."""
        self._width = width
        return raw if self._replaced else self._appended(raw, headers)

    def row(self, raw: bytes, fields: list[str], due: AddedRow) -> bytes:
        """Give a record with its new fields.

        A record with fewer or more fields than the header was refused for it, and must be refused again when
        the report is sent: so it stays shorter or longer. A shorter one is filled up, so that its status
        stands under its header, and goes without its last text, the time; a single text follows its end
        at once. In a longer one the texts follow its end too.
        """
        if self._replaced and len(fields) == self._width:
            return self._put(raw, due.texts)
        short = len(fields) < self._width
        if self._replaced:
            raw, fields = self._without_earlier(raw, fields)
        if not short or len(due.texts) == 1:
            return self._appended(raw, due.texts)
        filling = self._width - len(self._replaced) - len(fields)
        return self._appended(raw, (*[""] * filling, *due.texts[:-1]))

    def _appended(self, raw: bytes, texts: tuple[str, ...]) -> bytes:
        ending = self._ending(raw)
        return raw[: len(raw) - len(ending)] + _fields(texts, self._delimiter, self._codec) + ending

    def _ending(self, raw: bytes) -> bytes:
        return next(filter(raw.endswith, self._endings), b"")

    def _put(self, raw: bytes, texts: Sequence[str]) -> bytes:
        """Put new texts in the place of some fields; all other bytes stay."""
        text = raw.decode(self._codec)
        spans = self._spans(text)
        parts: list[bytes] = []
        done = 0
        for column, new in sorted(zip(self._replaced, texts, strict=True)):
            begin, end = spans[column]
            own = csv_field(new, self._delimiter).encode(self._codec, "replace")
            parts += (text[done:begin].encode(self._codec), own)
            done = end
        return b"".join((*parts, text[done:].encode(self._codec)))

    def with_texts(self, raw: bytes, width: int, texts: Mapping[int, str]) -> bytes:
        """Give a record of so many fields with other texts in some of them; a shorter one is filled up."""
        text = raw.decode(self._codec)
        ending = _LINE_END.search(text)
        end = ending.start() if ending else len(text)
        missing = max(texts) + 1 - width
        if missing > 0:
            text = text[:end] + self._delimiter * missing + text[end:]
        spans = self._spans(text)
        parts: list[str] = []
        done = 0
        for column, new in sorted(texts.items()):
            begin, stop = spans[column]
            parts += (text[done:begin], _quoted(new, self._delimiter))
            done = stop
        return "".join((*parts, text[done:])).encode(self._codec)

    def _without_earlier(self, raw: bytes, fields: list[str]) -> tuple[bytes, list[str]]:
        """Take the earlier result off a record that has fewer or more fields than the header."""
        count = len(self._replaced)
        first = self._width - count
        if self._replaced[0] != first:
            return raw, fields
        keep = len(fields)
        if first < len(fields) < self._width and fields[first] in ("ok", "no"):
            keep = first
        elif len(fields) >= count and fields[-count] in ("ok", "no"):
            keep = len(fields) - count
        if keep == len(fields):
            return raw, fields
        text = raw.decode(self._codec)
        end = self._spans(text)[keep][0] - len(self._delimiter)
        return text[:end].encode(self._codec) + self._ending(raw), fields[:keep]

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Give the place of each field in a record, quotes included."""
        ending = _LINE_END.search(text)
        end = ending.start() if ending else len(text)
        spans: list[tuple[int, int]] = []
        begin = 0
        while True:
            stop = begin
            if text[begin : begin + 1] == '"':
                stop = begin + 1
                while (stop := text.find('"', stop) + 1) and text[stop : stop + 1] == '"':
                    stop += 1
            stop = text.find(self._delimiter, stop, end)
            spans.append((begin, end if stop < 0 else stop))
            if stop < 0:
                return spans
            begin = stop + len(self._delimiter)


class DelimitedCells:
    """Writes a CSV with other texts in some of its fields."""

    def __init__(self, source: Path, facts: TableFacts, by_row: Mapping[int, Mapping[int, str]]) -> None:
        """Prepare.

        Args:
            source: the input.
            facts: its encoding, delimiter, header row.
            by_row: the new texts, by row number and column.
        """
        self._source, self._facts, self._by_row = source, facts, by_row

    def write(self, out: Sink) -> None:
        """Write the copy.

        Raises:
            UsageError: the file's encoding has no letter of a text.
            SourceError: the file changed since it was read, or has no such row.
        """
        if csv.field_size_limit() < LARGEST_FIELD:
            csv.field_size_limit(LARGEST_FIELD)
        due = dict(self._by_row)
        with _Records(self._source, self._facts) as records:
            writer = _FieldWriter(self._facts, records.codec, ())
            out.write(records.start)
            for number, (fields, raw) in enumerate(records, 1):
                texts = due.pop(number, None)
                if texts is None:
                    out.write(raw)
                    continue
                try:
                    out.write(writer.with_texts(raw, len(fields), texts))
                except UnicodeEncodeError as error:
                    raise UsageError(
                        f"Row {number}: the letter {error.object[error.start]!r} cannot be written in the "
                        f"encoding {self._facts.encoding}. Save the file as .xlsx, and choose it again.",
                        code="cannot-mend",
                    ) from error
            out.write(records.end)
        if due:
            raise SourceError(f"Row {min(due)} is not in the file.", code="no-such-row")


def _quoted(text: str, delimiter: str) -> str:
    """Give a person's own text as one field, without a guard, so that it is read as it was typed."""
    if any(sign in text for sign in (delimiter, '"', "\n", "\r")) or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text
