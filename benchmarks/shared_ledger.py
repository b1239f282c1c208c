"""What a ledger that many share costs, beside one in a file: both in turn, in one run.

    python -m benchmarks.shared_ledger [--rows 3000] [--rounds 3] [--publish 1]

The same rows are delivered to the same server, with the ledger in a file, in a PostgreSQL on this computer,
and in one that is 2 ms away (a process between, a millisecond in each direction):

- 8 lanes and a server that answers at once: what a row costs in processor time, of this process and, beside
  it, of the database's;
- 50 lanes and a server that takes 50 ms: how many rows go a second.

Medians of the rounds. Results go to `benchmarks/results/shared_ledger.json`; `--publish 1` puts them into
docs/team-figures.json and docs/team.md. It needs Linux (/proc) and the test group's PostgreSQL.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from benchmarks.command import KEY, RESULTS, ROOT, keep, parser
from benchmarks.ledger_share import works
from benchmarks.server import Running
from benchmarks.tables import table
from benchmarks.team_page import publish
from benchmarks.throughput import machine
from tests.support.postgres import Server, started

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.core.secret import Secret
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery import DeliveryOptions, SystemClock, deliver, make_transport_factory
from ordersheet.ledger import Ledger, RunStart, make_shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LATE = 0.001
"""Seconds, in each direction."""
FILE, HERE, FAR = "a file", "PostgreSQL here", "PostgreSQL 2 ms away"


class Case(NamedTuple):
    """Lanes, and how long the server takes."""

    name: str
    lanes: int
    latency: float


CASES = (Case("8 lanes, no latency", 8, 0.0), Case("50 lanes, 50 ms", 50, 0.05))


class Cost(NamedTuple):
    """What one delivery took."""

    rows_per_second: float
    own: float
    """Microseconds of processor time a row, of this process."""
    database: float
    """The same, of the database's processes."""


def processor_seconds(server: int) -> float:
    """Tell what a server's processes have used so far; those that have ended included."""
    ticks = 0
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                fields = (place / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if server in (int(place.name), int(fields[1])):
                ticks += sum(map(int, fields[11:15] if int(place.name) == server else fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def far(url: str) -> Iterator[Callable[[str], str]]:
    """Let a server be far away; gives what makes the URL of one of its databases into the far one."""
    socket = f"{parse_qs(urlsplit(url).query)['host'][0]}/.s.PGSQL.5432"
    command = [sys.executable, "-m", "benchmarks.far", "--socket", socket, "--late", str(LATE)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as between:
        assert between.stdout is not None
        port = int(between.stdout.readline())
        try:
            yield lambda one: f"postgresql://postgres@127.0.0.1:{port}{urlsplit(one).path}"
        finally:
            between.terminate()


def once(place: Path | LedgerUrl, base_url: str, case: Case, rows: int, database: int) -> Cost:
    """Deliver once."""
    start = RunStart(store=base_url, host="", tool_version="0", user="b", machine="b", input="bench.csv")
    with Ledger.open(place) as ledger:
        journal = ledger.start_run(start)
        began, own, theirs = time.perf_counter(), time.process_time(), processor_seconds(database)
        end = asyncio.run(
            deliver(
                works(rows),
                journal=journal,
                transports=make_transport_factory(Secret(KEY)),
                options=DeliveryOptions(base_url, lanes=case.lanes, baseline=False),
                clock=SystemClock(),
                stop=StopSwitch(),
                progress=lambda _progress: None,
            )
        )
        took, own = time.perf_counter() - began, time.process_time() - own
        theirs = processor_seconds(database) - theirs
        journal.finish()
    if end.ok != rows:
        raise SystemExit(f"{end.ok} of {rows} rows: {end.message}")
    return Cost(rows / took, own / rows * 1e6, theirs / rows * 1e6)


def measured(
    case: Case, rows: int, rounds: int, server: Server, away: Callable[[str], str]
) -> dict[str, Any]:
    """Let the ledgers take turns; gives the medians of each."""
    assert server.pid is not None
    found: dict[str, list[Cost]] = {FILE: [], HERE: [], FAR: []}
    with Running(latency=case.latency) as api:
        for _ in range(rounds):
            for where, costs in found.items():
                with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
                    home = Path(folder)
                    place: Path | LedgerUrl = home / "ledger.db"
                    if where != FILE:
                        url = server.of(server.make_database())
                        make_shared(LedgerUrl(url, home))
                        place = LedgerUrl(away(url) if where == FAR else url, home)
                    costs.append(once(place, api.base_url, case, rows, server.pid))
    return {
        where: {
            "rows_per_second": round(statistics.median(cost.rows_per_second for cost in costs)),
            "own": round(statistics.median(cost.own for cost in costs)),
            "database": round(statistics.median(cost.database for cost in costs)),
        }
        for where, costs in found.items()
    }


def render(found: dict[str, Any]) -> str:
    """Write the table of docs/team.md."""
    rows = []
    for case, costs in found["cases"].items():
        base = costs[FILE]
        for where, cost in costs.items():
            whole = (cost["own"] + cost["database"]) / base["own"]
            rows.append(
                [
                    case,
                    where,
                    f"{cost['rows_per_second']:,} ({cost['rows_per_second'] / base['rows_per_second']:.2f})",
                    f"{cost['own']} ({cost['own'] / base['own']:.2f})",
                    str(cost["database"]),
                    f"{whole:.2f}",
                ]
            )
    header = ["", "ledger in", "rows/s", "µs of CPU a row, this computer", "the database", "both"]
    where = found["machine"]
    told = (
        f"{found['rounds']} rounds of {found['rows']:,} rows on {where['processors']} processors,"
        f" {where['system']}, Python {where['python']}. In brackets and last: as parts of the ledger in a"
        " file."
    )
    return f"{told}\n\n{table(header, rows)}"


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results down."""
    asked = parser("shared_ledger", __doc__, rows=3000, rounds=3, publish=0).parse_args(arguments)
    with started() as server, far(server.url) as away:
        cases = {case.name: measured(case, asked.rows, asked.rounds, server, away) for case in CASES}
    found = {"machine": machine(), "rows": asked.rows, "rounds": asked.rounds, "cases": cases}
    print(render(found))
    keep(found, asked.out)
    if asked.publish:
        publish("cost", found)


if __name__ == "__main__":
    main()
