"""One try of a chunk: taken, sent as a run of its own, its results given to the run that was submitted."""

from __future__ import annotations

import platform
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ordersheet.config.target import key_for, target_of
from ordersheet.core.errors import LedgerError
from ordersheet.core.history.orderbook import Policy
from ordersheet.core.model import StoppedBy
from ordersheet.core.version import version
from ordersheet.delivery import StopSwitch
from ordersheet.delivery.stop_switch import WIND_DOWN
from ordersheet.ledger import Ledger, RunStart, this_person
from ordersheet.pipeline.delivering import HowToDeliver, deliver_works

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ordersheet.config.settings import Settings
    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.delivery import DeliveryEnd
    from ordersheet.ledger import RunInfo
    from ordersheet.ledger.submissions import Submissions, TakenChunk

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

    again_after: float | None = None
    """Seconds after which the chunk is to be tried again; None where it is done with, or not ours."""
    requests: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Rows by outcome, where the chunk came to its end."""


def try_chunk(
    place: LedgerUrl, run: str, number: int, stores: Mapping[str, Settings], ending: Callable[[], int]
) -> TryEnded:
    """Take a chunk, and send it.

    Args:
        place: the ledger's.
        run: the run that was submitted.
        number: the chunk's.
        stores: the settings for each store that this worker serves.
        ending: tells how urgently this worker has to end, as `StopSwitch.level` does.

    Raises:
        LedgerError: the ledger is away, or this process is taken for dead; others may have the chunk by now.
    """
    with Ledger.open(place, create=False) as ledger:
        submissions = ledger.submissions()
        info = ledger.run(run)
        if info.store not in stores or ending() >= WIND_DOWN:
            return TryEnded()
        taken = submissions.take(run, number)
        if taken is None:
            return TryEnded()
        return _Try(ledger, submissions, info, taken, stores[info.store]).carry_out(ending)


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

    def carry_out(self, ending: Callable[[], int]) -> TryEnded:
        """Send it, and give its rows their results."""
        # What `--again` means was counted for all rows at once.
        done = frozenset() if self._settings.again else self._taken.done
        works = [one for one in self._taken.works if one.order not in done]
        rows = [(one.row, work.order) for work in works for one in work.updates]
        journal = self._ledger.start_run(self._start())
        again = self._settings.again and not self._taken.again
        if again or journal.goes_on_with_again:
            again = journal.record_again(works).finishing is not None or again
        most_no = None if self._most_no is None else self._most_no - self._taken.no_rows
        how = HowToDeliver(self._settings, self._target, total=len(rows), again=again, most_no=most_no)
        switch = StopSwitch()
        switch.armed = True
        with self._watched(switch, ending):
            end = deliver_works(works, journal, how, tell=None, switch=switch)
        if end.stopped_by is StoppedBy.LEDGER:
            raise LedgerError(end.message, code="ledger")
        journal.finish(end.stopped_by, end.rest or end.message, sorted(rows), end.requests)
        outcomes = Counter(result.outcome.value for result in journal.results())
        return self._ended(end, outcomes)

    def _start(self) -> RunStart:
        settings, info, person = self._settings, self._info, this_person()
        policy = Policy(
            batch=settings.batch,
            again=settings.again and not self._taken.again,
            retry_no=settings.retry_no,
            duplicates=self._taken.settings["duplicates"],
        )
        return RunStart(
            store=self._target.store,
            host=self._target.host,
            profile=settings.profile,
            tool_version=version(),
            user=person.name,
            uid=person.uid,
            machine=platform.node(),
            options=info.options,
            mapping=info.mapping,
            input=info.input,
            sha256=info.sha256,
            sheet=info.sheet,
            header_row=info.header_row,
            policy=policy,
            settle=settings.settle,
            encoding=info.encoding,
            key_print=self._ledger.key_print(key_for(settings, self._target).reveal()),
            same_store=settings.same_store,
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
        try:
            return self._submissions.state(self._taken.run).stopped
        except LedgerError:
            # The delivery hears of it by itself.
            return False

    def _ended(self, end: DeliveryEnd, outcomes: Mapping[str, int]) -> TryEnded:
        asked = end.requests.put + end.requests.get
        if end.stopped_by is None:
            self._submissions.finish(self._taken, "")
            return TryEnded(None, asked, outcomes)
        if end.stopped_by in PASSING and datetime.now(UTC) - self._info.started < GIVE_UP:
            self._submissions.give_back(self._taken, counts=False)
            return TryEnded(_pause(end), asked)
        if end.stopped_by is StoppedBy.INTERNAL:
            self._submissions.give_back(self._taken, counts=True)
            return TryEnded(SHORTEST_PAUSE, asked)
        if end.stopped_by is StoppedBy.INTERRUPTED and not self._is_stopped():
            # This worker ends; another goes on.
            self._submissions.give_back(self._taken, counts=False)
            return TryEnded(0.0, asked)
        if end.stopped_by is not StoppedBy.INTERRUPTED:
            self._submissions.stop(self._taken.run, by=end.stopped_by, message=end.rest or end.message)
        self._submissions.finish(self._taken, end.rest or end.message)
        return TryEnded(None, asked, outcomes)


def _pause(end: DeliveryEnd) -> float:
    if end.resume_after is None:
        return SHORTEST_PAUSE
    seconds = (end.resume_after - datetime.now(UTC)).total_seconds()
    return min(max(seconds, SHORTEST_PAUSE), LONGEST_PAUSE)
