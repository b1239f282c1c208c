"""Rows of the usual make, read by their bytes: most rows of most sheets.

Such a row holds cells with a value, or nothing: `<row r="2"><c r="A2" s="1"><v>5</v></c></row>`. Cut at its
values, what is left of it is the same for most rows but for the row's number, and what it means is looked
up at once for the whole row. Rows with plain formulas or texts of their own are read by a pattern. A row
in which one byte is left over, or that is made in any other way, is for expat; and expat checks the bytes
of all of them, so that what is read here is well-formed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.ooxml.refusals import too_big

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.ooxml.limits import Limits

_REMEMBERED = 4 * 2**20
"""Bytes of frames that are remembered."""

FIELD = "\x1f"
"""Between the texts of a row; XML 1.0 has no such character."""
_FIELD = FIELD.encode()
_NUMBER = b"\0"
"""Where a row's number stands in a frame; XML has no such character either."""

_CELL = rb'<{p}c r="([A-Z]{1,3})([0-9]+)"((?: s="[0-9]{1,7}")?(?: t="(?:n|s|str|inlineStr|b|e|d)")?)'
_ROW = rb'(\s*<{p}row r=")([1-9][0-9]{0,6})("(?: [A-Za-z0-9:]+="[^"<>&]*")*>)'
_FRAME = _ROW + rb"((?:{c}/?>)*)</{p}row>"
"""A row without its values."""
_VALUE = rb"(?>[^<&\r]+|&(?:amp|lt|gt|quot|apos);)*"
_NO_INLINE = rb'(?<!"inlineStr")'
_ANY_CELL = (
    rb"(?:/>|" + _NO_INLINE + rb"><{p}v>((?!<)" + _VALUE + rb")</{p}v></{p}c>"
    rb"|" + _NO_INLINE + rb"><{p}f>[^<]*</{p}f><{p}v>((?!<)" + _VALUE + rb")</{p}v></{p}c>"
    rb'|(?<="inlineStr")><{p}is><{p}t'
    rb'(?: xml:space="preserve">(' + _VALUE + rb")|>((?![ \t\n])" + _VALUE + rb"(?<![ \t\n])))"
    rb"</{p}t></{p}is></{p}c>)"
)
"""Also formulas with their values, and texts that stand in the sheet."""
_ANY_ROW = _ROW + rb"((?>{c}{any})*+)</{p}row>"
_ODD = re.compile(rb"<|\r|&(?!(?:amp|lt|gt|quot|apos);)")
"""What no plain value holds."""
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
"""The ampersand last, so that what it guards is not taken for another."""


class RawRow(NamedTuple):
    """A row as it is stored: what its filled cells are, and their raw texts."""

    number: int
    hidden: bool
    shapes: str
    """The numbers of the cells' shapes, parted by blanks."""
    values: str
    """As many texts, parted by FIELD."""


class CellTag(NamedTuple):
    """What the tag of a cell says."""

    letters: str
    attributes: str
    formula: bool


class _Frame(NamedTuple):
    """What rows have in common that differ in their number and values alone."""

    bytes: bytes
    """Their bytes, with a sign for the row's number."""
    hidden: bool
    shapes: tuple[str, ...]
    """The numbers of the filled cells' shapes."""
    named: str
    """The same as one text."""


