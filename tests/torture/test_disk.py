"""A disk that is full, that fails, or that loses its power: at the first, second, third … write."""

from __future__ import annotations

import errno
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.shim import SENDS, SYNCS, WRITES, Arm
from tests.support.torture import mixed_rows

ROWS, LANES = 12, 4
FAULTS = {
    "full": Arm("fail on", kinds=WRITES, error=errno.ENOSPC),
    "broken write": Arm("fail once", kinds=WRITES, error=errno.EIO),
    "broken sync": Arm("fail once", kinds=SYNCS, error=errno.EIO),
}
PLACES = {"ledger": "ledger.db", "report": "reports"}


def fail_at(yard, name: str, place: str, point: int):
    """Let the `point`-th write fail, look at what is told, and send again on a sound disk."""
    fault = FAULTS[name]
    desk = yard.desk(f"disk-{name.replace(' ', '-')}-{place}-{point}", mixed_rows(ROWS, 31, orders=9))
    where = str(desk.folder / PLACES[place])
    arm = Arm(fault.what, point, fault.kinds, fault.error, where, trace=str(desk.folder / "trace"))
    ended = desk.send("--concurrency", str(LANES), arm=arm)
    calls = (desk.folder / "trace").read_text(encoding="ascii")
    done = [one for one in desk.done() if one.who]  # what a person wrote beforehand is no sending
    told = desk.findings(finished=False)
    desk.finish()
    return point, ended, calls, done, told, desk.findings()


def fail_at_each_point(yard, name: str, place: str, *, first: int, step: int) -> int:
    reached = 0
    with ThreadPoolExecutor(4) as pool:
        for start in range(first, 1000, 4 * step):
            points = range(start, start + 4 * step, step)
            for point, ended, calls, done, told, after in pool.map(
                lambda at: fail_at(yard, name, place, at), points
            ):
                where = f"{name} at {point} of the {place}: {ended}"
                assert told.kept, (where, told)
                assert after.kept, (where, after)
                assert ended.code in (0, 1, 2, 3), where
                if ended.code == 2:
                    assert not done, where
                if ended.points is not None and ended.points < point:
                    return reached
                reached += 1
                if place == "ledger" and ended.code == 3:
                    _no_request_after(name, point, calls, where)
    raise AssertionError("no run came to its end")


def _no_request_after(name: str, point: int, calls: str, where: str) -> None:
    """Nothing leaves once the ledger has failed, but for what each lane had written down just before."""
    counting = "s" if name == "broken sync" else "wt"
    places = [at for at, letter in enumerate(calls) if letter in counting]
    assert calls[places[point - 1] :].count("P") <= LANES, (where, calls)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("place", PLACES)
def test_a_disk_that_fails_at_some_writes_stops_the_run_and_breaks_no_promise(wired_yard, name, place):
    step = {"report": 1, "ledger": 15}[place] if name != "broken sync" else 3
    assert fail_at_each_point(wired_yard, name, place, first=2 if place == "ledger" else 1, step=step)


@pytest.mark.torture
@pytest.mark.parametrize("name", FAULTS)
def test_a_disk_that_fails_at_any_write_stops_the_run_and_breaks_no_promise(wired_yard, name):
    assert fail_at_each_point(wired_yard, name, "ledger", first=1, step=1) > 8


def test_each_update_leaves_after_a_sync_of_the_ledger(wired_yard):
    """SIGKILL cannot notice a missing sync; this counts them, and power failures show them."""
    rows = [[str(1000 + at), f"text {at}", "", "", "", "", ""] for at in range(12)]
    desk = wired_yard.desk("syncs", rows)
    trace = desk.folder / "trace"
    arm = Arm("count", kinds=WRITES | SYNCS | SENDS, where=str(desk.folder / "ledger.db"), trace=str(trace))
    ended = desk.send("--concurrency", "1", arm=arm)
    assert ended.code == 0, ended.output
    calls = trace.read_text(encoding="ascii")
    before_each = calls.split("P")[:-1]
    assert len(before_each) == len(rows)
    for before in before_each:
        assert re.search(r"[wt].*s", before), calls
