"""All that an estimator has learned of a server: a record, and how it is written down and read."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any

from ordersheet.delivery.rate.evidence import Lesson, PushBackMark
from ordersheet.delivery.rate.health import HealthState
from ordersheet.delivery.rate.idleness import ClockState
from ordersheet.delivery.rate.latency import LatencyState
from ordersheet.delivery.rate.noise import NoiseState, Seen
from ordersheet.delivery.rate.outage import BeforeOutage


@dataclass(frozen=True, slots=True)
class LearnedPace:
    """What `RateEstimator` knows, by its names; times are on its clock."""

    rate: float
    lanes: int | None
    gate: float
    generation: int
    next: float
    """When the next request may go."""
    last: float
    """When the latest one went."""
    sent: int
    rejected: int
    fast: bool
    first: PushBackMark | None
    """The state of the counters at the first request."""
    marks: tuple[PushBackMark, ...]
    lesson: Lesson | None
    widest: int
    as_wide: int
    hold: int
    steps: int
    trust: int
    edge: float
    narrow_for: int
    missed_puts: int
    missed_gets: int
    closed: BeforeOutage | None
    calm_since: float | None
    recovery: tuple[float, BeforeOutage] | None
    clock: ClockState
    latency: LatencyState
    health: HealthState
    noise: NoiseState


_NAMES = tuple(field.name for field in fields(LearnedPace))


def write(learned: LearnedPace) -> str:
    """Write down what was learned, as JSON."""
    return json.dumps([getattr(learned, name) for name in _NAMES])


def read(text: str) -> LearnedPace:
    """Read what was written down.

    Raises:
        ValueError: it is nothing that `write` has written.
    """
    try:
        plain = LearnedPace(*json.loads(text))
        return replace(
            plain,
            first=None if plain.first is None else PushBackMark(*plain.first),
            marks=tuple(PushBackMark(*mark) for mark in plain.marks),
            lesson=None if plain.lesson is None else Lesson(*plain.lesson),
            closed=None if plain.closed is None else BeforeOutage(*plain.closed),
            recovery=None if plain.recovery is None else _recovery(*plain.recovery),
            clock=_with_tuples(ClockState(*plain.clock)),
            latency=LatencyState(*plain.latency),
            health=_with_tuples(HealthState(*plain.health)),
            noise=_noise(*plain.noise),
        )
    except TypeError as error:
        raise ValueError(text) from error


def _recovery(began: float, before: Any) -> tuple[float, BeforeOutage]:  # noqa: ANN401 - a list of JSON's
    return began, BeforeOutage(*before)


def _noise(*plain: Any) -> NoiseState:
    state = NoiseState(*plain)
    latest, recent = (tuple(Seen(*one) for one in many) for many in (state.latest, state.recent))
    return state._replace(latest=latest, recent=recent)


def _with_tuples(state: Any) -> Any:  # noqa: ANN401 - one of the states, as it was given
    return type(state)(*(tuple(one) if isinstance(one, list) else one for one in state))
