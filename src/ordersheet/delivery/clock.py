"""Time as delivery is given it, so that tests can turn it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from ordersheet.core.uptime import elapsed


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

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        return elapsed()

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)
