"""Reading a CSV with every check, beside the csv module alone: time, and the most memory taken.

    python benchmarks/read_csv.py [ROWS]

`open` decodes and parses the whole file once, `rows` gives the cells of all eight columns, `check` is both,
as `ordersheet check` reads a file; most sheets send fewer columns than they have, which is the last line.
Each is the best of five; memory is measured in a process of its own.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ordersheet.loader import open_table

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = ["Order ID", "Internal comment", "Replace", "Carrier", "Date", "Amount", "Country", "Reference"]
TARGET = 6


def is_id(text: str) -> bool:
    return text == "Order ID"


def write(path: Path, rows: int) -> None:
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(COLUMNS)
        for number in range(rows):
            comment = f"Verspätet, neue Lieferung am {number % 28 + 1}. März; bitte prüfen"
            writer.writerow(
                [83651 + number, comment, "ja", "DHL", "2026-11-23", "1188,44", "DE", f"R-{number}"]
            )


def alone(path: Path) -> None:
    with path.open(encoding="cp1252", newline="") as file:
        for _ in csv.reader(file, delimiter=";"):
            pass


def opened(path: Path) -> None:
    open_table(path, is_id_header=is_id)


def checked(path: Path) -> None:
    for _ in open_table(path, is_id_header=is_id).rows():
        pass


def checked_in_part(path: Path) -> None:
    for _ in open_table(path, is_id_header=is_id).rows([0, 1, 2]):
        pass


def best(work: Callable[[Path], None], path: Path) -> float:
    times = []
    for _ in range(5):
        begin = time.process_time()
        work(path)
        times.append(time.process_time() - begin)
    return min(times)


def peak_megabytes(path: Path) -> float:
    program = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]); import read_csv, pathlib; "
        "read_csv.checked(pathlib.Path(sys.argv[2])); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", program, folder, str(path)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.csv"
        write(path, rows)
        reference = best(alone, path)
        print(f"{rows:,} rows x {len(COLUMNS)} columns, {path.stat().st_size / 1e6:.1f} MB, cp1252")
        print(f"csv.reader alone   {reference:7.3f} s")
        works = {"open": opened, "check (open, rows)": checked, "check, 3 columns": checked_in_part}
        for name, work in works.items():
            seconds = best(work, path)
            print(f"{name:18} {seconds:7.3f} s   {seconds / reference:4.1f} x")
        print(f"target             {TARGET} x")
        print(f"memory at its peak {peak_megabytes(path):6.0f} MB, the interpreter included")


if __name__ == "__main__":
    main()
