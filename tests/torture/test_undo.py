"""Undo of the real command, killed at every seam and at random moments, against the shop's own truth."""

from __future__ import annotations

import http.client
import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

import pytest
from tests.support.oracle_plan import Plan
from tests.support.torture import LATE, SECRET

if TYPE_CHECKING:
    from tests.support.torture import Desk, Workshop

FAULTS = Plan(share=0.25, get_share=0.1, refuse=0.0, late=LATE, stall=2.0)
FIELDS = ("internalComment", "otherComment")
FIRST = 2000
Texts: TypeAlias = "dict[int, tuple[str, str]]"
"""What both comments of each order hold."""
MOST = 12
"""How often an undo is run until nothing is left to do."""


def rows_of(number: int, orders: int, seed: int) -> list[list[str]]:
    """Make a sheet that adds to comments and replaces them, several times for most orders."""
    chance = random.Random(seed)
    rows = []
    for at in range(number):
        text, replace = f"row {at} of {seed}", chance.choice(["", "", "yes"])
        comment = f"for customers {at}" if chance.random() < 0.3 else ""
        rows.append([str(FIRST + at % orders), text, replace, comment, "", "", ""])
    return rows


def held(desk: Desk, orders: int) -> Texts:
    """Ask the shop what stands in its orders."""
    desk.oracle.tell(desk.shop, "quiet")
    found = {}
    for order in range(FIRST, FIRST + orders):
        connection = http.client.HTTPConnection("127.0.0.1", desk.oracle.port, timeout=60)
        try:
            headers = {"API-Authorization": f"key.judge.{SECRET}"}
            connection.request("GET", f"/{desk.shop}/orders?order={order}", headers=headers)
            (one,) = json.loads(connection.getresponse().read())["orders"]
        finally:
            connection.close()
        found[order] = (one[FIELDS[0]], one[FIELDS[1]])
    return found


def begin(
    yard: Workshop, name: str, rows: list[list[str]], orders: int
) -> tuple[Desk, dict[int, tuple[str, str]]]:
    """Set up a shop in which something stood before, and send a sheet to it."""
    desk = yard.desk(name, rows)
    for order in range(FIRST, FIRST + orders):
        desk.oracle.tell(
            name, "person", order=order, internalComment=f"before {order}", comment=f"of {order}"
        )
    before = held(desk, orders)
    assert desk.send().code == 0
    return desk, before


def undo_until_done(desk: Desk) -> int:
    """Run the undo of the first run until it says that all is undone; gives how often."""
    said = ""
    for number in range(1, MOST):
        ended = desk.send(command=("undo", first_run(desk)))
        if ended.code == 0:
            return number
        said = ended.output
    raise AssertionError(said)


def first_run(desk: Desk) -> str:
    from ordersheet.ledger import Ledger

    with Ledger.open(desk.folder / "ledger.db", read_only=True) as ledger:
        return next(
            info.run for info in reversed(ledger.runs()) if info.input.endswith(f"{desk.shop}/orders.csv")
        )


def killed_at(yard: Workshop, point: int, seed: int) -> tuple[bool, bool]:
    """Kill an undo at a seam; tells whether it was, and whether every field is what it was at the end."""
    orders = 4
    desk, before = begin(yard, f"undo-{seed}-{point}", rows_of(7, orders, seed), orders)
    sent = held(desk, orders)
    ended = desk.send(command=("undo", first_run(desk)), seam=point)
    undo_until_done(desk)
    right = held(desk, orders) == before
    # And the file is sent as if that run had never been.
    assert desk.send().code == 0
    return ended.killed, right and held(desk, orders) == sent


def kill_at_seams(yard: Workshop, first: int, step: int, seed: int = 3) -> tuple[int, list[int]]:
    kills, wrong, point = 0, [], first
    with ThreadPoolExecutor(2) as pool:
        while True:
            points = [point, point + step]
            told = list(pool.map(lambda at: killed_at(yard, at, seed), points))
            wrong += [at for at, (_, right) in zip(points, told, strict=True) if not right]
            kills += sum(killed for killed, _ in told)
            if not all(killed for killed, _ in told):
                return kills, wrong
            point += 2 * step


def test_an_undo_killed_at_some_seams_is_finished_by_the_next(yard):
    kills, wrong = kill_at_seams(yard, first=25, step=80)
    assert kills > 1
    assert not wrong


@pytest.mark.torture
@pytest.mark.parametrize("seed", [3, 4])
def test_an_undo_killed_at_any_seam_is_finished_by_the_next(yard, seed):
    kills, wrong = kill_at_seams(yard, first=1, step=1, seed=seed)
    assert kills > 30
    assert not wrong


def undo_amid_faults(yard: Workshop, name: str, *, rows: int, kills: int, seed: int) -> None:
    """Undo with faults and kills at random moments, while somebody has written into every tenth order."""
    chance = random.Random(seed)
    orders = max(3, rows // 3)
    desk, before = begin(yard, name, rows_of(rows, orders, seed), orders)
    hers = {order: f"her word on {order}" for order in range(FIRST, FIRST + orders, 10)}
    for order, text in hers.items():
        desk.oracle.tell(name, "person", order=order, internalComment=text)
    desk.oracle.plan(name, FAULTS)
    run = first_run(desk)
    for _ in range(kills):
        desk.send(command=("undo", run), after=chance.uniform(0.2, 1.5))
    desk.oracle.plan(name, Plan())
    for _ in range(MOST):
        report = desk.send(command=("undo", run)).report
        assert report is not None
        text = report.read_text(encoding="utf-8")
        if "unconfirmed" not in text and "not sent" not in text:
            break
    after = held(desk, orders)
    for order, comments in after.items():
        if order in hers:
            assert hers[order] in comments[0]
        else:
            assert comments == before[order], order


@pytest.mark.parametrize(("rows", "kills"), [(12, 1), pytest.param(1000, 12, marks=pytest.mark.torture)])
def test_an_undo_amid_faults_and_kills_puts_back_what_was_and_loses_nobodys_text(yard, rows, kills):
    undo_amid_faults(yard, f"undo-faults-{rows}", rows=rows, kills=kills, seed=rows)
