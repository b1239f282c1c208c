"""From the settings file to jobs that can work: read, checked, and put together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from ordersheet.config.settings import job_tables
from ordersheet.config.target import target_of
from ordersheet.core.errors import OrdersheetError, SettingsError, UsageError
from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.jobs.definition import read_jobs
from ordersheet.jobs.file_work import FileWork
from ordersheet.jobs.messages import broken
from ordersheet.jobs.notify import Apprise
from ordersheet.jobs.passes import Passes
from ordersheet.jobs.places import overlaps
from ordersheet.jobs.sending import PipelineSender
from ordersheet.jobs.sources import SourceGone, source_of
from ordersheet.jobs.telling import Teller
from ordersheet.jobs.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ordersheet.config.settings import SandboxFinder, Settings
    from ordersheet.jobs.definition import JobDefinition
    from ordersheet.jobs.notify_child import AppriseChild
    from ordersheet.ledger import Ledger

CALL_OPTIONS = ("config", "ledger", "ledger_must_exist", "log_format", "verbose")
"""Options of the call itself that reach each send of a job."""


@dataclass(frozen=True, slots=True)
class JobsOfCall:
    """The jobs that a call is about, and what it takes to make them work.

    Attributes:
        jobs: the jobs by name.
        flags: the call's own options.
        ledger: the ledger, open for writing.
        switch: pressed by signals.
        find_sandbox: tells the running sandbox.
        on_point: called with the name of each step that a file has come, for tests that kill.
        notifier: makes what tells people, of addresses.
    """

    jobs: Mapping[str, JobDefinition]
    flags: Mapping[str, object]
    ledger: Ledger
    switch: StopSwitch
    find_sandbox: SandboxFinder | None = None
    on_point: Callable[[str], None] = lambda _name: None
    notifier: type[Apprise | AppriseChild] = Apprise

    def sender(self) -> PipelineSender:
        """Give what sends a file."""
        return sender_of(self.flags, lambda: self.switch, self.find_sandbox)

    def make(self, name: str) -> tuple[FileWork, Passes]:
        """Put a job's work together.

        Raises:
            OrdersheetError: it cannot work as it is set up.
        """
        job = self.jobs[name]
        sender = self.sender()
        sender.settings(job)
        place = self._workplace(job)
        teller = Teller(place, self.notifier(job.notify))
        work = FileWork(place, source_of(job), sender, teller)
        return work, Passes(work, time.monotonic, self.ended)

    def tell_broken(self, name: str, why: str) -> None:
        """Tell people, once a day, that a job cannot work.

        Raises:
            OrdersheetError: they cannot be told.
        """
        job = self.jobs[name]
        day = job.schedule.day_of(utc_now())
        teller = Teller(self._workplace(job), self.notifier(job.notify, faulty=True))
        teller.notice(f"broken:{day}", broken(job.name, why))

    def _workplace(self, job: JobDefinition) -> Workplace:
        return Workplace(
            job=job,
            files=self.ledger.job_files(),
            folder=self.ledger.path.parent / "jobs" / job.name,
            clock=utc_now,
            on_point=self.on_point,
        )

    def ended(self) -> bool:
        """Tell whether a signal has ended the whole."""
        return self.switch.level > 0


@dataclass(frozen=True, slots=True)
class TrialCall:
    """What jobs are tried with.

    Attributes:
        flags: the call's own options.
        find_sandbox: tells the running sandbox.
    """

    flags: Mapping[str, object]
    find_sandbox: SandboxFinder | None = None


def sender_of(
    flags: Mapping[str, object], switch: Callable[[], StopSwitch], find_sandbox: SandboxFinder | None
) -> PipelineSender:
    """Give what sends a file, by the options of the call itself."""
    call = {name: flags[name] for name in CALL_OPTIONS if flags.get(name) is not None}
    return PipelineSender(call, switch, find_sandbox=find_sandbox)


def utc_now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def jobs_of(settings: Settings) -> dict[str, JobDefinition]:
    """Read the jobs of the person's own settings file.

    Raises:
        SettingsError: with a line for each fault.
    """
    tables, place = job_tables(settings.config)
    return read_jobs(tables, str(place))


def chosen(jobs: Mapping[str, JobDefinition], names: Iterable[str], place: str) -> dict[str, JobDefinition]:
    """Give the jobs that a call names, or all of them.

    Raises:
        UsageError: there is none, one is not there, or two take each other's files.
    """
    if not jobs:
        raise UsageError(
            f"There are no jobs in {place}. A job is a table such as [jobs.nightly] with a source; "
            "docs/operations.md has an example.",
            code="no-jobs",
        )
    wanted = tuple(names) or tuple(jobs)
    common = overlaps(jobs)
    if common:
        raise SettingsError("\n".join(common), code="bad-job")
    for name in wanted:
        if name not in jobs:
            raise UsageError(
                f"There is no job {name!r} in {place}. Known jobs: {', '.join(sorted(jobs))}.", code="no-job"
            )
    return {name: jobs[name] for name in wanted}


def job_faults(call: TrialCall, jobs: Mapping[str, JobDefinition]) -> dict[str, list[str]]:
    """Try each job without sending: its settings, its source, its folders, its addresses.

    Args:
        call: what it is tried with.
        jobs: the jobs by name.

    Returns:
        By job: what is wrong, in sentences; an empty list where nothing is.
    """
    sender = sender_of(call.flags, StopSwitch, call.find_sandbox)
    return {
        name: [
            *_faults(partial(_send_faults, sender, job)),
            *_faults(partial(_source_faults, job)),
            *_faults(partial(_address_faults, job)),
        ]
        for name, job in jobs.items()
    }


def _faults(attempt: Callable[[], list[str]]) -> list[str]:
    try:
        return attempt()
    except (OrdersheetError, SourceGone) as error:
        return str(error).splitlines()


def _address_faults(job: JobDefinition) -> list[str]:
    Apprise(job.notify)  # What can be told of an address without telling anybody is told when it is made.
    return []


def _source_faults(job: JobDefinition) -> list[str]:
    return source_of(job).faults()


def _send_faults(sender: PipelineSender, job: JobDefinition) -> list[str]:
    settings = sender.settings(job)
    host = target_of(settings).host
    if settings.api_key is None and isinstance(settings.ledger, LedgerUrl):
        from ordersheet.team.submit import has_workers

        if has_workers(settings):
            return []  # Workers send, with keys of their own.
    return [] if settings.api_key is not None else [f"No API key is known for {host}. Run: ordersheet setup"]
