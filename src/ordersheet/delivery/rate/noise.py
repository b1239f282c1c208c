"""Push-backs that come however slowly requests go: a gateway with too much to do turns some away by chance.

A limit lets everything through that keeps below it. So push-backs that keep coming though the rate fell each
time, a few among many requests, are no limit, and going slower helps nobody.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import NamedTuple

SURPRISES, MOST_SURPRISES = 5, 10
"""Push-backs in a row at a rate that should have been slow enough, after which they are taken for noise: the
second number where that was wrong once."""
FELL = 2.0
"""By so much the rate must have fallen meanwhile."""
FEW = 4
"""Requests between two push-backs that are too few for noise, if it happens more than once."""
MOST_SHARE, WORST = 0.15, 0.25
"""More push-backs than this share of the requests are no noise; the second, where they were taken for it."""
ENOUGH = 2
WORSE, WATCHED = 3.0, 8
"""Noise gets no worse with the rate: where the last so many came so much denser, it was a limit."""


class Seen(NamedTuple):
    """The counters at a push-back."""

    number: int
    """Requests that had left until then."""
    rejected: int
    """Push-backs until then."""


class NoiseState(NamedTuple):
    """All that `Noise` knows."""

    top: float
    surprises: int
    patience: int
    share: float | None
    latest: tuple[Seen, ...]
    recent: tuple[Seen, ...]


def share_of(seen: deque[Seen]) -> float:
    """The share of push-backs among the requests from the first to the last of these."""
    first, last = seen[0], seen[-1]
    return (last.rejected - first.rejected) / max(last.number - first.number, 1)


class Noise:
    """Tells push-backs by chance from those of a limit."""

    def __init__(self) -> None:
        self._top = 0.0
        self._surprises = 0
        self._patience = SURPRISES
        self._share: float | None = None
        self._latest: deque[Seen] = deque(maxlen=SURPRISES)
        self._recent: deque[Seen] = deque(maxlen=WATCHED)

    @property
    def state(self) -> NoiseState:
        """All that is known."""
        latest, recent = tuple(self._latest), tuple(self._recent)
        return NoiseState(self._top, self._surprises, self._patience, self._share, latest, recent)

    @state.setter
    def state(self, state: NoiseState) -> None:
        self._top, self._surprises, self._patience, self._share = state[:4]
        self._latest, self._recent = deque(state.latest, SURPRISES), deque(state.recent, WATCHED)

    def ignores(self, seen: Seen) -> bool:
        """Tell whether a push-back says nothing of the rate."""
        if self._share is None:
            return False
        self._recent.append(seen)
        # Two may come together by chance.
        if len(self._recent) > ENOUGH and share_of(self._recent) > min(WORSE * self._share, WORST):
            self._share = None
            self._surprises = 0
            self._patience = MOST_SURPRISES
            return False
        return True

    def learned(self, seen: Seen, rate: float, *, grown: bool) -> float | None:
        """Count a push-back that a limit was learned from.

        Args:
            seen: the counters.
            rate: requests a second that were learned.
            grown: whether the rate had grown again since the last push-back, so that this one is no surprise.

        Returns:
            The rate to go back to where the push-backs turn out to be noise.
        """
        if grown:
            self._top, self._surprises = rate, 0
            self._latest.clear()
            return None
        self._surprises += 1
        self._latest.append(seen)
        if self._surprises < self._patience or rate * FELL > self._top:
            return None
        gaps = [later.number - earlier.number for earlier, later in itertools.pairwise(self._latest)]
        ordered = sorted(gaps)
        share = share_of(self._latest)
        # A limit that has just fallen lets very few through, again and again, until its rate is known.
        if share > MOST_SHARE or ordered[1] < FEW:
            return None
        if gaps == ordered:
            # They come ever more seldom: so the rate comes near a limit. Chance keeps no such order.
            return None
        self._share = share
        self._recent.clear()
        return self._top
