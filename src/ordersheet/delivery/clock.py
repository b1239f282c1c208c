"""Time as delivery is given it, so that tests can turn it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ordersheet.core.stop_switch import WIND_DOWN
from ordersheet.core.uptime import elapsed

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ordersheet.core.stop_switch import StopSwitch


class Moment(NamedTuple):
    """One moment, by both clocks."""

    seconds: float
    """Monotonic."""
    utc: datetime


class Clock(Protocol):
    """What delivery knows of time."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back, and goes on while the machine sleeps."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""


class SystemClock:
    """This machine's time."""

    monotonic = staticmethod(elapsed)
    """Seconds since some fixed moment; never goes back."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)


async def sleep_unless(happens: Coroutine[Any, Any, Any], seconds: float, clock: Clock) -> None:
    """Wait that long, or until something happens."""
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(happens)]
    try:
        ended, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    for wait in ended:
        wait.result()


async def pause(seconds: float, *, clock: Clock, stop: StopSwitch) -> None:
    """Wait that long, or until the run is told to end."""
    if seconds <= 0 or stop.level >= WIND_DOWN:
        return
    await sleep_unless(stop.reached(WIND_DOWN), seconds, clock)
