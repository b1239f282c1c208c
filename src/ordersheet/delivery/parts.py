"""A row under way: its parts, each judged by itself, and what they make of the row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from ordersheet.core.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ordersheet.core.history.orderbook import Ask
    from ordersheet.core.model import OrderUpdate, RowResult


class Phase(Enum):
    """Where a part of a row stands."""

    SEND = auto()
    """It goes out with the row's next attempt."""
    DOUBT = auto()
    """It may have been applied; the order is to be read before anything else happens to it."""
    OVER = auto()
    """It has an outcome."""


@dataclass(slots=True)
class Part:
    """One operation of a row under way."""

    ask: Ask
    phase: Phase = Phase.SEND
    outcome: Outcome | None = None
    message: str = ""
    """What became of it, for a clerk; set with the outcome."""
    baseline: str | None = None
    """What its field held before the latest attempt; None where that was not read, or cannot be trusted."""
    open: bool = False
    """An earlier attempt with it is unknown, and not proven either way."""
    doubted: bool = False
    """It was in doubt once, so a last look is owed."""
    sent: bool = False
    """The ledger knows it: an attempt with it was begun."""

    def close(self, outcome: Outcome, message: str) -> None:
        """Give it its outcome, or another one."""
        self.phase = Phase.OVER
        self.outcome = outcome
        self.message = message

    @property
    def appends(self) -> bool:
        """Whether sending it twice would do harm."""
        return not self.ask.operation.kind.overwrites


@dataclass(slots=True)
class RowInHand:
    """A row under way."""

    update: OrderUpdate
    parts: list[Part]
    attempts: int = 0
    """PUTs that may have reached the server."""
    begun: int = 0
    """Attempts begun, those among them of which no byte left."""
    turned_away: int = 0
    """Answers of 421 and 425."""
    result: RowResult | None = None
    """The latest result told to the journal."""
    unreadable: bool = False
    """An attempt of it stayed unknown where the order could not be read."""
    reread: bool = False
    """Its baseline was read once more, since it had waited long for its turn."""

    @property
    def number(self) -> int:
        """The row's number as the person sees it."""
        return self.update.row

    def in_phase(self, phase: Phase) -> list[Part]:
        """The parts that stand there."""
        return [part for part in self.parts if part.phase is phase]

    @property
    def over(self) -> bool:
        """Whether every part has its outcome."""
        for part in self.parts:  # noqa: SIM110 - it is asked of every row, and all() takes three times as long
            if part.phase is not Phase.OVER:
                return False
        return True


_APPLIED_NOW = frozenset({Outcome.APPLIED, Outcome.CONFIRMED, Outcome.APPLIED_TWICE})
_OK_ORDER = (Outcome.APPLIED_TWICE, Outcome.CONFIRMED, Outcome.APPLIED, Outcome.ALREADY_APPLIED)
_NO_ORDER = (
    Outcome.NOT_SENT,
    Outcome.NOT_APPLIED,
    Outcome.INVALID,
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
