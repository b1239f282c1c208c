"""Every file of a folder through the loader and the reporter, beside openpyxl and LibreOffice.

    python benchmarks/sweep.py [FOLDER ...]        or the folders that ORDERSHEET_CORPUS names

Each file is opened as send would; the first header stands for the order ID. Its cells are held against
openpyxl's and against what LibreOffice shows, where that is installed; a report is written and read again.
Prints the figures by class of file, and every difference, with who is right where two of three readers agree.
Nothing of the files is kept.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import fidelity

from ordersheet import reporter
from ordersheet.core.errors import OrdersheetError
from ordersheet.core.model import Outcome, RowResult
from ordersheet.loader import open_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ordersheet.core.model import Cell
    from ordersheet.loader import Table

CLASSES = {
    ".xlsx": "workbooks", ".xlsm": "workbooks", ".xltx": "workbooks", ".xls": "old workbooks",
    ".ods": "LibreOffice", ".csv": "texts", ".tsv": "texts", ".txt": "texts",
}  # fmt: skip
BIGGEST = 20 << 20
"""Bytes; bigger files are left out."""
SHOWN = "csv:Text - txt - csv (StarCalc):9,34,76,1,,0,false,true,false,false,false,-1"
"""LibreOffice's filter for all sheets as tab-parted UTF-8, cells as they are shown."""

Places = dict[tuple[int, int], "Cell"]


@dataclass
class Figures:
    """What was counted of one class of files."""

    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """What must not be: a traceback, a cell that is silently blank, a report that reads differently."""


def first_text() -> Callable[[str], bool]:
    """Make a test that takes the first text it is asked about for the order ID's header."""
    chosen: list[str] = []

    def is_id_header(text: str) -> bool:
        if not chosen and text:
            chosen.append(text)
        return text in chosen

    return is_id_header


def files_of(folders: Iterable[Path]) -> Iterator[Path]:
    """Give the spreadsheets and texts below folders."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in CLASSES and path.is_file() and path.stat().st_size <= BIGGEST:
                yield path


def examine(path: Path, scratch: Path, found: Figures) -> None:
    """Open one file, hold its cells against the others', and read its report again."""
    found.counts["files"] += 1
    is_id = first_text()
    try:
        table = open_table(path, is_id_header=is_id)
        rows = list(table.rows())
        if table.facts.form == "csv":
            table.refuse({header.column for header in table.headers}, hidden="include")
    except OrdersheetError as error:
        found.refusals[error.code] += 1
        return
    except Exception as error:  # noqa: BLE001 - a traceback is what is looked for
        found.lost.append(f"{path.name}: {type(error).__name__}: {error}")
        return
    found.counts["read"] += 1
    cells = {(row.number, column): cell for row in rows for column, cell in row.cells.items()}
    found.counts["cells"] += len(cells)
    found.counts["cells refused"] += sum(cell.problem is not None for cell in cells.values())
    shown = shown_by_libreoffice(path, table, scratch)
    if CLASSES[path.suffix.lower()] == "workbooks":
        beside_openpyxl(path, table, cells, shown, found)
    if shown is not None:
        beside_libreoffice(path, cells, shown, found)
    read_again(path, table, cells, is_id, scratch, found)


def beside_openpyxl(
    path: Path, table: Table, cells: Places, shown: dict[tuple[int, int], str] | None, found: Figures
) -> None:
    """Hold the sheet's cells against openpyxl's, which shares no code with the loader."""
    import openpyxl

    try:
        page: Any = openpyxl.load_workbook(path, data_only=True)[table.facts.sheet or ""]
        formulas: Any = openpyxl.load_workbook(path)[table.facts.sheet or ""]
    except Exception:  # noqa: BLE001 - openpyxl fails with anything on other people's files
        found.counts["not read by openpyxl"] += 1
        return
    for (number, column), theirs in page._cells.items():  # noqa: SLF001 - openpyxl has no public way
        place = (number, column - 1)
        if number <= table.facts.header_row:
            continue
        one = fidelity.Count()
        formula = formulas._cells[number, column].value  # noqa: SLF001 - the same
        fidelity.judge(cells.get(place), theirs, formula, f"{path.name} {theirs.coordinate}", one)
        found.counts["cells beside openpyxl"] += one.compared
        for line in (*one.blank, *one.wrong):
            ours = cells[place].shown if place in cells else ""
            agrees = shown is not None and shown.get(place, "").strip() == ours.strip()
            who = "LibreOffice shows what ordersheet reads" if agrees else "to be looked at"
            found.differences.append(f"{line}: {who}")
            if not agrees and one.blank:
                found.lost.append(f"{line}: silently blank")


