"""Several processes at one store: simulated on a clock of its own, each with lanes and a pace of its own."""

from __future__ import annotations

import pytest
from tests.support.limits import Bucket, Sender, Shut, Window, simulate, together

from ordersheet.delivery.rate.estimator import RateEstimator


def test_one_alone_goes_as_if_nobody_could_be_there():
    alone = simulate(RateEstimator(), Bucket(5, 50), until=120)
    (shared,) = together([Sender()], Bucket(5, 50), until=120)
    assert shared.sent == alone.sent


@pytest.mark.parametrize(("senders", "puts"), [(2, 1.0), (5, 0.5)])
def test_together_they_use_a_bucket_as_one_does(senders, puts):
    runs = together([Sender(begins=0.2 * at, puts=puts) for at in range(senders)], Bucket(10, 20), until=180)
    taken = sum(len(run.accepted) for run in runs)
    assert taken >= 0.95 * (20 + 10 * 180)
    assert sum(run.pushed_back(60, 180) for run in runs) <= 0.015 * 10 * 120
    assert sum(len(run.refused) for run in runs) <= 30
    # Each has its part of it.
    assert min(len(run.accepted) for run in runs) >= 0.5 * taken / senders


def test_they_use_a_window_of_the_clock_as_one_does():
    runs = together([Sender(), Sender(begins=1.0), Sender(begins=2.0)], Window(100, 10), until=300)
    assert sum(run.count(60, 300) for run in runs) >= 0.93 * 10 * 240
    assert sum(run.pushed_back(60, 300) for run in runs) <= 0.015 * 10 * 240


def test_a_push_back_of_one_pauses_all_within_a_second():
    runs = together([Sender(), Sender(begins=1.0), Sender(begins=2.0)], Shut(60, 30), until=120)
    sent = [at for run in runs for at in run.sent]
    assert sum(60 <= at < 61 for at in sent) > 0
    assert not [at for at in sent if 61 <= at < 90]
    assert [at for at in sent if at >= 90]


def test_who_dies_takes_no_more_along_than_its_slice():
    runs = together([Sender(), Sender(begins=1.0, ends=100.0), Sender(begins=2.0)], Bucket(10, 20), until=160)
    assert sum(run.count(100, 110) for run in runs) >= 0.6 * 100
    assert sum(run.count(104, 160) for run in runs) >= 0.95 * 560


@pytest.mark.parametrize("latency", [0.0443, 0.0436, 0.0571])
def test_a_limit_that_is_come_near_from_above_is_no_noise(latency):
    # When the thousand are spent, a hundred in ten seconds become one in 3.6 s.
    limits = Bucket(10, 100), Bucket(1000 / 3600, 1000)
    run = simulate(RateEstimator(), *limits, until=900, latency=latency)
    assert run.count(60, 900) >= 0.95 * (1000 + 900 / 3.6 - 700)
    assert run.pushed_back(90, 900) <= 12
