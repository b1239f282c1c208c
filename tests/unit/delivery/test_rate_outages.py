"""The pace through outages, whatever they look like: few requests meanwhile, and the old rate soon after."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.limits import (
    AtRandom,
    BadRequests,
    Broken,
    Bucket,
    Jitter,
    Queue,
    Run,
    Shut,
    exact,
    seconds,
    silent,
    simulate,
)

from ordersheet.delivery.rate.estimator import RateEstimator
from ordersheet.delivery.rate.health import PROBE, Health

AT = 60.0
"""When an outage begins."""


def each_second(_wait: float) -> float | None:
    return 1.0


def most_in_a_second(moments: list[float]) -> int:
    return max((sum(at <= other < at + 0.99 for other in moments) for at in moments), default=0)


def holds(run: Run, lasting: float) -> None:
    """Hold a run against what is promised of outages."""
    end, before = AT + lasting, run.count(AT - 40, AT) / 40
    good = most_in_a_second([at for at in run.sent if AT - 5 <= at < AT])
    assert sum(AT <= at < AT + 1 for at in run.sent) <= good + 1
    assert most_in_a_second([at for at in run.sent if AT + 10 <= at < end]) <= 1
    assert run.count(end + 30, end + 60) >= 0.9 * 30 * before


@settings(max_examples=30, deadline=None)
@given(
    lasting=st.floats(10, 300),
    cap=st.none() | st.floats(1, 100),
    latency=st.floats(0.02, 0.5),
    lanes=st.integers(1, 16),
    header=st.none() | st.sampled_from([seconds, exact, silent, each_second]),
)
def test_in_any_outage_probes_alone_leave_and_then_the_old_rate_is_back(lasting, cap, latency, lanes, header):
    pace, until = RateEstimator(cap=cap), AT + lasting + 61
    if header is None:
        run = simulate(pace, until=until, lanes=lanes, latency=latency, failing=Broken(AT, lasting))
    else:
        run = simulate(pace, Shut(AT, lasting), until=until, lanes=lanes, latency=latency, header=header)
    holds(run, lasting)


@pytest.mark.parametrize("header", [None, seconds, each_second, silent])
@pytest.mark.parametrize("rate", [2, 20])
@pytest.mark.parametrize("lasting", [10.0, 120.0])
def test_a_limit_that_was_known_before_is_known_after_it(header, rate, lasting):
    limits = [Bucket(rate, 2 * rate)]
    failing = Broken(AT, lasting) if header is None else Broken(AT, 0.0)
    shut = [] if header is None else [Shut(AT, lasting)]
    run = simulate(
        RateEstimator(), *limits, *shut, until=AT + lasting + 240, header=header or seconds, failing=failing
    )
    end = AT + lasting
    assert run.count(end + 30, end + 240) >= 0.9 * 210 * rate
    assert run.pushed_back(end + 1, end + 240) <= 0.03 * run.count(end, end + 240)


@settings(max_examples=30, deadline=None)
@given(
    rate=st.floats(1, 50),
    at=st.floats(0.05, 60),
    lasting=st.floats(1, 100) | st.sampled_from([30.0, 600.0, 20_000.0]),
    lanes=st.integers(1, 8),
    header=st.sampled_from([seconds, exact, silent]),
    broken=st.sampled_from([0.0, 0.01, 3.0]),
)
@example(rate=3.0, at=1.0, lasting=30.0, lanes=1, header=seconds, broken=0.0)
@example(rate=31.366, at=1.8005, lasting=6025.78, lanes=2, header=silent, broken=3.0)
@example(rate=38.366, at=1.4936, lasting=30.0, lanes=2, header=seconds, broken=0.01)
@example(rate=37.7093, at=31.9595, lasting=9105.4, lanes=2, header=exact, broken=3.0)
@example(rate=49.031, at=47.8567, lasting=23.6685, lanes=7, header=silent, broken=0.0)
def test_a_computer_that_slept_goes_on_as_fast_as_the_server_takes_it(
    rate, at, lasting, lanes, header, broken
):
    woken = at + lasting
    run = simulate(
        RateEstimator(),
        Bucket(rate, 10),
        until=woken + 240,
        lanes=lanes,
        header=header,
        still=(at, lasting),
        failing=Broken(woken, broken),
    )
    # Near what two at once can do, a limit may look like one on their number, and one at a time is half.
    share = 0.5 if lanes == 2 else 0.6
    assert run.count(woken + 60, woken + 240) >= share * 180 * min(rate, lanes / 0.05)


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_waiting_for_slow_answers_is_no_sleep(factor):
    """Answers take five seconds: what is let through meanwhile tells of the limit."""
    rate = 0.14
    run = simulate(
        RateEstimator(), Bucket(rate, 10), until=6000, lanes=1, latency=Jitter(5.0, factor), header=silent
    )
    later = run.count(3000, 6000)
    assert later >= 0.9 * 3000 * rate
    assert run.pushed_back(3000, 6000) <= 0.04 * later


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05, 0.1])
def test_push_backs_by_chance_do_not_sink_the_pace_for_good(share):
    run = simulate(RateEstimator(), AtRandom(share), until=900, header=silent)
    # Each of them holds everyone for a second.
    assert run.count(300, 900) >= 0.6 * 600 / share / (1 / share / 160 + 1)


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_single_bad_requests_cost_no_pace(share):
    good = simulate(RateEstimator(), until=120)
    bad = simulate(RateEstimator(), until=120, failing=BadRequests(share))
    assert bad.count(30, 120) >= 0.85 * (1 - share) * good.count(30, 120)


def test_a_server_that_fails_most_requests_gets_few():
    run = simulate(RateEstimator(), until=300, failing=BadRequests(0.8))
    assert len([at for at in run.sent if at >= 60]) <= 240


def test_a_server_that_gets_slower_and_then_breaks_is_found_again():
    slow = Queue(lambda now: 50.0 if now < 30 else 10.0)
    run = simulate(RateEstimator(), until=AT + 120, queue=slow, failing=Broken(AT, 30.0))
    assert run.count(AT + 60, AT + 120) >= 0.8 * 60 * 10


def test_a_failure_after_a_process_stood_still_slows_it_down_to_probes_at_most():
    health = Health()
    health.succeeded(0.0)
    health.succeeded(20_000.0)
    health.failed(20_000.1, 1)
    assert health.rate(28.0) >= PROBE
