"""Whether the server does its work: a success ratio over its latest answers, and what it leaves of the pace.

Where most answers are failures (5xx, resets, timeouts), more requests only make more of them: what may be let
go is halved with each further failure, and doubled again with each success.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

WINDOW, IN_A_ROW = 20, 5
"""Answers that are looked at: more failures than half of them are trouble, and so are so many in a row."""
PROBE = 1 / 3
"""Requests a second that still go where nothing succeeds."""
FLOW_ROWS = 32
"""Successes from which the flow is told."""
UNKNOWN_FLOW = 1.0
"""Requests a second after a failure where nothing has succeeded yet."""


class HealthState(NamedTuple):
    """All that `Health` knows."""

    known_flow: float
    answers: tuple[bool, ...]
    times: tuple[float, ...]
    in_a_row: int
    share: float
    base: float
    brake: float
    lanes: float


class Health:
    """What failures leave of the rate and of the number of requests at once.

    Every time is in seconds on one clock that the caller names; it stands still while nothing is asked for.

    Attributes:
        known_flow: requests a second that are known to flow, where others send, too.
    """

    def __init__(self) -> None:
        self.known_flow = 0.0
        self._answers: deque[bool] = deque(maxlen=WINDOW)
        self._times: deque[float] = deque(maxlen=FLOW_ROWS)
        self._in_a_row = 0
        self._share = 1.0
        self._base = self._brake = math.inf
        self._lanes = math.inf

    @property
    def state(self) -> HealthState:
        """All that is known."""
        answers, times = tuple(self._answers), tuple(self._times)
        known = self._in_a_row, self._share, self._base, self._brake, self._lanes
        return HealthState(self.known_flow, answers, times, *known)

    @state.setter
    def state(self, state: HealthState) -> None:
        self.known_flow = state.known_flow
        self._answers, self._times = deque(state.answers, WINDOW), deque(state.times, FLOW_ROWS)
        self._in_a_row, self._share, self._base, self._brake, self._lanes = state[3:]

    def in_trouble(self) -> bool:
        """Whether the pace is held down because of failures."""
        return self._share < 1.0

    def flow(self, now: float) -> float:
        """Requests a second that succeeded lately."""
        if len(self._times) <= 1:
            return max(UNKNOWN_FLOW, self.known_flow)
        span = now - self._times[0]
        return max(len(self._times) / span, self.known_flow) if span > 0 else math.inf

    def succeeded(self, now: float) -> None:
        """Count an answer that is no failure."""
        self._answers.append(True)
        self._times.append(now)
        self._brake = math.inf
        self._in_a_row = 0
        if self.in_trouble():
            self._share = min(1.0, 2 * self._share)
            if not self.in_trouble():
                self._answers.clear()

    def failed(self, now: float, in_flight: int) -> None:
        """Count a failure.

        Args:
            now: when it was heard of.
            in_flight: how many requests were under way when this one went, itself included.
        """
        self._answers.append(False)
        self._in_a_row += 1
        if math.isinf(self._brake):
            # Failures come quicker than answers: they must not make more room than those did.
            self._brake = max(self.flow(now), PROBE)
        if self.in_trouble() or self._in_a_row >= IN_A_ROW or self._answers.count(False) > WINDOW // 2:
            if not self.in_trouble():
                self._base, self._lanes = self._brake, in_flight
            self._share = max(self._share / 2, min(0.5, PROBE / self._base))

    def rate(self, rate: float) -> float:
        """What is left of a rate."""
        braked = min(self._brake, rate)
        return (
            braked if self._share >= 1.0 else min(braked, max(min(braked, self._base) * self._share, PROBE))
        )

    def width(self, width: float) -> float:
        """What is left of a number of requests at once."""
        return width if self._share >= 1.0 else max(1.0, min(width, self._lanes) * self._share // 1)
