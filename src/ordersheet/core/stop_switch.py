"""How a person, or a signal, tells a run to end: in three steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RUN_ON = 0
WIND_DOWN = 1
"""Waits end at once, rows under way may finish, each order in doubt is read once."""
CUT = 2
"""Requests are cut; the ledger is still written."""
LEAVE = 3
"""Nothing more is done here: the caller leaves the process, and the ledger still knows."""


class StopSwitch:
    """The step that a run's end has reached; it only ever rises.

    `press` may be called from a signal handler or another thread. Everything else belongs to the event loop.

    Attributes:
        signal: the number of the signal that pressed it first; None where no signal did.
        armed: whether a run has begun; before that, there is nothing to wind down.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.armed = False
        self._level = RUN_ON
        self._listeners: set[Callable[[], None]] = set()

    @property
    def level(self) -> int:
        """0 (go on), 1 (wind down), 2 (cut) or 3 (leave)."""
        return self._level

    def press(self) -> int:
        """Go one step further, and tell which step that is."""
        return self.raise_to(min(self._level + 1, LEAVE))

    def raise_to(self, level: int) -> int:
        """Go to this step, unless a later one has been reached, and tell which it is now."""
        if level > self._level:
            self._level = level
            for wake in tuple(self._listeners):
                wake()
        return self._level

    async def reached(self, level: int) -> None:
        """Wait until this step is reached."""
        if self._level >= level:
            return
        import asyncio

        loop = asyncio.get_running_loop()
        risen = asyncio.Event()

        def wake() -> None:
            if self._level >= level and not loop.is_closed():
                loop.call_soon_threadsafe(risen.set)

        self._listeners.add(wake)
        try:
            wake()
            await risen.wait()
        finally:
            self._listeners.discard(wake)
