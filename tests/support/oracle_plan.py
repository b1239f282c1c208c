"""What a shop of the oracle does wrong, as a test plans it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """What becomes of one PUT: whether it is applied, and how it is answered."""

    answer: str
    applies: bool = False
    again: bool = False
    """A gateway hands it on a second time, a little later."""
    part: bool = False
    """Of several parts only the comments are applied."""


def _done(answer: str) -> Fault:
    return Fault(answer, applies=True)


def _either(answer: str) -> dict[str, Fault]:
    return {f"{answer}, applied": _done(answer), f"{answer}, not applied": Fault(answer)}


PUT_FAULTS = {
    **_either("close"),
    **_either("reset"),
    **_either("status 500"),
    **_either("status 502"),
    **_either("status 504"),
    **_either("status 409"),
    **_either("cut head"),
    **_either("cut body"),
    **_either("not HTTP"),
    **_either("HTML"),
    **_either("another order"),
    **_either("stall"),
    **_either("too large"),
    **_either("ok in capitals"),
    **_either("order is true"),
    "status 202, applied": _done("status 202"),
    "status 204, applied": _done("status 204"),
    "status 408, not applied": Fault("status 408"),
    "status 421, not applied": Fault("status 421"),
    "status 425, not applied": Fault("status 425"),
    "close, applied late": Fault("late, close"),
    "status 504, applied late": Fault("late, status 504"),
    "answered slowly, applied late": Fault("slow"),
    "drip, applied": _done("drip"),
}
"""Those after which nothing slows down."""
PUSH_BACKS = {
    **_either("status 503"),
    "status 503 with Retry-After, not applied": Fault("status 503 seconds"),
    "status 429, seconds": Fault("status 429 seconds"),
    "status 429, Unix time": Fault("status 429 unix"),
    "status 429, milliseconds": Fault("status 429 milliseconds"),
    "status 429, date": Fault("status 429 date"),
}
"""After these the client is to hold back."""
GATEWAY_FAULTS = {
    "ok, doubled by a gateway": Fault("ok", applies=True, again=True),
    "close, doubled by a gateway": Fault("close", applies=True, again=True),
    "status 502, doubled by a gateway": Fault("status 502", applies=True, again=True),
}
PART_FAULTS = {
    "refused, and the comments applied": Fault("no", applies=True, part=True),
    "close, and the comments applied": Fault("close", applies=True, part=True),
    "a single 403": Fault("status 403"),
}
"""Of a row with a single part, or of attributes alone, nothing is applied."""
REFUSALS = {"refused": Fault("no")}
REDIRECTS = {
    name: fault
    for status in (301, 302, 303, 307, 308)
    for name, fault in _either(f"redirect {status}").items()
}
"""To another origin, where another shop would take the very same request."""
GET_FAULTS = (
    *("close", "reset", "status 500", "status 502", "status 504", "cut head", "cut body", "not HTTP", "HTML"),
    *("stall", "too large"),
)
GET_PUSH_BACKS = ("status 503", "status 429 seconds")
ALL_FAULTS = {**PUT_FAULTS, **PUSH_BACKS, **REFUSALS, **REDIRECTS, **GATEWAY_FAULTS, **PART_FAULTS}


@dataclass
class Plan:
    """Which faults come how often; shares of all requests of that kind."""

    seed: int = 0
    share: float = 0.0
    kinds: tuple[str, ...] = tuple(PUT_FAULTS)
    get_share: float = 0.0
    get_kinds: tuple[str, ...] = GET_FAULTS
    push_back: float = 0.0
    refuse: float = 0.0
    late: float = 0.2
    """Seconds within which what is applied late is applied."""
    stall: float = 30.0
    """Seconds for which a stalled answer is withheld."""
    latency: float = 0.0
    view: dict[str, Any] = field(default_factory=dict)
    """How orders are shown: the fields of a View."""
    at: dict[str, str] = field(default_factory=dict)
    """What becomes of which PUT, counted from 1, before shares are asked."""
    freezes: dict[str, float] = field(default_factory=dict)
    """At which PUT, counted from 1, the shop stands still, and for how many seconds."""
