"""Two versions of the program beside each other: the newer one is a copy that hands over in another form."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from tests.support.reworded import reworded
from tests.support.team import TeamDesk, home, until, worker
from tests.support.team_sheet import MANY, ORDERS, each_once, is_over, outcomes, sheet, submitted, written

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.sandbox.server import Running

pytestmark = pytest.mark.needs("postgres", "dbos")


class NewerDesk(TeamDesk):
    """A desk with the next version of the program."""

    python_path: str

    def env(self, **more: str) -> dict[str, str]:
        return super().env(**{"PYTHONPATH": self.python_path, **more})


@pytest.fixture
def newer(tmp_path: Path, big_shop: Running, team_writer: str) -> NewerDesk:
    made = NewerDesk(home(tmp_path, "newer"), big_shop.base_url, big_shop.key)
    made.url = team_writer
    program = home(tmp_path, "program")
    made.python_path = reworded(program, "ledger/chunks.py", "\nVERSION = 1\n", "\nVERSION = 2\n")
    return made


def test_a_newer_worker_takes_over_in_mid_run_what_an_older_one_is_at(
    clerk: TeamDesk, newer: NewerDesk, big_shop: Running
) -> None:
    sheet(clerk)
    run = submitted(clerk, "--rate", "60", "--settle", "1", "--grace", "5")
    with worker(clerk, name="older") as older:
        until(lambda: sum(written(big_shop).values()) > 20, "the first rows")
        with worker(newer, name="newer"):
            until(lambda: sum(written(big_shop).values()) > 80, "some rows of both")
            assert older.end() == 128 + signal.SIGTERM
            until(lambda: is_over(clerk, run), "the run's end")
    assert each_once(big_shop)
    assert set(outcomes(clerk, run)) <= {"applied", "confirmed"}


def test_an_older_worker_leaves_alone_what_a_newer_version_handed_over(
    clerk: TeamDesk, newer: NewerDesk, big_shop: Running
) -> None:
    with worker(clerk, name="older") as older:
        sheet(newer, ORDERS[:200])
        theirs = submitted(newer)
        sheet(clerk, ORDERS[200:])
        run = submitted(clerk)
        until(lambda: is_over(clerk, run), "the end of the run that is later in turn")
        assert not any(written(big_shop)[order] for order in ORDERS[:200])
        assert "newer" not in older.said
        stopped = clerk.run("stop", theirs)
        assert (stopped.code, f"Run {theirs} was submitted by a newer version" in stopped.err) == (2, True)
        assert clerk.run("show", theirs).code == 0
        with worker(newer, name="newer"):
            until(lambda: is_over(newer, theirs), "the newer run's end")
    assert each_once(big_shop)
    assert (outcomes(clerk, run), outcomes(clerk, theirs)) == ({"applied": MANY - 200}, {"applied": 200})
