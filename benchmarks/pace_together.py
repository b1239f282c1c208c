"""How near several processes that keep one pace come to limits that they do not know, on a clock of its own.

    python -m benchmarks.pace_together [--most 20] [--publish 1]

The hidden limits of `benchmarks.pace`, for 1, 3 and 20 processes of eight lanes each that begin within three
seconds. Nothing is random and nothing waits, so the figures are the same on every computer; they take some
minutes of one processor. Results go to `benchmarks/results/pace_together.json`; `--publish 1` puts them
into docs/team-figures.json and docs/team.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.command import keep, parser
from benchmarks.pace import CASES
from benchmarks.tables import table
from benchmarks.team_page import publish
from tests.support.limits import Sender, together

if TYPE_CHECKING:
    from benchmarks.pace import Case

PROCESSES = (1, 3, 20)
WITHIN = 3.0
"""Seconds in which all of them begin."""


def figures(case: Case, processes: int, seconds: float) -> dict[str, Any]:
    """Simulate one case."""
    until = min(case.seconds, seconds)
    senders = [Sender(begins=WITHIN * at / processes) for at in range(processes)]
    runs = together(senders, *case.limits(), until=until)
    first = sum(run.count(0, 60) for run in runs)
    later = sum(run.count(60, until) for run in runs)
    each = sorted(len(run.accepted) for run in runs)
    return {
        "limit": case.name,
        "processes": processes,
        "first_minute_share": round(first / case.allowed(60), 3),
        "later_share": round(later / (case.allowed(until) - case.allowed(60)), 3),
        "later_429_per_1000": round(1000 * sum(run.pushed_back(60, until) for run in runs) / later, 1),
        "least_share": round(each[0] * processes / sum(each), 2),
    }


def render(found: dict[str, Any]) -> str:
    """Write what docs/team.md says of it."""
    rows = [
        [
            one["limit"],
            str(one["processes"]),
            f"{one['first_minute_share']:.1%}",
            f"{one['later_share']:.1%}",
            f"{one['later_429_per_1000']:.1f}",
            f"{one['least_share']:.2f}",
        ]
        for one in found["cases"]
    ]
    header = ["hidden limit", "processes", "first minute: used", "later: used", "429 per 1,000", "least part"]
    return table(header, rows)


def main(arguments: list[str] | None = None) -> None:
    """Simulate, print, and write the results down."""
    asked = parser("pace_together", __doc__, most=20, seconds=3600.0, publish=0).parse_args(arguments)
    numbers = [number for number in PROCESSES if number <= asked.most]
    told: dict[str, Any] = {"cases": []}
    for case in CASES:
        for number in numbers:
            told["cases"].append(figures(case, number, asked.seconds))
            print(told["cases"][-1], flush=True)
    print(render(told))
    keep(told, asked.out)
    if asked.publish:
        publish("pace", told)


if __name__ == "__main__":
    main()
