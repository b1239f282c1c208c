"""A whole list walked through, page by page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from ordersheet.api import list_url
from ordersheet.delivery.progress import ProgressTally
from ordersheet.delivery.reading.lists import FIRST_LIMIT
from ordersheet.delivery.reading.orders import OpenReading, ReadEnd
from ordersheet.delivery.verdict.observation import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ordersheet.api import ListedOrder
    from ordersheet.delivery.reading.orders import ReadAccess

OVERLAP = timedelta(seconds=1)
"""How far two pages overlap: a bound is a second, and several orders may have it."""


async def walk_list(
    access: ReadAccess,
    found: Callable[[ListedOrder], None],
    *,
    newer_than: datetime | None = None,
    older_than: datetime | None = None,
    limit: int = FIRST_LIMIT,
) -> ReadEnd:
    """Walk through the orders between two times, page by page.

    Each page begins where the last one ended, in the direction in which the shop lists; pages overlap, and an
    order that comes again is told once. Where a page brings nothing new, or the shop lists in no order, its
    `offset` is asked for instead.

    Args:
        access: how the shop is reached.
        found: told each order, once.
        newer_than: in the shop's time zone; None for the beginning.
        older_than: likewise; None for the end.
        limit: the most orders of a page that are asked for.
    """
    tally = ProgressTally(access.progress, access.clock, None)
    walk = Walk(newer_than, older_than, limit)
    async with OpenReading(access, tally) as reading:
        while not walk.over and not reading.context.run.ended and reading.context.run.readable:
            verdict = await reading.attempts.read_list(
                walk.url(access.options.base_url), entries=walk.limit, fields=reading.fields
            )
            if verdict is None or verdict.listed is None:
                last = reading.attempts.last
                if last is None or last.failure is not Failure.TOO_LARGE or not walk.smaller():
                    walk.failed = True
                    break
                continue
            for one in walk.new_of(verdict.listed.orders, verdict.listed.entries):
                found(one)
                tally.ok += 1
            tally.tell()
        tally.tell(last=True)
        end = reading.end()
    if walk.failed and not end.stopped and not end.unreadable:
        cause = reading.attempts.cause()
        return ReadEnd(end.requests, stopped=f"The list could not be read: {cause.what}. {cause.mend}")
    return end


@dataclass(slots=True)
class Walk:
    """Where a walk through a list has come to."""

    newer_than: datetime | None
    older_than: datetime | None
    limit: int
    offset: int = 0
    over: bool = False
    failed: bool = False
    seen: dict[int, None] = field(default_factory=dict)
    """Orders of the latest pages, which the next one may show again."""

    def url(self, base: str) -> str:
        """Give the address of the next page."""
        return list_url(
            base,
            newer_than=self.newer_than,
            older_than=self.older_than,
            limit=self.limit,
            offset=self.offset,
        )

    def smaller(self) -> bool:
        """Ask for fewer at once; False where that was done often enough."""
        if self.limit <= 1:
            return False
        self.limit = max(1, self.limit // 4)
        return True

    def new_of(self, orders: tuple[ListedOrder, ...], entries: int) -> list[ListedOrder]:
        """Give the orders of a page that were not told yet, and move on."""
        new = [one for one in orders if one.order not in self.seen]
        if entries == 0:
            self.over = True
            return new
        dates = [one.date for one in orders if one.date is not None]
        dated = len(dates) == len(orders)
        rising = dated and all(a <= b for a, b in pairwise(dates))
        falling = dated and all(a >= b for a, b in pairwise(dates))
        moved = dates[0] != dates[-1] if dates else False
        self.seen.update(dict.fromkeys(one.order for one in orders))
        if new and moved and rising and not falling:
            self.newer_than, self.offset = dates[-1] - OVERLAP, 0
            self._forget(orders)
        elif new and moved and falling and not rising:
            self.older_than, self.offset = dates[-1] + OVERLAP, 0
            self._forget(orders)
        else:
            self.offset += entries
        self.over = not new and self.offset == 0
        return new

    def _forget(self, orders: tuple[ListedOrder, ...]) -> None:
        """Keep what the next page may show again, and no more: a shop has millions of orders."""
        keep = {one.order: None for one in orders}
        self.seen = keep
