"""How near the limiter comes to limits that it does not know: simulated on a clock of its own.

    python -m benchmarks.pace

Each line is ten minutes (an hour for the limit by the hour) against one hidden limit, answers after 50 ms,
`Retry-After` in whole seconds: how much of what the limit allows was used in the first minute and after
it, and how many answers of 429 that cost. Then outages, at full rate and at 2/s: what leaves meanwhile, and
how long it takes until nine tenths of the old rate are back. Nothing is random and nothing waits, so the
figures are the same on every computer. Results go to `benchmarks/results/pace.json`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.command import keep, parser
from tests.support.limits import Broken, Bucket, Limit, Run, Shut, Window, seconds, silent, simulate

from ordersheet.delivery.rate.concurrency import START, AutoConcurrency
from ordersheet.delivery.rate.estimator import RateEstimator

if TYPE_CHECKING:
    from collections.abc import Sequence


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


Header = Callable[[float], float | None]
AT = 120.0
"""When an outage begins."""
OUTAGES: tuple[tuple[str, Header | None], ...] = (
    ("429 or 503, Retry-After: 1", lambda _wait: 1.0),
    ("429 or 503 until it is over", seconds),
    ("429, no Retry-After", silent),
    ("500, or a reset", None),
)
"""What is answered meanwhile, and the header; None for a failure."""


def outage(header: Header | None, lasting: float, cap: float | None) -> Run:
    """Simulate one outage, and two minutes after it."""
    until, pace = AT + lasting + 120, RateEstimator(cap=cap)
    if header is None:
        return simulate(pace, until=until, failing=Broken(AT, lasting))
    return simulate(pace, Shut(AT, lasting), until=until, header=header)


def outage_figures(name: str, header: Header | None, lasting: float, cap: float | None) -> dict[str, Any]:
    """Tell what left in an outage, and how it went on."""
    run, end = outage(header, lasting, cap), AT + lasting
    before = run.count(AT - 60, AT) / 60
    late = [at for at in run.sent if AT + 5 <= at < end]
    halves = (end + half / 2 for half in range(240))
    back = next(at for at in halves if run.count(at, at + 5) >= 0.9 * 5 * before)
    return {
        "answers": name,
        "seconds": lasting,
        "rate_before": round(before, 1),
        "good_second": sum(AT - 1 <= at < AT for at in run.sent),
        "first_second": sum(AT <= at < AT + 1 for at in run.sent),
        "most_a_second": max((sum(at <= other < at + 0.99 for other in late) for at in late), default=0),
        "in_all": sum(AT <= at < end for at in run.sent),
        "seconds_until_90_percent": back - end,
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
    outages = [
        outage_figures(*kind, lasting, cap)
        for kind in OUTAGES
        for cap in (None, 2.0)
        for lasting in (10.0, 60.0, 600.0)
    ]
    for one in outages:
        print(" ".join(f"{name} {value}" for name, value in one.items()))
    keep({"cases": found, "outages": outages}, asked.out)


if __name__ == "__main__":
    main()
