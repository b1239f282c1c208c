"""Files that jobs have taken: one line a content, so that exactly one watcher takes it, and none twice.

A line says how far its file has come. Whoever finds one whose process has died goes on with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from ordersheet.ledger.compiled import Statement, bind
from ordersheet.ledger.schema import job_file, process
from ordersheet.ledger.statements import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from ordersheet.ledger.database import Cursor
    from ordersheet.ledger.writer import Writer


@dataclass(frozen=True, slots=True)
class JobFile:
    """One file of a job, or something else that a job tells once."""

    id: int
    job: str
    name: str
    """As its source named it."""
    sha256: str
    """Of its bytes; for what is no file, a word of the job's own."""
    batch: str
    state: str
    """A word of the job's own: how far it has come."""
    taken: datetime
    facts: Mapping[str, Any]
    """What the job must know to go on, and what is told of it; no cell's text. JSON values."""
    finished: datetime | None


_COLUMNS = ("id", "job", "name", "sha256", "batch", "state", "taken", "facts", "finished")
_chosen = select(*(job_file.c[name] for name in _COLUMNS))
_INSERT = Statement(
    insert(job_file).values(
        **{
            name: bind(name)
            for name in ("job", "name", "sha256", "batch", "state", "process_id", "taken", "facts")
        }
    )
)
_BY_CONTENT = Statement(
    _chosen.where(
        job_file.c.job == bind("job"), job_file.c.sha256 == bind("sha256"), job_file.c.batch == bind("batch")
    )
)
_BY_ID = Statement(_chosen.where(job_file.c.id == bind("id")))
_DELETE = Statement(delete(job_file).where(job_file.c.id == bind("id")))
_SAVE = Statement(
    update(job_file)
    .where(job_file.c.id == bind("id"))
    .values(state=bind("state"), facts=bind("facts"), finished=bind("finished"))
)
_HOLD = Statement(update(job_file).where(job_file.c.id == bind("id")).values(process_id=bind("process_id")))
_RENEW = Statement(
    update(job_file)
    .where(job_file.c.id == bind("id"), job_file.c.finished.is_not(None))
    .values(sha256=bind("sha256"))
)
_OPEN = Statement(
    select(job_file.c.id, job_file.c.process_id, process.c.lock, job_file.c.name)
    .select_from(job_file.outerjoin(process, process.c.id == job_file.c.process_id))
    .where(job_file.c.job == bind("job"), job_file.c.finished.is_(None))
    .order_by(job_file.c.id)
)
_LATEST = Statement(
    _chosen.where(job_file.c.job == bind("job"), job_file.c.state == bind("state")).order_by(
        job_file.c.id.desc()
    )
)


