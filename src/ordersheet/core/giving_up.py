"""When what was held up, time and again, is tried no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

FEWEST_TRIES = 5
"""Where a machine was off for a weekend, something was held up for long, and hardly tried."""


def is_given_up(tries: int, lasted: timedelta, longest: timedelta) -> bool:
    """Tell whether something was tried for long enough, and often enough.

    Args:
        tries: how often it was tried, the last time included.
        lasted: for how long it has been held up.
        longest: for how long that may be.
    """
    return lasted >= longest and tries >= FEWEST_TRIES
