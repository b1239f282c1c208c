"""Dates as offices write them in eight languages, read into ISO 8601 without a guess. Pure.

A form such as `dd.mm.yyyy` (or `TT.MM.JJJJ`, `jj/mm/aaaa`) decides how a text is read. Without one, only
what has a single reading is taken: 31/03/2026 has, 03/04/2026 has two.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.mapping.faults import ValueFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MONTHS: Mapping[str, tuple[str, ...]] = {
    "English": (
        *("january", "february", "march", "april", "may", "june"),
        *("july", "august", "september", "october", "november", "december"),
    ),
    "Swedish": (
        *("januari", "februari", "mars", "april", "maj", "juni"),
        *("juli", "augusti", "september", "oktober", "november", "december"),
    ),
    "German": (
        *("januar", "februar", "märz", "april", "mai", "juni"),
        *("juli", "august", "september", "oktober", "november", "dezember"),
    ),
    "French": (
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
    "Spanish": (
        *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
        *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    ),
    "Danish": (
        *("januar", "februar", "marts", "april", "maj", "juni"),
        *("juli", "august", "september", "oktober", "november", "december"),
    ),
    "Norwegian": (
        *("januar", "februar", "mars", "april", "mai", "juni"),
        *("juli", "august", "september", "oktober", "november", "desember"),
    ),
    "Dutch": (
        *("januari", "februari", "maart", "april", "mei", "juni"),
        *("juli", "augustus", "september", "oktober", "november", "december"),
    ),
}
"""The months, by language; the first three or four letters with or without a point stand for each, too."""

_SHORTEST_NAME = 3
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_TIME = r"(?:,? (?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?)?"
_NUMBERS = re.compile(
    rf"(?P<one>[0-9]{{1,4}})(?P<sign>[./-]) ?(?P<two>[0-9]{{1,2}})(?P=sign) ?(?P<three>[0-9]{{1,4}}){_TIME}"
)
_DAY_NAME = re.compile(
    r"(?P<day>[0-9]{1,2})(?:\.|st|nd|rd|th|er)?[ -](?:de )?(?P<name>[^\W\d_]{3,})\.?[ -](?:de )?"
    rf"(?P<year>[0-9]{{4}}){_TIME}"
)
_NAME_DAY = re.compile(
    rf"(?P<name>[^\W\d_]{{3,}})\.? (?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?,? (?P<year>[0-9]{{4}}){_TIME}"
)
_TWO_DIGITS = 2
"""As many as a day, a month or a short year has; a longer run of m is a month's name."""
_MONTHS = 12
_YEAR_DIGITS = 4
_CENTURY = 2000
"""What a form's `yy` counts from: nobody delivers in 1926."""
_FORM_PARTS = re.compile(r"([^\W\d_])\1*|[^\w]+|\d+|_+")
_EXAMPLE = 'such as "dd.mm.yyyy"'


class _Moment(NamedTuple):
    year: int
    month: int
    day: int
    time: str = ""
    """`T14:30` or `T14:30:05`; empty for a date alone."""


def date_from_text(text: str, form: str | None = None) -> str:
    """Read a date, with or without a time of day.

    Args:
        text: the date; year-month-day of ISO 8601 is always understood.
        form: how it is written, such as `dd.mm.yyyy`; None takes only what has one reading.

    Returns:
        The date in ISO 8601: `2026-03-31`, or `2026-03-31T14:30:00`; a text in ISO 8601 stays as it is.

    Raises:
        ValueFault: `bad-date`, or `ambiguous-date` for what could be two dates.
    """
    stripped = " ".join(text.split())
    if _ISO.fullmatch(stripped) and _is_iso(stripped):
        return stripped
    named = not _NUMBERS.fullmatch(stripped)
    if form is not None:
        # A month's name leaves nothing open, however the form has it.
        moment = _by_form(stripped, form) or next(filter(_exists, _readings(stripped) if named else ()), None)
        if moment is None:
            raise ValueFault(
                "bad-date",
                f'"{text}" is not a date of the form {form}: write it like that, or like 2026-03-31',
            )
        return _iso(moment)
    readings = dict.fromkeys(_iso(moment) for moment in _readings(stripped) if _exists(moment))
    if not readings:
        raise ValueFault("bad-date", f'"{text}" is not a date as year-month-day: write it like 2026-03-31')
    if len(readings) > 1:
        raise ValueFault(
            "ambiguous-date",
            f'"{text}" could be {" or ".join(sorted(readings))}: say in the mapping file how dates are '
            f"written (format = {' or '.join(_forms_of(stripped))})",
        )
    return next(iter(readings))


def is_iso_date(text: str) -> bool:
    """Tell whether a text is a date of the calendar in ISO 8601, with or without a time."""
    return bool(_ISO.fullmatch(text.strip())) and _is_iso(text.strip())


def form_of(text: str) -> str | None:
    """Tell in which form a date is written, where it is one and not ISO 8601; the first of several."""
    stripped = " ".join(text.split())
    if not stripped[:1].isalnum() or is_iso_date(stripped) or not any(map(_exists, _readings(stripped))):
        return None
    return next(iter(_forms_of(stripped))).strip('"')


def form_fault(form: str) -> str | None:
    """Say what is wrong with a form, or None."""
    parts = _parts(form)
    if (
        sorted(parts.values()) != sorted(["day", "month", "year"])
        or form.count("_")
        or re.search(r"\d", form)
    ):
        return f"format {form!r} must name day, month and year once each, {_EXAMPLE}"
    return None


