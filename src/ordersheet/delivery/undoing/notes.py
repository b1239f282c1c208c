"""What an undo leaves behind: fields are put back one by one, and rows are told by what became of theirs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.core.history.undo import FieldWalk
from ordersheet.core.journal import Done
from ordersheet.core.model import Outcome, RowResult
from ordersheet.delivery.order_notes import OrderNotes
from ordersheet.delivery.parts import RowInHand
from ordersheet.delivery.undoing import messages

if TYPE_CHECKING:
    from datetime import datetime

    from ordersheet.core.history.undo import UndoBook
    from ordersheet.core.model import OrderUpdate, OrderWork
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.parts import Part
    from ordersheet.delivery.run_facts import RunFacts

_DONE = frozenset({Outcome.APPLIED, Outcome.CONFIRMED, Outcome.UNDONE})
_WORST = (
    Outcome.UNCONFIRMED,
    Outcome.NOT_SENT,
    Outcome.REFUSED,
    Outcome.KEPT,
    Outcome.CANNOT_BE_UNDONE,
)


@dataclass(slots=True)
class FieldInHand(RowInHand):
    """A field under way: the machine's row, which stands for whatever rows of the file wrote to it."""

    walk: FieldWalk = dataclasses.field(default_factory=FieldWalk)
    stays: Outcome = Outcome.KEPT
    """What becomes of what is not put back."""
    stays_since: str = ""
    """Why it is not."""

    @property
    def name(self) -> str:
        """The field."""
        return self.parts[0].field


class UndoNotes(OrderNotes):
    """Notes what becomes of one order in an undo."""

    def __init__(self, work: OrderWork, book: UndoBook, run: RunFacts) -> None:
        super().__init__(work.order, book, run)
        self._work = work
        self._undo = book
        self._fields: dict[str, FieldInHand] = {}
        self._told: dict[int, RowResult] = {}

    def result(self, row: RowInHand, now: Moment) -> None:
        """Note what a field has come to; the rows are told when the order is done, and anew after that."""
        assert isinstance(row, FieldInHand)
        self._fields[row.name] = row
        if self._told:
            self.tell_rows(now)

    def results(self, now: Moment) -> list[RowResult]:
        """Give each row's result as it stands."""
        return [self._row(update, now.utc) for update in self._work.updates]

    def tell_rows(self, now: Moment) -> None:
        """Tell each row by what its fields have come to, unless the same was told before."""
        for result in self.results(now):
            before = self._told.get(result.row)
            if before is None or (before.outcome, before.message) != (result.outcome, result.message):
                self._run.count(result, before)
                self._told[result.row] = result
                self.events.append(Done(result))

    def leave_out(self, row: RowInHand, part: Part, why: str) -> None:
        """Give a part its outcome that was to be sent, and is not, or not once more."""
        if part.open:
            self.give_up(row, part)
        else:
            part.close(Outcome.NOT_SENT, messages.NOT_APPLIED if part.doubted else messages.of_undo(why))

    def give_up(self, row: RowInHand, part: Part, *, said: str = "", why: str = "") -> None:
        """Leave a field unconfirmed: nothing more can be learned about it."""
        cause = " ".join(filter(None, (said, why)))
        message = messages.in_doubt(
            part.field, self._order, self._run.run, row.number, part.text, messages.of_undo(cause)
        )
        part.close(Outcome.UNCONFIRMED, message)

    def _row(self, update: OrderUpdate, at: datetime) -> RowResult:
        fates = [self._fate(update.row, operation.field) for operation in update.operations]
        outcomes = {outcome for outcome, _ in fates} - {Outcome.NOTHING_TO_UNDO}
        if not outcomes:
            outcome = Outcome.NOTHING_TO_UNDO
        elif outcomes == {Outcome.UNDONE}:
            outcome = Outcome.UNDONE
        elif Outcome.UNDONE in outcomes and Outcome.UNCONFIRMED not in outcomes:
            outcome = Outcome.PARTLY_UNDONE
        else:
            outcome = next(one for one in _WORST if one in outcomes)
        said = " ".join(dict.fromkeys(message for _, message in fates if message))
        tried = outcome not in (Outcome.NOTHING_TO_UNDO, Outcome.NOT_SENT)
        return RowResult(update.row, str(update.order), outcome, said, at if tried else None)

    def _fate(self, row: int, name: str) -> tuple[Outcome, str]:
        """Say what became of what one row wrote to one field."""
        refs = self._undo.refs(row, name)
        standing = [ref for ref in refs if self._undo.may_stand(ref)]
        undone = next((self._undo.undone[ref] for ref in refs if ref in self._undo.undone), None)
        if undone is not None and not standing:
            return Outcome.UNDONE, messages.before(undone)
        field = self._fields.get(name)
        if field is None or not standing:
            return Outcome.NOTHING_TO_UNDO, messages.NOTHING
        (part,) = field.parts
        assert part.outcome is not None
        if field.walk.steps and not set(standing) <= set(field.walk.undone):
            return field.stays, field.stays_since
        if part.outcome in _DONE:
            return Outcome.UNDONE, part.message if part.outcome is Outcome.UNDONE else messages.DONE
        if part.outcome in _WORST:
            return part.outcome, messages.of_undo(part.message)
        return Outcome.NOT_SENT, messages.NOT_APPLIED
