"""An estimator that several processes feed in turn: each tells late what it sent, and what became of that."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from ordersheet.delivery.rate.estimator import CATCH_UP, SLOWEST, RateEstimator, Ticket
from ordersheet.delivery.rate.evidence import Lesson, PushBackMark
from ordersheet.delivery.rate.health import Health
from ordersheet.delivery.rate.idleness import BusyClock
from ordersheet.delivery.rate.latency import Latency
from ordersheet.delivery.rate.noise import Noise, Seen
from ordersheet.delivery.rate.outage import BeforeOutage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordersheet.delivery.rate.concurrency import AutoConcurrency

_OWN = ("_auto", "_most", "cap", "in_flight", "turns", "_fresh")
"""What is each process's own."""
_PARTS = {one.__name__: one for one in (Health, BusyClock, Latency, Noise)}
_RECORDS: dict[str, Any] = {one.__name__: one for one in (Lesson, PushBackMark, BeforeOutage, Seen)}


class CommonEstimator(RateEstimator):
    """A `RateEstimator` whose events may come late, and which can be written down."""

    def copy(self) -> CommonEstimator:
        """Give another one that knows the same."""
        other = CommonEstimator.read(self.written())
        for name in _OWN:
            setattr(other, name, getattr(self, name))
        return other

    def written(self) -> str:
        """Write down what was learned; nothing of what is this process's own."""
        return json.dumps({name: _plain(value) for name, value in vars(self).items() if name not in _OWN})

    @classmethod
    def read(cls, text: str) -> CommonEstimator:
        """Give one that knows what was written down.

        Raises:
            ValueError: it was written by another version, or by something else.
        """
        estimator = cls()
        known = {name for name in vars(estimator) if name not in _OWN}
        try:
            vars(estimator).update(_fields(json.loads(text), known))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(text) from error
        return estimator

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


def _plain(value: object) -> object:
    """Write one value as JSON can hold it."""
    name = type(value).__name__
    if name in _PARTS:
        return {"is": name, "of": {one: _plain(held) for one, held in vars(value).items()}}
    if name in _RECORDS or type(value) is tuple:
        return {"is": name, "of": [_plain(one) for one in value]}  # type: ignore[attr-defined]  # tuples all
    if isinstance(value, deque):
        return {"is": "deque", "of": [_plain(one) for one in value], "most": value.maxlen}
    if isinstance(value, dict):
        return {"is": "dict", "of": [[one, _plain(held)] for one, held in value.items()]}
    return value


def _value(plain: Any) -> Any:  # noqa: ANN401 - whatever was written
    """Read one value."""
    if not isinstance(plain, dict):
        return plain
    name, of = plain["is"], plain["of"]
    if name in _PARTS:
        part = _PARTS[name]()
        vars(part).update(_fields(of, set(vars(part))))
        return part
    if name == "deque":
        return deque(map(_value, of), plain["most"])
    if name == "dict":
        return {one: _value(held) for one, held in of}
    return tuple(map(_value, of)) if name == "tuple" else _RECORDS[name](*map(_value, of))


def _fields(of: dict[str, Any], known: set[str]) -> dict[str, Any]:
    if set(of) != known:
        raise ValueError(sorted(set(of) ^ known))
    return {name: _value(plain) for name, plain in of.items()}
