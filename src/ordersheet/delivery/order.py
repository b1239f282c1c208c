"""One order's life in one run, without I/O, clock or event loop.

A lane asks `next` what is to be done, does it, and tells what came of it; every rule of docs/delivery.md is
a step in here. What a step needs of the run beyond the order stands in `RunFacts`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from ordersheet.api import put_body
from ordersheet.core.history.orderbook import OperationRef
from ordersheet.core.journal import AttemptEnded, Begin, Done, Learned, Looked, Release, Settle, There
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
from ordersheet.delivery.looks import NEVER, Looks
from ordersheet.delivery.reconcile import (
    STANDS,
    fates_of_refused,
    held_in,
    proof_of_doubt,
    proof_of_part,
    written_by_us,
)
from ordersheet.delivery.rows import Rows, result_of
from ordersheet.delivery.stages import STAGES, Stage
from ordersheet.delivery.verdict.proof import Proof, stands_as_line
from ordersheet.delivery.verdict.put import StopReason, Verdict, VerdictKind

if TYPE_CHECKING:
    from ordersheet.api import OrderView
    from ordersheet.core.history.orderbook import Doubt, OrderBook
    from ordersheet.core.journal import Event
    from ordersheet.core.model import OrderWork, RowResult
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.looks import PendingCheck
    from ordersheet.delivery.parts import Part, RowInHand
    from ordersheet.delivery.run_facts import RunFacts
    from ordersheet.delivery.verdict.causes import Cause

FRESH = 30.0
"""Seconds after which a baseline is read anew rather than used for a row whose turn came late."""
STOOD_STILL = 5.0
"""Seconds between an attempt's write-ahead and its first byte after which it is written ahead anew."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds before a row is sent again; doubled each time."""
TURNED_AWAY = 6
"""How often a row may be answered 421 or 425."""
_NO_SUCH = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
"""The second: what a web server that is no Order API says to a PUT."""


def resend_pause(attempts: int) -> float:
    """Say how many seconds lie between an attempt and the next, where nothing is to be looked up."""
    return min(FIRST_PAUSE * 2.0 ** (attempts - 1), LONGEST_PAUSE)


