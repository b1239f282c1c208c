"""How many requests at once: `--concurrency auto`, decided from how fast the answers come."""

from __future__ import annotations

import math

START, MOST = 8, 64
"""Requests at once at the beginning, and at most."""
WIDEN_FIRST, WIDEN = 2.0, 1.5
"""What a widening multiplies by, as long as each has helped, and later."""
GAIN = 0.15
"""More at once is worth it where it brings this share of what it would without a bottleneck; otherwise it is
taken back."""
WINDOW_SECONDS, WINDOW_ROUNDS = 0.5, 3
"""A width is judged by so many seconds, and so many answers for each request at once."""
FIRST_SECONDS = 0.2
"""The same, as long as each widening has helped."""
HOLD_FIRST, HOLD_WINDOWS = 2, 40
"""After a widening was taken back so many windows until the next trial, each time twice as many up to the
most: the first may have been taken back by chance. After a push-back, the most."""


class AutoConcurrency:
    """The width, learned from the answers: grows while throughput grows, shrinks when it does not help.

    Every time is in seconds on one monotonic clock that the caller names.

    Attributes:
        width: how many requests may be under way at once now.
    """

    def __init__(self, *, start: int = START, most: int = MOST) -> None:
        self.width = min(start, most)
        self._most = most
        self._before: tuple[int, float] | None = None
        self._hold, self._next_hold = 0, HOLD_FIRST
        self._seconds = FIRST_SECONDS
        self._began: float | None = None
        self._count = 0
        self._bound = False

    def answered(self, now: float, in_flight: int) -> None:
        """Learn from an answer.

        Args:
            now: when it came.
            in_flight: how many were under way when its request went, itself included.
        """
        if self._began is None:
            self._began = now
        self._count += 1
        self._bound = self._bound or in_flight >= self.width
        elapsed = now - self._began
        if elapsed >= self._seconds and self._count >= WINDOW_ROUNDS * self.width:
            flow, bound = self._count / elapsed, self._bound
            self._restart(now)
            self._judge(flow, bound=bound)

    def held_back(self, now: float, in_flight: int) -> None:
        """Learn from a push-back, or from answers that stand in a queue: more at once is no help.

        Args:
            now: when it came.
            in_flight: as for `answered`. Fewer than may be under way are not to blame by their number.
        """
        if self._before is not None:
            self.width, self._before = self._before[0], None
        elif self._hold < HOLD_WINDOWS and in_flight >= self.width:
            self.width = max(1, math.floor(self.width / WIDEN))
        self._hold, self._seconds = HOLD_WINDOWS, WINDOW_SECONDS
        self._restart(now)

    def _restart(self, now: float) -> None:
        self._began, self._count, self._bound = now, 0, False

    def _judge(self, flow: float, *, bound: bool) -> None:
        if self._before is not None:
            width, earlier = self._before
            if flow < earlier * (1 + GAIN * (self.width / width - 1)):
                self.width, self._before = width, None
                self._hold, self._seconds = self._next_hold, WINDOW_SECONDS
                self._next_hold = min(2 * self._next_hold, HOLD_WINDOWS)
                return
            self._next_hold = HOLD_FIRST
        if self._hold > 0:
            self._hold -= 1
            return
        if not bound or self.width >= self._most:
            self._before = None
            return
        self._before = (self.width, flow)
        widen = WIDEN_FIRST if self._seconds == FIRST_SECONDS else WIDEN
        self.width = min(self._most, math.ceil(self.width * widen))
