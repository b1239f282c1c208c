"""What an attempt's end means for each part of its row: noted in row, order and book."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.journal import AttemptEnded, Begin, Learned
from ordersheet.core.model import COMMENT_FIELDS, Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery import messages
from ordersheet.delivery.context import Provisional
from ordersheet.delivery.job import PendingCheck
from ordersheet.delivery.parts import Part, Phase, RowInHand
from ordersheet.delivery.reconcile import changed_result, give_up_part, settled
from ordersheet.delivery.verdict.proof import Proof, judge_append, judge_overwrite, stands_as_line

if TYPE_CHECKING:
    from ordersheet.api import OrderView
    from ordersheet.core.journal import Event
    from ordersheet.delivery.context import DeliveryContext
    from ordersheet.delivery.job import Job
    from ordersheet.delivery.verdict.causes import Cause
    from ordersheet.delivery.verdict.put import Verdict, VerdictKind

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds before overwrites are sent again; doubled each time."""
_NO_SUCH = (404, 405)
"""What a web server that is no Order API says to a PUT."""
TURNED_AWAY = 6
"""How often a row may be answered 421 or 425."""


def resend_pause(attempts: int) -> float:
    """Say how many seconds lie between an unknown attempt and the next, where nothing is to be looked up."""
    return min(FIRST_PAUSE * 2.0 ** (attempts - 1), LONGEST_PAUSE)


def stands_there(context: DeliveryContext, job: Job, part: Part, held: str | None) -> bool:
    """Tell whether a text stands in the order as a whole line that this ledger never wrote."""
    text = str(part.ask.operation.value)
    if context.options.again or part.ask.occurrence > 1 or not stands_as_line(text, held):
        return False
    return not any(
        entry.key == part.ask.key or stands_as_line(text, entry.text)
        for entry in job.book.history(part.ask.operation.field)
        if entry.state in (OperationState.APPLIED, OperationState.IN_DOUBT)
    )


def begins(context: DeliveryContext, job: Job, row: RowInHand, parts: list[Part]) -> Event:
    """Note that an attempt is about to leave."""
    baseline = {part.ask.operation.field: part.baseline for part in parts if part.baseline is not None}
    return Begin(
        order=job.order,
        row=row.number,
        attempt=row.begun,
        asks=tuple(part.ask for part in parts),
        baseline=baseline or None,
        at=context.clock.now(),
    )


def gave_up(context: DeliveryContext, row: RowInHand, verdict: Verdict) -> Event:
    """Note that an attempt has ended."""
    return AttemptEnded(row.number, row.begun, verdict.kind.value, verdict.status, context.clock.now())


def applied(context: DeliveryContext, job: Job, row: RowInHand, parts: list[Part]) -> list[Event]:
    """The API said ok."""
    events: list[Event] = []
    for part in parts:
        part.close(Outcome.APPLIED, messages.APPLIED)
        events += settled(context, job, row, part, OperationState.APPLIED)
        if part.doubted:
            _owe_look(job, row, part)
    return events


def unsent(
    context: DeliveryContext, job: Job, row: RowInHand, parts: list[Part], kind: VerdictKind
) -> list[Event]:
    """Nothing of the attempt was applied: its parts stand where they stood before it."""
    events: list[Event] = []
    for part in parts:
        state = OperationState.IN_DOUBT if part.open else None
        events += settled(context, job, row, part, state, message=kind.value)
    return events


def turned_away(
    context: DeliveryContext, job: Job, row: RowInHand, parts: list[Part], verdict: Verdict
) -> list[Event]:
    """Nothing was sent or applied; a 421 or 425 is tried again after a pause, and not for ever."""
    events = unsent(context, job, row, parts, verdict.kind)
    if verdict.code != "not-now":
        return events
    row.turned_away += 1
    job.not_before = context.clock.monotonic() + resend_pause(row.turned_away)
    if row.turned_away >= TURNED_AWAY:
        for part in parts:
            if part.open:
                give_up_part(context, job, row, part)
            else:
                part.close(Outcome.NOT_APPLIED, messages.turned_away(verdict.status))
    return events


def abandon(context: DeliveryContext, job: Job, row: RowInHand) -> None:
    """The run has ended: what was still to be sent of a row stays where it stands."""
    for part in row.in_phase(Phase.SEND):
        if part.open:
            give_up_part(context, job, row, part)
        elif part.doubted:
            part.close(Outcome.NOT_APPLIED, messages.NOT_APPLIED)
        else:
            closed = messages.LEDGER_FAILED if context.ledger_failed else context.closed
            part.close(Outcome.NOT_SENT, closed or messages.LEDGER_FAILED)


def unread(context: DeliveryContext, job: Job, row: RowInHand, part: Part, cause: Cause) -> None:
    """The order could not be read before its comment was to be changed."""
    if part.open:
        give_up_part(context, job, row, part)
    elif part.doubted:
        part.close(Outcome.NOT_APPLIED, messages.NOT_APPLIED)
    else:
        part.close(Outcome.NOT_SENT, messages.unread(cause))
        context.warn_unread(cause)


