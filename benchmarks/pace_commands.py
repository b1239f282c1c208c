"""How much of a shop's limit several `send` commands use together: real processes, ledger and clock.

    python -m benchmarks.pace_commands [--processes 3] [--rate 20] [--seconds 60] [--publish 1]

The bare server of `benchmarks.server` lets in `--rate` updates a second. So many commands are started at
once, each with a file of its own and one ledger for all, in a file and then in a PostgreSQL, and
interrupted after so many seconds of sending. What the shop counts by the second is told from ten seconds
on, when the commands have found each other and the limit, until two seconds before the end; beside it the
whole, from the first request on. Results go to `benchmarks/results/pace_commands.json`; `--publish 1` puts
them into docs/team-figures.json and docs/team.md. Needs POSIX signals and the test group's PostgreSQL.
"""

from __future__ import annotations

import csv
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.command import RESULTS, ended, keep, parser, send, start, text
from benchmarks.server import Running
from benchmarks.tables import table
from benchmarks.team_page import publish
from tests.support.postgres import started

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import make_shared

if TYPE_CHECKING:
    import argparse

BEGUN, ENDING = 10, 2
"""Seconds after the first request from which the pace is taken for steady, and before the end until which."""
FILE, DATABASE = "a file", "PostgreSQL"
LATENCY = 0.05
_LONGEST = 120.0


def orders(folder: Path, number: int, rows: int) -> Path:
    """Write a file of orders that no other command sends."""
    path = folder / "orders.csv"
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(["order", "internalComment"])
        writer.writerows((1_000_000 * (number + 1) + at, text(at)) for at in range(rows))
    return path


def together(ledger: str, home: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Let the commands send, and tell what the shop saw."""
    rows = round(asked.rate * (asked.seconds + BEGUN) * 2)
    with Running(latency=LATENCY, rate=asked.rate, burst=asked.rate) as shop:
        commands = []
        for number in range(asked.processes):
            folder = home / str(number)
            folder.mkdir()
            command = send(orders(folder, number, rows), shop.base_url, "--ledger", ledger)
            commands.append((start(command, folder), folder))
        began = time.monotonic()
        while shop.stats()["first"] is None:
            if time.monotonic() > began + _LONGEST:
                raise SystemExit("The commands send nothing.")
            time.sleep(0.1)
        time.sleep(asked.seconds)
        seen = shop.stats()
        for process, _ in commands:
            process.send_signal(signal.SIGINT)
        for process, folder in commands:
            ended(process, time.perf_counter(), folder)
    seconds = {int(second): counts for second, counts in seen["seconds"].items()}
    steady = [seconds.get(second, (0, 0)) for second in range(BEGUN, round(asked.seconds) - ENDING)]
    taken, pushed_back = (sum(counts) for counts in zip(*steady, strict=True))
    whole = sum(counts[0] for second, counts in seconds.items() if second < round(asked.seconds))
    return {
        "processes": asked.processes,
        "rate": asked.rate,
        "seconds": len(steady),
        "share": round(taken / asked.rate / len(steady), 3),
        "pushed_back_per_1000": round(1000 * pushed_back / max(taken, 1), 1),
        "whole_share": round(whole / asked.rate / round(asked.seconds), 3),
        "by_second": [seconds.get(second, (0, 0))[0] for second in range(round(asked.seconds))],
    }


def render(found: dict[str, Any]) -> str:
    """Write what docs/team.md says of it."""
    rows = [
        [
            where,
            str(one["processes"]),
            f"{one['rate']:.0f}/s",
            f"{one['share']:.1%}",
            f"{one['pushed_back_per_1000']:.1f}",
            f"{one['whole_share']:.1%}",
        ]
        for where, one in found.items()
    ]
    header = [
        "ledger",
        "commands",
        "the shop lets in",
        "used",
        "429 per 1,000",
        "used from the first request on",
    ]
    return table(header, rows)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results down."""
    asked = parser("pace_commands", __doc__, processes=3, rate=20.0, seconds=60.0, publish=0).parse_args(
        arguments
    )
    found: dict[str, Any] = {}
    with started() as server, tempfile.TemporaryDirectory(dir=RESULTS) as folder:
        url = server.of(server.make_database())
        for where in (FILE, DATABASE):
            home = Path(folder) / where.replace(" ", "-")
            home.mkdir()
            if where == DATABASE:
                make_shared(LedgerUrl(url, home))
            found[where] = together(url if where == DATABASE else str(home / "ledger.db"), home, asked)
            print(where, found[where], flush=True)
    print(render(found))
    keep(found, asked.out)
    if asked.publish:
        publish("pace_commands", found)


if __name__ == "__main__":
    main()
