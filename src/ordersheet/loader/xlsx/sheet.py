"""A worksheet's XML -> raw rows, in one pass.

Expat reads every byte. Rows of the usual make are read by `plain_rows`, and expat only checks them, without
a call into Python for each of their elements; for all else it tells `SheetEvents` what it finds. Which of the
two is next is decided between rows, where expat is between two elements of sheetData.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from ordersheet.loader.xlsx.display import SheetDisplay
from ordersheet.loader.xlsx.events import SheetEvents, is_hidden_row
from ordersheet.loader.xlsx.plain_rows import PlainRows, RawRow
from ordersheet.loader.xlsx.shapes import ATTRIBUTES, Shapes
from ordersheet.ooxml.limits import LIMITS, Limits
from ordersheet.ooxml.part import PartParser, plain_prefix
from ordersheet.ooxml.text import codec_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST_ODD = 32
"""Rows in a row that are of no usual make; the rest of what is at hand is left to expat."""


class SheetParser:
    """Parses one worksheet part.

    Args:
        name: the part's name, for messages.
        blank: numbers of empty shared strings, as the file writes them.
        limits: how much it may hold.
        recalculates: whether the workbook asks to be computed anew when it is opened.

    Attributes:
        shapes: every shape met so far; a row names them by their place here.
        display: what the sheet says of its columns, merged cells and of how values are shown; complete when
            all rows were read.
    """

    def __init__(
        self, name: str, blank: set[str], limits: Limits = LIMITS, *, recalculates: bool = False
    ) -> None:
        self.limits = limits
        self._shapes = Shapes(name, blank, limits)
        self.shapes = self._shapes.all
        self.display = SheetDisplay(name, limits, recalculates=recalculates)
        self._name = name
        self._blank = blank

    def parse(self, chunks: Iterable[bytes]) -> Iterator[list[RawRow]]:
        """Parse the part; gives the filled rows in portions.

        Raises:
            SourceError: where it is damaged or beyond the limits.
        """
        parts = iter(chunks)
        first = next(parts, b"")
        prefix = plain_prefix(first)
        parser = PartParser(self._name, namespaces=prefix is None, limits=self.limits)
        events = SheetEvents(parser, prefix, self._shapes, self.display, self.limits)
        plain = None
        if prefix is not None and codec_of(first) in ("utf-8", "ascii"):
            plain = PlainRows(
                prefix,
                shapes=self._shapes.numbers,
                is_hidden=_hides,
                is_blank=self._shapes.is_blank,
                blank=self._blank,
                limits=self.limits,
                formulas=not self.display.recalculates,
            )
        buffer = b""
        for chunk in chain((first,), parts):
            buffer += chunk
            if plain is None or events.irregular:
                parser.feed(buffer)
                buffer = b""
                yield events.take()
                continue
            rows, buffer = self._feed(buffer, parser, events, plain)
            yield rows
        parser.feed(buffer, last=True)
        yield events.take()

    def _feed(
        self, buffer: bytes, parser: PartParser, events: SheetEvents, plain: PlainRows
    ) -> tuple[list[RawRow], bytes]:
        """Read as far as rows are complete; gives them, and what is held back."""
        rows: list[RawRow] = []
        at = odd = 0
        while at < len(buffer) and not events.irregular:
            if events.between_rows:
                begin = at
                found, at, number = plain.take(buffer, at, events.number)
                odd = 0 if at > begin else odd + 1
                if odd > _MOST_ODD:
                    end = buffer.rfind(b">") + 1
                    events.look_over(buffer, at, end)
                    parser.feed(buffer[at:end])
                    return rows + events.take(), buffer[end:]
                if at > begin:
                    events.pause()
                    parser.feed(buffer[begin:at])
                    events.resume(number)
                    rows += found
            end = events.next_end(buffer, at)
            if end <= at:
                return rows, buffer[at:]
            parser.feed(buffer[at:end])
            at = end
            rows += events.take()
        parser.feed(buffer[at:])
        return rows + events.take(), b""


def _hides(attributes: str) -> bool | None:
    if "xmlns" in attributes:
        return None
    return is_hidden_row(dict(ATTRIBUTES.findall(attributes)))
