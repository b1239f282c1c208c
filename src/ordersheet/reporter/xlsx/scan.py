"""A sheet's XML read row by row as bytes, each of which can be given back as it was.

Rows are found by their tags, not by building elements: `<` never stands in XML text or in an attribute, so
that a tag can be told from text without a parser. Whether the sheet is well-formed is expat's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import column_index
from ordersheet.ooxml.edits import tag_end
from ordersheet.ooxml.part import PartParser, main_name
from ordersheet.ooxml.refusals import CannotSplice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ATTRIBUTES = rb"""(?:[\s/](?:[^<>"']|"[^"<]*"|'[^'<]*')*)?>"""
_ROW_NUMBER = re.compile(rb"""\sr\s*=\s*["'](\d+)["']""")
_CELL_PLACE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,3})\d*["']""")
_STYLE = re.compile(rb"""\ss\s*=\s*["'](\d+)["']""")
_NOT_ELEMENTS = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)
_SKIPPED = ((b"<!--", b"-->"), (b"<![CDATA[", b"]]>"), (b"<?", b"?>"))


class RowBytes(NamedTuple):
    """One row; its four parts joined are its bytes."""

    number: int
    gap: bytes
    """What stands between the row before and this one."""
    tag: bytes
    body: bytes
    close: bytes
    """Empty for a row written as one tag."""


class RawCell(NamedTuple):
    """One cell of a row."""

    column: int
    begin: int
    """Offset in the row's body."""
    end: int
    blank: bool
    """Without a value; it may have a style."""
    style: str | None


@dataclass(frozen=True, slots=True)
class SheetOutline:
    """What one reading of a sheet found, from its header row down."""

    head: bytes
    """Everything up to the end of the start tag of sheetData."""
    tail: bytes
    """Everything from the end tag of sheetData."""
    prefix: str
    last_column: int
    """The last column with something in it, in the header row or below."""
    last_cell: int
    """The last column with any cell there, blank ones included."""
    header_last: RawCell
    """The header row's last cell with something in it."""
    last_row: int


class RowShapes:
    """Tells the last cell of a row from the columns of its cells; most rows of a sheet are alike."""

    def __init__(self, prefix: bytes) -> None:
        self._refs = re.compile(
            rb"<" + prefix + rb"""c(?:\sr="([A-Z]{1,3})[0-9]+"|(?=[\s/>]))""",
        )
        self._cell = re.compile(rb"<" + prefix + rb"c" + _ATTRIBUTES)
        self._close = re.compile(rb"</" + prefix + rb"c\s*>")
        self._last: dict[tuple[bytes, ...], int | None] = {}

    def last_column(self, body: bytes) -> int | None:
        """Give the column of a row's last cell, -1 without cells, None where the cells need a closer look."""
        if b"<!" in body or b"<?" in body:
            return None
        refs = tuple(self._refs.findall(body))
        if refs not in self._last:
            if len(self._last) > 1 << 14:
                self._last.clear()
            columns = [column_index(ref.decode()) for ref in refs]
            plain = b"" not in refs
            if plain and any(a >= b for a, b in pairwise(columns)):
                raise CannotSplice("cells of a row are not in order")
            self._last[refs] = (columns[-1] if columns else -1) if plain else None
        return self._last[refs]

    def cells(self, body: bytes) -> list[RawCell]:
        """List a row's cells."""
        if b"<!" in body or b"<?" in body:
            body = _NOT_ELEMENTS.sub(lambda match: b"x" * len(match[0]), body)
        cells: list[RawCell] = []
        at, column = 0, -1
        while (tag := self._cell.search(body, at)) is not None:
            place = _CELL_PLACE.search(tag[0])
            before, column = column, column_index(place[1].decode()) if place else column + 1
            if column <= before:
                raise CannotSplice("cells of a row are not in order")
            style = _STYLE.search(tag[0])
            end = tag.end()
            blank = tag[0].endswith(b"/>")
            if not blank:
                close = self._close.search(body, end)
                if close is None:
                    raise CannotSplice("a cell in it has no end")
                blank, end = close.start() == end, close.end()
            cells.append(RawCell(column, tag.start(), end, blank, style[1].decode() if style else None))
            at = end
        return cells


