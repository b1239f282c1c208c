"""Texts made fit for a cell: for Excel's limits, for XML, for CSV, and against formula injection."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape

CELL_LIMIT = 32_767
"""Characters (UTF-16 units) that a cell of Excel can hold."""
SHORTENED = " … [shortened]"
STAND_IN = "\N{REPLACEMENT CHARACTER}"

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_NEEDS_CARE = re.compile("[\x00-\x1f\x7f&<>\ud800-\udfff\ufffe\uffff]|_x")
_LINE_ENDS = re.compile("\r\n?")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_FULL_WIDTH = "\uff1d\uff0b\uff0d\uff20"
"""The full-width twins of = + - @, which some programs take for them."""
_FORMULA_STARTS = tuple("=+-@\t\r\n" + _FULL_WIDTH)


def fit(text: str) -> str:
    """Give the text as a cell can hold it.

    Control characters and halves of characters become U+FFFD, and what is over Excel's limit is cut
    with a visible mark at its end.
    """
    text = _UNFIT.sub(STAND_IN, text)
    if len(text) * 2 <= CELL_LIMIT or _units(text) <= CELL_LIMIT:
        return text
    room = CELL_LIMIT - len(SHORTENED)
    kept = text[:room]
    while (over := _units(kept) - room) > 0:
        kept = kept[: -((over + 1) // 2)]
    return kept + SHORTENED


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@lru_cache(maxsize=4096)
def text_element(text: str, name: str) -> str:
    """Give the text as an XML element; most texts of a report stand in many of its rows."""
    kept = ' xml:space="preserve"' if text != text.strip() or "\n" in text else ""
    return f"<{name}{kept}>{xml_text(text)}</{name}>"


def xml_text(text: str) -> str:
    """Give the text as the content of an XML element of a workbook, with line ends as LF.

    Excel reads `_x0041_` as a letter A, so a text that looks like that is escaped once more.
    """
    if len(text) * 2 <= CELL_LIMIT and not _NEEDS_CARE.search(text):
        return text
    return escape(cell_text(text), quote=False)


def cell_text(text: str) -> str:
    """Give the text as a cell of a workbook stores it, before XML's own escapes."""
    return _LOOKS_ESCAPED.sub("_x005F_", _LINE_ENDS.sub("\n", fit(text)))


def guarded(text: str) -> str:
    """Give the text with a leading apostrophe where a spreadsheet program would run it as a formula."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def stands_whole(text: str, *, csv: bool) -> bool:
    """Tell whether a cell holds a text just as it is, line ends apart, and read again gives it back."""
    return fit(text) == text and not (csv and text.startswith(_FORMULA_STARTS))


def csv_field(text: str, delimiter: str) -> str:
    """Give the text as one field of a CSV record, guarded, and quoted where it needs it."""
    text = guarded(fit(text))
    if delimiter in text or '"' in text or "\n" in text or "\r" in text or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text
