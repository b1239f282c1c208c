"""Serial day numbers of spreadsheets -> ISO 8601, and lengths of time as shown.

A serial is days since the workbook's epoch, and the fraction is the time of the day. In the 1900
system serial 60 is a 29 February 1900 that never was (Lotus 1-2-3 had it), so that serials below 61
are off by one or no dates at all, and are refused.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

_MS_PER_DAY = 86_400_000
_FIRST_1900 = 61
"""1900-03-01, the first serial on which Excel and the calendar agree."""
FIRST_DATE = "1900-03-01"
_ORIGIN_1900 = date(1899, 12, 30).toordinal()
_ORIGIN_1904 = date(1904, 1, 1).toordinal()
_LAST = date.max.toordinal()


class When(Enum):
    """Which part of a moment a number format shows."""

    DATE = "date"
    TIME = "time"
    BOTH = "both"


class NoDateError(ValueError):
    """A number that is shown as a date and is none; the text says why, as a sentence."""


def iso_moment(serial: Decimal, when: When, *, date1904: bool = False, fraction: int = 0) -> str:
    """Render a serial as ISO 8601.

    Args:
        serial: days since the epoch.
        when: the part that the cell's format shows.
        date1904: whether the workbook counts from 1904.
        fraction: digits of a second that the format shows; without any, the time is rounded to the
            second, as Excel shows it.

    Returns:
        `2026-11-23`, `13:45:00` or `2026-11-23T13:45:00`, with milliseconds where they are shown and not 0.

    Raises:
        NoDateError: for a negative number, a date before 1900-03-01, or one after 9999.
    """
    if serial < 0:
        raise NoDateError("This is a negative number shown as a date or time.")
    if serial > _LAST:
        raise NoDateError("This is a number too big for a date.")
    ms = int((serial * _MS_PER_DAY).to_integral_value(ROUND_HALF_UP))
    if when is not When.DATE and not fraction:
        ms = (ms + 500) // 1000 * 1000
    day, in_day = divmod(ms, _MS_PER_DAY)
    if when is When.TIME:
        return _iso_time(in_day)
    if not date1904 and day < _FIRST_1900:
        raise NoDateError("This is a date before 1900-03-01, where Excel's calendar is wrong.")
    ordinal = day + (_ORIGIN_1904 if date1904 else _ORIGIN_1900)
    if ordinal > _LAST:
        raise NoDateError("This is a date after the year 9999.")
    shown = date.fromordinal(ordinal).isoformat()
    return shown if when is When.DATE else f"{shown}T{_iso_time(in_day)}"


def _iso_time(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    shown = f"{hour:02}:{minute:02}:{second:02}"
    return f"{shown}.{rest:03}" if rest else shown


def iso_from_text(text: str, when: When | None) -> str:
    """Render a date cell that holds ISO text (`t="d"`, as strict OOXML has it).

    Args:
        text: such as `2026-11-23T00:00:00` or `13:45:00`.
        when: the part that the cell's format shows; None where it says nothing.

    Raises:
        NoDateError: where it is no date or time.
    """
    moment = _parse_iso(text.strip())
    if isinstance(moment, time):
        if when in (None, When.TIME):
            return _rounded(datetime.combine(date.min, moment)).time().isoformat("auto")
        raise NoDateError("This is a time shown as a date.")
    if when is None:
        when = When.BOTH if "T" in text or " " in text.strip() else When.DATE
    if when is When.DATE:
        return moment.date().isoformat()
    rounded = _rounded(moment)
    return rounded.time().isoformat("auto") if when is When.TIME else rounded.isoformat()


def _parse_iso(text: str) -> datetime | time:
    bare = text.removesuffix("Z")
    try:
        if "-" not in bare:
            return time.fromisoformat(bare)
        moment = datetime.fromisoformat(bare)
    except ValueError:
        raise NoDateError("This is stored as a date, and is none.") from None
    if moment.tzinfo is not None:
        raise NoDateError("This is a date with a time zone, which a spreadsheet does not show.")
    return moment


def _rounded(moment: datetime) -> datetime:
    try:
        return (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
    except OverflowError:
        raise NoDateError("This is a date after the year 9999.") from None


def elapsed(serial: Decimal, unit: str, *, fraction: int = 0) -> tuple[int, int, int, str]:
    """Split a length of time for formats such as `[h]:mm`.

    Args:
        serial: the length in days.
        unit: the biggest unit, which is not cut at a day: `h`, `m` or `s`.
        fraction: digits of a second that are shown.

    Returns:
        Hours, minutes and seconds (all in the biggest unit's place if it is smaller), and the digits
        of the fraction.

    Raises:
        NoDateError: for a negative length, which Excel shows as ####.
    """
    if serial < 0:
        raise NoDateError("This is a negative length of time, which Excel shows as ####.")
    scale = 10**fraction
    ticks = int((serial * 86_400 * scale).to_integral_value(ROUND_HALF_UP))
    seconds, rest = divmod(ticks, scale)
    digits = f"{rest:0{fraction}}" if fraction else ""
    if unit == "s":
        return 0, 0, seconds, digits
    minutes, second = divmod(seconds, 60)
    if unit == "m":
        return 0, minutes, second, digits
    hours, minute = divmod(minutes, 60)
    return hours, minute, second, digits
