"""One pass of a job: look, take what is whole, and go on with what was begun."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ordersheet.core.trying_again import pause_after, tried_enough
from ordersheet.jobs.messages import gone_for_long, nothing_came
from ordersheet.jobs.sources import FileGone, SourceFile, SourceGone
from ordersheet.jobs.stability import Stability
from ordersheet.jobs.states import FAILED, FILE_STATES, SAME, SENT, TAKEN, WAITING, when

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ordersheet.jobs.file_work import FileWork
    from ordersheet.ledger.job_files import JobFile

GONE_FOR = 900.0
"""Seconds for which a source may be out of reach before that is told, and between two looks at it at most."""
GONE_AGAIN = 60.0
"""Seconds after which a source that was out of reach is looked at again; twice as many each time, so that no
account is locked for it."""
GROWS_FOR = 900.0
"""Seconds for which a file that is expected may lie there and grow before it is told that none came."""

SOON, RETRY, FOLLOW = 0.1, 30.0, 1.0
"""Seconds at the least until the next look at a file that is not whole yet, at one that is held up, and at
one that workers send."""


@dataclass(slots=True)
class PassReport:
    """What one pass came to."""

    handled: list[JobFile] = field(default_factory=list)
    gone: str | None = None
    """Why the source, or a file of it, could not be reached."""
    held_up: bool = False
    """Whether a file that was begun could not be gone on with for that reason."""
    elsewhere: list[str] = field(default_factory=list)
    """Files that another process works on, or did a moment ago: where it died, this one takes them over."""

    @property
    def with_workers(self) -> bool:
        """Whether workers send one of its files."""
        return any(one.finished is None and one.facts.get("with_workers") for one in self.handled)

    def followed(self, later: PassReport) -> PassReport:
        """Give this pass's report with how far its files have come since."""
        files = later.joined(self).handled
        gone, held_up = later.gone or self.gone, later.held_up or self.held_up
        return PassReport(files, gone, held_up, later.elsewhere)

    def joined(self, earlier: PassReport) -> PassReport:
        """Give this pass's report with an earlier one's files, each as it stands now."""
        files = {one.id: one for one in (*earlier.handled, *self.handled)}
        return PassReport(list(files.values()), self.gone, self.held_up, self.elsewhere)

    @property
    def exit_code(self) -> int:
        """The worst of its files', as send would give it: 3 before 2 before 1.

        A source that cannot be reached is as a file that send cannot have: 2, unless something was begun.
        """
        codes = [_code(one) for one in self.handled]
        if self.gone is not None:
            codes.append(3 if self.held_up else 2)
        return max(codes, default=0)


def _code(one: JobFile) -> int:
    if one.state in (TAKEN, WAITING):
        return 3 if one.facts.get("begun") else 2
    if one.state == FAILED:
        return 2 if not one.facts.get("run") else 3
    return int(one.facts.get("exit_code") or 0) if one.state == SENT else 0


