"""Whether a file is whole: it looked the same twice, or somebody has said so. Pure: the time is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ordersheet.jobs.sources import SourceFile

LONG, COUNTS = 2.0, 0.5
"""A gap between two looks that is longer than `LONG` times what was asked counts as `COUNTS` times that."""


class Stability:
    """What earlier looks found.

    Where far more time went by between two looks than was asked for, the machine slept or the process stood
    still, and whoever writes the file may have stood still with it: then a third look decides.

    Args:
        stable: seconds for which a file must have stayed the same.
        marker: what is put behind a file's name to say that it is whole; None where nobody says so.
    """

    def __init__(self, stable: float, marker: str | None) -> None:
        self._stable = stable
        self._marker = marker
        self._rested: dict[str, tuple[SourceFile, float]] = {}
        """By key: what was seen, and for how many seconds it has been alike."""
        self._looked = 0.0

    def whole(self, found: Iterable[SourceFile], names: Iterable[str], now: float) -> list[SourceFile]:
        """Give the files that are whole at this look.

        Args:
            found: what the look found.
            names: every name that it saw.
            now: its moment (monotonic).
        """
        files = list(found)
        if self._marker is not None:
            marker, there = self._marker, set(names)
            unmarked = (one for one in files if not one.name.endswith(marker))
            return [one for one in unmarked if one.name + marker in there]
        before, self._rested = self._rested, {}
        gap, self._looked = now - self._looked, now
        watched = gap if gap <= LONG * self._stable else COUNTS * self._stable
        for one in files:
            seen, rested = before.get(one.key, (None, 0.0))
            self._rested[one.key] = (one, rested + watched if seen == one else 0.0)
        return [one for one in files if self._rested[one.key][1] >= self._stable]

    @property
    def rests(self) -> bool:
        """Whether the last look found a file that is to rest before it is whole."""
        return self._marker is None and any(rested < self._stable for _, rested in self._rested.values())

    def wait(self, now: float) -> float | None:
        """Give the seconds until another look may find a whole file; None where none is awaited."""
        if not self.rests:
            return None
        since = now - self._looked
        left = (self._stable - rested - since for _, rested in self._rested.values() if rested < self._stable)
        return max(0.0, min(left))
