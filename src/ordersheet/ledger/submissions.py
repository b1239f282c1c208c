"""Runs that were submitted: their files, their chunks, and who of the workers has which.

A chunk is taken in one transaction that looks at who has it: one whose process has no lease any more has it
no longer. Each try of a chunk is a run of its own, of which the submitted run is told the results.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ordersheet.core.errors import LedgerError, UsageError
from ordersheet.core.model import RequestCounts, StoppedBy
from ordersheet.ledger import file_parts, large_files
from ordersheet.ledger import submission_statements as sql
from ordersheet.ledger.chunks import (
    ASIDE,
    VERSION,
    OpenChunk,
    TakenChunk,
    WrittenChunk,
    give_results,
    is_meant_again,
    refuse_newer,
    settled,
    works_in,
)
from ordersheet.ledger.compiled import named
from ordersheet.ledger.runs import close_run, find_run, insert_run
from ordersheet.ledger.statements import DONE, timestamp
from ordersheet.ledger.tries import FORGET
from ordersheet.ledger.waiting import (
    RowsToGo,
    SubmissionState,
    WorkSeen,
    chunks_of,
    look,
    rows_to_go,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from ordersheet.core.model import RowResult
    from ordersheet.ledger.compiled import Statement
    from ordersheet.ledger.database import Cursor, Database
    from ordersheet.ledger.records import RunStart
    from ordersheet.ledger.writer import Writer

MOST_TRIES = 3
"""So many tries of a chunk that bring nothing further, and it is put aside."""
_PAGE = 2000
_ENDED_AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is handed over to the workers."""

    start: RunStart
    settings: Mapping[str, Any]
    """How its rows are sent; JSON values, by the names of settings."""
    left_out: Iterable[RowResult]
    """Rows that are not sent."""
    chunks: Iterable[WrittenChunk]
    file: Iterable[bytes]
    """The input's bytes; none where it lies elsewhere."""
    large: large_files.LargeFile | None = None
    """The input, where it lies elsewhere."""
    version: int = field(default=VERSION)