def _by_form(text: str, form: str) -> _Moment | None:
    found = _pattern(form).fullmatch(text)
    if found is None:
        return None
    year = int(found["year"]) + (0 if len(found["year"]) == _YEAR_DIGITS else _CENTURY)
    month = int(found["month"]) if found["month"].isdecimal() else _month(found["month"])
    if month is None:
        return None
    moment = _Moment(year, month, int(found["day"]), _time(found))
    return moment if _exists(moment) else None


def _parts(form: str) -> dict[int, str]:
    """Tell which run of letters of a form, by its place, is day, month or year, in any language."""
    runs = [
        (found.start(), found[0].casefold()) for found in _FORM_PARTS.finditer(form) if found[0][0].isalpha()
    ]
    letters = {run[0] for _, run in runs}
    # j is jour where another letter says year (jj/mm/aaaa), else Jahr or jaar.
    others = {"y": "year", "a": "year", "å": "year", "d": "day", "t": "day", "m": "month"}
    others["j"] = "day" if letters & {"y", "a", "å"} else "year"
    longest = {"day": 2, "month": 4, "year": 4}
    found: dict[int, str] = {}
    for place, run in runs:
        meaning = others.get(run[0], run)
        fits = len(run) <= longest.get(meaning, 0) and (meaning != "year" or len(run) in (2, 4))
        found[place] = meaning if fits else run
    return found


@cache
def _pattern(form: str) -> re.Pattern[str]:
    parts = _parts(form)
    pattern = ""
    for found in _FORM_PARTS.finditer(form):
        run, meaning = found[0], parts.get(found.start())
        if meaning == "year":
            pattern += rf"(?P<year>[0-9]{{{len(run)}}})"
        elif meaning == "month" and len(run) > _TWO_DIGITS:
            pattern += r"(?P<month>[^\W\d_]{3,})\.?"
        elif meaning is not None:
            pattern += rf"(?P<{meaning}>[0-9]{{1,2}})"
        else:
            pattern += re.escape(" ".join(run.split(" ")))
    return re.compile(pattern + _TIME)


def _readings(text: str) -> Iterator[_Moment]:
    """Give all that a text could mean as a date."""
    numbers = _NUMBERS.fullmatch(text)
    if numbers:
        yield from _of_numbers(numbers)
        return
    named = _DAY_NAME.fullmatch(text) or _NAME_DAY.fullmatch(text)
    month = _month(named["name"]) if named else None
    if named and month:
        yield _Moment(int(named["year"]), month, int(named["day"]), _time(named))


def _of_numbers(found: re.Match[str]) -> Iterator[_Moment]:
    one, two, three, time = found["one"], found["two"], found["three"], _time(found)
    if len(one) == _YEAR_DIGITS:
        if len(three) <= _TWO_DIGITS:
            yield _Moment(int(one), int(two), int(three), time)
    elif len(one) <= _TWO_DIGITS and len(three) == _YEAR_DIGITS:
        yield _Moment(int(three), int(two), int(one), time)
        if found["sign"] != ".":  # points mean day first wherever they are used
            yield _Moment(int(three), int(one), int(two), time)
    elif len(one) <= _TWO_DIGITS and len(three) == _TWO_DIGITS:
        yield _Moment(_CENTURY + int(three), int(two), int(one), time)
        yield _Moment(_CENTURY + int(three), int(one), int(two), time)
        yield _Moment(_CENTURY + int(one), int(two), int(three), time)


def _forms_of(text: str) -> list[str]:
    numbers = _NUMBERS.fullmatch(text)
    if numbers is None:
        return ['"d mmmm yyyy"' if text[0].isdecimal() else '"mmmm d, yyyy"']
    sign, year = numbers["sign"], "y" * len(numbers["three"])
    if len(numbers["one"]) == _YEAR_DIGITS:
        return [f'"yyyy{sign}mm{sign}dd"']
    first, middle = int(numbers["one"]), int(numbers["two"])
    forms = [f'"dd{sign}mm{sign}{year}"'] if middle <= _MONTHS else []
    if first <= _MONTHS and (sign != "." or len(year) == _TWO_DIGITS):
        forms.append(f'"mm{sign}dd{sign}{year}"')
    if len(year) == _TWO_DIGITS:
        forms += [f'"yy{sign}mm{sign}dd"'] if middle <= _MONTHS else []
    return forms


@cache
def _month_names() -> Mapping[str, int]:
    names: dict[str, int] = {}
    for months in MONTHS.values():
        for number, name in enumerate(months, 1):
            for length in (*range(_SHORTEST_NAME, 5), len(name)):
                # Where two months begin alike (juin, juillet), the beginning names neither.
                names[name[:length]] = 0 if names.get(name[:length], number) != number else number
    return names


def _month(name: str) -> int | None:
    return _month_names().get(name.casefold()) or None


def _time(found: re.Match[str]) -> str:
    if found["hour"] is None:
        return ""
    return f"T{int(found['hour']):02}:{found['minute']}:{found['second'] or '00'}"


def _iso(moment: _Moment) -> str:
    return f"{moment.year:04}-{moment.month:02}-{moment.day:02}{moment.time}"


def _exists(moment: _Moment) -> bool:
    return _is_iso(_iso(moment))


def _is_iso(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
