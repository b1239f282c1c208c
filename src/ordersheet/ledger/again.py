"""The same texts once more: occurrences that are wanted, recorded before the first byte leaves.

All occurrences of an `--again` run become visible at once, with its line in `again_run`. Until
each of them is applied, refused, invalid or resolved, the next send of the same rows goes on with
them instead of adding more.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from ordersheet.core.model import OperationKind
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import statements
from ordersheet.ledger.keys import operation_key
from ordersheet.ledger.statements import timestamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from ordersheet.core.model import OrderWork
    from ordersheet.ledger.statements import Params
    from ordersheet.ledger.writer import Writer

_CHUNK = 1000

# What is wanted and not yet settled. `:store` and `:batch` are those of the run that wanted it.
_OPEN = f"""again.closed = 0 AND NOT EXISTS (
    SELECT 1 FROM operation WHERE operation.store_id = :store AND operation.order_id = again.order_id
    AND operation.field = again.field AND operation.key = again.key
    AND operation.occurrence = again.occurrence AND operation.batch IS :batch
    AND operation.state IN ('{OperationState.APPLIED}', '{OperationState.REFUSED}'))"""  # noqa: S608 - a constant

_NOT_MARKED = """SELECT run_id FROM again_run
    WHERE store_id = :store AND batch IS :batch AND finished IS NULL ORDER BY run_id"""
_ANY_OPEN = f"SELECT 1 FROM again WHERE run_id = :run AND {_OPEN} LIMIT 1"  # noqa: S608 - constants alone
_KNOWN = """SELECT coalesce(max(occurrence), 0) FROM operation
    WHERE store_id = :store AND order_id = :order AND field = :field AND key = :key AND batch IS :batch
    AND state <> 'absent'"""
_UNFINISHED = f"""SELECT run.name FROM again JOIN run ON run.id = again.run_id
    WHERE again.run_id IN (SELECT value FROM json_each(:runs))
    AND again.order_id = :order AND again.field = :field AND again.key = :key AND {_OPEN} LIMIT 1"""  # noqa: S608 - constants alone


class Wanted:
    """The occurrences that are wanted of the appends to one order."""

    def __init__(self) -> None:
        self._occurrences: dict[tuple[str, str], tuple[int, list[int]]] = {}
        self._given: dict[tuple[str, str], int] = {}

    def add(self, run_id: int, field: str, key: str, occurrence: int) -> None:
        """Add one; a later run's stand in place of an earlier run's."""
        known = self._occurrences.get((field, key))
        if known is not None and known[0] == run_id:
            known[1].append(occurrence)
        elif known is None or known[0] < run_id:
            self._occurrences[field, key] = (run_id, [occurrence])

    def next(self, field: str, key: str, *, each: bool) -> int:
        """Give the occurrence that an append of the file stands for; 1 where none is wanted.

        Args:
            field: the field.
            key: what the append does.
            each: whether each repetition in the file counts, or all of them as one.
        """
        known = self._occurrences.get((field, key))
        if known is None:
            return 1
        occurrences = known[1]
        number = self._given.get((field, key), 0)
        if each:
            self._given[field, key] = number + 1
        return occurrences[min(number, len(occurrences) - 1)]


class Again:
    """What is wanted once more at one store and in one batch.

    Args:
        run_id: of the run that asks.
        store_id: whose orders.
        batch: the run's.
        salt: for the keys.
        each: whether each repetition of a text in the file counts, or all of them as one.

    Attributes:
        unfinished: the numbers of the `--again` runs that are not finished, as last looked for.
    """

    def __init__(self, run_id: int, store_id: int, batch: str | None, salt: bytes, *, each: bool) -> None:
        self._run_id = run_id
        self._each = each
        self._salt = salt
        self._values = {"store": store_id, "batch": batch}
        self.unfinished: list[int] = []
        self._recorded = False

    def find_unfinished(self, cursor: sqlite3.Cursor, now: str) -> None:
        """Find the `--again` runs that are not finished, and mark those that have become so."""
        for run_id in self.see_unfinished(cursor):
            cursor.execute("UPDATE again_run SET finished = ? WHERE run_id = ?", (now, run_id))

    def see_unfinished(self, cursor: sqlite3.Cursor) -> list[int]:
        """Find the `--again` runs that are not finished; gives those that became so unmarked."""
        rows = cursor.execute(_NOT_MARKED, self._values).fetchall()
        self.unfinished = []
        finished: list[int] = []
        for (run_id,) in rows:
            values = {**self._values, "run": run_id}
            found = cursor.execute(_ANY_OPEN, values).fetchone()
            (self.unfinished if found is not None else finished).append(run_id)
        return finished

    @property
    def any(self) -> bool:
        """Whether anything is wanted at all."""
        return bool(self.unfinished)

    def wanted(self, cursor: sqlite3.Cursor, orders: Iterable[int]) -> dict[int, Wanted]:
        """Give what is wanted of these orders, by order."""
        if not self.unfinished:
            return {}
        by_order: dict[int, Wanted] = {}
        values = {"p_runs": json.dumps(self.unfinished), "p_orders": json.dumps(list(orders))}
        for order, field, key, occurrence, run_id in cursor.execute(statements.WANTED, values):
            by_order.setdefault(order, Wanted()).add(run_id, field, key, occurrence)
        return by_order

    def record(self, writer: Writer, works: Iterable[OrderWork], now: datetime) -> tuple[int, str | None]:
        """Record one more occurrence of each append than the ledger knows, all of them or none.

        Where the rows go on with an unfinished `--again` run, nothing is recorded.

        Returns:
            How many were recorded, and the id of the run that is finished instead.
        """
        if self._recorded:
            raise ValueError("recorded already")
        self._recorded = True
        recorded = 0
        for chunk in _chunks(works):
            appends = self._appends(chunk)
            finishing = writer.do(partial(self._write, appends))
            if finishing is not None:
                writer.do(self._take_back)
                return 0, finishing
            recorded += sum(append["times"] for append in appends)
        writer.do(lambda cursor: self._make_visible(cursor, timestamp(now)))
        return recorded, None

    def finished_by(self, writer: Writer, works: Iterable[OrderWork]) -> str | None:
        """Name the unfinished `--again` run that these works go on with; None where there is none."""
        if not self.unfinished:
            return None
        for chunk in _chunks(works):
            appends = self._appends(chunk)
            finishing = writer.do(partial(self._unfinished_among, appends))
            if finishing is not None:
                return finishing
        return None

    def estimate(
        self, cursor: sqlite3.Cursor, works: Sequence[OrderWork]
    ) -> Iterator[tuple[int, int, str, str, int]]:
        """Give what `record` would write: number of a run, order, field, key and occurrence."""
        appends = self._appends(works)
        if self._unfinished_among(appends, cursor) is not None:
            return
        # Above any run in the ledger, as the run would be that this one stands for.
        newest = cursor.execute("SELECT coalesce(max(id), 0) + 1 FROM run").fetchone()[0]
        for append in appends:
            known = cursor.execute(_KNOWN, append).fetchone()[0]
            for number in range(append["times"]):
                yield newest, append["order"], append["field"], append["key"], known + 1 + number

    def _appends(self, works: Sequence[OrderWork]) -> list[Params]:
        """Name the appends that these works ask for, each once with the number of times it is asked for."""
        times: dict[tuple[int, str, str], int] = {}
        for work in works:
            for update in work.updates:
                for operation in update.operations:
                    if operation.kind is OperationKind.APPEND:
                        name = work.order, operation.field, operation_key(self._salt, work.order, operation)
                        times[name] = times.get(name, 0) + 1
        return [
            {
                **self._values,
                "run": self._run_id,
                "order": order,
                "field": field,
                "key": key,
                "times": number if self._each else 1,
            }
            for (order, field, key), number in times.items()
        ]

    def _write(self, appends: list[Params], cursor: sqlite3.Cursor) -> str | None:
        finishing = self._unfinished_among(appends, cursor)
        if finishing is not None:
            return finishing
        for append in appends:
            known = cursor.execute(_KNOWN, append).fetchone()[0]
            cursor.executemany(
                "INSERT INTO again (run_id, order_id, field, key, occurrence, closed)"
                " VALUES (:run, :order, :field, :key, :occurrence, 0)",
                [{**append, "occurrence": known + 1 + number} for number in range(append["times"])],
            )
        return None

    def _unfinished_among(self, appends: list[Params], cursor: sqlite3.Cursor) -> str | None:
        if not self.unfinished:
            return None
        runs = json.dumps(self.unfinished)
        for append in appends:
            found = cursor.execute(_UNFINISHED, {**append, "runs": runs}).fetchone()
            if found is not None:
                return str(found[0])
        return None

    def _take_back(self, cursor: sqlite3.Cursor) -> None:
        cursor.execute("DELETE FROM again WHERE run_id = ?", (self._run_id,))

    def _make_visible(self, cursor: sqlite3.Cursor, now: str) -> None:
        cursor.execute(
            "INSERT INTO again_run (run_id, store_id, batch) VALUES (:run, :store, :batch)",
            {**self._values, "run": self._run_id},
        )
        self.find_unfinished(cursor, now)


def _chunks(works: Iterable[OrderWork]) -> Iterator[Sequence[OrderWork]]:
    iterator = iter(works)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
