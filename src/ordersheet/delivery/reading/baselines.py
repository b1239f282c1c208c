"""Baselines from pages: what the orders of a delivery hold, read many at a time where they lie densely.

Asked for one order, it gives what a page shows of it, or None: then the order is read by its ID. A page is
read only for orders that are claimed, and what it shows of an order is told with the moment at which it was
asked for. What a page may stand for is decided in `verdict/page_trust.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.api import list_url, order_url
from ordersheet.delivery.attempts import Attempts
from ordersheet.delivery.reading.ahead import Thrift, page_ahead, request_for
from ordersheet.delivery.reading.lists import ListFacts
from ordersheet.delivery.verdict.observation import Failure

if TYPE_CHECKING:
    from collections.abc import Collection

    from ordersheet.api import OrderView
    from ordersheet.core.model import OrderWork
    from ordersheet.delivery.context import RequestContext
    from ordersheet.delivery.reading.ahead import PageAhead
    from ordersheet.delivery.verdict.get import GetVerdict

SERVED_FOR = 12.0
"""Seconds after it was asked for that a page is served from: what takes its turn then must still be fresh."""
AHEAD_FOR = 10.0
"""Seconds of sending for which a page is worth reading ahead."""
FEW_UNDER_WAY = 4
"""So many orders are under way before others wait for a page that begins at one of these."""
FEW_LEFT = 8
"""The next page is read when so few readings of the last ones are left."""


class ShownInPage(NamedTuple):
    """What a page shows of an order."""

    view: OrderView
    asked: float
    """When the page was asked for (monotonic)."""


class Baselines:
    """The readings of one delivery that come from pages.

    Args:
        context: the way to the server.
    """

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        self._attempts = Attempts(context)
        self._lists = ListFacts()
        self._thrift = Thrift()
        self._wanted: set[int] = set()
        """Claimed orders whose baseline was not asked for yet."""
        self._views: dict[int, ShownInPage] = {}
        self._reading: asyncio.Task[None] | None = None
        """The page that is under way."""
        self._missed: set[int] = set()
        """Wanted orders that a page should have shown, and did not."""
        self._under_way: set[int] = set()
        """Orders that were read and are not written yet: then a page may begin at them."""
        self._given: set[int] = set()
        """Those of them that a page was given for."""
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        context.run.pages.on_written = self.let_go

    def claimed(self, work: OrderWork) -> None:
        """An order is claimed now: where its comments are changed, they are to be read before."""
        run = self._context.run
        names = {operation.field for update in work.updates for operation in update.operations}
        if run.options.baseline and run.readable and any(map(run.trusts, names)):
            self._wanted.add(work.order)
            self._thrift.orders += 1

    def saw(self, view: OrderView) -> None:
        """Learn from an order that was read by its ID."""
        self._lists.saw(view.order, view.date)
        if view.found and view.date is None:
            # Without dates there is no saying where a page begins.
            self._lists.usable = False
            self._tell()

    def read_by_id(self, order: int) -> None:
        """What was given of an order was not enough: it is read by its ID all the same."""
        self._thrift.served -= order in self._given
        self._given.discard(order)

    async def view(self, order: int, since: float) -> ShownInPage | None:
        """Give what a page shows of an order, or None, where it is better read by its ID.

        Args:
            order: its ID.
            since: no page counts that was asked for before that (monotonic).
        """
        if order not in self._wanted:
            return None
        try:
            found = await self._from_a_page(order, since)
        finally:
            self._wanted.discard(order)
            self._missed.discard(order)
        self._under_way.add(order)
        if found is None:
            return None
        self._thrift.served += 1
        self._given.add(order)
        if len(self._views) <= FEW_LEFT and self._reading is None:
            unread = self._wanted - self._views.keys() - self._missed
            if unread and self._serves():
                self._begin_page(min(unread, key=lambda one: abs(one - order)))
        return found

    def let_go(self, order: int) -> None:
        """Nothing more is being done to an order for now, or it was written."""
        for known in (self._wanted, self._under_way, self._given):
            known.discard(order)
        self._views.pop(order, None)
        if not self._waiting or self._reading is not None:
            return
        first = self._waiting[0][0]
        if not self._serves() or not self._choose(first)[1]:
            self._tell()

    async def _from_a_page(self, order: int, since: float) -> ShownInPage | None:
        while True:
            found = self._take(order, since)
            if found is not None or not self._serves() or order in self._missed:
                return found
            if self._reading is None and not self._begin_page(order):
                return None
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((order, news))
            await news

    def _begin_page(self, order: int) -> bool:
        """Read the page that shows an order, or tell that it is worth waiting for; False where none is."""
        page, waits = self._choose(order)
        if not waits:
            self._start(page)
        return waits or page is not None

    def _choose(self, order: int) -> tuple[PageAhead | None, bool]:
        """Choose the page that shows an order, and tell whether a better one is worth waiting for."""
        if not self._thrift.allows_more():
            return None, False
        oldest = self._context.clock.monotonic() - SERVED_FOR
        fresh = {one for one, shown in self._views.items() if shown.asked >= oldest}
        unread = sorted(self._wanted - fresh - self._missed)
        written = [one for one in self._context.run.pages.written if self._lists.date_of(one) is not None]
        page = self._page(order, unread, written)
        if len(self._under_way) < FEW_UNDER_WAY:
            return page, False
        # It could begin where the orders under way are about to be written.
        later = self._page(order, unread, self._under_way)
        return page, later is not None and (page is None or 2 * len(page.wanted) < len(later.wanted))

    def _page(self, order: int, unread: list[int], written: Collection[int]) -> PageAhead | None:
        most = int(min(self._context.limiter.rate * AHEAD_FOR, self._lists.limit))
        return page_ahead(order, unread, written, self._lists, most)

    def _start(self, page: PageAhead | None) -> None:
        if page is not None:
            self._reading = asyncio.ensure_future(self._read(page))

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for _, news in waiting:
            if not news.done():
                news.set_result(None)

    async def close(self) -> None:
        """End what is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _take(self, order: int, since: float) -> ShownInPage | None:
        found = self._views.pop(order, None)
        if found is None or found.asked < max(since, self._context.clock.monotonic() - SERVED_FOR):
            return None
        return found

    def _serves(self) -> bool:
        """Tell whether pages may serve at all."""
        run = self._context.run
        return not run.ended and not run.pages.off and run.may_read and self._lists.usable

    async def _read(self, page: PageAhead) -> None:
        try:
            if page.anchor is not None:
                await self._read_anchor(page.anchor)
            request = request_for(page, self._lists)
            base = self._context.run.options.base_url
            url = list_url(
                base, newer_than=request.newer_than, older_than=request.older_than, limit=request.limit
            )
            verdict = await self._attempts.read_list(url, entries=request.limit, tries=1, spares=True)
            self._keep(page, verdict, request.limit)
        except Exception as error:  # noqa: BLE001 - perhaps nobody waits for it
            self._context.run.crash(error)
        finally:
            self._reading = None
            self._tell()

    async def _read_anchor(self, order: int) -> None:
        """Read the order at the far end by its ID: its date is where the page ends."""
        self._thrift.spent += 1
        url = order_url(self._context.run.options.base_url, order)
        verdict = await self._attempts.read_list(url, tries=1)
        if verdict is not None and verdict.listed is not None:
            for one in verdict.listed.orders:
                self._lists.saw(one.order, one.date)

    def _keep(self, page: PageAhead, verdict: GetVerdict | None, limit: int) -> None:
        """Keep what a page shows of the wanted orders, if it shows what was written a moment ago."""
        self._thrift.spent += 1
        context, last, asked = self._context, self._attempts.last, self._attempts.asked_at
        listed = None if verdict is None else verdict.listed
        if listed is None or last is None:
            self._lists.page_failed(too_large=last is not None and last.failure is Failure.TOO_LARGE)
            return
        if context.run.is_old_copy(last, asked):
            self._lists.page_failed(too_large=False)
            return
        dates = {one.order: one.date for one in listed.orders}
        self._lists.saw_page(dates, listed.entries, cut=listed.entries < limit and page.far not in dates)
        shown = {one.order: one.view for one in listed.orders}
        proven = context.run.pages.proven_by(shown, asked)
        self._missed |= self._wanted & (page.wanted - shown.keys())
        for order in self._wanted & shown.keys():
            texts = {name: text if name in proven else None for name, text in shown[order].comments.items()}
            self._views[order] = ShownInPage(replace(shown[order], comments=texts), asked)
