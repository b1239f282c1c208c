"""Rows a second of ordersheet and of what people use instead, against the same server, in turn.

    python -m benchmarks.throughput [--rows 4000] [--rounds 5] [--only NAME]

Each command is timed whole: its start, the reading of the CSV, the sending, and the file of results. The
commands take turns, round after round, so that what else the machine does falls on all of them; the figures
are medians, with the slowest and the fastest round. First a load generator shows that the server is far from
its limit. A command that is not installed is left out, with a line that says so. Results go to
`benchmarks/results/throughput.json`.

Only ordersheet keeps a ledger: the others add every text twice when they are run twice.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.command import RESULTS, Timed, keep, orders, parser, send, timed
from benchmarks.load import load
from benchmarks.server import Running

if TYPE_CHECKING:
    from collections.abc import Callable

PEERS = Path(__file__).parent / "peers"
PROBE_REQUESTS = 20_000
SLOW_ROWS = 400
"""Rows for those who send one request after the other: more would only take longer."""


@dataclass(frozen=True)
class Contestant:
    """One command."""

    name: str
    command: Callable[[Path, str, Path], list[str]]
    """Of the file, the server's address and an empty folder."""
    lanes: int | str
    needs: str | None = None
    """The module, or the program, without which it cannot run."""
    ledger: bool = False
    requests: int = 1
    """Of each row."""
    serial: bool = False


def ordersheet(name: str, lanes: int | str, *options: str, requests: int = 1) -> Contestant:
    """One way to run ordersheet; each time with a new ledger."""

    def command(file: Path, base_url: str, folder: Path) -> list[str]:
        places = ["--ledger", str(folder / "ledger.db"), "--report", str(folder / "report.csv")]
        return send(file, base_url, "--concurrency", str(lanes), *places, *options)

    return Contestant(f"ordersheet, {name}", command, lanes, ledger=True, requests=requests)


def script(name: str, file: str, lanes: int, needs: str, *, serial: bool = False) -> Contestant:
    """One of the scripts in `peers`."""

    def command(rows: Path, base_url: str, folder: Path) -> list[str]:
        return [sys.executable, str(PEERS / file), str(rows), base_url, str(lanes), str(folder / "out.csv")]

    return Contestant(name, command, lanes, needs, serial=serial)


def _newman(rows: Path, base_url: str, _folder: Path) -> list[str]:
    given = ["--iteration-data", str(rows), "--env-var", f"base_url={base_url}", "--reporters", "json"]
    program = newman()
    assert program is not None
    return [program, "run", str(PEERS / "newman.json"), *given]


def newman() -> str | None:
    """Find newman: installed for all, or beside the results (`make bench` puts it there)."""
    return shutil.which("newman") or shutil.which("newman", path=RESULTS / "node_modules" / ".bin")


NEWMAN = Contestant("newman with a data file", _newman, 1, "newman", serial=True)
SCENARIOS: dict[str, tuple[float, list[Contestant]]] = {
    "no latency": (
        0.0,
        [
            ordersheet("8 lanes, no baseline", 8, "--no-baseline"),
            ordersheet("auto, no baseline", "auto", "--no-baseline"),
            ordersheet("auto, with baseline", "auto", requests=2),
            script("pandas + requests, one by one", "pandas_requests.py", 1, "requests"),
            script("asyncio + shared httpx client", "httpx_shared.py", 50, "httpx"),
            script("asyncio + one httpx client per lane", "httpx_per_lane.py", 50, "httpx"),
            script("asyncio + one httpx client per lane", "httpx_per_lane.py", 8, "httpx"),
            script("asyncio + aiohttp", "aiohttp_session.py", 50, "aiohttp"),
            NEWMAN,
        ],
    ),
    "50 ms latency": (
        0.05,
        [
            ordersheet("50 lanes, no baseline", 50, "--no-baseline"),
            ordersheet("auto, no baseline", "auto", "--no-baseline"),
            ordersheet("50 lanes, with baseline", 50, requests=2),
            script("pandas + requests, one by one", "pandas_requests.py", 1, "requests", serial=True),
            script("asyncio + shared httpx client", "httpx_shared.py", 50, "httpx"),
            script("asyncio + one httpx client per lane", "httpx_per_lane.py", 50, "httpx"),
            script("asyncio + aiohttp", "aiohttp_session.py", 50, "aiohttp"),
            NEWMAN,
        ],
    ),
}


