"""`undo`: bring the orders back to what stood before a run, where nobody else wrote since."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ordersheet.config.options import types
from ordersheet.config.target import Target, key_for, target_of
from ordersheet.console.event_log import LoggedJournal
from ordersheet.console.log_line import CallLog
from ordersheet.core.errors import LedgerError, OrdersheetError, UsageError
from ordersheet.core.model import Outcome, RowResult, StoppedBy
from ordersheet.core.result import RunResult, count, iso
from ordersheet.core.summary import RunSummary
from ordersheet.pipeline.before_sending import settle_new_key
from ordersheet.pipeline.delivering import HowToDeliver, deliver_works
from ordersheet.pipeline.online import read_access, refuse_unreadable
from ordersheet.pipeline.rereport import rewrite_report_by, source_of
from ordersheet.pipeline.run_end import rows_of, summed_up
from ordersheet.pipeline.starting import start_over
from ordersheet.pipeline.undo_preview import UndoPreview, orders_to_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ordersheet.api import ListedOrder
    from ordersheet.config.options.types import RowNumbers
    from ordersheet.config.settings import Settings
    from ordersheet.core.model import OrderWork
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.delivery import DeliveryEnd, Progress
    from ordersheet.ledger import Ledger, RunInfo, RunJournal, RunStart
    from ordersheet.pipeline.intake import Reading
    from ordersheet.pipeline.rereport import Rewritten

NOT_CHOSEN = "Not among the rows that --rows chose."


@dataclass(frozen=True, slots=True)
class ToUndo:
    """What is to be undone."""

    info: RunInfo
    """The run."""
    rows: RowNumbers | None
    """The rows of it; None for all of them."""
    guess: bool
    """Put attributes that the shop does not show back as the ledger knows them."""
    works: tuple[OrderWork, ...] = ()
    """What the run did, order by order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoWays:
    """How an undo asks, and whom it tells."""

    ask: Callable[[UndoPreview], bool] | None = None
    """Is shown what would be put back, and says whether to do it; None does it."""
    confirm: Callable[[str], bool] | None = None
    """Asks a question that is answered by yes or no; None where nobody can be asked."""
    tell: Callable[[Progress], None] | None = None
    """Told how far it has come, at most ten times a second."""
    looking: Reading | None = None
    """Entered while orders are read for the preview, and told how many have been."""
    stop: StopSwitch | None = None
    """How a signal ends it."""
    log: CallLog | None = None
    """Takes the lines of --verbose, and is told the run's id."""


def undo(run: str, settings: Settings, *, guess: bool = False, ways: UndoWays | None = None) -> RunResult:
    """Undo a run, and write a report.

    Args:
        run: its id, its unique beginning, or `last`, which passes over undos.
        settings: every setting, checked; of it address, key, pace, rows, ledger and report.
        guess: put attributes that the shop does not show back as the ledger knows them.
        ways: how it asks, and whom it tells.

    Raises:
        OrdersheetError: where nothing was sent. What stops it later is told in the result.
    """
    ways = ways or UndoWays()
    target = target_of(settings)
    key_for(settings, target)
    started = datetime.now(UTC)
    with open_for_undo(settings) as ledger:
        same_store = settle_new_key(ledger, target, settings, ways.confirm)
        chosen = find(ledger, target, run, settings, guess=guess)
        seen = look(ledger, target, chosen, settings, ways)
        if ways.ask is not None and not ways.ask(seen):
            raise UsageError("The answer was no.", code="declined")
        return _Undo(ledger, target, chosen, settings, started, same_store=same_store).carry_out(ways)


def preview_undo(
    run: str, settings: Settings, *, guess: bool = False, ways: UndoWays | None = None
) -> UndoPreview:
    """Read the orders, and say what an undo would put back; nothing is sent.

    Raises:
        OrdersheetError: what is meant cannot be undone, or the orders cannot be read.
    """
    target = target_of(settings)
    key_for(settings, target)
    with open_for_undo(settings) as ledger:
        chosen = find(ledger, target, run, settings, guess=guess)
        return look(ledger, target, chosen, settings, ways or UndoWays())


