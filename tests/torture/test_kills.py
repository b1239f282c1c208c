"""SIGKILL and power failure at every point, and at random moments with faults on."""

from __future__ import annotations

import random
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.support.killpoints import kill_at_each_point
from tests.support.oracle_plan import Plan
from tests.support.torture import LATE, mixed_rows

FAULTS = Plan(share=0.2, get_share=0.1, refuse=0.0, late=LATE, stall=4.0)


def test_a_run_killed_at_some_seams_is_finished_by_the_next(yard):
    kills, found = kill_at_each_point(yard, "seam", first=3, step=7)
    assert kills > 10
    assert not found


def test_the_first_run_of_all_killed_at_some_seams_is_finished_by_the_next(yard):
    kills, found = kill_at_each_point(yard, "seam", first=1, step=11, fresh=True)
    assert kills > 8
    assert not found


def test_a_run_that_the_power_leaves_at_some_calls_is_finished_by_the_next(wired_yard):
    kills, found = kill_at_each_point(wired_yard, "power", first=2, step=23)
    assert kills > 8
    assert not found


@pytest.mark.torture
@pytest.mark.parametrize("seed", [5, 6, 7])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_run_killed_at_any_seam_is_finished_by_the_next(yard, seed, fresh):
    kills, found = kill_at_each_point(yard, "seam", seed=seed, fresh=fresh)
    assert kills > 80
    assert not found


@pytest.mark.needs("postgres")
@pytest.mark.parametrize(
    ("first", "step", "fresh"),
    [(9, 31, False), *(pytest.param(1, 1, fresh, marks=pytest.mark.torture) for fresh in (False, True))],
)
def test_a_run_killed_at_a_seam_of_a_shared_ledger_is_finished_by_the_next(
    yard, postgres_server, first, step, fresh
):
    kills, found = kill_at_each_point(
        yard, "seam", first=first, step=step, fresh=fresh, server=postgres_server
    )
    assert kills > 60 / step
    assert not found


@pytest.mark.torture
@pytest.mark.parametrize("way", ["kill", "power"])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_run_that_ends_at_any_call_is_finished_by_the_next(wired_yard, way, fresh):
    kills, found = kill_at_each_point(wired_yard, way, seed=8, fresh=fresh)
    assert kills > 150
    assert not found


def kill_at_random(yard, name: str, seed: int, kills: int):
    chance = random.Random(seed)
    desk = yard.desk(f"{name}-{seed}", mixed_rows(14, seed), FAULTS)
    for _ in range(kills):
        desk.send("--timeout", "1", after=chance.uniform(0.05, 0.9))
    yard.oracle.plan(desk.shop, Plan())
    desk.finish()
    return desk.findings()


@pytest.mark.parametrize("number", [8, pytest.param(200, marks=pytest.mark.torture)])
def test_runs_killed_again_and_again_amid_faults_come_to_a_true_end(yard, number):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: kill_at_random(yard, f"random{number}", seed, 3), range(number)))
    assert all(findings.kept for findings in found), found


def test_what_a_killed_run_had_under_way_may_still_arrive(yard):
    """Absence counts only when the settle time has passed since the adoption, and not before."""

    def killed_with_answers_outstanding(after: float):
        slow = Plan(share=1.0, kinds=("answered slowly, applied late",), late=1.6)
        rows = [[str(1000 + at), f"text {at}", "", "", "", "", ""] for at in range(8)]
        desk = yard.desk(f"outstanding-{after}", rows, slow)
        desk.send("--concurrency", "8", after=after)
        yard.oracle.plan(desk.shop, Plan())
        desk.finish("--settle", "2")
        return desk.findings()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(killed_with_answers_outstanding, (0.5, 0.7, 0.9, 1.1)))
    assert all(findings.kept for findings in found), found


@pytest.mark.parametrize("number", [6, pytest.param(90, marks=pytest.mark.torture)])
def test_runs_told_to_end_amid_faults_report_what_is_true(yard, number):
    def interrupted(seed: int):
        chance = random.Random(seed)
        desk = yard.desk(f"told{number}-{seed}", mixed_rows(30, seed), replace(FAULTS, seed=seed))
        which = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[seed % 3]
        ended = desk.send("--timeout", "1", after=chance.uniform(0.4, 1.2), number=which)
        # Before the run begins, a signal ends the process as it ends any other.
        assert ended.code in (0, 1, 2, 128 + which, -which), ended
        assert ended.report is not None or not any(one.who for one in desk.done()), ended
        yard.oracle.plan(desk.shop, Plan())
        desk.finish()
        return desk.findings()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(interrupted, range(number)))
    assert all(findings.kept for findings in found), found