class Submissions:
    """The submitted runs of one ledger; `Ledger.submissions` gives it.

    Args:
        writer: gives the ledger's writing thread.
        reading: gives a cursor for reading.
        process: gives this process's number in the ledger and the name of its presence, once there is a
            writer.
        database: the ledger's.
        clock: gives the time in UTC.
    """

    def __init__(
        self,
        writer: Callable[[], Writer],
        reading: Callable[[], AbstractContextManager[Cursor]],
        process: Callable[[], tuple[int, str]],
        database: Database,
        clock: Callable[[], datetime],
    ) -> None:
        self._writer, self._reading, self._clock = writer, reading, clock
        self._process = process
        self._database = database

    def _me(self) -> int:
        return self._process()[0]

    def submit(self, given: Submission) -> str:
        """Hand a run over to the workers, who see it once all of it is there; gives its name.

        Raises:
            UsageError: the same bytes are being sent to this store in this batch already.
            LedgerError: it could not be made durable.
        """
        writer, start = self._writer(), given.start
        now = self._clock()

        def begin(cursor: Cursor) -> tuple[str, int, int]:
            self._refuse_same(cursor, start)
            self._clear_away(cursor)
            hidden = replace(start, part=sql.BEING_HANDED_OVER)
            begun = insert_run(cursor, hidden, self._me(), now, self._database.user)
            if given.large is not None:
                large_files.note(cursor, begun[1], given.large)
            return begun

        name, run_id, store_id = writer.do(begin)
        try:
            rows = self._fill(writer, run_id, given)
        except BaseException:
            # Nobody has seen it yet. Where even this fails, the next one who hands over does it.
            with suppress(LedgerError):
                writer.do(partial(self._take_away, run_id))
            raise

        def show(cursor: Cursor) -> None:
            self._refuse_same(cursor, start)
            turn = cursor.execute(sql.CURRENT_TURN, named(store=store_id)).fetchone()[0]
            cursor.execute(sql.LINE_UP, named(run=run_id, turn=max(0, (turn or 1) - 1)))
            values = named(
                run_id=run_id,
                version=given.version,
                settings=json.dumps(dict(given.settings)),
                rows=rows,
                message="",
            )
            cursor.execute(sql.ADD, values)
            cursor.execute(sql.SHOW, named(run=run_id))
            self._close_if_done(cursor, run_id)

        writer.do(show)
        return name

    def _clear_away(self, cursor: Cursor) -> None:
        """Take away what processes left that died while they handed a run over: nobody ever saw it."""
        for run_id, lock in cursor.execute(sql.HIDDEN).fetchall():
            if lock is None or not self._database.alive(lock):
                self._take_away(run_id, cursor)

    def _take_away(self, run_id: int, cursor: Cursor) -> None:
        large_files.let_go(cursor, run_id)
        for statement in sql.TAKE_AWAY:
            cursor.execute(statement, named(run=run_id))

    def _refuse_same(self, cursor: Cursor, start: RunStart) -> None:
        wanted = named(store=start.store, sha256=start.sha256, batch=start.policy.batch)
        found = cursor.execute(sql.SAME, wanted).fetchone()
        if found is not None:
            raise UsageError(
                f"This very file is being sent already, as run {found[0]}. See how far it is with: ordersheet"
                f" show {found[0]}",
                code="submitted",
            )

    def _fill(self, writer: Writer, run_id: int, given: Submission) -> int:
        """Write all that belongs to a run; gives its number of rows."""
        if given.large is not None:
            given.large.put()

        def many(statement: Statement, values: list[Any]) -> None:
            writer.do(lambda cursor: cursor.executemany(statement, values))

        rows = 0
        page: list[Any] = []
        for one in given.left_out:
            at = one.time and timestamp(one.time)
            page.append((run_id, one.row, one.order, one.outcome.value, one.message, at, int(one.left_out)))
            rows += 1
            if len(page) == _PAGE:
                many(DONE, page)
                page = []
        if page:
            many(DONE, page)
        for number, one_chunk in enumerate(given.chunks, 1):
            many(sql.ADD_CHUNK, [named(run=run_id, number=number, content=one_chunk.content)])
            rows += one_chunk.rows
        for number, data in enumerate(file_parts.cut(given.file), 1):
            many(sql.ADD_PART, [named(run=run_id, number=number, data=data)])
        return rows

    def take(self, name: str, number: int) -> TakenChunk | None:
        """Take a chunk; None where it is at its end, or another living process has it.

        Raises:
            LedgerError: it could not be made durable, or a newer program submitted it.
        """

        def work(cursor: Cursor) -> TakenChunk | None:
            run_id = find_run(cursor, name)[1]
            found = cursor.execute(sql.CHUNK, named(run=run_id, number=number)).fetchone()
            state, _, tries, progress, turn, content, lock = found or ("done", 0, 0, 0, 0, None, None)
            if state not in ("waiting", "taken") or content is None or self._held(state, lock):
                return None
            of_run = cursor.execute(sql.OF_RUN, named(run=run_id)).fetchone()
            version, settings, stopped, _, message, _ = of_run
            refuse_newer(version, name)
            if stopped is not None:
                self._end(cursor, run_id, number, content, "stopped", message)
                return None
            now = settled(cursor, run_id, number)
            tries = 0 if now > progress else tries
            if tries >= MOST_TRIES:
                self._end(cursor, run_id, number, content, "aside", ASIDE)
                return None
            cursor.execute(
                sql.TAKE, named(run=run_id, number=number, me=self._me(), tries=tries + 1, progress=now)
            )
            again = is_meant_again(cursor, run_id, number)
            no_rows = _no_rows(cursor, run_id, number)
            return TakenChunk(name, number, turn, works_in(content), json.loads(settings), again, no_rows)

        return self._writer().do(work)

    def _held(self, state: str, lock: str | None) -> bool:
        return state == "taken" and lock is not None and self._database.alive(lock)

    def give_back(self, one: TakenChunk, *, counts: bool) -> None:
        """Let others have a chunk; `counts` whether this was a try that failed."""
        values = named(number=one.number, me=self._me(), uncounted=0 if counts else 1)

        def work(cursor: Cursor) -> None:
            cursor.execute(sql.GIVE_BACK, {**values, **named(run=find_run(cursor, one.run)[1])})

        self._writer().do(work)

    def finish(self, one: TakenChunk, rest: str) -> Mapping[str, int]:
        """Give the rows of a chunk their results, and end the run with its last chunk.

        Args:
            one: the chunk.
            rest: why rows without a result were not sent.

        Returns:
            Its rows by outcome; empty where this process no longer had it.
        """

        def work(cursor: Cursor) -> Mapping[str, int]:
            run_id = find_run(cursor, one.run)[1]
            found = cursor.execute(sql.CHUNK, named(run=run_id, number=one.number)).fetchone()
            state, holder, *_, content, _ = found
            if state != "taken" or holder != self._me():
                return {}
            return self._end(cursor, run_id, one.number, content, "done", rest)

        return self._writer().do(work)

    def _end(
        self, cursor: Cursor, run_id: int, number: int, content: str | None, state: str, rest: str
    ) -> Mapping[str, int]:
        rows: Mapping[str, int] = {}
        if content is not None:
            rows = give_results(cursor, run_id, number, works_in(content), rest)
        cursor.execute(sql.END, named(run=run_id, number=number, state=state))
        cursor.execute(FORGET, named(run=run_id, number=number))
        self._close_if_done(cursor, run_id)
        return rows

    def _close_if_done(self, cursor: Cursor, run_id: int) -> None:
        counts = dict(map(tuple, cursor.execute(sql.STATES, named(run=run_id)).fetchall()))
        if counts.get("waiting") or counts.get("taken"):
            return
        *_, stopped_by, message, finished = cursor.execute(sql.OF_RUN, named(run=run_id)).fetchone()
        if finished is not None:
            return
        if stopped_by is None and counts.get("aside"):
            stopped_by = StoppedBy.INTERNAL.value
            message = f"{counts['aside']:,} of {sum(counts.values()):,} chunks were put aside. {ASIDE}"
        requests = RequestCounts()
        for (told,) in cursor.execute(sql.REQUESTS, named(run=run_id)).fetchall():
            requests += RequestCounts(**(json.loads(told).get("requests") or {}))
        close_run(cursor, run_id, self._clock(), stopped_by, message, requests)

    def stop(self, text: str, *, by: StoppedBy = StoppedBy.INTERRUPTED, message: str) -> str:
        """Ask for the end of a submitted run; gives its name.

        What waits ends at once; who has a chunk under way sees it, and ends that.

        Raises:
            UsageError: there is no such run, it was not submitted, or it has ended.
            LedgerError: a newer program submitted it, or its end could not be made durable.
        """

        def work(cursor: Cursor) -> str:
            name, run_id = find_run(cursor, text, database_user=self._database.user)
            found = cursor.execute(sql.OF_RUN, named(run=run_id)).fetchone()
            if found is None:
                raise UsageError(f"Run {name} was not submitted: end it where it runs.", code="not-submitted")
            if found[-1] is not None:
                raise UsageError(f"Run {name} has ended.", code="ended")
            refuse_newer(found[0], name)
            now = timestamp(self._clock())
            cursor.execute(sql.STOP, named(run=run_id, now=now, stopped_by=by.value, message=message))
            return name

        name = self._writer().do(work)
        # A few at a time: others write meanwhile.
        while self._writer().do(partial(self._end_some, name, message)):
            pass
        return name

    def _end_some(self, name: str, message: str, cursor: Cursor) -> bool:
        """End some of the chunks that nobody works on; tells whether there may be more."""
        run_id = find_run(cursor, name)[1]
        ended = 0
        for number, state, lock in cursor.execute(sql.OPEN_OF_RUN, named(run=run_id)).fetchall():
            if not self._held(state, lock):
                content = cursor.execute(sql.CHUNK, named(run=run_id, number=number)).fetchone()[-2]
                self._end(cursor, run_id, number, content, "stopped", message)
                ended += 1
            if ended == _ENDED_AT_ONCE:
                return True
        return False

    def of_content(self, sha256: str) -> list[tuple[str, str]]:
        """Name the submitted runs of these bytes, each with its input's path, the latest first."""
        with self._reading() as cursor:
            found = cursor.execute(sql.OF_CONTENT, named(sha256=sha256)).fetchall()
            return [(name, path) for name, path in found]

    def state(self, name: str) -> SubmissionState:
        """Tell how far a submitted run has come."""
        with self._reading() as cursor:
            run_id = find_run(cursor, name)[1]
            counts = dict(map(tuple, cursor.execute(sql.STATES, named(run=run_id)).fetchall()))
            found = cursor.execute(sql.OF_RUN, named(run=run_id)).fetchone()
        if found is None:
            raise UsageError(f"Run {name} was not submitted.", code="not-submitted")
        return SubmissionState(counts, found[2] is not None, found[-1] is not None)

    def rows_to_go(self, name: str) -> RowsToGo:
        """Tell what is left of a submitted run."""
        with self._reading() as cursor:
            return rows_to_go(cursor, name)

    def no_rows(self, name: str) -> int:
        """Count how many rows of a run have ended in `no` so far, those of chunks under way included."""
        with self._reading() as cursor:
            return _no_rows(cursor, find_run(cursor, name)[1], 0)

    def look(self, most: int) -> WorkSeen:
        """Look for work; `most` chunks are named, those next in turn that this program can send."""
        with self._reading() as cursor:
            return look(cursor, self._database, most)

    def chunks_of(self, name: str) -> list[OpenChunk]:
        """Name the chunks of a run that are not at their end, in turn."""
        with self._reading() as cursor:
            return chunks_of(cursor, self._database, name)

    def refuse_newer(self) -> None:
        """Raise LedgerError where a newer program submitted what is not finished yet."""
        with self._reading() as cursor:
            refuse_newer(cursor.execute(sql.NEWEST, named()).fetchone()[0] or 0, None)

    @property
    def large_files(self) -> large_files.LargeFiles:
        """The files that lie elsewhere."""
        return large_files.LargeFiles(self._writer, self._reading, self._clock)

    def file(self, name: str) -> Iterator[bytes]:
        """Give the bytes of a run's file, as far as the ledger holds it."""
        return file_parts.read(self._reading, name)

    def enter(self) -> str:
        """Be seen by others as a process that works; gives the name by which they tell."""
        self._writer()
        return self._process()[1]

    def living(self, names: Iterable[str]) -> set[str]:
        """Tell who of these processes lives."""
        with self._reading() as cursor:
            del cursor
            return self._database.living(names)

    def beat(self) -> None:
        """Raise LedgerError where this process can write no more, such as after its lease has ended."""
        self._writer().do(lambda _cursor: None)


def _no_rows(cursor: Cursor, run_id: int, but: int) -> int:
    return int(cursor.execute(sql.NO_ROWS, {**named(run=run_id), "p_except": but}).fetchone()[0])
