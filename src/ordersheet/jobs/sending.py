"""A job's file, sent as the command sends it: the same pipeline, unattended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ordersheet.config.settings import resolve
from ordersheet.console.log_line import CallLog
from ordersheet.core.errors import (
    LedgerError,
    MappingError,
    OrdersheetError,
    RunStopped,
    SettingsError,
    SourceError,
)
from ordersheet.core.model import StoppedBy
from ordersheet.jobs.file_work import Ended
from ordersheet.jobs.messages import MOST_PROBLEMS
from ordersheet.jobs.states import FAILED, SENT, TAKEN, WAITING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ordersheet.config.settings import SandboxFinder, Settings
    from ordersheet.core.model import Problem
    from ordersheet.core.result import RunResult
    from ordersheet.delivery import Progress, StopSwitch
    from ordersheet.jobs.definition import JobDefinition


@dataclass(frozen=True, slots=True)
class PipelineSender:
    """Sends a job's files through the pipeline.

    Attributes:
        call: the options of the call itself: config, ledger, log format.
        switch: gives the switch of one run, which a signal presses.
        tell: is told how far a run has come.
        find_sandbox: tells the running sandbox.
    """

    call: Mapping[str, object]
    switch: Callable[[], StopSwitch]
    tell: Callable[[Progress], None] | None = None
    find_sandbox: SandboxFinder | None = None

    def settings(self, job: JobDefinition, batch: str | None = None, report: Path | None = None) -> Settings:
        """Resolve the settings of one send of a job.

        Raises:
            SettingsError: where one is wrong.
        """
        own: dict[str, object] = {"profile": job.profile, "batch": batch, "report": report}
        fixed = {"yes": True, "progress": False, "same_file": True if batch else None}
        return resolve({**job.options, **self.call, **own, **fixed}, find_sandbox=self.find_sandbox)

    def send(self, job: JobDefinition, path: Path, batch: str | None, folder: Path) -> Ended:
        """Send a file; its report goes to the folder."""
        from ordersheet.pipeline.send import send

        reports = folder / "reports"
        reports.mkdir(exist_ok=True)
        settings = self.settings(job, batch, reports)
        try:
            log = CallLog(settings.log_format, job=job.name, file=path.name, run=None)
            result = send(path, settings, tell=self.tell, stop=self.switch(), log=log)
        except RunStopped as stopped:
            return Ended(WAITING, {"error": str(stopped), "exit_code": stopped.exit_code})
        except (SourceError, MappingError) as error:
            return self._unreadable(job, path, folder, error)
        except (SettingsError, LedgerError):
            raise
        except OrdersheetError as error:
            if error.code == "new-key":  # The file is well; whoever changed the key says which shop it is.
                return Ended(WAITING, {"error": str(error), "exit_code": error.exit_code, "retry": False})
            return self._unreadable(job, path, folder, error)
        return _ended(result)

    def _unreadable(self, job: JobDefinition, path: Path, folder: Path, error: OrdersheetError) -> Ended:
        """Note why a file was refused, with its problems beside the rows where it can be read at all."""
        from ordersheet.pipeline.check import check

        problems = folder / f"{path.stem}.problems{path.suffix}"
        facts: dict[str, Any] = {"error": str(error), "exit_code": 2, "code": error.code}
        facts["problems"] = _lines(getattr(error, "problems", ()))
        try:
            settings = resolve(
                {**job.options, **self.call, "profile": job.profile, "problems": problems, "overwrite": True},
                find_sandbox=self.find_sandbox,
            )
            checked = check(path, settings)
            facts["problems"] = _lines(checked.result.summary.problems)
        except OrdersheetError:
            return Ended(FAILED, facts)
        written = [one.path for one in checked.written if one.path.name.startswith(problems.stem)]
        return Ended(FAILED, facts, problems=written[0] if written else None)


def _ended(result: RunResult) -> Ended:
    summary = result.summary
    lines, left_out = _no_rows(result)
    facts: dict[str, Any] = {
        "run": summary.run,
        "host": summary.host,
        "exit_code": summary.exit_code,
        "status": dict(summary.status),
        "outcomes": dict(summary.outcomes),
        "left_out": left_out,
        "problems": lines[:MOST_PROBLEMS],
        "error": summary.error,
        "resume_after": summary.resume_after,
        "stopped_by": str(summary.stopped_by) if summary.stopped_by else None,
        "retry": summary.retry,
    }
    state = SENT if summary.stopped_by is None else WAITING
    if summary.stopped_by is StoppedBy.INTERRUPTED:
        state = TAKEN
    elif summary.stopped_by is StoppedBy.TOO_MANY_NO:
        state = FAILED
    return Ended(state, facts, report=result.report)


def _no_rows(result: RunResult) -> tuple[list[str], int]:
    """Tell the first rows that ended in no, and count those that were left out on purpose."""
    told = {problem.row: line for problem in result.summary.problems for line in _lines((problem,))}
    lines: list[str] = []
    left_out = 0
    for row in result.read_rows():
        left_out += row.left_out
        if row.status == "no" and not row.left_out and len(lines) < MOST_PROBLEMS:
            # What is no number may be a customer's text.
            order = f", order {row.order}" if row.order.isdecimal() else ""
            lines.append(told.get(row.row, f"row {row.row}{order}: {row.outcome.value}"))
    return lines, left_out


def _lines(problems: tuple[Problem, ...]) -> list[str]:
    """The first problems, without what their cells hold."""
    lines = []
    for problem in problems[:MOST_PROBLEMS]:
        where = problem.cell or f"row {problem.row}"
        column = f" ({problem.column})" if problem.column else ""
        said = problem.message.replace(problem.value, "...") if problem.value else problem.message
        lines.append(f"{where}{column}: {said}")
    return lines
