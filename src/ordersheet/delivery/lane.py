"""One lane: carries out what an order asks for, and decides nothing.

What is to be written waits in the lane until the next thing leaves, so that the end of one row and the
beginning of the next share one commit; before any other wait it is written by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError
from ordersheet.core.journal import Done
from ordersheet.delivery.actions import (
    Answered,
    Finish,
    Put,
    Read,
    Record,
    TakeTurn,
    TurnCame,
    Wait,
    WasRead,
    WasWritten,
    WriteAhead,
)
from ordersheet.delivery.attempts import Attempts
from ordersheet.delivery.clock import pause

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ordersheet.core.journal import Event
    from ordersheet.delivery.actions import Told
    from ordersheet.delivery.context import DeliveryContext
    from ordersheet.delivery.order import OrderMachine
    from ordersheet.delivery.rate.estimator import Ticket
    from ordersheet.delivery.rate.limiter import Turn
    from ordersheet.delivery.reading.baselines import Baselines

BRISK = 200.0
"""Requests a second from which on the end of a row may wait for the start of the next: it is not long."""


class Lane:
    """One lane of a delivery.

    Args:
        context: what all lanes work with.
        baselines: what pages of orders show.
    """

    def __init__(self, context: DeliveryContext, baselines: Baselines) -> None:
        self.context = context
        self._baselines = baselines
        self._attempts = Attempts(context)
        self._pending: list[Event] = []
        self._turn: Turn | None = None
        self._ticket: Ticket | None = None

    async def advance(self, order: OrderMachine) -> float | None:
        """Take an order as far as it goes.

        Returns:
            None where it is done with; otherwise when it is to be taken up again (monotonic).
        """
        now = self.context.moment()
        told: Told
        while True:
            match order.next(now):
                case Record(events):
                    self._pending += events
                    continue
                case WriteAhead(events):
                    told = await self._write_ahead(events)
                case Put(body):
                    told = await self._put(order.order, body)
                case TakeTurn():
                    self._let_go(keeps_turn=True)
                    told = await self._take_turn()
                case Read() as read:
                    self._let_go(keeps_turn=read.keeps_turn)
                    told = await self._read(order.order, read)
                case Wait() as wait:
                    self._let_go()
                    due = await self._wait(wait)
                    if due is not None:
                        return due
                    now = self.context.moment()
                    continue
                case Finish():
                    await self._finish(order)
                    return None
            now = self.context.moment()
            order.tell(told, now)

    async def _finish(self, order: OrderMachine) -> None:
        self._let_go()
        if order.waits_to_release:
            # Whoever gives the claim back must not be faster than what belongs to it.
            await self.flush()

    async def _read(self, order: int, read: Read) -> Told:
        await self.flush()
        if read.since is not None and (shown := await self._baselines.view(order, read.since)) is not None:
            return WasRead(shown.view, asked=shown.asked, in_page=True)
        self._baselines.read_by_id(read.order or order)
        verdict = await self._attempts.read(read.order or order, once=read.once, written_at=read.written_at)
        view = None if verdict is None else verdict.view
        if view is None:
            return WasRead(None, self._attempts.cause())
        self._baselines.saw(view)
        return WasRead(view, asked=self._attempts.asked_at)

    async def _take_turn(self) -> Told:
        limiter = self.context.limiter
        if self._pending and (limiter.pause_left > 0 or limiter.rate < BRISK):
            await self.flush()
        if self._turn is None:
            self._turn = await limiter.turn()
        return TurnCame(self._turn is not None)

    async def _write_ahead(self, events: tuple[Event, ...]) -> Told:
        self._pending += events
        durable = await self.flush()
        if self._ticket is None:
            turn, self._turn = self._turn, None
            self._ticket = await self.context.limiter.ready(turn)
        return WasWritten(durable, durable and self._ticket is not None)

    async def _put(self, order: int, body: bytes) -> Told:
        ticket, self._ticket = self._ticket, None
        assert ticket is not None
        return Answered(await self._attempts.put(order, body, ticket))

    def _let_go(self, *, keeps_turn: bool = False) -> None:
        """Give back the leave to send that an order did not use."""
        if self._ticket is not None:
            self.context.limiter.ended(self._ticket)
            self._ticket = None
        if self._turn is not None and not keeps_turn:
            self.context.limiter.pass_on(self._turn)
            self._turn = None

    async def _wait(self, wait: Wait) -> float | None:
        """Put an order down until then, or stay with it; None where it goes on at once."""
        context = self.context
        before = context.run.ended, context.run.interrupted
        await self.flush()
        if wait.stays:
            await pause(wait.until - context.clock.monotonic(), clock=context.clock, stop=context.run.switch)
            return None
        # Where the run's end was told while this was being written, nobody tells it a second time.
        told = before != (context.run.ended, context.run.interrupted)
        return context.clock.monotonic() if told else wait.until

    def note(self, events: Iterable[Event]) -> None:
        """Let these events be written, too."""
        self._pending += events

    async def flush(self) -> bool:
        """Write what waits to be written, in one transaction; False where the ledger cannot take it."""
        context = self.context
        events, self._pending = self._pending, []
        if not events:
            return not context.run.ledger_failed
        if not context.run.ledger_failed:
            try:
                await context.journal.write(*events)
            except LedgerError as error:
                context.run.fail(error)
            else:
                context.run.tally.tell()
                return True
        context.journal.keep(event.result for event in events if isinstance(event, Done))
        return False
