"""Which page to read ahead for the orders of a delivery: pure.

A page serves a delivery only where it shows an order that was written a moment ago, so it reaches from such
an order to the farthest of the claimed orders that it is likely to show. Both ends are dates; an end whose
date is not known is read by its ID first, unless the shop's lists are known to begin at the other one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.delivery.reading.plan import FEWEST_HITS, WASTE, ReadPage, page_between

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ordersheet.delivery.reading.lists import ListFacts

CERTAIN = 0.9
"""Of what a page is likely to span, how much is counted on."""
SEVERAL, BEHIND = 8, 0.4
"""A page shows so many orders that were written a moment ago, where they lie within this part of its span."""
SPARE = 10
"""Entries that a page asks for beyond those that it is likely to need."""


class PageAhead(NamedTuple):
    """A page that is worth its request."""

    near: int
    """The order written a moment ago at which it begins, or ends."""
    far: int
    """The wanted order at its other end."""
    wanted: frozenset[int]
    """The orders that it is likely to show."""
    anchor: int | None
    """`far`, where it is to be read by its ID first: its date is where the page ends."""


class Thrift:
    """Whether pages have saved more requests than they cost."""

    def __init__(self) -> None:
        self.orders = 0
        """Orders that were claimed."""
        self.spent = 0
        """Requests for pages."""
        self.served = 0
        """Readings by an ID that pages have spared."""

    def allows_more(self) -> bool:
        """Tell whether another page may be asked for."""
        return self.spent - self.served < max(1.0, WASTE * self.orders)


def page_ahead(
    order: int, wanted: Sequence[int], written: Collection[int], lists: ListFacts, most: int
) -> PageAhead | None:
    """Choose the page that shows an order and as many others as it can; None where none is worth it.

    Args:
        order: the order that is to be read next.
        wanted: the claimed orders that are yet to be read, this one among them; ascending.
        written: orders of known dates that were written a moment ago.
        lists: what is known of the shop's lists.
        most: how many orders it is worth to know: later ones would be read anew.
    """
    if not lists.usable or most < FEWEST_HITS:
        return None
    pages = (_page(order, written, wanted, lists, most, down=down) for down in (False, True))
    return max((page for page in pages if page is not None), key=lambda page: len(page.wanted), default=None)


def _page(
    order: int, written: Collection[int], wanted: Sequence[int], lists: ListFacts, most: int, *, down: bool
) -> PageAhead | None:
    """Choose the page from orders written a moment ago upwards, or downwards."""
    span = lists.reach * CERTAIN
    ago = sorted(
        distance for one in written if 0 <= (distance := one - order if down else order - one) <= span
    )
    if not ago:
        return None
    # Several of them tell more of what the page shows, where that leaves it room.
    back = next((distance for distance in reversed(ago[1:SEVERAL]) if distance <= span * BEHIND), ago[0])
    if down:
        hits = wanted[bisect_left(wanted, order + back - span) : bisect_right(wanted, order)][-most:]
    else:
        hits = wanted[bisect_left(wanted, order) : bisect_right(wanted, order - back + span)][:most]
    if len(hits) < FEWEST_HITS:
        return None
    far = hits[0] if down else hits[-1]
    known = lists.date_of(far) is not None or lists.descending is down
    near = order + back if down else order - back
    return PageAhead(near, far, frozenset(hits), None if known else far)


def request_for(page: PageAhead, lists: ListFacts) -> ReadPage:
    """Give the request for a page, now that what can be known of its ends is."""
    entries = int(abs(page.far - page.near) / lists.step * 1.1) + SPARE
    low, high = sorted((page.near, page.far))
    return page_between(lists.date_of(low), lists.date_of(high), min(entries, lists.limit))
