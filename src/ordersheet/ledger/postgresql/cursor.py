"""A cursor that gathers statements and sends them together: one journey to the database for many of them.

A row takes about nine statements, and a database 2 ms away would make 18 ms of them. So a statement leaves
only when somebody asks what it gave, or with the commit; a fault of it then shows there. Statements that are
alike, of whatever lanes, leave as one (`batch.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from ordersheet.ledger.compiled import Statement
from ordersheet.ledger.postgresql.batch import MOST, batch
from ordersheet.ledger.postgresql.dialect import SCHEMA, translated
from ordersheet.ledger.postgresql.faults import MISSED
from ordersheet.ledger.postgresql.literals import filled, readable
from ordersheet.ledger.statements import MUST_HIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ordersheet.ledger.compiled import Params
    from ordersheet.ledger.database import Cursor, Line, Values
    from ordersheet.ledger.postgresql.batch import Batch
    from ordersheet.ledger.statements import Write


@dataclass(slots=True)
class _Alike:
    """One statement, with the values of all who want it carried out at the same time."""

    statement: Statement
    batch: Batch | None
    """How it is written for many; None where it stands alone."""
    values: list[Params | tuple[object, ...]] = field(default_factory=list)
    keys: set[tuple[object, ...]] = field(default_factory=set)

    def takes(self, statement: Statement, key: tuple[object, ...] | None) -> bool:
        """Tell whether another one fits in: no line is named twice."""
        return (
            self.statement is statement
            and self.batch is not None
            and key not in self.keys
            and len(self.values) < MOST
        )

    def written(self, position: int) -> str:
        """Write it; where it must change a line for each of its values, the database sees to that."""
        number = len(self.values)
        if number == 1 or self.batch is None:
            text = filled(translated(self.statement), self.values[0])
        else:
            text = self.batch.filled(self.values)
        if self.statement not in MUST_HIT:
            return text
        return (
            f"WITH changed AS ({text} RETURNING 1)"
            f" SELECT {SCHEMA}.must_be({number}, count(*), '{position}') FROM changed"
        )


class GatheringCursor:
    """Implements `Cursor`.

    Args:
        raw: of a connection in autocommit mode.
    """

    def __init__(self, raw: psycopg.Cursor[Any]) -> None:
        self._raw = raw
        self._gathered: list[str | _Alike] = []
        self._floor = 0
        """Where what is gathered next may come at the earliest."""
        self._refuse: Callable[[Params], Exception] | None = None

    @property
    def waiting(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self._gathered)

    @property
    def rowcount(self) -> int:
        """How many lines the last statement changed."""
        self.send()
        return self._raw.rowcount

    @property
    def description(self) -> Line:
        """What the last statement gives."""
        self.send()
        return self._raw.description

    def execute(self, statement: Statement | str, values: Values = (), /) -> GatheringCursor:
        """Gather one of the ledger's statements."""
        assert isinstance(statement, Statement)
        return self.gather(translated(statement), values)

    def executemany(self, statement: Statement | str, values: Iterable[Values], /) -> GatheringCursor:
        """Gather a statement once for each of the values."""
        assert isinstance(statement, Statement)
        self._place([(statement, one) for one in values], len(self._gathered))
        self._floor = len(self._gathered)
        return self

    def carry_out(
        self, writes: Iterable[Write], refuse: Callable[[Params], Exception], *, apart: bool
    ) -> None:
        """Gather what one lane writes, in its order; it may mix with what others write.

        Args:
            writes: statements and their values.
            refuse: gives what to raise where one of `MUST_HIT` changes nothing, of its values.
            apart: all that was gathered before comes first, and what is gathered later comes after.
        """
        self._refuse = refuse
        if apart:
            self._floor = len(self._gathered)
        self._place(writes, self._floor)
        if apart:
            self._floor = len(self._gathered)

    def _place(self, writes: Iterable[Write], at: int) -> None:
        gathered = self._gathered
        for statement, values in writes:
            form = batch(statement)
            key = None if form is None else form.key_of(values)
            for position in range(at, len(gathered)):
                one = gathered[position]
                if type(one) is _Alike and one.takes(statement, key):
                    break
            else:
                position, one = len(gathered), _Alike(statement, form)
                gathered.append(one)
            assert isinstance(one, _Alike)
            one.values.append(values)
            if key is not None:
                one.keys.add(key)
            at = position

    def gather(self, text: str, values: Mapping[str, object] | Sequence[object] = ()) -> GatheringCursor:
        """Gather a statement in PostgreSQL's own words."""
        self._gathered.append(filled(text, values) if values else text.replace("%%", "%"))
        self._floor = len(self._gathered)
        return self

    def send(self) -> None:
        """Send what was gathered; stands at what the last statement gave."""
        gathered, refuse = self._gathered, self._refuse
        if not gathered:
            return
        self.drop()
        together = ";\n".join(
            [one if type(one) is str else one.written(at) for at, one in enumerate(gathered)]  # type: ignore[union-attr]
        )
        try:
            self._raw.execute(together.encode())
        except psycopg.Error as fault:
            if fault.sqlstate != MISSED or refuse is None:
                raise
            missed = gathered[int(fault.diag.message_primary or "")]
            assert isinstance(missed, _Alike)
            # Where there are several, each is tried anew in a transaction of its own.
            values = missed.values[0]
            assert isinstance(values, dict)
            raise refuse(values) from fault
        self._raw.set_result(-1)

    @property
    def status(self) -> str | None:
        """What the database says of the last statement that was sent."""
        return self._raw.statusmessage

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """Where the statements go; whatever was gathered has gone there."""
        self.send()
        return self._raw.connection

    def drop(self) -> None:
        """Forget what was gathered."""
        self._gathered, self._floor, self._refuse = [], 0, None

    def fetchone(self) -> Line:
        """Give the next line."""
        self.send()
        line = self._raw.fetchone()
        return None if line is None else readable(line)

    def fetchmany(self, size: int, /) -> list[Line]:
        """Give so many of the next lines."""
        self.send()
        return [readable(line) for line in self._raw.fetchmany(size)]

    def fetchall(self) -> list[Line]:
        """Give all lines that are left."""
        self.send()
        return [readable(line) for line in self._raw.fetchall()]

    def __iter__(self) -> Iterator[Line]:
        # All at once: another statement may be carried out while these lines are looked at.
        return iter(self.fetchall())


def gathering(cursor: Cursor) -> GatheringCursor:
    """Take a cursor of the ledger for what it is here, to speak in PostgreSQL's own words."""
    assert isinstance(cursor, GatheringCursor)
    return cursor
