"""How many requests at once: found out against servers that do not say."""

import pytest
from tests.support.limits import AtOnce, Bucket, Queue, Rebuff, simulate

from ordersheet.delivery.rate.concurrency import MOST, START, AutoConcurrency
from ordersheet.delivery.rate.estimator import RateEstimator


@pytest.mark.parametrize("latency", [0.02, 0.05, 0.3])
def test_where_more_at_once_is_faster_all_lanes_come_to_work(latency):
    auto = AutoConcurrency()
    run = simulate(RateEstimator(auto=auto), until=60, lanes=MOST, latency=latency)
    assert auto.width >= 0.9 * MOST
    assert run.count(20, 60) >= 0.95 * 40 * MOST / latency


@pytest.mark.parametrize("speed", [20.0, 100.0, 400.0])
def test_where_more_at_once_only_waits_no_more_come_to_work(speed):
    auto = AutoConcurrency()
    run = simulate(RateEstimator(auto=auto), until=120, lanes=MOST, queue=Queue(lambda _now: speed))
    # A width that keeps this server busy, and no more than twice that beside what it began with.
    enough = speed * 0.06
    assert auto.width <= max(START, 2 * enough + START)
    assert run.count(20, 120) >= 0.85 * 100 * speed


@pytest.mark.parametrize("most", [4, 12, 30])
def test_a_limit_on_requests_at_once_is_felt_for_but_seldom(most):
    run = simulate(RateEstimator(auto=AutoConcurrency()), AtOnce(most), until=300, lanes=MOST, latency=0.1)
    assert run.count(0, 300) >= 0.5 * 300 * most / 0.1
    assert 1000 * len(run.refused) < 15 * len(run.accepted)


@pytest.mark.parametrize(("rate", "burst"), [(2, 20), (5, 50), (10, 20), (10, 100)])
def test_a_bucket_is_found_as_with_a_fixed_number(rate, burst):
    run = simulate(RateEstimator(auto=AutoConcurrency()), Bucket(rate, burst), until=600, lanes=MOST)
    assert run.count(0, 60) >= 0.9 * (burst + 60 * rate)
    assert run.pushed_back(0, 60) <= 40
    assert run.count(60, 600) >= 0.97 * 540 * rate
    assert 1000 * run.pushed_back(60, 600) < 15 * run.count(60, 600)


def test_a_width_that_brought_nothing_is_taken_back_and_tried_again_later():
    auto, now = AutoConcurrency(), 0.0
    widths: list[int] = []
    for _ in range(60_000):
        now += 0.002  # 500 a second, whatever the width.
        auto.answered(now, auto.width)
        if not widths or widths[-1] != auto.width:
            widths.append(auto.width)
    assert set(widths) == {8, 12, 16}
    assert all(width == 8 for width in widths[::2])
    assert 4 <= len(widths) <= 20


def test_pushbacks_in_a_row_shrink_it_once():
    auto = AutoConcurrency(start=32)
    auto.held_back(1.0, 32)
    auto.held_back(1.1, 32)
    assert auto.width == 21


def test_a_pushback_while_few_were_under_way_leaves_the_lanes_open():
    auto = AutoConcurrency(start=32)
    auto.held_back(1.0, 31)
    assert auto.width == 32


@pytest.mark.parametrize("count", [1, 4])
def test_a_push_back_before_anything_was_taken_costs_little_more_than_its_pauses(count):
    run = simulate(RateEstimator(auto=AutoConcurrency()), Rebuff(1, 30.0, count), until=140, lanes=MOST)
    assert run.accepted[15] <= 30 * count + 2


@pytest.mark.parametrize("lanes", [8, MOST])
@pytest.mark.parametrize(("number", "pause"), [(10, 30.0), (20, 600.0), (1000, 600.0)])
def test_one_long_pause_is_no_rate(lanes, number, pause):
    """A server that was closed for a while takes what it took before, as soon as it is open again."""
    pace = RateEstimator(auto=AutoConcurrency()) if lanes == MOST else RateEstimator()
    run = simulate(
        pace, Rebuff(number, pause, 1), until=pause + 80, lanes=lanes, queue=Queue(lambda _now: 100.0)
    )
    assert run.count(pause + 20, pause + 80) >= 0.9 * 100 * 60
    assert len(run.refused) <= 8
