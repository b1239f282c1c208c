"""When a job is due, whatever the clock does, and on which days something is expected."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.jobs.schedule import Schedule

ZONE = ZoneInfo("Europe/Stockholm")
FRIDAY = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
WEEKDAYS = Schedule(cron="30 6 * * 1-5", zone=ZONE)


@given(st.floats(-1e7, 1e7), st.floats(0, 1000))
def test_every_five_minutes_is_five_minutes_though_the_clock_jumps(jump, passed):
    now = FRIDAY + timedelta(seconds=jump)
    assert Schedule(every=300).left(FRIDAY, now, passed) == max(0.0, 300 - passed)


def test_a_schedule_follows_the_clock():
    assert WEEKDAYS.left(FRIDAY, FRIDAY, 0) == 1800
    # Set forward past its time, it is due; set back a day, it waits for that day's time.
    assert WEEKDAYS.left(FRIDAY, FRIDAY + timedelta(hours=1), 5) == 0
    assert WEEKDAYS.left(FRIDAY, FRIDAY - timedelta(days=1), 5) == 1800


def test_nothing_is_expected_on_a_day_without_a_pass():
    assert WEEKDAYS.comes_on_day_of(FRIDAY)
    assert not WEEKDAYS.comes_on_day_of(FRIDAY + timedelta(days=1))
    assert Schedule().comes_on_day_of(FRIDAY + timedelta(days=1))


@pytest.mark.parametrize(("hour", "left"), [(7, 3600), (6, 86_400), (5, 82_800)])
def test_the_next_time_of_day(hour, left):
    assert WEEKDAYS.until(time(hour), FRIDAY) == left
