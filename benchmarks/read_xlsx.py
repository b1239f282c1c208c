"""Read a big workbook with ordersheet and with openpyxl, each in a process of its own.

    python benchmarks/read_xlsx.py [ROWS]

Prints seconds of processor time, the peak of memory, and the ratio of the times. ordersheet opens the
workbook and renders every cell of every row; openpyxl, in its read-only mode, gives every cell's value.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEADERS = ("Order ID", "Internal comment", "Comment", "Carrier", "Amount", "Due", "Zip", "Paid")


def make(path: Path, rows: int) -> None:
    import xlsxwriter

    draw = random.Random(1)
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("Orders")
    formats = {
        4: book.add_format({"num_format": "#,##0.00"}),
        5: book.add_format({"num_format": "dd.mm.yyyy"}),
        6: book.add_format({"num_format": "00000"}),
    }
    sheet.write_row(0, 0, HEADERS)
    for row in range(1, rows + 1):
        cells = (
            80_000 + row,
            f"Parcel {row} checked, see note {draw.randrange(10**6)}",
            f"Comment {draw.randrange(5000)}",
            draw.choice(("DHL", "UPS", "GLS")),
            round(draw.random() * 1000, 2),
            45_000 + draw.randrange(900),
            draw.randrange(99_999),
            draw.random() < 0.5,
        )
        for column, cell in enumerate(cells):
            sheet.write(row, column, cell, formats.get(column))
    book.close()


def read_with_ordersheet(path: Path) -> int:
    from ordersheet.loader.xlsx.workbook import open_workbook

    table = open_workbook(path, is_id_header=lambda text: text == HEADERS[0])
    return sum(len(row.cells) for row in table.rows())


def read_with_openpyxl(path: Path) -> int:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True)
    count = -len(HEADERS)
    for row in book.worksheets[0].iter_rows():
        for cell in row:
            count += cell.value is not None
    return count


READERS = {"ordersheet": read_with_ordersheet, "openpyxl": read_with_openpyxl}


def peak_megabytes() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measure(name: str, path: Path) -> None:
    begin = time.process_time()
    cells = READERS[name](path)
    print(json.dumps({"cells": cells, "seconds": time.process_time() - begin, "megabytes": peak_megabytes()}))


def main() -> None:
    if len(sys.argv) == 3:
        name, path = sys.argv[1], Path(sys.argv[2])
        if name.isdigit():
            make(path, int(name))
        else:
            measure(name, path)
        return
    rows = int(sys.argv[1]) if len(sys.argv) == 2 else 100_000
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.xlsx"
        # In a process of its own, since a child begins with its parent's peak of memory.
        subprocess.run([sys.executable, __file__, str(rows), str(path)], check=True)
        print(f"{rows:,} rows x {len(HEADERS)} columns, {path.stat().st_size / 2**20:.1f} MB")
        for name in READERS:
            answer = subprocess.run(
                [sys.executable, __file__, name, str(path)], check=True, capture_output=True, text=True
            )
            found[name] = json.loads(answer.stdout)
            print(name, found[name])
    print(f"time ratio {found['ordersheet']['seconds'] / found['openpyxl']['seconds']:.2f}")


if __name__ == "__main__":
    main()