class Passes:
    """The passes of one job.

    Args:
        work: carries its files.
        monotonic: gives seconds that never go back.
        ended: tells whether a signal has ended the whole.
    """

    def __init__(self, work: FileWork, monotonic: Callable[[], float], ended: Callable[[], bool]) -> None:
        self._work = work
        self._monotonic = monotonic
        self._ended = ended
        self._stability = Stability(work.place.job.stable, work.place.job.marker)
        self._done: dict[str, SourceFile] = {}
        """By key: files that stay where they are and are done with."""
        self._gone_since: float | None = None
        self._gone_looks = 0
        """How many looks in a row could not reach it."""
        self._rests_since: float | None = None
        """When something was first due of which a file lay there that rested."""

    def wait(self, report: PassReport, due_in: float) -> float:
        """Give the seconds until this job is looked at again.

        Args:
            report: what its last pass came to.
            due_in: seconds until its next pass is due; a file that may be whole by then, or may be gone on
                with again, comes first, and so does a source that may be in reach again.
        """
        stable = self._stability.wait(self._monotonic())
        waits = [due_in] if stable is None else [due_in, max(SOON, stable)]
        job, now = self._work.place.job, self._work.place.clock()
        if job.expect_by is not None:
            waits.append(job.schedule.until(job.expect_by, now))
        for one in report.handled:
            if one.finished is None:
                resume = max(when(one.facts.get(fact)) for fact in ("resume_after", "tell_again"))
                least = FOLLOW if one.facts.get("with_workers") else RETRY
                waits.append(max(least, (resume - now).total_seconds()))
        if report.elsewhere:
            waits.append(RETRY)
        if report.gone is not None:
            waits.append(pause_after(self._gone_looks, first=GONE_AGAIN, longest=GONE_FOR))
        return min(waits)

    @property
    def awaits(self) -> bool:
        """Whether another look may find a file whole that was not at the last one."""
        return self._stability.wait(self._monotonic()) is not None

    def begun(self) -> PassReport:
        """Go on with what was begun, by this process or by one that has died."""
        report = PassReport()
        for one in self._work.place.files.adopt(self._work.place.job.name):
            if self._ended():
                break
            self._carry(one, report)
        report.elsewhere = self._work.place.files.elsewhere(self._work.place.job.name)
        return report

    def look(self) -> PassReport:
        """Look once; take and send what is whole."""
        self._work.tidy()
        report = self.begun()
        try:
            found = self._work.source.look()
        except SourceGone as gone:
            report.gone = str(gone)
        else:
            self._take(found, report)
        if report.gone is None:
            self._gone_since, self._gone_looks = None, 0
        else:
            self._tell_gone(report.gone)
        self._expect(report.gone)
        return report

    def _take(self, found: list[SourceFile], report: PassReport) -> None:
        """Take and send what is whole of what a look found."""
        found = [one for one in found if self._done.get(one.key) != one]
        for seen in self._stability.whole(found, self._work.source.names(), self._monotonic()):
            if self._ended():
                break
            self._handle(seen, report)
        try:
            self._prune()
        except SourceGone as gone:
            report.gone = str(gone)

    def _handle(self, seen: SourceFile, report: PassReport) -> None:
        try:
            one = self._work.take(seen)
        except FileGone:
            return  # Another watcher has it, or somebody took it away: there is nothing to do.
        except SourceGone as gone:
            report.gone = str(gone)
            return
        if one is None:
            if not self._work.source.moves:
                self._done[seen.key] = seen
            return
        self._carry(one, report)
        if not self._work.source.moves:
            self._done[seen.key] = seen

    def _carry(self, one: JobFile, report: PassReport) -> None:
        try:
            one = self._work.go_on(one)
        except FileGone:
            return
        except SourceGone as gone:
            report.gone = str(gone)
            # It may have come further before that.
            one = self._work.place.files.find(one.job, one.sha256, one.batch) or one
            report.held_up = report.held_up or one.state != TAKEN or bool(one.facts.get("begun"))
        if one.state in FILE_STATES:
            report.handled.append(one)

    def _tell_gone(self, why: str) -> None:
        now = self._monotonic()
        self._gone_since = now if self._gone_since is None else self._gone_since
        self._gone_looks += 1
        lasted = timedelta(seconds=now - self._gone_since)
        if not tried_enough(self._gone_looks, lasted, timedelta(seconds=GONE_FOR)):
            # It may have been this machine that slept.
            return
        job = self._work.place.job
        day = job.schedule.day_of(self._work.place.clock())
        message = gone_for_long(job, why)
        self._work.teller.notice(f"gone:{day}", message)

    def _expect(self, gone: str | None) -> None:
        """Tell, once a day, that nothing came by the time that something should have.

        Args:
            gone: why the source could not be reached; None where it could.
        """
        job, now = self._work.place.job, self._work.place.clock()
        if job.expect_by is None or not job.schedule.passed(job.expect_by, now):
            return
        if not job.schedule.comes_on_day_of(now):
            return
        # An earlier file once more is not what was expected.
        latest = self._work.place.files.latest(job.name, *(state for state in FILE_STATES if state != SAME))
        if latest and latest[0].taken >= job.schedule.midnight(now):
            return
        if gone is None and self._may_come_yet():
            return
        day = job.schedule.day_of(now)
        self._work.teller.notice(f"nothing:{day}", nothing_came(job, day, gone))

    def _may_come_yet(self) -> bool:
        """Tell whether a file lies there that rests; one that grows for too long has not come."""
        if not self._stability.rests:
            self._rests_since = None
            return False
        now = self._monotonic()
        self._rests_since = now if self._rests_since is None else self._rests_since
        return now - self._rests_since < GROWS_FOR

    def _prune(self) -> None:
        job = self._work.place.job
        if job.keep is not None:
            before: datetime = self._work.place.clock() - job.keep
            self._work.source.prune(job.folders.done, before)
