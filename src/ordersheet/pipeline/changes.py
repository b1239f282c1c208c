"""What a send would make of what stands in an order: old and new, row by row. No I/O."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import ATTRIBUTE_PREFIX, COMMENT_FIELDS, OperationKind, Outcome
from ordersheet.core.values import shown_value
from ordersheet.delivery.reconcile import standing_in
from ordersheet.delivery.verdict.guard import guard_holds
from ordersheet.delivery.verdict.proof import stands_as_sent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ordersheet.api import ListedOrder
    from ordersheet.core.history.orderbook import Decision, OrderBook
    from ordersheet.core.model import Guard

JOINT = "\n"
"""What is shown between a comment and what is added to it; how the shop joins them is not documented."""


class ChangeWord(StrEnum):
    """What would become of one field of one row."""

    APPEND = "append"
    REPLACE = "replace"
    CLEAR = "clear"
    SET = "set"
    UNCHANGED = "unchanged"
    """An overwrite that equals what stands."""
    ALREADY_THERE = "already there"
    ALREADY_APPLIED = "already applied"
    NOT_VISIBLE = "not visible"
    """The answer does not hold the order: its ID, market, status or store. It is sent all the same."""
    UNREAD = "unread"
    """No usable answer came."""
    CHANGED_SINCE = "changed since"
    """The row's guard does not hold any more, so nothing of the row would be sent."""


class Change(NamedTuple):
    """One field of one row, before and after."""

    row: int
    order: int
    field: str
    word: ChangeWord
    now: str | None
    """What stands there, before this row; None where that is not known."""
    then: str | None
    """What would stand there after it; None where that cannot be told."""

    @property
    def changes(self) -> bool:
        """Whether the field would hold something else afterwards, as far as one can tell."""
        return self.word in _CHANGING


_CHANGING = frozenset({ChangeWord.APPEND, ChangeWord.REPLACE, ChangeWord.CLEAR, ChangeWord.SET})
_KINDS = {
    OperationKind.APPEND: ChangeWord.APPEND,
    OperationKind.REPLACE: ChangeWord.REPLACE,
    OperationKind.CLEAR: ChangeWord.CLEAR,
    OperationKind.SET: ChangeWord.SET,
}


def changes_of(
    book: OrderBook,
    seen: ListedOrder | None,
    *,
    read: bool,
    guards: Mapping[int, Sequence[Guard]] = MappingProxyType({}),
) -> Iterator[Change]:
    """Give what each row of an order would change, in file order; each starts from what the last one left.

    Args:
        book: what the file asks and what was done before.
        seen: the order as it stands; None where the answer does not hold it, or none came.
        read: whether an answer came.
        guards: what each row says that its fields must still hold.
    """
    decided = [(row, decision) for row in book.rows for decision in book.plan(row)]
    standing = _standing(seen, frozenset(decision.ask.operation.field for _, decision in decided))
    stopped = {row for row in book.rows if _is_stopped(book, guards.get(row, ()), seen)}
    for row, decision in decided:
        operation = decision.ask.operation
        now = standing.get(operation.field)
        word, then = _judged(decision, now, found=seen is not None, read=read)
        if row in stopped and word is not None and decision.outcome is None:
            word, then = ChangeWord.CHANGED_SINCE, now
        if word is None:
            continue
        yield Change(row, book.order, operation.field, word, now, then)
        if word in _CHANGING:
            standing[operation.field] = then


def _is_stopped(book: OrderBook, guards: Sequence[Guard], seen: ListedOrder | None) -> bool:
    """Tell whether a guard of a row does not hold, by what the order holds before the file's first row."""
    view = None if seen is None else seen.view
    for guard in guards:
        held = standing_in(view, guard.field)
        asks, history = book.asks_of(guard.field), book.history(guard.field)
        if held is not None and not guard_holds(guard.text, held, asks, history, book.batch):
            return True
    return False


def _standing(seen: ListedOrder | None, fields: frozenset[str]) -> dict[str, str | None]:
    if seen is None:
        return {}
    standing: dict[str, str | None] = {field: seen.comments.get(field) for field in COMMENT_FIELDS}
    if seen.attributes is not None:
        standing |= {f"{ATTRIBUTE_PREFIX}{key}": shown_value(value) for key, value in seen.attributes.items()}
        standing |= {field: "" for field in fields if field not in standing}  # Unset, it is not shown.
    return standing


def _judged(
    decision: Decision, now: str | None, *, found: bool, read: bool
) -> tuple[ChangeWord | None, str | None]:
    """Give a field's word and what would stand there; no word where nothing of it would be sent."""
    operation = decision.ask.operation
    if decision.outcome is Outcome.ALREADY_APPLIED:
        return ChangeWord.ALREADY_APPLIED, now
    if decision.outcome is Outcome.ALREADY_THERE:
        return ChangeWord.ALREADY_THERE, now
    if decision.outcome is not None:
        return None, None
    if not found:
        return (ChangeWord.NOT_VISIBLE if read else ChangeWord.UNREAD), None
    text = shown_value(operation.value)
    if operation.kind is OperationKind.APPEND:
        return _appended(now, text)
    then = "" if operation.kind is OperationKind.CLEAR else text
    return (ChangeWord.UNCHANGED, now) if now == then else (_KINDS[operation.kind], then)


def _appended(now: str | None, text: str) -> tuple[ChangeWord, str | None]:
    if now is None:
        return ChangeWord.APPEND, None
    if stands_as_sent(text, now):
        return ChangeWord.ALREADY_THERE, now
    return ChangeWord.APPEND, f"{now}{JOINT}{text}" if now else text
