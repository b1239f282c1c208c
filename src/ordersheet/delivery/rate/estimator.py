"""How fast to send: decisions on given times, which find a hidden limit and stay near it.

The idea: between two push-backs, a server that counts requests accepted exactly what its limit let flow in
that time, for its store of spare requests was empty at both. So the first push-back ends the fast start, the
next ones give the rate as a quotient, and after that small steps feel for the edge, ever longer apart.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.delivery.rate.evidence import Lesson, PushBackMark
from ordersheet.delivery.rate.health import Health
from ordersheet.delivery.rate.idleness import BusyClock
from ordersheet.delivery.rate.latency import Latency
from ordersheet.delivery.rate.noise import Noise, Seen
from ordersheet.delivery.rate.outage import BeforeOutage

if TYPE_CHECKING:
    from ordersheet.delivery.rate.concurrency import AutoConcurrency

START = 40.0
"""Requests a second at the very beginning."""
FAST_STEP = 1.3
"""Until the first push-back, each accepted request raises the rate by so much."""
CUT = 0.7
"""What a push-back leaves of the rate where nothing better is known."""
STEP = 0.005
"""After a push-back and its hold, each accepted request raises the rate by this share of it."""
STEP_LIMIT = 0.15
"""The steps of one second together, as a share of the rate."""
GROWN = 1.05
"""So far above the rate that was learned last, a push-back is to be expected."""
MOVED, MOVED_STEP = 1.4, 0.05
"""So far above the last known limit, it has moved, and the steps grow."""
HOLD_ROWS, HOLD_SECONDS = 100, 20.0
"""How long the rate stays even after a push-back: so many requests for each 429 that it cost, or so long."""
AS_WIDE = 10
"""So many accepted with as many under way, since the last push-back, and their number is not limited."""
WIDER_ROWS = 1000
"""Requests after which one more is tried at the same time, where their number seems to be limited."""
TRUST = 4
"""The hold is no longer than so many times the requests that the rate was learned from."""
EVIDENCE = 24
"""Requests between push-backs that are enough to know the rate by."""
HINT, HINT_FACTOR = 3, 1.3
"""The latest so many requests tell that the limit has fallen: they flowed slower than by this factor."""
FASTEST = 1_000_000.0
SLOWEST = 0.01
CLOSED = 20.0
"""A first push-back with so many seconds of pause may come from a server that is closed for a while: it tells
of no rate. Where it does come from a limit, the second one tells."""
BACKOFF, LONGEST_BACKOFF = 1.0, 10.0
"""Seconds to wait after a push-back that names no time; doubled while nothing is accepted."""
PROBE_PAUSE = 1.0
"""Seconds between two probes of a server that lets nothing through, at least."""
SHUT_OUT = 2
"""After so many push-backs of updates with none accepted between, readings that are let through open nothing,
and the other way about: a server may shut out the one kind alone."""
RECOVERY = 10.0
"""Seconds from the first success after an outage until the rate is what it was before it."""
AHEAD = 3
"""Requests that may be written ahead or under way, for each that may be under way: a disk that is slower than
the server takes many at a time then."""
CATCH_UP = 0.05
"""Seconds of lateness that are made up for: timers wake late."""


class Ticket(NamedTuple):
    """One request that may go."""

    number: float
    at: float
    """When it went, on the monotonic clock."""
    busy: float
    """The same, on the clock that stands still while the sender is idle."""
    generation: int
    in_flight: int
    """How many were under way, itself included."""
    put: bool
    """Whether it is an update; a server may shut these out, and let readings through."""


class RateEstimator:
    """The decisions: when the next request may go, learned from what became of the earlier ones.

    Every time is in seconds on one monotonic clock that the caller names.

    Attributes:
        rate: requests a second that the server is known to take; `allowed` are let go.
        lanes: how many requests may be under way at once; None for any number.
        gate: until when nothing goes.
        in_flight: how many requests are under way.
        turns: how many are being written ahead.
    """

    def __init__(
        self,
        *,
        cap: float | None = None,
        start: float = START,
        auto: AutoConcurrency | None = None,
        most: int | None = None,
    ) -> None:
        self.cap = min(cap or FASTEST, FASTEST)
        self.rate = min(start, self.cap)
        self.lanes: int | None = None
        self._auto = auto
        self._most = most or FASTEST
        self.gate = float("-inf")
        self.in_flight = 0
        self.turns = 0
        self._fresh = 0
        self.generation = 0
        self._next = float("-inf")
        self._last = float("-inf")
        self._clock = BusyClock()
        self._sent = 0
        self._rejected = 0
        self._fast = True
        self._first: PushBackMark | None = None
        self._marks: deque[PushBackMark] = deque(maxlen=EVIDENCE)
        self._widest = self._as_wide = 0
        self._hold = 0
        self._steps = 0
        self._trust = HOLD_ROWS
        self._edge = FASTEST
        self._narrow_for = 0
        self._misses = dict.fromkeys((True, False), 0)
        self._latency = Latency()
        self._health = Health()
        self._noise = Noise()
        self._closed: BeforeOutage | None = None
        self._calm_since: float | None = None
        self._recovery: tuple[float, BeforeOutage] | None = None
        self._lesson: Lesson | None = None

    @property
    def allowed(self) -> float:
        """Requests a second that are let go now."""
        return self._health.rate(self.rate)

    def reserve(self, now: float) -> float:
        """Take the next free moment, and tell which it is. It lapses with the generation."""
        at = max(self._next, now - CATCH_UP, self.gate)
        self._next = at + 1.0 / self.allowed
        return at

    def may_go(self, now: float, generation: int) -> bool:
        """Tell whether a reservation of this generation is still good, at its time."""
        return generation == self.generation and now >= self.gate

    def width(self) -> float:
        """How many may be under way at once."""
        width = self._most if self._auto is None else self._auto.width
        return self._health.width(width if self.lanes is None else min(width, self.lanes))

    def room(self) -> float:
        """How many more may be under way: a probe alone, where nothing is known to be let through."""
        if self._closed is not None:
            # What went before the gate fell may hang for long, and tells nothing of what is let through now.
            return 1 - self._fresh
        return self.width() - self.in_flight

    def room_ahead(self) -> float:
        """How many more may be written ahead; nothing beside a probe, which would be taken back with it."""
        if self._closed is not None:
            return 1 - self._fresh - self.turns
        return AHEAD * self.width() - self.in_flight - self.turns

    def sent(self, now: float, *, put: bool = True) -> Ticket:
        """Count a request that goes now, an update or a reading."""
        self._clock.sent(now, distance=1.0 / self.allowed, gate=self.gate)
        busy = self._clock.at(now)
        self._sent += 1
        self._last = max(self._last, now)
        self.in_flight += 1
        self._fresh += 1
        if self._first is None:
            self._first = PushBackMark(busy, 0, 0)
            self._calm_since = busy
        return Ticket(self._sent, now, busy, self.generation, self.in_flight, put)

    def ended(self, ticket: Ticket) -> None:
        """Count a request that said nothing about the pace: it did not leave, or was cut by our side."""
        self._count_back(ticket)

    def failed(self, now: float, ticket: Ticket) -> None:
        """Learn from a failure: a 5xx, a reset, no answer in time. It never makes anything faster."""
        busy = self._heard(now)
        self._count_back(ticket)
        self._health.failed(busy, ticket.in_flight)
        self._next = max(self._next, self._last + 1.0 / self.allowed)
        if self._closed is not None and ticket.generation == self.generation:
            self._close(max(self.gate, now + PROBE_PAUSE))

    def accepted(self, now: float, ticket: Ticket, *, told: float | None = None) -> None:
        """Learn from a request that the server took, whatever it answered.

        Args:
            now: when it was answered.
            ticket: the request's.
            told: when this is told, where that is later: in what order is then not known.
        """
        busy = self._heard(now)
        self._count_back(ticket)
        self._misses[ticket.put] = 0
        if ticket.in_flight > self._widest:
            self._widest, self._as_wide = ticket.in_flight, 0
        self._as_wide += ticket.in_flight == self._widest
        troubled = self._health.in_trouble()
        self._health.succeeded(busy)
        current = ticket.generation == self.generation
        if current and self._misses[not ticket.put] < SHUT_OUT:
            self._open(busy)
        if troubled:
            if not self._health.in_trouble():
                self._forget_the_flow(busy)
            return
        if self._auto is not None:
            self._auto.answered(now, ticket.in_flight)
        self._heed_latency(now if told is None else told, now - ticket.at, ticket)
        if current:
            self._grow(busy)

    def _count_back(self, ticket: Ticket) -> None:
        self.in_flight -= 1
        self._fresh -= ticket.generation == self.generation

    def _open(self, busy: float) -> None:
        """The server lets requests through, perhaps again."""
        closed, self._closed = self._closed, None
        if closed is None:
            return
        self._calm_since = busy
        if closed.was_outage(busy):
            self._recovery = (busy, closed)
            self.rate, self.lanes, self._widest = closed.rate * CUT, closed.lanes, closed.widest
            self._edge, self._trust = closed.edge, closed.trust
            self._forget_the_flow(busy)

    def _forget_the_flow(self, busy: float) -> None:
        """What flowed in an outage, and before it, tells nothing of what flows from now on."""
        self._marks.clear()
        self._marks.append(PushBackMark(busy, self._sent, self._rejected))
        self._lesson = None

    def _heard(self, now: float) -> float:
        self._clock.heard(now, distance=1.0 / self.allowed, gate=self.gate)
        return self._clock.at(now)

    def _grow(self, busy: float) -> None:
        if self._recovery is not None:
            began, before = self._recovery
            part = min((busy - began) / RECOVERY, 1.0)
            self.rate = before.rate * (CUT + (1 - CUT) * part)
            if part >= 1.0:
                self._recovery, self._fast, self._hold = None, before.fast, before.trust
        elif self._fast:
            self.rate = min(self.rate * FAST_STEP, self.cap)
        elif self._hold > 0:
            self._hold -= 1
        else:
            self._steps += 1
            step = STEP * (1 + self._steps / HOLD_ROWS) if self.rate < MOVED * self._edge else MOVED_STEP
            self.rate = min(self.rate * (1 + min(step, STEP_LIMIT / self.rate)), self.cap)
        if self.lanes is not None:
            self._narrow_for += 1
            if self._narrow_for >= WIDER_ROWS:
                self._narrow_for = 0
                self.lanes += 1

    def pushed_back(self, now: float, ticket: Ticket, pause: float | None) -> None:
        """Learn from a 429 or 503.

        Args:
            now: when it arrived.
            ticket: the request's.
            pause: seconds until the server wants to be asked again; None where it does not say.
        """
        busy = self._heard(now)
        self._count_back(ticket)
        self._rejected += 1
        as_wide, self._as_wide = self._as_wide, 0
        if ticket.generation != self.generation:
            # It went before the gate fell: the same push-back, seen once more.
            self._hold += self._trust
            if pause is not None:
                self._close(max(self.gate, now + pause))
            return
        self.generation += 1
        self._fresh = 0
        if self._auto is not None:
            self._auto.held_back(now, ticket.in_flight)
        misses = self._misses[ticket.put]
        wait = min(BACKOFF * 2**misses, LONGEST_BACKOFF) if pause is None else pause
        self._misses[ticket.put] = min(misses + 1, 16)
        if self._closed is None:
            self._closed = self._as_it_is(busy, ticket)
            if misses:
                # Others were let through since the last one of its kind, but none of these: it tells nothing.
                wait = max(wait, PROBE_PAUSE)
            elif not self._noise.ignores(Seen(self._sent, self._rejected)):
                self._slow_down(
                    ticket, wait, too_many=as_wide < AS_WIDE and ticket.in_flight >= max(self._widest, 2)
                )
        else:
            # Nothing was let through since the last one, so it tells nothing of the rate.
            wait = max(wait, PROBE_PAUSE)
        self._close(now + wait)

    def _slow_down(self, ticket: Ticket, wait: float, *, too_many: bool) -> None:
        # A limit that names fractions of a second is one that counts, and knows.
        grown = self._fast or self.rate >= GROWN * self._edge or wait < BACKOFF
        self._learn(ticket, wait, too_many=too_many)
        self._steps, self._hold = 0, self._trust
        back = self._noise.learned(Seen(self._sent, self._rejected), self.rate, grown=grown)
        if back is not None:
            self.rate = self._edge = min(back, self.cap)
            self._hold, self._lesson = 0, None

    def _as_it_is(self, busy: float, ticket: Ticket) -> BeforeOutage:
        served = 0.0 if self._calm_since is None else ticket.busy - self._calm_since
        rate = min(self.rate, self._health.flow(busy))
        known = self.lanes, self._widest, self._edge, self._trust, self._fast
        recovery, self._recovery = self._recovery, None
        if recovery is not None:
            return recovery[1]._replace(at=ticket.busy, served=served)
        return BeforeOutage(ticket.busy, served, rate, *known)

    def _close(self, until: float) -> None:
        self.gate = until
        # A gate shorter than the distance between two requests must not bring them nearer together.
        self._next = max(until, self._last + 1.0 / self.allowed)

    def _learn(self, ticket: Ticket, wait: float, *, too_many: bool) -> None:
        here = PushBackMark(ticket.busy, ticket.number, self._rejected - 1)
        self._lesson = None
        if too_many:
            # Hardly ever were as many under way and accepted: perhaps it is their number that is limited. If
            # it is not, the next push-back comes with fewer, and tells.
            self.rate *= 1.0 if self.lanes is not None else CUT
            self.lanes = self._widest = ticket.in_flight - 1
            self._narrow_for = 0
            self._trust = TRUST
        elif self.rate >= MOVED * self._edge:
            # The limit has moved up: what flowed since the last push-back was our own doing.
            self._trust = HOLD_ROWS
            self.rate *= CUT
        else:
            self.lanes = None
            self._lesson = Lesson(self.rate, wait)
            self.rate = min(max(self._flow(here, wait), SLOWEST), self.rate)
        # The mark counts this refusal, which `here` does not yet.
        self._marks.append(PushBackMark(here.busy, here.number, here.rejected + 1))
        self._fast = False
        self._edge = self.rate

    def _flow(self, here: PushBackMark, wait: float) -> float:
        """Tell what the server let flow, from the latest push-backs that together hold evidence enough."""
        best: tuple[float, float] | None = None
        most = FASTEST
        for mark in reversed(self._marks):
            count, seconds = (
                here.number - mark.number - 1 - (here.rejected - mark.rejected),
                here.busy - mark.busy,
            )
            if best is not None and count > EVIDENCE:
                break
            if count >= HINT and most == FASTEST and seconds > 0:
                most = HINT_FACTOR * count / seconds
            best = (count, seconds)
        self._trust = HOLD_ROWS
        if best is not None and best[0] >= 1 and best[1] > 0:
            count, seconds = best
            # A part of a request may be left in the store at either end: few requests tell a rate badly.
            self._trust = int(min(max(HOLD_ROWS, HOLD_SECONDS * count / seconds), TRUST * count))
            return min((count + (0.5 if count < EVIDENCE else 0.0)) / seconds, most)
        if best is not None or self._first is None or here.number == 1:
            return self.rate * CUT
        if wait >= CLOSED:
            return min(self.rate * CUT, START)
        # The first push-back: what was accepted so far came out of the store as well, so this is too much.
        whole = here.busy - self._first.busy + wait
        return min(self.rate * CUT, max(here.number - 1, 1) / whole if whole > 0 else self.rate)

    def _heed_latency(self, now: float, took: float, ticket: Ticket) -> None:
        flow = self._latency.add(now, took)
        if flow is None:
            return
        if self._auto is not None and flow < float("inf"):
            self._auto.held_back(now, ticket.in_flight)
        self._fast = False
        self._hold = max(self._hold, HOLD_ROWS)
        self._steps = 0
        self.rate = min(self.rate, max(flow, SLOWEST))
