"""Many orders read, or a whole list walked through: paced, counted and interrupted as a delivery is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ordersheet.api import ListedOrder, list_url, order_url
from ordersheet.core.model import RequestCounts
from ordersheet.core.stop_switch import CUT, WIND_DOWN
from ordersheet.delivery.attempts import Attempts
from ordersheet.delivery.context import RequestContext
from ordersheet.delivery.progress import ProgressTally
from ordersheet.delivery.rate.concurrency import START
from ordersheet.delivery.rate.limiter import RateLimiter
from ordersheet.delivery.reading.plan import ReadOne, ReadPage, ReadPlan
from ordersheet.delivery.run_facts import RunFacts
from ordersheet.delivery.transport.connections import Connections
from ordersheet.delivery.verdict.observation import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.delivery.clock import Clock
    from ordersheet.delivery.options import DeliveryOptions
    from ordersheet.delivery.progress import Progress
    from ordersheet.delivery.transport.factory import Transport
    from ordersheet.delivery.verdict.get import GetVerdict

MOST_LANES = 8
"""Requests under way at once, where nobody decides."""


@dataclass(frozen=True, slots=True)
class ReadAccess:
    """How the shop is reached, and whom it is told."""

    transports: Callable[[], Transport]
    """Makes a connection."""
    options: DeliveryOptions
    """Address, rate, timeout and lanes; the rest is not looked at."""
    clock: Clock
    stop: StopSwitch
    """How reading is told to end early."""
    progress: Callable[[Progress], None]
    """Told how many orders have been read, at most ten times a second."""
    fields: tuple[str, ...] = ()
    """Further fields of an order to keep, by their dotted names."""


@dataclass(frozen=True, slots=True)
class ReadEnd:
    """How reading ended."""

    requests: RequestCounts
    unread: frozenset[int] = frozenset()
    """Orders of which no usable answer came."""
    why: str = ""
    """Why the last of them could not be read, as sentences; `""` where all were."""
    unreadable: bool = False
    """This key, or this server, does not let orders be read."""
    stopped: str = ""
    """Why it ended early, as a sentence; `""` where it did not."""
    resume_after: datetime | None = None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class ReadingSession:
    """What is under way: the ways to the server, and what has been seen."""

    context: RequestContext
    attempts: Attempts
    fields: tuple[str, ...]
    unread: set[int] = field(default_factory=set)

    def _why(self) -> str:
        cause = self.attempts.cause()
        return f"{cause.what[:1].upper()}{cause.what[1:]}. {cause.mend}"

    def end(self) -> ReadEnd:
        """Tell how it ended."""
        run, counts = self.context.run, self.context.counts
        return ReadEnd(
            RequestCounts(counts.put, counts.get, counts.pushed_back),
            unread=frozenset(self.unread),
            why=self._why() if self.unread else "",
            unreadable=not run.readable,
            stopped="" if run.stop is None else run.stop.message,
            resume_after=None if run.stop is None else run.stop.resume_after,
            warnings=tuple(run.told_warnings()),
        )


async def read_orders(
    orders: Iterable[int],
    access: ReadAccess,
    found: Callable[[int, ListedOrder | None], None],
    *,
    paging: bool = True,
) -> ReadEnd:
    """Read these orders, by pages where that costs fewer requests.

    Args:
        orders: their IDs.
        access: how the shop is reached.
        found: told each order that was read; None where the answer to its own GET does not hold it.
        paging: whether lists may be asked for.

    Returns:
        How it ended; orders that were neither found nor missed are in `unread`.
    """
    plan = ReadPlan(paging=paging)
    plan.add(orders)
    open_orders = {*plan.wanted}
    tally = ProgressTally(access.progress, access.clock, plan.left)
    async with OpenReading(access, tally) as reading:
        told = asyncio.Event()

        def keep(order: int, one: ListedOrder | None) -> None:
            open_orders.discard(order)
            found(order, one)
            tally.ok += 1
            tally.tell()

        async def lane() -> None:
            while not reading.context.run.ended and reading.context.run.readable:
                request = plan.next()
                if request is not None:
                    await _carry_out(reading, plan, request, keep)
                    told.set()
                elif plan.left:
                    told.clear()
                    await told.wait()
                else:
                    break
            told.set()

        lanes = access.options.lanes or START
        await asyncio.gather(*(lane() for _ in range(min(MOST_LANES, lanes))))
        reading.unread |= open_orders
        tally.tell(last=True)
        return reading.end()


async def _carry_out(
    reading: ReadingSession,
    plan: ReadPlan,
    request: ReadOne | ReadPage,
    keep: Callable[[int, ListedOrder | None], None],
) -> None:
    base = reading.context.run.options.base_url
    if isinstance(request, ReadOne):
        verdict = await reading.attempts.read_list(order_url(base, request.order), fields=reading.fields)
        one = _of(verdict, request.order)
        if verdict is not None and verdict.listed is not None:
            keep(request.order, one)
        plan.tell_one(request.order, None if one is None else one.date)
        return
    url = list_url(base, newer_than=request.newer_than, older_than=request.older_than, limit=request.limit)
    verdict = await reading.attempts.read_list(
        url, entries=request.limit, fields=reading.fields, tries=1, spares=True
    )
    if verdict is None or verdict.listed is None:
        last = reading.attempts.last
        plan.tell_page_failed(too_large=last is not None and last.failure is Failure.TOO_LARGE)
        return
    by_order = {one.order: one for one in verdict.listed.orders}
    hits = plan.tell_page({one.order: one.date for one in verdict.listed.orders}, verdict.listed.entries)
    for order in hits:
        keep(order, by_order[order])


def _of(verdict: GetVerdict | None, order: int) -> ListedOrder | None:
    listed = verdict.listed if verdict is not None else None
    return None if listed is None else next((one for one in listed.orders if one.order == order), None)


class OpenReading:
    """Opens the ways to the server, and heeds the switch meanwhile."""

    def __init__(self, access: ReadAccess, tally: ProgressTally) -> None:
        options, clock = access.options, access.clock
        self._fields = access.fields
        limiter = RateLimiter(clock, rate=options.rate, most=options.lanes or MOST_LANES)
        self._context = RequestContext(
            run=RunFacts("", options, access.stop, tally, on_end=limiter.release),
            connections=Connections(access.transports),
            clock=clock,
            limiter=limiter,
        )
        self._beside: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> ReadingSession:
        self._beside = [asyncio.ensure_future(one) for one in (self._heed(), self._context.waking.keep())]
        return ReadingSession(self._context, Attempts(self._context), self._fields)

    async def __aexit__(self, *_: object) -> None:
        for one in self._beside:
            one.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self._context.connections.close()

    async def _heed(self) -> None:
        switch = self._context.run.switch
        await switch.reached(WIND_DOWN)
        self._context.interrupt()
        self._context.connections.cut(within=self._context.put_time_left())
        await switch.reached(CUT)
        self._context.connections.cut()
