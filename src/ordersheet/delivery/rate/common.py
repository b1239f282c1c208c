"""An estimator that several processes feed in turn: each tells late what it sent, and what became of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.delivery.rate.estimator import CATCH_UP, SLOWEST, RateEstimator, Ticket
from ordersheet.delivery.rate.learned import LearnedPace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordersheet.delivery.rate.concurrency import AutoConcurrency


class CommonEstimator(RateEstimator):
    """A `RateEstimator` whose events may come late, and which can be written down."""

    def copy(self) -> CommonEstimator:
        """Give another one that knows the same."""
        return CommonEstimator.knowing(self.learned())

    def learned(self) -> LearnedPace:
        """Tell what was learned; nothing of what is this process's own."""
        return LearnedPace(
            rate=self.rate,
            lanes=self.lanes,
            gate=self.gate,
            generation=self.generation,
            next=self._next,
            last=self._last,
            sent=self._sent,
            rejected=self._rejected,
            fast=self._fast,
            first=self._first,
            marks=tuple(self._marks),
            lesson=self._lesson,
            widest=self._widest,
            as_wide=self._as_wide,
            hold=self._hold,
            steps=self._steps,
            trust=self._trust,
            edge=self._edge,
            narrow_for=self._narrow_for,
            missed_puts=self._misses[True],
            missed_gets=self._misses[False],
            closed=self._closed,
            calm_since=self._calm_since,
            recovery=self._recovery,
            clock=self._clock.state,
            latency=self._latency.state,
            health=self._health.state,
            noise=self._noise.state,
        )

    @classmethod
    def knowing(cls, learned: LearnedPace) -> CommonEstimator:
        """Give one that knows what was learned."""
        one = cls()
        one.rate, one.lanes, one.gate, one.generation = (
            learned.rate,
            learned.lanes,
            learned.gate,
            learned.generation,
        )
        one._next, one._last = learned.next, learned.last
        one._sent, one._rejected, one._fast = learned.sent, learned.rejected, learned.fast
        one._first, one._lesson = learned.first, learned.lesson
        one._marks.extend(learned.marks)
        one._widest, one._as_wide = learned.widest, learned.as_wide
        one._hold, one._steps, one._trust = learned.hold, learned.steps, learned.trust
        one._edge, one._narrow_for = learned.edge, learned.narrow_for
        one._misses = {True: learned.missed_puts, False: learned.missed_gets}
        one._closed, one._calm_since, one._recovery = learned.closed, learned.calm_since, learned.recovery
        one._clock.state, one._latency.state = learned.clock, learned.latency
        one._health.state, one._noise.state = learned.health, learned.noise
        return one

    @property
    def is_closed(self) -> bool:
        """Whether nothing was let through since the last push-back."""
        return self._closed is not None

    @property
    def next_free(self) -> float:
        """When the next request may go that nobody has a permit for."""
        return max(self._next, self.gate)

    @property
    def fresh(self) -> int:
        """How many requests under way went since the last push-back."""
        return self._fresh

    def counts(self, *, in_flight: int, fresh: int) -> None:
        """Take note of how many requests of all are under way, and went since the last push-back."""
        self.in_flight, self._fresh = in_flight, fresh

    def flows(self, flow: float) -> None:
        """Take note of how many requests a second all send."""
        self._health.known_flow = flow

    def sent_late(self, at: float, *, put: bool, generation: int, untold: float) -> Ticket:
        """Count a request that went before, since when others may have gone.

        Args:
            at: when it went.
            put: whether it is an update.
            generation: of the permit that it had.
            untold: how many others had probably gone by then that are not counted yet; less than 0 for those
                that are counted and went later.
        """
        ticket = self.sent(at, put=put)
        if generation != self.generation:
            self._fresh -= 1
        return ticket._replace(generation=generation, number=max(ticket.number + untold, 1))

    def know_better(self, since: float, flow: float, went: Sequence[float]) -> None:
        """Put right what the marks say of a process that now tells when its requests went.

        Args:
            since: when it told last.
            flow: how many a second were taken to have gone since.
            went: when they went.
        """
        begin = self._clock.at(since)
        if not self._marks or self._marks[-1].busy <= begin:
            return
        busy = [self._clock.at(at) for at in went]
        for position, mark in enumerate(self._marks):
            if mark.busy > begin:
                real = sum(at < mark.busy for at in busy)
                wrong = real - flow * (mark.busy - begin)
                self._marks[position] = mark._replace(number=mark.number + wrong)
        self._learn_again()

    def _learn_again(self) -> None:
        """Learn from the latest mark what one would have learned who had known then what is known now."""
        if self._lesson is None or not self._marks:
            return
        grown, mark = self.rate / self._edge, self._marks.pop()
        self.rate = self._lesson.before
        here = mark._replace(rejected=mark.rejected - 1)
        self._edge = min(max(self._flow(here, self._lesson.wait), SLOWEST), self.rate)
        self._marks.append(mark)
        self.rate = min(self._edge * grown, self.cap)

    def pushed_back(self, now: float, ticket: Ticket, pause: float | None) -> None:
        """Learn from a 429 or 503; perhaps one that came before another that was told earlier."""
        if ticket.generation != self.generation:
            for position, mark in enumerate(self._marks):
                if mark.busy > ticket.busy:
                    # It is among those that went until then, so it is among those that were turned away.
                    self._marks[position] = mark._replace(rejected=mark.rejected + 1)
            self._learn_again()
        super().pushed_back(now, ticket, pause)

    def take_moments(self, now: float, count: int, ahead: float) -> float | None:
        """Take so many of the next free moments; give the first, None where it is further than that ahead."""
        start = max(self._next, now - CATCH_UP, self.gate)
        if start > now + ahead:
            return None
        self._next = start + count / self.allowed
        return start

    def give_back(self, now: float, count: int) -> None:
        """Give back moments that were not used."""
        self._next = max(now, self._next - count / self.allowed) if self._next > now else self._next

    def shared_width(self, width: float) -> float:
        """Tell what failures leave of a number of requests at once."""
        return self._health.width(width)

    def stranger(self, at: float, *, put: bool) -> Ticket:
        """Count a request of whose leaving nothing is known here."""
        return self.sent_late(at, put=put, generation=-1, untold=0.0)

    def alone(
        self,
        *,
        cap: float,
        auto: AutoConcurrency | None,
        most: float,
        under_way: tuple[int, int],
        share: float,
    ) -> None:
        """Go on alone with a share of the rate, its own limits and its own requests under way."""
        self.cap, self._auto, self._most = cap, auto, most
        self.rate = min(self.rate * share, cap)
        self._health.known_flow = 0.0
        self.in_flight, self._fresh = under_way
