"""A number format's code -> sections of tokens (ECMA-376 Part 1, 18.8.31)."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple


class FormatError(ValueError):
    """A format that is not on the list; the text goes on the sentence "The number format X ..."."""


class TokenKind(Enum):
    """What a token of a number format is."""

    DIGIT = auto()
    """A placeholder: 0, # or ?."""
    POINT = auto()
    COMMA = auto()
    PERCENT = auto()
    POWER = auto()
    """`E+` or `E-`."""
    SLASH = auto()
    """A literal in a date, and a fraction in a number."""
    LITERAL = auto()
    """Text that is shown as it stands: quoted, escaped, or a sign that needs neither."""
    GENERAL = auto()
    TEXT = auto()
    """`@`."""
    DATE = auto()
    """A run of one date or time letter, in lower case, or `am/pm`."""
    ELAPSED = auto()
    """The letters of `[h]`, `[mm]` or `[ss]`, in lower case."""
    CONDITION = auto()


class Token(NamedTuple):
    """One token."""

    kind: TokenKind
    text: str


_BARE = re.compile(
    r"""
      (?P<general>general)
    | (?P<ampm>am/pm|a/p|上午/下午)
    | (?P<power>e[-+])
    | (?P<date>y+|m+|d+|h+|s+|e+|g+|b+|a{3,4})
    | (?P<digit>[0\#?])
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SIGNS = {
    ".": TokenKind.POINT,
    ",": TokenKind.COMMA,
    "%": TokenKind.PERCENT,
    "/": TokenKind.SLASH,
    "@": TokenKind.TEXT,
}
_COLOUR = re.compile(r"black|blue|cyan|green|magenta|red|white|yellow|colou?r ?\d{1,2}", re.IGNORECASE)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_CURRENCY = re.compile(r"\$(?P<symbol>[^-\]]*)(?:-(?P<locale>[0-9A-Za-z-]*))?(?:,.*)?")
_OTHER_DIGITS = 0x01FF_FFFF
"""Locale numbers above this name a numeral system other than 0-9."""


def split_sections(code: str) -> list[str]:
    """Split a code at its semicolons, quotes, brackets and escapes aside."""
    sections = [""]
    at = 0
    while at < len(code):
        size = _unit(code, at)
        if code[at] == ";":
            sections.append("")
        else:
            sections[-1] += code[at : at + size]
        at += size
    return sections


def _unit(code: str, at: int) -> int:
    """Give the length of what belongs together at a place: a quoted text, a bracket, an escape, a sign."""
    sign = code[at]
    closing = {'"': '"', "[": "]"}.get(sign)
    if closing is not None:
        end = code.find(closing, at + 1)
        if end < 0:
            raise FormatError("has a quote or bracket that is not closed")
        return end - at + 1
    if sign in "\\_*":
        if at + 1 == len(code):
            raise FormatError("ends in the middle")
        return 2
    return 1


def tokens_of(section: str) -> tuple[Token, ...]:
    """Split one section into tokens, leaving out colours and fillings with blanks.

    Raises:
        FormatError: for anything that is not known.
    """
    out: list[Token] = []
    at = 0
    while at < len(section):
        match = _BARE.match(section, at)
        if match is not None:
            out.append(_bare(match))
            at = match.end()
            continue
        size = _unit(section, at)
        unit = section[at : at + size]
        at += size
        out.extend(_sign(unit))
    return tuple(out)


def _bare(match: re.Match[str]) -> Token:
    text = match[0].lower()
    kinds = {
        "general": TokenKind.GENERAL,
        "ampm": TokenKind.DATE,
        "power": TokenKind.POWER,
        "date": TokenKind.DATE,
        "digit": TokenKind.DIGIT,
    }
    assert match.lastgroup is not None
    return Token(kinds[match.lastgroup], "am/pm" if match.lastgroup == "ampm" else text)


def _sign(unit: str) -> list[Token]:
    sign = unit[0]
    if sign == "[":
        return _bracket(unit[1:-1])
    if sign == "*":
        if unit[1] != " ":
            raise FormatError("fills the cell with a sign")
        return []
    if sign in _SIGNS:
        return [Token(_SIGNS[sign], sign)]
    if any(not part.isprintable() for part in unit):
        raise FormatError("holds a sign that is not seen")
    if sign.isascii() and sign.isalpha():
        raise FormatError(f"has the letter {sign!r} in it, which is not known there")
    texts = {'"': unit[1:-1], "\\": unit[1:], "_": " "}
    return [Token(TokenKind.LITERAL, texts.get(sign, sign))]


def _bracket(inside: str) -> list[Token]:
    if _COLOUR.fullmatch(inside):
        return []
    if _ELAPSED.fullmatch(inside):
        return [Token(TokenKind.ELAPSED, inside.lower())]
    if inside[:1] in "<>=" and inside:
        return [Token(TokenKind.CONDITION, inside)]
    match = _CURRENCY.fullmatch(inside)
    if match is None:
        raise FormatError(f"has [{inside}] in it, which is not known")
    if _foreign_digits(match["locale"] or ""):
        raise FormatError("shows other numerals than 0 to 9")
    return [Token(TokenKind.LITERAL, match["symbol"])] if match["symbol"] else []


def _foreign_digits(locale: str) -> bool:
    try:
        return int(locale, 16) > _OTHER_DIGITS
    except ValueError:
        return False
