"""How many requests a row costs with everything on, where orders lie densely and where they do not.

    python -m benchmarks.few_requests [--rows N] [--rate 20] [--latency 0.2] [--previewed N] [--exported N]

A shop whose orders hold comments of many lengths answers after `--latency` and lets `--rate` requests a
second in. A file names each of its orders, every fifth, or every hundredth, and is sent with baselines; once
more with a guard on each row. Then a preview and an export, at a shop without a limit. Told are the requests
a row, the seconds of the whole command, and the export's memory at its peak. Results go to
`benchmarks/results/few_requests.json`.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.command import KEY, RESULTS, Timed, check, keep, parser, send, text, timed

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

FIRST = 80_000
COMMENTS = (
    "",
    "Called, no answer.",
    "Customer wants it on Friday.\nMoved to Friday.",
    "Paid twice, " * 20,
    "one\ntwo\nthree\nfour",
)


def comment(order: int) -> str:
    """Give what an order holds before; half of them are empty."""
    return COMMENTS[order * 7919 % 11 % len(COMMENTS)] if order % 2 else ""


def shop(orders: range) -> Store:
    """Make a shop with these orders."""
    store = Store(orders=orders)
    for order in store:
        order.internal_comment = comment(order.id)
    return store


def sheet(folder: Path, orders: range, *, guarded: bool = False) -> Path:
    """Write a file with one row for each of these orders."""
    path = folder / "orders.csv"
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(["order", "internalComment", *(["expect:internalComment"] * guarded)])
        writer.writerows([order, text(at), *([comment(order)] * guarded)] for at, order in enumerate(orders))
    return path


def _told(done: Timed, *codes: int) -> dict[str, Any]:
    if done.code not in codes:
        raise SystemExit(f"ended with {done.code}:\n{done.output}")
    told: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    return told


def sent(name: str, step: int, rows: int, config: SandboxConfig, *, guarded: bool = False) -> dict[str, Any]:
    """Send a file to every so manieth order of a shop."""
    orders = range(FIRST, FIRST + rows * step, step)
    with (
        tempfile.TemporaryDirectory(dir=RESULTS) as place,
        running(shop(range(FIRST, FIRST + rows * step + 100)), config) as sandbox,
    ):
        folder = Path(place)
        options = ["--ledger", str(folder / "ledger.db"), "--report", str(folder / "report.csv"), "--json"]
        file = sheet(folder, orders, guarded=guarded)
        done = timed(send(file, sandbox.base_url, *options), folder)
    told = _told(done, 0, 1)
    requests = told["requests"]
    return {
        "name": name,
        "rows": rows,
        "seconds": done.seconds,
        "requests": requests,
        "requests_a_row": (requests["put"] + requests["get"] - requests["pushed_back"]) / rows,
        "outcomes": told["outcomes"],
    }


def previewed(rows: int) -> dict[str, Any]:
    """Preview a file whose orders follow one another."""
    with (
        tempfile.TemporaryDirectory(dir=RESULTS) as place,
        running(shop(range(FIRST, FIRST + rows)), SandboxConfig(key=KEY)) as sandbox,
    ):
        folder = Path(place)
        file = sheet(folder, range(FIRST, FIRST + rows))
        done = timed(check(file, sandbox.base_url, "--online", "--json"), folder)
        told = _told(done, 0, 1)
    return {"rows": rows, "seconds": done.seconds, "requests": told["requests"]["get"]}


MEASURED = """
import subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
try:
    import resource
except ImportError:
    print("null")
else:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10))
sys.exit(code)
"""
"""Runs a command and says its memory at the peak, in megabytes. A small process of its own between: a child's
peak counts what its parent held when it was started, and here the parent holds the shop."""


def exported(orders: int) -> dict[str, Any]:
    """Export a whole shop."""
    store = Store(orders=range(FIRST, FIRST + orders))
    with tempfile.TemporaryDirectory(dir=RESULTS) as place, running(store, SandboxConfig(key=KEY)) as sandbox:
        folder = Path(place)
        out = folder / "out.csv"
        command = [sys.executable, "-m", "ordersheet", "export", str(out), "--base-url", sandbox.base_url]
        done = timed([sys.executable, "-c", MEASURED, *command, "--no-progress"], folder)
        if done.code:
            raise SystemExit(f"ended with {done.code}:\n{done.output}")
        with out.open(encoding="utf-8") as lines:
            rows = sum(1 for _ in lines) - 1
    peak = json.loads(done.output.splitlines()[-1])
    return {"orders": orders, "rows": rows, "seconds": done.seconds, "peak_megabytes": peak}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results down."""
    asked = parser(
        "few_requests", __doc__, rows=600, rate=20.0, latency=0.2, previewed=10_000, exported=1_000_000
    ).parse_args(arguments)
    config = SandboxConfig(key=KEY, rate=asked.rate, latency=asked.latency)
    runs = [
        sent("each order", 1, asked.rows, config),
        sent("each order, guarded", 1, asked.rows, config, guarded=True),
        sent("every fifth order", 5, asked.rows, config),
        sent("every hundredth order", 100, asked.rows, config),
    ]
    found = {"runs": runs, "preview": previewed(asked.previewed), "export": exported(asked.exported)}
    print(json.dumps(found, indent=1))
    keep(found, asked.out)


if __name__ == "__main__":
    main()
