"""One file's way: taken, sent, put away, told of. Killed anywhere, the next start goes on from its line.

Each step can be done again: the line in the ledger says how far the file has come, a step that had been
carried out but not noted finds its own result, and sending again sends only what is not done.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ordersheet.core.trying_again import pause_after, tried_enough
from ordersheet.jobs.messages import held, of_file
from ordersheet.jobs.sources.base import PROBLEMS, FileGone, SourceGone
from ordersheet.jobs.states import FAILED, NOTICE, SAME, SENT, TAKEN, WAITING, local_file, when
from ordersheet.jobs.temporary import remove_left_over, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ordersheet.jobs.definition import JobDefinition
    from ordersheet.jobs.sources import Source, SourceFile
    from ordersheet.jobs.telling import Teller
    from ordersheet.jobs.workplace import Workplace
    from ordersheet.ledger.job_files import JobFile

FIRST_PAUSE, LONGEST_PAUSE = 60.0, 1800.0
"""Seconds until a file that was held up goes on, where the server named no time; doubled each time."""
FIRST_FOLLOW, LONGEST_FOLLOW = 2.0, 30.0
"""Seconds between two looks at a run that workers send."""
_CHUNK = 1 << 20
_SEEN = "seen-"
"""What a folder's name begins with that holds a copy to tell whether a file is new."""


class Ended(NamedTuple):
    """What sending a file came to."""

    state: str
    """`sent`, `failed`, `waiting`, or `taken` where a signal ended it."""
    facts: Mapping[str, Any]
    report: Path | None = None
    """The sheet with the results, on this computer."""
    problems: Path | None = None
    """The person's file with the problems beside the rows."""


class Sender(Protocol):
    """Sends one file as the command does, unattended."""

    def send(
        self, job: JobDefinition, path: Path, batch: str | None, folder: Path, known: Mapping[str, Any]
    ) -> Ended:
        """Send a file; a report goes to the folder.

        Args:
            job: its job.
            path: a copy of the file, in the folder.
            batch: the batch it is sent under.
            folder: the file's own private one.
            known: what earlier calls gave as facts.

        Raises:
            SettingsError, LedgerError: the job cannot work as it is set up.
        """


