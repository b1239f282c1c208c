"""The orders that wait for a lane: new ones, and those put down until a moment."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ordersheet.delivery.order import OrderMachine

MOST_PARKED = 4096
"""Orders put down at the same time; more of them, and new orders wait."""


class OrderQueue:
    """The orders of a delivery that no lane has in hand."""

    def __init__(self) -> None:
        self._new: deque[OrderMachine] = deque()
        self._parked: list[tuple[float, int, OrderMachine]] = []
        self._numbers = itertools.count()

    @property
    def ready(self) -> int:
        """How many new orders there are."""
        return len(self._new)

    @property
    def parked(self) -> int:
        """How many orders are put down."""
        return len(self._parked)

    @property
    def is_empty(self) -> bool:
        """Whether no order waits."""
        return not self._new and not self._parked

    @property
    def is_full(self) -> bool:
        """Whether so many orders are put down that no new one should be begun."""
        return len(self._parked) >= MOST_PARKED

    @property
    def next_due(self) -> float:
        """When the first order that was put down is to be taken up again (monotonic)."""
        return self._parked[0][0] if self._parked else float("inf")

    def add(self, order: OrderMachine) -> None:
        """Add a new order."""
        self._new.append(order)

    def park(self, order: OrderMachine, due: float) -> None:
        """Put an order down until then."""
        heapq.heappush(self._parked, (due, next(self._numbers), order))

    def take_due(self, now: float) -> OrderMachine | None:
        """Take up the first order that is due; None where none is."""
        return heapq.heappop(self._parked)[2] if self.next_due <= now else None

    def take_new(self) -> OrderMachine | None:
        """Take the first new order; None where there is none."""
        return self._new.popleft() if self._new else None

    def wake(self, now: float, *, waiting_alone: bool = False) -> None:
        """Let every order that was put down be due; or only those that wait without an end."""
        end = float("inf")
        self._parked = [
            (due if waiting_alone and due < end else min(due, now), number, order)
            for due, number, order in self._parked
        ]
        heapq.heapify(self._parked)
