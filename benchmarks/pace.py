"""How near the limiter comes to limits that it does not know: simulated on a clock of its own.

    python -m benchmarks.pace

Each line is ten minutes (an hour for the limit by the hour) against one hidden limit, answers after 50 ms,
`Retry-After` in whole seconds: how much of what the limit allows was used in the first minute and after
it, and how many answers of 429 that cost. Nothing is random and nothing waits, so the figures are the same on
every computer. Results go to `benchmarks/results/pace.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.command import keep, parser
from tests.support.limits import Bucket, Limit, Window, simulate

from ordersheet.delivery.rate.concurrency import START, AutoConcurrency
from ordersheet.delivery.rate.estimator import RateEstimator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Case(NamedTuple):
    """One hidden limit."""

    name: str
    limits: Callable[[], Sequence[Limit]]
    allowed: Callable[[float], float]
    """Requests that the limit lets through in so many seconds from the start."""
    seconds: float = 600.0


def bucket(rate: float, burst: float, name: str) -> Case:
    """A token bucket that begins full."""
    return Case(name, lambda: [Bucket(rate, burst)], lambda seconds: burst + rate * seconds)


CASES = (
    bucket(2, 20, "20 per 10 s"),
    Case(
        "100 per 10 s and 1,000 per hour",
        lambda: [Bucket(10, 100), Bucket(1000 / 3600, 1000)],
        lambda seconds: min(100 + 10 * seconds, 1000 + seconds / 3.6),
        3600.0,
    ),
    bucket(5, 50, "5/s, burst 50"),
    bucket(10, 20, "10/s, burst 20"),
    Case("100 in each 10 s of the clock", lambda: [Window(100, 10)], lambda seconds: 10 * seconds),
)


def figures(case: Case, *, auto: bool) -> dict[str, Any]:
    """Simulate one case."""
    pace = RateEstimator(auto=AutoConcurrency()) if auto else RateEstimator()
    run = simulate(pace, *case.limits(), until=case.seconds, lanes=2 * START if auto else 8)
    first, later = run.count(0, 60), run.count(60, case.seconds)
    allowed_later = case.allowed(case.seconds) - case.allowed(60)
    return {
        "limit": case.name,
        "lanes": "auto" if auto else 8,
        "first_minute_share": round(first / case.allowed(60), 3),
        "first_minute_429": run.pushed_back(0, 60),
        "later_share": round(later / allowed_later, 3),
        "later_429_per_1000": round(1000 * run.pushed_back(60, case.seconds) / later, 1),
    }


def main(arguments: list[str] | None = None) -> None:
    """Simulate, print, and write the results down."""
    asked = parser("pace", __doc__).parse_args(arguments)
    found = [figures(case, auto=auto) for case in CASES for auto in (False, True)]
    for one in found:
        print(
            f"{one['limit']:32} {one['lanes']!s:>4} lanes  first minute {one['first_minute_share']:6.1%}"
            f" {one['first_minute_429']:3} x 429  later {one['later_share']:6.1%}"
            f" {one['later_429_per_1000']:5.1f} x 429 per 1,000"
        )
    keep({"cases": found}, asked.out)


if __name__ == "__main__":
    main()
