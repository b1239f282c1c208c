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
    from ordersheet.jobs.notify import Notifier
    from ordersheet.jobs.workplace import Workplace
    from ordersheet.ledger.job_files import JobFile

TELL_FOR, FIRST_TELL = timedelta(hours=1), timedelta(seconds=30)
"""How long a message that nobody takes is tried again, and the first pause; as long again each time."""


@dataclass(slots=True)
class Teller:
    """Tells people what one job did.

    Attributes:
        place: the job, its lines in the ledger, its clock.
        notifier: reaches people.
    """

    place: Workplace
    notifier: Notifier
    untold: list[str] = field(default_factory=list)
    """Sentences about messages that nobody took, for the log."""

    def notice(self, word: str, message: Message) -> None:
        """Tell something that is no file, once for each word."""
        if message.kind in self.place.job.notify_on:
            facts = {"kind": message.kind, "subject": message.subject, "body": message.body}
            one, new = self.place.files.take(
                self.place.job.name, message.subject, word, None, state=NOTICE, facts=facts
            )
            if new:
                self.tell(one)

    def tell(self, one: JobFile) -> JobFile:
        """Tell of a file, or of a notice, and give its line as it stands then."""
        repeated = one.facts.get("telling") is not None and one.facts.get("tell_failed") is None
        if one.state == NOTICE:
            message = Message(one.facts["kind"], one.facts["subject"], one.facts["body"])
        else:
            message = of_file(self.place.job, one.name, one.state, one.facts, repeated=repeated)
        if message.kind in self.place.job.notify_on and self.place.job.notify:
            if self.place.clock() < when(one.facts.get("tell_again")):
                return one
            since = one.facts.get("telling") or self.place.clock().isoformat()
            one = self.place.files.save(one, facts={"telling": since, "tell_failed": None})
            attached = local_file(one.facts.get("local_report")) if self.place.job.attach_report else None
            try:
                self.notifier.tell(message, attached, frozenset(one.facts.get("told", ())))
            except NotTold as fault:
                told = sorted(fault.told)
                waited = self.place.clock() - when(since)
                again = self.place.clock() + max(FIRST_TELL, min(waited, TELL_FOR / 6))
                facts = {"tell_failed": str(fault), "told": told, "tell_again": again.isoformat()}
                one = self.place.files.save(one, facts=facts)
                if waited < TELL_FOR:
                    return one
                self.untold.append(f"Nobody was told of {one.name}: {fault}")
            self.place.on_point("told")
        one = self.place.files.save(one, finished=True)
        shutil.rmtree(self.place.folder / str(one.id), ignore_errors=True)
        return one
