"""How much one database carries: 200 workers' statements, and where its limits lie.

    python -m benchmarks.team_limits [--rows 1500] [--seconds 40] [--publish 1]

Three measurements, all of the ledger's own statements:

- some processes at once, each at another store and with lanes as a worker has them, deliver rows without any
  shop, as fast as the database takes them;
- 200 ledgers with a lease and a writer each, four at each of 50 stores, deliver at the pace that such shops
  allow, for some seconds;
- real workers wait for work: what they ask meanwhile, and how many connections each of them has.

From these follows what 10 million rows mean; that part is calculated, and says so. Results go to
`benchmarks/results/team_limits.json`; `--publish 1` puts them into docs/team-figures.json and docs/team.md.
It needs Linux (/proc) and the test group's PostgreSQL.
"""

from __future__ import annotations

import asyncio
import dataclasses
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import ledger as alone
from benchmarks.command import ROOT, keep, parser
from benchmarks.shared_ledger import processor_seconds
from benchmarks.tables import table
from benchmarks.team_page import publish
from benchmarks.throughput import machine
from tests.support.postgres import Server, carried_out
from tests.support.postgres_cluster import cluster

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import Ledger, make_shared
from ordersheet.team.queue import make_tables

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Barrier

    from ordersheet.core.journal import Event
    from ordersheet.core.model import OrderWork
    from ordersheet.ledger import RunJournal

PROCESSES = (1, 4, 8)
WORKERS, STORES, ROWS = 200, 50, 10_000_000
_AT_A_STORE = WORKERS // STORES
SHOP = 10.0
"""Updates a second that a shop is taken to allow."""
PROCESSORS = 8
"""Of the database's computer, as it is taken to be."""
HANDS = 8
"""Processes that stand for the workers: each has many ledgers open."""
IDLE = 2
"""Real workers that wait."""
CONNECTIONS = 800
_ALL = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
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


async def _steadily(journal: RunJournal, wanted: list[OrderWork], first: float) -> float:
    """Deliver a row whenever one is due; gives the seconds by which the latest was late."""
    loop = asyncio.get_running_loop()
    due, latest = loop.time() + first, 0.0
    ended: tuple[Event, ...] = ()
    for book in await journal.take(wanted):
        assert book is not None
        await asyncio.sleep(due - loop.time())
        asks = tuple(decision.ask for decision in book.plan(book.order) if decision.outcome is None)
        await journal.write(*ended, alone.begin(book.order, asks))
        ended = alone.finish(journal.run, book.order)
        latest = max(latest, loop.time() - due)
        due += WORKERS / (STORES * SHOP)
    await journal.write(*ended)
    return latest


