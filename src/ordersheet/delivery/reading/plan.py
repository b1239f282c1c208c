"""Which requests read a set of orders: decided one at a time, from what the answers so far have shown.

No I/O here. A list begins at a time, not at an order, so a page can only follow an order whose date is known:
the first order of a dense stretch is read by itself, and pages go on from there, each from where the last one
ended. Nothing is believed that was not in an answer: an order that a page did not show is read by its ID. A
shop whose lists come in another order, skip orders or hold none of ours costs a few pages, and then no more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

FIRST_LIMIT = 250
"""Orders that a page asks for; the largest `limit` is not documented, so what comes is learned from."""
DEFAULT_LIMIT = 20
"""Entries that a list has where it names no limit (order-api reference); no server is taken to give fewer."""
SMALLEST_LIMIT = 10
FEWEST_HITS = 3
"""Orders that a page must promise before it is asked for, and that are wanted at all before any page is."""
WASTE = 0.04
"""Requests an order that pages may cost beyond the single reads that they save."""
MOST_EMPTY = 3
"""Pages in a row without an order that was wanted, after which no more are asked for."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ReadOne:
    """Read one order by its ID."""

    order: int


@dataclass(frozen=True, slots=True)
class ReadPage:
    """Read a list of orders."""

    newer_than: datetime | None
    older_than: datetime | None
    limit: int


ReadRequest: TypeAlias = ReadOne | ReadPage


