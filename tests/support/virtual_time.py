"""An event loop whose time jumps to the next timer whenever nothing else is left to do."""

from __future__ import annotations

import asyncio
import itertools
import selectors
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from ordersheet.core.uptime import Uptime
from ordersheet.delivery.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
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


class _When(float):
    """When a timer is due, with its place among those that are due at the same moment.

    asyncio's heap alone would have them in an order that hangs on every other timer there is.
    """

    number = 0

    def __lt__(self, other: float) -> bool:
        if isinstance(other, _When) and float(self) == float(other):
            return self.number < other.number
        return float(self) < float(other)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop without waiting.

    Args:
        last_first: of timers that are due at one moment the last that was set comes first, not the first: a
            network brings two requests that leave together in either order.
    """

    def __init__(self, *, last_first: bool = False) -> None:
        self._jumping = _JumpingSelector()
        self._numbers = itertools.count(step=-1 if last_first else 1)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        due = _When(when)
        due.number = next(self._numbers)
        return super().call_at(due, callback, *args, context=context)

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


def run(main: Coroutine[Any, Any, T], *, last_first: bool = False) -> T:
    """Run to the end, in no time."""
    loop = VirtualLoop(last_first=last_first)
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
