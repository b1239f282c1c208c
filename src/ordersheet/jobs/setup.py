"""From the settings file to jobs that can work: read, checked, and put together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ordersheet.config.settings import job_tables
from ordersheet.core.errors import OrdersheetError, UsageError
from ordersheet.jobs.definition import read_jobs
from ordersheet.jobs.file_work import FileWork
from ordersheet.jobs.messages import broken
from ordersheet.jobs.notify import Apprise
from ordersheet.jobs.passes import Passes
from ordersheet.jobs.sending import PipelineSender
from ordersheet.jobs.sources import source_of
from ordersheet.jobs.telling import Teller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ordersheet.config.settings import SandboxFinder, Settings
    from ordersheet.delivery import StopSwitch
    from ordersheet.jobs.definition import JobDefinition
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
    """

    jobs: Mapping[str, JobDefinition]
    flags: Mapping[str, object]
    ledger: Ledger
    switch: StopSwitch
    find_sandbox: SandboxFinder | None = None
    on_point: Callable[[str], None] = lambda _name: None

    def sender(self) -> PipelineSender:
        """Give what sends a file."""
        call = {name: self.flags[name] for name in CALL_OPTIONS if self.flags.get(name) is not None}
        return PipelineSender(call, lambda: self.switch, find_sandbox=self.find_sandbox)

    def make(self, name: str) -> tuple[FileWork, Passes]:
        """Put a job's work together.

        Raises:
            OrdersheetError: it cannot work as it is set up.
        """
        job = self.jobs[name]
        sender = self.sender()
        sender.settings(job)
        work = FileWork(
            job=job,
            source=source_of(job),
            files=self.ledger.job_files(),
            sender=sender,
            teller=self._teller(job),
            folder=self._folder(job),
            clock=utc_now,
            on_point=self.on_point,
        )
        return work, Passes(work, time.monotonic, self.ended)

    def tell_broken(self, name: str, why: str) -> None:
        """Tell people, once a day, that a job cannot work.

        Raises:
            OrdersheetError: they cannot be told.
        """
        job = self.jobs[name]
        day = job.schedule.day_of(utc_now())
        self._teller(job).notice(f"broken:{day}", broken(job.name, why))

    def _teller(self, job: JobDefinition) -> Teller:
        return Teller(
            job=job,
            files=self.ledger.job_files(),
            notifier=Apprise(job.notify),
            folder=self._folder(job),
            clock=utc_now,
            on_point=self.on_point,
        )

    def _folder(self, job: JobDefinition) -> Path:
        return self.ledger.path.parent / "jobs" / job.name

    def ended(self) -> bool:
        """Tell whether a signal has ended the whole."""
        return self.switch.level > 0


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
        UsageError: there is none, or one is not there.
    """
    if not jobs:
        raise UsageError(
            f"There are no jobs in {place}. A job is a table such as [jobs.nightly] with a source; "
            "docs/operations.md has an example.",
            code="no-jobs",
        )
    wanted = tuple(names) or tuple(jobs)
    for name in wanted:
        if name not in jobs:
            raise UsageError(
                f"There is no job {name!r} in {place}. Known jobs: {', '.join(sorted(jobs))}.", code="no-job"
            )
    return {name: jobs[name] for name in wanted}


def job_faults(settings: Settings, make: Callable[[str], tuple[FileWork, Passes]]) -> dict[str, list[str]]:
    """Try each job without sending: its settings, its source, its folders, its addresses.

    Args:
        settings: of the call.
        make: puts a job's work together.

    Returns:
        By job: what is wrong, in sentences; an empty list where nothing is.
    """
    found: dict[str, list[str]] = {}
    for name in jobs_of(settings):
        try:
            work, _ = make(name)
            found[name] = work.source.faults()
        except OrdersheetError as error:
            found[name] = str(error).splitlines()
    return found


def overlaps(jobs: Mapping[str, JobDefinition]) -> list[str]:
    """Name the jobs that would take the same files: one source, and patterns of which both can match."""
    found = []
    names = sorted(jobs)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            same = jobs[one].source.rstrip("/") == jobs[other].source.rstrip("/")
            if same and _may_both_match(jobs[one].pattern, jobs[other].pattern):
                found.append(
                    f"The jobs {one} and {other} take files from the same place, and a file can match both "
                    "patterns: whichever looks first takes it. Give them patterns of their own."
                )
    return found


def _may_both_match(one: str, other: str) -> bool:
    """Tell whether a name can match both patterns, as far as their fixed beginnings and ends tell."""
    one, other = one.lower(), other.lower()
    heads = [pattern.partition("*")[0].partition("?")[0].partition("[")[0] for pattern in (one, other)]
    tails = [pattern.rpartition("*")[2].rpartition("?")[2].rpartition("]")[2] for pattern in (one, other)]
    head = heads[0].startswith(heads[1]) or heads[1].startswith(heads[0])
    tail = tails[0].endswith(tails[1]) or tails[1].endswith(tails[0])
    return head and tail
