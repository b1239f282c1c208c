"""The loop over orders and lanes: who takes which order when, and how a run comes to its end."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ordersheet.core.errors import LedgerError
from ordersheet.core.history.undo import UndoBook
from ordersheet.core.journal import Done, Release
from ordersheet.core.stop_switch import CUT, WIND_DOWN
from ordersheet.delivery.clock import sleep_unless
from ordersheet.delivery.context import DeliveryContext
from ordersheet.delivery.ending import CHUNK, Ending
from ordersheet.delivery.lane import Lane
from ordersheet.delivery.order import OrderMachine
from ordersheet.delivery.order_queue import OrderQueue
from ordersheet.delivery.progress import ProgressTally
from ordersheet.delivery.rate.concurrency import MOST, START, AutoConcurrency
from ordersheet.delivery.rate.estimator import AHEAD
from ordersheet.delivery.rate.keeper import keep_together
from ordersheet.delivery.rate.limiter import RateLimiter
from ordersheet.delivery.reading.baselines import Baselines
from ordersheet.delivery.run_facts import RunFacts
from ordersheet.delivery.transport.connections import Connections
from ordersheet.delivery.undoing.machine import UndoMachine
from ordersheet.delivery.verdict.put import StopReason

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.core.journal import Event, Journal
    from ordersheet.core.model import OrderWork, RowResult
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.delivery.clock import Clock, Moment
    from ordersheet.delivery.options import DeliveryEnd, DeliveryOptions
    from ordersheet.delivery.progress import Progress
    from ordersheet.delivery.transport.factory import Transport

LARGE_CHUNK = 512
"""Orders that are claimed together where most of them turn out to be done."""
IN_LINE = 10.0
"""Seconds that an order may wait for its turn after it was read."""
TICK = 0.5
"""Seconds between two looks at what the run waits for."""
LONG_WAIT = 2.0
"""Seconds until the next request, as the pace is, that are told."""


async def deliver(
    works: Iterable[OrderWork],
    *,
    journal: Journal,
    transports: Callable[[], Transport],
    options: DeliveryOptions,
    clock: Clock,
    stop: StopSwitch,
    progress: Callable[[Progress], None],
) -> DeliveryEnd:
    """Deliver each order's rows, in file order, until every row has a true result in the journal.

    Args:
        works: one for each order of the file, with all its rows; read as the delivery goes on.
        journal: where each attempt is written before it leaves, and each result when it is known.
        transports: makes a connection.
        options: how to go about it.
        clock: the time.
        stop: how the run is told to end before its last row.
        progress: told how far it has come, at most ten times a second.

    Returns:
        How it ended. Rows without a result in the journal are `not sent`, with the words of `rest`.
    """
    return await _Delivery(works, journal, Connections(transports), options, clock, stop, progress).run()


class _Delivery:
    """One delivery under way."""

    def __init__(
        self,
        works: Iterable[OrderWork],
        journal: Journal,
        connections: Connections,
        options: DeliveryOptions,
        clock: Clock,
        stop: StopSwitch,
        progress: Callable[[Progress], None],
    ) -> None:
        self._auto = AutoConcurrency() if options.lanes is None else None
        self._most = AHEAD * ((options.lanes or MOST) - 1) + 1
        tally = ProgressTally(progress, clock, options.total)
        self.context = DeliveryContext(
            run=RunFacts(
                journal.run,
                options,
                stop,
                tally,
                on_end=self._end,
                on_control=partial(self._wake, waiting_alone=True),
            ),
            journal=journal,
            connections=connections,
            clock=clock,
            limiter=RateLimiter(clock, journal.board, options.rate, self._auto, most=options.lanes),
        )
        self._baselines = Baselines(self.context)
        self._works = iter(works)
        self._exhausted = False
        self._chunk = max(1, options.lanes or START)
        self._queue = OrderQueue()
        self._elsewhere: list[OrderWork] = []
        self._busy = 0
        self._filling: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._lanes: list[Lane] = []

    async def run(self) -> DeliveryEnd:
        context = self.context
        self._lanes = [Lane(context, self._baselines) for _ in range(self._most)]
        keeper = keep_together(context.journal.board, context.limiter, context.clock)
        beside = (self._heed_the_switch(), self._tick(), keeper, context.waking.keep())
        helpers = [asyncio.ensure_future(one) for one in beside]
        try:
            await self._guarded(self._begin())
            await self._guarded(self._work_off())
            # From here on no claim is held while another is waited for, nor what is open here taken for
            # something that another run has left.
            await self._guarded(self._settle_forbidden())
            ending = Ending(context, self._elsewhere, self._work_on)
            await self._guarded(ending.wait_for_claims())
            await self._guarded(ending.look_up_the_owed())
            await self._guarded(self._settle_forbidden())
            await self._guarded(ending.write_rest(self._works))
        finally:
            await _end_all(helpers)
            await self._baselines.close()
            await context.connections.close()
        context.run.tally.waiting(None)
        context.run.tally.tell(last=True)
        return context.delivery_end()

    async def _settle_forbidden(self) -> None:
        """Nothing more can show that the key may update no order at all: a lone 403 is a refusal."""
        run = self.context.run
        refused = run.stop_reason is not StopReason.FORBIDDEN
        self._lanes[0].note(run.forbidden.settle(refused=refused, now=self.context.moment()))
        await self._lanes[0].flush()

    async def _guarded(self, step: Coroutine[None, None, None]) -> None:
        try:
            await step
        except LedgerError as error:
            self.context.run.fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, every row is to be accounted for
            self.context.run.crash(error)

    async def _begin(self) -> None:
        journal = self.context.journal
        self.context.run.know(await journal.reads_back(), await journal.answered_appends())

    # --- the lanes

    async def _work_off(self) -> None:
        """Let the lanes work until there is nothing left that they could take."""
        tasks = [asyncio.ensure_future(self._drive(*one)) for one in enumerate(self._lanes)]
        try:
            await asyncio.gather(*tasks)
        finally:
            await _end_all(tasks)
            if self._filling is not None:
                await _end_all([self._filling])

    def _open_lanes(self) -> int:
        """How many lanes may work: while some have a request under way, the others write.

        Where few requests are let in, no more than may send soon: what was read for the last would be old.
        """
        soon = max(2, int(min(self.context.limiter.rate * IN_LINE, self._most)))
        return soon if self._auto is None else min(soon, AHEAD * self._auto.width)

    async def _drive(self, number: int, lane: Lane) -> None:
        while True:
            if number >= self._open_lanes() and await lane.flush() and not self._finished():
                self._changed.clear()
                await self._changed.wait()
                continue
            order = self._next_order()
            if order is None:
                await lane.flush()
                if self._finished():
                    self._changed.set()
                    return
                if self._only_waits():
                    # No update is left whose answer could show whether readings can be trusted.
                    self.context.run.expects_controls = False
                    self._wake()
                    continue
                await self._wait_for_change()
                continue
            self._busy += 1
            try:
                due = await lane.advance(order)
            except LedgerError as error:
                self.context.run.fail(error)
                due = None
            except Exception as error:  # noqa: BLE001 - an error in one lane must not cost the report
                self.context.run.crash(error)
                due = None
            finally:
                self._busy -= 1
                self._baselines.let_go(order.order)
            if due is not None:
                self._queue.park(order, due)
                self._changed.set()

    def _next_order(self) -> OrderMachine | None:
        """Give an order that is due, else a new one; None where neither is there."""
        queue = self._queue
        order = queue.take_due(self.context.clock.monotonic())
        if order is None and self._takes_new():
            order = queue.take_new()
            if order is not None:
                self.context.run.expects_controls = True
            if queue.ready < self._open_lanes():
                self._fill()
        return order

    def _takes_new(self) -> bool:
        return not self._queue.is_full or self.context.run.ended

    def _may_take(self) -> bool:
        """Tell whether another look around would give a lane something to do."""
        if self._queue.next_due <= self.context.clock.monotonic():
            return True
        return self._takes_new() and (self._queue.ready > 0 or self._may_fill())

    def _may_fill(self) -> bool:
        """Tell whether more orders can be claimed now."""
        filling = self._filling is not None and not self._filling.done()
        return not (
            self._exhausted or filling or self.context.run.interrupted or self.context.run.ledger_failed
        )

    def _finished(self) -> bool:
        if self._filling is not None and self._filling.done():
            self._filling.result()
        filling = self._filling is not None and not self._filling.done()
        nothing = self._queue.is_empty and not self._busy and not filling
        return nothing and (self._exhausted or self.context.run.ended)

    def _only_waits(self) -> bool:
        """Tell whether every order that is left waits for what another one shows."""
        if self._busy or not self._queue.parked or self._queue.next_due < float("inf"):
            return False
        filling = self._filling is not None and not self._filling.done()
        return not self._takes_new() or not (self._queue.ready or filling or self._may_fill())

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        if self._finished():
            self._changed.set()
            return
        if self._may_take():
            # It came while this lane was writing; nobody tells a second time.
            return
        if self._queue.next_due == float("inf"):
            await self._changed.wait()
            return
        left = max(0.0, self._queue.next_due - self.context.clock.monotonic())
        await sleep_unless(self._changed.wait(), left, self.context.clock)

    def _end(self) -> None:
        """The run's end is decided: no request leaves any more."""
        self.context.limiter.release()
        self._wake()

    def _wake(self, *, waiting_alone: bool = False) -> None:
        self._queue.wake(self.context.clock.monotonic(), waiting_alone=waiting_alone)
        self._changed.set()

    # --- new orders

    def _fill(self) -> None:
        """See to it that new orders are claimed, while the lanes go on."""
        if self._may_fill():
            self._filling = asyncio.ensure_future(self._guarded(self._claim_more()))

    async def _claim_more(self) -> None:
        try:
            works = list(itertools.islice(self._works, self._chunk))
            self._exhausted = len(works) < self._chunk
            usual = max(CHUNK, 2 * self._open_lanes())
            before = self._queue.ready
            await self._claim(works)
            # Where nothing is to be sent, more orders at a time cost fewer commits.
            idle = self._queue.ready <= before
            self._chunk = min(2 * max(self._chunk, usual), LARGE_CHUNK) if idle else usual
        finally:
            self._changed.set()

    async def _claim(self, works: Sequence[OrderWork]) -> None:
        """Claim orders; those with nothing to send are done at once, many in one commit."""
        if not works:
            return
        context = self.context
        books = await context.journal.take(works)
        events: list[Event] = []
        now = context.moment()
        # Their pages may be asked for from here on, and not before: the claims stand.
        for work, book in zip(works, books, strict=True):
            results = self._take_over(work, book, now)
            if results:
                events += [*map(Done, results), Release(work.order)]
        if events:
            await context.journal.write(*events)
            for event in events:
                if isinstance(event, Done):
                    context.run.count(event.result)
            context.run.tally.tell()

    def _take_over(self, work: OrderWork, book: OrderBook | None, now: Moment) -> list[RowResult]:
        """Put an order where it belongs; the results of all its rows where nothing is to be sent."""
        if book is None:
            self._elsewhere.append(work)
            return []
        run = self.context.run
        order = (
            UndoMachine(work, book, run)
            if isinstance(book, UndoBook)
            else OrderMachine(work, book, run, now.seconds)
        )
        if work.updates and (not book.doubts or self.context.run.ended):
            results = order.decide_all(now)
            if results is not None:
                return results
        self._queue.add(order)
        if not book.doubts and not isinstance(book, UndoBook):
            # An undo reads each field when its turn has come.
            self._baselines.claimed(work)
        return []

    # --- when the file is through

    async def _work_on(self, works: Sequence[OrderWork]) -> bool:
        """Claim these orders, work them off and give their claims back; False where the run has ended."""
        await self._claim(works)
        await self._work_off()
        await self._settle_forbidden()
        return not self.context.run.ended

    # --- beside the lanes

    async def _heed_the_switch(self) -> None:
        await self.context.run.switch.reached(WIND_DOWN)
        self.context.interrupt()
        self.context.connections.cut(within=self.context.put_time_left())
        await self.context.run.switch.reached(CUT)
        self.context.connections.cut()

    async def _tick(self) -> None:
        """Say what the run waits for, and let lanes in, twice a second."""
        while True:
            await self.context.clock.sleep(TICK)
            self._changed.set()
            self.context.run.tally.waiting(self._waits_for())
            self.context.run.tally.tell()

    def _waits_for(self) -> str | None:
        context = self.context
        left = context.limiter.pause_left
        if left > TICK:
            return f"server asked to wait until {context.time_in(left)}"
        left = context.limiter.wait_left
        if left > LONG_WAIT:
            return f"next request at {context.time_in(left)}"
        idle = self._busy == 0 and not self._queue.ready
        if idle and self._queue.parked and self._queue.next_due < float("inf"):
            seconds = max(0, round(self._queue.next_due - context.clock.monotonic()))
            count = self._queue.parked
            return f"waiting {seconds} s to be sure about {count} order{'' if count == 1 else 's'}"
        if idle and self._elsewhere:
            return f"another run is working on {len(self._elsewhere)} of these orders"
        return None


async def _end_all(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
