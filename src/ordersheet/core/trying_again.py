"""When what was held up is tried again, and when no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

FEWEST_TRIES = 5
"""Where a machine was off for a weekend, something was held up for long, and hardly tried."""

MOST_DOUBLINGS = 60
"""A pause is longer than any by then, and a power of two would soon be more than a number can hold."""


def pause_after(tries: int, *, first: float, longest: float) -> float:
    """Give the seconds until the next try: twice as many each time.

    Args:
        tries: how often it was tried, from 1.
        first: seconds after the first try.
        longest: seconds at most.
    """
    return min(longest, first * 2.0 ** min(tries - 1, MOST_DOUBLINGS))


def tried_enough(tries: int, lasted: timedelta, longest: timedelta) -> bool:
    """Tell whether something was tried for long enough, and often enough.

    Args:
        tries: how often it was tried, the last time included.
        lasted: for how long it has been held up.
        longest: for how long that may be.
    """
    return lasted >= longest and tries >= FEWEST_TRIES
