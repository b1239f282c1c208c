"""What a reading of an order proves of what is in doubt there: pure, each operation judged by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ordersheet.core.history.undo import attribute_text
from ordersheet.core.model import ATTRIBUTE_PREFIX, COMMENT_FIELDS, OperationKind, Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.core.values import shown_value
from ordersheet.delivery.verdict.proof import (
    Proof,
    judge_append,
    judge_overwrite,
    stands_as_line,
    stands_as_sent,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ordersheet.api import OrderView
    from ordersheet.core.history.orderbook import Ask, Doubt, Entry, OrderBook, TakenOut
    from ordersheet.delivery.options import DeliveryOptions
    from ordersheet.delivery.parts import Part

JUST_NOW = timedelta(minutes=15)
"""How long what was answered ok must show in every reading; later, somebody may have tidied up."""
STANDS = (Proof.CONFIRMED, Proof.TWICE)
"""What proves that an operation was applied."""


def held_in(view: OrderView | None, field: str) -> str | None:
    """Give what a field holds in a reading; None where it shows nothing of it."""
    return view.comments.get(field) if view is not None and view.found else None


def standing_in(view: OrderView | None, field: str) -> str | None:
    """Give what a field holds, an attribute as a text; None where a reading shows nothing of it."""
    if view is None or not view.found or field in COMMENT_FIELDS:
        return held_in(view, field)
    if view.attributes is None:
        return None
    # What is unset is not shown.
    return shown_value(view.attributes.get(field.removeprefix(ATTRIBUTE_PREFIX), ""))


def stood_in(view: OrderView | None, field: str) -> str | None:
    """Give what a field holds as the ledger keeps it, to be put back one day; None where it is not shown."""
    if view is None or not view.found or field in COMMENT_FIELDS:
        return held_in(view, field)
    if view.attributes is None:
        return None
    return attribute_text(view.attributes.get(field.removeprefix(ATTRIBUTE_PREFIX)))


def proof_of_part(part: Part, view: OrderView | None) -> Proof:
    """Judge a part of this run by what its field held before and holds now."""
    look = judge_append if part.appends else judge_overwrite
    return look(part.baseline, held_in(view, part.field), part.text)


def proof_of_doubt(doubt: Doubt, history: Iterable[Entry], now: str | None) -> Proof:
    """Judge what another run left, with what this ledger has applied to the field since."""
    others = texts_since(history, doubt)
    if others is None:
        return Proof.UNCLEAR
    text = str(doubt.operation.value)
    if doubt.operation.kind is OperationKind.APPEND:
        return judge_append(doubt.baseline, now, text, others=others)
    return Proof.UNCLEAR if others else judge_overwrite(doubt.baseline, now, text)


def texts_since(history: Iterable[Entry], doubt: Doubt) -> list[str] | None:
    """Give what this ledger appended to a field after the doubt; None where that cannot be told."""
    later: list[str] = []
    found = False
    for entry in history:
        if entry.ref == doubt.ref:
            found = True
        elif found and entry.state is OperationState.APPLIED:
            if entry.kind.overwrites or entry.text is None:
                return None
            later.append(entry.text)
        elif found and entry.state is OperationState.IN_DOUBT:
            return None
    return later


def fates_of_refused(parts: Sequence[Part], proofs: Mapping[str, Proof]) -> list[Outcome]:
    """Say what a `no` came to, part by part.

    Args:
        parts: what was sent.
        proofs: what a reading proves of those in comments, by field; empty where it was not looked for.

    Returns:
        CONFIRMED for a text that was added all the same; PARTLY_APPLIED for what may have been, since another
        part was; UNCONFIRMED and REFUSED.
    """
    half = any(proof in STANDS for proof in proofs.values())
    whole = all(proof is Proof.ABSENT for proof in proofs.values())
    fates = []
    for part in parts:
        proof = proofs.get(part.field)
        if proof in STANDS:
            fates.append(Outcome.CONFIRMED)
        elif part.open or not (whole or half) or (part.appends and proof is Proof.UNCLEAR):
            fates.append(Outcome.UNCONFIRMED)
        elif half and proof is not Proof.ABSENT:
            fates.append(Outcome.PARTLY_APPLIED)
        else:
            fates.append(Outcome.REFUSED)
    return fates


def latest_texts(history: Iterable[Entry], at: datetime) -> list[str]:
    """Give what this ledger had applied to a field a moment ago, and what must be seen there for that."""
    texts: list[str] = []
    for entry in history:
        if entry.kind.overwrites and entry.state is not OperationState.REFUSED:
            texts = []
        if entry.state is OperationState.APPLIED and entry.text and entry.at is not None:
            texts += [entry.text] * (at - entry.at < JUST_NOW)
    return texts


def stands_there(ask: Ask, held: str | None, book: OrderBook, options: DeliveryOptions) -> bool:
    """Tell whether an append's text stands in the order as a whole line that this ledger never wrote."""
    operation = ask.operation
    if operation.kind.overwrites or options.again or ask.occurrence > 1:
        return False
    if not stands_as_sent(str(operation.value), held):
        return False
    return not written_by_us(book.history(operation.field), ask)


def shows_gone(gone: TakenOut | None, held: str, at: datetime) -> bool:
    """Tell whether a field still shows what an undo took out of it a moment ago: it is an old copy."""
    if gone is None or at - gone.at >= JUST_NOW:
        return False
    return any(stands_as_line(text, held) for text in gone.texts)


def written_by_us(history: Iterable[Entry], ask: Ask) -> bool:
    """Tell whether this ledger put this very text into the field, or may have: its history decides then."""
    ours = (OperationState.APPLIED, OperationState.IN_DOUBT)
    return any(entry.key == ask.key and entry.state in ours for entry in history)


def turned_up(tried: Iterable[Entry], ask: Ask) -> bool:
    """Tell whether a text that stands in the field is one that was sent, and was thought not to be there."""
    return any(entry.key == ask.key for entry in tried)
