"""What the ledger's commits cost a whole delivery: lanes, requests and a server included.

    python -m benchmarks.ledger_share [--rows 4000] [--rounds 5] [--lanes 8]

The same rows go to the same server at zero latency, in turn, with the ledger

- as it is: each commit synced to the disk before its request leaves;
- without commits: one transaction, open to the end;
- with each commit made 5 ms slower, as on a slow disk.

The shares are of the throughput without commits, round by round; the median counts. `benchmarks/ledger.py`
measures the ledger alone. Results go to `benchmarks/results/ledger_share.json`.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.command import KEY, RESULTS, keep, parser, text
from benchmarks.ledger import uncommitted
from benchmarks.server import Running
from benchmarks.throughput import machine

from ordersheet.core.model import Operation, OperationKind, OrderUpdate, OrderWork
from ordersheet.core.secret import Secret
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery import DeliveryOptions, SystemClock, deliver, make_transport_factory
from ordersheet.ledger import Ledger, RunStart
from ordersheet.ledger.engine import connect
from ordersheet.ledger.writer import BEFORE_COMMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.ledger.engine import Connect

SLOW = 0.005
"""Seconds by which a commit is made slower."""
CASES = ("as it is", "without commits", "5 ms slower")


def works(rows: int) -> Iterator[OrderWork]:
    """What a file of so many orders asks for."""
    for at in range(rows):
        operation = Operation("internalComment", OperationKind.APPEND, text(at))
        yield OrderWork(80_000 + at, (OrderUpdate(at + 2, 80_000 + at, (operation,)),))


def slowly(point: str) -> None:
    """Make each commit slower."""
    if point == BEFORE_COMMIT:
        time.sleep(SLOW)


def speed(case: str, base_url: str, rows: int, lanes: int, folder: Path) -> float:
    """Deliver once; give the rows a second."""
    start = RunStart(store=base_url, host="", tool_version="0", user="b", machine="b", input="bench.csv")
    opened: Connect = uncommitted if case == "without commits" else connect
    on_point = slowly if case == "5 ms slower" else None
    with Ledger.open(folder / "ledger.db", connect=opened, on_point=on_point) as ledger:
        journal = ledger.start_run(start)
        began = time.perf_counter()
        end = asyncio.run(
            deliver(
                works(rows),
                journal=journal,
                transports=make_transport_factory(Secret(KEY)),
                options=DeliveryOptions(base_url, lanes=lanes, baseline=False),
                clock=SystemClock(),
                stop=StopSwitch(),
                progress=lambda _progress: None,
            )
        )
        took = time.perf_counter() - began
        journal.finish()
    if end.ok != rows:
        raise SystemExit(f"{end.ok} of {rows} rows: {end.message}")
    return rows / took


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results down."""
    asked = parser("ledger_share", __doc__, rows=4000, rounds=5, lanes=8).parse_args(arguments)
    found: dict[str, list[float]] = {case: [] for case in CASES}
    with Running() as server:
        for _ in range(asked.rounds):
            for case in CASES:
                with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
                    found[case].append(speed(case, server.base_url, asked.rows, asked.lanes, Path(folder)))
    figures = {
        case: {
            "rows_per_second": round(statistics.median(speeds), 1),
            "share": round(
                statistics.median(
                    one / base for one, base in zip(speeds, found["without commits"], strict=True)
                ),
                3,
            ),
        }
        for case, speeds in found.items()
    }
    for case, one in figures.items():
        print(f"{case:16} {one['rows_per_second']:8,.0f} rows/s  {one['share']:5.2f} of that without commits")
    told = {"machine": machine(), "lanes": asked.lanes, "rounds": asked.rounds, "cases": figures}
    keep(told, asked.out)


if __name__ == "__main__":
    main()
