"""Limiters of several runs keep one pace through a real ledger, in real time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.ledgers import run, start

from ordersheet.core.errors import LedgerError
from ordersheet.delivery.clock import SystemClock
from ordersheet.delivery.rate.keeper import keep_together
from ordersheet.delivery.rate.limiter import RateLimiter
from ordersheet.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ordersheet.core.pace import Change, PaceBoard, PaceLook

PATIENCE = 120.0
"""Seconds after which what was waited for is not coming any more, however busy the machine is."""


@pytest.fixture(params=["file", pytest.param("shared", marks=pytest.mark.needs("postgres"))])
def place(request, tmp_path):
    return tmp_path / "ledger.db" if request.param == "file" else request.getfixturevalue("ledger_url")


async def until(seen: Callable[[], object]) -> None:
    for _ in range(round(PATIENCE / 0.02)):
        if seen():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"it did not come in {PATIENCE:.0f} s")


@dataclass
class Sender:
    limiter: RateLimiter
    keeper: asyncio.Task[None]

    async def send(self) -> None:
        ticket = await self.limiter.ready()
        assert ticket is not None
        self.limiter.accepted(ticket)

    async def die(self) -> None:
        self.keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self.keeper


@asynccontextmanager
async def senders(*boards: PaceBoard) -> AsyncIterator[list[Sender]]:
    made = []
    for board in boards:
        limiter = RateLimiter(SystemClock(), board)
        keeper = asyncio.ensure_future(keep_together(board, limiter, SystemClock()))
        made.append(Sender(limiter, keeper))
    try:
        yield made
    finally:
        for sender in made:
            await sender.die()


async def come_together(*those: Sender) -> None:
    async with asyncio.timeout(PATIENCE):
        while not all(sender.limiter.estimator.together for sender in those):
            for sender in those:
                await sender.send()
            await asyncio.sleep(0.02)


def test_a_push_back_of_one_pauses_the_other_and_both_go_on(place):
    async def go(here: PaceBoard, there: PaceBoard) -> None:
        async with senders(here, there) as (one, other):
            seen = False
            while not seen:
                # On a very busy machine one may have lost sight of the other.
                await come_together(one, other)
                ticket = await one.limiter.ready()
                assert ticket is not None
                one.limiter.pushed_back(ticket, SystemClock().now() + timedelta(seconds=2))
                while one.limiter.pause_left and not seen:
                    seen = other.limiter.pause_left > 0
                    await asyncio.sleep(0.02)
            await asyncio.wait_for(one.send(), PATIENCE)
            await asyncio.wait_for(other.send(), PATIENCE)

    with Ledger.open(place) as first, Ledger.open(place) as second:
        mine, yours = first.start_run(start()), second.start_run(start())
        run(go(mine.board, yours.board))


def test_who_is_left_alone_goes_on_alone(tmp_path):
    path = tmp_path / "ledger.db"

    async def go(here: PaceBoard, there: PaceBoard) -> None:
        async with senders(here, there) as (one, other):
            await come_together(one, other)
            await other.die()
            await until(lambda: not one.limiter.estimator.together)
            await asyncio.wait_for(one.send(), PATIENCE)

    with Ledger.open(path) as first, Ledger.open(path) as second:
        run(go(first.start_run(start()).board, second.start_run(start()).board))


@dataclass
class Lost:
    """A board that can be lost."""

    board: PaceBoard
    lost: bool = False

    @property
    def name(self) -> str:
        return self.board.name

    @property
    def company(self) -> bool:
        return self.board.company

    async def look(self) -> PaceLook:
        self._reach()
        return await self.board.look()

    async def change(self, change: Change) -> None:
        self._reach()
        await self.board.change(change)

    def _reach(self) -> None:
        if self.lost:
            raise LedgerError("The database does not answer.", code="ledger")


def test_who_cannot_reach_the_database_goes_on_with_its_share_and_comes_back(tmp_path):
    path = tmp_path / "ledger.db"

    async def go(here: PaceBoard, there: PaceBoard) -> None:
        board = Lost(here)
        async with senders(board, there) as (one, other):
            await come_together(one, other)
            board.lost = True
            await until(lambda: not one.limiter.estimator.together)
            await asyncio.wait_for(one.send(), PATIENCE)
            board.lost = False
            await come_together(one, other)

    with Ledger.open(path) as first, Ledger.open(path) as second:
        run(go(first.start_run(start()).board, second.start_run(start()).board))
