"""Raw cells of a worksheet -> cells as the person sees them, or with the reason why they cannot be trusted.

A reader is made once for each shape (column, style, type, formula). What a number looks like is remembered
for each style, since the same dates and amounts come again and again.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeAlias

from ordersheet.core.model import Cell, CellKind
from ordersheet.loader.cells import (
    HOLDS_PICTURE,
    NO_SAVED_VALUE,
    NOTHING,
    STALE_VALUE,
    SeenValue,
    plain_value,
    see_error,
    see_moment,
    see_number,
    see_text,
    see_truth,
    text_problem,
)
from ordersheet.loader.numberformat.render import compile_format
from ordersheet.ooxml.references import PICTURE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.loader.xlsx.styles import Styles
    from ordersheet.ooxml.references import Shape

Reader: TypeAlias = "Callable[[str, int], Cell | None]"
"""Makes a cell of its raw text and its row's number; None for a blank one."""

_GARBLED = "This cell's content is garbled ({!r} as {}). Type it again."
_NO_STYLE = "The file does not say how this number is shown. Format the column as text or as a plain number."
_HALF_CHARACTER = "This text holds half of a character. Type it again."

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,4})?", re.ASCII)
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REMEMBERED = 65_536
"""Raw texts that are remembered, all styles together."""
_GENERAL_DIGITS = 11
_LONG = 64
"""No number, date or truth value has so many signs; such a text is not remembered."""
_EXACT = 15
"""A raw text of so many signs has no more digits than Excel keeps."""


def _digits(raw: str) -> str:
    bare = raw.strip()
    if not bare.isdigit():
        raise ValueError(raw)
    return bare


def decode_escapes(text: str) -> str:
    """Give a text with Excel's `_x000D_` escapes decoded; `_x005F_` guards what only looks like one."""
    if "_x" not in text:
        return text
    decoded = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    if any("\ud800" <= sign <= "\udfff" for sign in decoded):
        return decoded.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return decoded


