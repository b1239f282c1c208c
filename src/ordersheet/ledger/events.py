"""From what delivery tells to what is written: each event as statements with their values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError
from ordersheet.core.journal import AttemptEnded, Begin, Done, Heard, Learned, Looked, Release, Settle, There
from ordersheet.ledger import statements
from ordersheet.ledger.keys import KEY_VERSION
from ordersheet.ledger.statements import timestamp
from ordersheet.ledger.taken_back import TAKE_BACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from ordersheet.core.history.orderbook import Ask
    from ordersheet.core.journal import Event
    from ordersheet.core.model import RowResult
    from ordersheet.core.uptime import Uptime
    from ordersheet.ledger.compiled import Params
    from ordersheet.ledger.database import Cursor
    from ordersheet.ledger.statements import Write


class EventWriter:
    """Puts the events of one run into statements.

    Attributes:
        run: the run's id, as people write it.
        places: for each order that is claimed, the place of its next operation in the order of sending.

    Args:
        run: see above.
        run_id: its number.
        store_id: whose orders.
        batch: the run's, where it has one.
        uptime: the clock that nobody can turn.
    """

    def __init__(
        self, run: str, run_id: int, store_id: int, batch: str | None, uptime: Callable[[], Uptime]
    ) -> None:
        self.run = run
        self._uptime = uptime
        self.places: dict[int, int] = {}
        self._run_id = run_id
        self._store_id = store_id
        self._batch = batch
        self._latest: tuple[datetime | None, str | None] = (None, None)

    def writes(self, events: Iterable[Event]) -> list[Write]:
        """Put events into statements, in their order.

        Raises:
            LedgerError: an event concerns an order that this run has not claimed.
        """
        writes: list[Write] = []
        released: list[int] = []
        for event in events:
            if isinstance(event, Done):
                writes.append((statements.DONE, self.row_values(event.result)))
            elif isinstance(event, Release):
                released.append(event.order)
            else:
                writes += self._one(event)
        return [*writes, *map(self._release, released)]

    def _one(
        self, event: Begin | AttemptEnded | Settle | There | Learned | Looked | Heard
    ) -> Iterator[Write]:
        match event:
            case Begin():
                return self._begin(event)
            case Settle():
                return iter((self._settle(event),))
            case AttemptEnded():
                return iter((self._gave_up(event),))
            case There():
                return self._there(event)
            case Looked() | Heard():
                return iter((self._of_order(event),))
            case Learned():
                values = {
                    "p_store": self._store_id,
                    "p_field": event.field,
                    "p_reads_back": int(event.reads_back),
                }
                return iter(((statements.LEARNED, values),))

    def _of_order(self, event: Looked | Heard) -> Write:
        of_order: Params = {"p_store": self._store_id, "p_order": event.order}
        if isinstance(event, Looked):
            return statements.LOOKED, of_order
        boot, seconds = self._uptime()
        return statements.HEARD, {**of_order, "p_boot": boot, "p_uptime": seconds}

    def _begin(self, event: Begin) -> Iterator[Write]:
        run, at = self._run_id, timestamp(event.at)
        yield (
            statements.BEGIN_ROW,
            {"p_run": run, "p_row": event.row, "p_order_text": str(event.order)},
        )
        attempt: Params = {"p_run": run, "p_row": event.row, "p_number": event.attempt}
        yield statements.BEGIN_ATTEMPT, {**attempt, "p_at": at}
        for field, text in (event.baseline or {}).items():
            yield statements.BASELINE, {**attempt, "p_field": field, "p_text": text}
        for ask in event.asks:
            yield statements.BEGIN_OPERATION, self._operation(event.order, ask, event.attempt, at)
        for ref in event.takes_back:
            (ask,) = event.asks
            step = {"p_step_run": ref.run, "p_step_row": ref.row, "p_step_field": ref.field}
            own = {"p_run": run, "p_row": event.row, "p_field": ask.operation.field}
            yield TAKE_BACK, own | step

    def _there(self, event: There) -> Iterator[Write]:
        yield statements.THERE, self._operation(event.order, event.ask, 0, timestamp(event.at))

    def _operation(self, order: int, ask: Ask, attempt: int, at: str) -> Params:
        place = self.places.get(order)
        if place is None:
            raise LedgerError(
                f"Order {order} is not claimed by run {self.run}, so it cannot be changed.", code="refused"
            )
        self.places[order] = place + 1
        operation = ask.operation
        return {
            "p_run": self._run_id,
            "p_row": ask.row,
            "p_field": operation.field,
            "p_store_id": self._store_id,
            "p_order_id": order,
            "p_place": place,
            "p_kind": operation.kind.value,
            "p_key": ask.key,
            "p_key_version": KEY_VERSION,
            "p_batch": self._batch,
            "p_occurrence": ask.occurrence,
            "p_attempt": attempt,
            "p_at": at,
            "p_value": json.dumps(operation.value),
        }

    def _gave_up(self, event: AttemptEnded) -> Write:
        boot, seconds = self._uptime()
        return statements.GAVE_UP, {
            "p_boot": boot,
            "p_uptime": seconds,
            "p_run": self._run_id,
            "p_row": event.row,
            "p_number": event.attempt,
            "p_at": timestamp(event.at),
            "p_verdict": event.verdict,
            "p_status": event.status,
        }

    def _settle(self, event: Settle) -> Write:
        own = event.ref.run == self.run
        return statements.SETTLE if own else statements.SETTLE_OTHER, {
            "p_run": self._run_id if own else event.ref.run,
            "p_row": event.ref.row,
            "p_field": event.ref.field,
            "p_state": event.state.value,
            "p_message": event.message,
            "p_at": timestamp(event.at),
        }

    def _release(self, order: int) -> Write:
        self.places.pop(order, None)
        return statements.RELEASE, {"p_store": self._store_id, "p_order": order, "p_run": self._run_id}

    def row_values(self, result: RowResult) -> tuple[object, ...]:
        """Give a row's result as the values of `DONE` and `NOT_SENT`."""
        row, order, outcome, message, at, left_out = result
        if at is not self._latest[0]:
            # Results that are told together bear the same moment.
            self._latest = at, None if at is None else timestamp(at)
        return self._run_id, row, order, outcome.value, message, self._latest[1], int(left_out)


def execute(writes: Iterable[Write], cursor: Cursor, *, apart: bool = True) -> None:
    """Carry statements out.

    Args:
        writes: statements and their values.
        cursor: of a transaction that writes.
        apart: what others write in the same transaction comes wholly before or after. Without it, the
            database may carry out together what is alike.

    Raises:
        LedgerError: one names what is not in the ledger; at the latest with the commit.
    """
    # Asked by name: each row comes by here, and to compare a whole protocol takes as long as a statement.
    carry_out = getattr(cursor, "carry_out", None)
    if carry_out is not None:
        carry_out(writes, _unknown, apart=apart)
        return
    for statement, values in writes:
        cursor.execute(statement, values)
        if statement in statements.MUST_HIT and cursor.rowcount == 0:
            assert isinstance(values, dict)
            raise _unknown(values)


def _unknown(values: Params) -> LedgerError:
    return LedgerError(
        f"The ledger does not know what row {values['p_row']} of run {values['p_run']} is said to have done.",
        code="refused",
    )
