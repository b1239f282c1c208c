"""Keeps the pace of one run together with that of the others at its store, for as long as the run lasts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError
from ordersheet.core.pace import PaceMember, SharedPace
from ordersheet.delivery.clock import sleep_unless
from ordersheet.delivery.rate.timing import LOST

if TYPE_CHECKING:
    from ordersheet.core.pace import Change, PaceBoard
    from ordersheet.delivery.clock import Clock
    from ordersheet.delivery.rate.limiter import RateLimiter

AGAIN = 1.0
"""Seconds until the ledger is asked again that could not be."""


async def keep_together(board: PaceBoard | None, limiter: RateLimiter, clock: Clock) -> None:
    """Look for others, and exchange with them what happens; until it is cancelled.

    Where the ledger cannot be asked, the run goes on with its own share of what was known: whoever writes
    there hears of it by himself.
    """
    if board is None:
        return
    pace, happened = limiter.estimator, asyncio.Event()
    limiter.on_change = happened.set
    while True:
        try:
            async with asyncio.timeout(LOST):
                await _step(board, limiter, clock)
        except (LedgerError, TimeoutError):
            pace.cut_off(clock.monotonic())
            limiter.changed()
            await clock.sleep(AGAIN)
        now = clock.monotonic()
        happened.clear()
        left = pace.due(now) - now
        if left > 0:
            await sleep_unless(happened.wait(), left, clock)


async def _step(board: PaceBoard, limiter: RateLimiter, clock: Clock) -> None:
    """Do what is due about the others."""
    pace, now = limiter.estimator, clock.monotonic()
    if pace.due(now) > now:
        return
    if pace.lost(now):
        await board.change(_announce(board.name))
        pace.wait(clock.monotonic())
        limiter.changed()
        return
    if not pace.exchanges(now):
        look = await board.look()
        asks = pace.noticed(look, clock.monotonic())
        limiter.changed()
        if not asks:
            return
    exchange, told = pace.exchange(clock.monotonic)
    await board.change(exchange)
    pace.take(exchange, told, clock.monotonic())
    limiter.changed()


def _announce(name: str) -> Change:
    """Let others know that this run is there, and has nothing to tell."""

    def change(pace: SharedPace, now: float) -> SharedPace:
        return replace(pace, members={**pace.members, name: PaceMember(now)})

    return change
