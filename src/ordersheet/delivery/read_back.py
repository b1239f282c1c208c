"""Reading an order back: what is in doubt there, when a reading can tell, and what it proves.

Presence counts at once. Absence counts when nothing can arrive any more, in several readings, and only where
presence would have shown (`verdict/trust.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.journal import Heard, Looked, Settle
from ordersheet.core.model import COMMENT_FIELDS, Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery import messages
from ordersheet.delivery.actions import Read, Wait
from ordersheet.delivery.pending_check import PendingCheck
from ordersheet.delivery.reconcile import STANDS, held_in, proof_of_doubt, proof_of_part, texts_since
from ordersheet.delivery.verdict.proof import Proof
from ordersheet.delivery.verdict.put import StopReason
from ordersheet.delivery.verdict.trust import judge_control

if TYPE_CHECKING:
    from ordersheet.api import OrderView
    from ordersheet.core.history.orderbook import Doubt, OrderBook
    from ordersheet.delivery.actions import WasRead
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.order_notes import OrderNotes
    from ordersheet.delivery.parts import Part, RowInHand
    from ordersheet.delivery.run_facts import RunFacts
    from ordersheet.delivery.verdict.causes import Cause
    from ordersheet.delivery.verdict.trust import Control

NEVER = float("-inf")
MOST_MISSED = 5
"""How often a look that got no answer is put off."""
LOOK_AGAIN = 5.0
"""Seconds until the first of these; doubled each time."""
SIGHTINGS = 3
"""Readings in a row that must lack a text before it counts as absent: a store may keep several copies."""
MOST_RETESTS = 6
"""How often a control that showed what it must may be read once more for one order."""
BETWEEN_SIGHTINGS = 1.0
"""Seconds."""


class ReadBack:
    """What of an order is to be read back, and what that proves.

    Attributes:
        checks: what is in doubt, or was.
        clear_at: when the latest unknown attempt can no longer arrive; no later row leaves before that.
        held: why the order's later rows are not sent; None where they may be.
    """

    def __init__(self, order: int, book: OrderBook, notes: OrderNotes, run: RunFacts) -> None:
        self.checks: list[PendingCheck] = []
        self.clear_at = NEVER
        self.held: str | None = None
        self._order = order
        self._book = book
        self._notes = notes
        self._run = run
        self._silent_since: float | None = None
        """Since when nothing was heard of the server; None where it was, after what is in doubt was given up.
        """
        self._owed = False
        self._peeked = False
        self._peeked_at_the_end = False
        self._seen = False
        """Whether the latest look showed the order."""
        self._unread: Cause | None = None
        """Why it did not."""
        self._missed = 0
        self._sightings = 0
        self._sighted: OrderView | None = None
        self._look_at = NEVER
        self._control: Control | None = None
        self._retests = 0
        self._tested = {field: {order} for field in COMMENT_FIELDS}
        """By field: orders that were asked for as a control of it, and this one."""

    # --- what is owed

    def adopt(self, now: Moment) -> None:
        """Take over what other runs left in doubt: it is looked up before anything is sent."""
        for doubt in self._book.doubts:
            if doubt.heard_ago is None:
                # Nobody knows for how long the server has been at work since: it counts from its next answer.
                self._silent_since = now.seconds
            left = max(0.0, self._run.options.settle - (doubt.heard_ago or 0.0))
            self.clear_at = max(self.clear_at, now.seconds + left)
            self.checks.append(PendingCheck(doubt.operation.field, doubt.baseline, doubt=doubt))
            self._owed = True

    def attempt_unknown(self, now: Moment, *, heard: bool) -> None:
        """An attempt has ended that may still arrive; `heard` says whether the server answered it."""
        self.clear_at = now.seconds + self._run.options.settle
        self._silent_since = None if heard else now.seconds
        self._owed, self._peeked, self._missed, self._sightings = True, False, 0, 0
        self._seen, self._unread = False, None

    def owe(self, row: RowInHand, part: Part) -> None:
        """Remember a part that was in doubt, for the last look."""
        if not any(check.part is part for check in self.checks):
            self.checks.append(PendingCheck(part.field, part.baseline, row=row, part=part))
            self._owed = True

    def hold(self, seconds: float) -> bool:
        """Tell whether the order is to be looked at, or to be left alone for a while, before a later row."""
        return bool(self.checks) or self._owed or seconds < self.clear_at

    # --- what is to be done

    def step(self, view: OrderView | None, row: RowInHand | None, now: Moment) -> Read | Wait | None:
        """Say what is to be done before the order's rows go on; None where they may, or must be seen anew.

        Args:
            view: a reading of a moment ago, with nothing sent since.
            row: the row under way.
            now: the moment.
        """
        run = self._run
        self._hear()
        readable = any(check.readable for check in self.checks)
        due = now.seconds >= self.clear_at
        blind = (run.ended and not readable) or (readable and (due or run.ended) and not run.may_read)
        if run.ledger_failed or blind:
            self._give_up()
            return None
        if not due:
            return self._before_it_is_due(now)
        if self._silent_since is not None and run.may_read:
            return Read(once=run.ended)
        if not readable:
            self._end(row, now)
            return None
        if self._look_at > now.seconds and not run.interrupted:
            return Wait(self._look_at)
        return Read(once=run.ended) if view is None else self._look(view, row, now)

    def _before_it_is_due(self, now: Moment) -> Read | Wait | None:
        """Look whether it can be seen already, and whether what is read is no old copy."""
        run = self._run
        if run.may_read and self._worth_a_peek():
            return Read(once=True)
        if run.interrupted:
            self._give_up()
            return None
        control = self._recent_control(now)
        return Wait(self.clear_at) if control is None else self._test(control)

    def _worth_a_peek(self) -> bool:
        """Tell whether a look can tell something already, as presence counts at once."""
        if self._run.ended:
            return not self._peeked_at_the_end
        return not self._peeked and any(check.open and check.readable for check in self.checks)

    def _hear(self) -> None:
        """Count from the first answer of any kind that was heard after the attempt was given up.

        A server that stood still may have kept the request, and does it when it goes on.
        """
        if self._silent_since is None:
            return
        heard = self._run.first_heard(self._silent_since)
        if heard is not None:
            self._silent_since = None
            self.clear_at = max(self.clear_at, heard + self._run.options.settle)
            self._notes.events.append(Heard(self._order))

    # --- readings

    def looked(self, view: OrderView | None, now: Moment, cause: Cause | None = None) -> None:
        """Judge a reading of the order; what it does not show is judged by `step`, when that can count.

        Args:
            view: what it showed; None where no usable answer came.
            now: the moment.
            cause: why none came.
        """
        run = self._run
        self._peeked, self._peeked_at_the_end = True, run.ended
        self._seen, self._unread = view is not None, cause
        self._hear()
        due = now.seconds >= self.clear_at
        if view is not None:
            self._settle_present(view, now)
        elif (due or run.ended) and (run.ended or not run.may_read or not self._put_off(now)):
            self._give_up()

    def _put_off(self, now: Moment) -> bool:
        """The last look got no answer: put it off; False where that was done often enough."""
        self._missed += 1
        self.clear_at = now.seconds + LOOK_AGAIN * 2.0 ** (self._missed - 1)
        return self._missed < MOST_MISSED

    def _look(self, view: OrderView, row: RowInHand | None, now: Moment) -> Read | Wait | None:
        """Judge what is in doubt by a reading in which nothing can be missing that has yet to arrive."""
        self._settle_present(view, now)
        absent = [check for check in self.checks if check.unsettled and self._lacks(check, view)]
        if absent and not self._run.interrupted:
            wait = self._before_absence(absent, view, now)
            if wait is not None:
                return wait
        for check in absent:
            if self._sightings >= SIGHTINGS and self._why_unproven(check, view) is None:
                self._settle_absent(check, view, now)
        for check in self.checks:
            if check.part is not None and check.row is not None and check.part.to_look_up:
                why = self._why_unproven(check, view) or messages.READ_TOO_SOON
                self._notes.give_up(check.row, check.part, why=why)
            self._tell_again(check, now)
        self._end(row, now)
        return None

    def _before_absence(self, absent: list[PendingCheck], view: OrderView, now: Moment) -> Read | Wait | None:
        """Say what is to be seen first before something counts as absent; None where no more can be."""
        if self._sighted is not view:
            self._sighted = view
            self._sightings += 1
        if self._sightings < SIGHTINGS:
            self._look_at = now.seconds + BETWEEN_SIGHTINGS
            return Wait(self._look_at)
        run = self._run
        for check in absent:
            if self._why_unproven(check, view) not in messages.CONTROL_WANTED or not run.may_read:
                continue
            control = run.control_for(
                check.field, check.baseline or "", check.text, self._tested[check.field]
            )
            if control is not None:
                return self._test(control)
            if run.expects_controls:
                self._sightings = 0
                run.want_control(check.field, check.baseline or "", check.text)
                return Wait(float("inf"))
        return None

    def _lacks(self, check: PendingCheck, view: OrderView) -> bool:
        return self._proof(check, view) is Proof.ABSENT

    def _proof(self, check: PendingCheck, view: OrderView) -> Proof:
        if check.part is not None:
            return proof_of_part(check.part, view)
        assert check.doubt is not None
        return proof_of_doubt(check.doubt, self._book.history(check.field), held_in(view, check.field))

    def _why_unproven(self, check: PendingCheck, view: OrderView) -> str | None:
        """Say why it proves nothing that a reading lacks a text; None where it does."""
        held = held_in(view, check.field)
        if held is None:
            return messages.ORDER_NOT_SHOWN
        if check.baseline is None or self._proof(check, view) is not Proof.ABSENT:
            return messages.READING_UNCLEAR
        if check.doubt is not None and texts_since(self._book.history(check.field), check.doubt):
            # What this ledger wrote after it is seen.
            return None if self._run.shows(check.field) else messages.NOT_SHOWN
        if held != check.baseline:
            # Nothing but a line end was added that shows, so something may have been that does not.
            return messages.SHOWN_IN_PART
        return self._run.why_absence_is_no_proof(check.field, check.baseline, check.text)

    # --- controls: whether this store shows what was written

    def _recent_control(self, now: Moment) -> Control | None:
        """Choose an append of a moment ago, where no reading of this run has shown yet that it is no copy."""
        for check in self.checks:
            if check.open and check.readable and self._run.may_read:
                control = self._run.recent_control(check.field, now.seconds, self._tested[check.field])
                if control is not None:
                    return control
        return None

    def _test(self, control: Control) -> Read:
        self._control = control
        self._tested[control.field].add(control.order)
        return Read(once=self._run.ended, order=control.order)

    def control_for(self, field: str, baseline: str, text: str, *, least: bool = False) -> Read | None:
        """Choose the order to be read that shows whether this text would have shown; None where none can.

        Args:
            field: the field.
            baseline: what stands there.
            text: what was to be added.
            least: whether one that shows less than this serves, too, where there is none that shows as much.
        """
        control = self._run.control_for(field, baseline, text, self._tested[field], least=least)
        return None if control is None else self._test(control)

    def tested(self, told: WasRead, now: Moment) -> None:
        """Judge a reading of an order that must show what was appended to it."""
        control, self._control = self._control, None
        assert control is not None
        if told.view is not None and self._run.still_holds(control):
            held = held_in(told.view, control.field)
            self._notes.events += self._run.control_read(control, held, now)
            if self._retests < MOST_RETESTS and judge_control(control, held) is Proof.CONFIRMED:
                # After many other readings that is no evidence any more: then it may be read again.
                self._retests += 1
                self._tested[control.field].discard(control.order)

    # --- what is settled

    def _settle_present(self, view: OrderView, now: Moment) -> None:
        """Settle what a reading shows, and note what stands there more than once."""
        for check in list(self.checks):
            proof = self._proof(check, view)
            if proof not in STANDS:
                continue
            twice = proof is Proof.TWICE
            message = messages.TWICE if twice else messages.CONFIRMED
            if check.doubt is not None:
                self._confirm_doubt(check, check.doubt, now, message, twice=twice)
            elif check.part is not None and check.row is not None:
                self._confirm_part(check, check.row, check.part, now, message, twice=twice)
            self._tell_again(check, now)

    def _confirm_doubt(
        self, check: PendingCheck, doubt: Doubt, now: Moment, message: str, *, twice: bool
    ) -> None:
        if check.open:
            self.checks.remove(check)
            if doubt.takes_back is None:
                self._book.confirm(doubt.ref, now.utc, message)
            else:
                self._book.take_back(doubt, now.utc)
        if twice or check.open:
            self._notes.events.append(Settle(doubt.ref, OperationState.APPLIED, message, now.utc))

    def _confirm_part(
        self, check: PendingCheck, row: RowInHand, part: Part, now: Moment, message: str, *, twice: bool
    ) -> None:
        if check.unsettled:
            part.close(Outcome.APPLIED_TWICE if twice else Outcome.CONFIRMED, message)
            self._notes.settled(row, part, OperationState.APPLIED, now, message=message)
        elif twice and part.outcome is not None and part.outcome.ok:
            part.close(Outcome.APPLIED_TWICE, message)

    def _settle_absent(self, check: PendingCheck, view: OrderView, now: Moment) -> None:
        """It was not applied: a part of this run goes out again, within the attempts that a row has."""
        run, message = self._run, messages.NOT_APPLIED_LEDGER
        if check.doubt is not None:
            self.checks.remove(check)
            if check.doubt.takes_back is None:
                self._book.forget(check.doubt.ref)
            for entry in check.doubt.takes_back or ():
                # It was not undone: it stands as it stood before.
                self._book.record(entry)
            self._notes.events.append(Settle(check.doubt.ref, OperationState.ABSENT, message, now.utc))
        elif check.part is not None and check.row is not None:
            row, part = check.row, check.part
            part.baseline = held_in(view, part.field)
            if part.to_look_up and row.attempts < run.options.attempts and not run.ended:
                part.to_look_up = False
            elif run.stop_reason is StopReason.REDIRECT and row.attempts == 1:
                part.close(Outcome.NOT_SENT, run.closed or "")
            else:
                part.close(Outcome.NOT_APPLIED, messages.NOT_APPLIED)
            self._notes.settled(row, part, OperationState.ABSENT, now, message=message)

    def _tell_again(self, check: PendingCheck, now: Moment) -> None:
        """Tell a row's result anew, where it was told before and is another one now."""
        if check.row is not None and check.row.result is not None and check.row.over:
            self._notes.result(check.row, now)

    def _end(self, row: RowInHand | None, now: Moment) -> None:
        """The order owes no look any more."""
        if any(check.part is not None and check.part.open for check in self.checks):
            # Another look in this run would tell no more, and its row has its result.
            self._run.unlooked.add(self._order)
        self._clear()
        if row is None or not any(part.doubted for part in row.to_send):
            # What goes out once more is looked at again after that.
            self._notes.events.append(Looked(self._order, now.utc))

    def _give_up(self) -> None:
        """Nothing more can be learned about the order in this run; a later one looks it up."""
        run, why = self._run, messages.READ_TOO_SOON
        if not (self._seen and run.ended):
            why = messages.not_read_again(self._unread, readable=run.readable, stopped=run.stopped)
        for check in self.checks:
            if check.part is not None and check.row is not None and check.part.to_look_up:
                check.row.unreadable = True
                self._notes.give_up(check.row, check.part, why=why)
        self._clear()
        self._run.unlooked.add(self._order)

    def _clear(self) -> None:
        """Look no further; an append of another run that is still in doubt holds the order's rows back."""
        for check in self.checks:
            doubt = check.doubt
            if self.held is None and doubt is not None and check.open and not doubt.may_be_sent_again:
                self.held = messages.waits_for(f"row {doubt.ref.row} of run {doubt.known_as}")
        self.checks.clear()
        self.clear_at, self._owed, self._silent_since = NEVER, False, None
        self._sightings, self._sighted, self._look_at = 0, None, NEVER
