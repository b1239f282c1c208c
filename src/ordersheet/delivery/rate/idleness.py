"""Time that tells nothing of what a server lets flow: an order is waited for, a lid was closed.

The server's store of spare requests fills up meanwhile, and what flows over is lost. So requests are counted
on a clock that stands still then: what flowed by that clock is at least what the server lets flow.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

IDLE = 2.0
"""Seconds in which nothing was sent or heard, though it might have been, and the clock stands still."""
SLOW, LATEST = 3.0, 8
"""An answer may be slow: while one is waited for, nothing is idle before so many times the longest of the
latest waits."""


class ClockState(NamedTuple):
    """All that `BusyClock` knows."""

    idle: float
    latest: float
    waits: tuple[float, ...]


class BusyClock:
    """A clock that stands still while the sender is idle: behind the monotonic one that the caller names."""

    def __init__(self) -> None:
        self._idle = 0.0
        self._latest = float("inf")
        self._waits: deque[float] = deque(maxlen=LATEST)

    @property
    def state(self) -> ClockState:
        """All that is known."""
        return ClockState(self._idle, self._latest, tuple(self._waits))

    @state.setter
    def state(self, state: ClockState) -> None:
        self._idle, self._latest, self._waits = state.idle, state.latest, deque(state.waits, LATEST)

    def at(self, now: float) -> float:
        """Tell what this clock shows, from the latest event on."""
        return now - self._idle

    def sent(self, now: float, *, distance: float, gate: float) -> None:
        """Count something that is sent.

        Args:
            now: when, on the monotonic clock.
            distance: seconds between two requests, as the pace was until now.
            gate: until when nothing might be sent.
        """
        self._pass_over(now - max(self._latest + distance, gate), IDLE)
        self._note(now)

    def heard(self, now: float, *, distance: float, gate: float) -> None:
        """Count something that is heard, so that it was under way meanwhile; otherwise as `sent`."""
        idle = now - max(self._latest + distance, gate)
        self._pass_over(idle, max(IDLE, SLOW * max(self._waits, default=0.0)))
        self._waits.append(max(now - self._latest, 0.0))
        self._note(now)

    def _note(self, now: float) -> None:
        # What others did may be told late.
        self._latest = now if math.isinf(self._latest) else max(self._latest, now)

    def _pass_over(self, idle: float, least: float) -> None:
        if idle > least:
            self._idle += idle
