"""Servers with hidden limits, and lanes that send to them, simulated without waiting: events on a clock."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from ordersheet.core.pace import PaceLook, PaceMember, SharedPace
from ordersheet.delivery.rate.estimator import AHEAD
from ordersheet.delivery.rate.shared import SharedEstimator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordersheet.delivery.rate.estimator import RateEstimator, Ticket
    from ordersheet.delivery.rate.exchange import PaceExchange


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
class AtRandom:
    """Turns a share of the requests away, however slowly they come: a proxy with too much to do."""

    share: float

    def __post_init__(self) -> None:
        self._random = random.Random(1)

    def ask(self, now: float, busy: int) -> float:
        del now, busy
        return 1.0 if self._random.random() < self.share else 0.0

    def take(self, now: float) -> None:
        del now


@dataclass
class Rebuff:
    """Turns a few away, once, and names a pause on which it does not insist."""

    number: int
    """The first of them, counted from 1."""
    pause: float
    count: int = 1

    def __post_init__(self) -> None:
        self._asked = 0

    def ask(self, now: float, busy: int) -> float:
        del now, busy
        self._asked += 1
        return self.pause if self.number <= self._asked < self.number + self.count else 0.0

    def take(self, now: float) -> None:
        del now


@dataclass
class Shut:
    """Takes nothing for so many seconds, once."""

    at: float
    lasting: float

    def ask(self, now: float, busy: int) -> float:
        del busy
        return self.at + self.lasting - now if self.at <= now < self.at + self.lasting else 0.0

    def take(self, now: float) -> None:
        del now


Failing = Callable[[float], float | None]
"""Tells of a request that arrives at a moment whether it fails: after so many seconds, or not at all."""


@dataclass
class Broken:
    """Fails everything for so many seconds, once."""

    at: float
    lasting: float
    after: float = 0.0
    """Seconds until a failure is told; more where nothing answers and the request's own time runs out."""

    def __call__(self, now: float) -> float | None:
        return self.after if self.at <= now < self.at + self.lasting else None


@dataclass
class BadRequests:
    """Fails a share of the requests, by chance."""

    share: float

    def __post_init__(self) -> None:
        self._random = random.Random(1)

    def __call__(self, now: float) -> float | None:
        del now
        return 0.0 if self._random.random() < self.share else None


@dataclass
class Queue:
    """A server that works off so many a second, one after the other, and lets the others wait."""

    speed: Callable[[float], float]

    def __post_init__(self) -> None:
        self._free = 0.0

    def wait(self, now: float) -> float:
        self._free = max(self._free, now) + 1.0 / self.speed(now)
        return self._free - now


class Jitter:
    """Answers that take a time by chance: half more than `middle`, a sixth more by the factor or further."""

    def __init__(self, middle: float, factor: float) -> None:
        self._random = random.Random(1)
        self._middle, self._sigma = middle, math.log(factor)

    def __call__(self) -> float:
        return self._middle * math.exp(self._random.gauss(0.0, self._sigma))


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
    failed: list[float] = field(default_factory=list)

    def count(self, start: float, end: float) -> int:
        return sum(start <= at < end for at in self.accepted)

    def pushed_back(self, start: float, end: float) -> int:
        return sum(start <= at < end for at in self.refused)


class _Server:
    """The server, which all who send have in common, and the clock."""

    def __init__(self, limits: tuple[Limit, ...], queue: Queue | None, failing: Failing) -> None:
        self.limits, self.queue, self.failing = limits, queue, failing
        self.busy = 0
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._number = 0

    def at(self, when: float, what: Callable[..., None], *about: object) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, what, about))

    def turn(self, until: float) -> None:
        """Let all happen that happens until then."""
        while self._events:
            now, _, what, about = heapq.heappop(self._events)
            if now > until:
                break
            what(now, *about)


