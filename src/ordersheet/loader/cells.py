"""What a cell of each kind shows and holds: one table for all readers, so that they never differ.

A text stands as it is, and is refused where part of it cannot be seen. A number is what its format shows;
dates and times are ISO 8601; a truth value is TRUE or FALSE; an error is refused. A reader knows how its
file writes these down, and nothing else.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import Cell, CellKind
from ordersheet.loader.error_words import error_problem
from ordersheet.loader.numberformat.numerals import decimal_of, general
from ordersheet.loader.numberformat.render import LONG_NUMBER, MEND_DATE
from ordersheet.loader.numberformat.serial_date import FIRST_DATE, NoDateError, When, iso_from_text

if TYPE_CHECKING:
    from ordersheet.loader.numberformat.render import NumberFormat

NO_SAVED_VALUE = (
    "This is a formula without a saved value. Open the file in Excel or LibreOffice, save it, and try again."
)
STALE_VALUE = (
    "This is a formula whose saved value may be out of date: the file asks to be computed anew when it is "
    "opened. Open it in Excel, or in LibreOffice and press Ctrl+Shift+F9 there; save it, and try again."
)
HOLDS_PICTURE = (
    "The cell holds a picture, or another value that is no text and no number. Empty it, or type a text."
)
HIDDEN_ZERO = (
    "This 0 is not seen: the sheet is set to show no zeros. Show them (in Excel under File, Options, "
    "Advanced; in LibreOffice under Tools, Options, LibreOffice Calc, View), or empty the cell."
)
SHOWN_AS_FORMULA = (
    "The sheet is set to show formulas, so that this cell shows its formula and not the result. Switch that "
    "off (Ctrl and the key left of 1; in LibreOffice under View, Show Formula), save it, and try again."
)
SHOWN_PLAINLY = (
    "The sheet is set to show formulas, and so no number formats: this is seen in another way than its "
    "format says. Switch that off (Ctrl and the key left of 1; in LibreOffice under View, Show Formula), "
    "save it, and try again."
)
HIDDEN_BY_CONDITION = (
    "A conditional format may hide this value, or show it in another way. Remove the conditional format, "
    'or say as = "value" for the column in a mapping file.'
)
HIDDEN_VALUE = (
    "The value is not shown: its number format hides it, or the file was never saved by a spreadsheet "
    "program. Give the cell the number format General."
)
NOT_A_NUMBER = "The file stores no number for this cell. Type it again, and save the file."
TOO_EARLY = f"This is a date before {FIRST_DATE}, which programs read differently."

_WHOLE_LIMIT = 2**53
"""Up to here a whole number is exact."""
_PICTURE = re.compile(r"=(?:_xlfn\.)?DISPIMG\(.*\)", re.DOTALL | re.IGNORECASE)
"""What WPS writes for a picture that it has put into a cell."""

INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e007f"
    "]"
)
"""Signs that take part in a text and are not seen; tabs and line breaks are no such signs."""
_NAMES = {
    "\u200b": "zero width space",
    "\ufeff": "byte order mark",
    "\u2800": "empty Braille pattern",
    "\xad": "soft hyphen",
}
_SHOWN_BEFORE = 12
"""Signs of a text that are named to say where in it the invisible one stands."""


class SeenValue(NamedTuple):
    """What a cell shows and holds, wherever it stands; see `Cell`."""

    shown: str
    value: str | int | float | bool | None
    kind: CellKind
    problem: str | None = None

    def at(self, column: int, row: int) -> Cell:
        """Give the cell at a place."""
        return Cell(self.shown, self.value, self.kind, column, row, self.problem)


NOTHING = SeenValue("", None, CellKind.BLANK)


def see_text(text: str) -> SeenValue:
    """See a text; one of white space alone is for whoever sends the column to judge."""
    return SeenValue(text, text, CellKind.TEXT, text_problem(text)) if text else NOTHING


def text_problem(text: str) -> str | None:
    """Say why a text is not what it looks like; None where it is."""
    if text.isascii() and text.isprintable() and not text.startswith("="):
        return None
    found = INVISIBLE.search(text)
    if found is not None:
        return _invisible(text, found.start())
    return HOLDS_PICTURE if _PICTURE.fullmatch(text) else None


def _invisible(text: str, place: int) -> str:
    sign = text[place]
    name = _NAMES.get(sign) or unicodedata.name(sign, "control character").lower()
    before = text[max(place - _SHOWN_BEFORE, 0) : place]
    where = f'behind "{INVISIBLE.sub("", before)}"' if before.strip() else "at its beginning"
    return (
        f"The text holds a sign that is not seen, U+{ord(sign):04X} ({name}), {where}. "
        "Empty the cell and type the text again."
    )


def see_truth(truth: bool, *, hidden: bool = False) -> SeenValue:  # noqa: FBT001 - a value, and no switch
    """See a truth value; `hidden` where its format shows nothing of it."""
    return SeenValue("TRUE" if truth else "FALSE", truth, CellKind.BOOLEAN, HIDDEN_VALUE if hidden else None)


def see_error(word: str) -> SeenValue:
    """See one of the spreadsheet's error words."""
    return SeenValue(word, None, CellKind.ERROR, error_problem(word[:40]))


