"""What is already done, and what is to be sent: decided purely, from history and file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ordersheet.model import Operation, OperationKind, Outcome


class OperationRef(NamedTuple):
    """How one operation is named in the ledger, across runs."""

    run: str
    row: int
    field: str


class EntryState(StrEnum):
    """How an operation stands in the history of its field. What is proven absent does not stand there."""

    APPLIED = "applied"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"
    THERE = "already there"
    """Not sent, because the text stood in the order and this ledger had not written it."""


class Entry(NamedTuple):
    """One operation in the history of a field of an order, in the order of sending."""

    ref: OperationRef
    kind: OperationKind
    key: str
    """What it does, normalised and hashed by the ledger: equal keys do the same."""
    state: EntryState
    occurrence: int = 1
    batch: str | None = None
    at: datetime | None = None
    """When it was settled, or begun while it is in doubt (UTC)."""
    message: str = ""
    """The API's words of a refusal."""
    text: str | None = None
    """The text as sent; None once its retention has ended."""


class Ask(NamedTuple):
    """One operation that the file asks for, with its key."""

    row: int
    operation: Operation
    key: str
    occurrence: int = 1


class Decision(NamedTuple):
    """What is to become of one asked operation."""

    ask: Ask
    outcome: Outcome | None
    """None: send it. Otherwise why it is not sent."""
    entry: Entry | None = None
    """The entry of the history that decided it."""
    twin: int | None = None
    """The row that a duplicate repeats."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The options of a run that bear on what is already done."""

    batch: str | None = None
    again: bool = False
    retry_no: bool = False
    duplicates: Literal["skip", "send", "refuse"] = "skip"


@dataclass(frozen=True, slots=True)
class Doubt:
    """An operation that may or may not have been applied, or whose last look is still owed."""

    ref: OperationRef
    operation: Operation
    key: str
    attempts: int
    """How many attempts of its row may have reached the server so far in its own run."""
    baseline: str | None
    """What the field held before the attempt; None where it was not read."""
    given_up: datetime
    """When the last attempt was given up (UTC), or adopted from a dead process, whichever is later."""
    state: EntryState = EntryState.IN_DOUBT
    """IN_DOUBT, or APPLIED where only the last look is owed."""
    adopted: bool = False
    """Left by another run."""


class OrderBook:
    """One order in one run: what the file asks, what the history holds, what is in doubt.

    It lives in memory under the order's claim. The sender asks it before each row and tells it what became
    of each operation; it decides anew from what it then knows.

    Attributes:
        order: the order's ID.
        rows: the rows of this file that ask something of it, in file order.
        doubts: open doubts and owed looks that other runs left, adopted with the claim.
    """

    def __init__(
        self,
        order: int,
        asks: Sequence[Ask],
        history: Sequence[Entry],
        policy: Policy,
        doubts: Sequence[Doubt] = (),
    ) -> None: ...

    def plan(self, row: int) -> tuple[Decision, ...]:
        """Decide each operation of a row, in the row's order."""
        ...

    def record(self, entry: Entry) -> None:
        """Write an operation into the history, or change its state where it stands there already."""
        ...

    def forget(self, ref: OperationRef) -> None:
        """Take an operation out of the history: it is proven absent."""
        ...

    def history(self, field: str) -> tuple[Entry, ...]:
        """Give the history of one field, oldest first."""
        ...
