"""A submitted run, seen from outside: how far it is, its end, and what it came to."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from ordersheet.core.errors import Interrupted, OrdersheetError
from ordersheet.core.model import StoppedBy
from ordersheet.core.result import RunResult, count
from ordersheet.core.stop_switch import RUN_ON
from ordersheet.core.summary import RunSummary
from ordersheet.ledger import Ledger
from ordersheet.pipeline.rereport import rewrite_report_by
from ordersheet.pipeline.run_end import rows_of, summed_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.config.settings import Settings
    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.ledger.waiting import SubmissionState
    from ordersheet.pipeline.preview import Preview

_LOOK = 1.0
STOPPED = "The run was stopped before this row's turn. Send or submit the file again to go on."


def wait_for_end(
    place: LedgerUrl, run: str, stop: StopSwitch, tell: Callable[[SubmissionState], None]
) -> None:
    """Wait until a submitted run has ended.

    Args:
        place: the ledger's.
        run: the run.
        stop: ends the waiting, not the run.
        tell: told how far it is, at each look.

    Raises:
        Interrupted: a signal ended the waiting.
        LedgerError: the ledger cannot be asked.
    """
    with Ledger.open(place, create=False, read_only=True) as ledger:
        submissions = ledger.submissions()
        while not (state := submissions.state(run)).finished:
            tell(state)
            begin = time.monotonic()
            while stop.level == RUN_ON and time.monotonic() - begin < _LOOK:
                time.sleep(_LOOK / 10)
            if stop.level != RUN_ON:
                raise Interrupted(
                    f"Run {run} goes on: workers send it. End it with: ordersheet stop {run}",
                    signal=stop.signal or 2,
                )
        tell(state)


def result_of(place: LedgerUrl, run: str, settings: Settings, seen: Preview | None) -> RunResult:
    """Write the report of a run that has ended, and give what it came to.

    Args:
        place: the ledger's.
        run: the run.
        settings: where the report goes.
        seen: what was said of the file when it was handed over; None where that was not here.

    Raises:
        LedgerError: the ledger cannot be asked.
    """
    with Ledger.open(place, create=False, read_only=True) as ledger:
        info = ledger.run(run)
        counted = count(ledger.results(run))
        stopped_by = None if info.stopped_by is None else StoppedBy(info.stopped_by)
        notes: list[str | None] = [info.message]
        report = None
        try:
            written = rewrite_report_by(settings, ledger, run)
            report, notes = str(written.path.absolute()), [info.message, written.note]
        except OrdersheetError as error:
            stopped_by, notes = stopped_by or error.stopped_by, [info.message, str(error)]
    known = RunSummary(
        command="submit",
        run=run,
        batch=info.batch,
        profile=info.profile,
        file=info.input,
        sha256=info.sha256,
        sheet=info.sheet,
        host=info.host,
        report=report,
        ledger=str(place),
        stopped_by=stopped_by,
        rows=sum(counted.status.values()),
        columns=seen.columns if seen is not None else (),
        not_sent=seen.not_sent if seen is not None else (),
        customer_visible=seen.customer_visible if seen is not None else 0,
        folder_settings=settings.of_folder(),
        requests=info.requests,
    )
    summary = summed_up(known, counted, notes, (info.started, info.finished or datetime.now(UTC)))
    return RunResult(summary, partial(rows_of, place, run), None)


def stop_run(place: LedgerUrl, text: str, grace: float) -> tuple[str, float]:
    """Ask for a run's end on all machines; gives its name, and the seconds that this may take.

    Args:
        place: the ledger's.
        text: what somebody called the run.
        grace: of a run that was handed over without `--grace`.

    Raises:
        UsageError: there is no such run, or it has ended.
    """
    with Ledger.open(place, create=False) as ledger:
        name = ledger.submissions().stop(text, message=STOPPED)
        return name, float(ledger.run(name).options.get("grace") or grace)
