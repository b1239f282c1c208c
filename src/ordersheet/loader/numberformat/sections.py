"""One section of a number format, ready to render: numbers, dates and lengths of time, or texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeAlias

from ordersheet.loader.numberformat.numerals import (
    WIDE,
    Piece,
    fixed,
    general,
    place_fraction,
    place_whole,
    settle_placeholders,
    split_power,
)
from ordersheet.loader.numberformat.serial_date import When, elapsed, iso_moment
from ordersheet.loader.numberformat.tokens import FormatError, Token, TokenKind

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_PLACES = 30
_MOST_DECIMALS = 3
"""Of a second: Excel shows milliseconds and no less."""
"""Excel's limit for decimal places."""
_SHOWN_IN_TEXTS = frozenset(
    {TokenKind.LITERAL, TokenKind.SLASH, TokenKind.POINT, TokenKind.COMMA, TokenKind.PERCENT}
)
_LITERALS = frozenset({TokenKind.LITERAL, TokenKind.PERCENT})


class PlainDigits:
    """Digits in one piece, with literals around them at most.

    Args:
        whole: placeholders and literals before the point.
        fraction: those after it.
        grouped: whether thousands are parted by commas.
    """

    def __init__(self, whole: tuple[Piece, ...], fraction: tuple[Piece, ...], *, grouped: bool) -> None:
        digits = [piece.text for piece in whole if piece.digit]
        begin = next(index for index, piece in enumerate(whole) if piece.digit)
        least = digits.count("0")
        places = sum(piece.digit for piece in fraction)
        self._prefix = _join(whole[:begin])
        self._suffix = _join(whole[begin + len(digits) :] + fraction[places:])
        self._places = Decimal(1).scaleb(-places)
        self._spec = ",f" if grouped else f"0{least + places + bool(places)}f"

    @classmethod
    def of(
        cls, whole: tuple[Piece, ...], fraction: tuple[Piece, ...], *, grouped: bool, point: bool
    ) -> PlainDigits | None:
        """Build it where the placeholders allow it."""
        kinds = "".join(piece.text if piece.digit else "_" for piece in whole)
        after = "".join(piece.text if piece.digit else "_" for piece in fraction)
        if not re.fullmatch(r"_*#*0_*" if grouped else r"_*#*0+_*", kinds) or not re.fullmatch(
            r"0*_*", after
        ):
            return None
        if point and (kinds.endswith("_") or not after.startswith("0")):
            return None
        return cls(whole, fraction, grouped=grouped)

    def render(self, number: Decimal) -> str:
        """Render a number that is not negative.

        Raises:
            FormatError: where the number has too many digits.
        """
        try:
            digits = number.quantize(self._places, context=WIDE)
        except InvalidOperation:
            raise FormatError("shows too many digits") from None
        return f"{self._prefix}{digits:{self._spec}}{self._suffix}"