def see_number(number: float, shown_as: NumberFormat) -> SeenValue:
    """See a number under its format, which may make a date of it.

    Args:
        number: a finite number, as `plain_value` gives it.
        shown_as: the format.
    """
    shown, kind, problem = shown_as.render(number)
    if kind is CellKind.DATE:
        return SeenValue(shown, None if problem else shown, kind, problem)
    return SeenValue(shown, number, kind, problem)


def see_moment(stored: str, when: When | None) -> SeenValue:
    """See a date or a time that is stored as ISO text.

    Args:
        stored: such as `2026-11-23T00:00:00` or `13:45:00`.
        when: the part that the cell's format shows; None where it says nothing.
    """
    try:
        shown = iso_from_text(stored, when)
    except NoDateError as fault:
        return SeenValue(stored, None, CellKind.DATE, f"{fault} {MEND_DATE}")
    if shown[4:5] == "-" and shown < FIRST_DATE:
        return SeenValue(stored, None, CellKind.DATE, f"{TOO_EARLY} {MEND_DATE}")
    return SeenValue(shown, shown, CellKind.DATE)


def shown_by_condition(other: str) -> str:
    """Say that a conditional format may show a cell's value as another text."""
    return (
        f'A conditional format may show this as "{other}". Remove the conditional format, and give the cell '
        "the number format that is meant."
    )


def as_id(cell: Cell) -> Cell:
    """Give a cell of the order ID's column: an ID is read by its value, however many digits are shown."""
    return cell._replace(problem=None) if cell.problem in (LONG_NUMBER, SHOWN_PLAINLY) else cell


def among_formulas(seen: SeenValue, *, formula: bool) -> SeenValue:
    """See a cell of a sheet that is set to show formulas: neither results nor number formats are seen."""
    if seen.problem is not None or seen.kind is CellKind.BLANK:
        return seen
    if formula:
        return seen._replace(problem=SHOWN_AS_FORMULA)
    plain: object = seen.value
    if seen.kind is CellKind.NUMBER and isinstance(seen.value, (int, float)):
        plain = general(decimal_of(seen.value))
    elif seen.kind is not CellKind.TEXT:
        plain = None if seen.kind is CellKind.DATE else seen.shown
    return seen if seen.shown == plain else seen._replace(problem=SHOWN_PLAINLY)


def plain_value(value: float, *, exact: bool = False) -> int | float:
    """Give a number as Excel keeps it: 15 digits, and whole where it is whole.

    Args:
        value: a finite number.
        exact: whether it is known to have no more than 15 digits.
    """
    # 0.1 + 0.2 is 0.3 in a cell, and 0.30000000000000004 in its XML.
    rounded = value if exact else float(f"{value:.15g}")
    if math.isinf(rounded):
        return value  # the biggest numbers have no neighbour above that 15 digits could name
    return int(rounded) if rounded.is_integer() and abs(rounded) <= _WHOLE_LIMIT else rounded
