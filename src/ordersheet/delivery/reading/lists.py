"""What answers have shown of a shop's lists: how IDs and dates go together, and how much a list gives.

No I/O here, and nothing is believed of an order that no answer held.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

FIRST_LIMIT = 250
"""Orders that a page asks for; the largest `limit` is not documented, so what comes is learned from."""
DEFAULT_LIMIT = 20
"""Entries that a list has where it names no limit (order-api reference); no server is taken to give fewer."""
SMALLEST_LIMIT = 10
MOST_DATES = 100_000
"""Dates that are kept."""
SECOND = timedelta(seconds=1)
"""Bounds of a list are whole seconds, and leave out the second that they name."""


class ListFacts:
    """What is known of a shop's lists.

    Attributes:
        usable: whether lists are worth anything here.
        limit: how many entries a page asks for.
        given: how many entries a page has been seen to give at most.
        step: IDs from one listed order to the next.
        descending: whether lists begin with the newest; None where that is not known.
    """

    def __init__(self, *, usable: bool = True) -> None:
        self.usable = usable
        self.limit = self.given = FIRST_LIMIT
        self.step = 1.0
        self.descending: bool | None = None
        self._seen = False
        self._dates: dict[int, datetime] = {}
        self._dated: list[int] = []
        """Orders of known dates, ascending."""

    @property
    def reach(self) -> float:
        """IDs that one page is likely to span."""
        return self.step * min(self.given, self.limit)

    def date_of(self, order: int) -> datetime | None:
        """Say when an order was placed; None where that is not known."""
        return self._dates.get(order)

    def near(self, order: int, *, down: bool, within: float) -> datetime | None:
        """Give the date of the next known order at or below this one, or above it where lists go down."""
        if down:
            at = bisect_left(self._dated, order)
            other = self._dated[at] if at < len(self._dated) else None
        else:
            at = bisect_right(self._dated, order) - 1
            other = self._dated[at] if at >= 0 else None
        return self._dates[other] if other is not None and abs(other - order) <= within else None

    def saw(self, order: int, date: datetime | None) -> None:
        """Note an order's date."""
        if date is None:
            return
        if order not in self._dates:
            insort(self._dated, order)
        self._dates[order] = date
        if len(self._dates) > MOST_DATES:
            # The latest are near to what is asked for next.
            self._dates = dict(list(self._dates.items())[MOST_DATES // 2 :])
            self._dated = sorted(self._dates)

    def saw_page(self, dates: Mapping[int, datetime | None], entries: int, *, cut: bool = True) -> None:
        """Note what a page held.

        Args:
            dates: its orders, in its own order, with their dates.
            entries: how many entries it had.
            cut: whether there may have been more that it did not give.
        """
        if cut:
            self.given = max(entries, DEFAULT_LIMIT, self.given if self._seen else 0)
            self._seen = True
        dated = {order: date for order, date in dates.items() if date is not None}
        for order, date in dated.items():
            self.saw(order, date)
        self._learn_direction(list(dated.values()))
        self._learn_step(sorted(dated))

    def page_failed(self, *, too_large: bool) -> None:
        """A page could not be had: a smaller one may, where its size was the reason; else no more pages."""
        if too_large and self.limit > SMALLEST_LIMIT:
            self.limit = max(SMALLEST_LIMIT, self.limit // 4)
            self.given = min(self.given, self.limit)
        else:
            self.usable = False

    def _learn_direction(self, dates: list[datetime]) -> None:
        rising = any(a < b for a, b in pairwise(dates))
        falling = any(a > b for a, b in pairwise(dates))
        if rising and falling:
            self.usable = False  # In no order at all, a page does not say where the next one begins.
        elif rising or falling:
            self.descending = falling

    def _learn_step(self, numbers: list[int]) -> None:
        if len(numbers) > 1:
            self.step = max(1.0, (numbers[-1] - numbers[0]) / (len(numbers) - 1))
