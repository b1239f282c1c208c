"""What an undo can take back of one field: walked back from what stands now, attempt by attempt. Pure.

An attempt is a step back where the field holds exactly what that attempt left. The walk ends at the first one
that does not fit: it and all older ones stay.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.history.normal import MARKUP, normalise_append
from ordersheet.core.history.orderbook import OrderBook
from ordersheet.core.model import COMMENT_FIELDS, OperationKind
from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ordersheet.core.history.entries import Entry, OperationRef, Policy
    from ordersheet.core.history.orderbook import Doubt
    from ordersheet.core.model import JsonValue

_BETWEEN = re.compile(rf"(?:\s|{MARKUP})*")
_MAY_STAND = (OperationState.APPLIED, OperationState.IN_DOUBT, OperationState.SENDING)


class PastAttempt(NamedTuple):
    """One request of this ledger that was to change a field, and what the field held before it."""

    ref: OperationRef
    """The operation that it carried."""
    kind: OperationKind
    text: str | None
    """What it wrote: a comment's text, or `attribute_text`; None once its retention has ended."""
    state: OperationState
    """Where its operation stands."""
    baseline: str | None
    """What the field held before, likewise; None where that was not read, or is no longer kept."""
    may_have_left: bool = True
    """False where nothing of it can have been applied."""
    whole: str | None = None
    """The run that was submitted, where workers sent it."""

    @property
    def known_as(self) -> str:
        """Its run, as people know it."""
        return self.whole or self.ref.run

    @property
    def may_stand(self) -> bool:
        """Whether it may have been applied."""
        return self.may_have_left and self.state in _MAY_STAND


class UndoneBefore(NamedTuple):
    """An operation that an earlier undo has taken back."""

    ref: OperationRef
    by: str
    """The undo's run."""
    at: datetime | None


class WalkEnd(StrEnum):
    """Why a walk went no further back."""

    OTHER_TEXT = "other text"
    """The field holds something else than what the attempt left."""
    OTHER_RUN = "other run"
    """Another run of this ledger wrote after it."""
    LEFT_OUT = "left out"
    """Its row is not among the chosen ones."""
    IN_DOUBT = "in doubt"
    """Whether it was applied is not known, and its text does not stand there exactly."""
    NO_BASELINE = "no baseline"
    """What the field held before was not read."""
    FORGOTTEN = "forgotten"
    """The texts are no longer kept."""


class Step(NamedTuple):
    """An operation that is taken back."""

    ref: OperationRef
    left: str
    """What the field held after it."""
    before: str
    """What it held before."""


class FieldWalk(NamedTuple):
    """What can be taken back of one field."""

    steps: tuple[Step, ...] = ()
    """The newest first."""
    end: WalkEnd | None = None
    """Why it went no further; None where it came to the beginning."""
    stopped_at: PastAttempt | None = None
    whole: bool = True
    """Whether a text as long as what is restored was seen whole, with ours at its end."""

    @property
    def restore(self) -> str | None:
        """What the field is to hold; None where nothing is taken back."""
        return self.steps[-1].before if self.steps else None

    @property
    def undone(self) -> tuple[OperationRef, ...]:
        """The operations that are taken back, the newest first."""
        return tuple(step.ref for step in self.steps)


def walk_back(
    now: str,
    attempts: Sequence[PastAttempt],
    runs: frozenset[str],
    chosen: Callable[[int], bool] = lambda _row: True,
) -> FieldWalk:
    """Walk back from what stands in a field.

    Args:
        now: what it holds.
        attempts: all that this ledger sent to it, oldest first, but for what was undone and undos themselves.
        runs: the run to undo; of one that workers sent, its tries, too.
        chosen: tells whether a row is to be undone.
    """
    steps: list[Step] = []
    text = now
    for past in reversed(attempts):
        if not past.may_stand:
            continue
        if steps and steps[-1].ref == past.ref:
            # Sent before, and its answer was lost: if it was applied then, the text before that counts. An
            # append was proven absent before it was sent again.
            if past.kind.overwrites and left_by(past, text):
                if past.baseline is None:
                    steps.pop()
                    return _walked(steps, WalkEnd.NO_BASELINE, past)
                text = past.baseline
                steps[-1] = steps[-1]._replace(before=text)
            continue
        end = _end(past, text, runs, chosen)
        if end is not None:
            return _walked(steps, end, past)
        assert past.baseline is not None
        steps.append(Step(past.ref, text, past.baseline))
        text = past.baseline
    return _walked(steps, None, None)


def walk_blind(
    attempts: Sequence[PastAttempt], runs: frozenset[str], chosen: Callable[[int], bool] = lambda _row: True
) -> FieldWalk:
    """Guess what an attribute held that nobody can see: what this ledger wrote last before, else nothing."""
    standing = [past for past in attempts if past.may_stand]
    steps: list[Step] = []
    for at in range(len(standing) - 1, -1, -1):
        past = standing[at]
        if steps and steps[-1].ref == past.ref:
            continue
        end = WalkEnd.OTHER_RUN if past.ref.run not in runs else None
        end = end or (None if chosen(past.ref.row) else WalkEnd.LEFT_OUT)
        earlier = next((one for one in reversed(standing[:at]) if one.ref != past.ref), None)
        before = past.baseline if past.baseline is not None else "" if earlier is None else earlier.text
        if end is None and (before is None or past.text is None):
            end = WalkEnd.FORGOTTEN
        if end is not None or before is None:
            return FieldWalk(tuple(steps), end, past)
        steps.append(Step(past.ref, past.text or "", before))
    return FieldWalk(tuple(steps))