class JobFiles:
    """The files of jobs in one ledger; `Ledger.job_files` gives it.

    Args:
        writer: gives the ledger's writing thread.
        reading: gives a cursor for reading.
        me: this process's number in the ledger; asked for once there is a writer.
        alive: tells whether the process behind a lock lives.
        clock: gives the time in UTC.
    """

    def __init__(
        self,
        writer: Callable[[], Writer],
        reading: Callable[[], AbstractContextManager[Cursor]],
        me: Callable[[], int],
        alive: Callable[[str], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self._writer, self._reading, self._me, self._alive, self._clock = writer, reading, me, alive, clock

    def take(
        self,
        job: str,
        name: str,
        sha256: str,
        batch: str | None,
        *,
        state: str,
        facts: Mapping[str, object] | None = None,
    ) -> tuple[JobFile, bool]:
        """Take a file for a job, in one transaction.

        Args:
            job: the job's name.
            name: the file's, as its source names it.
            sha256: of its bytes.
            batch: the batch that it would be sent under; None for none.
            state: what to note of it.
            facts: what is known of it from the beginning.

        Returns:
            Its line, and whether it is new: False where this job took the same content in this batch before.

        Raises:
            LedgerError: it could not be made durable.
        """
        writer = self._writer()
        known = {"p_job": job, "p_sha256": sha256, "p_batch": batch or ""}
        now = timestamp(self._clock())

        def work(cursor: Cursor) -> tuple[JobFile, bool]:
            found = _one(cursor, _BY_CONTENT, known)
            if found is not None:
                return found, False
            new = {
                "p_name": name,
                "p_state": state,
                "p_process_id": self._me(),
                "p_taken": now,
                "p_facts": json.dumps(facts or {}),
            }
            cursor.execute(_INSERT, {**known, **new})
            taken = _one(cursor, _BY_CONTENT, known)
            assert taken is not None
            return taken, True

        return writer.do(work)

    def release(self, one: JobFile) -> None:
        """Take a line back: its file was not what had been seen, and nothing of it was sent."""
        self._writer().do(lambda cursor: cursor.execute(_DELETE, {"p_id": one.id}))

    def renew(self, one: JobFile) -> None:
        """Let a content be taken again that came to nothing: its line stays, and stands for it no more."""
        values = {"p_id": one.id, "p_sha256": f"{one.sha256}#{one.id}"}
        self._writer().do(lambda cursor: cursor.execute(_RENEW, values))

    def adopt(self, job: str) -> list[JobFile]:
        """Give the unfinished files of a job that no other living process works on, oldest first.

        They are this process's from now on.
        """
        writer = self._writer()

        def work(cursor: Cursor) -> list[JobFile]:
            me = self._me()
            mine = [
                number
                for number, holder, lock, _ in cursor.execute(_OPEN, {"p_job": job}).fetchall()
                if holder == me or lock is None or not self._alive(lock)
            ]
            for number in mine:
                cursor.execute(_HOLD, {"p_id": number, "p_process_id": me})
            return [_there(cursor, number) for number in mine]

        return writer.do(work)

    def save(
        self,
        one: JobFile,
        *,
        state: str | None = None,
        facts: Mapping[str, object] | None = None,
        finished: bool = False,
    ) -> JobFile:
        """Note how far a file has come.

        Args:
            one: its line.
            state: its new state; None to keep it.
            facts: what is to be known beside what was; a value of None takes a fact out.
            finished: nothing is left to be done with it.

        Returns:
            Its line as it stands then.

        Raises:
            LedgerError: it could not be made durable.
        """
        joined = {name: value for name, value in {**one.facts, **(facts or {})}.items() if value is not None}
        ended = self._clock() if finished else one.finished
        values = {
            "p_id": one.id,
            "p_state": state or one.state,
            "p_facts": json.dumps(joined),
            "p_finished": None if ended is None else timestamp(ended),
        }
        self._writer().do(lambda cursor: cursor.execute(_SAVE, values))
        return replace(one, state=state or one.state, facts=joined, finished=ended)

    def unfinished(self, job: str) -> set[int]:
        """Number the lines of a job with which somebody is not done yet."""
        with self._reading() as cursor:
            return {number for number, *_ in cursor.execute(_OPEN, {"p_job": job}).fetchall()}

    def elsewhere(self, job: str) -> list[str]:
        """Name the unfinished files of a job that another process works on, or did a moment ago.

        Of a shared ledger one that was killed counts as living until its lease has ended.
        """
        me = self._me()
        with self._reading() as cursor:
            found = cursor.execute(_OPEN, {"p_job": job}).fetchall()
            return [name for _, holder, lock, name in found if holder != me and lock and self._alive(lock)]

    def find(self, job: str, sha256: str, batch: str | None) -> JobFile | None:
        """Find what became of a content in a batch; None where this job has not taken it."""
        with self._reading() as cursor:
            return _one(cursor, _BY_CONTENT, {"p_job": job, "p_sha256": sha256, "p_batch": batch or ""})

    def latest(self, job: str, *states: str, limit: int = 1) -> list[JobFile]:
        """Give a job's latest files in these states, newest first."""
        with self._reading() as cursor:
            found = [
                _read(record)
                for state in states
                for record in cursor.execute(_LATEST, {"p_job": job, "p_state": state}).fetchmany(limit)
            ]
        return sorted(found, key=lambda one: one.id, reverse=True)[:limit]


def _one(cursor: Cursor, statement: Statement, values: Mapping[str, object]) -> JobFile | None:
    record = cursor.execute(statement, dict(values)).fetchone()
    return None if record is None else _read(record)


def _there(cursor: Cursor, number: int) -> JobFile:
    found = _one(cursor, _BY_ID, {"p_id": number})
    assert found is not None
    return found


def _read(record: tuple[Any, ...]) -> JobFile:
    number, job, name, sha256, batch, state, taken, facts, finished = record
    ended = None if finished is None else moment(finished)
    return JobFile(number, job, name, sha256, batch, state, moment(taken), json.loads(facts), ended)