def missing(one: Contestant) -> bool:
    """Tell whether a contestant cannot run here, and say so."""
    there = one.needs is None or (
        newman() is not None if one is NEWMAN else importlib.util.find_spec(one.needs) is not None
    )
    if not there:
        print(f"  {one.name}: left out, {one.needs} is not installed")
    return not there


def once(one: Contestant, server: Running, file: Path, rows: int) -> Timed:
    """Run one command once, and see that the server has had every row."""
    server.reset()
    with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
        found = timed(one.command(file, server.base_url, Path(folder)), Path(folder))
    stats = server.stats()
    if found.code or stats["put"] != rows:
        raise SystemExit(f"{one.name} failed ({found.code}, {stats['put']} rows):\n{found.output}")
    return found


def contest(latency: float, contestants: list[Contestant], rows: int, rounds: int) -> dict[str, Any]:
    """Let all take turns; give the figures of each."""
    usable = [one for one in contestants if not missing(one)]
    runs: dict[int, list[Timed]] = {at: [] for at in range(len(usable))}
    with tempfile.TemporaryDirectory() as folder, Running(latency=latency) as server:
        speed = asyncio.run(load(server.base_url, PROBE_REQUESTS if not latency else 2000, 50))
        print(f"  the server answers a load generator {speed:,.0f} requests/s over 50 connections")
        many, few = orders(Path(folder), rows), orders(Path(folder), min(rows, SLOW_ROWS))
        for _ in range(rounds):
            for at, one in enumerate(usable):
                own = few if one.serial else many
                runs[at].append(once(one, server, own, min(rows, SLOW_ROWS) if one.serial else rows))
    figures = []
    for at, one in enumerate(usable):
        count = min(rows, SLOW_ROWS) if one.serial else rows
        figures.append(figure(one, runs[at], count))
        print(line(figures[-1]))
    return {"latency": latency, "server_requests_per_second": speed, "contestants": figures}


def figure(one: Contestant, runs: list[Timed], rows: int) -> dict[str, Any]:
    """Sum a contestant's rounds up."""
    speeds = [rows / run.seconds for run in runs]
    cpus = [run.cpu for run in runs if run.cpu is not None]
    return {
        "name": one.name,
        "lanes": one.lanes,
        "ledger": one.ledger,
        "requests_per_row": one.requests,
        "rows": rows,
        "rows_per_second": round(statistics.median(speeds), 1),
        "slowest": round(min(speeds), 1),
        "fastest": round(max(speeds), 1),
        "cpu_seconds": round(statistics.median(cpus), 2) if cpus else None,
        "seconds": [round(run.seconds, 3) for run in runs],
    }


def line(one: dict[str, Any]) -> str:
    """Show a contestant's figures."""
    spread = f"({one['slowest']:,.0f} - {one['fastest']:,.0f})"
    cpu = "" if one["cpu_seconds"] is None else f"  {one['cpu_seconds']:6.2f} s CPU"
    ledger = "ledger" if one["ledger"] else "no ledger"
    return (
        f"  {one['name']:36} {one['lanes']!s:>5} lanes {one['rows']:6,} rows"
        f" {one['rows_per_second']:8,.0f} rows/s {spread:18}{cpu}  {ledger}"
    )


def machine() -> dict[str, Any]:
    """Say what the figures were measured on."""
    return {
        "processors": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load": [round(one, 1) for one in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def install_newman() -> None:
    """Put newman beside the results where npm is there and has it."""
    npm = shutil.which("npm")
    if newman() is None and npm is not None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(RESULTS), "newman"]
        subprocess.run(command, check=False, capture_output=True)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results down."""
    options = parser("throughput", __doc__, rows=4000, rounds=5)
    options.add_argument("--only", choices=sorted(SCENARIOS))
    options.add_argument("--install-newman", action="store_true", help="with npm, beside the results")
    asked = options.parse_args(arguments)
    if asked.install_newman:
        install_newman()
    found: dict[str, Any] = {"machine": machine(), "rounds": asked.rounds, "scenarios": {}}
    for name, (latency, contestants) in SCENARIOS.items():
        if asked.only in (None, name):
            print(f"{name}, {asked.rows:,} rows, {asked.rounds} rounds")
            found["scenarios"][name] = contest(latency, contestants, asked.rows, asked.rounds)
    keep(found, asked.out)
    print(f"written to {asked.out}")


if __name__ == "__main__":
    main()
