"""Worlds of the whole command, with real sockets: it stands still, the server does, runs need each other."""

from __future__ import annotations

import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.oracle_check import Findings
from tests.support.oracle_plan import Plan
from tests.support.torture import LATE

from ordersheet.ledger import Ledger
from ordersheet.ledger.writer import AFTER_COMMIT

if TYPE_CHECKING:
    from tests.support.torture import Desk, Ended

HANGS = 100.0
"""Seconds after which a run that does not end is killed, and found to be so."""
AGES = 6.0
"""Seconds that may lie between an attempt's write-ahead and its first byte, and some for a slow machine."""
ASLEEP = AGES + 1.5
"""Seconds for which a process stands still: a byte that left right afterwards would be too late."""
A_403 = Plan(at={"1": "a single 403", "5": "a single 403", "9": "a single 403"})


def rows(number: int, *, name: str = "text") -> list[list[str]]:
    return [[str(1000 + at), f"{name} {at}", "", "", "", "", ""] for at in range(number)]


def begun(desk: Desk) -> list[float]:
    with closing(sqlite3.connect(desk.folder / "ledger.db")) as ledger:
        moments = [datetime.fromisoformat(at) for (at,) in ledger.execute("SELECT begun FROM attempt")]
    return sorted(moment.timestamp() for moment in moments)


def puts(desk: Desk) -> list[dict[str, Any]]:
    return [one for one in desk.oracle.log(desk.shop) if one["did"] == "put"]


WRITES_AHEAD = ((3, 4, 6, 8), *(tuple(range(at, at + 4)) for at in range(5, 37, 4)))
"""The commits after which four processes stand still at a time; the first four tell of each kind."""


@pytest.mark.parametrize(
    "commits",
    [WRITES_AHEAD[0], *(pytest.param(some, marks=pytest.mark.torture) for some in WRITES_AHEAD[1:])],
    ids=lambda commits: "-".join(map(str, commits)),
)
def test_a_process_that_stood_still_writes_anew_before_a_byte_leaves(yard, commits):
    desks: list[Desk] = [yard.desk(f"asleep-{commits[0]}-{which}", rows(6)) for which in commits]

    def send(at: int) -> Ended:
        still = (AFTER_COMMIT, commits[at], ASLEEP)
        return desks[at].send("--concurrency", "1", still=still, after=HANGS)

    with ThreadPoolExecutor(len(commits)) as pool:
        ended = list(pool.map(send, range(len(commits))))
    for desk, how in zip(desks, ended, strict=True):
        assert not how.killed, how
        assert desk.findings().kept
        written = begun(desk)
        for put in puts(desk):
            assert put["at"] - max(at for at in written if at <= put["at"]) < AGES


def test_a_shop_that_stood_still_carries_out_what_came_and_nothing_is_false(yard):
    plans = [Plan(seed=at, freezes={str(1 + at): 0.9}) for at in range(4)]

    def frozen(at: int) -> Findings:
        desk: Desk = yard.desk(f"frozen-{at}", rows(8), plans[at])
        desk.send("--timeout", "0.5", after=HANGS)
        yard.oracle.plan(desk.shop, Plan())
        desk.finish()
        return desk.findings()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(frozen, range(4)))
    assert all(findings.kept for findings in found), found


def test_a_403_among_good_rows_is_refused_and_the_ledger_says_so_too(yard):
    desk = yard.desk("lone-403", rows(20), A_403)
    # One by one: three of them in a row, before any that is good, would rightly end the run.
    ended = desk.send("--concurrency", "1", after=HANGS)
    assert ended.code == 1, ended
    lines = desk.lines(ended, Findings())
    assert {line.outcome for line in lines} == {"applied", "refused"}
    assert desk.findings(finished=False).kept
    with Ledger.open(desk.folder / "ledger.db") as ledger:
        told = {result.row: str(result.outcome) for result in ledger.results(ledger.runs()[0].run)}
    assert told == {line.row.number: line.outcome for line in lines}


@pytest.mark.parametrize("shared", [2, 12])
def test_two_runs_that_need_each_other_s_orders_both_come_to_their_end(yard, shared):
    desk = yard.desk(f"crossed-{shared}", None, A_403)
    common = rows(shared, name="common")
    sheets = [
        desk.write([*common, *rows(6, name="first")], "forth.csv").name,
        desk.write([*common[::-1], *rows(6, name="second")], "back.csv").name,
    ]
    more = ("--concurrency", "2")
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda sheet: desk.send(*more, sheet=sheet, after=HANGS), sheets))
    assert all(one.code in (0, 1) for one in ended), ended
    found = Findings()
    for one, sheet in zip(ended, sheets, strict=True):
        assert desk.lines(one, found, sheet)
    assert found.kept


def test_a_run_that_ctrl_z_stopped_and_one_that_waits_for_it_both_account_for_every_row(yard):
    desk: Desk = yard.desk(
        "ctrl-z", rows(24), Plan(seed=3, share=0.3, kinds=("close, applied", "stall, not applied"))
    )

    def send(number: int) -> Ended:
        if number:
            return desk.send("--timeout", "1")
        return desk.send("--timeout", "1", after=0.3, number=signal.SIGTSTP, still=("", 0, 2.5))

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(send, range(2)))
    assert all(one.code in (0, 1) for one in ended), ended
    found = desk.findings(finished=False)
    assert all(len(desk.lines(one, found)) == 24 for one in ended)
    assert found.kept, found
    yard.oracle.plan(desk.shop, Plan())
    assert {line.status for line in desk.finish()} == {"ok"}


def test_late_answers_and_a_kill_beside_a_403_leave_nothing_open(yard):
    plan = Plan(
        seed=5, share=0.4, kinds=("a single 403", "close, applied late", "reset, not applied"), late=LATE
    )
    desk = yard.desk("403-and-more", rows(16), plan)
    desk.send("--timeout", "1", after=0.6)
    desk.send("--timeout", "1", after=HANGS)
    yard.oracle.plan(desk.shop, Plan())
    ended = desk.send("--retry-no", after=HANGS)
    assert ended.code == 0, ended
    assert desk.findings().kept
