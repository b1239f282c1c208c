"""One order's life in one run, without I/O, clock or event loop.

A lane asks `next` what is to be done, does it, and tells what came of it; every rule of docs/delivery.md is
a step in here. What a step needs of the run beyond the order stands in `RunFacts`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from ordersheet.api import put_body
from ordersheet.core.journal import Begin, Release
from ordersheet.core.model import Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery import messages
from ordersheet.delivery.actions import (
    Action,
    Answered,
    Finish,
    Put,
    Read,
    Record,
    TakeTurn,
    Told,
    TurnCame,
    Wait,
    WasRead,
    WasWritten,
    WriteAhead,
)
from ordersheet.delivery.baseline import AtTurn, Baseline
from ordersheet.delivery.forbidden_rows import ForbiddenRows
from ordersheet.delivery.guards import MOST_REREADS, guards_an_overwrite
from ordersheet.delivery.latest_reading import STOOD_STILL
from ordersheet.delivery.order_notes import OrderNotes
from ordersheet.delivery.parts import resend_pause
from ordersheet.delivery.read_back import NEVER, ReadBack
from ordersheet.delivery.reconcile import STANDS, fates_of_refused, proof_of_part
from ordersheet.delivery.refusal import RefusalCheck
from ordersheet.delivery.rows import Rows, RowSource, result_of
from ordersheet.delivery.stages import STAGES, Stage
from ordersheet.delivery.verdict.proof import Proof
from ordersheet.delivery.verdict.put import StopReason, Verdict, VerdictKind

if TYPE_CHECKING:
    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.core.model import OrderWork, RowResult
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.parts import Part, RowInHand
    from ordersheet.delivery.run_facts import RunFacts

TURNED_AWAY = 6
"""How often a row may be answered 421 or 425."""


class OrderMachine:
    """One order in one run: which step comes next, and what each step's end means.

    Attributes:
        work: what the file asks of the order.
        run: what all orders of the run share.
        stage: where it stands.
    """

    def __init__(self, work: OrderWork, book: OrderBook, run: RunFacts, claimed: float | None = None) -> None:
        self.work = work
        self.run = run
        self.stage = Stage.NEW
        self._book = book
        self._rows = self._make_rows()
        self._row: RowInHand | None = None
        self._notes = self._make_notes()
        self._read_back = ReadBack(work.order, book, self._notes, run)
        self._forbidden = ForbiddenRows(work.order, book, run, self._notes)
        self._baseline = Baseline(work.order, book, run, self._notes, claimed)
        self._reading = self._baseline.latest
        self._held: str | None = None
        """Why the later rows are not sent, as a whole sentence."""
        self._due: Action | None = None
        """What the stage begins with."""
        self._body = b""
        self._sending: list[Part] = []
        """The parts of the attempt under way."""
        self._refusal: RefusalCheck | None = None
        """The `no` that is being read back."""
        self._written_at: float | None = None
        """When the latest request of this run to it had ended."""
        self._begun_at = NEVER
        self._not_before = NEVER
        """When the row under way may be tried again."""
        self._stays = False
        """Whether its lane waits for that with it."""

    def _make_rows(self) -> RowSource:
        return Rows(self.work, self._book, self.run.name)

    def _make_notes(self) -> OrderNotes:
        return OrderNotes(self.work.order, self._book, self.run)

    @property
    def order(self) -> int:
        """The order's ID."""
        return self.work.order

    @property
    def waits_to_release(self) -> bool:
        """Whether its claim is kept until it is known what was turned away with 403."""
        return self.stage is Stage.FINISHED and bool(self._forbidden)

    # --- what is to be done

    def next(self, now: Moment) -> Action:
        """Say what is to be done next; `tell` must have been called for what it said before."""
        while True:
            if self._notes.events:
                return Record(self._notes.take())
            action = self._step(now)
            if action is not None:
                return action

    def _step(self, now: Moment) -> Action | None:
        if self._due is not None:
            due, self._due = self._due, None
            return due._replace(written_at=self._written_at) if isinstance(due, Read) else due
        match self.stage:
            case Stage.DECIDING:
                return self._decide(now)
            case Stage.AT_HEAD:
                self._write_ahead(now)
                return None
            case Stage.NEW:
                self._read_back.adopt(now)
                self._go(Stage.DECIDING)
                return None
            case Stage.FINISHED:
                return Finish()
            case _:
                raise AssertionError(f"asked while {self.stage}")

    def tell(self, told: Told, now: Moment) -> None:
        """Say what came of what was to be done."""
        stage = self.stage
        if isinstance(told, Answered) and stage is Stage.SENDING:
            self._answered(told.verdict, now)
        elif isinstance(told, TurnCame) and stage is Stage.IN_LINE:
            self._go(Stage.AT_HEAD if told.granted else Stage.DECIDING)
        elif isinstance(told, WasWritten) and stage is Stage.WRITING:
            self._written(told, now)
        elif isinstance(told, WasRead):
            self._was_read(told, now)
        else:
            raise AssertionError(f"told {told} while {stage}")

    def _was_read(self, told: WasRead, now: Moment) -> None:
        match self.stage:
            case Stage.READING:
                self._baseline_read(told, now)
            case Stage.CHECKING:
                self._checked(told, now)
            case Stage.TRYING:
                self._tried(told, now)
            case Stage.LOOKING:
                self._looked_up(told, now)
            case Stage.TESTING:
                self._tested(told, now)
            case _:
                raise AssertionError(f"told {told} while {self.stage}")

    def _go(self, stage: Stage, due: Action | None = None) -> None:
        """Go to a stage, which begins with this action."""
        assert (self.stage, stage) in STAGES, f"from {self.stage} to {stage}"
        self.stage, self._due = stage, due

    def _decide(self, now: Moment) -> Action | None:
        row, run = self._row, self.run
        if row is not None and self._refusal is not None:
            return self._judge_no(row, self._refusal, now)
        if row is not None and row.over:
            self._close(row, now)
        elif row is not None and run.ended and row.to_send:
            for part in row.to_send:
                # What was still to be sent stays where it stands.
                self._notes.leave_out(row, part, run.closed or messages.LEDGER_FAILED)
        elif row is not None and row.to_send and not row.in_doubt:
            if self._not_before > now.seconds:
                return self._wait(self._not_before, stays=self._stays)
            self._prepare(row, row.to_send, now)
        elif self._read_back.hold(now.seconds):
            return self._settle(now)
        else:
            self._row = self._rows.next(closed=self._held or self._read_back.held or run.closed)
            if self._row is None:
                self._finish(now)
        return None

    def _wait(self, until: float, *, stays: bool = False) -> Wait:
        if not stays:
            self._reading.forget()
        return Wait(until, stays=stays)

    def _finish(self, now: Moment) -> None:
        for row in self._rows.settled_since():
            if row.result is not None:
                self._notes.result(row, now)
        self._go(Stage.FINISHED)
        if not self._forbidden.keep_claim():
            self._notes.events.append(Release(self.order))

    # --- rows

    def decide_all(self, now: Moment) -> list[RowResult] | None:
        """Give the results of all rows where nothing is to be sent; None where something is."""
        results = []
        while (row := self._rows.next(closed=self.run.closed)) is not None:
            if not row.over:
                self._rows.rewind()
                return None
            row.result = result_of(row, now.utc)
            results.append(row.result)
        return results

    def _close(self, row: RowInHand, now: Moment) -> None:
        """A row has its result: tell it, and go on to the next one."""
        self._row = None
        if self._held is None and not row.waits_for_change and any(part.holds_back for part in row.parts):
            self._held = messages.waits_for(f"row {row.number}")
        if row.unreadable and any(part.outcome is Outcome.UNCONFIRMED for part in row.parts):
            self.run.row_unknown()
        if not self._forbidden.keep_result(row):
            self._notes.result(row, now)

    # --- before the first byte

    def _prepare(self, row: RowInHand, sending: list[Part], now: Moment) -> None:
        """Read the order where its comments are changed or guarded, and make the payload."""
        not_sent = self._baseline.why_not_sent(row)
        if not_sent is not None:
            self._stop_at_guard(row, *not_sent)
            return
        if not self._baseline.needed(row, sending):
            for part in sending:
                part.baseline = part.seen = None
        elif self._reading.view is None:
            self._read_first(row, sending, now)
            return
        else:
            sending = self._baseline.compare(row, sending, now)
            if not sending:
                return
        try:
            operations = [part.ask.operation for part in sending]
            self._body = put_body(self.order, operations, xml=self.run.options.xml)
        except ValueError as bad:
            for part in sending:
                part.close(Outcome.INVALID, f"This cannot be sent: {bad}")
            return
        self._sending = sending
        self._go(Stage.IN_LINE, TakeTurn())

    def _read_first(self, row: RowInHand, sending: list[Part], now: Moment) -> None:
        """Read the order; a guarded overwrite takes its turn before, so that it leaves at once afterwards."""
        if guards_an_overwrite(row):
            self._sending = sending
            self._go(Stage.IN_LINE, TakeTurn())
        else:
            self._reading.ask(now)
            self._go(Stage.READING, Read(since=self._baseline.pages.since(row)))

    def _stop_at_guard(self, row: RowInHand, outcome: Outcome, why: str) -> None:
        if outcome is Outcome.CHANGED_SINCE:
            self._rows.changed.add(row.number)
        self._notes.stop(row, outcome, why)

    def _baseline_read(self, told: WasRead, now: Moment) -> None:
        row = self._row
        assert row is not None
        self._go(Stage.DECIDING)
        pause = self._baseline.read(row, told, now)
        if pause is not None:
            self._not_before, self._stays = now.seconds + pause, False

    def _write_ahead(self, now: Moment) -> None:
        """Its turn has come: write the attempt ahead, unless its baseline has grown old in the line."""
        row = self._row
        assert row is not None
        worth = self._baseline.at_turn(row, self._sending, now)
        if worth is AtTurn.GREW_OLD:
            self._go(Stage.DECIDING)
            return
        if worth is AtTurn.GUARDS_NO_MORE:
            self._read_at_turn(row, messages.GUARD_GREW_OLD, now)
            return
        row.begun += 1
        self._begun_at = now.seconds
        for part in self._sending:
            part.move(OperationState.SENDING)
            if not part.appends:
                self._baseline.own_texts.overwritten(part.field)
        baseline = {part.field: part.seen for part in self._sending if part.seen is not None}
        asks = tuple([part.ask for part in self._sending])
        begin = Begin(self.order, row.number, row.begun, asks, baseline or None, now.utc)
        self._go(Stage.WRITING, WriteAhead((begin,)))

    def _read_at_turn(self, row: RowInHand, too_slow: str, now: Moment) -> None:
        """Read what is about to be taken away, now that its turn has come; not for ever.

        Args:
            row: what is to be sent.
            too_slow: what to say where too much time went by since each reading.
            now: this moment.
        """
        row.rereads += 1
        if row.rereads > MOST_REREADS:
            self._notes.stop(row, Outcome.NOT_SENT, too_slow)
            self._go(Stage.DECIDING)
            return
        self._reading.ask(now)
        self._go(Stage.READING, Read(keeps_turn=True))

    def _written(self, told: WasWritten, now: Moment) -> None:
        row = self._row
        assert row is not None
        if not told.durable:
            row.begun -= 1
            for part in self._sending:
                part.state = OperationState.IN_DOUBT if part.was_open else None
            self._go(Stage.DECIDING)
        elif (
            told.leaves
            and now.seconds - self._begun_at <= STOOD_STILL
            and self._baseline.guards_still(row, now)
        ):
            if row.attempts == row.unsent == row.turned_away == 0:
                self.run.breakers.row_sent()
            row.reread, row.rereads = False, 0
            self.run.pages.leaves(self.order)
            self._go(Stage.SENDING, Put(self._body))
        else:
            self._notes.attempt_ended(row, VerdictKind.NOT_SENT, None, now)
            self._notes.unsent(row, self._sending, VerdictKind.NOT_SENT, now)
            self._go(Stage.AT_HEAD if told.leaves else Stage.DECIDING)

    # --- what an attempt has ended in

    def _answered(self, verdict: Verdict, now: Moment) -> None:
        """Note what an attempt has ended in, part by part."""
        row, run = self._row, self.run
        assert row is not None
        row.attempts += verdict.may_have_arrived
        self._written_at = now.seconds
        self._baseline.pages.answered(now.seconds)
        self._notes.attempt_ended(row, verdict.kind, verdict.status, now)
        if verdict.status == HTTPStatus.OK and run.forbidden:
            self._settle_forbidden(refused=True, now=now)
        if not verdict.repeats:
            self._reading.forget()
        stage = Stage.DECIDING
        match verdict.kind:
            case VerdictKind.ANSWERED_OK:
                stage = self._applied(row, now)
            case VerdictKind.ANSWERED_NO if self._is_to_be_checked():
                stage = Stage.CHECKING
                self._refusal = RefusalCheck(
                    verdict,
                    self._sending,
                    missing=row.missing,
                    read_back=self._read_back,
                    run=run,
                    now=now,
                )
            case VerdictKind.ANSWERED_NO:
                self._refused(row, verdict, {}, now)
            case VerdictKind.UNKNOWN:
                self._unknown(row, verdict, now)
            case _ if verdict.code == "forbidden" and run.stop_reason is not StopReason.FORBIDDEN:
                self._forbidden.turned_away(row, self._sending, now)
            case _:
                self._turned_away(row, verdict, now)
                if run.stop_reason is StopReason.FORBIDDEN:
                    self._settle_forbidden(refused=False, now=now)
        once = run.interrupted if stage is Stage.CHECKING else run.ended
        self._go(stage, None if stage is Stage.DECIDING else Read(once=once))

    def _applied(self, row: RowInHand, now: Moment) -> Stage:
        """The API said ok."""
        row.unsent = 0
        for part in self._sending:
            part.close(Outcome.APPLIED, messages.APPLIED)
            self._notes.settled(row, part, OperationState.APPLIED, now)
            if part.doubted:
                self._read_back.owe(row, part)
            if part.in_comment:
                self._baseline.answered_ok(part, now)
        to_try = self.run.to_try(self._sending)
        self.run.probing.update(part.field for part in to_try)
        self._sending = to_try
        return Stage.TRYING if to_try else Stage.DECIDING

    def _turned_away(self, row: RowInHand, verdict: Verdict, now: Moment) -> None:
        """Nothing was sent or applied: it is tried again after a pause; a 421 or 425 not for ever."""
        self._notes.unsent(row, self._sending, verdict.kind, now)
        if verdict.repeats:
            row.unsent += 1
            self._stays = True
            pause = 0.0 if verdict.pushed_back else resend_pause(row.unsent) + self.run.jitter()
            self._not_before = now.seconds + pause
        elif verdict.code == "not-now":
            row.turned_away += 1
            self._stays = False
            self._not_before = now.seconds + resend_pause(row.turned_away)
            if row.turned_away >= TURNED_AWAY:
                for part in self._sending:
                    if part.open:
                        why = messages.not_sent_again(row.attempts, self.run.stopped)
                        self._notes.give_up(row, part, why=why)
                    else:
                        part.close(Outcome.NOT_APPLIED, messages.turned_away(verdict.status))

    def _unknown(self, row: RowInHand, verdict: Verdict, now: Moment) -> None:
        """The attempt may have been applied: the order is set aside, to be looked up."""
        options = self.run.options
        self._read_back.attempt_unknown(now, heard=verdict.status is not None)
        self._not_before, self._stays = now.seconds + resend_pause(row.attempts), False
        may_try = row.attempts < options.attempts and not self.run.ended
        row.unsent = 0
        for part in self._sending:
            part.doubted = True
            self._notes.settled(row, part, OperationState.IN_DOUBT, now, message=verdict.meaning)
            if not part.appends and may_try:
                continue
            if part.baseline is not None and part.in_comment:
                part.to_look_up = True
                self._read_back.owe(row, part)
            else:
                row.unreadable = row.unreadable or part.appends
                self._notes.give_up(row, part, why=self._why_not_known(row, part))

    def _why_not_known(self, row: RowInHand, part: Part) -> str:
        if not part.appends:
            return messages.not_sent_again(row.attempts, self.run.stopped)
        return messages.NO_BASELINE if self.run.readable else messages.NOT_READABLE

    def _settle_forbidden(self, *, refused: bool, now: Moment) -> None:
        # Where this order is among them, its own earlier events come along, taken from its notes.
        events = self.run.forbidden.settle(refused=refused, now=now)
        self._notes.events += events

    # --- a no

    def _is_to_be_checked(self) -> bool:
        """Tell whether a refusal is read back: it may have applied one of several parts."""
        several = len(self._sending) > 1 and any(part.in_comment for part in self._sending)
        return several and self.run.options.baseline and self.run.readable and not self.run.ledger_failed

    def _checked(self, told: WasRead, now: Moment) -> None:
        """Whether a refused row was applied after all can be judged now."""
        assert self._refusal is not None
        self._refusal.unread = told.cause
        self._baseline.see(told, now)
        self._go(Stage.DECIDING)

    def _judge_no(self, row: RowInHand, check: RefusalCheck, now: Moment) -> Action | None:
        """Judge a refusal that was read back, as soon as that can be told."""
        step = check.step(self._reading.view, now)
        if isinstance(step, Wait):
            return self._wait(step.until)
        if step is not None:
            self._go(Stage.CHECKING if step.order is None else Stage.TESTING, step)
            return None
        self._refusal = None
        if self._reading.view is not None:
            # Another look in this run would tell no more.
            self.run.unlooked.add(self.order)
        self._refused(row, check.said, check.proofs, now, why=check.why)
        return None

    def _refused(
        self, row: RowInHand, verdict: Verdict, proofs: dict[str, Proof], now: Moment, *, why: str = ""
    ) -> None:
        """The API said no: final, but for what an earlier attempt, or this one, may have applied."""
        said = verdict.answer.message if verdict.answer is not None else ""
        message = messages.refused(said, verdict.status)
        if verdict.by_no_api and not self.run.api_seen:
            message = f"{message} {messages.no_api(self.run.options.base_url)}"
            self.run.warn_no_api()
        for part, fate in zip(self._sending, fates_of_refused(self._sending, proofs), strict=True):
            state = OperationState.IN_DOUBT
            if fate is Outcome.CONFIRMED:
                part.close(fate, messages.CONFIRMED)
                state = OperationState.APPLIED
            elif fate is Outcome.UNCONFIRMED:
                self._notes.give_up(row, part, said=message, why=why)
            elif fate is Outcome.PARTLY_APPLIED:
                part.close(Outcome.REFUSED, f"{messages.sentence(message)} {messages.HALF_REFUSED}")
            else:
                part.close(Outcome.REFUSED, message)
                state = OperationState.REFUSED
            self._notes.settled(row, part, state, now, message=said or message)

    # --- whether reading back works at this store

    def _tried(self, told: WasRead, now: Moment) -> None:
        """Learn from an answered append whether its field can be read back at this store."""
        row, view = self._row, told.view
        assert row is not None
        proofs = {part.field: proof_of_part(part, view) for part in self._sending}
        for part in self._sending:
            if view is None or not view.found:
                self.run.probing.discard(part.field)
            elif proofs[part.field] not in STANDS and self._baseline.pages.in_use:
                # The page may have shown it in another way: what is tried next was read by its ID.
                self.run.pages.off = True
                self.run.probing.discard(part.field)
            elif proofs[part.field] not in STANDS:
                self._baseline.own_texts.judged(part.field)
                self._notes.events += self.run.distrust(part.field)
            elif proofs[part.field] is Proof.TWICE:
                part.close(Outcome.APPLIED_TWICE, messages.TWICE)
        self._baseline.see(told, now)
        self._go(Stage.DECIDING)

    # --- looking an order up

    def _settle(self, now: Moment) -> Action | None:
        """Look an order in doubt up, as soon as a look can tell something."""
        action = self._read_back.step(self._reading.view, self._row, now)
        if isinstance(action, Wait):
            return self._wait(action.until)
        if action is not None:
            self._go(Stage.LOOKING if action.order is None else Stage.TESTING, action)
        return None

    def _looked_up(self, told: WasRead, now: Moment) -> None:
        self._go(Stage.DECIDING)
        self._baseline.see(told, now)
        self._read_back.looked(told.view, now, told.cause)
        self._baseline.own_texts.look_up_anew()

    def _tested(self, told: WasRead, now: Moment) -> None:
        self._go(Stage.DECIDING)
        self._read_back.tested(told, now)
