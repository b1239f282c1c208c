"""Number formats: a cell's number -> the text that Excel shows, or the reason why it is not known.

An allow-list. What is on it is rendered as Excel does in a column that is wide enough, with a point
for decimals and a comma for thousands (as the file has them); a fraction, a foreign numeral, a date in
some calendar or anything unknown is a problem of that cell, and never a guess. Dates and times are
ISO 8601 whatever the format. The grammar is that of ECMA-376 Part 1, 18.8.31.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import CellKind
from ordersheet.loader.numberformat.numerals import decimal_of, general
from ordersheet.loader.numberformat.sections import DateSection, NumberSection, TextSection, build_section
from ordersheet.loader.numberformat.serial_date import NoDateError, When
from ordersheet.loader.numberformat.tokens import FormatError, Token, TokenKind, split_sections, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.loader.numberformat.sections import PlainDigits, Section

MEND = 'Format the column as text or as a plain number, or use as = "value" in the mapping file.'
MEND_TEXT = "Format the column as text."
MEND_DATE = "Format the cell as text and type the date."
LONG_NUMBER = (
    "The format General leaves digits of this number out. Give the cell a number format that shows them, "
    'such as 0 or 0.00, or say as = "value" for the column in a mapping file.'
)
_LONGEST_CODE = 1000
_MOST_SECTIONS = 4
"""For what is positive, negative, zero, and text."""
_SHOWN_CODE = 80
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)")
_COMPARE: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}


class Rendered(NamedTuple):
    """A number as a format shows it."""

    text: str
    """As shown; for a number with a problem, as General shows it."""
    kind: CellKind
    """NUMBER, or DATE where the text is ISO 8601 (and where it should be, and is none)."""
    problem: str | None = None
    """Why the text cannot be trusted, and the mend, in one or two sentences."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """A section and the numbers it is for."""

    section: Section
    condition: Callable[[Decimal], bool] | None
    unsigned: bool
    """Whether the section shows the number without its sign."""


class NumberFormat:
    """One compiled number format.

    Attributes:
        code: as the file has it.
        when: DATE, TIME or BOTH where the format shows positive numbers as dates; None otherwise.
        is_general: whether it is the format General and nothing else.
    """

    def __init__(self, code: str, *, date1904: bool = False) -> None:
        self.code = code
        self.when: When | None = None
        self.is_general = code.strip().casefold() in ("", "general")
        self._date1904 = date1904
        self._fault: str | None = None
        self._choices: tuple[_Choice, ...] = ()
        self._text: TextSection | None = None
        self._conditional = False
        self._quick: PlainDigits | None = None
        try:
            self._compile()
        except FormatError as fault:
            self._fault = str(fault)

    def _compile(self) -> None:
        if len(self.code) > _LONGEST_CODE:
            raise FormatError("is longer than any real one")
        lists = [tokens_of(section) for section in split_sections(self.code or "General")]
        if len(lists) > _MOST_SECTIONS:
            raise FormatError("has more than four sections")
        if len(lists) == _MOST_SECTIONS or any(token.kind is TokenKind.TEXT for token in lists[-1]):
            self._text = TextSection.of(lists.pop())
        if not lists:
            lists = [tokens_of("General")]
            self._choices = (_Choice(build_section(lists[0]), None, unsigned=False),)
            return
        self._choices = _choices(lists)
        self._conditional = any(choice.condition is not None for choice in self._choices)
        first = self._choices[0].section
        if isinstance(first, DateSection):
            self.when = first.when
        elif not self._conditional and not first.scale:
            self._quick = first.plain

    @property
    def shows_texts_plainly(self) -> bool:
        """Whether texts are shown as they stand."""
        return self._text is None or self._text.plain

    def render(self, value: float) -> Rendered:
        """Render a number as this format shows it.

        Args:
            value: a finite number.
        """
        if self._quick is not None and value > 0:
            return Rendered(self._quick.render(decimal_of(value)), CellKind.NUMBER)
        number = decimal_of(value)
        if self._fault is not None:
            return self._refused(number, f"The number format {_short(self.code)!r} {self._fault}. {MEND}")
        try:
            return self._render(number)
        except NoDateError as fault:
            return Rendered(general(number), CellKind.DATE, f"{fault} {MEND_DATE}")
        except FormatError as fault:
            return self._refused(number, f"The number format {_short(self.code)!r} {fault}. {MEND}")

    def _render(self, number: Decimal) -> Rendered:
        choice = self._choose(number)
        if isinstance(choice.section, DateSection):
            shown = choice.section.render(number, date1904=self._date1904)
            return Rendered(shown, CellKind.NUMBER if choice.section.elapsed else CellKind.DATE)
        shown = self._number(choice, number)
        if not shown.strip():
            raise FormatError("shows nothing of this number")
        shortened = choice.section.general and Decimal(general(number)) != number
        return Rendered(shown, CellKind.NUMBER, LONG_NUMBER if shortened else None)

    def text(self, text: str) -> tuple[str, str | None]:
        """Render a text under this format: as it stands, unless the format has a section for texts.

        Returns:
            The text as shown, and a problem where it shows nothing.
        """
        if self._text is None or self.shows_texts_plainly:
            return text, None
        shown = self._text.render(text)
        if not shown.strip():
            return (
                text,
                f"The number format {_short(self.code)!r} shows nothing of this text. {MEND_TEXT}",
            )
        return shown, None

    def _number(self, choice: _Choice, number: Decimal) -> str:
        section = choice.section
        assert isinstance(section, NumberSection)
        shown = section.render(abs(number))
        if self._text is not None and section.general and shown != f"{abs(number):f}":
            raise FormatError("shows so long a number in a way that is not known")
        signed = number < 0 and not choice.unsigned and not section.rounds_away(number)
        return f"-{shown}" if signed else shown

    def _choose(self, number: Decimal) -> _Choice:
        if not self._conditional:
            if len(self._choices) == 1 or number > 0:
                return self._choices[0]
            if number < 0:
                return self._choices[1]
            return (self._choices[2:] or self._choices)[0]
        if number < 0:
            raise FormatError("has conditions, and how it shows a negative number is not known")
        for choice in self._choices:
            if choice.condition is not None and choice.condition(number):
                return choice
        rest = [choice for choice in self._choices if choice.condition is None]
        if len(rest) != 1:
            raise FormatError("has no section for this number")
        return rest[0]

    def _refused(self, number: Decimal, problem: str) -> Rendered:
        return Rendered(general(number), CellKind.NUMBER, problem)


def _choices(lists: list[tuple[Token, ...]]) -> tuple[_Choice, ...]:
    out = []
    for index, tokens in enumerate(lists):
        conditions = [token.text for token in tokens if token.kind is TokenKind.CONDITION]
        if len(conditions) > 1:
            raise FormatError("has two conditions in one section")
        condition = _condition(conditions[0]) if conditions else None
        out.append(_Choice(build_section(tokens), condition, unsigned=index == 1))
    return tuple(out)


def _condition(text: str) -> Callable[[Decimal], bool]:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise FormatError("has a condition that is not known")
    compare, limit = _COMPARE[match[1]], Decimal(match[2])
    return lambda number: compare(number, limit)


def _short(code: str) -> str:
    return code if len(code) <= _SHOWN_CODE else f"{code[: _SHOWN_CODE - 1]}…"


@lru_cache(maxsize=1024)
def compile_format(code: str, *, date1904: bool = False) -> NumberFormat:
    """Compile a format code; what is not on the list shows when a number is rendered.

    Args:
        code: as the file has it, such as `#,##0.00;[Red]-#,##0.00`.
        date1904: whether the workbook counts days from 1904.
    """
    return NumberFormat(code, date1904=date1904)


BUILTIN_FORMATS = {
    0: "General",
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: '"$"#,##0_);("$"#,##0)',
    6: '"$"#,##0_);[Red]("$"#,##0)',
    7: '"$"#,##0.00_);("$"#,##0.00)',
    8: '"$"#,##0.00_);[Red]("$"#,##0.00)',
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "mm-dd-yy",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "m/d/yy h:mm",
    37: "#,##0_);(#,##0)",
    38: "#,##0_);[Red](#,##0)",
    39: "#,##0.00_);(#,##0.00)",
    40: "#,##0.00_);[Red](#,##0.00)",
    41: r'_(* #,##0_);_(* \(#,##0\);_(* "-"_);_(@_)',
    42: r'_("$"* #,##0_);_("$"* \(#,##0\);_("$"* "-"_);_(@_)',
    43: r'_(* #,##0.00_);_(* \(#,##0.00\);_(* "-"??_);_(@_)',
    44: r'_("$"* #,##0.00_);_("$"* \(#,##0.00\);_("$"* "-"??_);_(@_)',
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mmss.0",
    48: "##0.0E+0",
    49: "@",
}
"""The formats that a file names by number alone (ECMA-376 Part 1, 18.8.30)."""

_EAST_ASIAN_DATES = (27, 28, 29, 30, 31, 36, 50, 51, 54, 57, 58)
_EAST_ASIAN_TIMES = (32, 33)
_EAST_ASIAN_EITHER = (34, 35, 52, 53, 55, 56)
"""Dates in some of the four countries, and times in others."""
EAST_ASIAN_FORMATS = frozenset((*_EAST_ASIAN_DATES, *_EAST_ASIAN_TIMES, *_EAST_ASIAN_EITHER))
"""Formats that mean different things in China, Taiwan, Japan and Korea: dates or times in each."""


def east_asian_format(number: int, *, date1904: bool = False) -> NumberFormat:
    """Give one of them; a value that is a date in one country and a time in another is refused."""
    if number in _EAST_ASIAN_DATES:
        return compile_format("yyyy-mm-dd", date1904=date1904)
    if number in _EAST_ASIAN_TIMES:
        return compile_format("h:mm:ss", date1904=date1904)
    return _DateOrTime("yyyy-mm-dd", date1904=date1904)


class _DateOrTime(NumberFormat):
    """A format that shows a date or a time, depending on the country: only a whole day is surely one."""

    def render(self, value: float) -> Rendered:
        """Render a number; see `NumberFormat`."""
        if 0 < value < 1:
            return compile_format("h:mm:ss").render(value)
        if not float(value).is_integer():
            fault = "This is a date in some countries' Excel and a time in others'."
            return Rendered(general(decimal_of(value)), CellKind.DATE, f"{fault} {MEND_DATE}")
        return super().render(value)