class PlainRows:
    """Reads rows of the usual make.

    Args:
        prefix: what stands before the names of elements, such as `x:`; most often nothing.
        shapes: gives the numbers of the cells' shapes; None where expat shall judge them.
        is_hidden: tells from a row's attributes whether it is hidden; None where expat shall judge them.
        is_blank: tells by its shape and value whether a cell shows an empty shared string.
        blank: numbers of empty shared strings, as the file writes them.
        limits: how much it may hold.
        formulas: whether rows with formulas may be read so; where values may be stale, expat tells the empty.
    """

    def __init__(
        self,
        prefix: str,
        *,
        shapes: Callable[[list[CellTag]], tuple[str, ...] | None],
        is_hidden: Callable[[str], bool | None],
        is_blank: Callable[[str, str], bool],
        blank: set[str],
        limits: Limits,
        formulas: bool = True,
    ) -> None:
        self._limits = limits
        self._formulas = formulas
        self._shapes = shapes
        self._is_hidden = is_hidden
        self._is_blank = is_blank
        self._blank = {number.encode() for number in blank}
        self._frames: dict[bytes, _Frame] = {}
        self._size = 0
        p = re.escape(prefix).encode()
        self._row_end = b"</" + prefix.encode() + b"row>"
        self._value_begin = b"<" + prefix.encode() + b"v>"
        self._value_end = b"</" + prefix.encode() + b"v></" + prefix.encode() + b"c>"
        self._frame_pattern = _compiled(_FRAME, p)
        self._cell_tag = _compiled(_CELL + rb"(/?)>", p)
        self._any_row = _compiled(_ANY_ROW, p)
        self._any_cell = _compiled(_CELL + _ANY_CELL, p)

    def take(self, buffer: bytes, at: int, before: int) -> tuple[list[RawRow], int, int]:
        """Read rows as long as they are of the usual make.

        Args:
            buffer: a part of the sheet.
            at: where in it the next row may begin.
            before: the last row's number.

        Returns:
            The filled rows, where they end, and the last one's number.
        """
        rows: list[RawRow] = []
        size = len(self._row_end)
        while True:
            end = buffer.find(self._row_end, at)
            if end < 0:
                return rows, at, before
            end += size
            row = self._read(buffer[at:end])
            if row is None or not before < row.number <= self._limits.rows:
                return rows, at, before
            at, before = end, row.number
            if row.shapes:
                rows.append(row)

    def _read(self, row: bytes) -> RawRow | None:
        """Read one row; None where it is for expat."""
        parts = row.replace(self._value_end, self._value_begin).split(self._value_begin)
        begin = row.find(b'r="') + 3
        number = row[begin : row.find(b'"', begin)]
        bare = b"".join(parts[::2])
        key = bare.replace(number + b'"', b'\0"')
        frame = self._frames.get(key)
        if frame is None or frame.bytes.replace(_NUMBER, number) != bare:
            frame = self._new_frame(bare, parts[::2], number)
            if frame is None:
                return self._read_any(row)
            self._size += len(bare)
            if self._size > _REMEMBERED:
                self._frames.clear()
                self._size = len(bare)
            self._frames[key] = frame
        values = parts[1::2]
        if b"" in values:
            return None  # an empty value is not the same as none: expat's to tell
        if self._blank and not self._blank.isdisjoint(values):
            filled = self._filled(frame.shapes, values)
            return self._made(int(number), filled[0], filled[1], hidden=frame.hidden)
        return self._made(int(number), frame.named, values, hidden=frame.hidden)

    def _made(self, number: int, shapes: str, values: list[bytes], *, hidden: bool) -> RawRow | None:
        joined = _FIELD.join(values)
        if b"<" in joined or b"&" in joined or b"\r" in joined:
            if _ODD.search(joined):
                return None
            text = joined.decode("utf-8", "replace")
            for entity, sign in _ENTITIES:
                text = text.replace(entity, sign)
        else:
            text = joined.decode("utf-8", "replace")  # what is no UTF-8, expat refuses
        if len(joined) > self._limits.row_text:
            raise too_big(f"The sheet has a row of more than {self._limits.row_text:,} characters")
        return RawRow(number, hidden, shapes, text)

    def _new_frame(self, bare: bytes, tags: list[bytes], number: bytes) -> _Frame | None:
        match = self._frame_pattern.fullmatch(bare)
        if match is None or match[2] != number:
            return None
        hidden = self._is_hidden(match[3].decode("utf-8", "replace"))
        cells = self._cell_tag.findall(match[4])
        if hidden is None or any(digits != number for _, digits, _, _ in cells):
            return None
        # Before each value stand the tags of empty cells, and at last that of the value's own cell.
        filled = [self._cell_tag.findall(part)[-1] for part in tags[:-1]]
        if any(empty for _, _, _, empty in filled) or len(filled) != sum(not cell[3] for cell in cells):
            return None
        shapes = self._shapes(
            [
                CellTag(letters.decode(), attributes.decode(), formula=False)
                for letters, _, attributes, _ in filled
            ]
        )
        if shapes is None:
            return None
        numbered = self._cell_tag.sub(
            lambda tag: tag[0].replace(tag[1] + tag[2] + b'"', tag[1] + b'\0"', 1), match[4]
        )
        whole = match[1] + _NUMBER + match[3] + numbered + self._row_end
        return _Frame(whole, hidden, shapes, " ".join(shapes))

    def _read_any(self, row: bytes) -> RawRow | None:
        """Read a row that may also hold formulas, and texts of its own."""
        match = self._any_row.fullmatch(row) if self._formulas else None
        if match is None:
            return None
        number = match[2]
        hidden = self._is_hidden(match[3].decode("utf-8", "replace"))
        tags, values = [], []
        for letters, digits, attributes, value, result, kept, trimmed in self._any_cell.findall(match[4]):
            if digits != number:
                return None
            if found := value or result or kept or trimmed:
                tags.append(CellTag(letters.decode(), attributes.decode(), bool(result)))
                values.append(found)
        shapes = self._shapes(tags)
        if hidden is None or shapes is None:
            return None
        filled = self._filled(shapes, values)
        return self._made(int(number), filled[0], filled[1], hidden=hidden)

    def _filled(self, shapes: tuple[str, ...], values: list[bytes]) -> tuple[str, list[bytes]]:
        """Leave out the cells of empty shared strings."""
        kept = [
            (shape, value)
            for shape, value in zip(shapes, values, strict=True)
            if value not in self._blank or not self._is_blank(shape, value.decode())
        ]
        return " ".join(shape for shape, _ in kept), [value for _, value in kept]


def _compiled(pattern: bytes, prefix: bytes) -> re.Pattern[bytes]:
    """Compile a pattern: with `{c}` for a cell's tag and `{any}` for its rest, both without groups."""
    for name, part in ((b"{c}", _CELL), (b"{any}", _ANY_CELL)):
        pattern = pattern.replace(name, re.sub(rb"(?<!\\)\((?!\?)", b"(?:", part))
    return re.compile(pattern.replace(b"{p}", prefix))
