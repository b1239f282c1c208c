"""How near several processes that keep one pace come to limits that they do not know, on a clock of its own.

    python -m benchmarks.pace_together [--most 20] [--seeds 3] [--publish 1]

The hidden limits of `benchmarks.pace`, for 1, 3 and 20 processes of eight lanes each that begin within three
seconds. Each is simulated for so many seeds, and the worst of them is told: with seed 0 the processes begin
at even distances and all requests are updates that take 50 ms; with the others they begin by chance, take 30
to 90 ms, and with the odd ones half of the requests are readings. Nothing waits, so the figures are the same
on every computer; they take some minutes. Results go to `benchmarks/results/pace_together.json`;
`--publish 1` puts them into docs/team-figures.json and docs/team.md.
"""

from __future__ import annotations

import os
import random
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import Any, NamedTuple

from benchmarks.command import keep, parser
from benchmarks.pace import CASES
from benchmarks.tables import table
from benchmarks.team_page import publish
from tests.support.limits import Sender, together

PROCESSES = (1, 3, 20)
WITHIN = 3.0
"""Seconds in which all of them begin."""


LATENCY, QUICKEST, SLOWEST = 0.05, 0.03, 0.09


class Cell(NamedTuple):
    """One line of the table."""

    case: int
    """Of `CASES`."""
    processes: int
    seconds: float
    seeds: int


def simulated(cell: Cell, seed: int) -> dict[str, float]:
    """Simulate one case once."""
    case, processes, until = CASES[cell.case], cell.processes, min(CASES[cell.case].seconds, cell.seconds)
    chance = random.Random(seed)
    begins = [WITHIN * (chance.random() if seed and at else at / processes) for at in range(processes)]
    latency = chance.uniform(QUICKEST, SLOWEST) if seed else LATENCY
    senders = [Sender(begins=at, puts=0.5 if seed % 2 else 1.0) for at in begins]
    runs = together(senders, *case.limits(), until=until, latency=latency)
    first = sum(run.count(0, 60) for run in runs)
    later = sum(run.count(60, until) for run in runs)
    each = sorted(len(run.accepted) for run in runs)
    return {
        "first_minute_share": round(first / case.allowed(60), 3),
        "later_share": round(later / (case.allowed(until) - case.allowed(60)), 3),
        "later_429_per_1000": round(1000 * sum(run.pushed_back(60, until) for run in runs) / later, 1),
        "least_share": round(each[0] * processes / sum(each), 2),
    }


def figures(cell: Cell) -> dict[str, Any]:
    """Simulate one case for all seeds, and tell the worst."""
    found = [simulated(cell, seed) for seed in range(cell.seeds)]
    worst = {
        name: (max if name == "later_429_per_1000" else min)(one[name] for one in found) for name in found[0]
    }
    return {"limit": CASES[cell.case].name, "processes": cell.processes} | worst


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
    asked = parser("pace_together", __doc__, most=20, seconds=3600.0, seeds=3, publish=0).parse_args(
        arguments
    )
    numbers = [number for number in PROCESSES if number <= asked.most]
    cells = [Cell(*one, asked.seconds, asked.seeds) for one in product(range(len(CASES)), numbers)]
    told: dict[str, Any] = {"cases": []}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for one in pool.map(figures, cells):
            told["cases"].append(one)
            print(one, flush=True)
    print(render(told))
    keep(told, asked.out)
    if asked.publish:
        publish("pace", told)


if __name__ == "__main__":
    main()
