"""Histories of orders: what the ledger knows of them, and the taking over of what dead processes left."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ordersheet.core.history.orderbook import Ask, Doubt, Entry, OperationRef, OrderBook, TakenOut
from ordersheet.core.history.tries import EarlierTries
from ordersheet.core.history.undo import UndoBook
from ordersheet.core.journal import AnsweredAppend
from ordersheet.core.model import Operation, OperationKind
from ordersheet.core.operation_state import OperationState
from ordersheet.core.uptime import Uptime, seconds_since
from ordersheet.ledger import statements
from ordersheet.ledger.keys import operation_key
from ordersheet.ledger.statements import moment, timestamp
from ordersheet.ledger.taken_back import PERHAPS, UNDONE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from ordersheet.core.history.orderbook import Policy
    from ordersheet.core.model import OrderWork
    from ordersheet.ledger.again import Wanted
    from ordersheet.ledger.compiled import Statement
    from ordersheet.ledger.database import Cursor
    from ordersheet.ledger.undo import PastOfOrder

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
    taken_back: Collection[tuple[str, str]] = ()
    """By field and key, what undos have taken back."""
    gone: Mapping[str, TakenOut] = MappingProxyType({})
    """By field, the texts of it, and when that was."""
    tries: EarlierTries | None = None


_NOTHING = Found((), (), 1)


@dataclass(slots=True)
class _Gathered:
    """The same, as it is read operation by operation."""

    entries: list[Entry] = dataclasses.field(default_factory=list)
    doubts: list[Doubt] = dataclasses.field(default_factory=list)
    absent: list[Entry] = dataclasses.field(default_factory=list)
    perhaps: dict[str, list[Entry]] = dataclasses.field(default_factory=dict)
    """By field: what an undo that is in doubt may have taken back."""
    taken_back: set[tuple[str, str]] = dataclasses.field(default_factory=set)
    gone: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    """By field, the texts that undos have taken back."""
    undone_at: dict[str, datetime] = dataclasses.field(default_factory=dict)
    """By field, when the latest undo put it back."""
    place: int = 0
    story: list[Entry] = dataclasses.field(default_factory=list)
    """What earlier tries of the same rows need to know."""
    own: set[OperationRef] = dataclasses.field(default_factory=set)
    since: set[OperationRef] = dataclasses.field(default_factory=set)
    undone_since: set[OperationRef] = dataclasses.field(default_factory=set)

    def note_try(self, entry: Entry, came: Came, *, since: bool, taken: int | None) -> None:
        """Note what tries did, undone since or not, and what others did since the first of them."""
        own = entry.ref.run in came.runs
        if entry.state is OperationState.ABSENT or (taken == UNDONE and not own and not since):
            return
        if taken == UNDONE:
            # Whoever took it back has seen that it stood there.
            entry = entry._replace(state=OperationState.APPLIED)
        elif taken == PERHAPS and not own:
            entry = entry._replace(state=OperationState.IN_DOUBT)
        self.story.append(entry)
        if own:
            self.own.add(entry.ref)
        elif since:
            self.since.add(entry.ref)
            if taken == UNDONE:
                self.undone_since.add(entry.ref)

    def tries(self) -> EarlierTries | None:
        """Give what is known of earlier tries; None where there were none, or nothing came of them."""
        if not self.own and not self.since:
            return None
        return EarlierTries(self.story, self.own, self.since, self.undone_since)

    def note_undone(self, entry: Entry, *, undone: bool) -> None:
        """Note what was undone, or when an undo was applied."""
        name = entry.ref.field
        if undone:
            self.taken_back.add((name, entry.key))
            self.gone.setdefault(name, []).append(entry.text or "")
        elif entry.state is OperationState.APPLIED and entry.at is not None:
            self.undone_at[name] = entry.at

    def gone_texts(self) -> dict[str, TakenOut]:
        """Give by field the texts that an old copy would still show, and since when they are gone."""
        return {name: TakenOut(tuple(self.gone.get(name, ())), at) for name, at in self.undone_at.items()}


class Came(NamedTuple):
    """How far the tries of a chunk have come."""

    runs: frozenset[str]
    """The tries, by their names as runs."""
    places: Mapping[int, int]
    """Of each order to which one has come: the place of its latest operation then."""

    def is_since(self, order: int, place: int) -> bool:
        """Tell whether an operation came later than the first try."""
        return order in self.places and place > self.places[order]


class TakenOver(NamedTuple):
    """When what dead processes left is taken over."""

    at: datetime
    uptime: Uptime
    adopts: bool = True
    """Whether what is `sending` is taken over: its order was just claimed, so whoever sent it is gone."""

    def adopt(self, cursor: Cursor, number: int, statement: Statement = statements.ADOPT) -> None:
        """Take an operation over."""
        boot, seconds = self.uptime
        values = {"p_id": number, "p_at": timestamp(self.at), "p_boot": boot, "p_uptime": seconds}
        cursor.execute(statement, values)


class Since(NamedTuple):
    """Since when an operation is in doubt, as far as the ledger knows."""

    given_up: str | None
    given_up_boot: str | None
    given_up_uptime: float | None
    status: int | None
    """Of the answer that the attempt got; None where it got none."""
    adopted: str | None
    adopted_boot: str | None
    adopted_uptime: float | None
    heard_boot: str | None
    heard_uptime: float | None
    baseline: str | None
    """What the field held before the attempt."""

    @classmethod
    def of(cls, cursor: Cursor, number: int) -> Since:
        """Read it."""
        return cls(*cursor.execute(statements.DOUBT, {"p_id": number}).fetchone())

    def heard_ago(self, now: Uptime) -> float | None:
        """Tell how many seconds ago the server was first heard after that; None where it is not known."""
        heard = _uptime(self.heard_boot, self.heard_uptime)
        if heard is None and self.status is not None:
            heard = _uptime(self.given_up_boot, self.given_up_uptime)
        return seconds_since(heard, now)

    def ago(self, now: Uptime) -> float | None:
        """Tell how many seconds ago nothing more was under way at the least; None where it is not known."""
        moments = (
            _uptime(self.given_up_boot, self.given_up_uptime),
            _uptime(self.adopted_boot, self.adopted_uptime),
            _uptime(self.heard_boot, self.heard_uptime),
        )
        known = [ago for moment in moments if (ago := seconds_since(moment, now)) is not None]
        return max(known, default=None)


def _uptime(boot: str | None, seconds: float | None) -> Uptime | None:
    return None if seconds is None else Uptime(boot, seconds)


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
        self,
        cursor: Cursor,
        orders: Iterable[int],
        now: TakenOver | None = None,
        came: Came | None = None,
    ) -> dict[int, Found]:
        """Read what the ledger knows of these orders.

        Args:
            cursor: of a connection in a transaction.
            orders: their IDs.
            now: the moment; None where nobody asks since when something is in doubt.
            came: how far other tries of the same rows have come; None where there is none.
        """
        gathered: dict[int, _Gathered] = {}
        values = {"p_store": self._store_id, "p_orders": json.dumps(list(orders))}
        for record in cursor.execute(statements.HISTORY, values).fetchall():
            self._gather(cursor, record, gathered, now, came)
        return {
            order: Found(
                *(one.entries, one.doubts, one.place + 1, one.absent),
                *(one.taken_back, one.gone_texts(), one.tries()),
            )
            for order, one in gathered.items()
        }

    def _gather(
        self,
        cursor: Cursor,
        record: Sequence[Any],
        gathered: dict[int, _Gathered],
        now: TakenOver | None,
        came: Came | None,
    ) -> None:
        """Take in one operation of an order."""
        order, name, run, row, kind, key, state, occurrence, batch, at, message, value, *rest = record
        place, is_open, number, undo_of, taken, whole = rest
        one = gathered.setdefault(order, _Gathered())
        one.place = place
        entry_state = _HISTORY_STATES[state] or OperationState.ABSENT
        ref, text = OperationRef(run, row, name), as_text(value)
        entry = Entry(
            ref, _KINDS[kind], key, entry_state, occurrence, batch, moment(at), message, text, whole
        )
        if came is not None and undo_of is None:
            one.note_try(entry, came, since=came.is_since(order, place), taken=taken)
        if taken == UNDONE or (undo_of is not None and not is_open):
            # Neither what was undone nor the undo is a part of the history.
            one.note_undone(entry, undone=taken == UNDONE)
            return
        if entry_state is OperationState.ABSENT:
            if cursor.execute(statements.MAY_HAVE_LEFT, {"p_id": number}).fetchone() is not None:
                one.absent.append(entry)
            return
        if undo_of is None:
            in_doubt = taken == PERHAPS
            one.entries.append(entry._replace(state=OperationState.IN_DOUBT) if in_doubt else entry)
            if in_doubt:
                one.perhaps.setdefault(name, []).append(entry)
        under_way = state == OperationState.SENDING and (now is None or not now.adopts)
        if not is_open or under_way:
            # What is under way is nobody's doubt until it is adopted.
            return
        if state == OperationState.SENDING and now is not None:
            now.adopt(cursor, number)
        doubt = _doubt(cursor, number, entry, value, now)
        if undo_of is not None:
            doubt = replace(doubt, takes_back=tuple(one.perhaps.get(name, ())))
        one.doubts.append(doubt)

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
        book = OrderBook(
            *(work.order, asks, known.entries, policy, known.doubts, known.absent),
            *(known.taken_back, known.gone),
        )
        if known.tries is not None:
            book.go_on_from(known.tries)
        return book

    def undo_book(
        self,
        work: OrderWork,
        found: Found | None,
        targets: frozenset[str],
        past: PastOfOrder | None,
        *,
        guess: bool = False,
    ) -> UndoBook:
        """Make the book of an order of which something is to be undone."""
        known = found or _NOTHING
        attempts, undone = past or ({}, ())
        history, doubts = known.entries, known.doubts
        return UndoBook(work.order, history, self.policy, doubts, targets, attempts, undone, guess=guess)


def _doubt(cursor: Cursor, number: int, entry: Entry, value: str | None, now: TakenOver | None) -> Doubt:
    since = Since.of(cursor, number)
    heard_ago = None if now is None else since.heard_ago(now.uptime)
    operation = Operation(entry.ref.field, entry.kind, None if value is None else json.loads(value))
    return Doubt(entry.ref, operation, since.baseline, heard_ago, entry.state, whole=entry.whole)


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
