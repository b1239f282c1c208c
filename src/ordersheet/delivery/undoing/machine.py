"""One order's life in an undo: what stands there is read, walked back from, put back, and read again.

All that sends, waits, looks up and stops is `OrderMachine`'s. What differs stands here: a field takes a row's
place, what it is to hold is decided from a reading of at most `AT_MOST` seconds ago, and what is in doubt is
never simply sent again, since somebody may have written on what it put back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.api import put_body
from ordersheet.core.history.orderbook import Ask
from ordersheet.core.history.undo import alike, attribute_text
from ordersheet.core.journal import Begin, Looked
from ordersheet.core.model import COMMENT_FIELDS, Operation, OperationKind, OrderUpdate, Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery.actions import TakeTurn, WriteAhead
from ordersheet.delivery.order import OrderMachine
from ordersheet.delivery.parts import Part
from ordersheet.delivery.reconcile import proof_of_part, stood_in
from ordersheet.delivery.stages import Stage
from ordersheet.delivery.undoing import messages
from ordersheet.delivery.undoing.notes import FieldInHand, UndoNotes
from ordersheet.delivery.undoing.plan import FieldPlan, fields_of, looks_escaped, plan_field, restoring
from ordersheet.delivery.verdict.proof import Proof
from ordersheet.delivery.verdict.put import VerdictKind
from ordersheet.delivery.verdict.trust import needed_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ordersheet.api import OrderView
    from ordersheet.core.history.undo import FieldWalk, PastAttempt, UndoBook
    from ordersheet.core.model import OrderWork, RowResult
    from ordersheet.delivery.actions import Action, WasRead, WasWritten
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.parts import RowInHand
    from ordersheet.delivery.run_facts import RunFacts
    from ordersheet.delivery.verdict.put import Verdict

AT_MOST = 5.0
"""Seconds between what was read and what is written: whoever writes meanwhile would lose it."""
KEY = "undo"
"""What undos are keyed by: nothing is ever compared with them."""


class UndoFields:
    """The fields of one order that an undo is to put back, one after the other."""

    def __init__(self, order: int, book: UndoBook, holds: Callable[[str], bool]) -> None:
        self._order = order
        self._book = book
        self._names: list[str] | None = None
        self._holds = holds
        self._position = 0
        self.changed: set[int] = set()

    def next(self, *, closed: str | None) -> FieldInHand | None:
        """Open the next field; None after the last one.

        Args:
            closed: why nothing may be sent; None where it may.
        """
        if self._names is None:
            # Only now, since what was in doubt has been looked up.
            self._names = fields_of(self._book)
        if self._position >= len(self._names):
            return None
        operation = Operation(self._names[self._position], OperationKind.CLEAR, "")
        self._position += 1
        part = Part(Ask(0, operation, KEY))
        if closed is not None and self._holds(closed):
            part.close(Outcome.NOT_SENT, closed)
        return FieldInHand(OrderUpdate(0, self._order, (operation,)), [part])

    def rewind(self) -> None:
        """Begin anew with the first field."""
        self._position, self._names = 0, None

    def settled_since(self) -> list[RowInHand]:
        """No field of an undo hangs on what follows it."""
        return []


class UndoMachine(OrderMachine):
    """One order in an undo."""

    def __init__(self, work: OrderWork, book: UndoBook, run: RunFacts) -> None:
        self._undo = book
        self._chosen = frozenset(update.row for update in work.updates)
        self._begun: dict[int, int] = {}
        """By row: attempts begun, of whatever field."""
        super().__init__(work, book, run)

    def _make_notes(self) -> UndoNotes:
        return UndoNotes(self.work, self._undo, self.run)

    def _make_rows(self) -> UndoFields:
        return UndoFields(self.order, self._undo, self._holds)

    def _holds(self, closed: str) -> bool:
        """Tell whether a field waits: what runs left in doubt is judged by the walk, but for an undo."""
        undo_in_doubt = any(doubt.takes_back is not None for doubt in self._undo.doubts)
        return undo_in_doubt or closed != self._read_back.held

    def decide_all(self, now: Moment) -> list[RowResult] | None:
        """Give the results of all rows where nothing is to be read; None where something is."""
        return None if fields_of(self._undo) else self._make_notes().results(now)

    def _decide(self, now: Moment) -> Action | None:
        action = super()._decide(now)
        if self.stage is Stage.FINISHED and isinstance(self._notes, UndoNotes):
            # With what gives the claim back.
            self._notes.tell_rows(now)
        return action

    # --- before the first byte

    def _prepare(self, row: RowInHand, sending: list[Part], now: Moment) -> None:
        """Read the order, and decide from that what the field is to hold."""
        assert isinstance(row, FieldInHand)
        (part,) = sending
        if self._reading.view is None:
            # Its turn comes first, so that what is read is written to at once.
            self._sending = sending
            self._go(Stage.IN_LINE, TakeTurn())
        elif not self._reading.view.found:
            part.close(Outcome.CANNOT_BE_UNDONE, messages.NOT_VISIBLE)
        else:
            self._walk(row, part, stood_in(self._reading.view, part.field), now)

    def _walk(self, row: FieldInHand, part: Part, held: str | None, now: Moment) -> None:
        """Walk back from what stands there, and close the field or get ready to put it back."""
        name, past = part.field, self._undo.past[part.field]
        plan = plan_field(name, held, self._undo, self._chosen)
        row.walk, row.stays, row.stays_since = plan.walk, plan.stays, plan.message
        restore = plan.walk.restore
        if plan.outcome is not None or restore is None:
            part.close(plan.outcome or plan.stays, plan.message)
            return
        self._learn(name, plan.walk, past)
        if not self._is_trusted(name, plan, past):
            if self.stage is Stage.DECIDING:
                row.walk, row.stays, row.stays_since = plan.walk._replace(steps=()), *self._untrusted(name)
                part.close(row.stays, row.stays_since)
            return
        ask = Ask(plan.walk.undone[-1].row, restoring(name, restore), KEY)
        if part.sent and ask != part.ask:
            part.close(Outcome.KEPT, messages.CHANGED)
            return
        part.ask, part.baseline = ask, held
        row.update = OrderUpdate(ask.row, self.order, (ask.operation,))
        row.begun = max(row.begun, self._begun.get(ask.row, 0))
        if restore == held:
            self._note_undone(row, part, now)
            return
        self._body = put_body(self.order, [ask.operation], xml=self.run.options.xml)
        self._sending = [part]
        self._go(Stage.IN_LINE, TakeTurn())

    def _learn(self, name: str, walk: FieldWalk, past: Sequence[PastAttempt]) -> None:
        """A field that grew by exactly what was added shows that this store can be read."""
        newest = walk.steps[0]
        texts = [one.text for one in past if one.ref == newest.ref and not one.kind.overwrites]
        if texts and texts[0] and name in self.run.trust:
            long_ago = float("inf")
            self.run.trust[name].grew(newest.left, texts[0], long_ago, self.run.options.settle)

    def _is_trusted(self, name: str, plan: FieldPlan, past: Sequence[PastAttempt]) -> bool:
        """Tell whether what is read of a field is what stands there: at that length, neither escaped nor cut.

        Where another order can show it, that is read first: the stage is then another.
        """
        run, restore = self.run, plan.walk.restore
        assert restore is not None
        if name not in COMMENT_FIELDS:
            return True
        trust = run.trust[name]
        if not run.shows(name) or trust.looks_cut(restore) or looks_escaped(plan.walk, past):
            return False
        if plan.walk.whole or trust.proves(needed_for("", restore)):
            return True
        control = self._read_back.control_for(name, "", restore) if run.may_read and not run.ended else None
        if control is not None:
            self._go(Stage.TESTING, control)
        return False

    def _untrusted(self, name: str) -> tuple[Outcome, str]:
        return Outcome.CANNOT_BE_UNDONE, messages.not_trusted(name)

    def _note_undone(self, row: FieldInHand, part: Part, now: Moment) -> None:
        """Note that the field holds already what it is to hold: nothing leaves."""
        row.begun += 1
        self._begun[row.number] = row.begun
        part.move(OperationState.SENDING)
        self._notes.events.append(self._begin(row, part, now))
        self._notes.attempt_ended(row, VerdictKind.NOT_SENT, None, now)
        self._notes.settled(row, part, OperationState.APPLIED, now)
        part.close(Outcome.UNDONE, messages.DONE)

    def _begin(self, row: FieldInHand, part: Part, now: Moment) -> Begin:
        baseline = None if part.baseline is None else {part.field: part.baseline}
        undone = row.walk.undone
        return Begin(self.order, row.number, row.begun, (part.ask,), baseline, now.utc, undone)

    def _write_ahead(self, now: Moment) -> None:
        """Its turn has come: write the attempt ahead, unless too much time went by since the reading."""
        row = self._row
        assert isinstance(row, FieldInHand)
        (part,) = self._sending
        if self._reading.view is None or self._reading.age(now) > AT_MOST:
            self._read_at_turn(row, messages.TOO_SLOW, now)
            return
        row.begun += 1
        self._begun[row.number] = row.begun
        self._begun_at = now.seconds
        part.move(OperationState.SENDING)
        self._go(Stage.WRITING, WriteAhead((self._begin(row, part, now),)))

    def _written(self, told: WasWritten, now: Moment) -> None:
        row = self._row
        assert isinstance(row, FieldInHand)
        if told.durable and told.leaves and self._reading.age(now) > AT_MOST:
            # It stood still meanwhile, or waited for the server: it is taken back, and read anew.
            self._reading.forget()
            told = told._replace(leaves=False)
        super()._written(told, now)

    # --- what an attempt has ended in

    def _applied(self, row: RowInHand, now: Moment) -> Stage:
        """The API said ok: whether the field holds it is read."""
        row.unsent = 0
        (part,) = self._sending
        if part.baseline is None:
            # It was guessed, and nobody can look.
            part.close(Outcome.UNDONE, messages.GUESSED)
            self._notes.settled(row, part, OperationState.APPLIED, now)
            return Stage.DECIDING
        self._notes.settled(row, part, OperationState.IN_DOUBT, now)
        part.doubted = True
        return Stage.TRYING

    def _tried(self, told: WasRead, now: Moment) -> None:
        """Judge by a reading whether the field holds again what it held."""
        row = self._row
        assert row is not None
        (part,) = self._sending
        self._baseline.see(told, now)
        self._go(Stage.DECIDING)
        if self._holds_it(part, told.view):
            part.close(Outcome.UNDONE, messages.DONE)
            self._notes.settled(row, part, OperationState.APPLIED, now)
            # It was in doubt only until it was seen: no look is owed.
            self._notes.events.append(Looked(self.order, now.utc))
        else:
            # Perhaps an old copy, or somebody wrote at once: it is looked at again.
            self._look_up(row, part, now, heard=True)

    def _holds_it(self, part: Part, view: OrderView | None) -> bool:
        """Tell whether a field holds what was put back."""
        if part.in_comment:
            return proof_of_part(part, view) is Proof.CONFIRMED
        held = stood_in(view, part.field)
        return held is not None and alike(held, attribute_text(part.ask.operation.value))

    def _unknown(self, row: RowInHand, verdict: Verdict, now: Moment) -> None:
        """The attempt may have been applied: it is looked up, and never simply sent again."""
        (part,) = self._sending
        row.unsent = 0
        part.doubted = True
        self._notes.settled(row, part, OperationState.IN_DOUBT, now, message=verdict.meaning)
        self._look_up(row, part, now, heard=verdict.status is not None)

    def _look_up(self, row: RowInHand, part: Part, now: Moment, *, heard: bool) -> None:
        self._read_back.attempt_unknown(now, heard=heard)
        if part.field in COMMENT_FIELDS:
            part.to_look_up = True
            self._read_back.owe(row, part)
        else:
            self._notes.give_up(row, part)
