"""How long a chunk waits whose worker was killed, with the defaults of lease and poll.

    python -m benchmarks.team_takeover [--times 3] [--publish 1]

At several shops at once, each with a ledger of its own: a worker is killed in mid-chunk while another one
waits for work. Measured are the seconds from the kill to the next row that the shop applies. `--publish 1`
puts them into docs/team-figures.json and docs/team.md. It needs the test group's PostgreSQL.
"""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.command import keep, parser
from benchmarks.team_page import publish
from benchmarks.throughput import machine
from tests.support.postgres import Server, started
from tests.support.team import home, team_desk, until, worker

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import make_shared
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store
from ordersheet.team.queue import make_tables

if TYPE_CHECKING:
    from ordersheet.sandbox.server import Running

FIRST, ORDERS = 84000, 200
BEFORE = 20
"""Rows that are applied before the worker is killed."""
DEFAULTS = ("--poll", "5")
_ONE_COMMAND = threading.Lock()


def applied(store: Store) -> int:
    """Count the orders that hold their text."""
    found = (store.get(order) for order in range(FIRST, FIRST + ORDERS))
    return sum(one is not None and "Called" in str(one.to_json()) for one in found)


def once(url: LedgerUrl, folder: Path, shop: Running, store: Store) -> float:
    """Kill a worker in mid-chunk; gives the seconds until another one has sent the next row."""
    desk = team_desk(home(folder, "desk"), shop, url.url)
    lines = "".join(f"{order},Called {order}\n" for order in range(FIRST, FIRST + ORDERS))
    desk.file("calls.csv", f"order,internalComment\n{lines}")
    with worker(desk, *DEFAULTS, name="first") as first:
        with _ONE_COMMAND:
            given = desk.run("submit", "calls.csv", "--yes", "--rate", "2")
        assert given.code == 0, given.err
        until(lambda: applied(store) >= BEFORE, "the first rows")
        with worker(desk, *DEFAULTS, name="second"):
            first.send(signal.SIGKILL)
            first.process.wait()
            killed, before = time.monotonic(), applied(store)
            until(lambda: applied(store) > before, "the next row")
            return time.monotonic() - killed


def new_ledger(server: Server) -> str:
    """Make a shared ledger; gives its URL."""
    url = LedgerUrl(server.of(server.make_database()), Path())
    make_shared(url)
    make_tables(url)
    return url.url


def one_shop(place: str) -> float:
    """Measure once, at a shop and with a ledger of its own."""
    store = Store(orders=range(FIRST, FIRST + ORDERS))
    with tempfile.TemporaryDirectory() as folder, running(store) as shop:
        url = LedgerUrl(place, Path(folder))
        try:
            return once(url, Path(folder), shop, store)
        finally:
            store.close()


def render(found: dict[str, Any]) -> str:
    """Write what docs/team.md says of it."""
    seconds = sorted(found["seconds"])
    told = ", ".join(f"{one:.0f}" for one in seconds)
    return (
        f"{len(seconds)} workers were killed in mid-chunk, with the defaults. Another worker sent the next"
        f" row of the chunk\nafter {told} seconds (longest: {seconds[-1]:.0f}; promised: 90)."
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results down."""
    asked = parser("team_takeover", __doc__, times=3, publish=0).parse_args(arguments)
    with started() as server, ThreadPoolExecutor(asked.times) as pool:
        # One after the other: the queue's library knows one database at a time.
        places = [new_ledger(server) for _ in range(asked.times)]
        seconds = list(pool.map(one_shop, places))
    told = {"machine": machine(), "seconds": [round(one, 1) for one in seconds]}
    print(render(told))
    keep(told, asked.out)
    if asked.publish:
        publish("takeover", told)


if __name__ == "__main__":
    main()