@dataclass(frozen=True, slots=True)
class NumberSection:
    """A section that shows a number, or only literals."""

    whole: tuple[Piece, ...] = ()
    fraction: tuple[Piece, ...] = ()
    point: bool = False
    places: int = 0
    """Decimal places."""
    grouped: bool = False
    scale: int = 0
    """The power of ten that the number is multiplied with: 2 for %, -3 for a trailing comma."""
    power: tuple[str, int] | None = None
    """`e+` or `e-`, and the least count of digits of the exponent."""
    step: int = 1
    """The exponent is a multiple of this."""
    tail: tuple[Piece, ...] = ()
    """What stands after the exponent."""
    general: bool = False
    """The number as General shows it, between the literals of `whole` and `tail`."""
    literal: bool = False
    """No digits at all."""
    plain: PlainDigits | None = None
    """The short way for the formats that most numbers have, such as `0.00` and `#,##0.00 "EUR"`."""

    def render(self, number: Decimal) -> str:
        """Render a number that is not negative.

        Raises:
            FormatError: where the number has too many digits.
        """
        if self.plain is not None:
            return self.plain.render(number.scaleb(self.scale) if self.scale else number)
        if self.general:
            return f"{_join(self.whole)}{general(number)}{_join(self.tail)}"
        if self.literal:
            return _join(self.whole)
        number = number.scaleb(self.scale)
        exponent = ""
        if self.power is not None:
            number, power = split_power(number, self.places, self.step)
            sign = "-" if power < 0 else "+" if self.power[0] == "e+" else ""
            exponent = f"E{sign}{abs(power):0{self.power[1]}}{_join(self.tail)}"
        digits = fixed(number, self.places)
        whole, _, fraction = digits.partition(".")
        shown = place_whole(whole.lstrip("0"), self.whole, grouped=self.grouped)
        point = "." if self.point else ""
        return f"{shown}{point}{place_fraction(fraction, self.fraction)}{exponent}"

    def rounds_away(self, number: Decimal) -> bool:
        """Tell whether nothing but zeros is left of a number when it is rounded as shown."""
        if self.general or self.literal or self.power is not None:
            return False
        return not Decimal(fixed(number.scaleb(self.scale), self.places))


@dataclass(frozen=True, slots=True)
class DateSection:
    """A section that shows a date, a time, both, or a length of time."""

    when: When | None
    """None for a length of time."""
    fraction_digits: int = 0
    unit: str = ""
    """The biggest unit of a length of time."""
    tokens: tuple[Token, ...] = ()

    @property
    def elapsed(self) -> bool:
        """Whether it is a length of time, which is a number and shown as it stands."""
        return self.when is None

    def render(self, number: Decimal, *, date1904: bool) -> str:
        """Render a serial.

        Raises:
            NoDateError: where it is no date.
        """
        if self.when is not None:
            return iso_moment(number, self.when, date1904=date1904, fraction=self.fraction_digits)
        hours, minutes, seconds, digits = elapsed(number, self.unit, fraction=self.fraction_digits)
        amounts = {"h": hours, "m": minutes, "s": seconds}
        out = []
        place = 0
        for token in self.tokens:
            if token.kind in (TokenKind.DATE, TokenKind.ELAPSED):
                out.append(f"{amounts[token.text[0]]:0{len(token.text)}}")
            elif token.kind is TokenKind.DIGIT:
                out.append(digits[place])
                place += 1
            else:
                out.append(token.text)
        return "".join(out)


@dataclass(frozen=True, slots=True)
class TextSection:
    """The section for texts: literals and `@`."""

    parts: tuple[str | None, ...]
    """None stands for the text."""

    @classmethod
    def of(cls, tokens: tuple[Token, ...]) -> TextSection:
        """Build the section for texts.

        Raises:
            FormatError: where it has something for numbers in it.
        """
        parts: list[str | None] = []
        for token in tokens:
            if token.kind in (TokenKind.TEXT, TokenKind.GENERAL):
                parts.append(None)
            elif token.kind in _SHOWN_IN_TEXTS:
                parts.append(token.text)
            else:
                raise FormatError("has a section for texts with something else in it")
        return cls(tuple(parts))

    @property
    def plain(self) -> bool:
        """Whether texts are shown as they stand, paddings aside."""
        return [part for part in self.parts if part is None or part.strip()] == [None]

    def render(self, text: str) -> str:
        """Render a text."""
        return "".join(text if part is None else part for part in self.parts)


Section: TypeAlias = NumberSection | DateSection


def build_section(tokens: tuple[Token, ...]) -> Section:
    """Build a section for numbers from its tokens.

    Raises:
        FormatError: for what is not on the list.
    """
    tokens = tuple(token for token in tokens if token.kind is not TokenKind.CONDITION)
    kinds = {token.kind for token in tokens}
    if TokenKind.TEXT in kinds:
        raise FormatError("has @ in a section for numbers")
    if TokenKind.GENERAL in kinds:
        return _general_section(tokens)
    if TokenKind.ELAPSED in kinds:
        return _elapsed_section(tokens)
    if TokenKind.DATE in kinds:
        return _date_section(tokens)
    return _number_section(tokens)


