"""One try of a chunk: taken, sent as a run of its own, its results given to the run that was submitted."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ordersheet.config.target import target_of
from ordersheet.core.errors import LedgerError
from ordersheet.core.history.orderbook import Policy
from ordersheet.core.model import StoppedBy
from ordersheet.core.stop_switch import WIND_DOWN, StopSwitch
from ordersheet.core.trying_again import tried_enough
from ordersheet.delivery.run_facts import TOO_MANY_NO
from ordersheet.ledger import Ledger
from ordersheet.pipeline.delivering import HowToDeliver, deliver_works
from ordersheet.pipeline.starting import start_over
from ordersheet.team.queue import Placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ordersheet.config.settings import Settings
    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.delivery import DeliveryEnd
    from ordersheet.ledger import RunInfo, RunStart
    from ordersheet.ledger.chunks import TakenChunk
    from ordersheet.ledger.submissions import Submissions
    from ordersheet.team.queue import ChunkTurn

PASSING = frozenset({StoppedBy.SERVER_DOWN, StoppedBy.RETRY_AFTER, StoppedBy.PUSHED_BACK})
"""What ends by itself: the chunk is tried again later."""
SHORTEST_PAUSE, LONGEST_PAUSE = 30.0, 900.0
"""Seconds before a chunk is tried again where the shop says nothing of it."""
GIVE_UP = timedelta(hours=24)
"""So long after a run was submitted its chunks are tried again."""
_LOOK = 1.0
"""Seconds between two looks whether somebody has stopped the run."""


@dataclass(frozen=True, slots=True)
class TryEnded:
    """What a try came to."""

    again: Placed | None = None
    """Where the chunk is to be put to be tried again; None where it is done with, or not ours."""
    requests: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Rows by outcome, where the chunk came to its end."""


def try_chunk(
    place: LedgerUrl, turn: ChunkTurn, stores: Mapping[str, Settings], ending: Callable[[], int]
) -> TryEnded:
    """Take a chunk, and send it.

    Args:
        place: the ledger's.
        turn: which chunk, and the how-manieth time it comes.
        stores: the settings for each store that this worker serves.
        ending: tells how urgently this worker has to end, as `StopSwitch.level` does.

    Raises:
        LedgerError: the ledger is away, or this process is taken for dead; others may have the chunk by now.
    """
    with Ledger.open(place, create=False) as ledger:
        submissions = ledger.submissions()
        info = ledger.run(turn.run)
        if info.store not in stores or ending() >= WIND_DOWN:
            return TryEnded()
        taken = submissions.take(turn.run, turn.chunk)
        if taken is None:
            return TryEnded()
        return _Try(ledger, submissions, info, taken, stores[info.store]).carry_out(turn, ending)


class _Try:
    """A chunk that was taken."""

    def __init__(
        self, ledger: Ledger, submissions: Submissions, info: RunInfo, taken: TakenChunk, worker: Settings
    ) -> None:
        self._ledger, self._submissions, self._info, self._taken = ledger, submissions, info, taken
        given: dict[str, Any] = dict(taken.settings)
        self._most_no: int | None = given.pop("most_no")
        rates = [rate for rate in (given.pop("rate"), worker.rate) if rate is not None]
        self._settings = replace(worker, **given, rate=min(rates, default=None))
        self._target = target_of(self._settings)

    def carry_out(self, turn: ChunkTurn, ending: Callable[[], int]) -> TryEnded:
        """Send it, and give its rows their results."""
        works = self._taken.works
        rows = [(one.row, work.order) for work in works for one in work.updates]
        journal = self._ledger.start_run(self._start())
        again = self._settings.again and not self._taken.again
        if again or journal.goes_on_with_again:
            again = journal.record_again(works).finishing is not None or again
        most_no = None if self._most_no is None else self._most_no - self._taken.no_rows
        how = HowToDeliver(
            self._settings,
            self._target,
            total=len(rows),
            again=again,
            most_no=most_no,
            submitted=self._taken.run,
        )
        switch = StopSwitch()
        switch.armed = True
        with self._watched(switch, ending):
            end = deliver_works(works, journal, how, tell=None, switch=switch)
        if end.stopped_by is StoppedBy.LEDGER:
            raise LedgerError(end.message, code="ledger")
        journal.finish(end.stopped_by, end.rest or end.message, sorted(rows), end.requests)
        asked = end.requests.put + end.requests.get
        pause = self._given_back(end, turn)
        if pause is None:
            return TryEnded(None, asked, self._finished(end))
        after = turn._replace(number=turn.number + 1)
        return TryEnded(Placed(after, self._taken.turn, self._info.store, pause), asked)

    def _start(self) -> RunStart:
        settings, info = self._settings, self._info
        policy = Policy(
            batch=settings.batch,
            again=settings.again and not self._taken.again,
            retry_no=settings.retry_no,
            duplicates=self._taken.settings["duplicates"],
        )
        return replace(
            start_over(info, settings, self._target, self._ledger, same_store=settings.same_store),
            options=info.options,
            policy=policy,
            part_of=self._taken.run,
            part=self._taken.number,
        )

    @contextmanager
    def _watched(self, switch: StopSwitch, ending: Callable[[], int]) -> Iterator[None]:
        """End the delivery where this worker has to end, or somebody has stopped the run."""
        over = threading.Event()

        def watch() -> None:
            looks = 0
            while not over.wait(_LOOK / 4):
                looks += 1
                switch.raise_to(ending())
                if looks % 4 == 0 and switch.level < WIND_DOWN and self._is_stopped():
                    switch.raise_to(WIND_DOWN)

        thread = threading.Thread(target=watch, name="chunk-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _is_stopped(self) -> bool:
        """Tell whether the run is to end; ends it where all its chunks together have too many `no`."""
        name = self._taken.run
        try:
            if self._most_no is not None and self._submissions.no_rows(name) > self._most_no:
                self._submissions.stop(name, by=StoppedBy.TOO_MANY_NO, message=TOO_MANY_NO)
            return self._submissions.state(name).stopped
        except LedgerError:
            # The delivery hears of it by itself.
            return False

    def _given_back(self, end: DeliveryEnd, turn: ChunkTurn) -> float | None:
        """Give the chunk back, and tell after how many seconds it is tried again; None where it is not."""
        lasted = datetime.now(UTC) - self._info.started
        if end.stopped_by in PASSING and not tried_enough(turn.number, lasted, GIVE_UP):
            self._submissions.give_back(self._taken, counts=False)
            return _pause(end)
        if end.stopped_by is StoppedBy.INTERNAL:
            self._submissions.give_back(self._taken, counts=True)
            return SHORTEST_PAUSE
        if end.stopped_by is StoppedBy.INTERRUPTED and not self._is_stopped():
            # This worker ends; another goes on.
            self._submissions.give_back(self._taken, counts=False)
            return 0.0
        return None

    def _finished(self, end: DeliveryEnd) -> Mapping[str, int]:
        """Bring the chunk to its end, and the run where the shop said so; gives the rows by outcome."""
        why = end.rest or end.message
        if end.stopped_by is None:
            return self._submissions.finish(self._taken, "")
        if end.stopped_by is not StoppedBy.INTERRUPTED:
            self._submissions.stop(self._taken.run, by=end.stopped_by, message=why)
        return self._submissions.finish(self._taken, why)


def _pause(end: DeliveryEnd) -> float:
    if end.resume_after is None:
        return SHORTEST_PAUSE
    seconds = (end.resume_after - datetime.now(UTC)).total_seconds()
    return min(max(seconds, SHORTEST_PAUSE), LONGEST_PAUSE)
