"""What delivery asks of the ledger: a seam, so that each can be tested without the other.

Delivery tells what happened as events. `Journal.write` returns when they are on
disk, all of one call in one transaction; calls of several lanes may share one commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ordersheet.core.history.orderbook import Ask, OperationRef, OrderBook
    from ordersheet.core.model import OrderWork, RowResult
    from ordersheet.core.operation_state import OperationState
    from ordersheet.core.pace import PaceBoard


@dataclass(frozen=True, slots=True)
class Begin:
    """An attempt is about to leave: durable before its first byte."""

    order: int
    row: int
    attempt: int
    """1 for the row's first attempt in this run."""
    asks: tuple[Ask, ...]
    """What goes out in this payload."""
    baseline: Mapping[str, str] | None
    """What the fields held just before, by PUT's field name; None where they were not read.

    An attribute stands there as `core.history.undo.attribute_text` gives it.
    """
    at: datetime
    takes_back: tuple[OperationRef, ...] = ()
    """Of an undo: the operations that are undone where this is applied."""


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt has ended, whatever it ended in."""

    row: int
    attempt: int
    verdict: str
    """The classification, as delivery words it (`answered ok`, `unknown`, ...).

    One that begins with `not ` (`not sent`, `not applied`) does not count among the attempts that may have
    reached the server.
    """
    status: int | None
    """The HTTP status, where there was an answer."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Settle:
    """An operation has come to a state; `ref` may name another run's (adopted) operation."""

    ref: OperationRef
    state: OperationState
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class There:
    """An append was not sent, since its text stood in the order already."""

    order: int
    ask: Ask
    at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """A row of this run has its result. A later Done of the same row replaces it."""

    result: RowResult


@dataclass(frozen=True, slots=True)
class Release:
    """The claim on an order is given back."""

    order: int


@dataclass(frozen=True, slots=True)
class Learned:
    """Whether what is appended to a field can be read back at this store."""

    field: str
    reads_back: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """The order was read a last time, at least one settle after its last doubt: it owes no look any more."""

    order: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """The server has answered something for the first time since what is in doubt at an order was given up.

    Settle counts from here, in later runs, too.
    """

    order: int


Event: TypeAlias = Begin | AttemptEnded | Settle | There | Done | Release | Learned | Looked | Heard


class AnsweredAppend(NamedTuple):
    """A text that was added to a field, where nothing was done to that field since."""

    order: int
    field: str
    baseline: str
    """What the field held before."""
    text: str


class Journal(Protocol):
    """The ledger as delivery sees it, bound to one run.

    Every method raises LedgerError where the ledger cannot be read or written; the run must then stop
    before the next byte leaves.
    """

    @property
    def run(self) -> str:
        """This run's id."""

    @property
    def board(self) -> PaceBoard | None:
        """Where this run finds the pace of the others at its store; None where there are none."""

    async def take(self, works: Sequence[OrderWork]) -> Sequence[OrderBook | None]:
        """Claim these orders, adopt what dead processes left there, and tell each order's history and doubts.

        Returns, for each order in turn, its book; None where another live process holds the claim. What this
        run itself has under way is in no book a doubt.
        """

    async def write(self, *events: Event) -> None:
        """Make the events durable, in this order, in one transaction."""

    def keep(self, results: Iterable[RowResult]) -> None:
        """Keep results that cannot be written any more: the report tells them, the ledger does not."""

    async def owed(self) -> Sequence[int]:
        """Name the orders of this store that owe a look: open doubts, or doubts never looked at a last time.

        Orders that a live process has claimed, this one included, are left to it. `take` with an empty work
        adopts one.
        """

    async def reads_back(self) -> Mapping[str, bool]:
        """Tell what earlier runs learned about this store, by PUT's field name."""

    async def answered_appends(self) -> Sequence[AnsweredAppend]:
        """Name some of the latest appends at this store, the latest last.

        Their orders show whether what this store lets one read can be trusted.
        """
