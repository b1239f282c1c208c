"""Which requests read a set of orders: decided one at a time, from what the answers so far have shown.

No I/O here. A list begins at a time, not at an order, so a page can only follow an order whose date is known:
the first order of a dense stretch is read by itself, and pages go on from there, each from where the last one
ended. Nothing is believed that was not in an answer: an order that a page did not show is read by its ID. A
shop whose lists come in another order, skip orders or hold none of ours costs a few pages, and then no more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ordersheet.delivery.reading.lists import SECOND, ListFacts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

FEWEST_HITS = 3
"""Orders that a page must promise before it is asked for, and that are wanted at all before any page is."""
WASTE = 0.04
"""Requests an order that pages may cost beyond the single reads that they save."""
MOST_EMPTY = 3
"""Pages in a row without an order that was wanted, after which no more are asked for."""


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


def page_between(first: datetime | None, last: datetime | None, limit: int) -> ReadPage:
    """Ask for the orders from one time to another, both included."""
    return ReadPage(
        newer_than=None if first is None else first - SECOND,
        older_than=None if last is None else last + SECOND,
        limit=limit,
    )


class ReadPlan:
    """A set of orders to read, and what is known of how the shop's IDs and dates go together.

    Args:
        paging: whether lists may be asked for at all.
    """

    def __init__(self, *, paging: bool = True) -> None:
        self._lists = ListFacts(usable=paging)
        self._open: list[int] = []
        """Orders to read, ascending; a page may still show them."""
        self._single: list[int] = []
        """Orders to read by their IDs, since a page that should have shown them did not."""
        self._asked: set[int] = set()
        """Orders that were asked for by their IDs, and have not come yet."""
        self._anchor: int | None = None
        """The one of these that the next page waits for."""
        self._page_asked = False
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
            edge = self._open.pop(-1 if self._lists.descending else 0)
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
        self._lists.saw(order, date)

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
        self._pages += 1
        self._hits += len(hits)
        self._empty = 0 if hits else self._empty + 1
        self._lists.saw_page(dates, entries)
        self._open = [order for order in self._open if order not in hits]
        self._single_out(dates)
        return hits

    def tell_page_failed(self, *, too_large: bool) -> None:
        """A page could not be had: a smaller one may, where its size was the reason; else no more pages."""
        self._page_asked = False
        self._pages += 1
        self._lists.page_failed(too_large=too_large)

    # --- what to ask for

    def _page(self) -> ReadPage | None:
        """Give the page that reads the next open orders; None where single reads cost less."""
        down = self._lists.descending is True
        edge = self._open[-1] if down else self._open[0]
        date = self._bound(edge, down=down)
        if date is None or not self._dense(edge):
            return None
        far = self._bound(self._open[0] if down else self._open[-1], down=not down)
        newer, older = (far, date) if down else (date, far)
        return page_between(newer, older, self._lists.limit)

    def _bound(self, order: int, *, down: bool) -> datetime | None:
        """Give a known date from which a list reaches the order soon; None where there is none near it."""
        return self._lists.near(order, down=down, within=self._lists.step * self._lists.given / 2)

    def _dense(self, edge: int) -> bool:
        """Tell whether a page from here is worth its request: it is likely to show several open orders."""
        spent = self._pages - self._hits >= max(1.0, WASTE * self._count)
        if not self._lists.usable or spent or self._empty >= MOST_EMPTY:
            return False
        reach = int(self._lists.reach)
        if self._lists.descending:
            promised = len(self._open) - bisect_left(self._open, edge - reach)
        else:
            promised = bisect_right(self._open, edge + reach)
        return promised >= FEWEST_HITS

    # --- what was learned

    def _single_out(self, shown: Collection[int]) -> None:
        """Move the open orders that a page should have shown to those that are read by themselves."""
        if shown:
            low, high = bisect_left(self._open, min(shown)), bisect_right(self._open, max(shown))
        elif self._lists.descending:
            low, high = len(self._open) - 1, len(self._open)
        else:
            low, high = 0, 1
        self._single = sorted({*self._single, *self._open[low:high]})
        del self._open[low:high]


def _holds(orders: list[int], order: int) -> bool:
    at = bisect_left(orders, order)
    return at < len(orders) and orders[at] == order