class _World:
    """Lanes, and the way to the server and back."""

    def __init__(
        self,
        pace: RateEstimator | SharedEstimator,
        server: _Server,
        *,
        lanes: int,
        latency: Callable[[], float],
        header: Callable[[float], float | None],
        stall: float = 0.0,
        still: tuple[float, float] = (0.0, 0.0),
        puts: float = 1.0,
        until: float = math.inf,
    ) -> None:
        self.run = Run()
        self._pace, self._server, self._until = pace, server, until
        self._lanes, self._latency, self._header = lanes, latency, header
        self._stall = stall
        self.on_change: Callable[[float], None] = lambda _now: None
        self._puts, self._random = puts, random.Random(1)
        self._still_from, self._still_until = still[0], sum(still)
        self._waiting = self._opened = self._line = 0
        self._booked = False
        self._bookings = self._booked_for = 0

    def begin(self, now: float) -> None:
        """Let the lanes begin."""
        self._open_lanes(now)

    def heard(self, now: float) -> None:
        """The pace has heard of others: there may be room."""
        if now < self._until:
            self._wake_the_first(now)
            self._let_in(now)

    def _client(self, when: float, what: Callable[..., None], *about: object) -> None:
        if self._still_from <= when < self._still_until:
            when = self._still_until
        second = math.floor(when) + 1.0
        self._server.at(second if when > second - self._stall else when, what, *about)

    def _open_lanes(self, now: float) -> None:
        while self._opened < min(self._lanes, AHEAD * self._pace.width()):
            self._opened += 1
            self._ask(now)

    def _ask(self, now: float) -> None:
        if self._pace.room() <= 0 or (isinstance(self._pace, SharedEstimator) and self._pace.permits() <= 0):
            self._waiting += 1
            self.on_change(now)
            return
        if self._booked:
            self._line += 1
            return
        self._booked = True
        self._bookings += 1
        self._booked_for = self._pace.generation
        self._client(max(now, self._pace.reserve(now)), self._go, self._booked_for, self._bookings)
        self.on_change(now)

    def _go(self, now: float, generation: int, booking: int) -> None:
        if booking != self._bookings:
            return
        self._booked = False
        if self._pace.room() > 0 and self._pace.may_go(now, generation):
            self._send(now)
        else:
            self._line += 1
        if self._line:
            self._line -= 1
            self._ask(now)

    def _wake_the_first(self, now: float) -> None:
        """A moment that has lapsed is not waited for."""
        if self._booked and self._booked_for != self._pace.generation:
            self._bookings += 1
            self._booked = False
            self._ask(now)

    def _send(self, now: float) -> None:
        ticket = self._pace.sent(now, put=self._random.random() < self._puts)
        self.run.sent.append(now)
        self.run.most_at_once = max(self.run.most_at_once, self._pace.in_flight)
        takes = self._latency()
        self._server.at(now + takes * 0.1, self._arrive, ticket, takes)

    def _arrive(self, now: float, ticket: Ticket, takes: float) -> None:
        server = self._server
        fails = server.failing(now)
        if fails is not None:
            self._client(now + fails + takes * 0.1, self._fail, ticket)
            return
        wait = max((limit.ask(now, server.busy) for limit in server.limits), default=0.0)
        if wait > 0:
            self._client(now + takes * 0.1, self._back, ticket, wait)
            return
        for limit in server.limits:
            limit.take(now)
        server.busy += 1
        queued = server.queue.wait(now) if server.queue else 0.0
        self._server.at(now + takes * 0.8 + queued, self._done, ticket, takes)

    def _done(self, now: float, ticket: Ticket, takes: float) -> None:
        self._server.busy -= 1
        self._client(now + takes * 0.1, self._back, ticket, 0.0)

    def _fail(self, now: float, ticket: Ticket) -> None:
        self.run.failed.append(now)
        self._pace.failed(now, ticket)
        self._go_on(now)

    def _back(self, now: float, ticket: Ticket, wait: float) -> None:
        if wait > 0:
            self.run.refused.append(now)
            self._pace.pushed_back(now, ticket, self._header(wait))
        else:
            self.run.accepted.append(now)
            self._pace.accepted(now, ticket)
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        if now >= self._until:
            # It was killed: what its lanes would do next is not done.
            return
        self._ask(now)
        self._let_in(now)
        self.on_change(now)

    def _let_in(self, now: float) -> None:
        waiting, self._waiting = self._waiting, 0
        for _ in range(waiting):
            self._ask(now)
        self._open_lanes(now)


