"""How a run comes to its end: what other runs had claimed, what they left in doubt, and the rows not sent."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from ordersheet.core.journal import Done
from ordersheet.core.model import OrderWork, Outcome, RowResult
from ordersheet.core.stop_switch import CUT
from ordersheet.delivery import messages
from ordersheet.delivery.clock import pause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from ordersheet.delivery.context import DeliveryContext

CHUNK = 64
"""Orders that are claimed together."""
REST_CHUNK = 500
"""Rows that are written together as not sent."""
REST_SHARE = 0.25
"""Of `grace`: how long, after an interrupt, the rows that were not sent are written down."""
CLAIM_PAUSE, LONGEST_CLAIM_PAUSE = 1.0, 5.0
"""Seconds between two tries to get orders that another run has claimed."""
CLAIM_PATIENCE = 3600.0
"""Seconds without one of these orders given back after which they are waited for no longer."""


class Ending:
    """What is left when the file is through.

    Args:
        context: what the lanes work with.
        elsewhere: the orders that other runs had claimed; it grows again by those that still are.
        work_on: claims orders and works them off; False where the run has ended.
    """

    def __init__(
        self,
        context: DeliveryContext,
        elsewhere: list[OrderWork],
        work_on: Callable[[Sequence[OrderWork]], Awaitable[bool]],
    ) -> None:
        self._context = context
        self._elsewhere = elsewhere
        self._work_on = work_on

    async def wait_for_claims(self) -> None:
        """Work off the orders that other runs had claimed, while this one holds no claim at all."""
        context, run = self._context, self._context.run
        seconds, since = CLAIM_PAUSE, context.waking.look()
        while self._elsewhere and not run.ended:
            works = [*self._elsewhere]
            self._elsewhere.clear()
            for at in range(0, len(works), CHUNK):
                if not await self._work_on(works[at : at + CHUNK]):
                    self._elsewhere += works[at + CHUNK :]
                    return
            now = context.waking.look()
            if len(self._elsewhere) < len(works):
                seconds, since = CLAIM_PAUSE, now
                continue
            if now - since >= CLAIM_PATIENCE:
                await self._leave_to_the_other()
                return
            run.tally.waiting(messages.others_work_on(len(works), CLAIM_PATIENCE - (now - since)))
            await pause(seconds, clock=context.clock, stop=run.switch)
            seconds = min(seconds * 2, LONGEST_CLAIM_PAUSE)

    async def _leave_to_the_other(self) -> None:
        """The other run does not go on, perhaps since its process stands still: its orders are not sent."""
        works = [*self._elsewhere]
        self._elsewhere.clear()
        rows = ((update.row, work.order) for work in works for update in work.updates)
        results = [
            RowResult(row, str(order), Outcome.NOT_SENT, messages.HELD_TOO_LONG) for row, order in rows
        ]
        for at in range(0, len(results), REST_CHUNK):
            await self._tell(results[at : at + REST_CHUNK])

    async def look_up_the_owed(self) -> None:
        """Look up what is in doubt on orders of this store that the file does not name."""
        run = self._context.run
        if run.ended or not run.may_read:
            return
        owed = [order for order in await self._context.journal.owed() if order not in run.unlooked]
        for at in range(0, len(owed), CHUNK):
            if not await self._work_on([OrderWork(order, ()) for order in owed[at : at + CHUNK]]):
                break
        self._elsewhere.clear()

    async def write_rest(self, works: Iterable[OrderWork]) -> None:
        """Write down the rows that the run did not come to; after an interrupt only while there is time."""
        context, run = self._context, self._context.run
        if run.stop is None or run.ledger_failed:
            return
        until = context.clock.monotonic() + run.options.grace * REST_SHARE
        message = run.closed or ""
        elsewhere = (
            (update.row, work.order, messages.ELSEWHERE)
            for work in self._elsewhere
            for update in work.updates
        )
        rest = ((update.row, work.order, message) for work in works for update in work.updates)
        rows = itertools.chain(elsewhere, rest)
        while chunk := list(itertools.islice(rows, REST_CHUNK)):
            await self._tell(
                [RowResult(row, str(order), Outcome.NOT_SENT, text) for row, order, text in chunk]
            )
            over = context.clock.monotonic() >= until or run.switch.level >= CUT
            if run.interrupted and over:
                return

    async def _tell(self, results: Sequence[RowResult]) -> None:
        await self._context.journal.write(*map(Done, results))
        for result in results:
            self._context.run.count(result)
        self._context.run.tally.tell()
