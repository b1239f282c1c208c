"""The pipeline: load -> map -> skip what is done -> send -> record -> report."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from ordersheet.config.target import Target, key_for, target_of
from ordersheet.console.event_log import LoggedJournal
from ordersheet.console.log_line import CallLog
from ordersheet.core.errors import (
    LedgerError,
    OrdersheetError,
    RunStopped,
    SourceError,
    UsageError,
)
from ordersheet.core.model import RequestCounts, StoppedBy
from ordersheet.core.result import RunResult, count, iso
from ordersheet.core.summary import RunSummary
from ordersheet.pipeline.before_sending import (
    refuse_many_problems,
    report_place,
    settle_before_sending,
    sha256_before,
)
from ordersheet.pipeline.delivering import HowToDeliver, deliver_works
from ordersheet.pipeline.extra_outputs import write_extra_outputs
from ordersheet.pipeline.guards import refuse_unread_guards
from ordersheet.pipeline.intake import Prepared, Reading, prepare, refuse_missing_rows
from ordersheet.pipeline.preview import Preview
from ordersheet.pipeline.run_end import rows_of, summed_up
from ordersheet.pipeline.starting import start_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ordersheet.config.settings import Settings
    from ordersheet.core.model import RowResult
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.delivery import DeliveryEnd, Progress
    from ordersheet.ledger import Ledger, RunJournal, RunStart
    from ordersheet.reporter import Written


def send(
    source: object,
    settings: Settings,
    *,
    ask: Callable[[Preview], bool] | None = None,
    confirm: Callable[[str], bool] | None = None,
    tell: Callable[[Progress], None] | None = None,
    reading: Reading | None = None,
    stop: StopSwitch | None = None,
    log: CallLog | None = None,
) -> RunResult:
    """Send a file or a frame, and write its report.

    Args:
        source: a path, or a pandas DataFrame.
        settings: every setting, checked.
        ask: is shown what would be done, and says whether to do it; None does it.
        confirm: asks a question that is answered by yes or no; None where nobody can be asked.
        tell: is told how far the delivery has come, at most ten times a second.
        reading: entered while the file is read, and told how many rows have been, every thousand.
        stop: lets a signal end the run.
        log: takes the lines of --verbose, and is told the run's id; one of its own where None.

    Raises:
        OrdersheetError: where nothing was sent. What stops a run later is told in the result.
    """
    from ordersheet.ledger import Ledger

    target = target_of(settings)
    key_for(settings, target)
    started = datetime.now(UTC)
    sha256 = sha256_before(source)
    with prepare(source, settings, reading) as prepared:
        refuse_missing_rows(prepared, settings)
        refuse_many_problems(prepared, settings)
        refuse_unread_guards(prepared, settings)
        place = report_place(prepared, settings)
        extra = write_extra_outputs(prepared, settings)
        with Ledger.open(settings.ledger, create=not settings.ledger_must_exist) as ledger:
            settled = settle_before_sending(
                prepared, ledger, target, settings, sha256=sha256, confirm=confirm, stop=stop
            )
            seen = settled.seen
            if ask is not None and not ask(seen):
                raise UsageError("The answer was no.", code="declined")
            run = _Run(prepared, settings, target, ledger, started, sha256)
            run.seen, run.asked = seen, settled.asked
            run.same_store = settled.same_store
            run.log = log or run.log
            notes = (settled.edited, *(f"{one.path}: {one.note}" for one in extra if one.note))
            run.notes = tuple(filter(None, notes))
            return run.carry_out(place, tell=tell, stop=stop)


class _Run:
    """One run, from its first entry in the ledger to its report."""

    def __init__(
        self,
        prepared: Prepared,
        settings: Settings,
        target: Target,
        ledger: Ledger,
        started: datetime,
        sha256: str | None,
    ) -> None:
        self.prepared = prepared
        self.settings = settings
        self.target = target
        self.ledger = ledger
        self.started = started
        self.source: Path | None = None
        self.sha256 = sha256
        self.finishing: str | None = None
        self.same_store = False
        self.log = CallLog(settings.log_format)
        self.seen = Preview()
        """What it was about to do when it was asked for."""
        self.asked = RequestCounts()
        """Requests before that."""
        self.notes: tuple[str, ...] = ()
        """What a person should read about the files beside the report."""

    def carry_out(
        self,
        place: Callable[[str], Path] | None,
        *,
        tell: Callable[[Progress], None] | None,
        stop: StopSwitch | None,
    ) -> RunResult:
        """Send, record and report."""
        switch = stop or new_switch()
        switch.armed = True
        staging = self.prepared.staging
        journal = self.ledger.start_run(self._start())
        self.log.facts["run"] = journal.run
        journal.add_left_out(staging.left_out_results())
        again = self.settings.again
        if again or journal.goes_on_with_again:
            finishing = journal.record_again(staging.works()).finishing
            again = again or finishing is not None
            self.finishing = finishing
        end = self._deliver(journal, tell, switch, again=again)
        end = replace(end, requests=end.requests + self.asked)
        why = end.rest or end.message
        try:
            journal.finish(end.stopped_by, why, staging.updates_by_row(), end.requests)
        except LedgerError as error:
            # What was sent is accounted for in the report, from what is still known here.
            end = replace(end, stopped_by=error.stopped_by, message=end.message or str(error))

        def results() -> Iterator[RowResult]:
            return journal.results(rest=staging.updates_by_row(), message=why)

        try:
            written, end = self._reported(journal, end, results, place)
            rows: Callable[[], Iterator[RowResult]] = partial(rows_of, self.ledger.path, journal.run)
            if end.stopped_by is StoppedBy.LEDGER:
                # It lacks what could not be written: these rows are told from here, once and for all.
                kept = tuple(results())
                rows = partial(iter, kept)
            return self._result(journal.run, end, rows, written, switch.signal)
        except LedgerError as error:
            raise RunStopped(
                f"{error} Rows were sent before that, and only the ledger can say which. Put it back, then "
                "run: ordersheet report last",
                stopped_by=error.stopped_by,
            ) from error

    def _reported(
        self,
        journal: RunJournal,
        end: DeliveryEnd,
        results: Callable[[], Iterator[RowResult]],
        place: Callable[[str], Path] | None,
    ) -> tuple[Written | None, DeliveryEnd]:
        """Write the report, where one is wanted; where no place takes it, the run's end says so."""
        if place is None:
            return None, end
        try:
            written = self._report(results(), place(journal.run))
        except LedgerError:
            raise
        except OrdersheetError as error:
            message = f"{end.message} {error}".strip()
            return None, replace(end, stopped_by=end.stopped_by or error.stopped_by, message=message)
        self._note_report(journal, written)
        return written, end

    def _start(self) -> RunStart:
        if self.prepared.path is not None:
            self.source = self._copy(self.prepared.path)
        return start_of(
            self.prepared,
            self.settings,
            self.target,
            self.ledger,
            self.sha256,
            same_store=self.same_store,
            copy=self.source,
        )

    def _copy(self, path: Path) -> Path:
        """Keep the input as the first pass read it, for the report."""
        copy, sha256 = self.ledger.keep_copy(path)
        if sha256 != self.sha256:
            # Its rows may be others by now: each status would stand beside the wrong one.
            self.ledger.drop_copy(copy)
            raise SourceError(
                f"{path} was changed after it had been read. Send it again.",
                code="changed-meanwhile",
            )
        return copy

    def _deliver(
        self,
        journal: RunJournal,
        tell: Callable[[Progress], None] | None,
        switch: StopSwitch,
        *,
        again: bool,
    ) -> DeliveryEnd:
        staging = self.prepared.staging
        how = HowToDeliver(
            self.settings, self.target, total=staging.updates, again=again, most_no=self._most_no()
        )
        told = LoggedJournal(journal, self.log) if self.settings.verbose else journal
        return deliver_works(staging.works(), told, how, tell=tell, switch=switch)

    def _most_no(self) -> int | None:
        """How many rows may end in `no` while sending; those with problems are among the allowed ones."""
        allowed, tally = self.settings.max_no, self.prepared.tally
        return None if allowed is None else allowed.of(tally.rows) - tally.invalid

    def _report(self, results: Iterator[RowResult], place: Path) -> Written:
        from ordersheet import reporter

        table = self.prepared.table
        facts = table.facts
        if self.source is None or not table.headers:
            return reporter.write_fresh(results, place, sheet=facts.sheet or "Orders")
        return reporter.write_report(
            self.source, facts, results, place, headers=table.headers, rows=table.rows()
        )

    def _note_report(self, journal: RunJournal, written: Written) -> None:
        with suppress(LedgerError):
            # The report is there; that the ledger cannot note its place takes nothing from it.
            journal.set_report(str(written.path.absolute()))

    def _result(
        self,
        run: str,
        end: DeliveryEnd,
        read_rows: Callable[[], Iterator[RowResult]],
        written: Written | None,
        signal: int | None,
    ) -> RunResult:
        facts = self.prepared.table.facts
        goes_on = (
            f"This run went on with the unfinished --again run {self.finishing}." if self.finishing else None
        )
        report = written.note if written is not None else None
        notes = (end.message, goes_on, *end.warnings, report, *self.notes)
        known = RunSummary(
            command="send",
            run=run,
            batch=self.settings.batch,
            profile=self.settings.profile,
            file=str(self.prepared.path) if self.prepared.path is not None else None,
            sha256=self.sha256,
            sheet=facts.sheet,
            host=self.target.host,
            report=str(written.path.absolute()) if written is not None else None,
            ledger=str(self.ledger.path),
            ledger_created=self.ledger.created,
            stopped_by=end.stopped_by,
            resume_after=iso(end.resume_after),
            rows=self.prepared.tally.rows,
            columns=self.seen.columns,
            not_sent=self.seen.not_sent,
            customer_visible=self.seen.customer_visible,
            folder_settings=self.settings.of_folder(),
            requests=end.requests,
            problems=tuple(self.prepared.tally.problems),
        )
        summary = summed_up(known, count(read_rows()), notes, (self.started, datetime.now(UTC)), signal)
        return RunResult(summary, read_rows, self.prepared.frame)


def new_switch() -> StopSwitch:
    """A switch that nobody has pressed."""
    from ordersheet.core.stop_switch import StopSwitch

    return StopSwitch()