class SheetReader:
    """Reads a sheet's bytes once, from its beginning: `head`, then `rows()`, then `tail()`."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        """Read up to the first row.

        Args:
            chunks: the part as UTF-8.

        Raises:
            CannotSplice: where it is no sheet with rows.
        """
        self._chunks = iter(chunks)
        self._rest = b""
        self.head, self.prefix = self._read_head()
        self._row = re.compile(b"<" + self.prefix + b"row" + _ATTRIBUTES)
        self._row_end = re.compile(b"</" + self.prefix + rb"row\s*>")
        self._end = b"</" + self.prefix + b"sheetData"

    def rows(self) -> Iterator[RowBytes]:
        """Read the rows.

        Raises:
            CannotSplice: where they cannot be told apart safely.
        """
        buffer, at, before = self._rest, 0, 0
        while True:
            found = self._next_row(buffer, at)
            if found is None:
                chunk = next(self._chunks, None)
                if chunk is None:
                    raise CannotSplice("its rows are cut off")
                buffer, at = buffer[at:] + chunk, 0
                continue
            begin, inner, close, end = found
            if inner == end == begin:
                self._rest = buffer[at:]
                return
            tag = buffer[begin:inner]
            stated = _ROW_NUMBER.search(tag)
            number = int(stated[1]) if stated else before + 1
            if number <= before:
                raise CannotSplice(f"its row {number} stands twice or out of order")
            yield RowBytes(number, buffer[at:begin], tag, buffer[inner:close], buffer[close:end])
            at, before = end, number

    def tail(self) -> Iterator[bytes]:
        """Give what follows the rows."""
        yield self._rest
        yield from self._chunks

    def _next_row(self, buffer: bytes, at: int) -> tuple[int, int, int, int] | None:
        """Find a row's begin, inner begin, close and end; all alike where the rows end; None: read on."""
        begin = buffer.find(b"<", at)
        while begin >= 0 and (row := self._row.match(buffer, begin)) is None:
            if buffer.startswith(self._end, begin):
                return begin, begin, begin, begin
            behind = _behind_other(buffer, begin)
            begin = buffer.find(b"<", behind) if behind >= 0 else -1
        if begin < 0 or row is None:
            return None
        inner = row.end()
        if buffer[inner - 2] == ord("/"):
            return begin, inner, inner, inner
        end = self._find_end(buffer, inner)
        return None if end is None else (begin, inner, *end)

    def _find_end(self, buffer: bytes, at: int) -> tuple[int, int] | None:
        while True:
            end = self._row_end.search(buffer, at)
            if end is None:
                return None
            other = _first_other(buffer, at, end.start())
            if other < 0:
                return end.span()
            at = _behind_other(buffer, other)
            if at < 0:
                return None

    def _read_head(self) -> tuple[bytes, bytes]:
        found: list[tuple[int, str]] = []
        path: list[str] = []
        parser = PartParser("", encoding="utf-8")

        def start(name: str, _attributes: dict[str, str]) -> None:
            path.append(name)
            if main_name(name) == "sheetData" and path[1:] == [name]:
                found.append((parser.expat.CurrentByteIndex, path[0]))

        def end(_: str) -> None:
            path.pop()

        parser.expat.StartElementHandler = start
        parser.expat.EndElementHandler = end
        data = b""
        for chunk in self._chunks:
            data += chunk
            parser.feed(chunk)
            if found:
                break
        if not found:
            raise CannotSplice("its sheet has no rows")
        begin, root = found[0]
        inner = tag_end(data, begin)
        if data[inner - 2 : inner] == b"/>" or root.rpartition(" ")[2] != "worksheet":
            raise CannotSplice("its sheet has no rows")
        self._rest = data[inner:]
        name = re.split(rb"[\s/>]", data[begin + 1 : inner], maxsplit=1)[0]
        return data[:inner], name[: -len(b"sheetData")]


def _first_other(buffer: bytes, begin: int, end: int) -> int:
    """Give the place of the first comment, CDATA section or instruction in a stretch, -1 for none."""
    mark = buffer.find(b"<!", begin, end)
    instruction = buffer.find(b"<?", begin, end)
    return min(mark, instruction) if mark >= 0 and instruction >= 0 else max(mark, instruction)


def _behind_other(buffer: bytes, begin: int) -> int:
    """Give the place behind a comment, a CDATA section or an instruction; -1 where it is not all there."""
    for mark, end in _SKIPPED:
        if buffer.startswith(mark, begin):
            place = buffer.find(end, begin + len(mark))
            return place + len(end) if place >= 0 else -1
    rest = buffer[begin:]
    if b">" in rest and not rest.startswith(b"<!"):
        raise CannotSplice("its rows hold something that is no row")
    return -1


def outline(chunks: Iterable[bytes], header_row: int) -> SheetOutline:
    """Read a sheet through and find what must be known before anything is written.

    Args:
        chunks: the part as UTF-8.
        header_row: the header row's number.

    Raises:
        SourceError: where it is damaged.
        CannotSplice: where columns cannot be added safely.
    """
    reader = SheetReader(_well_formed(chunks))
    shapes = RowShapes(reader.prefix)
    last_column, last_cell, last_row = -1, -1, 0
    header: list[RawCell] = []
    for row in reader.rows():
        last_row = row.number
        if row.number < header_row:
            continue
        if row.number == header_row:
            header = [cell for cell in shapes.cells(row.body) if not cell.blank]
        last = shapes.last_column(row.body)
        if last is None or last > last_column:
            found = shapes.cells(row.body)
            last_column = max([last_column, *(cell.column for cell in found if not cell.blank)])
            last_cell = max([last_cell, *(cell.column for cell in found)])
    if not header:
        raise CannotSplice(f"its header row {header_row} is not where it was")
    tail = b"".join(reader.tail())
    prefix = reader.prefix.decode()
    return SheetOutline(reader.head, tail, prefix, last_column, last_cell, header[-1], last_row)


def _well_formed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    parser = PartParser("", encoding="utf-8")
    for chunk in chunks:
        parser.feed(chunk)
        yield chunk
    parser.feed(b"", last=True)
