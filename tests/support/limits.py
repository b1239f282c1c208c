"""Servers with hidden limits, and lanes that send to them, simulated without waiting: events on a clock."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.sender.pace import Pace, Ticket


class Limit(Protocol):
    """Whether a server takes a request, told the time and how many it is busy with."""

    def ask(self, now: float, busy: int) -> float:
        """Give 0 to take it, or the seconds until it would be taken."""

    def take(self, now: float) -> None:
        """Count one that was taken."""


@dataclass
class Bucket:
    """A token bucket: `rate` a second, and a store of `burst`."""

    rate: float
    burst: float
    since: float = 0.0

    def __post_init__(self) -> None:
        self._tokens, self._filled = self.burst, self.since

    def ask(self, now: float, busy: int) -> float:
        del busy
        self._tokens = min(self.burst, self._tokens + (now - self._filled) * self.rate)
        self._filled = now
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self.rate

    def take(self, now: float) -> None:
        del now
        self._tokens -= 1


@dataclass
class Window:
    """So many in each full `seconds` of the clock."""

    count: int
    seconds: float

    def __post_init__(self) -> None:
        self._number, self._taken = -1, 0

    def ask(self, now: float, busy: int) -> float:
        del busy
        number = int(now // self.seconds)
        if number != self._number:
            self._number, self._taken = number, 0
        return 0.0 if self._taken < self.count else (number + 1) * self.seconds - now

    def take(self, now: float) -> None:
        del now
        self._taken += 1


@dataclass
class AtOnce:
    """So many at the same time."""

    most: int

    def ask(self, now: float, busy: int) -> float:
        del now
        return 0.0 if busy < self.most else 1.0

    def take(self, now: float) -> None:
        del now


@dataclass
class Changing:
    """One limit until a moment, another from then on."""

    at: float
    before: Limit
    after: Limit

    def _now(self, now: float) -> Limit:
        return self.before if now < self.at else self.after

    def ask(self, now: float, busy: int) -> float:
        return self._now(now).ask(now, busy)

    def take(self, now: float) -> None:
        self._now(now).take(now)


@dataclass
class Queue:
    """A server that works off so many a second, one after the other, and lets the others wait."""

    speed: Callable[[float], float]

    def __post_init__(self) -> None:
        self._free = 0.0

    def wait(self, now: float) -> float:
        self._free = max(self._free, now) + 1.0 / self.speed(now)
        return self._free - now


def seconds(wait: float) -> float | None:
    """Retry-After in whole seconds."""
    return float(math.ceil(wait))


def exact(wait: float) -> float | None:
    """Retry-After to the millisecond, as an ISO time can be."""
    return wait


def silent(_wait: float) -> float | None:
    """No Retry-After."""
    return None


@dataclass
class Run:
    """What became of the requests."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    most_at_once: int = 0
    sent: list[float] = field(default_factory=list)

    def count(self, start: float, end: float) -> int:
        return sum(start <= at < end for at in self.accepted)

    def pushed_back(self, start: float, end: float) -> int:
        return sum(start <= at < end for at in self.refused)


def simulate(
    pace: Pace,
    *limits: Limit,
    until: float,
    lanes: int = 8,
    latency: float = 0.05,
    header: Callable[[float], float | None] = seconds,
    queue: Queue | None = None,
) -> Run:
    """Let lanes send as fast as the pace lets them, and see what the limits make of it.

    A tenth of the latency is the way there, a tenth the way back.
    """
    run = Run()
    events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
    waiting: list[None] = []
    busy = 0
    number = 0

    def at(when: float, what: Callable[..., None], *about: object) -> None:
        nonlocal number
        number += 1
        heapq.heappush(events, (when, number, what, about))

    def ask(now: float) -> None:
        if pace.room() <= 0:
            waiting.append(None)
            return
        at(max(now, pace.reserve(now)), go, pace.generation)

    def go(now: float, generation: int) -> None:
        if pace.room() <= 0 or not pace.may_go(now, generation):
            ask(now)
            return
        ticket = pace.sent(now)
        run.sent.append(now)
        run.most_at_once = max(run.most_at_once, pace.in_flight)
        at(now + latency * 0.1, arrive, ticket)

    def arrive(now: float, ticket: Ticket) -> None:
        nonlocal busy
        wait = max((limit.ask(now, busy) for limit in limits), default=0.0)
        if wait > 0:
            at(now + latency * 0.1, back, ticket, wait)
            return
        for limit in limits:
            limit.take(now)
        busy += 1
        at(now + latency * 0.8 + (queue.wait(now) if queue else 0.0), done, ticket)

    def done(now: float, ticket: Ticket) -> None:
        nonlocal busy
        busy -= 1
        at(now + latency * 0.1, back, ticket, 0.0)

    def back(now: float, ticket: Ticket, wait: float) -> None:
        if wait > 0:
            run.refused.append(now)
            pace.pushed_back(now, ticket, header(wait))
        else:
            run.accepted.append(now)
            pace.accepted(now, ticket)
        ask(now)
        if waiting:
            waiting.pop()
            ask(now)

    for _ in range(lanes):
        at(0.0, ask)
    while events:
        now, _, what, about = heapq.heappop(events)
        if now > until:
            break
        what(now, *about)
    return run
