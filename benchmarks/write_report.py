"""What giving a workbook back costs, beside openpyxl's load and save of the same file.

    python benchmarks/write_report.py [ROWS] [--skip-openpyxl]

Each way runs in a process of its own; seconds are of processor time, memory is that process's peak.
openpyxl writes no statuses here, so the comparison favours it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.core.model import RowResult

HEADERS = ("Order ID", "Internal comment", "Comment", "Customer", "Amount", "Country", "Carrier", "attr:ref")


def make(path: Path, rows: int, _target: Path) -> None:
    """Write a workbook of 8 columns as Excel would: shared strings, numbers, a frozen header."""
    import xlsxwriter

    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("Orders")
    sheet.write_row(0, 0, HEADERS)
    for n in range(1, rows + 1):
        texts = (f"Delayed until week {n % 52}", "", f"Customer {n % 999}")
        sheet.write_row(n, 0, (80_000 + n, *texts, n / 8, "SE", "DHL", f"R-{n}"))
    sheet.freeze_panes(1, 0)
    book.close()


def results(rows: int) -> Iterator[RowResult]:
    """Give a result for each row, one in ten bad."""
    from ordersheet.core.model import Outcome, RowResult

    now = datetime.now(UTC)
    for n in range(1, rows + 1):
        outcome = Outcome.REFUSED if n % 10 == 0 else Outcome.APPLIED
        yield RowResult(n + 1, str(80_000 + n), outcome, f"The API said ok to order {80_000 + n}.", now)


def splice(path: Path, rows: int, target: Path) -> None:
    """Give the file back as ordersheet does."""
    from ordersheet.core.model import TableFacts
    from ordersheet.reporter import write_report

    write_report(path, TableFacts("xlsx", "Orders", 1), results(rows), target)


def load_and_save(path: Path, _rows: int, target: Path) -> None:
    """Give the file back as openpyxl does, without adding anything."""
    import openpyxl

    openpyxl.load_workbook(path).save(target)


WAYS = {"make": make, "splice": splice, "openpyxl": load_and_save}


def measure(way: str, path: Path, rows: int, target: Path) -> None:
    """Run one way in this process and print its seconds of processor time and peak memory in MB."""
    import resource

    begun = time.process_time()
    WAYS[way](path, rows, target)
    seconds = time.process_time() - begun
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    print(f"{seconds:.2f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=100_000)
    parser.add_argument("--skip-openpyxl", action="store_true")
    parser.add_argument("--measure", nargs=3, metavar=("WAY", "FILE", "TARGET"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.measure[0], Path(given.measure[1]), given.rows, Path(given.measure[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.xlsx"
        # The file too is made in a child: a child's peak counts from what its parent held.
        for way in WAYS:
            if way == "openpyxl" and given.skip_openpyxl:
                continue
            call = [sys.executable, __file__, str(given.rows), "--measure", way, str(path)]
            done = subprocess.run([*call, f"{folder}/{way}.xlsx"], check=True, capture_output=True, text=True)
            seconds, megabytes = done.stdout.split()
            print(f"{way:10} {seconds:>8} s {megabytes:>6} MB")
        print(f"{given.rows:,} rows x {len(HEADERS)} columns, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
