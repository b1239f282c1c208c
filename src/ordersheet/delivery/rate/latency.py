"""Whether the server has a queue of our making, told from the time that its answers take."""

from __future__ import annotations

from typing import NamedTuple

WINDOW_ROWS, WINDOW_SECONDS = 32, 1.0
QUEUE_FACTOR, QUEUE_SECONDS = 2.0, 0.1
"""Answers that take longer than the quickest known times the factor, and this longer, stand in a queue."""
DRAIN, DRAINING = 0.9, 0.99
"""What a queue leaves of the rate; one that shrinks to the other share within a window drains by itself."""
PATIENCE = 3
"""After so many cuts that made nothing quicker, the slowness is not our doing."""


class LatencyState(NamedTuple):
    """All that `Latency` knows."""

    quickest: float
    began: float | None
    answers: int
    low: float
    before: float
    cuts: int
    cut_at: float


class Latency:
    """Tells from the time that answers take whether the server has a queue of our making.

    Nobody gets past a queue, so the quickest answer of a window tells of it; that some answers take long, or
    that this machine was busy when they came, does not.
    """

    def __init__(self) -> None:
        self._quickest = float("inf")
        self._began: float | None = None
        self._count = 0
        self._low = self._before = float("inf")
        self._cuts = 0
        self._cut_at = float("-inf")

    @property
    def state(self) -> LatencyState:
        """All that is known."""
        window = self._began, self._count, self._low, self._before
        return LatencyState(self._quickest, *window, self._cuts, self._cut_at)

    @state.setter
    def state(self, state: LatencyState) -> None:
        self._quickest, self._began, self._count, self._low, self._before, self._cuts, self._cut_at = state

    def add(self, now: float, seconds: float) -> float | None:
        """Count one answer; at the end of a window with a queue, tell the rate that lets it drain.

        None where there is no queue; infinity where there is one and an earlier cut is still at work.
        """
        if now - seconds < self._cut_at:
            # It was sent before the cut, so it cannot tell what the cut has changed.
            return None
        if self._began is None:
            self._began = now
        self._count += 1
        self._low = min(self._low, seconds)
        self._quickest = min(self._quickest, seconds)
        if self._count < WINDOW_ROWS or now - self._began < WINDOW_SECONDS:
            return None
        low, flow = self._low, self._count / (now - self._began)
        before, self._before = self._before, low
        self._began, self._count, self._low = now, 0, float("inf")
        if low <= self._quickest * QUEUE_FACTOR + QUEUE_SECONDS:
            self._cuts = 0
            return None
        if self._cuts and low < DRAINING * before:
            return float("inf")
        self._cuts += 1
        if self._cuts > PATIENCE:
            self._cuts, self._quickest = 0, low
            return None
        self._cut_at, self._before, self._began = now, float("inf"), None
        return max(flow * DRAIN, 1.0 / low)
