"""What all lanes of a delivery share: what was decided for the whole run, and what it has learned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ordersheet.core.history.orderbook import Entry, OperationRef
from ordersheet.core.model import COMMENT_FIELDS, RequestCounts, StoppedBy
from ordersheet.delivery import messages
from ordersheet.delivery.breakers import Breakers, Stop, stop_for
from ordersheet.delivery.options import DeliveryEnd
from ordersheet.delivery.stop_switch import CUT, WIND_DOWN
from ordersheet.delivery.verdict.causes import cause_of
from ordersheet.delivery.verdict.put import StopReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ordersheet.core.errors import LedgerError
    from ordersheet.core.history.orderbook import Ask
    from ordersheet.core.journal import Journal
    from ordersheet.core.model import RowResult
    from ordersheet.core.operation_state import OperationState
    from ordersheet.delivery.clock import Clock
    from ordersheet.delivery.job import Job
    from ordersheet.delivery.options import DeliveryOptions
    from ordersheet.delivery.parts import Part, RowInHand
    from ordersheet.delivery.progress import ProgressTally
    from ordersheet.delivery.rate.limiter import RateLimiter
    from ordersheet.delivery.stop_switch import StopSwitch
    from ordersheet.delivery.transport.connections import Connections
    from ordersheet.delivery.verdict.causes import Cause
    from ordersheet.delivery.verdict.observation import Observation

_INTERRUPTED = "The run was interrupted. Send the same file again to go on where it stopped."
_TOO_MANY_NO = (
    "More rows ended in `no` than --max-no allows. Look at what their messages say, then send the same file "
    "again to go on where it stopped."
)
_UNREAD, _NO_API = "unread", "no-api"
"""Warnings that something said later makes needless."""
_PUT_SHARE, _READ_SHARE = 0.5, 0.85
"""Of `grace`: until when requests under way may end, and until when orders in doubt are read."""


@dataclass(slots=True)
class Counts:
    """Requests so far."""

    put: int = 0
    get: int = 0
    pushed_back: int = 0


@dataclass(slots=True)
class Provisional:
    """A row turned away with 403: refused, unless the run stops for it."""

    job: Job
    row: RowInHand
    parts: list[Part]
    closed: bool = False
    """The row is over; only its result waits."""
    resolving: bool = False
    """What it is has been decided and is being written."""
    release: bool = False
    """Its order is done but for this; the claim is given back with it."""


@dataclass(slots=True)
class DeliveryContext:
    """What all lanes of a delivery share."""

    journal: Journal
    connections: Connections
    options: DeliveryOptions
    clock: Clock
    switch: StopSwitch
    limiter: RateLimiter
    tally: ProgressTally
    wake: Callable[[], None]
    """Tells waiting lanes and parked orders that the run is ending."""
    reads_back: dict[str, bool]
    """By PUT's field name: whether what is appended can be read back at this store."""
    breakers: Breakers = field(default_factory=Breakers)
    counts: Counts = field(default_factory=Counts)
    stop: Stop | None = None
    stop_reason: StopReason | None = None
    ledger_failed: bool = False
    api_seen: bool = False
    """Whether any answer has had the shape that the Order API's answers have."""
    readable: bool = True
    """False once the server said that this key may not read orders."""
    probing: set[str] = field(default_factory=set)
    """Fields whose first answered append is being read back, or was."""
    warnings: dict[str, str] = field(default_factory=dict)
    provisional: list[Provisional] = field(default_factory=list)
    unlooked: set[int] = field(default_factory=set)
    """Orders that could not be looked at a last time."""
    unwritten: dict[int, RowResult] = field(default_factory=dict)
    """By row: what the ledger could not take any more."""
    reads_until: float | None = None
    """After an interrupt: when reading ends (monotonic)."""

    @property
    def ended(self) -> bool:
        """Whether nothing more may be sent."""
        return self.stop is not None

    @property
    def closed(self) -> str | None:
        """What to say of a row that is not sent because the run has ended; None while it goes on."""
        return None if self.stop is None else f"Not sent. {self.stop.message}"

    @property
    def interrupted(self) -> bool:
        """Whether a person or a signal ended it."""
        return self.switch.level >= WIND_DOWN

    @property
    def may_read(self) -> bool:
        """Whether orders may still be read at all."""
        return (
            self.readable
            and not self.ledger_failed
            and self.switch.level < CUT
            and self.stop_reason is not StopReason.LONG_PAUSE
        )

    def halt(
        self, reason: StopReason, seen: Observation | None = None, *, resume_after: datetime | None = None
    ) -> None:
        """Stop the run for a reason that the attempts gave, and of which `seen` was the last."""
        if self.stop is None:
            self.stop_reason = reason
            cause = cause_of(seen, self.options.base_url)
            self._end(stop_for(reason, cause, resume_after=resume_after))

    def count(self, result: RowResult, replaced: RowResult | None = None) -> None:
        """Count a row's result, and stop the run where too many have ended in `no`."""
        self.tally.count(result, replaced)
        most = self.options.most_no
        if most is not None and self.tally.no > most and self.stop is None:
            self._end(Stop(StoppedBy.TOO_MANY_NO, _TOO_MANY_NO))

    def interrupt(self) -> None:
        """Stop the run because a person or a signal said so."""
        if self.reads_until is None:
            self.reads_until = self.clock.monotonic() + self.options.grace * _READ_SHARE
        if self.stop is None:
            self._end(Stop(StoppedBy.INTERRUPTED, _INTERRUPTED))
        self.limiter.release()
        self.wake()

    def fail(self, error: LedgerError) -> None:
        """Stop the run because the ledger cannot be written."""
        self.ledger_failed = True
        # Whatever stopped the run before, this is what has to be mended first.
        self._end(
            Stop(
                StoppedBy.LEDGER,
                f"{error} Nothing was sent after that. Mend it, then send the same file again.",
            )
        )

    def _end(self, stop: Stop) -> None:
        self.stop = stop
        self.limiter.release()
        self.wake()

    def delivery_end(self) -> DeliveryEnd:
        """Tell how the delivery ended."""
        stop, counts = self.stop, self.counts
        return DeliveryEnd(
            stopped_by=None if stop is None else stop.word,
            message="" if stop is None else stop.message,
            resume_after=None if stop is None else stop.resume_after,
            requests=RequestCounts(counts.put, counts.get, counts.pushed_back),
            ok=self.tally.ok,
            no=self.tally.no,
            warnings=tuple(self._warnings()),
            rest=self.closed or "",
            unwritten=tuple(sorted(self.unwritten.values(), key=lambda result: result.row)),
        )

    def _warnings(self) -> Iterator[str]:
        for name, text in self.warnings.items():
            told = name == _UNREAD and self.stop_reason is StopReason.DEAD_SERVER
            if not told and not (name == _NO_API and self.api_seen):
                yield text

    def put_time_left(self) -> float:
        """Seconds that a request under way may still take after an interrupt."""
        return min(self.options.timeout, self.options.grace * _PUT_SHARE)

    def read_deadline(self) -> float:
        """Seconds that reading an order may take; 0 or less where its time is over."""
        if self.reads_until is None:
            return self.options.timeout
        return min(self.options.timeout, self.reads_until - self.clock.monotonic())

    def wants_baseline(self, parts: list[Part]) -> bool:
        """Tell whether an attempt with these parts is preceded by reading the order."""
        if not self.options.baseline or not self.readable:
            return False
        return any(self.trusts(part.ask.operation.field) for part in parts)

    def trusts(self, name: str) -> bool:
        """Tell whether reading a field may prove something, or is still to be tried out in this run."""
        if name not in COMMENT_FIELDS:
            return False
        return self.reads_back.get(name) is not False or name not in self.probing

    def trusts_absence(self, name: str) -> bool:
        """Tell whether a text's absence from a field proves that it was not added.

        What PUT calls `comment` comes back under another name, so there it must have been seen first.
        """
        known = self.reads_back.get(name)
        return known is True if name == "comment" else known is not False

    def warn_unreadable(self, status: int | None) -> None:
        """Go on without reading orders."""
        self.readable = False
        self.warnings["unreadable"] = (
            f"This key may not read orders (HTTP {status}): the run goes on without looking at them first. "
            "A request that stays without an answer cannot be looked up, and its row is marked unconfirmed."
        )

    def warn_unread(self, cause: Cause) -> None:
        """Say that rows were not sent because their orders could not be read."""
        self.warnings[_UNREAD] = (
            f"Rows were not sent because their orders could not be read first: {cause.what}. {cause.mend}"
        )

    def warn_no_api(self) -> None:
        """Say that the address seems to be a wrong one; told only where that stays so to the end."""
        self.warnings[_NO_API] = messages.no_api(self.options.base_url)

    def warn_unverifiable(self, name: str) -> None:
        """Say that a field does not read back."""
        self.warnings[f"unverifiable {name}"] = (
            f"A text that the API took for {messages.field_name(name)} could not be read back as it was sent "
            "(shortened, changed, or kept elsewhere): reading back is off for that field. A request there "
            "that stays without an answer is marked unconfirmed."
        )

    def ref(self, row: int, name: str) -> OperationRef:
        """Name an operation of this run."""
        return OperationRef(self.journal.run, row, name)

    def entry(self, row: int, ask: Ask, state: OperationState, *, at: datetime, message: str = "") -> Entry:
        """Make the entry of an operation of this run for the order's history."""
        operation = ask.operation
        return Entry(
            ref=self.ref(row, operation.field),
            kind=operation.kind,
            key=ask.key,
            state=state,
            occurrence=ask.occurrence,
            batch=self.options.batch,
            at=at,
            message=message,
            text=str(operation.value) if operation.field in COMMENT_FIELDS else None,
        )
