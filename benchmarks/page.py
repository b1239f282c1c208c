"""What the page costs: `python -m benchmarks.page [--rows N] [--csv-rows N] [--seconds S] [--out FILE]`.

A workbook and a CSV are brought into a page of their own. Told are the seconds from the drop to the first
rows, the slowest page of rows while the rest is read and afterwards, the largest page, and the server's
memory; then what a live page of a run adds to the server's processor time. It reads
`/proc`, so it is Linux's. Results go to `benchmarks/results/page.json`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import openpyxl
from benchmarks.command import keep, parser

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST_ROW = re.compile(r'<tr id="row-\d+"')
_WORDS = "Customer called again about order {}: wants delivery after 17:00, address confirmed."


class Page(NamedTuple):
    """A running page, and somebody who has it open."""

    client: httpx.Client
    pid: int


class Figures(NamedTuple):
    """What one file cost."""

    first_rows: float
    """Seconds from the drop to the first rows."""
    counted: float
    """Seconds until all rows are counted."""
    slowest_page: float
    """Seconds."""
    slowest_page_meanwhile: float
    """The same while the file is read and counted."""
    largest_page: int
    """Bytes."""
    memory: float
    """MB at most."""


@contextlib.contextmanager
def page_at(folder: Path, **environ: str) -> Iterator[Page]:
    """Run the page in a folder of its own."""
    command = [
        sys.executable,
        "-m",
        "ordersheet",
        "web",
        "--no-browser",
        "--ledger",
        str(folder / "ledger.db"),
    ]
    own = {name: value for name, value in os.environ.items() if not name.startswith("ORDERSHEET_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**own, **environ}) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        root = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        with httpx.Client(base_url=root, headers={"Origin": root}, timeout=600) as client:
            client.get(address, follow_redirects=True)
            try:
                yield Page(client, server.pid)
            finally:
                server.terminate()


def workbook(path: Path, rows: int) -> None:
    """Write a workbook of nine columns."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Calls")
    sheet.append(
        ["Order ID", "Customer", "Internal comment", "attr:erp_reference", *(f"c{n}" for n in range(5))]
    )
    for number in range(rows):
        text = _WORDS.format(83600 + number)
        sheet.append([83600 + number, f"Customer {number}", text, f"{number:08}", 1, 2.5, "x", "", number])
    book.save(path)


def csv(path: Path, rows: int) -> None:
    """Write a CSV of three columns."""
    with path.open("w", encoding="utf-8") as out:
        out.write("Order ID;Customer;Internal comment\n")
        for number in range(rows):
            out.write(f"{83600 + number};Customer {number};{_WORDS.format(83600 + number)}\n")


def bring(page: Page, path: Path) -> Figures:
    """Bring a file in, and look at it until all is counted."""
    began = time.perf_counter()
    with path.open("rb") as file:
        address = page.client.post("/files", files={"file": (path.name, file)}).headers["location"]
    first = counted = meanwhile = 0.0
    largest, text = 0, ""
    while not counted:
        asked = time.perf_counter()
        text = page.client.get(address).text
        now = time.perf_counter()
        largest = max(largest, len(text.encode()))
        meanwhile = max(meanwhile, now - asked)
        if not first and _FIRST_ROW.search(text):
            first = now - began
        if "rows to send" in text and "Reading" not in text and "Counting what" not in text:
            counted = now - began
        time.sleep(0.1)
    slowest = 0.0
    last = int(re.search(r"Page 1 of ([\d,]+)", text)[1].replace(",", ""))  # type: ignore[index]
    for number in (1, 2, last // 2, last - 1, last):
        asked = time.perf_counter()
        text = page.client.get(f"{address}?page={number}").text
        slowest = max(slowest, time.perf_counter() - asked)
        largest = max(largest, len(text.encode()))
        assert _FIRST_ROW.search(text)
    return Figures(first, counted, slowest, meanwhile, largest, _memory(page.pid))


def live_share(folder: Path, seconds: float) -> tuple[float, float]:
    """Give the share of a processor of a run that waits for its shop: unwatched, and with a live page."""
    config = SandboxConfig(latency=2 * seconds + 10)
    with running(Store(folder / "store.db"), config) as sandbox:
        told = {"ORDERSHEET_BASE_URL": sandbox.base_url, "ORDERSHEET_API_KEY": sandbox.key}
        with page_at(folder, **told, ORDERSHEET_TIMEOUT="600", ORDERSHEET_GRACE="1") as page:
            client = page.client
            sheet = folder / "few.csv"
            csv(sheet, 50)
            with sheet.open("rb") as file:
                address = client.post("/files", files={"file": (sheet.name, file)}).headers["location"]
            form = None
            while form is None:
                time.sleep(0.2)
                text = client.get(f"{address}/send").text
                form = re.search(r'name="once" value="(\w+)"', text) if "Send</button>" in text else None
            run = client.post(f"{address}/send", data={"once": form[1]}).headers["location"]
            time.sleep(3)
            alone = _share(page.pid, seconds)
            with client.stream("GET", f"{run}/events"):
                watched = _share(page.pid, seconds)
            client.post(f"{run}/stop", data={"seen": "0"})
            client.post(f"{run}/stop", data={"seen": "1"})
    return alone, watched


def _share(pid: int, seconds: float) -> float:
    before = _used(pid)
    time.sleep(seconds)
    return (_used(pid) - before) / seconds


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results down."""
    options = parser("page", __doc__, rows=100_000, seconds=20.0)
    options.add_argument("--csv-rows", type=int, default=1_000_000)
    asked = options.parse_args(arguments)
    files: dict[str, Any] = {}
    for name, make, rows in (("workbook", workbook, asked.rows), ("CSV", csv, asked.csv_rows)):
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / ("big.xlsx" if name == "workbook" else "big.csv")
            make(path, rows)
            with page_at(
                Path(place), ORDERSHEET_BASE_URL="http://127.0.0.1:1", ORDERSHEET_API_KEY="x"
            ) as page:
                files[f"{name}, {rows:,} rows"] = bring(page, path)._asdict()
    with tempfile.TemporaryDirectory() as place:
        alone, watched = live_share(Path(place), asked.seconds)
    found = {"files": files, "live": {"alone": alone, "watched": watched}}
    print(json.dumps(found, indent=1))
    keep(found, asked.out)


if __name__ == "__main__":
    main()
