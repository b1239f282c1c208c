"""Digits of a number as Excel shows them: General, and the placeholders 0 # ? of a number format.

Excel keeps 15 significant digits and rounds halves away from zero, on the decimal digits and not on
the binary fraction behind them; so everything here is decimal.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import NamedTuple

from ordersheet.loader.numberformat.tokens import FormatError

_FIFTEEN = Context(prec=15, rounding=ROUND_HALF_UP)
WIDE = Context(prec=400, rounding=ROUND_HALF_UP)
"""For the digits of a number with its rounding: no number of a spreadsheet has 400 of them."""
_GENERAL_DIGITS = 11
"""How many characters General shows of a number in a column that is wide enough, the point included."""

_LONG_POWER = 100
"""From here on the power of ten takes a digit from the mantissa."""
_LEAST_ROUNDED = -4
"""The power of ten of 0.0001."""


def decimal_of(value: float) -> Decimal:
    """Give a number's 15 significant decimal digits, as Excel keeps them."""
    return _FIFTEEN.create_decimal(value if isinstance(value, int) else repr(value))


def fixed(number: Decimal, places: int) -> str:
    """Give a number in positional digits, rounded half up to so many decimal places.

    Raises:
        FormatError: where that has more digits than any number of a spreadsheet.
    """
    try:
        return f"{number.quantize(Decimal(1).scaleb(-places), context=WIDE):f}"
    except InvalidOperation:
        raise FormatError("shows too many digits") from None


def general(number: Decimal) -> str:
    """Render a number as the format General does in a column that is wide enough.

    Up to 11 characters with the point and without the sign; beyond that, six significant digits and a
    power of ten. (ECMA-376 Part 1, 18.8.30 leaves the details open; these are Excel's.)
    """
    if not number:
        return "0"
    sign = "-" if number < 0 else ""
    number = abs(number)
    top = number.adjusted()
    if top < _GENERAL_DIGITS:
        shown = _general_plain(number, top)
        if shown:
            return sign + shown
    mantissa, power = split_power(number, 5)
    if abs(power) >= _LONG_POWER:
        mantissa, power = split_power(number, 4)
    digits = f"{mantissa:f}"
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{sign}{digits}E{'-' if power < 0 else '+'}{abs(power):02}"


def _general_plain(number: Decimal, top: int) -> str | None:
    """Give the positional digits, or None where General shows a power of ten instead."""
    room = _GENERAL_DIGITS - 1 - max(top + 1, 1)
    if top < _LEAST_ROUNDED:
        # Below that, General keeps positional digits only where they show the whole number.
        shown = f"{number:f}".rstrip("0")
        return shown if len(shown) <= _GENERAL_DIGITS else None
    shown = fixed(number, max(room, 0))
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return shown if len(shown) <= _GENERAL_DIGITS else None


def split_power(number: Decimal, places: int, step: int = 1) -> tuple[Decimal, int]:
    """Split a number into a rounded mantissa and a power of ten.

    Args:
        number: not negative.
        places: decimal places of the mantissa.
        step: the power is a multiple of this (3 for `##0.0E+0`).

    Returns:
        The mantissa with exactly `places` decimal places, below 10**step, and the power.
    """
    power = number.adjusted() // step * step if number else 0
    mantissa = Decimal(fixed(number.scaleb(-power, WIDE), places))
    if mantissa.adjusted() >= step and mantissa:
        power += step
        mantissa = Decimal(fixed(number.scaleb(-power, WIDE), places))
    return mantissa, power


class Piece(NamedTuple):
    """A token of a number format: a digit placeholder (`0`, `#` or `?`) or a literal text."""

    digit: bool
    text: str


def place_whole(digits: str, pieces: tuple[Piece, ...], *, grouped: bool) -> str:
    """Put the digits before the point into their placeholders, from the right.

    Args:
        digits: the digits, without leading zeros; empty for 0.
        pieces: placeholders and literals before the point.
        grouped: whether thousands are parted by commas.
    """
    first = next((index for index, piece in enumerate(pieces) if piece.digit), None)
    out: list[str] = []
    left = list(digits)
    written = 0
    for index in range(len(pieces) - 1, -1, -1):
        piece = pieces[index]
        if not piece.digit:
            out.append(piece.text)
            continue
        filled = [left.pop()] if left else [_FILLING[piece.text]]
        if index == first:
            filled += reversed(left)
        for digit in filled:
            if grouped and digit and written and written % 3 == 0:
                out.append(" " if digit == " " else ",")
            out.append(digit)
            written += len(digit)
    return "".join(reversed(out))


_FILLING = {"0": "0", "#": "", "?": " "}
"""What a placeholder shows where the number has no digit for it."""


def place_fraction(digits: str, pieces: tuple[Piece, ...]) -> str:
    """Put the digits after the point into their placeholders, from the left.

    Args:
        digits: one for each placeholder.
        pieces: placeholders and literals after the point.
    """
    out: list[str] = []
    needed = len(digits.rstrip("0"))
    place = 0
    for piece in pieces:
        if not piece.digit:
            out.append(piece.text)
            continue
        out.append(digits[place] if place < needed else _FILLING[piece.text])
        place += 1
    return "".join(out)


def settle_placeholders(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Let each placeholder after a `0` be a `0` too: a digit to its left is always shown."""
    out: list[Piece] = []
    zero = False
    for piece in pieces:
        zero = zero or (piece.digit and piece.text == "0")
        out.append(Piece(digit=True, text="0") if zero and piece.digit else piece)
    return tuple(out)
