"""Runs at one store find each other's pace in a ledger of either kind."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.ledgers import run, start

from ordersheet.core.errors import LedgerError
from ordersheet.core.pace import PaceMember, SharedPace
from ordersheet.ledger import Ledger

if TYPE_CHECKING:
    from ordersheet.core.pace import PaceBoard

MEMBER = PaceMember(at=5.0, told=True, flow=2.5, in_flight=3, fresh=1, held=2, generation=4, hungry=True)


@pytest.fixture(params=["file", pytest.param("shared", marks=pytest.mark.needs("postgres"))])
def place(request, tmp_path):
    return tmp_path / "ledger.db" if request.param == "file" else request.getfixturevalue("ledger_url")


def test_what_one_run_writes_the_others_at_its_store_read(place):
    with Ledger.open(place) as here, Ledger.open(place) as there:
        mine, yours = here.start_run(start()), there.start_run(start())
        assert (mine.board.company, yours.board.company) == (False, True)
        line, _ = run(mine.board.look())
        assert set(line.members) == {mine.board.name, yours.board.name}
        wanted = replace(
            line, members={mine.board.name: MEMBER}, rate=2.5, generation=4, closed=True, learned="{}"
        )
        seen = []

        def change(pace: SharedPace, now: float) -> SharedPace:
            seen.append((pace, now))
            return wanted

        run(mine.board.change(change))
        assert seen[-1][0] == line
        found, at = run(yours.board.look())
        assert found == wanted
        assert at >= seen[-1][1]
        mine.finish()
        assert run(yours.board.look()).pace.members == {}


def test_runs_at_other_stores_have_a_line_of_their_own(place):
    with Ledger.open(place) as ledger:
        here, there = ledger.start_run(start()), ledger.start_run(start(store="another"))
        assert not there.board.company
        run(here.board.change(lambda pace, _now: replace(pace, rate=1.0)))
        assert run(there.board.look()).pace.rate is None


def test_a_change_that_fails_when_nobody_waits_for_it_any_more_says_nothing(place):
    heard: list[object] = []

    async def give_up(board: PaceBoard) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, about: heard.append(about))
        began, may_end = threading.Event(), threading.Event()

        def change(_pace: SharedPace, _now: float) -> SharedPace:
            began.set()
            may_end.wait(60)
            raise LedgerError("The database does not answer.", code="ledger")

        waiting = asyncio.ensure_future(board.change(change))
        await asyncio.to_thread(began.wait, 60)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        may_end.set()
        # The writer goes on in the order in which it was asked.
        await board.change(lambda pace, _now: pace)
        del waiting
        gc.collect()

    with Ledger.open(place) as ledger:
        run(give_up(ledger.start_run(start()).board))
    assert heard == []


def test_a_run_that_has_ended_is_no_company(place):
    with Ledger.open(place) as ledger:
        ledger.start_run(start()).finish()
        assert not ledger.start_run(start()).board.company


def test_a_line_of_another_start_of_the_clock_tells_nothing(tmp_path):
    from tests.support.ledgers import unsynced

    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        first = ledger.start_run(start())
        run(first.board.change(lambda pace, _now: replace(pace, rate=1.0, generation=3)))
    connection = unsynced(path, read_only=False, busy=5)
    connection.execute("UPDATE pace SET boot = 'an earlier one'")
    connection.commit()
    connection.close()
    with Ledger.open(path) as ledger:
        again = ledger.start_run(start())
        assert not again.board.company
        assert run(again.board.look()).pace.generation == 0
