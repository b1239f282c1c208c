"""Earlier tries of the same chunk: which runs they were, and when they first came to each order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from ordersheet.ledger.compiled import Statement, bind, insert, listed, named
from ordersheet.ledger.histories import Came
from ordersheet.ledger.schema import chunk_order, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ordersheet.ledger.database import Cursor
    from ordersheet.ledger.histories import Found

_of_chunk = chunk_order.c.run_id == bind("run"), chunk_order.c.number == bind("number")
_TRIES = Statement(select(run.c.name).where(run.c.part_of == bind("run"), run.c.part == bind("number")))
_CAME = Statement(
    select(chunk_order.c.order_id, chunk_order.c.place).where(
        *_of_chunk, chunk_order.c.order_id.in_(listed("orders"))
    )
)
_NOTE = Statement(
    insert(chunk_order)
    .values({name: bind(name) for name in ("run_id", "number", "order_id", "place")})
    .on_conflict_do_nothing()
)
FORGET = Statement(delete(chunk_order).where(*_of_chunk))


class Tries:
    """The tries of one chunk.

    Args:
        run_id: of the run that was submitted.
        number: the chunk's.
    """

    def __init__(self, run_id: int, number: int) -> None:
        self._of_chunk = named(run=run_id, number=number)
        self._run_id, self._number = run_id, number
        self._runs: frozenset[str] = frozenset()

    def find(self, cursor: Cursor) -> None:
        """Read which runs there have been."""
        self._runs = frozenset(name for (name,) in cursor.execute(_TRIES, self._of_chunk).fetchall())

    def came(self, cursor: Cursor, orders: Iterable[int]) -> Came:
        """Tell how far the tries have come with these orders."""
        values = {**self._of_chunk, **named(orders=json.dumps(list(orders)))}
        return Came(self._runs, dict(map(tuple, cursor.execute(_CAME, values).fetchall())))

    def note(self, cursor: Cursor, orders: Iterable[int], found: Mapping[int, Found]) -> None:
        """Note that a try has come to these orders, of which so much is known."""
        cursor.executemany(
            _NOTE,
            [
                named(
                    run_id=self._run_id,
                    number=self._number,
                    order_id=order,
                    place=found[order].next_place - 1 if order in found else 0,
                )
                for order in orders
            ],
        )