def open_for_undo(settings: Settings) -> Ledger:
    """Open the ledger, which must be there.

    Raises:
        UsageError: there is none.
    """
    from ordersheet.ledger import Ledger

    if not settings.ledger.exists():
        raise UsageError(
            f"There is no ledger at {settings.ledger}: nothing was sent yet, or --ledger names another.",
            code="no-ledger",
        )
    return Ledger.open(settings.ledger, create=False)


def find(ledger: Ledger, target: Target, text: str, settings: Settings, *, guess: bool) -> ToUndo:
    """Find what is to be undone.

    Raises:
        UsageError: there is no such run, it is one of another store, or it cannot be undone now.
    """
    from ordersheet.ledger import RunState

    info = ledger.run(ledger.find_run(text, sends=True))
    rows = settings.rows
    if info.undo_of is not None:
        if _is_finished(info):
            raise UsageError(
                f"Run {info.run} is an undo, and it is finished. To do again what it took back, send the "
                "file of that run again.",
                code="finished-undo",
            )
        said = info.options.get("rows")
        rows = rows if rows is not None or said is None else types.row_numbers(str(said))
        guess = guess or bool(info.options.get("guess_attributes"))
        info = ledger.run(info.undo_of)
    if info.store != target.store:
        raise UsageError(
            f"Run {info.run} wrote to {info.store}, and the settings name {target.store}. Choose its profile "
            "or address.",
            code="other-store",
        )
    if info.state is RunState.RUNNING:
        raise UsageError(
            f"Run {info.run} still goes on. Stop it, or wait until it has ended.", code="under-way"
        )
    works = ledger.to_undo(info.run, target.store).works(rows)
    busy = ledger.to_undo(info.run, target.store).busy({work.order for work in works})
    if busy:
        raise UsageError(
            f"Another run is working on {len(busy):,} of these orders, {busy[0]} among them. Undo when it "
            "has ended (ordersheet runs shows it).",
            code="under-way",
        )
    return ToUndo(info, rows, guess, tuple(works))


def _is_finished(info: RunInfo) -> bool:
    from ordersheet.ledger import RunState

    left = info.outcomes.get(Outcome.NOT_SENT.value, 0) - info.left_out
    return info.state is RunState.FINISHED and not left and not info.outcomes.get(Outcome.UNCONFIRMED.value)


def look(ledger: Ledger, target: Target, chosen: ToUndo, settings: Settings, ways: UndoWays) -> UndoPreview:
    """Read the orders, and say what would be put back.

    Raises:
        UsageError: the key may not read orders.
        Interrupted: a signal ended it.
    """
    from ordersheet.delivery import run_in_thread
    from ordersheet.delivery.reading.orders import read_orders

    name = chosen.info.run
    run = ledger.to_undo(name, target.store)
    found: dict[int, ListedOrder | None] = {}
    wanted = orders_to_read(run.books(chosen.works, guess=chosen.guess))
    with nullcontext(None) if ways.looking is None else ways.looking() as told:
        tell = None if told is None else lambda progress: told(progress.done)
        access = read_access(settings, tell=tell, stop=ways.stop)
        access.stop.armed = True
        end = run_in_thread(lambda: read_orders(wanted, access, found.__setitem__), access.stop)
    refuse_unreadable(end, access.stop, read=len(found))
    seen = UndoPreview(name, target.host, orders=len(wanted), requests=end.requests)
    seen.warnings = end.warnings
    seen.counted_on = run.counted_on()
    books = run.books(chosen.works, guess=chosen.guess)
    for work, book in zip(chosen.works, books, strict=True):
        seen.see(work, book, found.get(work.order))
    return seen


