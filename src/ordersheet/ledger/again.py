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

from sqlalchemy import and_, delete, exists, func, select, update

from ordersheet.core.model import OperationKind
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import statements
from ordersheet.ledger.compiled import ONE, ZERO, Statement, bind, constant, insert, listed, named
from ordersheet.ledger.keys import operation_key
from ordersheet.ledger.schema import again, again_run, operation, run
from ordersheet.ledger.statements import timestamp
from ordersheet.ledger.taken_back import is_undone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from ordersheet.core.model import OrderWork
    from ordersheet.ledger.compiled import Params
    from ordersheet.ledger.database import Cursor
    from ordersheet.ledger.writer import Writer

_CHUNK = 1000

_same = (
    operation.c.store_id == bind("store"),
    operation.c.batch.is_not_distinct_from(bind("batch")),
)
# What is wanted and not yet settled; store and batch are those of the run that wanted it.
_open = and_(
    again.c.closed == ZERO,
    ~exists().where(
        *_same,
        operation.c.order_id == again.c.order_id,
        operation.c.field == again.c.field,
        operation.c.key == again.c.key,
        operation.c.occurrence == again.c.occurrence,
        operation.c.state.in_(
            [constant(OperationState.APPLIED.value), constant(OperationState.REFUSED.value)]
        ),
        ~is_undone(),
    ),
)
_NOT_MARKED = Statement(
    select(again_run.c.run_id)
    .where(
        again_run.c.store_id == bind("store"),
        again_run.c.batch.is_not_distinct_from(bind("batch")),
        again_run.c.finished.is_(None),
    )
    .order_by(again_run.c.run_id)
)
_MARK = Statement(
    update(again_run).where(again_run.c.run_id == bind("run")).values(finished=bind("finished"))
)
_ANY_OPEN = Statement(
    select(again.c.run_id).where(again.c.run_id == bind("run"), _open).limit(ONE).offset(ZERO)
)
_KNOWN = Statement(
    select(func.coalesce(func.max(operation.c.occurrence), ZERO)).where(
        *_same,
        operation.c.order_id == bind("order"),
        operation.c.field == bind("field"),
        operation.c.key == bind("key"),
        operation.c.state != constant(OperationState.ABSENT.value),
        ~is_undone(),
    )
)
_UNFINISHED = Statement(
    select(run.c.name)
    .join(again, again.c.run_id == run.c.id)
    .where(
        again.c.run_id.in_(listed("runs")),
        again.c.order_id == bind("order"),
        again.c.field == bind("field"),
        again.c.key == bind("key"),
        _open,
    )
    .limit(ONE)
    .offset(ZERO)
)
_NEXT_RUN = Statement(select(func.coalesce(func.max(run.c.id), ZERO) + ONE))
_WANT = Statement(
    insert(again).values(
        run_id=bind("run"),
        order_id=bind("order"),
        field=bind("field"),
        key=bind("key"),
        occurrence=bind("occurrence"),
        closed=ZERO,
    )
)
_TAKE_BACK = Statement(delete(again).where(again.c.run_id == bind("run")))
_SHOW = Statement(insert(again_run).values(run_id=bind("run"), store_id=bind("store"), batch=bind("batch")))


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
        self._values = named(store=store_id, batch=batch)
        self.unfinished: list[int] = []
        self._recorded = False

    def find_unfinished(self, cursor: Cursor, now: str) -> None:
        """Find the `--again` runs that are not finished, and mark those that have become so."""
        for run_id in self.see_unfinished(cursor):
            cursor.execute(_MARK, named(run=run_id, finished=now))

    def see_unfinished(self, cursor: Cursor) -> list[int]:
        """Find the `--again` runs that are not finished; gives those that became so unmarked."""
        rows = cursor.execute(_NOT_MARKED, self._values).fetchall()
        self.unfinished = []
        finished: list[int] = []
        for (run_id,) in rows:
            values = {**self._values, **named(run=run_id)}
            found = cursor.execute(_ANY_OPEN, values).fetchone()
            (self.unfinished if found is not None else finished).append(run_id)
        return finished

    @property
    def any(self) -> bool:
        """Whether anything is wanted at all."""
        return bool(self.unfinished)

    def wanted(self, cursor: Cursor, orders: Iterable[int]) -> dict[int, Wanted]:
        """Give what is wanted of these orders, by order."""
        if not self.unfinished:
            return {}
        by_order: dict[int, Wanted] = {}
        values = named(runs=json.dumps(self.unfinished), orders=json.dumps(list(orders)))
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
            recorded += sum(append["p_times"] for append in appends)
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
        self, cursor: Cursor, works: Sequence[OrderWork]
    ) -> Iterator[tuple[int, int, str, str, int]]:
        """Give what `record` would write: number of a run, order, field, key and occurrence."""
        appends = self._appends(works)
        if self._unfinished_among(appends, cursor) is not None:
            return
        # Above any run in the ledger, as the run would be that this one stands for.
        newest = cursor.execute(_NEXT_RUN).fetchone()[0]
        for append in appends:
            known = cursor.execute(_KNOWN, append).fetchone()[0]
            for number in range(append["p_times"]):
                yield newest, append["p_order"], append["p_field"], append["p_key"], known + 1 + number

    def _appends(self, works: Sequence[OrderWork]) -> list[Params]:
        """Name the appends that these works ask for, each once with the number of times it is asked for."""
        times: dict[tuple[int, str, str], int] = {}
        for work in works:
            for asked in work.updates:
                for one in asked.operations:
                    if one.kind is OperationKind.APPEND:
                        name = work.order, one.field, operation_key(self._salt, work.order, one)
                        times[name] = times.get(name, 0) + 1
        return [
            {
                **self._values,
                **named(run=self._run_id, order=order, field=field, key=key),
                **named(times=number if self._each else 1),
            }
            for (order, field, key), number in times.items()
        ]

    def _write(self, appends: list[Params], cursor: Cursor) -> str | None:
        finishing = self._unfinished_among(appends, cursor)
        if finishing is not None:
            return finishing
        for append in appends:
            known = cursor.execute(_KNOWN, append).fetchone()[0]
            cursor.executemany(
                _WANT,
                [{**append, **named(occurrence=known + 1 + number)} for number in range(append["p_times"])],
            )
        return None

    def _unfinished_among(self, appends: list[Params], cursor: Cursor) -> str | None:
        if not self.unfinished:
            return None
        runs = json.dumps(self.unfinished)
        for append in appends:
            found = cursor.execute(_UNFINISHED, {**append, **named(runs=runs)}).fetchone()
            if found is not None:
                return str(found[0])
        return None

    def _take_back(self, cursor: Cursor) -> None:
        cursor.execute(_TAKE_BACK, named(run=self._run_id))

    def _make_visible(self, cursor: Cursor, now: str) -> None:
        cursor.execute(_SHOW, {**self._values, **named(run=self._run_id)})
        self.find_unfinished(cursor, now)


def _chunks(works: Iterable[OrderWork]) -> Iterator[Sequence[OrderWork]]:
    iterator = iter(works)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
