"""What a reading of an order settles: each operation in doubt is judged by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.journal import Done, Settle
from ordersheet.core.model import OperationKind, Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery import messages
from ordersheet.delivery.job import result_of
from ordersheet.delivery.parts import Phase
from ordersheet.delivery.verdict.proof import Proof, judge_append, judge_overwrite
from ordersheet.delivery.verdict.put import StopReason

if TYPE_CHECKING:
    from datetime import datetime

    from ordersheet.api import OrderView
    from ordersheet.core.history.orderbook import Doubt, Entry
    from ordersheet.core.journal import Event
    from ordersheet.delivery.context import DeliveryContext
    from ordersheet.delivery.job import Job, PendingCheck
    from ordersheet.delivery.parts import Part, RowInHand


def judge(context: DeliveryContext, job: Job, view: OrderView, *, final: bool) -> list[Event]:
    """Judge all that is in doubt on an order by a reading of it.

    Args:
        context: what the run has learned about reading back.
        job: the order; its pending, parts and book are brought up to date.
        view: the reading.
        final: whether no attempt can arrive any more, so that absence counts.

    Returns:
        What the ledger is to be told.
    """
    at = context.clock.now()
    events: list[Event] = []
    for check in list(job.pending):
        now = view.comments.get(check.field) if view.found else None
        if check.doubt is not None:
            events += _judge_adopted(context, job, check, check.doubt, now, final=final)
        elif check.part is not None and check.row is not None:
            events += _judge_part(context, job, check.row, check.part, now, final=final)
            events += changed_result(context, job, check.row, at)
    return events


def _proof(
    context: DeliveryContext, baseline: str | None, now: str | None, part: Part, *, final: bool
) -> Proof:
    operation = part.ask.operation
    look = judge_append if part.appends else judge_overwrite
    proof = look(baseline, now, str(operation.value))
    if proof is Proof.ABSENT and not (final and context.trusts_absence(operation.field)):
        return Proof.UNCLEAR
    return proof


def _judge_part(
    context: DeliveryContext, job: Job, row: RowInHand, part: Part, now: str | None, *, final: bool
) -> list[Event]:
    proof = _proof(context, part.baseline, now, part, final=final)
    unsettled = part.phase is Phase.DOUBT or (part.phase is Phase.OVER and part.open)
    if proof in (Proof.CONFIRMED, Proof.TWICE):
        message = messages.TWICE if proof is Proof.TWICE else messages.CONFIRMED
        outcome = Outcome.APPLIED_TWICE if proof is Proof.TWICE else Outcome.CONFIRMED
        if unsettled:
            part.close(outcome, message)
            return settled(context, job, row, part, OperationState.APPLIED, message=message)
        if proof is Proof.TWICE and part.outcome is not None and part.outcome.ok:
            part.close(outcome, message)
    elif proof is Proof.ABSENT and unsettled:
        again = part.phase is Phase.DOUBT and row.attempts < context.options.attempts and not context.ended
        part.baseline = now
        if again:
            part.phase = Phase.SEND
        elif context.stop_reason is StopReason.REDIRECT and row.attempts == 1:
            part.close(Outcome.NOT_SENT, f"Not sent. {context.stop.message}" if context.stop else "Not sent.")
        else:
            part.close(Outcome.NOT_APPLIED, messages.NOT_APPLIED)
        return settled(context, job, row, part, None, message=messages.NOT_APPLIED_LEDGER)
    elif final and part.phase is Phase.DOUBT:
        give_up_part(context, job, row, part)
    return []


def give_up_part(context: DeliveryContext, job: Job, row: RowInHand, part: Part, *, said: str = "") -> None:
    """Leave a part unconfirmed: nothing more can be learned about it.

    Args:
        context: names the run.
        job: the order.
        row: the part's row.
        part: gets its outcome.
        said: what the server said, where it answered.
    """
    message = messages.unconfirmed(part, job.order, context.journal.run, row.number, said=said)
    part.close(Outcome.UNCONFIRMED, message)


def settled(
    context: DeliveryContext,
    job: Job,
    row: RowInHand,
    part: Part,
    state: OperationState | None,
    *,
    message: str = "",
) -> list[Event]:
    """Tell book and ledger what an operation has come to; None is proven absent."""
    at = context.clock.now()
    ref = context.ref(row.number, part.ask.operation.field)
    part.open = state is OperationState.IN_DOUBT
    if state is None:
        job.book.forget(ref)
        return [Settle(ref, OperationState.ABSENT, message, at)]
    job.book.record(context.entry(row.number, part.ask, state, at=at, message=message))
    return [Settle(ref, _IN_LEDGER[state], message, at)]


_IN_LEDGER = {
    OperationState.APPLIED: OperationState.APPLIED,
    OperationState.REFUSED: OperationState.REFUSED,
    OperationState.IN_DOUBT: OperationState.IN_DOUBT,
}


def changed_result(context: DeliveryContext, job: Job, row: RowInHand, at: datetime) -> list[Event]:
    """Tell a result that was told before and is another one now."""
    if row.result is None or not row.over:
        return []
    result = result_of(row, job.order, at)
    if (result.outcome, result.message) == (row.result.outcome, row.result.message):
        return []
    context.count(result, row.result)
    row.result = result
    return [Done(result)]


def _judge_adopted(
    context: DeliveryContext, job: Job, check: PendingCheck, doubt: Doubt, now: str | None, *, final: bool
) -> list[Event]:
    """Judge what another run left, with what this ledger has applied to the field since."""
    since = _since(job.book.history(check.field), doubt)
    if since is None:
        return []
    others = [entry.text for entry in since]
    if any(text is None for text in others):
        return []
    text = str(doubt.operation.value)
    if doubt.operation.kind is OperationKind.APPEND:
        proof = judge_append(doubt.baseline, now, text, others=[str(other) for other in others])
    else:
        proof = judge_overwrite(doubt.baseline, now, text) if not others else Proof.UNCLEAR
    at = context.clock.now()
    if proof is Proof.TWICE or (proof is Proof.CONFIRMED and check.open):
        message = messages.TWICE if proof is Proof.TWICE else messages.CONFIRMED
        if check.open:
            job.pending.remove(check)
            _applied(job, doubt, at, message)
        return [Settle(doubt.ref, OperationState.APPLIED, message, at)]
    if proof is Proof.ABSENT and check.open and final and context.trusts_absence(check.field):
        job.pending.remove(check)
        job.book.forget(doubt.ref)
        return [Settle(doubt.ref, OperationState.ABSENT, messages.NOT_APPLIED_LEDGER, at)]
    return []


def _since(history: tuple[Entry, ...], doubt: Doubt) -> list[Entry] | None:
    """What this ledger appended to the field after the doubt; None where something replaced it since."""
    later: list[Entry] = []
    found = False
    for entry in history:
        if entry.ref == doubt.ref:
            found = True
        elif found and entry.state is OperationState.APPLIED:
            if entry.kind.overwrites:
                return None
            later.append(entry)
        elif found and entry.state is OperationState.IN_DOUBT:
            return None
    return later


def _applied(job: Job, doubt: Doubt, at: datetime, message: str) -> None:
    """Let the order's history know that what another run left was applied."""
    for entry in job.book.history(doubt.operation.field):
        if entry.ref == doubt.ref:
            job.book.record(entry._replace(state=OperationState.APPLIED, at=at, message=message))
