"""What grows with the file: memory, processor time, the wait for the first request, and what follows a run.

    python -m benchmarks.scale [--rows 100000] [--large 0] [--small 10000]

With a server that answers at once:

- a CSV of `--rows`: when the first request arrives after the start, the whole file checked before it;
- the same file sent again when it is done: no update, no read;
- the report written again from the ledger, as CSV and as .xlsx;
- an .xlsx of as many rows: when the first request arrives;
- with `--large`, a CSV of so many rows beside one of `--small`, checked and sent: memory at its peak,
  processor time a row.

Results go to `benchmarks/results/scale.json`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.command import RESULTS, Timed, check, ended, keep, orders, parser, send, start, text, timed
from benchmarks.server import Running
from benchmarks.throughput import machine
from openpyxl import Workbook

if TYPE_CHECKING:
    import subprocess

_POLL = 0.05
_LONGEST = 300.0


def workbook(folder: Path, rows: int) -> Path:
    """Write the same orders as a workbook."""
    path = folder / f"orders-{rows}.xlsx"
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Orders")
    sheet.append(["order", "internalComment"])
    for at in range(rows):
        sheet.append([80_000 + at, text(at)])
    book.save(path)
    return path


class First(NamedTuple):
    """The first request of a command."""

    seconds: float
    """From the command's start until it arrived."""
    cpu: float | None
    """Processor seconds by then."""
    took: Timed
    """The whole command."""


def first_request(command: list[str], server: Running, folder: Path, *, stop: bool) -> First:
    """Run a command, and see when its first request arrives.

    Args:
        command: what to run.
        server: where it sends.
        folder: where it runs.
        stop: end it, as Ctrl-C does, as soon as the first request has arrived.
    """
    server.reset()
    wall, began = time.time(), time.perf_counter()
    process = start(command, folder)
    while server.stats()["first"] is None and time.perf_counter() - began < _LONGEST:
        time.sleep(_POLL)
    cpu = cpu_so_far(process)
    if stop:
        process.send_signal(signal.SIGINT)
    took = ended(process, began, folder)
    first = server.stats()["first"]
    if first is None:
        raise SystemExit(f"nothing arrived:\n{took.output}")
    return First(first - wall, cpu, took)


def checked(took: Timed, code: int = 0) -> Timed:
    """See that a command ended as it should."""
    if took.code != code:
        raise SystemExit(f"ended with {took.code}:\n{took.output}")
    return took


def report(ledger: Path, target: Path, folder: Path) -> Timed:
    """Write the last run's report again."""
    command = [sys.executable, "-m", "ordersheet", "report", "last", "--report", str(target)]
    return checked(timed([*command, "--ledger", str(ledger)], folder))


def cpu_so_far(process: subprocess.Popen[str]) -> float | None:
    """Processor seconds of a process up to now; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def around_a_run(rows: int) -> dict[str, Any]:
    """Measure what comes before and after a run of so many rows."""
    found: dict[str, Any] = {"rows": rows}
    with tempfile.TemporaryDirectory(dir=RESULTS) as name, Running() as server:
        folder, ledger = Path(name), Path(name) / "ledger.db"
        file, book = orders(folder, rows), workbook(folder, rows)
        places = ["--ledger", str(ledger), "--no-baseline", "--report"]
        csv = send(file, server.base_url, *places, str(folder / "1.csv"))
        first = first_request(csv, server, folder, stop=False)
        checked(first.took)
        found["csv_first_request"] = {"seconds": first.seconds, "cpu": first.cpu}
        found["csv_run"] = told(first.took)
        server.reset()
        again = checked(timed(send(file, server.base_url, *places, str(folder / "2.csv")), folder))
        stats = server.stats()
        found["csv_again"] = told(again)
        found["csv_again_requests"] = stats["put"] + stats["get"]
        found["csv_report"] = told(report(ledger, folder / "3.csv", folder))
        again = checked(timed(send(book, server.base_url, *places, str(folder / "4.xlsx")), folder))
        found["xlsx_again"] = told(again)
        found["xlsx_report"] = told(report(ledger, folder / "5.xlsx", folder))
        other = ["--ledger", str(folder / "other.db"), "--no-baseline", "--report", str(folder / "6.xlsx")]
        first = first_request(send(book, server.base_url, *other), server, folder, stop=True)
        found["xlsx_first_request"] = {"seconds": first.seconds, "cpu": first.cpu}
    return found


def told(one: Timed) -> dict[str, float | None]:
    """Tell what a command took."""
    return {"seconds": one.seconds, "cpu": one.cpu, "peak_megabytes": one.peak}


def growth(rows: int) -> dict[str, Any]:
    """Check and send so many rows; give memory and processor time."""
    with tempfile.TemporaryDirectory(dir=RESULTS) as name, Running() as server:
        folder = Path(name)
        file, ledger = orders(folder, rows), folder / "ledger.db"
        seen = checked(timed(check(file, server.base_url, "--ledger", str(ledger)), folder))
        places = ["--ledger", str(ledger), "--no-baseline", "--report", str(folder / "1.csv")]
        took = checked(timed(send(file, server.base_url, *places), folder))
    return {
        "rows": rows,
        "rows_per_second": rows / took.seconds,
        "peak_megabytes": took.peak,
        "cpu_microseconds_per_row": _each(took.cpu, rows),
        "check_peak_megabytes": seen.peak,
        "check_cpu_microseconds_per_row": _each(seen.cpu, rows),
    }


def _each(cpu: float | None, rows: int) -> float | None:
    return None if cpu is None else cpu / rows * 1e6


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results down."""
    asked = parser("scale", __doc__, rows=100_000, large=0, small=10_000).parse_args(arguments)
    known = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out.exists() else {}
    known["machine"] = machine()
    if asked.rows:
        known["around_a_run"] = around_a_run(asked.rows)
    if asked.large:
        known["growth"] = [growth(asked.small), growth(asked.large)]
    print(json.dumps(known, indent=1))
    keep(known, asked.out)


if __name__ == "__main__":
    main()