class ReadPlan:
    """A set of orders to read, and what is known of how the shop's IDs and dates go together.

    Args:
        paging: whether lists may be asked for at all.
    """

    def __init__(self, *, paging: bool = True) -> None:
        self._paging = paging
        self._open: list[int] = []
        """Orders to read, ascending; a page may still show them."""
        self._single: list[int] = []
        """Orders to read by their IDs, since a page that should have shown them did not."""
        self._asked: set[int] = set()
        """Orders that were asked for by their IDs, and have not come yet."""
        self._anchor: int | None = None
        """The one of these that the next page waits for."""
        self._page_asked = False
        self._dates: dict[int, datetime] = {}
        self._dated: list[int] = []
        """Orders of known dates, ascending."""
        self._limit = FIRST_LIMIT
        self._given = FIRST_LIMIT
        """Entries that a page has been seen to give at most."""
        self._step = 1.0
        """IDs from one listed order to the next."""
        self._descending: bool | None = None
        self._count = 0
        self._pages = 0
        self._hits = 0
        self._empty = 0
        """Pages in a row without an order that was wanted."""

    @property
    def left(self) -> int:
        """How many orders are still to be read, those that were asked for and have not come included."""
        return len(self._open) + len(self._single) + len(self._asked)

    @property
    def wanted(self) -> frozenset[int]:
        """The orders that are still to be read."""
        return frozenset((*self._open, *self._single, *self._asked))

    def add(self, orders: Iterable[int]) -> None:
        """Want these orders too; such as are wanted already are not counted again."""
        known = self.wanted
        new = {order for order in orders if order not in known}
        self._count += len(new)
        self._open = sorted({*self._open, *new})

    def next(self) -> ReadRequest | None:
        """Give the next request; None where nothing is left, or an answer is to be awaited first.

        Each request's end is told by `tell_one`, `tell_page` or `tell_page_failed`.
        """
        waits = self._page_asked or self._anchor is not None
        if self._open and not waits:
            page = self._page()
            if page is not None:
                self._page_asked = True
                return page
            edge = self._open.pop(-1 if self._descending else 0)
            if self._dense(edge):
                self._anchor = edge  # Its date is where a page begins.
            return self._ask_one(edge)
        return self._ask_one(self._single.pop(0)) if self._single else None

    def _ask_one(self, order: int) -> ReadOne:
        self._asked.add(order)
        return ReadOne(order)

    def tell_one(self, order: int, date: datetime | None) -> None:
        """An order was read by itself, or could not be: either way it is dealt with.

        Args:
            order: the order.
            date: when it was placed; None where that is not known.
        """
        self._asked.discard(order)
        if order == self._anchor:
            self._anchor = None
        if date is not None:
            self._learn_date(order, date)

    def tell_page(self, dates: Mapping[int, datetime | None], entries: int) -> set[int]:
        """A page came.

        Args:
            dates: the page's orders, in its own order, with their dates.
            entries: how many entries it had.

        Returns:
            The wanted orders among them, which are dealt with now.
        """
        self._page_asked = False
        hits = {order for order in dates if _holds(self._open, order)}
        self._given = max(entries, DEFAULT_LIMIT, self._given if self._pages else 0)
        self._pages += 1
        self._hits += len(hits)
        self._empty = 0 if hits else self._empty + 1
        dated = {order: date for order, date in dates.items() if date is not None}
        for order, date in dated.items():
            self._learn_date(order, date)
        self._learn_direction(list(dated.values()))
        self._learn_step(sorted(dated))
        self._open = [order for order in self._open if order not in hits]
        self._single_out(dates)
        return hits

    def tell_page_failed(self, *, too_large: bool) -> None:
        """A page could not be had: a smaller one may, where its size was the reason; else no more pages."""
        self._page_asked = False
        self._pages += 1
        if too_large and self._limit > SMALLEST_LIMIT:
            self._limit = max(SMALLEST_LIMIT, self._limit // 4)
            self._given = min(self._given, self._limit)
        else:
            self._paging = False

    # --- what to ask for

    def _page(self) -> ReadPage | None:
        """Give the page that reads the next open orders; None where single reads cost less."""
        down = self._descending is True
        edge = self._open[-1] if down else self._open[0]
        date = self._bound(edge, down=down)
        if date is None or not self._dense(edge):
            return None
        far = self._bound(self._open[0] if down else self._open[-1], down=not down)
        newer, older = (far, date) if down else (date, far)
        return ReadPage(
            newer_than=None if newer is None else newer - _SECOND,
            older_than=None if older is None else older + _SECOND,
            limit=self._limit,
        )

    def _bound(self, order: int, *, down: bool) -> datetime | None:
        """Give a known date from which a list reaches the order soon; None where there is none near it."""
        near = self._step * self._given / 2
        if down:
            at = bisect_left(self._dated, order)
            other = self._dated[at] if at < len(self._dated) else None
        else:
            at = bisect_right(self._dated, order) - 1
            other = self._dated[at] if at >= 0 else None
        return self._dates[other] if other is not None and abs(other - order) <= near else None

    def _dense(self, edge: int) -> bool:
        """Tell whether a page from here is worth its request: it is likely to show several open orders."""
        spent = self._pages - self._hits >= max(1.0, WASTE * self._count)
        if not self._paging or spent or self._empty >= MOST_EMPTY:
            return False
        reach = int(self._step * min(self._given, self._limit))
        if self._descending:
            promised = len(self._open) - bisect_left(self._open, edge - reach)
        else:
            promised = bisect_right(self._open, edge + reach)
        return promised >= FEWEST_HITS

    # --- what was learned

    def _learn_date(self, order: int, date: datetime) -> None:
        if order not in self._dates:
            insort(self._dated, order)
        self._dates[order] = date

    def _learn_direction(self, dates: list[datetime]) -> None:
        rising = any(a < b for a, b in pairwise(dates))
        falling = any(a > b for a, b in pairwise(dates))
        if rising and falling:
            self._paging = False  # In no order at all, a page does not say where the next one begins.
        elif rising or falling:
            self._descending = falling

    def _learn_step(self, numbers: list[int]) -> None:
        if len(numbers) > 1:
            self._step = max(1.0, (numbers[-1] - numbers[0]) / (len(numbers) - 1))

    def _single_out(self, shown: Collection[int]) -> None:
        """Move the open orders that a page should have shown to those that are read by themselves."""
        if shown:
            low, high = bisect_left(self._open, min(shown)), bisect_right(self._open, max(shown))
        elif self._descending:
            low, high = len(self._open) - 1, len(self._open)
        else:
            low, high = 0, 1
        self._single = sorted({*self._single, *self._open[low:high]})
        del self._open[low:high]


def _holds(orders: list[int], order: int) -> bool:
    at = bisect_left(orders, order)
    return at < len(orders) and orders[at] == order
