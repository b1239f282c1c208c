"""What the rate is learned from: the counters at push-backs."""

from __future__ import annotations

from typing import NamedTuple


class PushBackMark(NamedTuple):
    """The state of the counters at a push-back: the server's store was empty then."""

    busy: float
    number: float
    rejected: int


class Lesson(NamedTuple):
    """What the rate was learned by at the latest mark, where it was learned from what flowed."""

    before: float
    """What it was before that."""
    wait: float
    """Seconds that the server asked to wait."""
