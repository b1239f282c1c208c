"""A row under way: its parts, each judged by itself, and what they make of the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.core.history.orderbook import Entry
from ordersheet.core.model import COMMENT_FIELDS, Outcome
from ordersheet.core.operation_state import OperationState, is_legal
from ordersheet.core.trying_again import pause_after

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ordersheet.core.history.orderbook import Ask, OperationRef
    from ordersheet.core.model import OrderUpdate, RowResult


FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds before a row is sent again; doubled each time."""


def resend_pause(attempts: int) -> float:
    """Say how many seconds lie between an attempt and the next, where nothing is to be looked up."""
    return pause_after(attempts, first=FIRST_PAUSE, longest=LONGEST_PAUSE)


@dataclass(slots=True)
class Part:
    """One operation of a row under way."""

    ask: Ask
    state: OperationState | None = None
    """Where it stands in the ledger; None where this row has written nothing of it."""
    outcome: Outcome | None = None
    message: str = ""
    """What became of it, for a clerk; set with the outcome."""
    baseline: str | None = None
    """What its field held before the latest attempt; None where that was not read, or cannot be trusted."""
    seen: str | None = None
    """What it held when it was read last, as the ledger keeps it; likewise."""
    to_look_up: bool = False
    """The order is to be read before anything else happens to it."""
    doubted: bool = False
    """It was in doubt once, so a last look is owed."""
    was_followed: bool = False
    """It was applied long since, and only the overwrite that followed it is in doubt."""
    was_open: bool = False
    """It was in doubt before the attempt that is under way."""

    def close(self, outcome: Outcome, message: str) -> None:
        """Give it its outcome, or another one."""
        self.to_look_up = False
        self.outcome = outcome
        self.message = message

    def move(self, state: OperationState) -> None:
        """Let it stand there from now on."""
        assert is_legal(self.state, state, appends=self.appends), f"from {self.state} to {state}"
        self.was_open = self.open
        self.state = state

    @property
    def field(self) -> str:
        """The field that it changes."""
        return self.ask.operation.field

    @property
    def text(self) -> str:
        """What it writes there."""
        return str(self.ask.operation.value)

    def entry(self, ref: OperationRef, batch: str | None, at: datetime, message: str = "") -> Entry:
        """Make its entry for the order's history, with the state that it has now."""
        assert self.state is not None
        text = self.text if self.in_comment else None
        kind, key, occurrence = self.ask.operation.kind, self.ask.key, self.ask.occurrence
        return Entry(ref, kind, key, self.state, occurrence, batch, at, message, text)

    @property
    def in_comment(self) -> bool:
        """Whether reading the order can tell anything of its field."""
        return self.field in COMMENT_FIELDS

    @property
    def appends(self) -> bool:
        """Whether sending it twice would do harm."""
        return not self.ask.operation.kind.overwrites

    @property
    def sent(self) -> bool:
        """Whether the ledger knows of an attempt with it."""
        return self.state is not None and self.state is not OperationState.THERE

    @property
    def open(self) -> bool:
        """Whether an earlier attempt with it is unknown, and not proven either way."""
        if self.state is OperationState.SENDING:
            return self.was_open
        return self.state is OperationState.IN_DOUBT

    @property
    def holds_back(self) -> bool:
        """Whether the later rows of its order must wait for its row.

        They wait for an append that may have been applied, and for what a next run would send: rows of one
        order are applied in file order. What is refused holds back nothing.
        """
        if self.outcome is Outcome.UNCONFIRMED:
            return self.appends and not self.was_followed
        return self.outcome in (Outcome.NOT_SENT, Outcome.NOT_APPLIED)


@dataclass(slots=True)
class RowInHand:
    """A row under way."""

    update: OrderUpdate
    parts: list[Part]
    attempts: int = 0
    """PUTs that may have reached the server."""
    begun: int = 0
    """Attempts begun, those among them of which no byte left."""
    unsent: int = 0
    """Attempts in a row of which nothing can have been applied."""
    turned_away: int = 0
    """Answers of 421 and 425."""
    result: RowResult | None = None
    """The latest result told to the journal."""
    unreadable: bool = False
    """An attempt of it stayed unknown where the order could not be read."""
    missing: bool = False
    """Its order was not in the answer when it was read for a baseline."""
    reread: bool = False
    """Its baseline was read once more, since it had waited long for its turn."""
    rereads: int = 0
    """How often it was read at its turn, for what it takes away, without its request leaving."""
    waits_for_change: bool = False
    """It waits for a row whose guard did not hold, or for one that waits so; rows of other fields go on."""

    @property
    def number(self) -> int:
        """The row's number as the person sees it."""
        return self.update.row

    @property
    def to_send(self) -> list[Part]:
        """The parts that go out with the row's next attempt."""
        return [part for part in self.parts if part.outcome is None and not part.to_look_up]

    @property
    def looked_at(self) -> set[str]:
        """The fields that its reading is to show: those that it changes next, and those of its guards."""
        return {part.field for part in self.to_send} | {guard.field for guard in self.update.guards}

    @property
    def in_doubt(self) -> bool:
        """Whether a part of it is to be looked up."""
        for part in self.parts:  # noqa: SIM110 - as below
            if part.to_look_up:
                return True
        return False

    @property
    def over(self) -> bool:
        """Whether every part has its outcome."""
        for part in self.parts:  # noqa: SIM110 - it is asked of every row, and all() takes three times as long
            if part.outcome is None:
                return False
        return True


def may_be_overwritten(row: RowInHand | None, field: str) -> bool:
    """Tell whether a row under way has overwritten a field in an attempt of which nobody knows the end."""
    return row is not None and any(
        part.field == field and part.open for part in row.parts if not part.appends
    )


_APPLIED_NOW = frozenset({Outcome.APPLIED, Outcome.CONFIRMED, Outcome.APPLIED_TWICE})
_OK_ORDER = (
    Outcome.APPLIED_TWICE,
    Outcome.CONFIRMED,
    Outcome.APPLIED,
    Outcome.ALREADY_APPLIED,
    Outcome.UNCHANGED,
)
_NO_ORDER = (
    Outcome.NOT_SENT,
    Outcome.NOT_APPLIED,
    Outcome.INVALID,
    Outcome.CHANGED_SINCE,
    Outcome.REFUSED,
    Outcome.OVERWRITTEN_SINCE,
    Outcome.ALREADY_THERE,
)


def row_outcome(outcomes: Iterable[Outcome]) -> Outcome:
    """Say what the outcomes of its parts make of a row.

    A row is ok where all of it is. What cannot be known outweighs the rest, then that a part was applied now;
    otherwise what a next run would still do outweighs what stays as it is.
    """
    found = set(outcomes)
    if all(outcome.ok for outcome in found):
        return next((outcome for outcome in _OK_ORDER if outcome in found), Outcome.DUPLICATE)
    if Outcome.UNCONFIRMED in found:
        return Outcome.UNCONFIRMED
    if Outcome.PARTLY_APPLIED in found or found & _APPLIED_NOW:
        return Outcome.PARTLY_APPLIED
    return next((outcome for outcome in _NO_ORDER if outcome in found), Outcome.REFUSED)
