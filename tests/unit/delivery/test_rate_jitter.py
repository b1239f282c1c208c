"""The pace where answers take very different times, and where this machine is busy: neither is a queue."""

import math

import pytest
from tests.support.limits import Jitter, simulate

from ordersheet.delivery.rate.concurrency import MOST, AutoConcurrency
from ordersheet.delivery.rate.estimator import RateEstimator

STALL = 0.05
"""Seconds in each one that the client stands still: its garbage is collected, its disk is slow."""


def possible(lanes: int, middle: float, factor: float) -> float:
    """Rows a second that the answers allow."""
    return lanes / (middle * math.exp(math.log(factor) ** 2 / 2))


@pytest.mark.parametrize("lanes", [8, 50])
@pytest.mark.parametrize("factor", [2.0, 3.0])
@pytest.mark.parametrize("middle", [0.05, 0.1, 0.5])
def test_answers_of_very_different_times_are_no_queue(middle, factor, lanes):
    run = simulate(RateEstimator(), until=50, lanes=lanes, latency=Jitter(middle, factor), stall=STALL)
    assert run.count(30, 50) >= 0.85 * 20 * possible(lanes, middle, factor)


@pytest.mark.parametrize("factor", [2.0, 3.0])
@pytest.mark.parametrize("middle", [0.05, 0.1, 0.5])
def test_they_keep_no_lane_from_being_opened(middle, factor):
    auto = AutoConcurrency()
    run = simulate(
        RateEstimator(auto=auto), until=40, lanes=MOST, latency=Jitter(middle, factor), stall=STALL
    )
    assert auto.width >= 0.9 * MOST
    assert run.count(20, 40) >= 0.85 * 20 * possible(MOST, middle, factor)


@pytest.mark.parametrize("factor", [1.01, 2.0, 3.0])
@pytest.mark.parametrize("stall", [0.0, STALL])
def test_the_lanes_are_open_long_before_a_small_file_is_over(factor, stall):
    """4,000 rows, answers after about 50 ms: all lanes from the first request on would take 64 at a time."""
    auto, latency = AutoConcurrency(), Jitter(0.05, factor)
    run = simulate(RateEstimator(auto=auto), until=1.2, lanes=MOST, latency=latency, stall=stall)
    assert auto.width >= 50
    assert len(run.accepted) <= 0.25 * 4000
    run = simulate(RateEstimator(auto=AutoConcurrency()), until=20, lanes=MOST, latency=latency, stall=stall)
    assert run.accepted[3999] <= 1.2 + 4000 / possible(MOST, 0.05, factor)
