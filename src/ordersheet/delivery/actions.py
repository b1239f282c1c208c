"""What an order's life asks of its lane, and what the lane tells it: the two sides of `OrderMachine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from ordersheet.api import OrderView
    from ordersheet.core.journal import Event
    from ordersheet.delivery.verdict.causes import Cause
    from ordersheet.delivery.verdict.put import Verdict


class Read(NamedTuple):
    """Read the order, and tell `WasRead`."""

    once: bool = False
    """Do not ask again where no usable answer comes."""
    order: int | None = None
    """Another order, which is to show whether readings can be trusted."""
    written_at: float | None = None
    """When this order was last written to (monotonic): an answer that is dated before shows nothing."""
    keeps_turn: bool = False
    """An update may follow at once: its turn has come, and is not given back for the reading."""
    since: float | None = None
    """A page of orders may tell as well, if it was asked for after that (monotonic); None where none may."""


class TakeTurn(NamedTuple):
    """Wait until a request may be written ahead, and tell `TurnCame`."""


class WriteAhead(NamedTuple):
    """Make these events durable, then wait until the request may leave, and tell `WasWritten`."""

    events: tuple[Event, ...]


class Put(NamedTuple):
    """Send this payload once, and tell `Answered`."""

    body: bytes


class Wait(NamedTuple):
    """Nothing is to be done before then."""

    until: float
    """Monotonic seconds; infinite where it waits for what another order shows."""
    stays: bool = False
    """The lane waits with the order, since another order would fare no better; otherwise it takes another."""


class Record(NamedTuple):
    """Let these events be written, with the next thing that leaves at the latest."""

    events: tuple[Event, ...]


class Finish(NamedTuple):
    """The order is done with."""


Action: TypeAlias = Read | TakeTurn | WriteAhead | Put | Wait | Record | Finish


class WasRead(NamedTuple):
    """The order was read."""

    view: OrderView | None
    """None where no usable answer came."""
    cause: Cause | None = None
    """Why none came."""
    asked: float | None = None
    """When it was asked for (monotonic); None for a moment ago."""
    in_page: bool = False
    """A page of orders showed it."""


class TurnCame(NamedTuple):
    """The request may be written ahead, or not, since the run is ending."""

    granted: bool


class WasWritten(NamedTuple):
    """The attempt was written ahead, or could not be."""

    durable: bool
    leaves: bool
    """It may leave now. Otherwise the run is ending, or the server has asked for a pause meanwhile."""


class Answered(NamedTuple):
    """The request has ended."""

    verdict: Verdict


Told: TypeAlias = WasRead | TurnCame | WasWritten | Answered
