"""Large files by the command itself: killed at each point, and one of 60 MB in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.leases import end_leases
from tests.support.torture import mixed_rows, workshop

from ordersheet.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.torture import Desk, Workshop

    from ordersheet.core.ledger_url import LedgerUrl

pytestmark = [pytest.mark.needs("postgres", "dbos"), pytest.mark.torture]
EACH, SOME = range(1, 41), range(1, 500, 4)
"""Points of a submit. At its end it looks for what the dead have left, two points for each of a day."""


@pytest.fixture
def team_yard(tmp_path: Path) -> Iterator[Workshop]:
    with workshop(tmp_path / "yard", drivers=1, workers=True) as one:
        yield one


def submitted(desk: Desk, name: str, **fate: Any) -> Any:
    argv = ("submit", desk.sheet, "--yes", "--json", "--large-files", "share", "--large-from", "0.0001")
    return desk.run(name, [word.replace("share", str(desk.folder / "share")) for word in argv], **fate)


@pytest.mark.parametrize(
    ("points", "fewest"), [(EACH, len(EACH)), (SOME, 9)], ids=["a whole one comes next", "the dead pile up"]
)
def test_submit_killed_at_each_point_leaves_a_whole_run_or_none(
    team_yard: Workshop, team_url: LedgerUrl, points: range, fewest: int
) -> None:
    """Each time in the same ledger and place, where the dead leave what the next ones find."""
    desk = team_yard.desk("large", mixed_rows(9, 3, orders=5), shared=team_url)
    share = desk.folder / "share"
    share.mkdir()
    content, killed = desk.path.read_bytes(), 0
    for point in points:
        ended = submitted(desk, f"point{point}", seam=point)
        killed += ended.killed
        end_leases(team_url)
        run = _run_and_file(team_url)
        if ended.killed and run is not None:
            again = submitted(desk, f"again{point}")
            assert (again.code, run[0] in again.output) == (2, True)
        if run is None and points is EACH:
            assert submitted(desk, f"next{point}").code == 0
            run = _run_and_file(team_url)
            assert run is not None
            assert [path.name for path in share.iterdir()] == [run[1]]
        if run is not None:
            assert (share / run[1]).read_bytes() == content
            _end(team_url, run[0])
            with Ledger.open(team_url, create=False) as ledger:
                ledger.purge_all()
        if not ended.killed:
            break
    assert killed >= fewest
    # Whoever comes last has taken away whatever others left, but for the file of the run itself.
    assert submitted(desk, "last").code == 0
    last = _run_and_file(team_url)
    assert last is not None
    assert [path.name for path in share.iterdir()] == [last[1]]


def _run_and_file(url: LedgerUrl) -> tuple[str, str] | None:
    """Name the run that waits and its copy in the shared place; None where nothing was handed over."""
    with Ledger.open(url, create=False) as ledger:
        runs = [one.run for one in ledger.runs() if one.submitted and one.finished is None]
        if not runs:
            return None
        (run,) = runs
        (found, _) = ledger.submissions().large_files.of_run(run) or ("", "")
        return run, found


def _end(url: LedgerUrl, run: str) -> None:
    with Ledger.open(url, create=False) as ledger:
        ledger.submissions().stop(run, message="stopped")


def test_sixty_megabytes_are_handed_over_and_reported_in_bounded_memory(
    tmp_path: Path, team_url: LedgerUrl
) -> None:
    share = tmp_path / "share"
    share.mkdir()
    sheet = tmp_path / "calls.csv"
    note = "x" * 3000
    with sheet.open("w") as file:
        file.write("Order ID,Internal comment,Note\n")
        file.writelines(f"{order},Called {order},{note}\n" for order in range(10_000, 31_000))
    assert sheet.stat().st_size > 60_000_000
    env = {
        "ORDERSHEET_LEDGER": team_url.url,
        "ORDERSHEET_LARGE_FILES": str(share),
        "ORDERSHEET_BASE_URL": "http://127.0.0.1:9/api/order-api/1",
        "HOME": str(tmp_path),
        "PATH": "/usr/bin",
    }

    def command(*words: str) -> str:
        code = (
            "import resource, runpy, sys, atexit\n"
            "say = lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, file=sys.stderr)\n"
            "atexit.register(say)\n"
            "sys.argv[0] = 'ordersheet'\n"
            "runpy.run_module('ordersheet', run_name='__main__', alter_sys=True)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path, env=env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert int(done.stderr.split()[-1]) < 200, "megabytes"
        return done.stdout

    run = json.loads(command("submit", "calls.csv", "--only-columns", "Internal comment", "--yes", "--json"))
    (kept,) = share.iterdir()
    assert kept.stat().st_size == sheet.stat().st_size
    sheet.unlink()
    _end(team_url, run["run"])
    command("report", run["run"], "--report", "report.csv")
    assert (tmp_path / "report.csv").stat().st_size > 60_000_000
