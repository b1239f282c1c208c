"""One exchange of a process with the others at its store: what it tells, and the permits that it gets.

All processes feed one estimator, whose state is a line in the ledger: whoever comes loads it, tells it what
it sent since it came last and what became of that, takes permits for about a second and writes it down.
So the limit is learned as by one process that sends all of it.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.pace import PaceMember, SharedPace
from ordersheet.delivery.rate.common import CommonEstimator
from ordersheet.delivery.rate.estimator import FASTEST, Ticket
from ordersheet.delivery.rate.learned import read, write
from ordersheet.delivery.rate.timing import ACTIVE, LEAD, SLICE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SMOOTH = 2.0
"""Seconds over which the flow of requests is told."""
LEAST_SHARE = 0.02
"""Who waits gets at least this share of the rate, whatever the others use."""
FORM = 2
"""Of what is written down: another one is none of ours."""


class PaceEvent(NamedTuple):
    """What a process has to tell; times are on its own monotonic clock."""

    kind: str
    """`sent`, `accepted`, `pushed back`, `failed` or `ended`."""
    at: float
    number: float
    """Of the request, among those of this process."""
    put: bool = True
    generation: int = 0
    pause: float | None = None


class Telling(NamedTuple):
    """What a process brings to an exchange."""

    name: str
    estimator: CommonEstimator
    """What it knows, on its clock and `shift`; used where there is nothing newer."""
    shift: float
    """Seconds from the process's monotonic clock to the estimator's."""
    epoch: float | None
    """Which common estimator it has been feeding; None where it went alone."""
    events: Sequence[PaceEvent]
    tickets: Mapping[float, Ticket]
    """Of its requests under way, those that were told already."""
    left: int
    """Permits that it has left, of `generation`."""
    expired: int
    """Permits that it does not use any more, and gives back."""
    generation: int
    hungry: bool
    used: int
    """Permits that it has used since it told last."""
    flow: float
    """Requests a second that it had told of last."""


class Given(NamedTuple):
    """What a process gets from an exchange; times are on its own monotonic clock."""

    estimator: CommonEstimator
    shift: float
    epoch: float
    tickets: dict[float, Ticket]
    permits: int
    first: float
    """When the first of them may be used."""
    distance: float
    """Seconds between two of them."""
    generation: int
    gate: float
    closed: bool
    again: float
    """When to come again, where there were no permits."""
    others: bool
    flow: float
    lanes: float
    """How many of its requests may be under way at once."""


def replay(
    estimator: CommonEstimator,
    events: Sequence[PaceEvent],
    tickets: dict[float, Ticket],
    *,
    shift: float,
    now: float,
    untold: Callable[[float], float] = lambda _at: 0.0,
) -> None:
    """Tell an estimator what a process did and saw.

    Args:
        estimator: to be told.
        events: in order.
        tickets: of the requests under way, by their numbers; changed.
        shift: seconds from the clock of the events to the estimator's.
        now: by the estimator's clock.
        untold: how many requests of others that are not counted yet had gone until a moment.
    """
    for event in events:
        at = event.at + shift
        if event.kind == "sent":
            tickets[event.number] = estimator.sent_late(
                at, put=event.put, generation=event.generation, untold=untold(at)
            )
            continue
        ticket = tickets.pop(event.number, None)
        if ticket is None:
            # It went before this process came to these others: only a pause concerns them.
            if event.kind == "pushed back":
                estimator.pushed_back(at, estimator.stranger(at, put=event.put), event.pause)
        elif event.kind == "accepted":
            estimator.accepted(at, ticket, told=now)
        elif event.kind == "pushed back":
            estimator.pushed_back(at, ticket, event.pause)
        elif event.kind == "failed":
            estimator.failed(at, ticket)
        else:
            estimator.ended(ticket)


class PaceExchange:
    """An exchange: a change of the line in the ledger.

    Args:
        telling: what the process brings.
        monotonic: the process's clock.
    """

    given: Given

    def __init__(self, telling: Telling, monotonic: Callable[[], float]) -> None:
        self._telling = telling
        self._monotonic = monotonic

    def __call__(self, pace: SharedPace, common: float) -> SharedPace:
        """Tell, and take."""
        telling, local = self._telling, self._monotonic()
        others = {
            name: member
            for name, member in pace.members.items()
            if name != telling.name and common - member.at < ACTIVE
        }
        estimator, epoch, mine = self._state(pace, others, common - local)
        shift = common - epoch - local
        tickets = dict(telling.tickets) if mine else {}
        estimator.cap = FASTEST
        self._count(estimator, others, tickets)
        before = pace.members.get(telling.name) if mine else None
        since = None if before is None else before.at - epoch
        flow = self._tell(
            estimator, others, tickets, epoch=epoch, since=since, shift=shift, now=local + shift
        )
        left = telling.left if mine and telling.generation == estimator.generation else 0
        given = self._give(estimator, others, local + shift, left, mine=mine)
        self.given = given._replace(
            shift=shift,
            epoch=epoch,
            tickets=tickets,
            first=given.first - shift,
            gate=estimator.gate - shift,
            again=given.again - shift,
            flow=flow,
        )
        member = PaceMember(
            at=common,
            told=bool(others),
            flow=flow,
            in_flight=len(tickets),
            fresh=sum(ticket.generation == estimator.generation for ticket in tickets.values()),
            held=left + given.permits,
            generation=estimator.generation,
            hungry=telling.hungry,
        )
        accepted = [event.at + shift + epoch for event in telling.events if event.kind == "accepted"]
        return SharedPace(
            members={**others, telling.name: member},
            rate=estimator.allowed,
            next_free=_finite(estimator.next_free + epoch),
            paused_until=_finite(estimator.gate + epoch),
            succeeded=max(accepted, default=pace.succeeded),
            generation=estimator.generation,
            closed=estimator.is_closed,
            learned=json.dumps({"form": FORM, "epoch": epoch, "estimator": write(estimator.learned())}),
        )

    def _tell(
        self,
        estimator: CommonEstimator,
        others: Mapping[str, PaceMember],
        tickets: dict[float, Ticket],
        *,
        epoch: float,
        since: float | None,
        shift: float,
        now: float,
    ) -> float:
        """Tell the estimator what happened; give how many requests a second this process sends."""
        telling = self._telling
        sent = [event.at + shift for event in telling.events if event.kind == "sent"]
        if since is not None:
            estimator.know_better(since, _expected(telling.flow), sent)
        flow_of_others = sum(_expected(other.flow) for other in others.values())
        told_at = sum(_expected(other.flow) * (other.at - epoch) for other in others.values())
        replay(
            estimator,
            telling.events,
            tickets,
            shift=shift,
            now=now,
            untold=lambda at: flow_of_others * at - told_at,
        )
        flow = self._flow(len(sent), 0.0 if since is None else now - since)
        estimator.flows(sum(other.flow for other in others.values()) + flow)
        return flow

    def _state(
        self, pace: SharedPace, others: Mapping[str, PaceMember], ahead: float
    ) -> tuple[CommonEstimator, float, bool]:
        """Give the estimator to be fed, its epoch, and whether this process has been feeding it."""
        telling = self._telling
        with_others = any(other.told for other in others.values())
        if pace.learned is not None and (with_others or telling.epoch is not None):
            learned = json.loads(pace.learned)
            if learned["form"] == FORM and (with_others or learned["epoch"] == telling.epoch):
                epoch = learned["epoch"]
                return CommonEstimator.knowing(read(learned["estimator"])), epoch, epoch == telling.epoch
        # What is new begins with what this process knows, by its own clock.
        return telling.estimator.copy(), ahead - telling.shift, True

    def _count(
        self, estimator: CommonEstimator, others: Mapping[str, PaceMember], tickets: Mapping[float, Ticket]
    ) -> None:
        """Count what is under way: whoever has died takes along what it had."""
        generation = estimator.generation
        fresh = sum(other.fresh for other in others.values() if other.generation == generation)
        estimator.counts(
            in_flight=sum(other.in_flight for other in others.values()) + len(tickets),
            fresh=fresh + sum(ticket.generation == generation for ticket in tickets.values()),
        )

    def _flow(self, sent: int, seconds: float) -> float:
        if seconds <= 0:
            return self._telling.flow
        weight = 1 - math.exp(-seconds / SMOOTH)
        return self._telling.flow + weight * (sent / seconds - self._telling.flow)

    def _give(
        self,
        estimator: CommonEstimator,
        others: Mapping[str, PaceMember],
        now: float,
        left: int,
        *,
        mine: bool,
    ) -> Given:
        telling, rate = self._telling, estimator.allowed
        hungry = [other for other in others.values() if other.hungry]
        everybody = len(others) + 1
        if telling.hungry:
            used = sum(other.flow for other in others.values() if not other.hungry)
            share = max(1 - used / rate, LEAST_SHARE) / (len(hungry) + 1)
        else:
            share = 1 / everybody
        if mine and telling.expired and telling.generation == estimator.generation:
            estimator.give_back(now, telling.expired)
        lanes = math.inf if estimator.lanes is None else max(1, estimator.lanes // (len(hungry) + 1))
        given = Given(
            estimator,
            telling.shift,
            0.0,
            {},
            permits=0,
            first=now,
            distance=1 / (share * rate),
            generation=estimator.generation,
            gate=estimator.gate,
            closed=estimator.is_closed,
            again=now + SLICE,
            others=bool(others),
            flow=0.0,
            lanes=estimator.shared_width(lanes),
        )
        if estimator.is_closed:
            held = sum(o.held for o in others.values() if o.generation == estimator.generation)
            count, ahead = int(telling.hungry and estimator.fresh + held + left == 0), SLICE
        else:
            count, ahead = max(1, int(share * rate * SLICE)) - left, max(SLICE, everybody / rate) + LEAD
            if not telling.hungry:
                count = min(count, 2 * telling.used - left)
        if count <= 0:
            return given
        start = estimator.take_moments(now, count, ahead)
        if start is None:
            return given._replace(again=min(given.again, estimator.next_free - ahead))
        return given._replace(permits=count, first=start)


def _expected(flow: float) -> float:
    """Tell how many requests a second are taken to go untold: who sends seldom tells of each at once."""
    return flow if flow * SLICE >= 1 else 0.0


def _finite(moment: float) -> float | None:
    return moment if math.isfinite(moment) else None
