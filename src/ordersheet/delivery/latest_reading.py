"""What an order was seen to hold last, and how long that serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.delivery.parts import resend_pause
from ordersheet.delivery.read_back import NEVER

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from ordersheet.api import OrderView
    from ordersheet.delivery.actions import WasRead
    from ordersheet.delivery.clock import Moment

FRESH = 30.0
"""Seconds that a baseline may be old when its row leaves: it is read anew, then the row goes without one."""
STOOD_STILL = 5.0
"""Seconds between an attempt's write-ahead and its first byte after which it is written ahead anew."""
MOST_STALE = 3
"""How often a baseline that lacks what was answered ok is read again."""


class LatestReading:
    """The latest reading of one order, as long as nothing was sent since and no time has passed.

    Attributes:
        view: what it shows; None where there is none, or none that serves any more.
        asked_at: when the latest baseline was asked for (monotonic).
        stale: fields of which it is an old copy.
    """

    def __init__(self) -> None:
        self.view: OrderView | None = None
        self.asked_at = NEVER
        self.stale: AbstractSet[str] = frozenset()
        self._at = NEVER
        self._read_again = 0

    def forget(self) -> None:
        """It serves no more."""
        self.view = None

    def ask(self, now: Moment) -> None:
        """Another one is asked for, as a baseline."""
        self.view, self.asked_at = None, now.seconds

    def came(self, told: WasRead, now: Moment) -> None:
        """Keep another one."""
        self.view = told.view
        self._at = now.seconds if told.asked is None else told.asked

    def age(self, now: Moment) -> float:
        """Say how many seconds ago the order was seen so."""
        return now.seconds - self._at

    def grows_old(self, now: Moment) -> bool:
        """Tell whether it would be too old for a baseline by the time that its row leaves."""
        return self.view is not None and self._at < now.seconds + STOOD_STILL - FRESH

    def pause(self, lacking: AbstractSet[str], *, last: bool) -> float | None:
        """Say how long to wait before the order is read again; None where this reading is to do.

        Args:
            lacking: fields of which it lacks what was answered ok.
            last: whether it is not to be read again in any case.
        """
        if lacking and self._read_again < MOST_STALE and not last:
            self._read_again += 1
            return resend_pause(self._read_again + 1)
        self._read_again, self.stale = 0, lacking
        return None
