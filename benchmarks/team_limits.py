"""How much one database carries: what a row costs it, measured, and what that means for 200 workers.

    python -m benchmarks.team_limits [--rows 1500] [--publish 1]

Some processes at once, each at another store and with lanes as a worker has them, deliver rows without any
shop, as fast as the database takes them. From what the database did a row - processor time, transactions,
bytes - follows where its first limit lies with 200 workers at 50 stores and 10 million rows; that part is
calculated, and says so. Results go to `benchmarks/results/team_limits.json`; `--publish 1` puts them into
docs/team-figures.json and docs/team.md. It needs Linux (/proc) and the test group's PostgreSQL.
"""

from __future__ import annotations

import asyncio
import dataclasses
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import ledger as alone
from benchmarks.command import keep, parser
from benchmarks.shared_ledger import processor_seconds
from benchmarks.tables import table
from benchmarks.team_page import publish
from benchmarks.throughput import machine
from tests.support.postgres import Server, carried_out, started

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import Ledger, make_shared
from ordersheet.ledger.postgresql.ddl import RENEW_SECONDS

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

PROCESSES = (1, 4, 8)
WORKERS, STORES, ROWS = 200, 50, 10_000_000
SHOP = 10.0
"""Updates a second that a shop is taken to allow."""
PROCESSORS = 8
"""Of the database's computer, as it is taken to be."""
_TABLES = ("row", "operation", "attempt", "baseline", "claim")


def worker(url: LedgerUrl, store: int, rows: int, ready: Barrier) -> None:
    """Deliver rows at one store, once all are ready."""
    with Ledger.open(url) as ledger:
        journal = ledger.start_run(dataclasses.replace(alone.START, store=f"store {store}"))
        wanted = alone.works(rows)
        ready.wait()
        asyncio.run(alone.deliver(journal, wanted))
        ready.wait()
        journal.finish()


def _counted(url: LedgerUrl) -> tuple[int, int]:
    """Tell the transactions that were committed so far, and the bytes that were logged."""
    # What a session did is counted a little after it ended its transaction.
    carried_out(url, "SELECT pg_stat_clear_snapshot()")
    ((commits, logged),) = carried_out(
        url,
        "SELECT xact_commit, pg_current_wal_lsn() - '0/0' FROM pg_stat_database"
        " WHERE datname = current_database()",
    )
    return int(commits), int(logged)


def measured(server: Server, processes: int, rows: int) -> dict[str, float]:
    """Let so many processes deliver at once."""
    assert server.pid is not None
    with tempfile.TemporaryDirectory() as home:
        url = LedgerUrl(server.of(server.make_database()), Path(home))
        make_shared(url)
        context = multiprocessing.get_context("spawn")
        ready = context.Barrier(processes + 1)
        at_work = [context.Process(target=worker, args=(url, at, rows, ready)) for at in range(processes)]
        for one in at_work:
            one.start()
        ready.wait()
        cpu, began, before = processor_seconds(server.pid), time.perf_counter(), _counted(url)
        ready.wait()
        took, cpu, after = time.perf_counter() - began, processor_seconds(server.pid) - cpu, _counted(url)
        for one in at_work:
            one.join()
        sizes = " + ".join(f"pg_total_relation_size('ordersheet.{name}')" for name in _TABLES)
        ((size,),) = carried_out(url, f"SELECT {sizes}")
    number = processes * rows
    return {
        "processes": processes,
        "rows_per_second": round(number / took),
        "transactions_per_second": round((after[0] - before[0]) / took),
        "cpu_a_row": round(cpu / number * 1e6),
        "logged_a_row": round((after[1] - before[1]) / number),
        "bytes_a_row": round(int(size) / number),
    }


def extrapolated(found: list[dict[str, float]]) -> dict[str, float]:
    """Say what a database of `PROCESSORS` processors carries, by what the most processes measured cost it."""
    most = found[-1]
    carried = PROCESSORS / (most["cpu_a_row"] * 1e-6)
    wanted = STORES * SHOP
    share = most["rows_per_second"] / most["transactions_per_second"]
    return {
        "wanted_rows_per_second": wanted,
        "carried_rows_per_second": round(carried),
        "transactions_per_second": round(wanted / min(share, 4.0) + WORKERS / RENEW_SECONDS),
        "hours": round(ROWS / wanted / 3600, 1),
        "gigabytes": round(ROWS * most["bytes_a_row"] / 1e9, 1),
        "processors_used": round(wanted * most["cpu_a_row"] * 1e-6, 2),
    }


def render(found: dict[str, Any]) -> str:
    """Write what docs/team.md says of it."""
    rows = [
        [
            f"{one['processes']:.0f}",
            f"{one['rows_per_second']:,}",
            f"{one['transactions_per_second']:,}",
            f"{one['cpu_a_row']:,}",
            f"{one['logged_a_row']:,}",
            f"{one['bytes_a_row']:,}",
        ]
        for one in found["measured"]
    ]
    header = ["processes", "rows/s", "transactions/s", "µs of the database's CPU a row", "logged", "kept"]
    far, where = found["calculated"], found["machine"]
    measured_on = (
        f"Measured on {where['processors']} processors, which clients and database share: {found['rows']:,}"
        " rows a process, 8 lanes each, no shop; bytes logged and kept are those of a row."
    )
    wanted = (
        f"Calculated from the last line, not measured: {WORKERS} workers at {STORES} stores that each allow"
        f" {SHOP:.0f} updates a second want {far['wanted_rows_per_second']:,.0f} rows/s."
    )
    means = (
        f"That is about {far['transactions_per_second']:,} transactions a second and"
        f" {far['processors_used']} of the database's processors; {ROWS:,} rows take {far['hours']} hours and"
        f" {far['gigabytes']} GB."
    )
    first = (
        f"So the shops' limits come first. A database of {PROCESSORS} processors has none left at about"
        f" {far['carried_rows_per_second']:,} rows/s."
    )
    text = (measured_on, table(header, rows), wanted, means, first)
    return "\n\n".join(text)


def main(arguments: list[str] | None = None) -> None:
    """Measure, calculate, print, and write the results down."""
    asked = parser("team_limits", __doc__, rows=1500, most=8, publish=0).parse_args(arguments)
    with started() as server:
        found = [measured(server, number, asked.rows) for number in PROCESSES if number <= asked.most]
    told = {"machine": machine(), "rows": asked.rows, "measured": found, "calculated": extrapolated(found)}
    print(render(told))
    keep(told, asked.out)
    if asked.publish:
        publish("limits", told)


if __name__ == "__main__":
    main()
