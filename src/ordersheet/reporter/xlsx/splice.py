"""Columns put into a sheet's own XML: cells at the end of each row, and nothing else touched."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import column_letters
from ordersheet.ooxml.edits import Edits, tags
from ordersheet.ooxml.references import MAX_COLUMN, CellRange, parse_range
from ordersheet.ooxml.refusals import CannotSplice
from ordersheet.reporter.text import text_element
from ordersheet.reporter.xlsx.scan import RowShapes, SheetReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ordersheet.ooxml.edits import Tag
    from ordersheet.reporter.added_columns import Added, AddedRow
    from ordersheet.reporter.xlsx.scan import RowBytes, SheetOutline

WRITE_BLOCK = 1 << 18
_SPANS = re.compile(rb"""(\sspans\s*=\s*["'])(\d+):(\d+)(["'])""")
_ROW_STYLE = re.compile(rb"""\ss\s*=\s*["'](\d+)["']""")
_ROW_STYLE_COUNTS = re.compile(rb"""\scustomFormat\s*=\s*["'](?:1|true)["']""")


def widened(block: CellRange, last_column: int) -> str:
    """Write a block with another last column."""
    return block._replace(last_column=last_column).address


class AddedPlace(NamedTuple):
    """Where columns are added to a sheet, and which of its columns holds the order IDs."""

    columns: tuple[int, ...]
    """Side by side and in order."""
    header_row: int
    id_column: int | None
    """None where it is not known."""

    def joins(self, block: CellRange) -> bool:
        """Tell whether a table or filter is the orders' own, and ends where the added columns begin."""
        return (
            block.last_column == self.columns[0] - 1
            and self.header_row <= block.first_row <= self.header_row + 1
            and self._is_orders(block)
        )

    def is_beside(self, block: CellRange) -> bool:
        """Tell whether a table or filter is the orders' own, and the added columns stand apart from it."""
        return (
            block.first_row == self.header_row
            and block.last_column < self.columns[0]
            and self._is_orders(block)
            and not self.joins(block)
        )

    def _is_orders(self, block: CellRange) -> bool:
        return self.id_column is None or block.first_column <= self.id_column <= block.last_column


def outer_edits(outline: SheetOutline, place: AddedPlace, widths: Sequence[int] | None) -> Edits:
    """Plan the changes outside the rows: dimension, column widths, filter.

    Args:
        outline: what the sheet holds.
        place: where the columns are added.
        widths: their widths in characters; None leaves the sheet's columns alone.

    Returns:
        Edits by offset in `outline.head + outline.tail`.
    """
    data = outline.head + outline.tail
    elements = [tag for tag in tags(data) if tag.path[:1] == ("worksheet",)]
    edits = Edits()
    for tag in elements:
        if tag.name == "dimension" and tag.path == ("worksheet",):
            _widen_dimension(edits, data, tag, outline, place.columns)
        elif tag.name in ("autoFilter", "sortState") and tag.path[1:] in ((), ("autoFilter",)):
            block = parse_range(tag.attributes.get("ref", ""))
            if block is not None and place.joins(block):
                edits.attribute(data, tag, "ref", widened(block, place.columns[-1]))
    if widths is not None:
        _set_widths(edits, data, elements, outline, place.columns, widths)
    return edits


def filter_beside(outline: SheetOutline, place: AddedPlace) -> bool:
    """Tell whether the orders have a filter that the added columns stand apart from."""
    return any(
        (block := parse_range(tag.attributes.get("ref", ""))) is not None and place.is_beside(block)
        for tag in tags(outline.head + outline.tail)
        if tag.name == "autoFilter" and tag.path == ("worksheet",)
    )


def merged_columns(outline: SheetOutline, header_row: int) -> int:
    """Give the last column of any merged block that reaches below the header row's top, -1 for none."""
    last = -1
    for tag in tags(outline.head + outline.tail):
        if tag.name == "mergeCell" and tag.path == ("worksheet", "mergeCells"):
            block = parse_range(tag.attributes.get("ref", ""))
            if block is not None and block.last_row >= header_row:
                last = max(last, block.last_column)
    return last


def _widen_dimension(
    edits: Edits, data: bytes, tag: Tag, outline: SheetOutline, columns: Sequence[int]
) -> None:
    block = parse_range(tag.attributes.get("ref", ""))
    if block is not None:
        block = block._replace(last_row=max(block.last_row, outline.last_row))
        edits.attribute(data, tag, "ref", widened(block, max(block.last_column, columns[-1])))


def _set_widths(
    edits: Edits,
    data: bytes,
    elements: list[Tag],
    outline: SheetOutline,
    columns: Sequence[int],
    widths: Sequence[int],
) -> None:
    """Give the added columns a width of their own, and show them where a hidden block covers them."""
    p = outline.prefix
    cols = next((tag for tag in elements if tag.name == "cols" and tag.path == ("worksheet",)), None)
    if cols is None:
        sheet_data = next(tag for tag in elements if tag.name == "sheetData" and tag.path == ("worksheet",))
        own = "".join(_col(p, c, w, None) for c, w in zip(columns, widths, strict=True))
        edits.replace(sheet_data.begin, sheet_data.begin, f"<{p}cols>{own}</{p}cols>".encode())
        return
    first, last = columns[0] + 1, columns[-1] + 1
    styles: dict[int, str] = {}
    before, after = b"", b""
    for tag in elements:
        if tag.name != "col" or tag.path != ("worksheet", "cols"):
            continue
        low, high = int(tag.attributes.get("min", "0")), int(tag.attributes.get("max", "0"))
        if "style" in tag.attributes:
            covered = range(max(low, first), min(high, last) + 1)
            styles |= dict.fromkeys(covered, tag.attributes["style"])
        before += _narrowed(data, tag, low, min(high, first - 1))
        after += _narrowed(data, tag, max(low, last + 1), high)
    own = "".join(_col(p, c, w, styles.get(c + 1)) for c, w in zip(columns, widths, strict=True))
    edits.replace(cols.inner, cols.close, before + own.encode() + after)


def _col(prefix: str, column: int, width: int, style: str | None) -> str:
    styled = f' style="{style}"' if style else ""
    return f'<{prefix}col min="{column + 1}" max="{column + 1}" width="{width}"{styled} customWidth="1"/>'


def _narrowed(data: bytes, tag: Tag, low: int, high: int) -> bytes:
    """Give a col element for a part of its columns; nothing for none."""
    if low > high:
        return b""
    edits = Edits()
    edits.attribute(data, tag, "min", str(low))
    edits.attribute(data, tag, "max", str(high))
    return edits.apply(data[tag.begin : tag.end], tag.begin)


class RowSplicer:
    """Writes a sheet's rows with the added cells in them."""

    def __init__(
        self, outline: SheetOutline, columns: Sequence[int], header_row: int, *, keep_header: bool
    ) -> None:
        """Prepare.

        Args:
            outline: what the sheet holds.
            columns: the added columns, side by side and in order.
            header_row: the header row's number.
            keep_header: the headers are there already, and what stands below them is replaced.
        """
        self._columns = columns
        self._header_row = header_row
        self._replace = keep_header
        self._free = outline.last_cell < columns[0]
        self._header_style = outline.header_last.style
        p = self._prefix = outline.prefix
        self._t = f"{p}t"
        self._shapes = RowShapes(p.encode())
        self._letters = [column_letters(column) for column in columns]
        self._spans: dict[bytes, bytes] = {}
        self._forms: dict[tuple[str | None, ...], str] = {}
        self._row_end = f"</{p}row>".encode()

    def splice(self, chunks: Iterable[bytes], added: Added, bad_style: str | None) -> Iterator[bytes]:
        """Give the bytes of all rows, without what stands around them.

        Args:
            chunks: the part as UTF-8.
            added: headers and rows.
            bad_style: the index of the style for cells of bad rows; None for none.

        Raises:
            ValueError: where a result belongs to no row of the sheet.
        """
        rows = iter(added.rows)
        due = next(rows, None)
        block: list[bytes] = []
        size = 0
        for row in SheetReader(chunks).rows():
            if row.number == self._header_row and not self._replace:
                parts = self._header(row, added.headers)
            elif row.number <= self._header_row:
                parts = row[1:]
            elif due is not None and due.row == row.number:
                parts = self._with_cells(row, due, bad_style)
                due = next(rows, None)
            else:
                parts = self._with_cells(row, None, None) if self._replace else row[1:]
            block += parts
            size += len(row.body)
            if size >= WRITE_BLOCK:
                yield b"".join(block)
                block.clear()
                size = 0
        yield b"".join(block)
        if due is not None:
            raise ValueError(f"row {due.row} has a result and is not in the sheet, or comes out of order")

    def _header(self, row: RowBytes, headers: Sequence[str]) -> Iterable[bytes]:
        styles = [self._header_style] * len(headers)
        return self._put(row, headers, styles)

    def _with_cells(self, row: RowBytes, due: AddedRow | None, bad_style: str | None) -> Iterable[bytes]:
        style: str | None = None
        if due is not None and due.bad and bad_style is not None:
            style = bad_style
        elif (
            b"customFormat" in row.tag
            and _ROW_STYLE_COUNTS.search(row.tag)
            and (own := _ROW_STYLE.search(row.tag))
        ):
            style = own[1].decode()
        texts: Sequence[str] = due.texts if due is not None else [""] * len(self._columns)
        return self._put(row, texts, [style] * len(texts))

    def _put(self, row: RowBytes, texts: Sequence[str], styles: Sequence[str | None]) -> Iterable[bytes]:
        """Put cells into a row; what stands in their place is a blank or an earlier result."""
        tag = row.tag if not row.tag.endswith(b"/>") else row.tag[:-2].rstrip() + b">"
        if b"spans" in tag:
            tag = self._widened(tag)
        close = row.close or self._row_end
        last = -1 if self._free else self._shapes.last_column(row.body)
        if last is not None and last < self._columns[0]:
            return row.gap, tag, row.body, self._cells(row.number, texts, styles), close
        cells = self._shapes.cells(row.body)
        first, end = self._columns[0], self._columns[-1]
        ours = [cell for cell in cells if first <= cell.column <= end]
        if not self._replace:
            blank = {cell.column: cell.style for cell in ours}
            styles = [style or blank.get(c) for style, c in zip(styles, self._columns, strict=True)]
        begin = next((cell.begin for cell in cells if cell.column >= first), len(row.body))
        after = ours[-1].end if ours else begin
        new = self._cells(row.number, texts, styles)
        return row.gap, tag, row.body[:begin], new, row.body[after:], close

    def _widened(self, tag: bytes) -> bytes:
        """Let a row's `spans` reach to the last added column; nearly all rows have the same."""
        match = _SPANS.search(tag)
        if match is None:
            return tag
        wider = self._spans.get(match[0])
        if wider is None:
            last = max(match[3], str(self._columns[-1] + 1).encode(), key=int)
            wider = self._spans[match[0]] = match[1] + match[2] + b":" + last + match[4]
        return tag[: match.start()] + wider + tag[match.end() :]

    def _cells(self, number: int, texts: Sequence[str], styles: Sequence[str | None]) -> bytes:
        if all(texts):
            shape = tuple(styles)
            form = self._forms.get(shape)
            if form is None:
                cells = zip(self._letters, styles, strict=True)
                form = self._forms[shape] = "".join(self._form(letters, style) for letters, style in cells)
            values = [value for text in texts for value in (number, text_element(text, self._t))]
            return (form % tuple(values)).encode()
        parts: list[str] = []
        for letters, text, style in zip(self._letters, texts, styles, strict=True):
            if text:
                parts.append(self._form(letters, style) % (number, text_element(text, self._t)))
            elif style:
                parts.append(f'<{self._prefix}c r="{letters}{number}" s="{style}"/>')
        return "".join(parts).encode()

    def _form(self, letters: str, style: str | None) -> str:
        """Give a cell with places for its row's number and its text."""
        p = self._prefix
        styled = f' s="{style}"' if style else ""
        return f'<{p}c r="{letters}%d"{styled} t="inlineStr"><{p}is>%s</{p}is></{p}c>'


def check_room(columns: Sequence[int]) -> None:
    """Refuse columns beyond the last one that a sheet can have."""
    if columns[-1] >= MAX_COLUMN:
        raise CannotSplice("there is no room at the right of its columns")
