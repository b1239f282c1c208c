"""What the ledger asks of the database that holds it: one seam, with SQLite and PostgreSQL behind it.

Statements are the same for both (`compiled.py`); who lives, how a transaction begins and what a fault
means is each database's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ordersheet.core.errors import LedgerError
    from ordersheet.core.uptime import Uptime
    from ordersheet.ledger.compiled import Statement


Line = Any
"""One line of what a statement gives: a tuple, or None where there is no more."""
Values = Any
"""What a statement is given: values by name or by place."""
PAGE = 2000
"""So many lines are copied at a time."""


class Cursor(Protocol):
    """What carries a statement out, as the DB API has it; values go by name or by place."""

    @property
    def rowcount(self) -> int:
        """How many lines the last statement changed."""

    @property
    def description(self) -> Line:
        """What the last statement gives: a tuple a column, the name first."""

    def execute(self, statement: Statement | str, values: Values = ..., /) -> Cursor:
        """Carry a statement out."""

    def executemany(self, statement: Statement | str, values: Iterable[Values], /) -> Cursor:
        """Carry a statement out once for each of the values."""

    def fetchone(self) -> Line:
        """Give the next line."""

    def fetchmany(self, size: int, /) -> list[Line]:
        """Give so many of the next lines."""

    def fetchall(self) -> list[Line]:
        """Give all lines that are left."""

    def __iter__(self) -> Iterator[Line]: ...


class Transactions(Protocol):
    """The one connection that writes; only the writer's thread uses it."""

    cursor: Cursor

    @property
    def open(self) -> bool:
        """Whether a transaction is under way."""

    def begin(self, *, alone: bool, stores: Collection[int] = ()) -> None:
        """Begin a transaction.

        Args:
            alone: nobody else writes meanwhile. Without it, those may who write what they have claimed alone.
            stores: whose orders it is about, by their numbers; alone, it keeps nobody from other stores.
                None is named where it may be about anything.
        """

    def commit(self) -> None:
        """Make it durable; returns when it is."""

    def roll_back(self) -> None:
        """Take it back."""

    def close(self) -> None:
        """Let go of the connection."""


class Do(Protocol):
    """Runs a job in a transaction that writes, and waits for its commit."""

    def __call__(self, work: Callable[[Cursor], None], *, alone: bool) -> None:
        """Raise LedgerError where it could not be made durable."""


class Presence(Protocol):
    """That this process lives, as others see it: an OS lock, or a lease."""

    name: str
    """Unique for ever."""

    def check(self) -> None:
        """Raise LedgerError where others can no longer see it; called after each commit."""

    def entered(self, cursor: Cursor, number: int) -> None:
        """Take note that the process is entered under a number; in the transaction that does so."""

    def keep(self, do: Do, number: int) -> None:
        """Be seen from now on for as long as the process lives; entered under this number."""

    def forget(self, name: str) -> None:
        """Clear away what a dead process left behind."""

    def release(self) -> None:
        """Let go of it."""


class Database(Protocol):
    """A ledger's database, opened."""

    copies: Path
    """The folder of private copies of inputs."""
    refusals: tuple[type[Exception], ...]
    """What it raises where something does not fit its rules."""
    user: str | None
    """Whom the database takes this process for; None where it asks nobody."""
    far: bool
    """Whether it can go away while this computer is well: then results are kept in memory, too."""

    def translate(self, fault: BaseException) -> LedgerError:
        """Say in one sentence what an error means for the ledger."""

    def plain_words(self) -> AbstractContextManager[None]:
        """Turn what the database or the system raise inside into LedgerError."""

    def passing(self, fault: BaseException) -> bool:
        """Tell whether the same transaction may well succeed if it is tried anew."""

    def reading(self) -> AbstractContextManager[Cursor]:
        """Open a cursor that reads, all of it as of one moment."""

    def writing(self) -> Transactions:
        """Open the connection that writes."""

    def appear(self) -> Presence:
        """Let others see that this process lives."""

    def alive(self, name: str) -> bool:
        """Tell whether the process with this presence lives; inside a transaction of this ledger."""

    def living(self, names: Iterable[str]) -> set[str]:
        """Tell who of several lives, for whoever only looks; inside a transaction of this ledger."""

    def shared_clock(self, cursor: Cursor) -> Uptime:
        """Tell the time by the clock that all who use this ledger have in common."""

    def pages(self, cursor: Cursor, statement: Statement) -> Iterator[list[Line]]:
        """Give what a statement without values gives, a page at a time, so that it may be more than fits."""

    def without_rules(self, cursor: Cursor) -> AbstractContextManager[None]:
        """Let lines be entered as they were elsewhere, past the rules that hold every writer."""

    def count_on(self, cursor: Cursor) -> None:
        """See to it that new lines get numbers above those that were entered."""

    def back_up(self, target: Path) -> None:
        """Copy the whole ledger, as of one moment, into a file that is there already."""

    def backups(self) -> Iterable[Path]:
        """Name the older backups beside the ledger."""

    def overwrite_removed(self) -> None:
        """See to it that what was removed cannot be read from the disk."""

    def close(self) -> None:
        """Let go of it."""