class _Undo:
    """One undo, from its entry in the ledger to its report."""

    def __init__(
        self,
        ledger: Ledger,
        target: Target,
        chosen: ToUndo,
        settings: Settings,
        started: datetime,
        *,
        same_store: bool,
    ) -> None:
        self._ledger = ledger
        self._target = target
        self._chosen = chosen
        self._settings = settings
        self._started = started
        self._same_store = same_store

    def carry_out(self, ways: UndoWays) -> RunResult:
        """Put back, record and report."""
        from ordersheet.core.stop_switch import StopSwitch

        switch = ways.stop or StopSwitch()
        switch.armed = True
        journal = self._ledger.start_run(self._start())
        log = ways.log or CallLog(self._settings.log_format)
        log.facts["run"] = journal.run
        journal.add_left_out(self._untouched())
        end = self._deliver(journal, ways, switch, log)
        why = end.rest or end.message
        rest = sorted((update.row, work.order) for work in self._chosen.works for update in work.updates)
        try:
            journal.finish(end.stopped_by, why, rest, end.requests)
        except LedgerError as error:
            end = replace(end, stopped_by=error.stopped_by, message=end.message or str(error))
        rows: Callable[[], Iterator[RowResult]] = partial(rows_of, self._ledger.path, journal.run)
        if end.stopped_by is StoppedBy.LEDGER:
            named = [(row, str(order)) for row, order in rest]
            kept = tuple(journal.results(rest=named, message=why))
            rows = partial(iter, kept)
        written, end = self._reported(journal, end)
        return self._result(journal.run, end, rows, written, switch.signal)

    def _untouched(self) -> Iterator[RowResult]:
        """Give the rows of the run that it changed nothing with, and those that are not chosen."""
        changed = {update.row for work in self._chosen.works for update in work.updates}
        rows = self._chosen.rows
        for result in self._ledger.results(self._chosen.info.run):
            if rows is not None and result.row not in rows:
                yield RowResult(result.row, result.order, Outcome.NOT_SENT, NOT_CHOSEN, left_out=True)
            elif result.row not in changed:
                said = f"That run did not change it ({result.outcome.value}). {result.message}"
                yield RowResult(result.row, result.order, Outcome.NOTHING_TO_UNDO, said)

    def _start(self) -> RunStart:
        info, settings = self._chosen.info, self._settings
        copy = None
        if info.copy is not None or info.submitted:
            with source_of(self._ledger, info, settings.large_files) as source:
                copy = None if source is None else self._ledger.keep_copy(source)[0]
        options = settings.as_options()
        if self._chosen.rows is not None:
            options["rows"] = ",".join(f"{first}-{last}" for first, last in self._chosen.rows.ranges)
        if self._chosen.guess:
            options["guess_attributes"] = True
        return replace(
            start_over(info, settings, self._target, self._ledger, same_store=self._same_store),
            options=options,
            copy=copy,
            undo_of=info.run,
            undo_whole=self._chosen.rows is None,
            guess_attributes=self._chosen.guess,
        )

    def _deliver(self, journal: RunJournal, ways: UndoWays, switch: StopSwitch, log: CallLog) -> DeliveryEnd:
        works = self._chosen.works
        told = LoggedJournal(journal, log) if self._settings.verbose else journal
        # Settings of sending that a profile may hold: an undo reads every order, and belongs to no batch.
        settings = replace(self._settings, baseline=True, skip_unchanged=False, batch=None)
        how = HowToDeliver(settings, self._target, total=sum(len(work.updates) for work in works))
        return deliver_works(works, told, how, tell=ways.tell, switch=switch)

    def _reported(self, journal: RunJournal, end: DeliveryEnd) -> tuple[Rewritten | None, DeliveryEnd]:
        """Write the report; where no place takes it, the run's end says so."""
        settings = self._settings
        is_frame = not Path(self._chosen.info.input).suffix
        if is_frame and settings.report is None:
            return None, end
        try:
            written = rewrite_report_by(settings, self._ledger, journal.run)
            journal.set_report(str(written.path.absolute()))
        except OrdersheetError as error:
            message = f"{end.message} {error}".strip()
            return None, replace(end, stopped_by=end.stopped_by or error.stopped_by, message=message)
        return written, end

    def _result(
        self,
        run: str,
        end: DeliveryEnd,
        read_rows: Callable[[], Iterator[RowResult]],
        written: Rewritten | None,
        signal: int | None,
    ) -> RunResult:
        counted, info = count(read_rows()), self._chosen.info
        notes = (end.message, *end.warnings, written.note if written is not None else None)
        known = RunSummary(
            command="undo",
            run=run,
            undo_of=info.run,
            profile=self._settings.profile,
            file=info.input,
            sha256=info.sha256,
            sheet=info.sheet,
            host=self._target.host,
            report=str(written.path.absolute()) if written is not None else None,
            ledger=str(self._ledger.path),
            stopped_by=end.stopped_by,
            resume_after=iso(end.resume_after),
            rows=sum(counted.status.values()),
            requests=end.requests,
        )
        summary = summed_up(known, counted, notes, (self._started, datetime.now(UTC)), signal)
        return RunResult(summary, read_rows)