def hand(url: LedgerUrl, number: int, rows: int, ready: Barrier, late: Connection) -> None:
    """Be some of the workers."""
    with ExitStack() as stack:
        journals = []
        for worker in range(number, WORKERS, HANDS):
            ledger = stack.enter_context(Ledger.open(url))
            start = dataclasses.replace(alone.START, store=f"store {worker % STORES}")
            # Each its own orders of that store.
            wanted = alone.works(rows * _AT_A_STORE)[worker // STORES :: _AT_A_STORE]
            journals.append((ledger.start_run(start), wanted))
        ready.wait()

        async def all_of_them() -> list[float]:
            each = (_steadily(*one, at / len(journals)) for at, one in enumerate(journals))
            return await asyncio.gather(*each)

        late.send(max(asyncio.run(all_of_them())))
        ready.wait()


def together(server: Server, seconds: float) -> dict[str, float]:
    """Let 200 ledgers deliver at the pace of their shops."""
    assert server.pid is not None
    rows = round(seconds * STORES * SHOP / WORKERS)
    with tempfile.TemporaryDirectory() as home:
        url = LedgerUrl(server.of(server.make_database()), Path(home))
        make_shared(url)
        context = multiprocessing.get_context("spawn")
        ready, (told, late) = context.Barrier(HANDS + 1), context.Pipe(duplex=False)
        hands = [context.Process(target=hand, args=(url, at, rows, ready, late)) for at in range(HANDS)]
        for one in hands:
            one.start()
        ready.wait()
        cpu, began, before = processor_seconds(server.pid), time.perf_counter(), _counted(url)
        ((connections,),) = carried_out(url, _ALL)
        latest = max(told.recv() for _ in hands)
        took, cpu, after = time.perf_counter() - began, processor_seconds(server.pid) - cpu, _counted(url)
        ready.wait()
        for one in hands:
            one.join()
    return {
        "seconds": round(took),
        "rows_per_second": round(rows * WORKERS / took),
        "transactions_per_second": round((after[0] - before[0]) / took),
        "processors_used": round(cpu / took, 2),
        "connections": int(connections),
        "latest": round(latest, 1),
    }


def waiting(server: Server, seconds: float) -> dict[str, float]:
    """Let real workers wait for work."""
    assert server.pid is not None
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        url = LedgerUrl(server.of(server.make_database()), Path(home))
        make_shared(url)
        make_tables(url)
        env = {
            **os.environ, "ORDERSHEET_LEDGER": url.url, "ORDERSHEET_API_KEY": "none", "HOME": home,
            "ORDERSHEET_BASE_URL": "http://127.0.0.1:9/api",
        }  # fmt: skip
        for number in range(IDLE):
            signs = Path(home) / str(number)
            words = [sys.executable, "-m", "ordersheet", "worker", "--health", str(signs)]
            quiet = subprocess.DEVNULL
            one = stack.enter_context(subprocess.Popen(words, cwd=ROOT, env=env, stdout=quiet, stderr=quiet))
            stack.callback(one.terminate)
            while not signs.exists():
                assert one.poll() is None, "a worker did not begin"
                time.sleep(0.1)
        before, cpu, began = _counted(url), processor_seconds(server.pid), time.perf_counter()
        time.sleep(seconds)
        took, after = time.perf_counter() - began, _counted(url)
        cpu = processor_seconds(server.pid) - cpu
        ((connections,),) = carried_out(url, _ALL)
    return {
        "transactions_per_second": round((after[0] - before[0]) / took / IDLE, 1),
        "processors_used": round(cpu / took / IDLE, 4),
        "connections": round(int(connections) / IDLE, 1),
    }


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


def calculated(
    found: list[dict[str, float]], steady: dict[str, float], idle: dict[str, float]
) -> dict[str, float]:
    """Say what follows for `PROCESSORS` processors, 200 workers and 10 million rows."""
    most = found[-1]
    wanted = STORES * SHOP
    share = steady["rows_per_second"] / wanted
    used = steady["processors_used"] / share + WORKERS * idle["processors_used"]
    return {
        "wanted_rows_per_second": wanted,
        "transactions_per_second": round(
            steady["transactions_per_second"] / share + WORKERS * idle["transactions_per_second"]
        ),
        "processors_used": round(used, 2),
        "connections": round(steady["connections"] + WORKERS * idle["connections"]),
        "carried_rows_per_second": round(
            (PROCESSORS - WORKERS * idle["processors_used"]) / (most["cpu_a_row"] * 1e-6)
        ),
        "hours": round(ROWS / wanted / 3600, 1),
        "gigabytes": round(ROWS * most["bytes_a_row"] / 1e9, 1),
    }


def _table(found: dict[str, Any]) -> str:
    rows = [
        [
            f"{one['processes']:.0f}",
            *(f"{one[name]:,}" for name in ("rows_per_second", "transactions_per_second", "cpu_a_row")),
            *(f"{one[name]:,}" for name in ("logged_a_row", "bytes_a_row")),
        ]
        for one in found["measured"]
    ]
    header = ["processes", "rows/s", "transactions/s", "µs of the database's CPU a row", "logged", "kept"]
    return table(header, rows)


def render(found: dict[str, Any]) -> str:
    """Write what docs/team.md says of it."""
    steady, idle, far, where = found["together"], found["waiting"], found["calculated"], found["machine"]
    fast = (
        f"As fast as the database takes it, measured on {where['processors']} processors, which clients and"
        f" database share: {found['rows']:,} rows a process,\n8 lanes each, no shop; bytes logged and kept"
        " are those of a row."
    )
    wanted = (
        f"{WORKERS} workers at {STORES} stores that each allow {SHOP:.0f} updates a second want"
        f" {far['wanted_rows_per_second']:,.0f} rows/s. Measured with {WORKERS} ledgers, each with a lease,\n"
        f"a writer and a pace of its own, for {steady['seconds']:.0f} s: {steady['rows_per_second']:,} rows/s"
        f" in {steady['transactions_per_second']:,} transactions/s over {steady['connections']:,}"
        f" connections;\n{steady['processors_used']} of the database's processors; the latest row was"
        f" {steady['latest']} s late."
    )
    waits = (
        f"A worker that waits for work (measured with {IDLE}) makes {idle['transactions_per_second']}"
        f" transactions a second over {idle['connections']:.0f} connections, and takes"
        f"\n{1000 * idle['processors_used']:.1f} ms of the database's CPU a second."
    )
    together = (
        f"Calculated from these: {WORKERS} workers make about {far['transactions_per_second']:,} transactions"
        f" a second and use {far['processors_used']} processors; {ROWS:,} rows\ntake {far['hours']} hours and"
        f" {far['gigabytes']} GB."
    )
    first = (
        f"So the first limit is that of connections: about {far['connections']:,} for {WORKERS} workers,"
        " where PostgreSQL allows 100 unless `max_connections`\nsays more; PgBouncer in transaction mode"
        f" shares them out. Next come the shops' own limits. A database of {PROCESSORS} processors has none"
        f"\nleft at about {far['carried_rows_per_second']:,} rows/s, by the table's last line."
    )
    return "\n\n".join((fast, _table(found), wanted, waits, together, first))


def main(arguments: list[str] | None = None) -> None:
    """Measure, calculate, print, and write the results down."""
    asked = parser("team_limits", __doc__, rows=1500, most=8, seconds=40, publish=0).parse_args(arguments)
    with cluster() as one:
        one.make()
        one.start(max_connections=str(CONNECTIONS))
        server = Server(one.url, one.pid)
        idle = waiting(server, asked.seconds)
        steady = together(server, asked.seconds)
        found = [measured(server, number, asked.rows) for number in PROCESSES if number <= asked.most]
    told = {
        "machine": machine(), "rows": asked.rows, "measured": found, "together": steady, "waiting": idle,
        "calculated": calculated(found, steady, idle),
    }  # fmt: skip
    print(render(told))
    keep(told, asked.out)
    if asked.publish:
        publish("limits", told)


if __name__ == "__main__":
    main()
