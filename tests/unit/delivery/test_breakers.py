from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.delivery.breakers import Breakers, stop_for
from ordersheet.delivery.verdict.causes import Cause
from ordersheet.delivery.verdict.put import StopReason


@pytest.mark.parametrize(
    ("seconds", "stops"),
    [
        ([0, 1, 2, 3, 29.9], False),
        ([0, 1, 2, 3, 30], True),
        ([0, 10, 20, 30], False),
        ([0, 40, 41, 42, 43], True),
    ],
)
def test_five_failures_over_half_a_minute_are_a_dead_server(seconds, stops):
    breakers = Breakers()
    found = [breakers.failed(at) for at in seconds]
    assert found[:-1] == [None] * (len(seconds) - 1)
    assert found[-1] is (StopReason.DEAD_SERVER if stops else None)


def test_any_answer_begins_the_count_of_failures_anew():
    breakers = Breakers()
    for at in (0, 10, 20, 30):
        assert breakers.failed(at) is None
    breakers.heard()
    for at in (40, 50, 60, 69):
        assert breakers.failed(at) is None
    assert breakers.failed(70) is StopReason.DEAD_SERVER


@given(sent=st.integers(0, 3000))
def test_unknown_rows_stop_beyond_five_and_one_in_a_hundred(sent):
    breakers = Breakers()
    for _ in range(sent):
        breakers.row_sent()
    allowed = int(max(5, sent / 100))
    assert [breakers.row_unknown() for _ in range(allowed)] == [None] * allowed
    assert breakers.row_unknown() is StopReason.TOO_MANY_UNKNOWN


@pytest.mark.parametrize("reason", list(StopReason))
def test_each_reason_has_a_word_and_says_how_to_go_on(reason):
    stop = stop_for(reason, Cause("the connection was refused", "Try later; send the same file again."))
    assert stop.word in {
        "key-refused",
        "forbidden",
        "redirect",
        "server-down",
        "too-many-unknown",
        "retry-after",
        "pushed-back",
    }
    assert "end the same file again" in stop.message


def test_a_long_pause_says_until_when():
    resume = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    stop = stop_for(StopReason.LONG_PAUSE, Cause("", ""), resume_after=resume)
    assert stop.resume_after == resume
    assert resume.astimezone().strftime("%Y-%m-%d %H:%M") in stop.message


def test_two_minutes_without_a_success_are_a_failing_server():
    breakers = Breakers()
    for at in range(0, 120, 5):
        assert breakers.broke(at, known=at, sent=at - 1, put=False) is None
    assert breakers.broke(120, known=120, sent=119, put=False) is StopReason.FAILING


@pytest.mark.parametrize("between", ["answer", "push-back"])
def test_whatever_the_server_still_does_begins_the_two_minutes_anew(between):
    breakers = Breakers()
    breakers.broke(0, known=0, sent=0, put=False)
    if between == "answer":
        breakers.succeeded(put=False)
    else:
        breakers.pushed_back(60, put=True)
    assert breakers.broke(119, known=119, sent=118, put=False) is None
    assert breakers.broke(200, known=200, sent=199, put=False) is None
    assert breakers.broke(239, known=239, sent=238, put=False) is StopReason.FAILING


def test_fifty_puts_in_a_row_stop_whatever_becomes_of_the_readings_between():
    breakers = Breakers()
    found = []
    for at in range(50):
        breakers.succeeded(put=False)
        found.append(breakers.broke(at, known=at, sent=at - 0.5, put=True))
    assert found == [None] * 49 + [StopReason.FAILED_PUTS]


def test_what_was_under_way_together_counts_once_and_an_answered_put_begins_anew():
    breakers = Breakers()
    assert [breakers.broke(1.0, known=1.0, sent=0.5, put=True) for _ in range(200)] == [None] * 200
    breakers.succeeded(put=True)
    assert [breakers.broke(at, known=at, sent=at, put=True) for at in range(2, 51)] == [None] * 49
    assert breakers.broke(51, known=51, sent=51, put=True) is StopReason.FAILED_PUTS


def test_an_hour_of_push_backs_stops_and_one_success_begins_it_anew():
    breakers = Breakers()
    assert breakers.pushed_back(0, put=False) is None
    assert breakers.pushed_back(3599, put=False) is None
    breakers.succeeded(put=False)
    assert breakers.pushed_back(3600, put=False) is None
    assert breakers.pushed_back(7200, put=False) is StopReason.PUSHED_BACK


def test_an_hour_in_which_updates_are_pushed_back_stops_though_readings_are_let_through():
    breakers = Breakers()
    assert breakers.pushed_back(0, put=True) is None
    breakers.succeeded(put=False)
    assert breakers.pushed_back(3599, put=True) is None
    breakers.succeeded(put=False)
    assert breakers.pushed_back(3600, put=True) is StopReason.PUSHED_BACK
    breakers.succeeded(put=True)
    assert breakers.pushed_back(3601, put=True) is None
