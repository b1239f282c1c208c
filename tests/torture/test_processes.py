"""Two, three and four processes at once, on one file and on files that overlap; one of them killed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.support.oracle_check import Findings, check_nothing_twice, check_report, read_report, read_sheet
from tests.support.oracle_plan import Plan
from tests.support.torture import LATE, mixed_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.torture import Ended

FAULTS = Plan(seed=4, share=0.15, get_share=0.05, late=LATE, stall=4.0)
MORE = ("--timeout", "1")


def many(number: int):
    return pytest.param(number, marks=[] if number == 3 else pytest.mark.torture)


def at_once(*runs: Callable[[], Ended]) -> list[Ended]:
    with ThreadPoolExecutor(len(runs)) as pool:
        return [task.result() for task in [pool.submit(run) for run in runs]]


@pytest.mark.parametrize("number", [many(2), many(3), many(4)])
@pytest.mark.parametrize("faulty", [False, True])
def test_processes_on_one_file_send_each_row_once(yard, number, faulty):
    name = f"same-{number}-{faulty}"
    desk = yard.desk(name, mixed_rows(30, 40 + number), FAULTS if faulty else None)
    ended = at_once(*[lambda: desk.send(*MORE)] * number)
    assert all(one.code in (0, 1) for one in ended), ended
    yard.oracle.plan(name, Plan())
    desk.finish()
    assert desk.findings().kept


@pytest.mark.parametrize("number", [many(2), many(3), many(4)])
def test_a_process_that_is_killed_beside_others_leaves_nothing_undone(yard, number):
    desk = yard.desk(f"killed-{number}", mixed_rows(30, 50 + number), FAULTS)
    others = [lambda: desk.send(*MORE)] * (number - 1)
    at_once(lambda: desk.send(*MORE, after=0.5), *others)
    yard.oracle.plan(desk.shop, Plan())
    desk.finish()
    assert desk.findings().kept


@pytest.mark.parametrize("number", [many(2), many(3), many(4)])
def test_processes_on_overlapping_files_send_each_text_once(yard, number):
    """Files that share orders and some of their rows, each in an order of its own."""
    desk = yard.desk(f"overlap-{number}", None, FAULTS)
    common = [[str(1000 + at), f"common {at}", "", "", "", "", ""] for at in range(8)]
    sheets = []
    for file in range(number):
        own = [[str(1000 + at), f"of file {file}: {at}", "", "", "", "", str(file)] for at in range(8)]
        rows = [*own, *common] if file % 2 else [*common[::-1], *own[::-1]]
        sheets.append(desk.write(rows, f"file{file}.csv").name)
    ended = at_once(*[lambda sheet=sheet: desk.send(*MORE, sheet=sheet) for sheet in sheets])
    assert all(one.code in (0, 1) for one in ended), ended
    yard.oracle.plan(desk.shop, Plan())
    last = [next(one for _ in range(6) if (one := desk.send(sheet=sheet)).code == 0) for sheet in sheets]
    done = desk.done()
    findings = check_nothing_twice(done)
    for one, sheet in zip([*ended, *last], [*sheets, *sheets], strict=True):
        lines = read_report(one.report, read_sheet(desk.folder / sheet), Findings())
        findings += check_report(done, lines, one.who)
    assert findings.kept, findings
    assert len({effect for effect, who in done if who and effect.kind == "append"}) == 8 * (number + 1)
