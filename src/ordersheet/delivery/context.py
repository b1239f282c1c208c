"""What lanes work with: the ways to the server, to the ledger and to the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ordersheet.core.model import RequestCounts
from ordersheet.delivery.clock import Moment, WakingTime
from ordersheet.delivery.options import DeliveryEnd

if TYPE_CHECKING:
    from ordersheet.core.journal import Journal
    from ordersheet.delivery.clock import Clock
    from ordersheet.delivery.rate.limiter import RateLimiter
    from ordersheet.delivery.run_facts import RunFacts
    from ordersheet.delivery.transport.connections import Connections

_PUT_SHARE, _READ_SHARE = 0.5, 0.85
"""Of `grace`: until when requests under way may end, and until when orders in doubt are read."""


@dataclass(slots=True)
class Counts:
    """Requests so far."""

    put: int = 0
    get: int = 0
    pushed_back: int = 0


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """What it takes to ask the server: the way there, the time, and how the run stands."""

    run: RunFacts
    connections: Connections
    clock: Clock
    limiter: RateLimiter
    counts: Counts = field(default_factory=Counts)
    reads_until: float | None = None
    """After an interrupt: when reading ends (monotonic)."""
    waking: WakingTime = field(init=False)

    def __post_init__(self) -> None:
        self.waking = WakingTime(self.clock)

    def moment(self) -> Moment:
        """Look at both clocks."""
        return Moment(self.clock.monotonic(), self.clock.now())

    def time_in(self, seconds: float) -> str:
        """Tell the time of day in so many seconds, as a wall clock shows it here."""
        return (self.clock.now() + timedelta(seconds=seconds)).astimezone().strftime("%H:%M:%S")

    def interrupt(self) -> None:
        """Stop the run because a person or a signal said so."""
        if self.reads_until is None:
            self.reads_until = self.clock.monotonic() + self.run.options.grace * _READ_SHARE
        self.run.interrupt()

    def put_time_left(self) -> float:
        """Seconds that a request under way may still take after an interrupt."""
        return min(self.run.options.timeout, self.run.options.grace * _PUT_SHARE)

    def read_deadline(self) -> float:
        """Seconds that reading an order may take; 0 or less where its time is over."""
        if self.reads_until is None:
            return self.run.options.timeout
        return min(self.run.options.timeout, self.reads_until - self.clock.monotonic())


@dataclass(slots=True, kw_only=True)
class DeliveryContext(RequestContext):
    """What all lanes of a delivery work with."""

    journal: Journal

    def delivery_end(self) -> DeliveryEnd:
        """Tell how the delivery ended."""
        run, counts = self.run, self.counts
        return DeliveryEnd(
            stopped_by=None if run.stop is None else run.stop.word,
            message="" if run.stop is None else run.stop.message,
            resume_after=None if run.stop is None else run.stop.resume_after,
            requests=RequestCounts(counts.put, counts.get, counts.pushed_back),
            ok=run.tally.ok,
            no=run.tally.no,
            warnings=tuple(run.told_warnings()),
            rest=run.closed or "",
        )
