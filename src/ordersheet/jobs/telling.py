"""Telling of files and of what is no file: once, and again only where nobody can know whether it arrived."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ordersheet.jobs.messages import Message, of_file
from ordersheet.jobs.notify import NotTold
from ordersheet.jobs.states import NOTICE, local_file, when

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from ordersheet.jobs.definition import JobDefinition
    from ordersheet.jobs.notify import Notifier
    from ordersheet.ledger.job_files import JobFile, JobFiles

TELL_FOR, FIRST_TELL = timedelta(hours=1), timedelta(seconds=30)
"""How long a message that nobody takes is tried again, and the first pause; as long again each time."""


@dataclass(slots=True)
class Teller:
    """Tells people what one job did.

    Attributes:
        job: the job.
        files: its lines in the ledger.
        notifier: reaches people.
        folder: this computer's private place for copies.
        clock: gives the time in UTC.
        on_point: called with the name of each step when it has been carried out, for tests that kill.
    """

    job: JobDefinition
    files: JobFiles
    notifier: Notifier
    folder: Path
    clock: Callable[[], datetime]
    on_point: Callable[[str], None] = field(default=lambda _name: None)
    untold: list[str] = field(default_factory=list)
    """Sentences about messages that nobody took, for the log."""

    def notice(self, word: str, message: Message) -> None:
        """Tell something that is no file, once for each word."""
        if message.kind in self.job.notify_on:
            facts = {"kind": message.kind, "subject": message.subject, "body": message.body}
            one, new = self.files.take(self.job.name, message.subject, word, None, state=NOTICE, facts=facts)
            if new:
                self.tell(one)

    def tell(self, one: JobFile) -> JobFile:
        """Tell of a file, or of a notice, and give its line as it stands then."""
        repeated = one.facts.get("telling") is not None and one.facts.get("tell_failed") is None
        if one.state == NOTICE:
            message = Message(one.facts["kind"], one.facts["subject"], one.facts["body"])
        else:
            message = of_file(self.job, one.name, one.state, one.facts, repeated=repeated)
        if message.kind in self.job.notify_on and self.job.notify:
            if self.clock() < when(one.facts.get("tell_again")):
                return one
            since = one.facts.get("telling") or self.clock().isoformat()
            one = self.files.save(one, facts={"telling": since, "tell_failed": None})
            attached = local_file(one.facts.get("local_report")) if self.job.attach_report else None
            try:
                self.notifier.tell(message, attached, frozenset(one.facts.get("told", ())))
            except NotTold as fault:
                told = sorted(fault.told)
                waited = self.clock() - when(since)
                again = self.clock() + max(FIRST_TELL, min(waited, TELL_FOR / 6))
                facts = {"tell_failed": str(fault), "told": told, "tell_again": again.isoformat()}
                one = self.files.save(one, facts=facts)
                if waited < TELL_FOR:
                    return one
                self.untold.append(f"Nobody was told of {one.name}: {fault}")
            self.on_point("told")
        one = self.files.save(one, finished=True)
        shutil.rmtree(self.folder / str(one.id), ignore_errors=True)
        return one
