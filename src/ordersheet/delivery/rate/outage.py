"""Whether a server that let nothing through had been closed, rather than asked too fast."""

from __future__ import annotations

from typing import NamedTuple

OUTAGE, SERVED, MISSED = 5.0, 10.0, 5
"""A server that let requests through for `SERVED` seconds, and then nothing for `OUTAGE` seconds in which
there would have been `MISSED` requests, was closed; a limit lets some through meanwhile."""


class BeforeOutage(NamedTuple):
    """What was so before a push-back, for the case that it is the beginning of an outage."""

    at: float
    """When the request went that was pushed back first, on the busy clock."""
    served: float
    """Seconds for which the server had let requests through, by that clock."""
    rate: float
    lanes: int | None
    widest: int
    edge: float
    trust: int
    fast: bool

    def was_outage(self, now: float) -> bool:
        """Tell at the first success after it whether the server had been closed, rather than us too fast."""
        lasted = now - self.at
        return self.served >= SERVED and lasted >= OUTAGE and lasted * self.rate >= MISSED