def _general_section(tokens: tuple[Token, ...]) -> NumberSection:
    kinds = [token.kind for token in tokens]
    at = kinds.index(TokenKind.GENERAL)
    rest = tokens[:at] + tokens[at + 1 :]
    if any(token.kind is not TokenKind.LITERAL for token in rest):
        raise FormatError("has more than literals beside General")
    return NumberSection(whole=_pieces(tokens[:at]), tail=_pieces(tokens[at + 1 :]), general=True)


def _date_section(tokens: tuple[Token, ...]) -> DateSection:
    letters = [token.text for token in tokens if token.kind is TokenKind.DATE]
    clock = any(text[0] in "hs" or text == "am/pm" for text in letters)
    days = any(text[0] in "ydegb" or text in ("aaa", "aaaa") for text in letters)
    for index, text in enumerate(letters):
        if text[0] == "m":
            before = letters[index - 1] if index else ""
            after = letters[index + 1] if index + 1 < len(letters) else ""
            minutes = text in ("m", "mm") and (before[:1] == "h" or after[:1] == "s")
            clock, days = clock or minutes, days or not minutes
    if not days and not clock:
        raise FormatError("shows no part of a date that is known")
    when = When.BOTH if days and clock else When.DATE if days else When.TIME
    return DateSection(when, _second_digits(tokens))


def _second_digits(tokens: tuple[Token, ...]) -> int:
    """Count the digits of a second's fraction, which stand right after the seconds and a point."""
    count = 0
    last = ""
    for token in tokens:
        if token.kind is TokenKind.DIGIT:
            if last not in (".", "0") or token.text != "0":
                raise FormatError("mixes a date with digits")
            count += 1
            last = "0"
            continue
        if token.kind in (TokenKind.PERCENT, TokenKind.POWER):
            raise FormatError("mixes a date with a number")
        last = "." if token.kind is TokenKind.POINT and last == "s" else token.text[:1]
        if token.kind in (TokenKind.LITERAL, TokenKind.SLASH, TokenKind.COMMA):
            last = ""
    if count > _MOST_DECIMALS:
        raise FormatError("shows less than a millisecond")
    return count


def _elapsed_section(tokens: tuple[Token, ...]) -> DateSection:
    order = "hms"
    units = [t.text[0] for t in tokens if t.kind in (TokenKind.DATE, TokenKind.ELAPSED)]
    brackets = [t for t in tokens if t.kind is TokenKind.ELAPSED]
    begin = order.index(brackets[0].text[0])
    texts = [t.text for t in tokens if t.kind is TokenKind.DATE]
    if (
        len(brackets) > 1
        or units != list(order[begin : begin + len(units)])
        or any(text == "am/pm" or text[2:] for text in texts)
    ):
        raise FormatError("mixes a length of time with something else")
    return DateSection(None, _second_digits(tokens), brackets[0].text[0], tokens)