def _walked(steps: Sequence[Step], end: WalkEnd | None, past: PastAttempt | None) -> FieldWalk:
    if not steps:
        return FieldWalk((), end, past)
    restore = steps[-1].before
    # Where the attempt before it left exactly this, it ends in a text of ours and was read whole.
    whole = any(_covers(step.left, restore) for step in steps) or (
        past is not None and past.text != "" and left_by(past, restore)
    )
    return FieldWalk(tuple(steps), end, past, whole)


def _covers(seen: str, text: str) -> bool:
    """Tell whether whatever showed the one text whole shows the other, too."""
    return (
        len(seen) >= len(text)
        and len(seen.splitlines()) >= len(text.splitlines())
        and len(seen.encode()) >= len(text.encode())
    )


def _end(past: PastAttempt, text: str, runs: frozenset[str], chosen: Callable[[int], bool]) -> WalkEnd | None:
    """Say why an attempt is no step back; None where it is one."""
    if past.ref.run not in runs:
        return WalkEnd.OTHER_RUN
    if not chosen(past.ref.row):
        return WalkEnd.LEFT_OUT
    if past.text is None:
        return WalkEnd.FORGOTTEN
    if (past.kind.overwrites or past.baseline is not None) and not left_by(past, text):
        applied = past.state is OperationState.APPLIED
        return WalkEnd.OTHER_TEXT if applied else WalkEnd.IN_DOUBT
    return WalkEnd.NO_BASELINE if past.baseline is None else None


def left_by(past: PastAttempt, text: str) -> bool:
    """Tell whether a text is exactly what an attempt left: what stood before and ours, or ours alone."""
    if past.text is None:
        return False
    if past.ref.field not in COMMENT_FIELDS:
        return alike(past.text, text)
    ours = normalise_append(past.text)
    if past.kind.overwrites:
        return normalise_append(text) == ours
    if past.baseline is None:
        return False
    before = past.baseline
    added = {text[len(before) :]} if text.startswith(before) else set()
    if text.endswith(before):
        added.add(text[: len(text) - len(before)])
    return any(_is_added(normalise_append(one), ours) for one in added)


def _is_added(added: str, ours: str) -> bool:
    """Tell whether what was added is our text, with nothing but white space or tags around it."""
    at = added.find(ours)
    while at >= 0:
        if _BETWEEN.fullmatch(added[:at]) and _BETWEEN.fullmatch(added[at + len(ours) :]):
            return True
        at = added.find(ours, at + 1)
    return False


# --- attributes, as texts


def attribute_text(value: JsonValue) -> str:
    """Give an attribute's value as the ledger keeps it: JSON, and "" for none."""
    return "" if value is None or value == "" else json.dumps(value, ensure_ascii=False, sort_keys=True)


def attribute_value(text: str) -> JsonValue:
    """Read what `attribute_text` gave."""
    return json.loads(text) if text else ""


def alike(one: str, other: str) -> bool:
    """Tell whether two values are the same to a shop: it may give a number or a truth value as a text."""
    return _shown(one) == _shown(other)


def _shown(text: str) -> str:
    value = attribute_value(text)
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if isinstance(value, str) else text


class UndoBook(OrderBook):
    """One order in an undo: what this ledger sent to each of its fields, and what is to be taken back.

    Attributes:
        targets: the run to undo; of one that workers sent, its tries, too.
        past: by field, all that was sent to it, oldest first, but for undos and what they took back.
        undone: what earlier undos took back of the run.
        guess: whether attributes that the shop does not show are put back as this ledger knows them.
    """

    __slots__ = ("guess", "past", "targets", "undone")

    def __init__(
        self,
        order: int,
        history: Sequence[Entry],
        policy: Policy,
        doubts: Sequence[Doubt],
        targets: frozenset[str],
        past: Mapping[str, Sequence[PastAttempt]],
        undone: Sequence[UndoneBefore],
        *,
        guess: bool = False,
    ) -> None:
        super().__init__(order, (), history, policy, doubts)
        self.targets = targets
        self.guess = guess
        self.past = {name: list(attempts) for name, attempts in past.items()}
        self.undone = {one.ref: one for one in undone}

    def refs(self, row: int, field: str) -> list[OperationRef]:
        """Name what the run did, or tried, in a row's field; several where workers tried it several times."""
        known = (*(one.ref for one in self.past.get(field, ())), *self.undone)
        return [
            ref
            for ref in dict.fromkeys(known)
            if ref.run in self.targets and (ref.row, ref.field) == (row, field)
        ]

    def may_stand(self, ref: OperationRef) -> bool:
        """Tell whether an operation was applied, or may have been, and is not undone."""
        return any(one.ref == ref and one.may_stand for one in self.past.get(ref.field, ()))

    def take_back(self, doubt: Doubt, at: datetime) -> None:
        """An undo that was in doubt is seen: what it took back is undone."""
        super().take_back(doubt, at)
        taken = {entry.ref for entry in doubt.takes_back or ()}
        name = doubt.ref.field
        self.past[name] = [one for one in self.past.get(name, ()) if one.ref not in taken]
        self.undone |= {ref: UndoneBefore(ref, doubt.ref.run, at) for ref in taken if ref.run in self.targets}

    def confirm(self, ref: OperationRef, at: datetime, message: str) -> None:
        """Let what another run left in doubt stand as applied."""
        super().confirm(ref, at, message)
        self._move(ref, OperationState.APPLIED)

    def forget(self, ref: OperationRef) -> None:
        """Take an operation out of the history: it is proven absent."""
        super().forget(ref)
        self._move(ref, OperationState.ABSENT)

    def _move(self, ref: OperationRef, state: OperationState) -> None:
        attempts = self.past.get(ref.field, [])
        attempts[:] = [one._replace(state=state) if one.ref == ref else one for one in attempts]
