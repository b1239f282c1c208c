"""Time as delivery is given it, so that tests can turn it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ordersheet.core.stop_switch import WIND_DOWN
from ordersheet.core.uptime import elapsed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ordersheet.core.stop_switch import StopSwitch

LOOK = 0.5
"""Seconds between two looks at the clock, all through a run."""
LONGEST_GAP = 2.0
"""Seconds between two of them that are waking time at most: where more went by, the computer slept."""
LONGEST_NAP = 5.0
"""Seconds after which one who waits looks at the clock again."""


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
    """This machine's time.

    Args:
        seconds: gives what `monotonic` gives.
    """

    def __init__(self, seconds: Callable[[], float] = elapsed) -> None:
        self.monotonic = seconds
        """Seconds since some fixed moment; never goes back."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait that long, time in which the machine sleeps included, which asyncio's clock may leave out."""
        until = self.monotonic() + seconds
        await asyncio.sleep(min(seconds, LONGEST_NAP))
        while (left := until - self.monotonic()) > 0:  # noqa: ASYNC110 - nothing tells that the machine woke up
            await asyncio.sleep(min(left, LONGEST_NAP))


class WakingTime:
    """The seconds in which this process ran: not those in which the computer slept, or it was frozen.

    It is looked at all through a run, twice a second; of a gap between two looks only so much counts as a
    busy machine may take.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked = clock.monotonic()
        self._slept = 0.0

    def look(self) -> float:
        """Give the seconds so far, since some fixed moment."""
        slept = self.slept()
        return self._looked - slept

    def slept(self) -> float:
        """Give the seconds so far that do not count."""
        now = self._clock.monotonic()
        self._slept += max(0.0, now - self._looked - LONGEST_GAP)
        self._looked = now
        return self._slept

    async def keep(self) -> None:
        """Look again and again, for ever."""
        while True:
            await self._clock.sleep(LOOK)
            self.look()


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
