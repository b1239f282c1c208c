"""What a send would do, counted before it is asked for.

An estimate: each row is decided when its turn comes, under its order's claim.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.errors import UsageError
from ordersheet.core.history.normal import normalise_append
from ordersheet.core.history.orderbook import Ask, OrderBook
from ordersheet.core.model import OperationKind, OrderUpdate, Outcome
from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ordersheet.core.history.orderbook import Decision, Entry, Policy
    from ordersheet.core.model import JsonValue, Operation, OrderWork, SentColumn, UnsentColumn
    from ordersheet.ledger import Ledger
    from ordersheet.pipeline.intake import Prepared

_EXAMPLES = 3
FIRST_UPDATES = 3
"""How many of the rows to send are shown as payloads."""


class OtherText(NamedTuple):
    """A text that an earlier send of this file added; the new one goes below it."""

    row: int
    order: int
    old: str
    new: str


@dataclass(slots=True)
class Preview:
    """The numbers that matter before sending."""

    host: str | None = None
    rows: int = 0
    to_send: int = 0
    """Rows of which something would be sent."""
    operations: Counter[str] = field(default_factory=Counter)
    """What would be sent, by kind."""
    done: Counter[str] = field(default_factory=Counter)
    """Rows of which nothing would be sent, by the outcome they would have."""
    customer_visible: int = 0
    """Texts to send that customers may see."""
    columns: tuple[SentColumn, ...] = ()
    not_sent: tuple[UnsentColumn, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about the file and its columns that a person should read before sending."""
    first: list[OrderUpdate] = field(default_factory=list)
    """The first rows to send, in row order, with what of them would be sent."""
    problems: int = 0
    nothing: int = 0
    unchanged: int = 0
    """Rows that ask for what their guards say already."""
    left_apart: int = 0
    called_ok: int = 0
    """Rows that the file, as a report, calls ok."""
    unknown_ok: set[int] = field(default_factory=set)
    """Those among them, by row, that this ledger does not know as done."""
    warnings: list[str] = field(default_factory=list)
    """Sentences about what was done before that a person should read before sending."""
    other_texts: int = 0
    other_text_examples: list[OtherText] = field(default_factory=list)

    @property
    def already(self) -> int:
        """How many rows an earlier run has settled."""
        return sum(number for outcome, number in self.done.items() if outcome != Outcome.DUPLICATE)


def preview(
    prepared: Prepared, ledger: Ledger | None, *, store: str, host: str | None, policy: Policy
) -> Preview:
    """Count what a send of this file would do.

    Args:
        prepared: the file after its first pass.
        ledger: what was done before; None where there is none yet.
        store: what the ledger knows the store by.
        host: where it would go, for people.
        policy: the options that bear on what is already done.

    Raises:
        UsageError: where the file repeats rows and `--duplicates refuse` stands.
    """
    tally = prepared.tally
    seen = Preview(
        host=host,
        rows=tally.rows,
        problems=tally.invalid,
        nothing=tally.left_out[Outcome.NOTHING_TO_UPDATE.value],
        unchanged=tally.left_out[Outcome.UNCHANGED.value],
        left_apart=tally.left_out[Outcome.NOT_SENT.value],
        called_ok=tally.called_ok,
        columns=prepared.column_map.sent_columns(),
        not_sent=prepared.column_map.unsent_columns(),
        notes=(*prepared.table.facts.notices, *prepared.column_map.warnings, *prepared.notes),
    )
    same_file = (
        ledger.runs_of(prepared.path) if ledger is not None and prepared.path is not None else frozenset()
    )
    # Every row is taken as sent until its order's book says otherwise; where nothing was sent before, only
    # orders in several rows need one.
    seen.to_send = prepared.staging.updates
    seen.operations.update(tally.operations)
    seen.customer_visible = tally.customer_visible
    seen.unknown_ok = prepared.staging.rows_called_ok() if tally.called_ok else set()
    knows = ledger is not None and bool(ledger.runs(limit=1, store=store))
    for book in _books(prepared, ledger if knows else None, store, policy):
        to_send: set[int] = set()
        for row in book.rows:
            _count(seen, book, row, to_send)
        if to_send:
            _find_other_texts(seen, book, same_file)
    if not knows:
        for update in prepared.staging.single_updates(FIRST_UPDATES):
            _keep_first(seen, update)
    twins = seen.done[Outcome.DUPLICATE.value]
    if policy.duplicates == "refuse" and twins:
        raise UsageError(
            f"{twins} rows repeat an earlier row of the file, and --duplicates refuse stands. "
            "Delete them, or choose --duplicates skip or send.",
            code="duplicate-rows",
        )
    return seen


