"""Claims on orders: no two living runs work on one order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ordersheet.ledger import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ordersheet.ledger.database import Cursor


class Claims:
    """Claims orders for one run.

    Args:
        alive: tells whether the process behind a lock still lives.
    """

    def __init__(self, store_id: int, run_id: int, process_id: int, alive: Callable[[str], bool]) -> None:
        self._store_id = store_id
        self._run_id = run_id
        self._process_id = process_id
        self._alive = alive

    def take(self, cursor: Cursor, orders: Sequence[int]) -> tuple[set[int], set[int]]:
        """Claim what no other living process has.

        Returns:
            The orders newly claimed, and those that this run had claimed before.
        """
        mine: set[int] = set()
        others: set[int] = set()
        living: dict[str, bool] = {}
        values = {"p_store": self._store_id, "p_orders": json.dumps(list(orders))}
        for order, run_id, process_id, lock in cursor.execute(statements.CLAIMED, values).fetchall():
            if run_id == self._run_id:
                mine.add(order)
                continue
            if lock not in living:
                living[lock] = process_id == self._process_id or self._alive(lock)
            if living[lock]:
                others.add(order)
        new = [order for order in dict.fromkeys(orders) if order not in mine and order not in others]
        claimed = {"p_orders": json.dumps(new), "p_process": self._process_id, "p_run": self._run_id}
        cursor.execute(statements.CLAIM, values | claimed)
        return set(new), mine

    def owed(self, cursor: Cursor) -> list[int]:
        """Name the orders that owe a look, but for those that a living run has claimed: this one, too."""
        values = {"p_store": self._store_id}
        owing = [order for (order,) in cursor.execute(statements.OWED, values)]
        if not owing:
            return []
        living: dict[str, bool] = {}
        busy = set()
        for order, run_id, lock in cursor.execute(statements.OWED_CLAIMS, values).fetchall():
            if run_id == self._run_id or living.setdefault(lock, self._alive(lock)):
                busy.add(order)
        return [order for order in owing if order not in busy]