def unknown(
    context: DeliveryContext, job: Job, row: RowInHand, parts: list[Part], verdict: Verdict
) -> list[Event]:
    """The attempt may have been applied: the order is set aside, to be looked up."""
    events: list[Event] = []
    now = context.clock.monotonic()
    job.clear_at = now + context.options.settle
    job.not_before = now + resend_pause(row.attempts)
    job.owes_look, job.peeked, job.looks_missed = True, False, 0
    may_try = row.attempts < context.options.attempts and not context.ended
    for part in parts:
        part.doubted = True
        events += settled(context, job, row, part, OperationState.IN_DOUBT, message=verdict.meaning)
        if not part.appends and may_try:
            continue
        if part.baseline is not None and part.ask.operation.field in COMMENT_FIELDS:
            part.phase = Phase.DOUBT
            _owe_look(job, row, part)
        else:
            row.unreadable = row.unreadable or part.appends
            give_up_part(context, job, row, part)
    return events


def _owe_look(job: Job, row: RowInHand, part: Part) -> None:
    """Remember a part that was in doubt, for the last look."""
    if not any(check.part is part for check in job.pending):
        job.pending.append(PendingCheck(part.ask.operation.field, part.baseline, row=row, part=part))
        job.owes_look = True


def forbidden(context: DeliveryContext, job: Job, row: RowInHand, parts: list[Part]) -> list[Event]:
    """Turned away with 403: refused, unless the run stops for it; which of the two is told later."""
    events: list[Event] = []
    provisional = []
    for part in parts:
        if part.open:
            give_up_part(context, job, row, part, said=messages.FORBIDDEN)
            events += settled(context, job, row, part, OperationState.IN_DOUBT)
            continue
        part.close(Outcome.REFUSED, messages.FORBIDDEN)
        provisional.append(part)
        at = context.clock.now()
        job.book.record(
            context.entry(row.number, part.ask, OperationState.REFUSED, at=at, message=messages.FORBIDDEN)
        )
    if provisional:
        context.provisional.append(Provisional(job, row, provisional))
    return events


def to_be_checked(context: DeliveryContext, parts: list[Part]) -> bool:
    """Tell whether a refusal is read back: that one of several parts applies nothing is not documented."""
    comments = any(part.ask.operation.field in COMMENT_FIELDS for part in parts)
    return len(parts) > 1 and comments and context.options.baseline and context.readable


def refused(
    context: DeliveryContext, job: Job, row: RowInHand, parts: list[Part], verdict: Verdict, *, checked: bool
) -> list[Event]:
    """The API said no: final, but for what an earlier attempt, or this one, may have applied."""
    events: list[Event] = []
    said = verdict.answer.message if verdict.answer is not None else ""
    message = messages.refused(said, verdict.status)
    if verdict.status in _NO_SUCH and verdict.answer is None and not context.api_seen:
        message = f"{message} {messages.no_api(context.options.base_url)}"
        context.warn_no_api()
    proofs = _refusal_proofs(parts, job.view) if checked else {}
    half = any(proof in _STANDS for proof in proofs.values())
    whole = all(proof is Proof.ABSENT for proof in proofs.values())
    for part in parts:
        proof = proofs.get(part.ask.operation.field)
        state = OperationState.IN_DOUBT
        if proof in _STANDS:
            part.close(Outcome.CONFIRMED, messages.CONFIRMED)
            state = OperationState.APPLIED
        elif part.open or not (whole or half) or (part.appends and proof is Proof.UNCLEAR):
            give_up_part(context, job, row, part, said=message)
        elif half and proof is not Proof.ABSENT:
            part.close(Outcome.REFUSED, f"{messages.sentence(message)} {messages.HALF_REFUSED}")
        else:
            part.close(Outcome.REFUSED, message)
            state = OperationState.REFUSED
        events += settled(context, job, row, part, state, message=said or message)
    return events


_STANDS = (Proof.CONFIRMED, Proof.TWICE)


def _refusal_proofs(parts: list[Part], view: OrderView | None) -> dict[str, Proof]:
    """Judge by a reading whether a refused row was applied after all, by comment field."""
    proofs = {}
    for part in parts:
        name, text = part.ask.operation.field, str(part.ask.operation.value)
        if name not in COMMENT_FIELDS:
            continue
        now = view.comments.get(name) if view is not None and view.found else None
        look = judge_append if part.appends else judge_overwrite
        proofs[name] = look(part.baseline, now, text)
    return proofs


def learned(context: DeliveryContext, job: Job, row: RowInHand, part: Part, view: OrderView) -> list[Event]:
    """Learn from an answered append whether its field can be read back at this store."""
    name = part.ask.operation.field
    proof = judge_append(part.baseline, view.comments.get(name), str(part.ask.operation.value))
    works = proof in _STANDS
    context.reads_back[name] = works
    if not works:
        context.warn_unverifiable(name)
    if proof is Proof.TWICE:
        part.close(Outcome.APPLIED_TWICE, messages.TWICE)
    return [Learned(name, reads_back=works), *changed_result(context, job, row, context.clock.now())]
