"""One process for all jobs, until it is told to end: each job in a thread of its own, so that none waits."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ordersheet.core.errors import OrdersheetError
from ordersheet.core.uptime import elapsed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from ordersheet.jobs.file_work import FileWork
    from ordersheet.jobs.passes import Passes, PassReport
    from ordersheet.jobs.schedule import Schedule
    from ordersheet.ledger.job_files import JobFile

HEALTH_SECONDS = 30.0
"""How often the health file is touched."""
TICK = 0.5
"""Seconds between two looks at whether the end was asked for."""
LONGEST_SLEEP = 30.0
"""Seconds after which the clock is looked at again."""
BROKEN_SECONDS = 60.0
"""Until a job that does not work is tried again."""


class Log(Protocol):
    """Where a watcher says what it does."""

    def handled(self, one: JobFile) -> None:
        """A file has come as far as it goes now."""

    def trouble(self, job: str, sentence: str) -> None:
        """Something stands in a job's way."""


@dataclass(frozen=True, slots=True)
class WatchedJob:
    """One job as it is watched."""

    make: Callable[[], tuple[FileWork, Passes]]
    """Makes its work; raises OrdersheetError while it is broken."""
    tell_broken: Callable[[str], None]
    """Tells people, once a day, why it is broken; raises OrdersheetError where they cannot be told."""
    name: str


class Watcher:
    """Watches jobs.

    Args:
        jobs: the jobs.
        clock: gives the time in UTC.
        ended: tells whether the end was asked for.
        log: told what happens.
        health: touched every 30 s while every job's thread lives; None for none.
        seconds: since some fixed moment; it never goes back, and goes on while the machine sleeps.
        longest_sleep: seconds after which the clock is looked at again: it may have been set, or the
            machine may have slept.
    """

    def __init__(
        self,
        jobs: Sequence[WatchedJob],
        clock: Callable[[], datetime],
        ended: Callable[[], bool],
        log: Log,
        *,
        health: Path | None = None,
        seconds: Callable[[], float] = elapsed,
        longest_sleep: float = LONGEST_SLEEP,
    ) -> None:
        self._seconds = seconds
        self._longest_sleep = longest_sleep
        self._jobs = jobs
        self._clock = clock
        self._ended = ended
        self._log = log
        self._health = health
        self._over = threading.Event()

    def run(self) -> None:
        """Watch until the end is asked for, and every run has wound down."""
        threads = [
            threading.Thread(target=self._watch, args=(job,), name=f"job {job.name}") for job in self._jobs
        ]
        for thread in threads:
            thread.start()
        beat = 0.0
        while not self._ended():
            if beat <= 0 and self._health is not None and all(thread.is_alive() for thread in threads):
                self._touch(self._health)
                beat = HEALTH_SECONDS
            self._over.wait(TICK)
            beat -= TICK
        self._over.set()
        for thread in threads:
            thread.join()

    def _touch(self, path: Path) -> None:
        try:
            path.touch()
        except OSError as error:
            self._log.trouble("watch", f"The health file {path} cannot be touched: {error.strerror}.")

    def _watch(self, job: WatchedJob) -> None:
        made: tuple[FileWork, Passes] | None = None
        told: set[tuple[str, str]] = set()
        while not self._over.is_set() and not self._ended():
            began, passed, soonest = self._clock(), self._seconds(), BROKEN_SECONDS
            try:
                made = made or job.make()
                work, passes = made
                report = passes.look()
                self._note(job, work, report, told)
                soonest = passes.wait(report, math.inf)
            except OrdersheetError as error:
                self._broken(job, str(error))
                made = None
            except Exception as error:  # noqa: BLE001 - one job's fault takes no other job down
                self._log.trouble(job.name, f"Something unforeseen: {type(error).__name__}: {error}")
                made = None
            self._rest(made[0].place.job.schedule if made is not None else None, began, passed, soonest)

    def _rest(self, schedule: Schedule | None, began: datetime, passed: float, soonest: float) -> None:
        """Wait until a job is due, or for `soonest` seconds where that is less, whatever the clock does."""
        until = self._seconds() + soonest
        while not self._over.is_set():
            now = self._seconds()
            left = until - now
            if schedule is not None:
                left = min(left, schedule.left(began, self._clock(), now - passed))
            if left <= 0:
                return
            self._over.wait(min(left, self._longest_sleep))

    def _note(self, job: WatchedJob, work: FileWork, report: PassReport, told: set[tuple[str, str]]) -> None:
        for one in report.handled:
            state = (f"{one.id}", f"{one.state} {one.facts.get('tries')} {one.finished}")
            if state not in told:
                told.add(state)
                self._log.handled(one)
        if report.gone is not None:
            self._log.trouble(job.name, report.gone)
        while work.teller.untold:
            self._log.trouble(job.name, work.teller.untold.pop())

    def _broken(self, job: WatchedJob, why: str) -> None:
        """Say that a job cannot work: in the log, and to people once a day."""
        self._log.trouble(job.name, why)
        try:
            job.tell_broken(why)
        except OrdersheetError as fault:
            self._log.trouble(job.name, str(fault))
