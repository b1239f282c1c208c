"""A job's file, sent as the command sends it: the same pipeline, unattended.

Where the ledger is shared and has a queue for workers, they send it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ordersheet.config.settings import resolve
from ordersheet.console.log_line import CallLog
from ordersheet.core.errors import (
    FilePlaceError,
    LedgerError,
    MappingError,
    OrdersheetError,
    RunStopped,
    SettingsError,
    SourceError,
)
from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.jobs.endings import by_row, ended_of, lines_of
from ordersheet.jobs.file_work import Ended
from ordersheet.jobs.states import FAILED, WAITING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ordersheet.config.settings import SandboxFinder, Settings
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.delivery import Progress
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

    def send(
        self, job: JobDefinition, path: Path, batch: str | None, folder: Path, known: Mapping[str, Any]
    ) -> Ended:
        """Send a file, or have it sent by workers; its report goes to the folder."""
        reports = folder / "reports"
        reports.mkdir(exist_ok=True)
        settings = self.settings(job, batch, reports)
        try:
            if isinstance(settings.ledger, LedgerUrl):
                from ordersheet.jobs.handing_over import HandedOver
                from ordersheet.team.submit import goes_to_workers

                if known.get("with_workers") or goes_to_workers(path, settings):
                    return HandedOver(path, settings, known).go_on(self.switch())
            return self._sent(job, path, settings)
        except (RunStopped, FilePlaceError) as stopped:
            return Ended(WAITING, {"error": str(stopped), "exit_code": stopped.exit_code})
        except (SourceError, MappingError) as error:
            return self._unreadable(job, path, folder, error)
        except (SettingsError, LedgerError):
            raise
        except OrdersheetError as error:
            if error.code == "new-key":  # The file is well; whoever changed the key says which shop it is.
                return Ended(WAITING, {"error": str(error), "exit_code": error.exit_code, "retry": False})
            return self._unreadable(job, path, folder, error)

    def _sent(self, job: JobDefinition, path: Path, settings: Settings) -> Ended:
        from ordersheet.pipeline.send import send

        log = CallLog(settings.log_format, job=job.name, file=path.name, run=None)
        result = send(path, settings, tell=self.tell, stop=self.switch(), log=log)
        return ended_of(result, by_row(result.summary.problems))

    def _unreadable(self, job: JobDefinition, path: Path, folder: Path, error: OrdersheetError) -> Ended:
        """Note why a file was refused, with its problems beside the rows where it can be read at all."""
        from ordersheet.pipeline.check import check

        problems = folder / f"{path.stem}.problems{path.suffix}"
        facts: dict[str, Any] = {"error": str(error), "exit_code": 2, "code": error.code}
        facts["problems"] = lines_of(getattr(error, "problems", ()))
        try:
            settings = resolve(
                {**job.options, **self.call, "profile": job.profile, "problems": problems, "overwrite": True},
                find_sandbox=self.find_sandbox,
            )
            checked = check(path, settings)
            facts["problems"] = lines_of(checked.result.summary.problems)
        except OrdersheetError:
            return Ended(FAILED, facts)
        written = [one.path for one in checked.written if one.path.name.startswith(problems.stem)]
        return Ended(FAILED, facts, problems=written[0] if written else None)
