"""How far a delivery has come, told at a pace that a terminal can bear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.core.model import RowResult
    from ordersheet.delivery.clock import Clock

INTERVAL = 0.1
"""Seconds between two tellings, at least."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a delivery has come."""

    done: int
    """Rows with a result that is on disk."""
    ok: int
    no: int
    total: int | None = None
    """Rows to deliver, where the caller knows."""
    waiting: str | None = None
    """Why nothing moves at present, such as `the server asked to wait until 14:05:10`."""


class ProgressTally:
    """Counts the rows' results, and tells progress at most ten times a second.

    A row counts once: a result that replaces another moves it.
    """

    def __init__(self, tell: Callable[[Progress], None], clock: Clock, total: int | None) -> None:
        self.ok = 0
        self.no = 0
        self._tell = tell
        self._clock = clock
        self._total = total
        self._waiting: str | None = None
        self._told: Progress | None = None
        self._told_at = float("-inf")

    def count(self, result: RowResult, replaced: RowResult | None = None) -> None:
        """Count a row's result, and take back the one that it replaces."""
        self._add(result, 1)
        if replaced is not None:
            self._add(replaced, -1)

    def _add(self, result: RowResult, by: int) -> None:
        if result.outcome.ok:
            self.ok += by
        else:
            self.no += by

    def waiting(self, reason: str | None) -> None:
        """Say why nothing moves; None where something does."""
        self._waiting = reason

    def tell(self, *, last: bool = False) -> None:
        """Tell how far it has come, unless that was told less than a tenth of a second ago."""
        at = self._clock.monotonic()
        if not last and at - self._told_at < INTERVAL:
            return
        progress = Progress(self.ok + self.no, self.ok, self.no, self._total, self._waiting)
        if progress == self._told:
            return
        self._told = progress
        self._told_at = at
        self._tell(progress)