def _number_section(tokens: tuple[Token, ...]) -> NumberSection:
    kinds = [token.kind for token in tokens]
    if TokenKind.DIGIT not in kinds:
        if TokenKind.POWER in kinds or TokenKind.PERCENT in kinds:
            raise FormatError("has no place for digits")
        return NumberSection(whole=_pieces(tokens), literal=True)
    if TokenKind.SLASH in kinds[kinds.index(TokenKind.DIGIT) :]:
        raise FormatError("shows a fraction")
    if kinds.count(TokenKind.POINT) > 1 or kinds.count(TokenKind.POWER) > 1:
        raise FormatError("has two decimal points or exponents")
    scale = 2 * kinds.count(TokenKind.PERCENT)
    power: tuple[str, int] | None = None
    tail: tuple[Piece, ...] = ()
    if TokenKind.POWER in kinds:
        at = kinds.index(TokenKind.POWER)
        power, tail = _exponent(tokens[at:])
        tokens = tokens[:at]
    tokens, thousands = _trailing_commas(tokens)
    at = next((i for i, token in enumerate(tokens) if token.kind is TokenKind.POINT), len(tokens))
    whole_tokens, fraction_tokens = tokens[:at], tokens[at + 1 :]
    grouped = _is_grouped(whole_tokens)
    if any(token.kind is TokenKind.COMMA for token in fraction_tokens):
        raise FormatError("has a comma after the decimal point")
    whole = settle_placeholders(_pieces(t for t in whole_tokens if t.kind is not TokenKind.COMMA))
    fraction = tuple(reversed(settle_placeholders(_pieces(reversed(fraction_tokens)))))
    places = sum(piece.digit for piece in fraction)
    if places > _MOST_PLACES:
        raise FormatError("shows more than 30 decimal places")
    point = at < len(tokens)
    step = _step(whole, plain=not grouped and not thousands) if power is not None else 1
    plain = PlainDigits.of(whole, fraction, grouped=grouped, point=point) if power is None else None
    return NumberSection(
        whole,
        fraction,
        point=point,
        places=places,
        grouped=grouped,
        scale=scale - 3 * thousands,
        power=power,
        step=step,
        tail=tail,
        plain=plain,
    )


def _step(whole: tuple[Piece, ...], *, plain: bool) -> int:
    """Tell of what the exponent is a multiple: 1 for `0.00E+00`, 3 for `##0.0E+0`."""
    texts = [piece.text for piece in whole if piece.digit]
    if not plain or texts not in (["0"], ["#"], ["?"], ["#", "#", "0"]):
        raise FormatError("is a scientific one of a rare kind")
    return len(texts)


def _exponent(tokens: tuple[Token, ...]) -> tuple[tuple[str, int], tuple[Piece, ...]]:
    count = 1
    while count < len(tokens) and tokens[count].kind is TokenKind.DIGIT:
        count += 1
    tail = _pieces(tokens[count:])
    if count == 1 or any(piece.digit for piece in tail):
        raise FormatError("has an exponent of a rare kind")
    least = sum(token.text == "0" for token in tokens[1:count])
    return (tokens[0].text, max(least, 1)), tail


def _trailing_commas(tokens: tuple[Token, ...]) -> tuple[tuple[Token, ...], int]:
    """Take out the commas right behind the last digit, or the last before the point: each divides by 1000."""
    point = next((i for i, token in enumerate(tokens) if token.kind is TokenKind.POINT), len(tokens))
    dividing: set[int] = set()
    for begin, end in ((0, point), (point, len(tokens))):
        at = max((i for i in range(begin, end) if tokens[i].kind is TokenKind.DIGIT), default=end)
        while at + 1 < end and tokens[at + 1].kind is TokenKind.COMMA:
            at += 1
            dividing.add(at)
    return tuple(token for i, token in enumerate(tokens) if i not in dividing), len(dividing)


def _is_grouped(tokens: tuple[Token, ...]) -> bool:
    kinds = [token.kind for token in tokens]
    if TokenKind.COMMA not in kinds:
        return False
    begin = kinds.index(TokenKind.DIGIT) if TokenKind.DIGIT in kinds else len(kinds)
    end = len(kinds) - 1 - kinds[::-1].index(TokenKind.DIGIT) if begin < len(kinds) else -1
    if any(kind is TokenKind.COMMA and not begin < i < end for i, kind in enumerate(kinds)):
        raise FormatError("has a comma where it is not known")
    if any(kind in _LITERALS for kind in kinds[begin:end]):
        raise FormatError("has both commas and literals among its digits")
    return True


def _pieces(tokens: Iterable[Token]) -> tuple[Piece, ...]:
    return tuple(Piece(digit=token.kind is TokenKind.DIGIT, text=token.text) for token in tokens)


def _join(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces)
