"""Claiming orders: one transaction that claims, adopts what dead processes left, and reads the histories."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.history.orderbook import Ask, Doubt, Entry, OperationRef, OrderBook
from ordersheet.core.journal import AnsweredAppend
from ordersheet.core.model import Operation, OperationKind
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import statements
from ordersheet.ledger.keys import operation_key
from ordersheet.ledger.statements import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from ordersheet.core.history.orderbook import Policy
    from ordersheet.core.model import OrderWork
    from ordersheet.ledger.again import Wanted
    from ordersheet.ledger.database import Cursor

_HISTORY_STATES = {state.value: state.in_history for state in OperationState}
_KINDS = {kind.value: kind for kind in OperationKind}


LATEST = 400
"""How many operations are looked through for appends that show whether this store can be trusted."""


class Found(NamedTuple):
    """What the ledger knows of one order."""

    entries: Sequence[Entry]
    doubts: Sequence[Doubt]
    next_place: int
    absent: Sequence[Entry] = ()
    """What was in doubt once and is proven not applied."""


_NOTHING = Found((), (), 1)


class Reader:
    """Reads histories and makes books of them.

    Args:
        store_id: whose orders.
        salt: for the keys of what the file asks.
        policy: the options that bear on what is already done.
    """

    def __init__(self, store_id: int, salt: bytes, policy: Policy) -> None:
        self._store_id = store_id
        self._salt = salt
        self.policy = policy

    def found(
        self, cursor: Cursor, orders: Iterable[int], adopt_at: datetime | None = None
    ) -> dict[int, Found]:
        """Read what the ledger knows of these orders.

        Args:
            cursor: of a connection in a transaction.
            orders: their IDs.
            adopt_at: where given, whatever is `sending` there is taken over as in doubt, since this moment:
                the caller has just claimed the orders, so whoever was sending is gone.
        """
        entries: dict[int, list[Entry]] = {}
        doubts: dict[int, list[Doubt]] = {}
        absent: dict[int, list[Entry]] = {}
        places: dict[int, int] = {}
        values = {"p_store": self._store_id, "p_orders": json.dumps(list(orders))}
        for record in cursor.execute(statements.HISTORY, values).fetchall():
            (
                order,
                field,
                run,
                row,
                kind,
                key,
                state,
                occurrence,
                batch,
                at,
                message,
                value,
                place,
                is_open,
                number,
            ) = record
            places[order] = place
            entry_state = _HISTORY_STATES[state] or OperationState.ABSENT
            ref, text = OperationRef(run, row, field), as_text(value)
            entry = Entry(ref, _KINDS[kind], key, entry_state, occurrence, batch, moment(at), message, text)
            if entry_state is OperationState.ABSENT:
                if cursor.execute(statements.MAY_HAVE_LEFT, {"p_id": number}).fetchone() is not None:
                    absent.setdefault(order, []).append(entry)
                continue
            entries.setdefault(order, []).append(entry)
            if not is_open:
                continue
            if state == OperationState.SENDING:
                if adopt_at is None:
                    # What is under way is nobody's doubt until it is adopted.
                    continue
                cursor.execute(statements.ADOPT, {"p_id": number, "p_at": timestamp(adopt_at)})
            operation = Operation(field, _KINDS[kind], None if value is None else json.loads(value))
            doubt = self._doubt(cursor, number, ref, operation, entry)
            doubts.setdefault(order, []).append(doubt)
        return {
            order: Found(entries.get(order, ()), doubts.get(order, ()), place + 1, absent.get(order, ()))
            for order, place in places.items()
        }

    def _doubt(
        self, cursor: Cursor, number: int, ref: OperationRef, operation: Operation, entry: Entry
    ) -> Doubt:
        given_up, adopted, baseline = cursor.execute(statements.DOUBT, {"p_id": number}).fetchone()
        ended = max(filter(None, (given_up, adopted)), default=None)
        at = moment(ended) if ended is not None else entry.at
        assert at is not None
        return Doubt(ref, operation, baseline, at, entry.state)

    def book(self, work: OrderWork, found: Found | None, wanted: Wanted | None) -> OrderBook:
        """Make an order's book of what the file asks and what the ledger knows."""
        asks = []
        policy = self.policy
        for update in work.updates:
            for operation in update.operations:
                key = operation_key(self._salt, work.order, operation)
                occurrence = 1
                if wanted is not None and operation.kind is OperationKind.APPEND:
                    occurrence = wanted.next(operation.field, key, each=policy.duplicates == "send")
                asks.append(Ask(update.row, operation, key, occurrence))
        if wanted is not None and not policy.again and any(ask.occurrence > 1 for ask in asks):
            # What an unfinished --again run left is finished as such.
            policy = replace(policy, again=True)
        known = found or _NOTHING
        return OrderBook(work.order, asks, known.entries, policy, known.doubts, known.absent)


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


def answered_appends(cursor: Cursor, store_id: int) -> list[AnsweredAppend]:
    """Name the latest appends at a store after which nothing was done to their fields, the latest last."""
    latest: dict[tuple[int, str], AnsweredAppend | None] = {}
    found = cursor.execute(statements.LATEST, {"p_store": store_id, "p_most": LATEST})
    for order, field, kind, state, value, baseline in found:
        text = as_text(value)
        told = None
        if (kind, state) == (OperationKind.APPEND, OperationState.APPLIED) and text and baseline is not None:
            told = AnsweredAppend(order, field, baseline, text)
        latest.setdefault((order, field), told)
    return [told for told in reversed(latest.values()) if told is not None]


def as_text(value: str | None) -> str | None:
    """Give a stored value as a person would read it; None where its retention has ended."""
    if value is None:
        return None
    if value.startswith('"') and "\\" not in value:
        # Most texts need no unescaping, and a file that is sent again reads each of them twice.
        return value[1:-1]
    decoded = json.loads(value)
    return decoded if isinstance(decoded, str) else value