def shown_by_libreoffice(path: Path, table: Table, scratch: Path) -> dict[tuple[int, int], str] | None:
    """Give what LibreOffice shows of the sheet; None where it cannot say."""
    program = shutil.which("soffice")
    if program is None or table.facts.sheet is None:
        return None
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        profile = f"-env:UserInstallation={(scratch / 'profile').as_uri()}"
        command = [program, profile, "--headless", "--convert-to", SHOWN, "--outdir", name, str(path)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return None
        page = Path(name) / f"{path.stem}-{table.facts.sheet}.csv"
        if not page.exists():
            return None
        with page.open(encoding="utf-8", newline="") as file:
            records = list(csv.reader(file, delimiter="\t"))
    return {
        (number, column): text
        for number, record in enumerate(records, 1)
        for column, text in enumerate(record)
        if text
    }


def beside_libreoffice(path: Path, cells: Places, shown: dict[tuple[int, int], str], found: Figures) -> None:
    """Hold the cells against what LibreOffice shows; dates are written alike by nobody."""
    for (number, column), cell in cells.items():
        theirs = shown.get((number, column), "")
        if cell.problem is not None or cell.kind.value == "date" or "#" in theirs:
            continue
        found.counts["cells beside LibreOffice"] += 1
        if plain(cell.shown) != plain(theirs):
            found.counts["shown otherwise by LibreOffice"] += 1
            found.differences.append(f"{path.name} {cell.address}: {cell.shown!r}, LibreOffice {theirs!r}")


def plain(text: str) -> str:
    """Fold what a locale and a CSV change of a text: blanks, line ends."""
    return re.sub(r"\s+", " ", text.replace("\xa0", " ")).strip()


def read_again(
    path: Path, table: Table, cells: Places, is_id: Callable[[str], bool], scratch: Path, found: Figures
) -> None:
    """Write a report, and read it again: every cell is to be what it was."""
    results = [RowResult(row.number, "", Outcome.INVALID, "x") for row in table.rows(())]
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        try:
            written = reporter.write_report(path, table.facts, results, Path(name) / f"report{path.suffix}")
            if written.note and "new workbook" in written.note:
                found.counts["fresh reports"] += 1
                return
            again = open_table(
                written.path, is_id_header=is_id, sheet=table.facts.sheet, encoding=table.facts.encoding
            )
            after = {(row.number, at): cell for row in again.rows() for at, cell in row.cells.items()}
        except Exception as error:  # noqa: BLE001 - whatever it is, it is lost
            found.lost.append(f"{path.name}: report: {type(error).__name__}: {error}")
            return
    found.counts["reports read again"] += 1
    for place, cell in cells.items():
        if place[1] in table.facts.result_columns:
            continue
        if place not in after or after[place].shown != cell.shown:
            found.lost.append(f"{path.name} {cell.address}: {cell.shown!r} is another text in the report")


def main() -> int:
    """Sweep the folders; the exit code is 0 where nothing is lost."""
    named = sys.argv[1:] or os.environ.get("ORDERSHEET_CORPUS", "").split(os.pathsep)
    folders = [Path(name) for name in named if name]
    if not folders:
        print("Name a folder, here or in ORDERSHEET_CORPUS.")
        return 2
    warnings.simplefilter("ignore")
    figures = {name: Figures() for name in dict.fromkeys(CLASSES.values())}
    with tempfile.TemporaryDirectory() as scratch:
        for path in files_of(folders):
            examine(path, Path(scratch), figures[CLASSES[path.suffix.lower()]])
    for name, found in figures.items():
        print(f"{name}: " + ", ".join(f"{count:,} {what}" for what, count in found.counts.items()))
        print(
            "  refused: " + (", ".join(f"{code} {count}" for code, count in found.refusals.items()) or "none")
        )
        print(*(f"  difference: {line}" for line in found.differences), sep="\n")
        print(*(f"  LOST: {line}" for line in found.lost), sep="\n")
    lost = sum(len(found.lost) for found in figures.values())
    print(f"{lost:,} lost")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
