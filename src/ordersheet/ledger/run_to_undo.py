"""A run that is to be undone, as the ledger knows it: read for the preview, without claiming anything."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ordersheet.core.history.entries import Policy
from ordersheet.ledger import undo
from ordersheet.ledger.histories import Reader
from ordersheet.ledger.queries import store_of
from ordersheet.ledger.runs import find_run
from ordersheet.ledger.undo import past_of

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator

    from ordersheet.core.history.undo import UndoBook
    from ordersheet.core.model import OrderWork
    from ordersheet.ledger.database import Database

_CHUNK = 500


class RunToUndo:
    """A run that is to be undone.

    Args:
        database: what holds it.
        name: its id.
        store: whose orders it changed.
    """

    def __init__(self, database: Database, name: str, store: str) -> None:
        self._database = database
        self._name = name
        self._store = store

    def works(self, chosen: Container[int] | None) -> list[OrderWork]:
        """Give what it did, or may have done, order by order; `chosen` are the rows that are meant."""
        with self._database.reading() as cursor:
            return undo.works_of(cursor, find_run(cursor, self._name)[1], chosen)

    def books(self, works: Iterable[OrderWork], *, guess: bool) -> Iterator[UndoBook]:
        """Give the books of these orders; `guess` puts back attributes that nobody can see."""
        iterator = iter(works)
        while chunk := list(islice(iterator, _CHUNK)):
            orders = [work.order for work in chunk]
            with self._database.reading() as cursor:
                target = undo.target_of(cursor, self._name)
                store_id = store_of(cursor, self._store)
                reader = Reader(store_id, b"", Policy())
                found = reader.found(cursor, orders)
                past = past_of(cursor, store_id, target, orders)
            for order, work in zip(orders, chunk, strict=True):
                yield reader.undo_book(work, found.get(order), target.names, past.get(order), guess=guess)

    def busy(self, orders: Collection[int]) -> list[int]:
        """Name those of these orders that a living run works on."""
        with self._database.reading() as cursor:
            return undo.busy_orders(cursor, store_of(cursor, self._store), orders, self._database.alive)

    def counted_on(self) -> int:
        """Count the rows of later runs that are `already applied` since this run did it."""
        with self._database.reading() as cursor:
            return undo.counted_on(cursor, undo.target_of(cursor, self._name))
