"""When a file is whole: unchanged for long enough, or said to be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.jobs.sources import SourceFile
from ordersheet.jobs.sources.base import free_name, wanted
from ordersheet.jobs.stability import Stability

FILE = SourceFile("calls.xlsx", 100, datetime(2026, 11, 27, tzinfo=UTC))


def test_a_file_is_whole_when_two_looks_far_enough_apart_found_it_alike():
    stability = Stability(10.0, None)
    assert stability.whole([FILE], (), 0.0) == []
    assert stability.wait(4.0) == 6.0
    assert stability.whole([FILE], (), 9.9) == []
    assert stability.whole([FILE], (), 10.0) == [FILE]
    assert stability.wait(10.0) is None


@given(st.lists(st.tuples(st.floats(0.1, 8.0), st.booleans()), max_size=30))
def test_a_file_that_grows_is_never_whole_before_it_has_rested(steps):
    stability, now, rested, size = Stability(10.0, None), 0.0, None, 100
    for seconds, grows in steps:
        now += seconds
        if grows:
            size += 1
            rested = None
        seen = replace(FILE, size=size)
        whole = stability.whole([seen], (), now)
        rested = now if rested is None else rested
        assert bool(whole) == (now - rested >= 10.0)


@given(
    st.lists(st.floats(0.1, 20.0), max_size=12),
    st.floats(20.1, 1e6),
    st.lists(st.floats(0.1, 20.0), min_size=1, max_size=12),
)
def test_what_stood_still_together_with_its_watcher_is_not_whole(before, slept, after):
    stability = Stability(10.0, None)
    now, size, whole = 0.0, 100, []
    for seconds in before:
        now, size = now + seconds, size + 1
        whole += stability.whole([replace(FILE, size=size)], (), now)
    # The watcher wakes up before the one who writes.
    now += slept
    whole += stability.whole([replace(FILE, size=size)], (), now)
    assert whole == []
    for seconds in after:
        now += seconds
        whole += stability.whole([replace(FILE, size=size)], (), now)
    assert bool(whole) == (sum(after) + (5.0 if before else 0.0) >= 10.0)


@given(st.lists(st.floats(0.1, 9.0), max_size=5), st.floats(0.0, 1e5))
def test_while_a_file_rests_another_look_is_awaited_however_long_the_last_one_took(looks, took):
    stability, now = Stability(10.0, None), 0.0
    whole = stability.whole([FILE], (), now)
    for seconds in looks:
        now += seconds
        whole = stability.whole([FILE], (), now)
    assert stability.rests == (not whole)
    wait = stability.wait(now + took)
    assert (wait is not None) == stability.rests
    assert wait is None or wait >= 0.0


def test_a_source_that_is_slow_to_list_is_looked_at_three_times():
    stability = Stability(10.0, None)
    found = [stability.whole([FILE], (), at) for at in (0.0, 130.0, 260.0)]
    assert found == [[], [], [FILE]]


def test_a_file_that_went_and_came_again_rests_anew():
    stability = Stability(10.0, None)
    stability.whole([FILE], (), 0.0)
    stability.whole([], (), 5.0)
    assert stability.whole([FILE], (), 12.0) == []


def test_a_marker_says_that_a_file_is_whole():
    stability = Stability(10.0, ".done")
    marker = replace(FILE, name="calls.xlsx.done")
    assert stability.whole([FILE], {"calls.xlsx"}, 100.0) == []
    assert stability.whole([FILE, marker], {"calls.xlsx", "calls.xlsx.done"}, 100.0) == [FILE]
    assert stability.wait(100.0) is None


def test_names_that_are_not_taken():
    pattern = "*.xlsx"
    names = [
        "calls.xlsx",
        "CALLS.XLSX",
        "~$calls.xlsx",
        ".calls.xlsx",
        "calls.xlsx.part",
        "x.tmp",
        "a/b.xlsx",
    ]
    assert [name for name in names if wanted(name, pattern)] == ["calls.xlsx", "CALLS.XLSX"]
    assert not wanted("calls.xlsx.problems.txt", "*")


def test_a_free_name():
    assert free_name("calls.xlsx", ()) == "calls.xlsx"
    assert free_name("calls.xlsx", {"calls.xlsx", "calls (2).xlsx"}) == "calls (3).xlsx"
    assert free_name("calls", {"calls"}) == "calls (2)"
