"""One lane: takes an order as far as it goes, row by row, and puts it down where it must wait.

What is to be written waits in the lane until the next thing leaves, so that the end of one row and the
beginning of the next share one commit; before any other wait it is written by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.api import put_body
from ordersheet.core.errors import LedgerError
from ordersheet.core.journal import AttemptEnded, Done, Looked, Release, There
from ordersheet.core.model import Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery import messages, transitions
from ordersheet.delivery.attempts import FRESH, Attempts
from ordersheet.delivery.job import NEVER, PendingCheck, holds_back, oldest_open, result_of
from ordersheet.delivery.parts import Part, Phase, RowInHand
from ordersheet.delivery.reconcile import give_up_part, judge, settled
from ordersheet.delivery.verdict.put import StopReason, Verdict, VerdictKind

if TYPE_CHECKING:
    from ordersheet.core.journal import Event
    from ordersheet.delivery.context import DeliveryContext
    from ordersheet.delivery.job import Job
    from ordersheet.delivery.rate.estimator import Ticket

LOOKS = 5
"""How often a look that got no answer is put off."""
LOOK_AGAIN = 5.0
"""Seconds until the first of these; doubled each time."""
BRISK = 200.0
"""Requests a second from which on the end of a row may wait for the start of the next: it is not long."""
_OK = 200


class Lane:
    """One lane of a delivery."""

    def __init__(self, context: DeliveryContext) -> None:
        self.context = context
        self.attempts = Attempts(context)
        self._pending: list[Event] = []

    async def advance(self, job: Job) -> float | None:
        """Take an order as far as it goes.

        Returns:
            None where it is done with; otherwise when it is to be taken up again (monotonic).
        """
        context = self.context
        while True:
            row, now = job.row, context.clock.monotonic()
            if not job.adopted:
                self._adopt(job)
            if row is not None and row.over:
                self._close(job, row)
            elif row is not None and context.ended and row.in_phase(Phase.SEND):
                transitions.abandon(context, job, row)
            elif row is not None and row.in_phase(Phase.SEND) and not row.in_phase(Phase.DOUBT):
                if job.not_before > now and not context.ended:
                    return await self._put_down(job, job.not_before)
                await self._attempt(job, row)
            elif job.waits(now):
                due = await self._settle(job)
                if due is not None:
                    return await self._put_down(job, due)
            elif job.next_row(context.journal.run, closed=job.held or context.closed) is None:
                self._finish(job)
                return None

    async def _put_down(self, job: Job, due: float) -> float:
        context = self.context
        job.view = None
        before = context.ended, context.interrupted
        await self.flush()
        # Where the run's end was told while this was being written, nobody tells it a second time.
        return due if before == (context.ended, context.interrupted) else context.clock.monotonic()

    # --- what other runs left

    def _adopt(self, job: Job) -> None:
        """Take over what other runs left in doubt: it is looked up before anything is sent."""
        job.adopted = True
        context = self.context
        for doubt in job.book.doubts:
            ago = max(0.0, (context.clock.now() - doubt.given_up).total_seconds())
            left = max(0.0, context.options.settle - ago)
            job.clear_at = max(job.clear_at, context.clock.monotonic() + left)
            job.pending.append(PendingCheck(doubt.operation.field, doubt.baseline, doubt=doubt))
            job.owes_look = True

    # --- one row

    async def _attempt(self, job: Job, row: RowInHand) -> None:
        """Send what is to be sent of a row, once, and note what came of it."""
        context = self.context
        if not await self._read_baseline(job, row):
            return
        parts = row.in_phase(Phase.SEND)
        if not parts:
            return
        try:
            body = put_body(job.order, [part.ask.operation for part in parts], xml=context.options.xml)
        except ValueError as bad:
            for part in parts:
                part.close(Outcome.INVALID, f"This cannot be sent: {bad}")
            return
        if self._pending and (context.limiter.pause_left > 0 or context.limiter.rate < BRISK):
            await self.flush()
        ticket = await self._leave(job, row, parts)
        if ticket is None:
            return
        job.view = None
        reads = any(part.baseline is not None for part in parts)
        verdict = await self.attempts.put(job.order, body, ticket, baseline=reads)
        await self._note(job, row, parts, verdict)

    async def _leave(self, job: Job, row: RowInHand, parts: list[Part]) -> Ticket | None:
        """Wait for an attempt's turn, and write it ahead; None where it does not leave now."""
        context = self.context
        turn = await context.limiter.turn()
        if turn is None:
            return None
        if job.forgets(row, context.clock.monotonic() - FRESH):
            context.limiter.pass_on(turn)
            return None
        row.begun += 1
        self._pending.append(transitions.begins(context, job, row, parts))
        written = await self.flush()
        ticket = await context.limiter.ready(turn)
        if ticket is None or not written:
            self._take_back(job, row, parts)
            return None
        if not any(part.sent for part in row.parts):
            context.breakers.row_sent()
        row.reread = False
        for part in parts:
            part.sent = True
        return ticket

    def _take_back(self, job: Job, row: RowInHand, parts: list[Part]) -> None:
        """The attempt does not leave: the run is ending, or the server has asked for a pause."""
        context = self.context
        if context.ledger_failed:
            row.begun -= 1
            return
        ended = VerdictKind.NOT_SENT
        self._pending.append(AttemptEnded(row.number, row.begun, ended.value, None, context.clock.now()))
        self._pending += transitions.unsent(context, job, row, parts, ended)

    async def _read_baseline(self, job: Job, row: RowInHand) -> bool:
        """Read the order before its comments are changed; False where the row goes no further now."""
        context = self.context
        parts = row.in_phase(Phase.SEND)
        if not context.wants_baseline(parts):
            for part in parts:
                part.baseline = None
            return True
        if job.view is None:
            await self.flush()
            verdict = await self.attempts.read(job.order)
            if context.ended:
                return False
            if verdict is None and context.readable:
                for part in parts:
                    transitions.unread(context, job, row, part, self.attempts.cause())
                return False
            job.view = None if verdict is None else verdict.view
            job.viewed_at = context.clock.monotonic()
        view = job.view
        for part in parts:
            name = part.ask.operation.field
            self._compare(
                job, row, part, view.comments.get(name) if view is not None and view.found else None
            )
        return True

    def _compare(self, job: Job, row: RowInHand, part: Part, held: str | None) -> None:
        """Take what a field holds as a part's baseline, and see whether the part is needed at all."""
        context = self.context
        if part.appends or not part.open:
            # An overwrite in doubt is judged by what stood there before its first attempt.
            part.baseline = held if context.trusts(part.ask.operation.field) else None
        if part.appends and not part.sent and transitions.stands_there(context, job, part, held):
            part.close(Outcome.ALREADY_THERE, messages.already_there(part.ask.operation))
            at = context.clock.now()
            job.book.record(context.entry(row.number, part.ask, OperationState.THERE, at=at))
            self._pending.append(There(job.order, part.ask, at))

    async def _note(self, job: Job, row: RowInHand, parts: list[Part], verdict: Verdict) -> None:
        """Note what an attempt ended in, part by part."""
        context = self.context
        if verdict.may_have_arrived:
            row.attempts += 1
        self._pending.append(transitions.gave_up(context, row, verdict))
        if verdict.status == _OK and context.provisional:
            await self.resolve_provisional(refused=True)
        match verdict.kind:
            case VerdictKind.ANSWERED_OK:
                self._pending += transitions.applied(context, job, row, parts)
                await self._try_reading(job, row, parts)
            case VerdictKind.ANSWERED_NO:
                checked = transitions.to_be_checked(context, parts)
                if checked and not context.ledger_failed:
                    await self.flush()
                    answer = await self.attempts.read(job.order, once=context.interrupted)
                    job.view = None if answer is None else answer.view
                self._pending += transitions.refused(context, job, row, parts, verdict, checked=checked)
            case VerdictKind.UNKNOWN:
                self._pending += transitions.unknown(context, job, row, parts, verdict)
            case _ if verdict.code == "forbidden" and context.stop_reason is not StopReason.FORBIDDEN:
                self._pending += transitions.forbidden(context, job, row, parts)
            case _:
                self._pending += transitions.turned_away(context, job, row, parts, verdict)
                if context.stop_reason is StopReason.FORBIDDEN:
                    await self.resolve_provisional(refused=False)

    async def resolve_provisional(self, *, refused: bool) -> None:
        """Tell what the rows are that were turned away with 403: refused, or not sent since the run stops."""
        context = self.context
        waiting = [one for one in context.provisional if not one.resolving]
        for one in waiting:
            one.resolving = True
            for part in one.parts:
                if not refused:
                    part.close(Outcome.NOT_SENT, context.closed or messages.FORBIDDEN)
                state = OperationState.REFUSED if refused else None
                self._pending += settled(context, one.job, one.row, part, state, message=messages.FORBIDDEN)
            if one.closed:
                self._tell(one.job, one.row)
        await self.flush()
        for one in waiting:
            context.provisional.remove(one)
            if one.release:
                self._pending.append(Release(one.job.order))

    async def _try_reading(self, job: Job, row: RowInHand, parts: list[Part]) -> None:
        """Read back the first answered append of a field, to learn whether that works at this store."""
        context = self.context
        for part in parts:
            name = part.ask.operation.field
            known = name in context.probing or context.reads_back.get(name) is True
            if known or not part.appends or part.baseline is None or not context.may_read:
                continue
            context.probing.add(name)
            if job.view is None:
                await self.flush()
                verdict = await self.attempts.read(job.order, once=context.ended)
                job.view = verdict.view if verdict is not None else None
            if job.view is None or not job.view.found:
                context.probing.discard(name)
                continue
            self._pending += transitions.learned(context, job, row, part, job.view)

    # --- looking an order up

    async def _settle(self, job: Job) -> float | None:
        """Look an order in doubt up, as soon as a look can tell something.

        Returns:
            When to take the order up again; None where its state is to be judged anew at once.
        """
        context = self.context
        final = context.clock.monotonic() >= job.clear_at
        readable = any(check.readable for check in job.pending)
        blind = context.ended if not readable else (final or context.ended) and not context.may_read
        if context.ledger_failed or blind:
            self._give_up(job)
        elif final or self._worth_a_peek(job):
            return await self._look(job, final=final, readable=readable and context.may_read)
        elif context.interrupted:
            self._give_up(job)
        else:
            return job.clear_at
        return None

    def _worth_a_peek(self, job: Job) -> bool:
        """Tell whether a look can tell something already: presence counts at once."""
        if not self.context.may_read:
            return False
        if self.context.ended:
            return not job.last_peek
        return not job.peeked and any(check.open and check.readable for check in job.pending)

    async def _look(self, job: Job, *, final: bool, readable: bool) -> float | None:
        """Read the order and judge what is in doubt; the last look where nothing can arrive any more."""
        context = self.context
        if readable:
            # A reading of a moment ago, with nothing sent since, is as good as another one.
            if job.view is None or not final:
                await self.flush()
                verdict = await self.attempts.read(job.order, once=context.ended or not final)
                job.view = None if verdict is None else verdict.view
            job.peeked, job.last_peek = True, context.ended
            if job.view is None:
                return self._missed(job, final=final)
            self._pending += judge(context, job, job.view, final=final)
        if final:
            self._looked(job)
        return None

    def _missed(self, job: Job, *, final: bool) -> float | None:
        """A look got no answer: put it off, unless nothing more can be waited for."""
        context = self.context
        if not final and not context.ended:
            return job.clear_at
        job.looks_missed += 1
        if context.ended or job.looks_missed >= LOOKS or not context.may_read:
            self._give_up(job)
            return None
        return context.clock.monotonic() + LOOK_AGAIN * 2.0 ** (job.looks_missed - 1)

    def _looked(self, job: Job) -> None:
        """The order owes no look any more."""
        self._hold_for_doubts(job)
        if any(check.part is not None and check.part.open for check in job.pending):
            # Another look in this run would tell no more, and its row has its result.
            self.context.unlooked.add(job.order)
        job.pending.clear()
        job.clear_at, job.owes_look = NEVER, False
        if job.row is None or not any(part.doubted for part in job.row.in_phase(Phase.SEND)):
            # What goes out once more is looked at again after that.
            self._pending.append(Looked(job.order, self.context.clock.now()))

    def _give_up(self, job: Job) -> None:
        """Nothing more can be learned about the order in this run; a later one looks it up."""
        context = self.context
        self._hold_for_doubts(job)
        for check in job.pending:
            if check.part is not None and check.row is not None and check.part.phase is Phase.DOUBT:
                check.row.unreadable = True
                give_up_part(context, job, check.row, check.part)
        job.pending.clear()
        job.clear_at, job.owes_look = NEVER, False
        context.unlooked.add(job.order)

    def _hold_for_doubts(self, job: Job) -> None:
        """Hold the order's rows back where an append of another run is still in doubt."""
        doubt = oldest_open(job.pending)
        if doubt is not None and job.held is None:
            job.held = messages.waits_for(f"row {doubt.ref.row} of run {doubt.ref.run}")

    # --- results

    def _close(self, job: Job, row: RowInHand) -> None:
        """A row has its result: tell it, and go on to the next one."""
        context = self.context
        job.row = None
        if holds_back(row) and job.held is None:
            job.held = messages.waits_for(f"row {row.number}")
        if row.unreadable and any(part.outcome is Outcome.UNCONFIRMED for part in row.parts):
            reason = context.breakers.row_unknown()
            if reason is not None:
                context.halt(reason)
        waiting = next((one for one in context.provisional if one.row is row), None)
        if waiting is not None:
            waiting.closed = True
            return
        self._tell(job, row)

    def _tell(self, job: Job, row: RowInHand) -> None:
        result = result_of(row, job.order, self.context.clock.now())
        self.context.count(result, row.result)
        row.result = result
        self._pending.append(Done(result))

    def _finish(self, job: Job) -> None:
        """All rows of the order are done: give its claim back."""
        waiting = [one for one in self.context.provisional if one.job is job]
        if waiting:
            waiting[-1].release = True
        else:
            self._pending.append(Release(job.order))

    async def flush(self) -> bool:
        """Write what waits to be written, in one transaction; False where the ledger cannot take it."""
        context = self.context
        events, self._pending = self._pending, []
        if not events:
            return not context.ledger_failed
        if not context.ledger_failed:
            try:
                await context.journal.write(*events)
            except LedgerError as error:
                context.fail(error)
            else:
                context.tally.tell()
                return True
        for event in events:
            if isinstance(event, Done):
                context.unwritten[event.result.row] = event.result
        return False
