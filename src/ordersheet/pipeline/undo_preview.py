"""What an undo would put back, and what would stay: read and counted before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import CUSTOMER_FIELD, Outcome, RequestCounts
from ordersheet.delivery.reconcile import stood_in
from ordersheet.delivery.undoing import messages
from ordersheet.delivery.undoing.plan import fields_of, plan_field

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ordersheet.api import ListedOrder
    from ordersheet.core.history.entries import OperationRef
    from ordersheet.core.history.undo import UndoBook
    from ordersheet.core.model import OrderWork

EXAMPLES = 10
"""How many of each bucket are kept."""
CANNOT, KEPT, UNDONE = Outcome.CANNOT_BE_UNDONE.value, Outcome.KEPT.value, Outcome.UNDONE.value


class UndoExample(NamedTuple):
    """One field of one order."""

    row: int
    """The oldest row that is taken back, or the first that stays."""
    order: int
    field: str
    now: str | None
    """What it holds; None where it is not shown."""
    then: str | None
    """What it would hold; None where it stays."""
    why: str = ""
    """Why it stays."""


@dataclass(slots=True)
class UndoPreview:
    """The three buckets, and what else a person should know before saying yes."""

    run: str
    host: str | None = None
    orders: int = 0
    rows: dict[str, int] = field(default_factory=lambda: {UNDONE: 0, KEPT: 0, CANNOT: 0})
    """By what would become of them; a row of several fields counts where it comes to least."""
    before: int = 0
    """Rows that an earlier undo has taken back."""
    examples: dict[str, list[UndoExample]] = field(default_factory=dict)
    """Of each bucket the first few fields."""
    put_back: list[UndoExample] = field(default_factory=list)
    """Every field that would be put back."""
    guessed: int = 0
    """Attributes among them that nobody can see."""
    for_customers: int = 0
    """Orders whose comment for customers would change."""
    counted_on: int = 0
    """Rows of later runs that are `already applied` since this run did it."""
    requests: RequestCounts = field(default_factory=RequestCounts)
    warnings: tuple[str, ...] = ()

    @property
    def to_undo(self) -> int:
        """How many rows something would be put back for."""
        return self.rows[UNDONE]

    def see(self, work: OrderWork, book: UndoBook, seen: ListedOrder | None) -> None:
        """Count what would become of one order."""
        chosen = frozenset(update.row for update in work.updates)
        fates: dict[OperationRef, str] = {}
        for name in fields_of(book):
            self._see_field(name, book, seen, chosen, fates)
        for update in work.updates:
            refs = [ref for one in update.operations for ref in book.refs(update.row, one.field)]
            words = {fates[ref] for ref in refs if ref in fates}
            if words:
                self.rows[next(word for word in (CANNOT, KEPT, UNDONE) if word in words)] += 1
            elif any(ref in book.undone for ref in refs):
                self.before += 1

    def _see_field(
        self,
        name: str,
        book: UndoBook,
        seen: ListedOrder | None,
        chosen: Collection[int],
        fates: dict[OperationRef, str],
    ) -> None:
        view = None if seen is None else seen.view
        now = stood_in(view, name)
        plan = plan_field(name, now, book, frozenset(chosen))
        outcome = plan.stays if seen is not None else Outcome.CANNOT_BE_UNDONE
        why = plan.message if seen is not None else messages.NOT_VISIBLE
        taken = plan.walk.undone if seen is not None or book.guess else ()
        ours = {one.ref for one in book.past[name] if one.ref.run in book.targets and one.may_stand}
        fates |= {ref: UNDONE if ref in taken else outcome.value for ref in ours}
        if taken:
            one = UndoExample(taken[-1].row, book.order, name, now, plan.walk.restore)
            self.put_back.append(one)
            self._keep(UNDONE, one)
            self.guessed += now is None
            self.for_customers += name == CUSTOMER_FIELD
        staying = [ref.row for ref in ours if ref not in taken and ref.row in chosen]
        if staying:
            self._keep(outcome.value, UndoExample(min(staying), book.order, name, now, None, why))

    def _keep(self, bucket: str, example: UndoExample) -> None:
        kept = self.examples.setdefault(bucket, [])
        if len(kept) < EXAMPLES:
            kept.append(example)


def orders_to_read(books: Iterable[UndoBook]) -> list[int]:
    """Name the orders of which something may be put back."""
    return [book.order for book in books if fields_of(book)]
