"""Several processes on one shared ledger, through faults and kills: nothing twice, lost, or misreported."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.leases import short_leases
from tests.support.oracle_plan import Plan
from tests.support.torture import LATE, mixed_rows

FAULTS = Plan(seed=4, share=0.15, get_share=0.05, late=LATE, stall=4.0)
MORE = ("--timeout", "1")


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("number", [2, *(pytest.param(n, marks=pytest.mark.torture) for n in (3, 5))])
def test_processes_that_share_a_ledger_send_each_row_once_though_one_is_killed(yard, ledger_url, number):
    desk = yard.desk(f"shared-{number}", mixed_rows(20 * number, 70 + number), FAULTS, shared=ledger_url)
    with short_leases(ledger_url):
        with ThreadPoolExecutor(number) as pool:
            killed = pool.submit(desk.send, *MORE, after=0.5)
            others = [pool.submit(desk.send, *MORE) for _ in range(number - 1)]
        assert killed.result().report is None or killed.result().code in (0, 1)
        assert all(one.result().code in (0, 1) for one in others), others
        yard.oracle.plan(desk.shop, Plan())
        desk.finish()
    assert desk.findings().kept
