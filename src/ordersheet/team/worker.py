"""`worker`: take chunks and send them, until a signal ends it.

A worker is known to others by its lease in the ledger, under which it also takes chunks from the queue. Where
the database was away, or the lease has ended (a frozen computer), it comes back as somebody new.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from ordersheet.core.errors import LedgerError
from ordersheet.core.ledger_url import LEASE_SECONDS
from ordersheet.core.stop_switch import RUN_ON, StopSwitch
from ordersheet.ledger import Ledger
from ordersheet.team.chunk_try import try_chunk
from ordersheet.team.facts import WorkerFacts
from ordersheet.team.queue import ChunkTurn, Placed, QueueClient, WorkQueue
from ordersheet.team.stores import refuse_new_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ordersheet.config.settings import Settings
    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.ledger.chunks import OpenChunk
    from ordersheet.ledger.submissions import Submissions

HELD_BACK: float = LEASE_SECONDS
"""Seconds after the database was away in which nobody is taken for dead."""
_AFTER_TROUBLE = 5.0
"""Seconds between two tries to reach the database."""
_SWEPT = 50
"""Chunks next in turn that are looked after at a time."""
_TICK = 0.2


class WorkerLog(Protocol):
    """Who is told what a worker does."""

    def chunk(self, turn: ChunkTurn, rows: int) -> None:
        """A chunk is done."""

    def trouble(self, sentence: str) -> None:
        """Something is amiss, and will be tried again."""


class Worker:
    """One process that takes chunks.

    Args:
        place: the ledger's.
        stores: the settings for each store that it serves.
        switch: pressed by signals.
        log: told what it does.
        poll: seconds between two looks for work.
        show: is shown the figures after each look, while all is well.
    """

    def __init__(
        self,
        place: LedgerUrl,
        stores: Mapping[str, Settings],
        switch: StopSwitch,
        log: WorkerLog,
        *,
        poll: float,
        show: Callable[[WorkerFacts], None],
    ) -> None:
        self._place, self._stores, self._switch, self._log, self._poll = place, stores, switch, log, poll
        self._grace = max(one.grace + one.timeout for one in stores.values())
        self._show = show
        self.facts = WorkerFacts()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._held_until = 0.0
        self._was: str | None = None

    def check(self) -> None:
        """See whether it can work at all.

        Raises:
            OrdersheetError: it cannot; one sentence says why.
        """
        with Ledger.open(self._place, create=False) as ledger:
            ledger.submissions().refuse_newer()
            refuse_new_keys(ledger, self._stores)
        QueueClient(self._place).close()

    def run(self) -> None:
        """Work until the switch is pressed."""
        client = QueueClient(self._place)
        try:
            while self._switch.level == RUN_ON:
                try:
                    self._work(client)
                except LedgerError as error:
                    self._log.trouble(str(error))
                    self._held_until = time.monotonic() + HELD_BACK
                    self._pause(_AFTER_TROUBLE)
        finally:
            client.close()

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self._switch.level == RUN_ON and not self._closing.is_set() and time.monotonic() < end:
            time.sleep(_TICK)

    def _work(self, client: QueueClient) -> None:
        """Work for as long as the lease and the database last."""
        with Ledger.open(self._place, create=False) as ledger:
            submissions = ledger.submissions()
            me = submissions.enter()
            self._closing.clear()
            queue = WorkQueue(self._place, me, self._stores, lambda turn: self._one(client, turn), self._poll)
            try:
                self._resume_own(client, me)
                while self._switch.level == RUN_ON:
                    submissions.beat()
                    seen = submissions.look(_SWEPT)
                    if seen.open:
                        self._sweep(client, submissions, seen.open)
                    self.facts.look({store: seen.waiting.get(store) for store in self._stores}, seen.leases)
                    self._show(self.facts)
                    self._pause(self._poll)
            finally:
                self._closing.set()
                queue.close(self._grace)
                self._was = me
            with suppress(LedgerError):
                # What it had taken and not begun, others may have at once.
                client.resume(client.under_way(self._stores).get(me, ()))

    def _resume_own(self, client: QueueClient, me: str) -> None:
        """Go on with what this process had under its name before."""
        if self._was is not None and self._was != me:
            client.resume(client.under_way(self._stores).get(self._was, ()))

    def _sweep(self, client: QueueClient, submissions: Submissions, chunks: Sequence[OpenChunk]) -> None:
        """Bring back what dead workers had, and which of these chunks the queue does not know of."""
        executors = client.under_way(self._stores)
        if time.monotonic() >= self._held_until:
            living = submissions.living(executors)
            for executor, workflows in executors.items():
                if executor not in living:
                    client.resume(workflows)
        own = [one for one in chunks if one.store in self._stores]
        turns = client.turns((one.run, one.number) for one in own)
        missing = []
        for one in own:
            turn, comes = turns.get((one.run, one.number), (ChunkTurn(one.run, one.number, 0), False))
            if not comes and not one.held:
                missing.append(Placed(turn._replace(number=turn.number + 1), one.turn, one.store))
        if missing:
            client.put(missing)

    def _one(self, client: QueueClient, turn: ChunkTurn) -> None:
        """Work on a chunk in its turn; called by the queue, in a thread of its own."""
        with self._lock:
            self.facts.under_way += 1
        try:
            self._try(client, turn)
        finally:
            with self._lock:
                self.facts.under_way -= 1

    def _try(self, client: QueueClient, turn: ChunkTurn) -> None:
        while self._switch.level == RUN_ON and not self._closing.is_set():
            try:
                ended = try_chunk(self._place, turn, self._stores, self._level)
            except LedgerError as error:
                self._log.trouble(str(error))
                self._pause(_AFTER_TROUBLE)
                continue
            with self._lock:
                self.facts.count(ended.requests, ended.outcomes)
            if ended.outcomes:
                self._log.chunk(turn, sum(ended.outcomes.values()))
            if ended.again is not None:
                # Where it does not get there, the next sweep of any worker puts it.
                with suppress(LedgerError):
                    client.put([ended.again])
            return

    def _level(self) -> int:
        return max(self._switch.level, int(self._closing.is_set()))
