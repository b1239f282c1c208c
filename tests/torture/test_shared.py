"""Several processes on one shared ledger, through faults and kills: nothing twice, lost, or misreported."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.oracle_plan import Plan
from tests.support.postgres import carried_out
from tests.support.torture import LATE, mixed_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.core.ledger_url import LedgerUrl

FAULTS = Plan(seed=4, share=0.15, get_share=0.05, late=LATE, stall=4.0)
MORE = ("--timeout", "1")


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


@contextmanager
def short_leases(url: LedgerUrl) -> Iterator[None]:
    """Let the lease of a process end as soon as it is dead, rather than within a minute."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.3):
            known = carried_out(url, "SELECT id, pid FROM ordersheet.process")
            dead = [str(number) for number, pid in known if not lives(pid)]
            if dead:
                carried_out(
                    url,
                    "UPDATE ordersheet.lease SET valid_until = clock_timestamp() - interval '1 second'"
                    f" WHERE process_id IN ({', '.join(dead)})",
                )

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


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
