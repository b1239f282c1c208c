"""A cursor that gathers statements and sends them together: one journey to the database for many of them.

A row takes about nine statements, and a database 2 ms away would make 18 ms of them. So a statement leaves
only when somebody asks what it gave, or with the commit; a fault of it then shows there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ordersheet.ledger.postgresql.dialect import translated
from ordersheet.ledger.postgresql.literals import filled, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import psycopg

    from ordersheet.ledger.database import Cursor


class GatheringCursor:
    """Implements `Cursor`.

    Args:
        raw: of a connection in autocommit mode.
    """

    def __init__(self, raw: psycopg.Cursor[Any]) -> None:
        self._raw = raw
        self._gathered: list[str] = []
        self._checks: dict[int, Callable[[], Exception]] = {}

    @property
    def waiting(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self._gathered)

    @property
    def checking(self) -> bool:
        """Whether what waits may be refused once it is known what it changed."""
        return bool(self._checks)

    @property
    def rowcount(self) -> int:
        """How many lines the last statement changed."""
        self.send()
        return self._raw.rowcount

    @property
    def description(self) -> Any:  # noqa: ANN401 - psycopg's own
        """What the last statement gives."""
        self.send()
        return self._raw.description

    def must_hit(self, refuse: Callable[[], Exception]) -> None:
        """Let the last statement be refused where it changes nothing."""
        self._checks[len(self._gathered) - 1] = refuse

    def execute(self, statement: str, values: Any = (), /) -> GatheringCursor:  # noqa: ANN401 - see Cursor
        """Gather one of the ledger's statements."""
        return self.gather(translated(statement), values)

    def executemany(self, statement: str, values: Iterable[Any], /) -> GatheringCursor:
        """Gather a statement once for each of the values."""
        text = translated(statement)
        for one in values:
            self.gather(text, one)
        return self

    def gather(self, text: str, values: Mapping[str, object] | Sequence[object] = ()) -> GatheringCursor:
        """Gather a statement in PostgreSQL's own words."""
        self._gathered.append(filled(text, values) if values else text.replace("%%", "%"))
        return self

    def send(self) -> None:
        """Send what was gathered; stands at what the last statement gave."""
        if not self._gathered:
            return
        checks, together = self._checks, ";\n".join(self._gathered)
        self.drop()
        self._raw.execute(together.encode())
        for position, refuse in checks.items():
            self._raw.set_result(position)
            if self._raw.rowcount == 0:
                raise refuse()
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
        self._gathered, self._checks = [], {}

    def fetchone(self) -> Any:  # noqa: ANN401 - a line, or None
        """Give the next line."""
        self.send()
        line = self._raw.fetchone()
        return None if line is None else readable(line)

    def fetchmany(self, size: int, /) -> list[Any]:
        """Give so many of the next lines."""
        self.send()
        return [readable(line) for line in self._raw.fetchmany(size)]

    def fetchall(self) -> list[Any]:
        """Give all lines that are left."""
        self.send()
        return [readable(line) for line in self._raw.fetchall()]

    def __iter__(self) -> Iterator[Any]:
        # All at once: another statement may be carried out while these lines are looked at.
        return iter(self.fetchall())


def gathering(cursor: Cursor) -> GatheringCursor:
    """Take a cursor of the ledger for what it is here, to speak in PostgreSQL's own words."""
    assert isinstance(cursor, GatheringCursor)
    return cursor
