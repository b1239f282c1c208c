"""`--verbose`: a line for each attempt and each result, written once they are in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.core.journal import AttemptEnded, Begin, Done

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ordersheet.console.log_line import CallLog
    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.core.journal import AnsweredAppend, Event, Journal
    from ordersheet.core.model import OrderWork, RowResult
    from ordersheet.core.pace import PaceBoard


@dataclass(frozen=True, slots=True)
class LoggedJournal:
    """A journal that also tells what is written into it."""

    journal: Journal
    log: CallLog

    @property
    def run(self) -> str:
        """The run's id."""
        return self.journal.run

    @property
    def board(self) -> PaceBoard | None:
        """As the journal has it."""
        return self.journal.board

    async def take(self, works: Sequence[OrderWork]) -> Sequence[OrderBook | None]:
        """As the journal does."""
        return await self.journal.take(works)

    async def write(self, *events: Event) -> None:
        """Make the events durable, then tell them."""
        await self.journal.write(*events)
        for event in events:
            self._tell(event)

    def keep(self, results: Iterable[RowResult]) -> None:
        """As the journal does."""
        self.journal.keep(results)

    async def owed(self) -> Sequence[int]:
        """As the journal does."""
        return await self.journal.owed()

    async def reads_back(self) -> Mapping[str, bool]:
        """As the journal does."""
        return await self.journal.reads_back()

    async def answered_appends(self) -> Sequence[AnsweredAppend]:
        """As the journal does."""
        return await self.journal.answered_appends()

    def _tell(self, event: Event) -> None:
        if isinstance(event, Begin):
            words = f"row {event.row}, order {event.order}: attempt {event.attempt} begins"
            facts = {"row": event.row, "order": event.order, "attempt": event.attempt}
            self.log.line("begin", words, **facts)
        elif isinstance(event, AttemptEnded):
            status = f" (status {event.status})" if event.status is not None else ""
            words = f"row {event.row}: attempt {event.attempt} ended: {event.verdict}{status}"
            ended = {
                "row": event.row,
                "attempt": event.attempt,
                "verdict": event.verdict,
                "status": event.status,
            }
            self.log.line("attempt", words, **ended)
        elif isinstance(event, Done):
            result = event.result
            words = f"row {result.row}, order {result.order}: {result.status}, {result.outcome}"
            # An ID that is none, such as "8360I", is a text: the log has only numbers there.
            order = int(result.order) if result.order.isdecimal() else None
            done = {"row": result.row, "order": order, "status": result.status}
            self.log.line("row", words, **done, outcome=result.outcome.value)