class OrderMachine:
    """One order in one run: which step comes next, and what each step's end means.

    Attributes:
        work: what the file asks of the order.
        run: what all orders of the run share.
        stage: where it stands.
    """

    def __init__(self, work: OrderWork, book: OrderBook, run: RunFacts) -> None:
        self.work = work
        self.run = run
        self.stage = Stage.NEW
        self._book = book
        self._rows = Rows(work, book, run.run)
        self._row: RowInHand | None = None
        self._events: list[Event] = []
        self._looks = Looks()
        self._forbidden: list[tuple[RowInHand, list[Part]]] = []
        """Rows turned away with 403, which are refused unless the run stops for it."""
        self._held: str | None = None
        """Why the later rows are not sent, as a whole sentence."""
        self._due: Action | None = None
        """What the stage begins with."""
        self._body = b""
        self._sending: list[Part] = []
        """The parts of the attempt under way."""
        self._said: Verdict | None = None
        """The `no` that is being read back."""
        self._view: OrderView | None = None
        """The latest reading, as long as nothing was sent since and no time has passed."""
        self._viewed_at = NEVER
        self._begun_at = NEVER
        self._not_before = NEVER
        """When the row under way may be tried again."""
        self._stays = False
        """Whether its lane waits for that with it."""

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
            if self._events:
                events, self._events = tuple(self._events), []
                return Record(events)
            action = self._step(now)
            if action is not None:
                return action

    def _step(self, now: Moment) -> Action | None:
        if self._due is not None:
            due, self._due = self._due, None
            return due
        match self.stage:
            case Stage.DECIDING:
                return self._decide(now)
            case Stage.AT_HEAD:
                self._write_ahead(now)
                return None
            case Stage.NEW:
                # What other runs left in doubt is looked up before anything is sent.
                self._looks.adopt(self._book.doubts, now, self.run.options.settle)
                self._go(Stage.DECIDING)
                return None
            case Stage.FINISHED:
                return Finish()
            case _:
                raise AssertionError(f"asked while {self.stage}")

    def tell(self, told: Told, now: Moment) -> None:
        """Say what came of what was to be done."""
        match told, self.stage:
            case WasRead(view, cause), Stage.READING:
                self._baseline_read(view, cause, now)
            case WasRead(view), Stage.CHECKING:
                self._checked(view, now)
            case WasRead(view), Stage.TRYING:
                self._tried(view, now)
            case WasRead(view), Stage.LOOKING:
                self._looked_up(view, now)
            case TurnCame(granted), Stage.IN_LINE:
                self._go(Stage.AT_HEAD if granted else Stage.DECIDING)
            case WasWritten(), Stage.WRITING:
                self._written(told, now)
            case Answered(verdict), Stage.SENDING:
                self._answered(verdict, now)
            case _:
                raise AssertionError(f"told {told} while {self.stage}")

    def _go(self, stage: Stage, due: Action | None = None) -> None:
        """Go to a stage, which begins with this action."""
        assert (self.stage, stage) in STAGES, f"from {self.stage} to {stage}"
        self.stage, self._due = stage, due

    def _decide(self, now: Moment) -> Action | None:
        row, run = self._row, self.run
        if row is not None:
            if row.over:
                self._close(row, now)
                return None
            sending = row.to_send
            if sending and run.ended:
                self._abandon(row, sending)
                return None
            if len(sending) == sum(part.outcome is None for part in row.parts):
                if self._not_before > now.seconds:
                    return self._wait(self._not_before, stays=self._stays)
                self._prepare(row, sending, now)
                return None
        if self._looks.hold(now.seconds):
            return self._settle(now)
        self._row = self._rows.next(closed=self._held or run.closed)
        if self._row is None:
            self._finish()
        return None

    def _wait(self, until: float, *, stays: bool = False) -> Wait:
        if not stays:
            self._view = None
        return Wait(until, stays=stays)

    def _finish(self) -> None:
        self._go(Stage.FINISHED)
        if not self._forbidden:
            # Otherwise the claim is given back when it is known what those rows are.
            self._events.append(Release(self.order))

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
        if self._held is None and any(part.holds_back for part in row.parts):
            self._held = messages.waits_for(f"row {row.number}")
        if row.unreadable and any(part.outcome is Outcome.UNCONFIRMED for part in row.parts):
            self.run.row_unknown()
        if all(row is not other for other, _ in self._forbidden):
            self._tell_result(row, now)

    def _tell_result(self, row: RowInHand, now: Moment) -> None:
        """Tell a row's result, unless the same was told before."""
        result, before = result_of(row, now.utc), row.result
        if before is None or (result.outcome, result.message) != (before.outcome, before.message):
            self.run.count(result, before)
            row.result = result
            self._events.append(Done(result))

    def _abandon(self, row: RowInHand, parts: list[Part]) -> None:
        """The run has ended: what was still to be sent of a row stays where it stands."""
        for part in parts:
            self._leave_out(row, part, self.run.closed or messages.LEDGER_FAILED)

    def _leave_out(self, row: RowInHand, part: Part, why: str) -> None:
        """A part that was to be sent is not sent, or not once more."""
        if part.open:
            self._give_up_part(row, part)
        elif part.doubted:
            part.close(Outcome.NOT_APPLIED, messages.NOT_APPLIED)
        else:
            part.close(Outcome.NOT_SENT, why)

    def _give_up_part(self, row: RowInHand, part: Part, *, said: str = "") -> None:
        """Leave a part unconfirmed: nothing more can be learned about it; `said` is what the server said."""
        message = messages.unconfirmed(part, self.order, self.run.run, row.number, said=said)
        part.close(Outcome.UNCONFIRMED, message)

    # --- before the first byte

    def _prepare(self, row: RowInHand, sending: list[Part], now: Moment) -> None:
        """Read the order where its comments are changed, and make the payload."""
        if not self.run.wants_baseline(sending):
            for part in sending:
                part.baseline = None
        elif self._view is None:
            self._viewed_at = now.seconds
            self._go(Stage.READING, Read())
            return
        else:
            for part in sending:
                self._compare(row, part, held_in(self._view, part.field), now)
            sending = [part for part in sending if part.outcome is None]
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

    def _baseline_read(self, view: OrderView | None, cause: Cause | None, now: Moment) -> None:
        self._go(Stage.DECIDING)
        row, run = self._row, self.run
        assert row is not None
        self._view, self._viewed_at = view, now.seconds
        if view is not None or run.ended or not run.readable:
            return
        assert cause is not None
        for part in row.to_send:
            self._leave_out(row, part, messages.unread(cause))
            if part.outcome is Outcome.NOT_SENT:
                run.warn_unread(cause)

    def _compare(self, row: RowInHand, part: Part, held: str | None, now: Moment) -> None:
        """Take what a field holds as a part's baseline, and see whether the part is needed at all."""
        if part.appends or not part.open:
            # An overwrite in doubt is judged by what stood there before its first attempt.
            part.baseline = held if self.run.trusts(part.field) else None
        if part.appends and not part.sent and self._stands_there(part, held):
            part.close(Outcome.ALREADY_THERE, messages.already_there(part.ask.operation))
            part.move(OperationState.THERE)
            self._book.record(part.entry(self._ref(row, part), self.run.options.batch, now.utc))
            self._events.append(There(self.order, part.ask, now.utc))

    def _stands_there(self, part: Part, held: str | None) -> bool:
        """Tell whether a text stands in the order as a whole line that this ledger never wrote."""
        if self.run.options.again or part.ask.occurrence > 1 or not stands_as_line(part.text, held):
            return False
        return not written_by_us(self._book.history(part.field), part.ask)

    def _write_ahead(self, now: Moment) -> None:
        """Its turn has come: write the attempt ahead, unless its baseline has grown old in the line."""
        row = self._row
        assert row is not None
        if self._view is not None and not row.reread and self._viewed_at < now.seconds - FRESH:
            self._view, row.reread = None, True
            self._go(Stage.DECIDING)
            return
        row.begun += 1
        self._begun_at = now.seconds
        for part in self._sending:
            part.move(OperationState.SENDING)
        baseline = {part.field: part.baseline for part in self._sending if part.baseline is not None}
        asks = tuple([part.ask for part in self._sending])
        begin = Begin(self.order, row.number, row.begun, asks, baseline or None, now.utc)
        self._go(Stage.WRITING, WriteAhead((begin,)))

    def _written(self, told: WasWritten, now: Moment) -> None:
        row = self._row
        assert row is not None
        if not told.durable:
            row.begun -= 1
            for part in self._sending:
                part.state = OperationState.IN_DOUBT if part.was_open else None
            self._go(Stage.DECIDING)
        elif told.leaves and now.seconds - self._begun_at <= STOOD_STILL:
            if row.attempts == row.unsent == row.turned_away == 0:
                self.run.breakers.row_sent()
            row.reread = False
            self._go(Stage.SENDING, Put(self._body))
        else:
            self._attempt_ended(row, VerdictKind.NOT_SENT, None, now)
            self._unsent(row, VerdictKind.NOT_SENT, now)
            self._go(Stage.AT_HEAD if told.leaves else Stage.DECIDING)

    # --- what an attempt has ended in

    def _answered(self, verdict: Verdict, now: Moment) -> None:
        """Note what an attempt has ended in, part by part."""
        row, run = self._row, self.run
        assert row is not None
        row.attempts += verdict.may_have_arrived
        self._attempt_ended(row, verdict.kind, verdict.status, now)
        if verdict.status == HTTPStatus.OK and run.forbidden:
            self._events += run.settle_forbidden(refused=True, now=now)
        if not _repeats(verdict):
            self._view = None
        stage = Stage.DECIDING
        match verdict.kind:
            case VerdictKind.ANSWERED_OK:
                stage = self._applied(row, now)
            case VerdictKind.ANSWERED_NO if self._is_to_be_checked():
                self._said, stage = verdict, Stage.CHECKING
            case VerdictKind.ANSWERED_NO:
                self._refused(row, verdict, {}, now)
            case VerdictKind.UNKNOWN:
                self._unknown(row, verdict, now)
            case _ if verdict.code == "forbidden" and run.stop_reason is not StopReason.FORBIDDEN:
                self._turned_away_for_now(row, now)
            case _:
                self._turned_away(row, verdict, now)
                if run.stop_reason is StopReason.FORBIDDEN:
                    self._events += run.settle_forbidden(refused=False, now=now)
        once = run.interrupted if stage is Stage.CHECKING else run.ended
        self._go(stage, None if stage is Stage.DECIDING else Read(once=once))

    def _attempt_ended(self, row: RowInHand, kind: VerdictKind, status: int | None, now: Moment) -> None:
        self._events.append(AttemptEnded(row.number, row.begun, kind.value, status, now.utc))

    def _applied(self, row: RowInHand, now: Moment) -> Stage:
        """The API said ok."""
        row.unsent = 0
        for part in self._sending:
            part.close(Outcome.APPLIED, messages.APPLIED)
            self._settled(row, part, OperationState.APPLIED, now)
            if part.doubted:
                self._looks.owe(row, part)
        to_try = self.run.to_try(self._sending)
        self.run.probing.update(part.field for part in to_try)
        self._sending = to_try
        return Stage.TRYING if to_try else Stage.DECIDING

    def _unsent(self, row: RowInHand, kind: VerdictKind, now: Moment) -> None:
        """Nothing of the attempt was applied: its parts stand where they stood before it."""
        for part in self._sending:
            state = OperationState.IN_DOUBT if part.open else OperationState.ABSENT
            self._settled(row, part, state, now, message=kind.value)

    def _turned_away(self, row: RowInHand, verdict: Verdict, now: Moment) -> None:
        """Nothing was sent or applied: it is tried again after a pause; a 421 or 425 not for ever."""
        self._unsent(row, verdict.kind, now)
        if _repeats(verdict):
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
                        self._give_up_part(row, part)
                    else:
                        part.close(Outcome.NOT_APPLIED, messages.turned_away(verdict.status))

    def _unknown(self, row: RowInHand, verdict: Verdict, now: Moment) -> None:
        """The attempt may have been applied: the order is set aside, to be looked up."""
        options = self.run.options
        self._looks.attempt_unknown(now, options.settle)
        self._not_before, self._stays = now.seconds + resend_pause(row.attempts), False
        may_try = row.attempts < options.attempts and not self.run.ended
        row.unsent = 0
        for part in self._sending:
            part.doubted = True
            self._settled(row, part, OperationState.IN_DOUBT, now, message=verdict.meaning)
            if not part.appends and may_try:
                continue
            if part.baseline is not None and part.in_comment:
                part.to_look_up = True
                self._looks.owe(row, part)
            else:
                row.unreadable = row.unreadable or part.appends
                self._give_up_part(row, part)

    def _turned_away_for_now(self, row: RowInHand, now: Moment) -> None:
        """Turned away with 403: refused, unless the run stops for it; which of the two is told later."""
        waiting = []
        for part in self._sending:
            if part.open:
                self._give_up_part(row, part, said=messages.FORBIDDEN)
                self._settled(row, part, OperationState.IN_DOUBT, now)
                continue
            part.close(Outcome.REFUSED, messages.FORBIDDEN)
            waiting.append(part)
            entry = part.entry(self._ref(row, part), self.run.options.batch, now.utc, messages.FORBIDDEN)
            self._book.record(entry._replace(state=OperationState.REFUSED))
        if waiting:
            self._forbidden.append((row, waiting))
            self.run.forbidden[self.order] = self

    def settle_forbidden(self, *, refused: bool, now: Moment) -> list[Event]:
        """Tell what the rows are that were turned away with 403: refused, or not sent since the run stops."""
        before, self._events = self._events, []
        forbidden, self._forbidden = self._forbidden, []
        for row, parts in forbidden:
            for part in parts:
                if not refused:
                    part.close(Outcome.NOT_SENT, self.run.closed or messages.FORBIDDEN)
                state = OperationState.REFUSED if refused else OperationState.ABSENT
                self._settled(row, part, state, now, message=messages.FORBIDDEN)
            if row is not self._row:
                self._tell_result(row, now)
        if self.stage is Stage.FINISHED:
            self._events.append(Release(self.order))
        events, self._events = self._events, before
        return events

    # --- a no

    def _is_to_be_checked(self) -> bool:
        """Tell whether a refusal is read back: it may have applied one of several parts."""
        several = len(self._sending) > 1 and any(part.in_comment for part in self._sending)
        return several and self.run.options.baseline and self.run.readable and not self.run.ledger_failed

    def _checked(self, view: OrderView | None, now: Moment) -> None:
        """Judge by a reading whether a refused row was applied after all."""
        row, said = self._row, self._said
        assert row is not None
        assert said is not None
        self._view, self._viewed_at = view, now.seconds
        proofs = {part.field: proof_of_part(part, view) for part in self._sending if part.in_comment}
        self._refused(row, said, proofs, now)
        self._go(Stage.DECIDING)

    def _refused(self, row: RowInHand, verdict: Verdict, proofs: dict[str, Proof], now: Moment) -> None:
        """The API said no: final, but for what an earlier attempt, or this one, may have applied."""
        said = verdict.answer.message if verdict.answer is not None else ""
        message = messages.refused(said, verdict.status)
        if verdict.status in _NO_SUCH and verdict.answer is None and not self.run.api_seen:
            message = f"{message} {messages.no_api(self.run.options.base_url)}"
            self.run.warn_no_api()
        for part, fate in zip(self._sending, fates_of_refused(self._sending, proofs), strict=True):
            state = OperationState.IN_DOUBT
            if fate is Outcome.CONFIRMED:
                part.close(fate, messages.CONFIRMED)
                state = OperationState.APPLIED
            elif fate is Outcome.UNCONFIRMED:
                self._give_up_part(row, part, said=message)
            elif fate is Outcome.PARTLY_APPLIED:
                part.close(Outcome.REFUSED, f"{messages.sentence(message)} {messages.HALF_REFUSED}")
            else:
                part.close(Outcome.REFUSED, message)
                state = OperationState.REFUSED
            self._settled(row, part, state, now, message=said or message)

    # --- whether reading back works at this store

    def _tried(self, view: OrderView | None, now: Moment) -> None:
        """Learn from an answered append whether its field can be read back at this store."""
        row = self._row
        assert row is not None
        self._view, self._viewed_at = view, now.seconds
        for part in self._sending:
            if view is None or not view.found:
                self.run.probing.discard(part.field)
                continue
            proof = proof_of_part(part, view)
            works = proof in STANDS
            self.run.reads_back[part.field] = works
            if not works:
                self.run.warn_unverifiable(part.field)
            if proof is Proof.TWICE:
                part.close(Outcome.APPLIED_TWICE, messages.TWICE)
            self._events.append(Learned(part.field, reads_back=works))
        self._go(Stage.DECIDING)

    # --- looking an order up

    def _settle(self, now: Moment) -> Action | None:
        """Look an order in doubt up, as soon as a look can tell something."""
        run = self.run
        final = now.seconds >= self._looks.clear_at
        readable = self._looks.readable
        blind = run.ended if not readable else (final or run.ended) and not run.may_read
        if run.ledger_failed or blind:
            self._give_up()
        elif final or (run.may_read and self._looks.worth_a_peek(ended=run.ended)):
            if readable and run.may_read:
                # A reading of a moment ago, with nothing sent since, is as good as another one.
                if self._view is not None and final:
                    self._look(self._view, now, final=True)
                    return None
                self._go(Stage.LOOKING, Read(once=run.ended or not final))
                return None
            self._look_ended(now)
        elif run.interrupted:
            self._give_up()
        else:
            return self._wait(self._looks.clear_at)
        return None

    def _looked_up(self, view: OrderView | None, now: Moment) -> None:
        self._go(Stage.DECIDING)
        self._view, self._viewed_at = view, now.seconds
        self._looks.peeked(ended=self.run.ended)
        final = now.seconds >= self._looks.clear_at
        if view is not None:
            self._look(view, now, final=final)
        else:
            self._missed(now, final=final)

    def _look(self, view: OrderView, now: Moment, *, final: bool) -> None:
        """Judge what is in doubt by a reading; the last one where nothing can arrive any more."""
        for check in list(self._looks.checks):
            if check.doubt is not None:
                self._judge_doubt(check, check.doubt, held_in(view, check.field), now, final=final)
            elif check.part is not None and check.row is not None:
                self._judge_part(check.row, check.part, view, now, final=final)
                if check.row.result is not None and check.row.over:
                    self._tell_result(check.row, now)
        if final:
            self._look_ended(now)

    def _missed(self, now: Moment, *, final: bool) -> None:
        """A look got no answer: put it off, unless nothing more can be waited for."""
        run = self.run
        if (final or run.ended) and (run.ended or not run.may_read or not self._looks.put_off(now)):
            self._give_up()

    def _judge_part(self, row: RowInHand, part: Part, view: OrderView, now: Moment, *, final: bool) -> None:
        run = self.run
        proof = proof_of_part(part, view)
        if proof is Proof.ABSENT and not (final and run.trusts_absence(part.field)):
            proof = Proof.UNCLEAR
        unsettled = part.to_look_up or (part.outcome is not None and part.open)
        if proof in STANDS:
            twice = proof is Proof.TWICE
            message = messages.TWICE if twice else messages.CONFIRMED
            if unsettled:
                part.close(Outcome.APPLIED_TWICE if twice else Outcome.CONFIRMED, message)
                self._settled(row, part, OperationState.APPLIED, now, message=message)
            elif twice and part.outcome is not None and part.outcome.ok:
                part.close(Outcome.APPLIED_TWICE, message)
        elif proof is Proof.ABSENT and unsettled:
            self._proven_absent(row, part, view)
            self._settled(row, part, OperationState.ABSENT, now, message=messages.NOT_APPLIED_LEDGER)
        elif final and part.to_look_up:
            self._give_up_part(row, part)

    def _proven_absent(self, row: RowInHand, part: Part, view: OrderView) -> None:
        """It was not applied: it goes out again, within the attempts that a row has."""
        run = self.run
        part.baseline = held_in(view, part.field)
        if part.to_look_up and row.attempts < run.options.attempts and not run.ended:
            part.to_look_up = False
        elif run.stop_reason is StopReason.REDIRECT and row.attempts == 1:
            part.close(Outcome.NOT_SENT, run.closed or "")
        else:
            part.close(Outcome.NOT_APPLIED, messages.NOT_APPLIED)

    def _judge_doubt(
        self, check: PendingCheck, doubt: Doubt, held: str | None, now: Moment, *, final: bool
    ) -> None:
        """Judge what another run left in doubt."""
        proof = proof_of_doubt(doubt, self._book.history(check.field), held)
        if proof is Proof.TWICE or (proof is Proof.CONFIRMED and check.open):
            message = messages.TWICE if proof is Proof.TWICE else messages.CONFIRMED
            if check.open:
                self._looks.checks.remove(check)
                self._book.confirm(doubt.ref, now.utc, message)
            self._events.append(Settle(doubt.ref, OperationState.APPLIED, message, now.utc))
        elif proof is Proof.ABSENT and check.open and final and self.run.trusts_absence(check.field):
            self._looks.checks.remove(check)
            self._book.forget(doubt.ref)
            message = messages.NOT_APPLIED_LEDGER
            self._events.append(Settle(doubt.ref, OperationState.ABSENT, message, now.utc))

    def _look_ended(self, now: Moment) -> None:
        """The order owes no look any more."""
        if any(check.part is not None and check.part.open for check in self._looks.checks):
            # Another look in this run would tell no more, and its row has its result.
            self.run.unlooked.add(self.order)
        self._end_looks()
        if self._row is None or not any(part.doubted for part in self._row.to_send):
            # What goes out once more is looked at again after that.
            self._events.append(Looked(self.order, now.utc))

    def _give_up(self) -> None:
        """Nothing more can be learned about the order in this run; a later one looks it up."""
        for check in self._looks.checks:
            if check.part is not None and check.row is not None and check.part.to_look_up:
                check.row.unreadable = True
                self._give_up_part(check.row, check.part)
        self._end_looks()
        self.run.unlooked.add(self.order)

    def _end_looks(self) -> None:
        """Look no further; an append of another run that is still in doubt holds the order's rows back."""
        doubt = self._looks.end()
        if doubt is not None and self._held is None:
            self._held = messages.waits_for(f"row {doubt.ref.row} of run {doubt.ref.run}")

    # --- book and ledger

    def _settled(
        self, row: RowInHand, part: Part, state: OperationState, now: Moment, *, message: str = ""
    ) -> None:
        """Tell book and ledger what an operation has come to."""
        part.move(state)
        ref = self._ref(row, part)
        if state is OperationState.ABSENT:
            self._book.forget(ref)
        else:
            self._book.record(part.entry(ref, self.run.options.batch, now.utc, message))
        self._events.append(Settle(ref, state, message, now.utc))

    def _ref(self, row: RowInHand, part: Part) -> OperationRef:
        return OperationRef(self.run.run, row.number, part.field)


def _repeats(verdict: Verdict) -> bool:
    """Tell whether the very same payload may simply leave again: nothing of it can have been applied."""
    if verdict.stop is not None:
        return False
    return verdict.kind is VerdictKind.NOT_SENT or verdict.code == "too-many"
