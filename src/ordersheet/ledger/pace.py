"""The line of each store's pace: which runs are under way there, and what they have learned together.

Times are by the clock that all who share the ledger have in common: the machine's since its start, or the
database's.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from ordersheet.core.pace import PaceLook, PaceMember, SharedPace
from ordersheet.ledger.compiled import ONE, Statement, bind, insert, listed, named
from ordersheet.ledger.schema import pace, process, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.core.pace import Change
    from ordersheet.ledger.database import Cursor, Database
    from ordersheet.ledger.writer import Writer

T = TypeVar("T")

_PLAIN = tuple(field.name for field in fields(SharedPace) if field.name != "members")
_VALUES = {name: bind(name) for name in ("boot", "members", *_PLAIN)}
_line = select(pace.c.boot, pace.c.members, *(pace.c[name] for name in _PLAIN)).where(
    pace.c.store_id == bind("store_id")
)
_LOOK = Statement(_line)
_LINE = Statement(_line.add_columns(ONE).with_for_update())
"""A statement is known by its text in SQLite's dialect, which has no `FOR UPDATE`: so a column tells."""
_WRITE = Statement(
    insert(pace)
    .values({"store_id": bind("store_id")} | _VALUES)
    .on_conflict_do_update(index_elements=["store_id"], set_=_VALUES)
)
_UNDER_WAY = Statement(
    select(run.c.id, process.c.lock)
    .join_from(run, process, run.c.process_id == process.c.id)
    .where(run.c.id.in_(listed("runs")), run.c.finished.is_(None))
)


class LedgerPaceBoard:
    """Implements `PaceBoard` for one run.

    Args:
        writer: what writes the ledger.
        database: what reads it.
        run_id: the run's number.
        store_id: the store's.
    """

    company = False

    def __init__(self, writer: Writer, database: Database, run_id: int, store_id: int) -> None:
        self._writer, self._database = writer, database
        self._store_id = store_id
        self.name = str(run_id)
        self._looking: asyncio.Future[PaceLook] | None = None

    def enter(self, cursor: Cursor) -> None:
        """Let the others see that this run is under way; those that have died are taken out."""
        line, boot, now = self._read(cursor, _LINE)
        living = {
            str(number)
            for number, lock in cursor.execute(_UNDER_WAY, named(runs=json.dumps(_numbers(line)))).fetchall()
            if self._database.alive(lock)
        }
        others = {name: one for name, one in line.members.items() if name in living}
        self.company = bool(others)
        self._write(cursor, replace(line, members={**others, self.name: PaceMember(now)}), boot)

    def leave(self, cursor: Cursor) -> None:
        """Let the others see that this run has come to its end."""
        line, boot, _ = self._read(cursor, _LINE)
        others = {name: one for name, one in line.members.items() if name != self.name}
        self._write(cursor, replace(line, members=others), boot)

    async def look(self) -> PaceLook:
        """Read the line.

        Raises:
            LedgerError: the ledger cannot be read.
        """

        def read() -> PaceLook:
            with self._database.reading() as cursor:
                line, _, now = self._read(cursor, _LOOK)
                return PaceLook(line, now)

        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(asyncio.to_thread(read))
        # A database that is gone keeps one thread waiting, and no more.
        return await _shielded(self._looking)

    async def change(self, change: Change) -> None:
        """Change the line, while nobody else does; in the next transaction that this run writes.

        Raises:
            LedgerError: the ledger cannot be written.
        """

        def write(cursor: Cursor) -> None:
            line, boot, now = self._read(cursor, _LINE)
            self._write(cursor, change(line, now), boot)

        await _shielded(self._submit(write))

    def _submit(self, write: Callable[[Cursor], None]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        return self._writer.submit(write, loop, alone=False, store=self._store_id)

    def _read(self, cursor: Cursor, statement: Statement) -> tuple[SharedPace, str, float]:
        """Give the line, and the time: which start of the clock, and seconds."""
        found = cursor.execute(statement, named(store_id=self._store_id)).fetchone()
        now = self._database.shared_clock(cursor)
        boot = now.boot or ""
        if found is None or found[0] != boot:
            # Nothing that was noted before the clock began anew tells of today.
            return SharedPace(), boot, now.seconds
        members = {name: PaceMember(**one) for name, one in json.loads(found[1]).items()}
        plain: dict[str, Any] = dict(zip(_PLAIN, found[2 : 2 + len(_PLAIN)], strict=True))
        plain["closed"] = bool(plain["closed"])
        return SharedPace(members=members, **plain), boot, now.seconds

    def _write(self, cursor: Cursor, line: SharedPace, boot: str) -> None:
        members = json.dumps({name: asdict(one) for name, one in line.members.items()})
        plain = {name: getattr(line, name) for name in _PLAIN} | {"closed": int(line.closed)}
        cursor.execute(_WRITE, named(store_id=self._store_id, boot=boot, members=members, **plain))


async def _shielded(future: asyncio.Future[T]) -> T:
    """Wait for what goes on where the wait is cancelled; what it fails by then concerns nobody."""

    def hear(ended: asyncio.Future[T]) -> None:
        if not ended.cancelled():
            ended.exception()

    future.add_done_callback(hear)
    return await asyncio.shield(future)


def _numbers(line: SharedPace) -> list[int]:
    return [int(name) for name in line.members]