@dataclass(slots=True)
class FileWork:
    """Carries the files of one job.

    Attributes:
        place: the job, its lines in the ledger, its clock.
        source: where its files come from.
        sender: sends a file.
        teller: tells people.
    """

    place: Workplace
    source: Source
    sender: Sender
    teller: Teller

    def tidy(self) -> None:
        """Remove the copies that killed processes have left on this computer."""
        remove_left_over(_SEEN, self.place.folder)
        # Listed before it is asked: whoever takes a file meanwhile has its line before it has its folder.
        copies = [folder for folder in self.place.folder.glob("*") if folder.name.isdecimal()]
        unfinished = self.place.files.unfinished(self.place.job.name) if copies else set()
        for folder in copies:
            if int(folder.name) not in unfinished:
                shutil.rmtree(folder, ignore_errors=True)

    # --- taking

    def take(self, seen: SourceFile) -> JobFile | None:
        """Take a whole file, if nobody has.

        Returns:
            Its line; None where another process takes it, or it is remembered and stays where it is.

        Raises:
            FileGone: another process took it, or somebody moved it.
            SourceGone: it cannot be reached, or has changed meanwhile.
        """
        batch = self.place.job.batch_of(seen.name, seen.modified, self.place.clock())
        sha256 = self._hash_of(seen)
        facts = {"place": seen.place} if seen.place else {}
        while True:
            one, new = self.place.files.take(
                self.place.job.name, seen.name, sha256, batch, state=TAKEN, facts=facts
            )
            if new:
                self.place.on_point("taken in the ledger")
                return self._moved(one)
            itself = one.name == seen.name and one.facts.get("place", "") == seen.place
            came_again = self.source.moves or not itself
            if one.state != FAILED or one.finished is None or not came_again:
                break
            self.place.files.renew(one)  # It came to nothing, and whoever lets it come again has mended why.
        if itself and (not self.source.moves or one.finished is None):
            return None
        return self._same(seen, sha256, one)

    def _hash_of(self, seen: SourceFile) -> str:
        # Nobody else's: another watcher on this computer hashes the same file at the same time.
        with temporary_folder(_SEEN, self.place.private()) as folder:
            self.source.fetch(seen.key, folder / "file")
            return sha256_of(folder / "file")

    def _moved(self, one: JobFile) -> JobFile:
        """Move a taken file to where it is worked on, and make sure that it is what was taken."""
        if not self.source.moves:
            return one
        known = one.facts.get("working")
        if known and (one.facts.get("begun") or one.state == SAME or self.source.has(str(known))):
            return one
        marker = one.name + self.place.job.marker if self.place.job.marker is not None else None
        try:
            working = self.source.take(one.name, one.id, marker)
        except FileGone:
            self.place.files.release(one)  # Nothing of it was sent, and it is whoever's who has it.
            raise
        self.place.on_point("moved to working")
        return self.place.files.save(one, facts={"working": working})

    def _same(self, seen: SourceFile, sha256: str, earlier: JobFile) -> JobFile | None:
        """Note a content that was taken before; it is told and put away, and not sent."""
        word = f"same:{sha256}:{seen.key}:{seen.modified.isoformat()}"
        for time in count():
            one, new = self.place.files.take(
                self.place.job.name, seen.name, f"{word}:{time}", earlier.batch, state=SAME
            )
            if new:
                break
            if one.finished is None or not self.source.moves:
                return None  # It is put away by whoever found it first, or stays where it is.
        self.place.on_point("noted as the same")
        as_what = f"{earlier.name} of {earlier.taken.astimezone(self.place.job.schedule.zone):%Y-%m-%d %H:%M}"
        one = self.place.files.save(one, facts={"same_as": as_what})
        return self._moved(one)

    # --- going on

    def go_on(self, one: JobFile) -> JobFile:
        """Take a file as far as it goes now.

        Raises:
            SourceGone: its place cannot be reached; the line says how far it has come.
            SettingsError, LedgerError: the job cannot work as it is set up.
        """
        if one.state == NOTICE:
            return self.teller.tell(one)
        if one.state == WAITING and self.place.clock() < when(one.facts.get("resume_after")):
            return one
        if one.state in (TAKEN, WAITING):
            one = self._send(self._moved(one))
        if one.state in (SENT, FAILED, SAME):
            if one.state == SAME:
                one = self._moved(one)
            one = self._put_away(one)
            one = self.teller.tell(one)
        return one

    def _send(self, one: JobFile) -> JobFile:
        place = self.place.private(str(one.id))
        path = place / one.name
        if self.source.moves:
            self.source.fetch_taken(str(one.facts["working"]), path)
        else:
            self.source.fetch(str(one.facts.get("place", one.name)), path)
        if not one.facts.get("begun"):
            if sha256_of(path) != one.sha256:
                self._let_go(one)
                raise SourceGone(f"{one.name} changed while it was taken. It is looked at again.")
            one = self.place.files.save(one, facts={"begun": True})
        ended = self.sender.send(self.place.job, path, one.batch or None, place, one.facts)
        self.place.on_point("sent")
        state, facts = ended.state, dict(ended.facts)
        if state == WAITING:
            facts |= self._followed(facts) if facts.get("with_workers") else self._pause(one, facts)
            if self._is_given_up(facts):
                state = FAILED
                facts["given_up"] = True
                facts["error"] = f"It could not be sent to its end. {facts.get('error', '')}".strip()
            elif not facts.get("retry"):
                message = held(self.place.job, one.name, str(facts.get("error") or ""))
                self.teller.notice(
                    f"held:{one.id}:{self.place.job.schedule.day_of(self.place.clock())}", message
                )
        facts["local_report"] = str(ended.report) if ended.report is not None else None
        facts["local_problems"] = str(ended.problems) if ended.problems is not None else None
        one = self.place.files.save(one, state=state, facts=facts)
        self.place.on_point("noted as sent")
        return one

    def _let_go(self, one: JobFile) -> None:
        if one.facts.get("working"):
            self.source.give_back(str(one.facts["working"]), one.name)
            self.place.on_point("given back")
        self.place.files.release(one)

    def _is_given_up(self, facts: Mapping[str, Any]) -> bool:
        """Tell whether a file that was held up is tried no more; what workers send is theirs to end."""
        since = facts.get("held_since")
        if since is None or facts.get("with_workers"):
            return False
        longest = timedelta(seconds=self.place.job.give_up)
        return tried_enough(facts["tries"], self.place.clock() - when(since), longest)

    def _pause(self, one: JobFile, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Say when a file that was held up is gone on with."""
        now, tries = self.place.clock(), int(facts.get("tries") or one.facts.get("tries", 0)) + 1
        pause = timedelta(seconds=pause_after(tries, first=FIRST_PAUSE, longest=LONGEST_PAUSE))
        until = max(now + pause, when(facts.get("resume_after")))
        since = facts.get("held_since") or one.facts.get("held_since") or now.isoformat()
        return {"tries": tries, "held_since": since, "resume_after": until.isoformat()}

    def _followed(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Say when a run that workers send is looked at again: the longer it takes, the more seldom."""
        now = self.place.clock()
        age = (now - when(facts.get("handed_over"))).total_seconds()
        pause = min(max(age / 10, FIRST_FOLLOW), LONGEST_FOLLOW)
        return {"resume_after": (now + timedelta(seconds=pause)).isoformat()}

    def _put_away(self, one: JobFile) -> JobFile:
        """Put report, problems and input where they belong."""
        folder = self.place.job.folders.failed if one.state == FAILED else self.place.job.folders.done
        if self.source.moves or self.place.job.report_to is not None:
            one = self._put_results(one, self.place.job.report_to or folder, folder)
        working = one.facts.get("working")
        while working and not one.facts.get("lies"):
            # Noted first: a process that is ended after the move finds what the file is called there.
            name = one.facts.get("goes_as") or self.source.free(folder, one.name)
            one = self.place.files.save(one, facts={"goes_as": name})
            try:
                lies = self.source.put_away(working, folder, name)
            except FileGone:
                lies = "nowhere: somebody has taken it out of the working folder"
            self.place.on_point("put away")
            one = self.place.files.save(one, facts={"lies": lies, "goes_as": lies and name})
        return one

    def _put_results(self, one: JobFile, reports: str, folder: str) -> JobFile:
        for local, name, place in (
            ("local_report", "report", reports),
            ("local_problems", "problems_sheet", folder),
        ):
            path = local_file(one.facts.get(local))
            if path is not None and not one.facts.get(name):
                one = self.place.files.save(one, facts={name: self.source.put(path, place, path.name)})
                self.place.on_point(f"{name} put")
        if one.state == FAILED and self.source.moves and not one.facts.get("problems_file"):
            text = self.place.private(str(one.id)) / f"{one.name}{PROBLEMS}"
            message = of_file(self.place.job, one.name, one.state, one.facts, repeated=False)
            text.write_text(message.body + "\n", encoding="utf-8")
            one = self.place.files.save(
                one, facts={"problems_file": self.source.put(text, folder, text.name)}
            )
        return one


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