def all_books(prepared: Prepared, ledger: Ledger | None, store: str, policy: Policy) -> Iterator[OrderBook]:
    """Give the book of every order of the file, as it stands."""
    if ledger is None:
        yield from (_plain_book(work, policy) for work in prepared.staging.works())
        return
    yield from ledger.histories(store, prepared.staging.works(), policy)


def _books(prepared: Prepared, ledger: Ledger | None, store: str, policy: Policy) -> Iterator[OrderBook]:
    if ledger is None:
        works = prepared.staging.repeated_works()
        yield from (_plain_book(work, policy) for work in works)
        return
    yield from ledger.histories(store, prepared.staging.works(), policy)


def _plain_book(work: OrderWork, policy: Policy) -> OrderBook:
    """Make the book of an order of which no ledger knows anything yet."""
    asks = [
        Ask(update.row, operation, json.dumps([operation.kind, _compared(operation)], sort_keys=True))
        for update in work.updates
        for operation in update.operations
    ]
    return OrderBook(work.order, asks, (), policy)


def _compared(operation: Operation) -> JsonValue:
    return normalise_append(operation.value) if operation.kind is OperationKind.APPEND else operation.value


def _count(seen: Preview, book: OrderBook, row: int, to_send: set[int]) -> None:
    """Count a row, and add it to those of its order of which something is to be sent."""
    decisions = book.plan(row)
    sends = False
    for decision in decisions:
        if decision.outcome is None:
            sends = True
        else:
            seen.operations[decision.ask.operation.kind.value] -= 1
            seen.customer_visible -= decision.ask.operation.for_customers
    if sends:
        if all(book.was_undone(one.ask) for one in decisions if one.outcome is None):
            # What an earlier report calls ok was taken back since: it is sent like any other row.
            seen.unknown_ok.discard(row)
        to_send.add(row)
        asked = tuple(decision.ask.operation for decision in decisions if decision.outcome is None)
        _keep_first(seen, OrderUpdate(row, book.order, asked))
        return
    seen.to_send -= 1
    seen.done[_joint(decisions).value] += 1
    if not to_send or to_send.isdisjoint(decision.twin for decision in decisions):
        seen.unknown_ok.discard(row)
    else:
        # It repeats a row that the ledger does not know either, and would be sent in that row's place.
        to_send.add(row)


def _keep_first(seen: Preview, update: OrderUpdate) -> None:
    if len(seen.first) == FIRST_UPDATES and update.row > seen.first[-1].row:
        return
    seen.first = sorted([*seen.first, update], key=attrgetter("row"))[:FIRST_UPDATES]


def _joint(decisions: Sequence[Decision]) -> Outcome:
    """The outcome of a row of which nothing is sent: the first that is no mere duplicate."""
    for decision in decisions:
        if decision.outcome is not None and decision.outcome is not Outcome.DUPLICATE:
            return decision.outcome
    return Outcome.DUPLICATE


def _find_other_texts(seen: Preview, book: OrderBook, same_file: frozenset[str]) -> None:
    """Find texts that earlier sends of this file added, and that stand where this one adds another."""
    if not same_file:
        return
    asked: set[str] = set()
    new: dict[str, tuple[int, str]] = {}
    replaced: set[str] = set()
    for row in book.rows:
        for ask, outcome, *_ in book.plan(row):
            asked.add(ask.key)
            if outcome is None and ask.operation.kind is OperationKind.APPEND:
                new.setdefault(ask.operation.field, (row, ask.operation.value))
            elif outcome is None:
                replaced.add(ask.operation.field)
    for field_name, (row, text) in new.items():
        standing = () if field_name in replaced else _standing(book.history(field_name))
        for entry in standing:
            if entry.ref.run not in same_file or entry.key in asked:
                continue
            seen.other_texts += 1
            if len(seen.other_text_examples) < _EXAMPLES:
                old = entry.text if entry.text is not None else "(its text is no longer kept)"
                seen.other_text_examples.append(OtherText(row, book.order, old, text))


def _standing(history: Iterable[Entry]) -> list[Entry]:
    """The appends of a field that nothing has replaced since, as far as this ledger knows."""
    standing: list[Entry] = []
    for entry in history:
        if entry.kind is OperationKind.APPEND and entry.state in (
            OperationState.APPLIED,
            OperationState.IN_DOUBT,
        ):
            standing.append(entry)
        elif entry.kind.overwrites and entry.state is OperationState.APPLIED:
            standing.clear()
    return standing
