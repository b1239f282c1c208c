"""One pace for all processes at a store: an estimator of one's own, and with others a share of a common one.

Who is alone decides by itself, and writes nothing. With others, permits come from exchanges (`exchange.py`),
and what happens is noted for the next one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ordersheet.delivery.rate.common import CommonEstimator
from ordersheet.delivery.rate.estimator import AHEAD, BACKOFF, CATCH_UP, FASTEST, Ticket
from ordersheet.delivery.rate.exchange import Given, PaceEvent, PaceExchange, Telling, replay
from ordersheet.delivery.rate.timing import (
    ACTIVE,
    APART,
    BEFORE,
    LEAD,
    LOOK,
    NARROW,
    NOTICE,
    PATIENCE,
    SLICE,
    SOON,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.core.pace import PaceLook
    from ordersheet.delivery.rate.concurrency import AutoConcurrency

ALONE, WAITING, TOGETHER = "alone", "waiting", "together"


class SharedEstimator:
    """What the limiter asks when requests may go. Every time is on one monotonic clock of this process.

    Args:
        name: this process's run, among the others'.
        company: whether others are known to be there; they are waited for then, for a second at most.
        cap: the most requests a second of this process.
        auto: decides how many of its requests may be under way at once.
        most: how many may, where `auto` does not decide it.

    Attributes:
        turns: how many requests are being written ahead.
        urgent: whether something has happened that the others should know at once.
    """

    def __init__(
        self,
        name: str = "",
        *,
        company: bool = False,
        cap: float | None = None,
        auto: AutoConcurrency | None = None,
        most: int | None = None,
    ) -> None:
        self._name = name
        self._auto, self._most, self._cap = auto, most or FASTEST, min(cap or FASTEST, FASTEST)
        self._own = CommonEstimator(cap=cap, auto=auto, most=most)
        self._shift = 0.0
        self._state = WAITING if company else ALONE
        self._since: float | None = None
        self._epoch: float | None = None
        self.turns = 0
        self.urgent = False
        self._generation = 0
        self._told_generation = 0
        self._gate = float("-inf")
        self._blocked = self._closed = False
        self._permits, self._distance = 0, 0.0
        self._next = self._last = float("-inf")
        self._lanes = math.inf
        self._hungry, self._used, self._flow = True, 0, 0.0
        self._in_flight = self._number = 0
        self._events: list[PaceEvent] = []
        self._tickets: dict[float, Ticket] = {}
        self._told_at = self._looked_at = self._again = float("-inf")

    # --- what the limiter asks

    @property
    def together(self) -> bool:
        """Whether the pace is kept together with others."""
        return self._state is TOGETHER

    @property
    def allowed(self) -> float:
        """Requests a second that are let go now."""
        return self._own.allowed if self._state is ALONE or not self._distance else 1 / self._distance

    @property
    def gate(self) -> float:
        """Until when nothing goes."""
        return self._own.gate - self._shift if self._state is ALONE else self._gate

    @property
    def generation(self) -> int:
        """Changes whenever reservations lapse."""
        return self._generation + self._own.generation if self._state is ALONE else self._generation

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._own.in_flight if self._state is ALONE else self._in_flight

    def permits(self) -> float:
        """How many requests may have their moment."""
        if self._state is ALONE:
            return FASTEST
        if self._permits <= 0 or self._blocked:
            self._hungry = True
            return 0
        return self._permits

    def reserve(self, now: float) -> float:
        """Take the next free moment, and tell which it is. It lapses with the generation."""
        if self._state is ALONE:
            return self._own.reserve(now + self._shift) - self._shift
        at = max(self._next, now - CATCH_UP, self._gate)
        self._last, self._next = at, at + max(self._distance, 1 / self._cap)
        self._permits -= 1
        self._used += 1
        if at > now:
            self._hungry = True
        return at

    def may_go(self, now: float, generation: int) -> bool:
        """Tell whether a reservation of this generation is still good, at its time."""
        # Who was frozen for long has nothing any more.
        stale = self._state is not ALONE and now - self._told_at > ACTIVE
        return generation == self.generation and now >= self.gate and not stale

    def width(self) -> float:
        """How many may be under way at once."""
        if self._state is ALONE:
            return self._own.width()
        return max(1, min(self._most if self._auto is None else self._auto.width, self._lanes))

    def room(self) -> float:
        """How many more may be under way."""
        if self._state is ALONE:
            return self._own.room()
        return self.width() - self._in_flight

    def room_ahead(self) -> float:
        """How many more may be written ahead."""
        if self._state is ALONE:
            self._own.turns = self.turns
            return self._own.room_ahead()
        if self._closed:
            return 1 - self.turns
        return AHEAD * self.width() - self._in_flight - self.turns

    def sent(self, now: float, *, put: bool = True) -> Ticket:
        """Count a request that goes now."""
        if self._state is ALONE:
            ticket = self._own.sent(now + self._shift, put=put)
            self._tickets[ticket.number] = ticket
            return ticket
        self._in_flight += 1
        self._number -= 1
        self._events.append(PaceEvent("sent", now, self._number, put=put, generation=self._told_generation))
        return Ticket(self._number, now, now, self._generation, self._in_flight, put)

    # --- what it is told

    def ended(self, ticket: Ticket) -> None:
        """Count a request that said nothing about the pace."""
        if self._state is ALONE:
            known = self._tickets.pop(ticket.number, None)
            self._end_unknown() if known is None else self._own.ended(known)
        else:
            self._note("ended", ticket.at, ticket)

    def failed(self, now: float, ticket: Ticket) -> None:
        """Learn from a failure."""
        if self._state is ALONE:
            known = self._tickets.pop(ticket.number, None)
            self._end_unknown() if known is None else self._own.failed(now + self._shift, known)
        else:
            self._note("failed", now, ticket)
            self.urgent = True

    def accepted(self, now: float, ticket: Ticket) -> None:
        """Learn from a request that the server took."""
        if self._state is ALONE:
            known = self._tickets.pop(ticket.number, None)
            self._end_unknown() if known is None else self._own.accepted(now + self._shift, known)
            return
        self._note("accepted", now, ticket)
        self.urgent = self.urgent or self._closed
        if self._auto is not None:
            self._auto.answered(now, ticket.in_flight)

    def pushed_back(self, now: float, ticket: Ticket, pause: float | None) -> None:
        """Learn from a 429 or 503."""
        if self._state is ALONE:
            at = now + self._shift
            known = self._tickets.pop(ticket.number, None)
            self._own.pushed_back(at, known or self._own.stranger(at, put=ticket.put), pause)
            if known is None:
                self._end_unknown()
            return
        self._note("pushed back", now, ticket, pause)
        self._lapse(max(self._gate, now + (BACKOFF if pause is None else pause)))
        self._blocked = self.urgent = True
        if self._auto is not None:
            self._auto.held_back(now, ticket.in_flight)

    def _end_unknown(self) -> None:
        """Count back a request that went before what is known now was learned."""
        self._own.in_flight -= 1

    def _note(self, kind: str, now: float, ticket: Ticket, pause: float | None = None) -> None:
        self._in_flight -= 1
        self._events.append(PaceEvent(kind, now, ticket.number, put=ticket.put, pause=pause))

    def _lapse(self, gate: float) -> None:
        self._generation += 1
        self._gate = gate
        self._permits = 0
        # What was reserved, perhaps far ahead, is not used.
        self._last = min(self._last, gate)

    # --- the others

    def due(self, now: float) -> float:
        """Tell when something is to be done about the others: `look`, or `exchange`."""
        if self._state is ALONE:
            return max(now, self._looked_at + LOOK)
        if self._state is WAITING:
            return max(now, self._looked_at + SOON)
        return max(now, min(self._look_due(now), self._exchange_due(now)))

    def exchanges(self, now: float) -> bool:
        """Tell whether an exchange is due, rather than a look."""
        if self._state is ALONE:
            return False
        if self._state is WAITING:
            if self._since is None:
                self._since = now
            return now >= self._since + PATIENCE
        return now >= self._exchange_due(now)

    def _look_due(self, now: float) -> float:
        before = self._last - BEFORE if self._last > now else math.inf
        return max(self._looked_at + NARROW, min(self._looked_at + NOTICE, before))

    def _exchange_due(self, now: float) -> float:
        if self.urgent:
            return now
        # Who sends seldom tells of each request: where others are pushed back, it counts.
        last = self._told_at + (APART if self._events and self._distance >= SLICE else SLICE)
        if not self._hungry and (self._permits > 0 or not self._used):
            return last
        # A permit whose moment was taken, and has not come yet, is one as well: who has it asks no earlier.
        lasting = self._next + (self._permits - 1) * self._distance if self._permits > 0 else self._last
        return max(self._told_at + APART, min(last, max(self._again, self._gate - LEAD, lasting - LEAD)))

    def noticed(self, look: PaceLook, now: float) -> bool:
        """Take note of what a look has shown; tell whether an exchange is due at once.

        Args:
            look: the line.
            now: when it was read, by this process's clock.
        """
        self._looked_at = now
        pace, ahead = look.pace, look.at - now
        others = [
            member
            for name, member in pace.members.items()
            if name != self._name and look.at - member.at < ACTIVE
        ]
        if self._state is ALONE:
            if others:
                self._go_together(now)
            return bool(others)
        if self._state is WAITING:
            return any(other.told for other in others)
        if pace.generation != self._told_generation:
            gate = float("-inf") if pace.paused_until is None else pace.paused_until - ahead
            self._told_generation = pace.generation
            self._lapse(max(gate, self._gate))
            self._closed = pace.closed
            return False
        return self._closed and not pace.closed

    def lost(self, now: float) -> bool:
        """Tell whether the others have heard nothing of this process for so long that they go without it."""
        return self._state is TOGETHER and now - self._told_at > ACTIVE

    def wait(self, now: float) -> None:
        """Wait for what others tell, as one who has just come; they know that this process is here."""
        self._state, self._since, self._epoch = WAITING, now, None
        self._lapse(self._gate)

    def cut_off(self, now: float) -> None:
        """Go on with this process's share alone: nobody can be asked."""
        if self._state is not ALONE:
            self._go_alone(now, min(self.allowed / self._own.allowed, 1.0))

    def _go_together(self, now: float) -> None:
        self._in_flight = self._own.in_flight
        self._state, self._told_at = TOGETHER, now
        self._epoch = None
        self._blocked, self._gate = True, self.gate
        self._told_generation = self._own.generation

    def exchange(self, monotonic: Callable[[], float]) -> tuple[PaceExchange, int]:
        """Give an exchange, to be carried out, and then `take`n; and how many events it tells."""
        now = monotonic()
        expired = self._permits if self._permits and self._next < now - SLICE else 0
        self._permits -= expired
        telling = Telling(
            name=self._name,
            estimator=self._own,
            shift=self._shift,
            epoch=self._epoch,
            events=tuple(self._events),
            tickets=dict(self._tickets),
            left=self._permits,
            expired=expired,
            generation=self._told_generation,
            hungry=self._hungry,
            used=self._used,
            flow=self._flow,
        )
        self._hungry, self._used, self.urgent = False, 0, False
        return PaceExchange(telling, monotonic), len(telling.events)

    def take(self, exchange: PaceExchange, told: int, now: float) -> None:
        """Take what an exchange has given.

        Args:
            exchange: it was carried out.
            told: how many events it told.
            now: by this process's clock.
        """
        given = exchange.given
        del self._events[:told]
        self._tickets = dict(given.tickets)
        self._own, self._shift, self._epoch, self._flow = (
            given.estimator,
            given.shift,
            given.epoch,
            given.flow,
        )
        self._told_at = self._looked_at = now
        if given.others or self._state is WAITING:
            self._state = TOGETHER
        if not given.others:
            self._go_alone(now)
            return
        self._take_permits(given, now)

    def _take_permits(self, given: Given, now: float) -> None:
        pushed_back_since = any(event.kind == "pushed back" for event in self._events)
        if given.generation != self._told_generation:
            self._told_generation = given.generation
            self._lapse(given.gate)
        self._gate = given.gate
        self._blocked = pushed_back_since
        if self._blocked:
            return
        self._closed, self._distance, self._lanes = given.closed, given.distance, given.lanes
        self._again = now + APART
        if given.permits:
            if self._permits <= 0:
                self._next = max(given.first, self._last + 1 / self._cap)
            self._permits += given.permits
        else:
            self._again = max(given.again, now + APART)

    def _go_alone(self, now: float, share: float = 1.0) -> None:
        """Go on alone, with what is known."""
        replay(self._own, self._events, self._tickets, shift=self._shift, now=now + self._shift)
        self._events.clear()
        fresh = sum(ticket.generation == self._own.generation for ticket in self._tickets.values())
        self._own.alone(
            cap=self._cap,
            auto=self._auto,
            most=self._most,
            under_way=(self._in_flight, fresh),
            share=share,
        )
        self._state, self._epoch = ALONE, None
        self._generation += 1
        self._permits = 0
        self._blocked = False