def simulate(
    pace: RateEstimator,
    *limits: Limit,
    until: float,
    lanes: int = 8,
    latency: float | Callable[[], float] = 0.05,
    header: Callable[[float], float | None] = seconds,
    queue: Queue | None = None,
    stall: float = 0.0,
    still: tuple[float, float] = (0.0, 0.0),
    failing: Failing = lambda _now: None,
    puts: float = 1.0,
) -> Run:
    """Let lanes send as fast as the pace lets them, and see what the limits make of it.

    A tenth of the latency is the way there, a tenth the way back. At the end of each second, the client
    stands still for `stall` seconds; and from the first of `still` for as long as the second. One lane at
    a time waits for its moment, as in `RateLimiter`, the others behind it; `AHEAD` times as many lanes as may
    have a request under way are at work. `puts` is the share of updates among the requests, by chance.
    """
    takes = latency if callable(latency) else lambda: latency
    server = _Server(limits, queue, failing)
    world = _World(
        pace, server, lanes=lanes, latency=takes, header=header, stall=stall, still=still, puts=puts
    )
    world.begin(0.0)
    server.turn(until)
    return world.run


@dataclass
class Sender:
    """One of several processes that send to the same store."""

    begins: float = 0.0
    ends: float = math.inf
    """When it is killed."""
    lanes: int = 8
    puts: float = 1.0
    cap: float | None = None


LATE = 0.01
"""Seconds until a change of the line is made, and until its end is heard of."""


class _Board:
    """The line in the ledger, and a process that looks at it."""

    def __init__(self) -> None:
        self.pace = SharedPace()
        self.changes = 0


class _Process:
    """One process, which keeps its pace together with the others'."""

    def __init__(
        self, name: str, pace: SharedEstimator, server: _Server, board: _Board, world: _World, until: float
    ) -> None:
        self._name, self._pace, self._server, self._board, self._world = name, pace, server, board, world
        self._until = until
        self._busy = False
        self._due = math.inf

    def begin(self, now: float) -> None:
        """Enter, and let the lanes begin."""
        entered = {**self._board.pace.members, self._name: PaceMember(now)}
        self._board.pace = replace(self._board.pace, members=entered)
        self.step(now)
        self._world.begin(now)

    def poke(self, now: float) -> None:
        """Something has happened: see whether anything is due earlier."""
        due = self._pace.due(now)
        if not self._busy and due < self._due:
            self._due = due
            self._server.at(due, self._wake, due)

    def _wake(self, now: float, due: float) -> None:
        if due == self._due and not self._busy:
            self.step(now)

    def step(self, now: float) -> None:
        """Do what is due about the others."""
        if now >= self._until:
            return
        pace, self._due = self._pace, math.inf
        if pace.due(now) > now:
            self.poke(now)
        elif pace.exchanges(now) or pace.noticed(PaceLook(self._board.pace, now), now):
            self._exchange(now)
        else:
            self._world.heard(now)
            self.poke(now)

    def _exchange(self, now: float) -> None:
        self._busy = True
        times = [now]
        exchange, told = self._pace.exchange(lambda: times[0])
        self._server.at(now + LATE, self._change, exchange, told, times)

    def _change(self, now: float, exchange: PaceExchange, told: int, times: list[float]) -> None:
        times[0] = now
        self._board.changes += 1
        self._board.pace = exchange(self._board.pace, now)
        self._server.at(now + LATE, self._take, exchange, told)

    def _take(self, now: float, exchange: PaceExchange, told: int) -> None:
        self._busy = False
        if now < self._until:
            self._pace.take(exchange, told, now)
            self._world.heard(now)
            self.poke(now)


def together(
    senders: Sequence[Sender],
    *limits: Limit,
    until: float,
    latency: float = 0.05,
    header: Callable[[float], float | None] = seconds,
    queue: Queue | None = None,
    failing: Failing = lambda _now: None,
) -> list[Run]:
    """Let several processes send to one server, each with lanes of its own, as `simulate` does one."""
    server, board, runs = _Server(limits, queue, failing), _Board(), []
    for number, sender in enumerate(senders):
        pace = SharedEstimator(str(number), company=number > 0 and sender.begins > 0, cap=sender.cap)
        world = _World(
            pace,
            server,
            lanes=sender.lanes,
            latency=lambda: latency,
            header=header,
            puts=sender.puts,
            until=sender.ends,
        )
        process = _Process(str(number), pace, server, board, world, sender.ends)
        world.on_change = process.poke
        runs.append(world.run)
        server.at(sender.begins, process.begin)
    server.turn(until)
    return runs
