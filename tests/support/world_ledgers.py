"""A world's runs on a real ledger, in a file or in a database, while the world's own time stands still.

The ledger works in real threads. So each call is carried out in an event loop of its own while the world's
loop waits for it: to the world it takes no time but what the world says that a disk takes.
"""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from tests.support.ledgers import start, unsynced
from tests.support.virtual_time import START

from ordersheet.core.errors import LedgerError
from ordersheet.core.uptime import Uptime
from ordersheet.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from tests.support.virtual_time import VirtualClock

    from ordersheet.core.history.orderbook import OrderBook, Policy
    from ordersheet.core.journal import AnsweredAppend, Event
    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.core.model import OrderWork, RowResult
    from ordersheet.ledger import RunJournal

T = TypeVar("T")
_number = itertools.count(1)


class RealLedger:
    """Shared by a world's runs; the orders of each world are those of a store of its own.

    Args:
        place: where the ledger is; other worlds may use it, too.
        loop: where calls are carried out.
        clock: the world's.
    """

    def __init__(self, place: Path | LedgerUrl, loop: asyncio.AbstractEventLoop, clock: VirtualClock) -> None:
        self._place, self._loop, self._clock = place, loop, clock
        self._time = asyncio.get_running_loop().time
        self._store = f"world {next(_number)}"
        self._living: dict[str, RealJournal] = {}
        self.refused: list[str] = []

    def store(self) -> str:
        """Name the store of the next run."""
        return self._store

    def _now(self) -> datetime:
        return START + timedelta(seconds=self._time() + self._clock.ahead)

    def _uptime(self) -> Uptime:
        return Uptime(str(self._clock.boots), self._time())

    def journal(self, run: str, policy: Policy | None = None) -> RealJournal:
        ledger = Ledger.open(self._place, clock=self._now, uptime=self._uptime, connect=unsynced)
        journal = ledger.start_run(start(policy, store=self.store()))
        made = self._living[run] = RealJournal(ledger, journal, self._loop, self.refused)
        return made

    def dies(self, run: str) -> None:
        self._living.pop(run).die()


class RealJournal:
    """A run's journal, as a world has it in hand."""

    def __init__(
        self, ledger: Ledger, journal: RunJournal, loop: asyncio.AbstractEventLoop, refused: list[str]
    ) -> None:
        self._ledger, self._journal, self._loop, self._refused = ledger, journal, loop, refused
        self._writes = 0
        self.results: dict[int, RowResult] = {}
        self.kept: dict[int, RowResult] = {}
        self.fail_after: int | None = None
        self.seconds: Callable[[], float] = float
        self.before_write: Callable[[tuple[Event, ...]], None] | None = None

    @property
    def run(self) -> str:
        return self._journal.run

    @property
    def board(self) -> None:
        """Time is not the machine's here, so nobody can be met in it."""

    def _carried_out(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def take(self, works: Sequence[OrderWork]) -> Sequence[OrderBook | None]:
        await asyncio.sleep(self.seconds())
        return self._carried_out(self._journal.take(works))

    async def write(self, *events: Event) -> None:
        if self.fail_after is not None and self._writes >= self.fail_after:
            raise LedgerError("The disk is full.", code="full")
        if self.before_write is not None:
            self.before_write(events)
        await asyncio.sleep(self.seconds())
        try:
            self._carried_out(self._journal.write(*events))
        except LedgerError as error:
            self._refused.append(str(error))
            raise
        self._writes += 1

    def keep(self, results: Iterable[RowResult]) -> None:
        kept = list(results)
        self.kept.update((result.row, result) for result in kept)
        self._journal.keep(kept)

    async def owed(self) -> Sequence[int]:
        return self._carried_out(self._journal.owed())

    async def reads_back(self) -> Mapping[str, bool]:
        return self._carried_out(self._journal.reads_back())

    async def answered_appends(self) -> Sequence[AnsweredAppend]:
        return self._carried_out(self._journal.answered_appends())

    def die(self) -> None:
        """Tell what is known of each row, and let go of the ledger."""
        self.results = {result.row: result for result in self._journal.results()}
        self._ledger.close()
