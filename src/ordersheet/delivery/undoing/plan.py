"""What is to be put back of one field, by what stands there now: pure, for the preview and for the run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.history.undo import FieldWalk, attribute_value, walk_back, walk_blind
from ordersheet.core.model import COMMENT_FIELDS, Operation, OperationKind, Outcome
from ordersheet.delivery.undoing import messages

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ordersheet.core.history.undo import PastAttempt, UndoBook

_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#[0-9]{1,6}|#x[0-9A-Fa-f]{1,5});")
_RAW = re.compile(r"[&<>]")


class FieldPlan(NamedTuple):
    """What is to become of one field."""

    walk: FieldWalk
    outcome: Outcome | None
    """Why nothing is put back; None where something is."""
    message: str
    """Of what stays, as a sentence; "" where nothing does."""
    stays: Outcome
    """The outcome of what stays."""


def fields_of(book: UndoBook) -> list[str]:
    """Name the fields that the run changed, or may have, and of which something is not undone yet."""
    return [
        name
        for name, attempts in book.past.items()
        if any(one.ref.run in book.targets and one.may_stand for one in attempts)
    ]


def plan_field(name: str, now: str | None, book: UndoBook, chosen: Container[int]) -> FieldPlan:
    """Say what is to be put back of a field.

    Args:
        name: the field.
        now: what it holds; None where the shop does not show it.
        book: what this ledger sent to it.
        chosen: the rows that are to be undone.
    """
    cannot, past = Outcome.CANNOT_BE_UNDONE, book.past[name]
    blind = now is None and book.guess and name not in COMMENT_FIELDS
    if now is None and not blind:
        return FieldPlan(FieldWalk(), cannot, messages.not_shown(name), cannot)
    walk = (
        walk_blind(past, book.targets, chosen.__contains__)
        if now is None
        else walk_back(now, past, book.targets, chosen.__contains__)
    )
    stays, said = Outcome.KEPT, ""
    if walk.end is not None and walk.stopped_at is not None:
        standing = walk.restore if walk.restore is not None else now
        stays, said = messages.kept(name, walk.end, walk.stopped_at, standing)
    return FieldPlan(walk, None if walk.steps else stays, said, stays)


def looks_escaped(walk: FieldWalk, attempts: Sequence[PastAttempt]) -> bool:
    """Tell whether a field seems to be shown with its marks escaped: put back, they would be escaped twice.

    It is not where a text of ours with such marks was seen as it was written.
    """
    if walk.restore is None or not _ENTITY.search(walk.restore):
        return False
    texts = {one.ref: one.text or "" for one in attempts}
    return not any(_RAW.search(texts.get(step.ref, "")) for step in walk.steps)


def restoring(name: str, restore: str) -> Operation:
    """Give the operation that lets a field hold a text again."""
    if restore == "":
        return Operation(name, OperationKind.CLEAR, "")
    if name in COMMENT_FIELDS:
        return Operation(name, OperationKind.REPLACE, restore)
    return Operation(name, OperationKind.SET, attribute_value(restore))
