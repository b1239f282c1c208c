"""When a server that pushed back may be asked again, read from its own words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

LONGEST_PAUSE = timedelta(minutes=15)
"""A longer pause is not waited for: the run stops and says when to go on."""

_FURTHEST = timedelta(days=3660)
"""What lies beyond it may be a moment that no clock of another time zone can show."""
_NUMBER = re.compile(r"[0-9]{1,18}")
_HTTP_DATE = re.compile(r"[A-Za-z]{3,9},? ")
_SECONDS_BELOW = 10**8
_UNIX_FROM, _UNIX_TO = 10**9, 10**11
_MILLISECONDS_FROM = 10**12


def resume_time(value: str | None, date_header: str | None, now: datetime) -> datetime | None:
    """Read a `Retry-After` in any of its forms.

    An integer below 10^8 is seconds, from 10^9 to 10^11 a Unix time, from 10^12 a Unix time in milliseconds;
    anything else an HTTP date, or else an ISO 8601 time. A point in time is counted from the response's own
    `Date`, so that two clocks that disagree do no harm; without one, from this machine's clock.

    Args:
        value: the header as it came; None where there was none.
        date_header: the response's `Date`; None where there was none.
        now: when the response arrived, by this machine's clock, with a time zone.

    Returns:
        When to go on, by this machine's clock, in UTC; None for nonsense and for what is not in the future:
        back off as usual then. Compare with `LONGEST_PAUSE` before waiting.
    """
    text = (value or "").strip()
    now = now.astimezone(UTC)
    try:
        if _NUMBER.fullmatch(text) and int(text) < _SECONDS_BELOW:
            pause = timedelta(seconds=int(text))
        else:
            target = _point_in_time(text)
            if target is None:
                return None
            pause = target - (http_date(date_header or "") or now)
        return now + min(pause, _FURTHEST) if pause > timedelta(0) else None
    except OverflowError:
        return None


def _point_in_time(text: str) -> datetime | None:
    if _NUMBER.fullmatch(text):
        number = int(text)
        if _UNIX_FROM <= number <= _UNIX_TO:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        if number >= _MILLISECONDS_FROM:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)
        return None
    return http_date(text) or _iso_time(text)


# Answers of the same second say the same.
@lru_cache(16)
def http_date(text: str) -> datetime | None:
    """Read an HTTP date; None where it is none."""
    # The library reads nearly anything as a date; only what begins with the name of a day is one here.
    if not _HTTP_DATE.match(text.strip()):
        return None
    try:
        found = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return _aware(found)


def _iso_time(text: str) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _aware(moment: datetime) -> datetime | None:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None
