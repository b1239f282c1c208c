"""An event loop whose time jumps to the next timer whenever nothing else is left to do."""

from __future__ import annotations

import asyncio
import selectors
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ordersheet.core.uptime import Uptime
from ordersheet.delivery.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
WAYS = ("suspended", "frozen")
"""How a run stands still: its machine sleeps, or its process is frozen."""
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MANY_STEPS, MOST_STEPS = 1_000, 100_000
"""A clock never stands still: after so many steps of the loop at one moment a microsecond goes by, and after
so many a second a step, so that a circle comes to its limit."""


class _JumpingSelector(selectors.SelectSelector):
    """Waits for nothing: where it would, the time jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._steps = 0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        self._steps = 0 if timeout else self._steps + 1
        if self._steps > MANY_STEPS:
            self.now += 1.0 if self._steps > MOST_STEPS else 1e-6
        if not ready:
            if timeout is None:
                raise RuntimeError("Everything waits, and no timer is set: this would hang for ever.")
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def stand_still(self, seconds: float) -> None:
        """Let time go by in which nothing here is done."""
        self._jumping.now += seconds


class VirtualClock(SystemClock):
    """The loop's time, as delivery's clock.

    Attributes:
        ahead: seconds by which the time of day was turned on or back.
        slept: seconds for which the machine slept, with a loop whose time leaves them out, as on Linux.
        boots: how often the machine was started anew.
    """

    def __init__(self) -> None:
        super().__init__(lambda: asyncio.get_running_loop().time() + self.slept)
        self.ahead = 0.0
        self.slept = 0.0
        self.boots = 0

    def go_away(self, way: str, seconds: float) -> None:
        """Let the machine be suspended, or the process be frozen, for so many seconds."""
        if way == "suspended":
            self.slept += seconds
        else:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            loop.stand_still(seconds)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic() + self.ahead)

    def uptime(self) -> Uptime:
        return Uptime(str(self.boots), self.monotonic())


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end, in no time."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