class CellReaders:
    """Makes the readers of a workbook's cells.

    Args:
        styles: the workbook's styles.
        strings: gives a shared string by its number.
        recalculates: whether the workbook asks to be computed anew when it is opened, so that no formula's
            saved value can be trusted.
    """

    def __init__(self, styles: Styles, strings: Callable[[int], str], *, recalculates: bool = False) -> None:
        self._styles = styles
        self._strings = strings
        self.recalculates = recalculates
        self._remembered: dict[tuple[str, int], dict[str, SeenValue]] = {}

    def reader(self, shape: Shape) -> Reader:
        """Make the reader of one shape."""
        column = shape.column
        if shape.type == "s":
            return self._shared_reader(shape)
        read = _text_reader if shape.type in ("str", "inlineStr") else self._remembering_reader
        made = read(shape, self._seer(shape))
        if shape.formula:
            return self._formula_reader(made, column)
        shown_as = self._styles.format_of(shape.style)
        if shape.type == "n" and shown_as is not None and shown_as.is_general:
            return _general_reader(made, column)
        return made

    def _remembering_reader(self, shape: Shape, see: Callable[[str], SeenValue]) -> Reader:
        column = shape.column
        seen = self._remembered.setdefault((shape.type, shape.style), {})
        most = max(_REMEMBERED // len(self._remembered), 16)
        get = seen.get
        blank = CellKind.BLANK
        new = tuple.__new__  # what Cell(...) ends in, without a call in between: this runs once a cell

        def read(raw: str, row: int) -> Cell | None:
            found = get(raw)
            if found is None:
                found = see(raw)
                if len(seen) >= most:
                    seen.clear()
                if len(raw) < _LONG:
                    seen[raw] = found
            shown, value, kind, problem = found
            if kind is blank:
                return None
            return new(Cell, (shown, value, kind, column, row, problem))

        return read

    def _formula_reader(self, read: Reader, column: int) -> Reader:
        stale = self.recalculates

        def read_formula(raw: str, row: int) -> Cell | None:
            if raw == "" or stale:
                return Cell("", None, CellKind.BLANK, column, row, STALE_VALUE if stale else NO_SAVED_VALUE)
            return read(raw, row)

        return read_formula

    def _shared_reader(self, shape: Shape) -> Reader:
        column, strings = shape.column, self._strings
        text = self._text_seer(shape.style)
        plain = self._texts_stand(shape.style)
        text_kind = CellKind.TEXT
        new = tuple.__new__

        def read(raw: str, row: int) -> Cell | None:
            try:
                # int() would take "-1" and "1_0" too.
                stored = strings(int(raw if raw.isdigit() else _digits(raw)))
            except (ValueError, IndexError):
                return Cell("", None, CellKind.TEXT, column, row, _GARBLED.format(raw, "a shared text"))
            if plain and stored and "_x" not in stored:
                plainly = stored.isascii() and stored.isprintable() and stored[0] != "="
                problem = None if plainly else text_problem(stored)
                return new(Cell, (stored, stored, text_kind, column, row, problem))
            shown, value, kind, problem = text(stored)
            return None if kind is CellKind.BLANK else Cell(shown, value, kind, column, row, problem)

        return read

    def _seer(self, shape: Shape) -> Callable[[str], SeenValue]:
        seers = {
            "n": self._number_seer,
            "str": self._text_seer,
            "inlineStr": self._text_seer,
            "d": self._date_seer,
            "b": self._truth_seer,
        }
        if shape.type in seers:
            return seers[shape.type](shape.style)
        if shape.type == "e":
            return see_error
        if shape.type == PICTURE:
            return lambda raw: SeenValue(raw, None, CellKind.ERROR, HOLDS_PICTURE)
        kind = shape.type
        return lambda raw: SeenValue("", None, CellKind.TEXT, _GARBLED.format(raw[:40], f"type {kind[:20]}"))

    def _texts_stand(self, style: int) -> bool:
        found = self._styles.format_of(style)
        return found is None or found.shows_texts_plainly

    def _text_seer(self, style: int) -> Callable[[str], SeenValue]:
        shown_as = self._styles.format_of(style) or compile_format("General")

        def see(raw: str) -> SeenValue:
            stored = decode_escapes(raw)
            seen = see_text(stored)
            if seen.problem is not None or not stored or stored.isspace():
                return seen
            shown, problem = shown_as.text(stored)
            if "\ufffd" in stored and "\ufffd" not in raw:
                problem = _HALF_CHARACTER
            return SeenValue(shown, stored, CellKind.TEXT, problem)

        return see

    def _number_seer(self, style: int) -> Callable[[str], SeenValue]:
        shown_as = self._styles.format_of(style)

        def see(raw: str) -> SeenValue:
            bare = raw.strip()
            if not bare:
                return NOTHING
            stored = float(bare) if _NUMBER.fullmatch(bare) else math.inf
            if math.isinf(stored):
                return SeenValue("", None, CellKind.TEXT, _GARBLED.format(raw[:40], "a number"))
            value = plain_value(stored, exact=len(bare) <= _EXACT)
            if shown_as is None:
                return see_number(value, compile_format("General"))._replace(problem=_NO_STYLE)
            return see_number(value, shown_as)

        return see

    def _date_seer(self, style: int) -> Callable[[str], SeenValue]:
        shown_as = self._styles.format_of(style)
        when = None if shown_as is None else shown_as.when

        def see(raw: str) -> SeenValue:
            return see_moment(raw.strip(), when) if raw.strip() else NOTHING

        return see

    def _truth_seer(self, style: int) -> Callable[[str], SeenValue]:
        shown_as = self._styles.format_of(style)
        hidden = shown_as is not None and not shown_as.shows_texts_plainly

        def see(raw: str) -> SeenValue:
            truth = {"1": True, "true": True, "0": False, "false": False}.get(raw.strip().casefold())
            if truth is None:
                return SeenValue("", None, CellKind.TEXT, _GARBLED.format(raw[:40], "a truth value"))
            return see_truth(truth, hidden=hidden)

        return see


def _text_reader(shape: Shape, see: Callable[[str], SeenValue]) -> Reader:
    """Make the reader of texts that stand in the sheet itself: most often each is another."""
    column = shape.column

    def read(raw: str, row: int) -> Cell | None:
        shown, value, kind, problem = see(raw)
        return None if kind is CellKind.BLANK else Cell(shown, value, kind, column, row, problem)

    return read


def _general_reader(read: Reader, column: int) -> Reader:
    number = CellKind.NUMBER
    new = tuple.__new__

    def read_general(raw: str, row: int) -> Cell | None:
        # Order IDs are most often whole numbers, each a new one: not worth remembering.
        if raw.isdigit() and raw.isascii() and len(raw) <= _GENERAL_DIGITS and raw[0] != "0":
            return new(Cell, (raw, int(raw), number, column, row, None))
        return read(raw, row)

    return read_general
