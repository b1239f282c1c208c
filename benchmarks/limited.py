"""A large workbook and a slow shop that lets few requests in: as a person meets it.

    python -m benchmarks.limited [--rows 100000] [--rate 20] [--latency 0.2] [--seconds 120]

The sandbox answers after `--latency` and pushes back what comes faster than `--rate`. After so many seconds
of sending comes a Ctrl-C, then the same file is sent again for as long, and interrupted again. Told are

- the processor time while sending, as a share of one processor;
- how much of the rate was used, and how many requests were pushed back;
- how long after Ctrl-C the command answers, and how long until its report is there;
- whether the second run went on where the first one had stopped, and whether any text stands twice.

Results go to `benchmarks/results/limited.json`. Needs a system with POSIX signals.
"""

from __future__ import annotations

import json
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.command import KEY, RESULTS, ended, keep, parser, send, start
from benchmarks.scale import cpu_so_far, workbook
from benchmarks.throughput import machine

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL = 0.02
_LONGEST = 120.0
_INTERRUPTED = 128 + signal.SIGINT


def until(true: Callable[[], bool], what: str) -> float:
    """Wait for something; give the seconds that it took."""
    began = time.perf_counter()
    while not true():
        if time.perf_counter() - began > _LONGEST:
            raise SystemExit(f"{what}: nothing within {_LONGEST:.0f} s")
        time.sleep(_POLL)
    return time.perf_counter() - began


def interrupted_run(command: list[str], store: Store, seconds: float, folder: Path) -> dict[str, Any]:
    """Send for so many seconds, then press Ctrl-C; tell what was seen."""
    before, began = len(store), time.perf_counter()
    process = start(command, folder)
    first = until(lambda: len(store) > before, "the first row")
    cpu, at = cpu_so_far(process), time.perf_counter()
    time.sleep(seconds)
    later, sent_for = cpu_so_far(process), time.perf_counter() - at
    process.send_signal(signal.SIGINT)
    output = folder / "output.txt"
    answered = until(lambda: "Ending:" in output.read_text(encoding="utf-8"), "an answer to Ctrl-C")
    pressed = time.perf_counter() - answered
    took = ended(process, began, folder)
    if took.code != _INTERRUPTED:
        raise SystemExit(f"ended with {took.code}:\n{took.output}")
    summary = json.loads(took.output.splitlines()[-1])
    return {
        "first_row_seconds": first,
        "sent_for_seconds": sent_for,
        "cpu_share": None if cpu is None or later is None else (later - cpu) / sent_for,
        "answer_seconds": answered,
        "report_seconds": time.perf_counter() - pressed,
        "peak_megabytes": took.peak,
        "outcomes": summary["outcomes"],
        "requests": summary["requests"],
    }


def trial(rows: int, rate: float, latency: float, seconds: float) -> dict[str, Any]:
    """Send twice, each time interrupted, and hold the second run against the first."""
    store = Store(orders=(), on_demand=True)
    config = SandboxConfig(key=KEY, rate=rate, latency=latency)
    with tempfile.TemporaryDirectory(dir=RESULTS) as name, running(store, config) as shop:
        folder = Path(name)
        book = workbook(folder, rows)
        runs = []
        for number in (1, 2):
            places = ["--ledger", str(folder / "ledger.db"), "--report", str(folder / f"{number}.xlsx")]
            command = send(book, shop.base_url, *places, "--json")
            runs.append(interrupted_run(command, store, seconds, folder))
    for run in runs:
        requests = run["requests"]
        taken = requests["put"] + requests["get"] - requests["pushed_back"]
        # The sandbox lets the requests of one second through at once, to begin with.
        run["rate_used"] = taken / (rate * (run["sent_for_seconds"] + 1.0))
    first, second = (run["outcomes"] for run in runs)
    return {
        "rows": rows,
        "rate": rate,
        "latency": latency,
        "runs": runs,
        "went_on": second.get("already applied") == first["applied"],
        "doubled": sum(order.applied > 1 for order in store),
        "lost": first["applied"] + second["applied"] - len(store),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results down."""
    asked = parser("limited", __doc__, rows=100_000, rate=20.0, latency=0.2, seconds=120.0).parse_args(
        arguments
    )
    found = {"machine": machine(), **trial(asked.rows, asked.rate, asked.latency, asked.seconds)}
    print(json.dumps(found, indent=1))
    keep(found, asked.out)


if __name__ == "__main__":
    main()
