from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.delivery.verdict.retry_after import LONGEST_PAUSE, resume_time

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
STAMP = int(NOW.timestamp())
THEIRS = "Mon, 23 Nov 2026 13:00:00 GMT"  # A server an hour ahead of us.


def pause(value: str | None, date: str | None = None) -> float | None:
    at = resume_time(value, date, NOW)
    return None if at is None else (at - NOW).total_seconds()


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("1", None, 1),
        (" 120 ", None, 120),
        ("99999999", None, 99999999),
        # Seconds are no point in time: a clock that is wrong does not matter.
        ("10", THEIRS, 10),
        (str(STAMP + 30), None, 30),
        (str(STAMP + 3600 + 30), THEIRS, 30),
        (str((STAMP + 30) * 1000), None, 30),
        (str((STAMP + 3600 + 30) * 1000 + 500), THEIRS, 30.5),
        ("Mon, 23 Nov 2026 12:00:45 GMT", None, 45),
        ("Mon, 23 Nov 2026 13:00:45 GMT", THEIRS, 45),
        ("Monday, 23-Nov-26 12:00:45 GMT", None, 45),
        ("Mon Nov 23 12:00:45 2026", None, 45),
        ("2026-11-23T12:00:20Z", None, 20),
        ("2026-11-23T13:00:20+01:00", None, 20),
        ("2026-11-23 13:00:20", THEIRS, 20),
        ("2026-11-23T12:00:20.5Z", None, 20.5),
        ("10", "nonsense", 10),
        (str(STAMP + 30), "nonsense", 30),
        ("2026-11-24", None, 43200),
    ],
)
def test_each_form(value, date, seconds):
    assert pause(value, date) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "0",
        "-5",
        "+5",
        "1.5",
        "soon",
        "٣",
        "120, 120",
        "1e3",
        str(10**8),
        str(10**9 - 1),
        str(10**11 + 1),
        str(10**12 - 1),
        "9" * 18,
        "9" * 5000,
        str(STAMP - 1),
        str(STAMP),
        str((STAMP - 1) * 1000),
        "Mon, 23 Nov 2026 11:59:00 GMT",
        "Mon, 99 Nov 2026 12:00:00 GMT",
        "Mon,",
        "2026-11-23T11:59:59Z",
        "2026-13-01",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_nonsense_and_the_past_are_left_to_the_usual_backoff(value):
    assert pause(value) is None


def test_the_past_is_told_by_the_server_s_own_clock():
    # 12:30 is in the future here, and gone by there.
    assert pause("Mon, 23 Nov 2026 12:30:00 GMT", THEIRS) is None
    assert pause("Mon, 23 Nov 2026 12:30:00 GMT") == 1800


def test_the_answer_is_in_utc_whatever_the_clock_is_set_to():
    here = NOW.astimezone(timezone(timedelta(hours=5)))
    at = resume_time("60", None, here)
    assert at == NOW + timedelta(seconds=60)
    assert at.tzinfo is UTC


def test_a_pause_over_the_limit_is_told_not_judged():
    at = resume_time("901", None, NOW)
    assert at is not None
    assert at - NOW > LONGEST_PAUSE


@given(
    st.text() | st.integers().map(str) | st.datetimes().map(str),
    st.none() | st.text() | st.just(THEIRS),
)
def test_every_value_gives_a_later_time_or_none(value, date):
    at = resume_time(value, date, NOW)
    assert at is None or at > NOW


@pytest.mark.parametrize("hours", [-12, 14])
@pytest.mark.parametrize("value", ["9999-12-31T23:59:59Z", "99999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_the_end_of_time_can_be_shown_everywhere(value, hours):
    at = resume_time(value, None, NOW)
    assert at is not None
    assert at.astimezone(timezone(timedelta(hours=hours))).year < 9999
