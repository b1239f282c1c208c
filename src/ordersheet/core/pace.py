"""What the runs at one store have in common of their pace: a seam between delivery and ledger.

It is one line for each store. Every time in it is by the clock that all who share the ledger have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class PaceMember:
    """One run that is under way at the store, as it told last."""

    at: float
    """When that was."""
    told: bool = False
    """Whether it goes together with others; it has only come so far, or goes alone, where not."""
    flow: float = 0.0
    """Requests a second of its, lately."""
    in_flight: int = 0
    fresh: int = 0
    """Requests under way of `generation`."""
    held: int = 0
    """Permits of `generation` that it has not used yet."""
    generation: int = 0
    """How often the pace had been pushed back, as far as it knew."""
    hungry: bool = False
    """Whether it would send more if it might."""


@dataclass(frozen=True, slots=True)
class SharedPace:
    """The line of one store."""

    members: Mapping[str, PaceMember] = field(default_factory=dict)
    """The runs under way, by their names."""
    rate: float | None = None
    """Requests a second that the store is known to take from all of them; None where nobody has told yet."""
    next_free: float | None = None
    """When the next request may go that nobody has a permit for."""
    paused_until: float | None = None
    """Until when nothing goes."""
    succeeded: float | None = None
    """When a request was taken last."""
    generation: int = 0
    """How often the pace was pushed back."""
    closed: bool = False
    """Whether nothing was taken since that."""
    learned: str | None = None
    """All that was learned, in delivery's words (JSON)."""


Change = Callable[[SharedPace, float], SharedPace]
"""What becomes of the line, told what it is and the time by the common clock.

It may be called again where the database tries its transaction anew."""


class PaceLook(NamedTuple):
    """The line, and when it was read."""

    pace: SharedPace
    at: float


class PaceBoard(Protocol):
    """Where one run at a store finds what is known of the others, and tells of itself.

    Every method raises LedgerError where the ledger cannot be read or written.
    """

    @property
    def name(self) -> str:
        """This run's name among the members."""

    @property
    def company(self) -> bool:
        """Whether others were under way when this run began."""

    async def look(self) -> PaceLook:
        """Read the line; costs no commit."""

    async def change(self, change: Change) -> None:
        """Change the line, while nobody else does."""
