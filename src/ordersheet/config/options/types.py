"""From a text on the command line, or a TOML value, to a setting.

Each function takes what a person wrote and returns the setting, or raises ValueError
with the rest of a sentence that begins with the option's name: "must be ...".
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_NAME_LENGTH = 100
_MOST_MEGABYTES = 50
_ALL = 100
"""Percent."""
_DAYS = re.compile(r"(\d{1,5})\s*d(ays?)?", re.IGNORECASE)


class Share(NamedTuple):
    """So many rows, or such a share of them."""

    number: float
    percent: bool

    def of(self, total: int) -> int:
        """How many of `total` this allows."""
        return math.floor(total * self.number / 100 if self.percent else self.number)

    def exceeded(self, count: int, total: int) -> bool:
        """Whether `count` of `total` is more than this allows."""
        return count > self.of(total)

    def __str__(self) -> str:
        return f"{self.number:g}%" if self.percent else f"{self.number:g}"


@dataclass(frozen=True, slots=True)
class RowNumbers:
    """Rows named by the numbers a person sees, as ranges of first and last."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, row: object) -> bool:
        return isinstance(row, int) and any(first <= row <= last for first, last in self.ranges)


def text(value: object) -> str:
    """Any text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return value


def name(value: object) -> str:
    """A short name of one line."""
    if (
        not isinstance(value, str)
        or not value.strip()
        or not value.isprintable()
        or len(value) > _NAME_LENGTH
    ):
        raise ValueError("must be a name of one line, at most 100 characters")
    return value.strip()


def path(value: object) -> Path:
    """A path; `~` is the home folder."""
    return Path(text(str(value) if isinstance(value, Path) else value)).expanduser()


def truth(value: object) -> bool:
    """True or false, also as the words that environment variables use."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError("must be true or false")


def trust(value: object) -> str | None:
    """Which rows of a report are trusted: `unchanged` (also said as true), or `all`."""
    word = str(value).strip().lower()
    if word in ("unchanged", "all"):
        return word
    if word in _TRUE | _FALSE:
        return "unchanged" if word in _TRUE else None
    raise ValueError("must be unchanged or all")


def choice(*words: str) -> Callable[[object], str]:
    """One of these words."""

    def parse(value: object) -> str:
        if str(value).lower() in words:
            return str(value).lower()
        raise ValueError(f"must be one of {', '.join(words)}")

    return parse


def whole(least: int, most: int | None = None) -> Callable[[object], int]:
    """A whole number, not below `least`, and not above `most` where there is one."""

    def parse(value: object) -> int:
        if not isinstance(value, bool) and re.fullmatch(r"\d{1,15}", str(value).strip()):
            number = int(str(value))
            if number >= least and (most is None or number <= most):
                return number
        limits = f", {least} or more" if most is None else f" from {least} to {most}"
        raise ValueError(f"must be a whole number{limits}")

    return parse


def not_negative(value: object) -> float:
    """A number, 0 or more."""
    try:
        number = float("nan") if isinstance(value, bool) else float(str(value).strip())
    except ValueError:
        number = float("nan")
    if not math.isfinite(number) or number < 0:
        raise ValueError("must be a number, 0 or more, with a point as decimal sign")
    return number


def positive(value: object) -> float:
    """A number above 0."""
    try:
        number = not_negative(value)
    except ValueError:
        number = 0.0
    if not number:
        raise ValueError("must be a number above 0, with a point as decimal sign")
    return number


def megabytes(value: object) -> float:
    """A number above 0 and up to 50."""
    number = positive(value)
    if number > _MOST_MEGABYTES:
        raise ValueError(f"must be a number of megabytes up to {_MOST_MEGABYTES}")
    return number


def lanes(value: object) -> int | str:
    """A number of lanes from 1 to 500, or `auto`."""
    if str(value).lower() == "auto":
        return "auto"
    try:
        return whole(1, 500)(value)  # more connections than any server gives one client
    except ValueError as error:
        raise ValueError(str(error).replace("must be", "must be auto, or", 1)) from None


def share(value: object) -> Share:
    """A number of rows, or a percentage."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", str(value).strip())
    if match is None or (not match[2] and "." in match[1]) or (match[2] and float(match[1]) > _ALL):
        raise ValueError("must be a number of rows such as 20, or a share such as 5%")
    return Share(float(match[1]), percent=bool(match[2]))


def encoding(value: object) -> str:
    """A text encoding that Python knows."""
    try:
        info = codecs.lookup(text(value).strip())
    except LookupError:
        raise ValueError("must be an encoding such as utf-8, cp1252 or utf-16") from None
    if not info._is_text_encoding:  # noqa: SLF001 - codecs such as hex and zip have no other mark
        raise ValueError("must be an encoding such as utf-8, cp1252 or utf-16")
    return info.name


def delimiter(value: object) -> str:
    """One character, or its name."""
    sign = _DELIMITERS.get(str(value).strip().lower(), str(value))
    if len(sign) != 1 or sign in '"\r\n\0' or sign.isalnum():
        raise ValueError("must be one character, or one of tab, comma, semicolon, pipe")
    return sign


def row_numbers(value: object) -> RowNumbers:
    """Row numbers and ranges, such as 5,9-12."""
    ranges = []
    for part in str(value).split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 0 < first <= last:
            raise ValueError("must be row numbers and ranges such as 5,9-12")
        ranges.append((first, last))
    return RowNumbers(tuple(ranges))


def texts(value: object) -> tuple[str, ...]:
    """A list of texts; one text is a list of one."""
    values = [value] if isinstance(value, str) else value
    if isinstance(values, dict):  # a table in a settings file: internalComment = "..."
        values = [f"{key}={item}" for key, item in values.items()]
    if not isinstance(values, list | tuple) or not all(isinstance(item, str) and item for item in values):
        raise ValueError("must be a list of texts such as FIELD=VALUE")
    return tuple(values)


def names(value: object) -> tuple[str, ...]:
    """Names with commas between them; a name that holds a comma stands in double quotes."""
    values = next(csv.reader([value], skipinitialspace=True), []) if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not all(
        isinstance(item, str) and item.strip() for item in values
    ):
        raise ValueError("must be headers with commas between them")
    if not values:
        raise ValueError("must name at least one header")
    return tuple(item.strip() for item in values)


def days(value: object) -> int:
    """A number of days, such as 90d."""
    match = _DAYS.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("must be a number of days such as 90d")
    return int(match[1])
