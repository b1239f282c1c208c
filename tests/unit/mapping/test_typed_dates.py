"""Dates as offices write them, against a calendar that knows nothing of the reader."""

from __future__ import annotations

import calendar
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.mapping.faults import ValueFault
from ordersheet.mapping.typed_dates import MONTHS, date_from_text, form_fault, form_of, is_iso_date

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))

# Each form, and what writes a date like that.
FORMS = {
    "dd.mm.yyyy": "{d:02}.{m:02}.{y}",
    "d.m.yyyy": "{d}.{m}.{y}",
    "TT.MM.JJJJ": "{d:02}.{m:02}.{y}",
    "jj/mm/aaaa": "{d:02}/{m:02}/{y}",
    "dd/mm/yyyy": "{d:02}/{m:02}/{y}",
    "mm/dd/yyyy": "{m:02}/{d:02}/{y}",
    "åååå-MM-dd": "{y}-{m:02}-{d:02}",
    "dd-mm-jjjj": "{d:02}-{m:02}-{y}",
    "dd.mm.yy": "{d:02}.{m:02}.{yy:02}",
    "yyyy/mm/dd": "{y}/{m:02}/{d:02}",
}


def written(how: str, day: date) -> str:
    return how.format(d=day.day, m=day.month, y=day.year, yy=day.year % 100)


@pytest.mark.parametrize("form", FORMS)
@given(day=DAYS)
def test_a_stated_form_decides(form: str, day: date) -> None:
    assert form_fault(form) is None
    assert date_from_text(written(FORMS[form], day), form) == day.isoformat()
    assert date_from_text(day.isoformat(), form) == day.isoformat()


@given(
    day=DAYS, how=st.sampled_from(["{d:02}/{m:02}/{y}", "{m:02}/{d:02}/{y}", "{d}-{m}-{y}", "{m}-{d}-{y}"])
)
def test_what_could_be_two_dates_is_asked_for_and_all_else_is_read(day: date, how: str) -> None:
    text = written(how, day)
    if day.day <= 12 and day.day != day.month:
        with pytest.raises(ValueFault) as caught:
            date_from_text(text)
        assert caught.value.code == "ambiguous-date"
        assert day.isoformat() in str(caught.value)
        # Each form that the message offers reads the text, and one of them reads this day.
        offered = (
            str(caught.value).partition("(format = ")[2].removesuffix(")").replace('"', "").split(" or ")
        )
        assert day.isoformat() in [date_from_text(text, form) for form in offered]
    else:
        assert date_from_text(text) == day.isoformat()


@given(day=DAYS)
def test_points_mean_day_first(day: date) -> None:
    assert date_from_text(written("{d}.{m}.{y}", day)) == day.isoformat()
    assert date_from_text(written("{d}. {m}. {y}", day)) == day.isoformat()


@given(day=DAYS, language=st.sampled_from(list(MONTHS)), long=st.booleans())
def test_a_month_s_name_is_read_in_each_language(day: date, language: str, long: bool) -> None:  # noqa: FBT001
    name = MONTHS[language][day.month - 1]
    name = name if long or language == "French" else name[:3]  # juin and juillet begin alike
    for text in (f"{day.day}. {name} {day.year}", f"{name.title()} {day.day}, {day.year}"):
        assert date_from_text(text) == day.isoformat()
        form = form_of(text)
        assert form is not None
        assert date_from_text(text, form) == day.isoformat()


def test_each_language_has_twelve_months_of_its_own() -> None:
    for months in MONTHS.values():
        assert len(set(months)) == 12
    assert [name.casefold() for name in calendar.month_name[1:]] == list(MONTHS["English"])


@given(year=st.integers(1900, 2100), month=st.integers(0, 14), day=st.integers(0, 33))
def test_only_days_of_the_calendar_are_read(year: int, month: int, day: int) -> None:
    there = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
    text = f"{day:02}.{month:02}.{year}"
    if there:
        assert date_from_text(text, "dd.mm.yyyy") == f"{year}-{month:02}-{day:02}"
    else:
        with pytest.raises(ValueFault) as caught:
            date_from_text(text, "dd.mm.yyyy")
        assert caught.value.code == "bad-date"


@given(st.text(alphabet="0123456789./- ", max_size=12))
def test_a_date_that_is_read_stands_in_the_text(text: str) -> None:
    with suppress(ValueFault):
        found = date_from_text(text)
        assert is_iso_date(found)
        digits = sorted(text.replace("0", "").translate(str.maketrans("", "", "./- ")))
        read = sorted(found[:10].replace("0", "").replace("-", ""))
        assert digits == read or digits == sorted(found[2:10].replace("0", "").replace("-", ""))


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("31.03.2026 14:30", "2026-03-31T14:30:00"),
        ("31.03.2026, 9:05:07", "2026-03-31T09:05:07"),
        ("2026-03-31 14:30", "2026-03-31 14:30"),
        ("1er août 2026", "2026-08-01"),
        ("31 de marzo de 2026", "2026-03-31"),
        ("31-Mar-2026", "2026-03-31"),
    ],
)
def test_other_ways_to_write_one(text: str, iso: str) -> None:
    assert date_from_text(text) == iso


@pytest.mark.parametrize(
    "text",
    ["46112", "31.03.2026 25:00", "3 jui. 2026", "1.2.3", "31.3", "tomorrow", "2026-02-30", "٣١.٠٣.٢٠٢٦"],
)
def test_no_date(text: str) -> None:
    with pytest.raises(ValueFault, match="is not a date"):
        date_from_text(text)
    assert form_of(text) is None


@pytest.mark.parametrize(
    "form", ["", "dd.mm", "yyyy", "dd.mm.yyy", "dd.dd.yyyy", "x.mm.yyyy", "dd.mm.2026", "d_m_y"]
)
def test_forms_that_are_none(form: str) -> None:
    assert "dd.mm.yyyy" in (form_fault(form) or "")
