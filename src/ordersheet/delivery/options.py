"""What a delivery is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from ordersheet.core.model import RequestCounts, StoppedBy


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How a delivery goes about it; each is the option of `send` of the same name."""

    base_url: str
    """The store's address in its normal form (`api.normal_base`)."""
    lanes: int | None = 8
    """Orders under way at the same time; None finds out how many help."""
    rate: float | None = None
    """Requests a second, reads included; None lets the limiter find it."""
    timeout: float = 30.0
    """Seconds for one whole request."""
    attempts: int = 5
    """PUTs of one row in this run that may have reached the server."""
    settle: float = 90.0
    """Seconds that an unanswered request may still arrive."""
    grace: float = 20.0
    """Seconds that an interrupt may take."""
    submitted: str | None = None
    """The run that was submitted, where this one is a try of one of its chunks."""
    baseline: bool = True
    """Read an order before changing its comments."""
    xml: bool = False
    """Ask for XML answers."""
    skip_unchanged: bool = False
    """Leave out overwrites that equal what stands."""
    again: bool = False
    """The same texts are meant once more: what stands in the order already is no reason not to send."""
    batch: str | None = None
    """The batch that this run's operations belong to."""
    most_no: int | None = None
    """More rows than this that end in `no` stop the run; None for any number."""
    total: int | None = None
    """Rows to deliver, for the progress; None where the caller does not know."""


@dataclass(frozen=True, slots=True)
class DeliveryEnd:
    """How a delivery ended. What became of each row is in the journal."""

    stopped_by: StoppedBy | None
    """None where every row was dealt with."""
    message: str
    """What happened and how to go on, for people; `""` where nothing stopped it."""
    resume_after: datetime | None
    """When running again makes sense (UTC), where the server said so."""
    requests: RequestCounts
    ok: int
    """Rows that are `ok`, those included that the ledger could not take any more; likewise `no`."""
    no: int
    warnings: tuple[str, ...]
    """Sentences for people, such as that orders cannot be read."""
    rest: str = ""
    """What to say of the rows that have no result, because the run stopped before them: `not sent`."""
