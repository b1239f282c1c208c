"""Count what reading and giving back loses: in other people's workbooks, and in files of three writers.

    python benchmarks/fidelity.py [--rows N] [FOLDER ...]

Every cell is read by ordersheet and by openpyxl, which shares no code with it. Prints the cells that are
silently blank, those that are silently wrong, and the parts of the files that a report changes beyond the
sheet, its tables and the styles. All three are to be 0; what is refused with a reason is neither.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.core.model import Cell
    from ordersheet.loader import Table

FORMATS = (
    *("General", "0", "0.00", "#,##0", "#,##0.00", "0%", "0.00%", "00000", "0.00E+00", "@", '"Box "0'),
    *('#,##0.00 "SEK"', "#,##0.00 [$€-407]", "0.00;(0.00)", '_-* #,##0.00_-;-* #,##0.00_-;_-* "-"??_-;_-@_-'),
    *("yyyy-mm-dd", "dd/mm/yyyy", "d mmm yyyy hh:mm", "h:mm AM/PM", "[h]:mm:ss", "mm:ss", "# ?/?", ";;;"),
)
HEADER = "Order ID"
Foreign: TypeAlias = Any
"""What openpyxl gives: a sheet with its private cells, a cell of one of several classes."""
MAY_CHANGE = re.compile(r"xl/worksheets/[^/]+\.xml|xl/tables/.*|xl/styles\.xml|\[Content_Types\]\.xml")
ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass
class Count:
    """What was counted."""

    files: int = 0
    sheets: int = 0
    refused_sheets: int = 0
    compared: int = 0
    refused: int = 0
    not_judged: int = 0
    blank: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    parts: int = 0
    changed: list[str] = field(default_factory=list)
    not_spliced: int = 0

    def lines(self) -> Iterator[str]:
        """Give the figures for people."""
        yield f"{self.files:,} files, {self.sheets:,} sheets, {self.refused_sheets:,} refused as a whole"
        yield f"{self.compared:,} cells compared, {self.refused:,} refused, {self.not_judged:,} not judged"
        for name, found in (("silently blank", self.blank), ("silently wrong", self.wrong)):
            yield f"{len(found):,} cells {name}"
            yield from (f"    {one}" for one in found[:20])
        yield f"{self.parts:,} parts compared, {self.not_spliced:,} files answered with a fresh workbook"
        yield f"{len(self.changed):,} parts changed beyond the sheet"
        yield from (f"    {one}" for one in self.changed[:20])


def main() -> int:
    """Count over the folders and over files made for it; the exit code is 0 where nothing was lost."""
    parser = argparse.ArgumentParser(description="Count what reading and giving back loses.")
    parser.add_argument("folders", nargs="*", type=Path, help="folders of workbooks")
    parser.add_argument("--rows", type=int, default=400, help="rows of each made workbook")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    count = Count()
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "made"
        made.mkdir()
        make(made, rows=given.rows)
        for folder in (*given.folders, made):
            for path in sorted(folder.glob("*.xls[xm]")):
                examine(path, Path(name), count)
    for line in count.lines():
        print(line)
    return 1 if count.blank or count.wrong or count.changed else 0


# ---- files ----


def make(folder: Path, rows: int) -> None:
    """Make a workbook of every format with openpyxl and with XlsxWriter, and let LibreOffice save one."""
    import openpyxl
    import xlsxwriter

    draw = random.Random(rows)
    table = [[_value(draw, code) for code in FORMATS] for _ in range(rows)]
    book = openpyxl.Workbook()
    page: Any = book.active
    page.append([HEADER, *FORMATS])
    for number, values in enumerate(table, 2):
        page.cell(number, 1, number)
        for column, (code, value) in enumerate(zip(FORMATS, values, strict=True), 2):
            page.cell(number, column, value).number_format = code
    page.cell(2, 2, "#N/A")
    page.cell(3, 2, "=1/0")
    book.save(folder / "openpyxl.xlsx")
    other = xlsxwriter.Workbook(str(folder / "xlsxwriter.xlsx"))
    sheet = other.add_worksheet("Orders")
    styles = [other.add_format({"num_format": code}) for code in FORMATS]
    sheet.write_row(0, 0, [HEADER, *FORMATS])
    for number, values in enumerate(table, 1):
        sheet.write_number(number, 0, number)
        for column, (style, value) in enumerate(zip(styles, values, strict=True), 1):
            if isinstance(value, str):
                sheet.write_string(number, column, value, style)
            else:
                sheet.write(number, column, value, style)
    other.close()
    _let_libreoffice_save(folder)


def _value(draw: random.Random, code: str) -> str | float | None:
    if draw.random() < 0.1:
        return None
    if draw.random() < 0.15:
        return draw.choice(["N/A", "null", " x ", "å\nb", "007", "TRUE", "1e5", "_x0041_"])
    if "y" in code or "h" in code or "s" in code:
        return round(draw.uniform(61, 60_000), 5)
    return draw.choice(
        [draw.randrange(-1000, 10**6), round(draw.uniform(-1e4, 1e6), 2), draw.uniform(-1, 1), 0, 10**12]
    )


def _let_libreoffice_save(folder: Path) -> None:
    program = shutil.which("soffice")
    if program is None:
        print("LibreOffice is not installed: two writers instead of three")
        return
    with tempfile.TemporaryDirectory() as name:
        profile = f"-env:UserInstallation={(Path(name) / 'profile').as_uri()}"
        command = [program, profile, "--headless", "--convert-to", "xlsx", "--outdir", name]
        subprocess.run([*command, str(folder / "xlsxwriter.xlsx")], check=True, capture_output=True)
        shutil.move(Path(name) / "xlsxwriter.xlsx", folder / "libreoffice.xlsx")


# ---- one file ----


def examine(path: Path, scratch: Path, count: Count) -> None:
    """Compare every sheet of a workbook, and the report on its first readable one."""
    import openpyxl

    count.files += 1
    try:
        values = openpyxl.load_workbook(path, data_only=True)
        formulas = openpyxl.load_workbook(path)
    except Exception:  # noqa: BLE001 - openpyxl fails with anything on other people's files
        count.refused_sheets += 1
        return
    reported = False
    for page in values.worksheets:
        count.sheets += 1
        formula_page: Any = formulas[page.title]
        reported = _compare_sheet(path, page, formula_page, scratch, count, reported=reported)


def _compare_sheet(
    path: Path, page: Foreign, formulas: Foreign, scratch: Path, count: Count, *, reported: bool
) -> bool:
    from ordersheet.core.errors import SourceError
    from ordersheet.loader import open_table

    title = _first_text(page)
    if title is None:
        count.refused_sheets += 1
        return reported
    try:
        table = open_table(path, is_id_header=lambda text: text == title, sheet=page.title)
    except SourceError:
        count.refused_sheets += 1
        return reported
    ours = {(row.number, column): cell for row in table.rows() for column, cell in row.cells.items()}
    # Only the cells that are there: some sheets claim to have seventeen thousand million.
    for (number, column), theirs in page._cells.items():  # noqa: SLF001 - openpyxl has no public way
        if number > table.facts.header_row:
            formula = formulas._cells[number, column].value  # noqa: SLF001 - the same
            where = f"{path.name} {page.title}!{theirs.coordinate}"
            judge(ours.get((number, column - 1)), theirs, formula, where, count)
    if not reported:
        _compare_parts(path, table, scratch, count)
    return True


def _first_text(page: Foreign) -> str | None:
    """Give a text of the first filled row that stands there once, to be taken for the ID header."""
    rows: dict[int, list[object]] = {}
    for (number, _), cell in page._cells.items():  # noqa: SLF001 - the same
        if cell.value is not None:
            rows.setdefault(number, []).append(cell.value)
    first = rows[min(rows)] if rows else []
    texts = [" ".join(value.split()) for value in first if isinstance(value, str) and value.strip()]
    return next((text for text in texts if texts.count(text) == 1), None)


def judge(ours: Cell | None, theirs: Foreign, formula: object, where: str, count: Count) -> None:
    value = theirs.value
    unsaved = value is None and isinstance(formula, str) and formula.startswith("=")
    if value in (None, "") and not unsaved:
        return
    if ours is not None and ours.problem is not None:
        count.refused += 1
    elif ours is None or ours.shown == "":
        count.blank.append(f"{where}: {value!r}")
    else:
        verdict = _is_right(ours.shown, theirs, formula)
        count.compared += verdict is not None
        count.not_judged += verdict is None
        if verdict is False:
            count.wrong.append(f"{where}: {value!r} as {theirs.number_format!r} reads {ours.shown!r}")


def _is_right(shown: str, theirs: Foreign, formula: object) -> bool | None:
    """Tell whether a text is what the cell shows; None where that cannot be told from outside."""
    value, code = theirs.value, theirs.number_format
    if theirs.data_type == "e" and not (isinstance(formula, str) and value == formula):
        return False
    if isinstance(value, bool):
        return shown == str(value).upper()
    if isinstance(value, str):
        plain, ours = value.replace("\r\n", "\n"), shown.replace("\r\n", "\n")
        decoded = ESCAPE.sub(lambda match: chr(int(match[1], 16)), plain).replace("\r\n", "\n")
        right = ours in (plain, decoded)
        # A format with a section for texts may put words around one.
        return right if right or ";" not in code else None
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return _is_moment(shown, value)
    if isinstance(value, dt.timedelta):
        return True if shown.startswith(f"{int(value.total_seconds() // 3600):02}:") else None
    return _is_number(shown, value, code)


def _is_moment(shown: str, value: dt.datetime | dt.date | dt.time) -> bool:
    if isinstance(value, dt.time):
        return shown[:5] == value.isoformat()[:5] or shown.endswith(value.isoformat()[:5])
    if re.fullmatch(r"\d\d:\d\d(:\d\d(\.\d+)?)?", shown):
        # A format of the time alone.
        return abs(_seconds(shown) - _seconds(value.isoformat()[11:] or "00:00")) <= 1
    try:
        read = dt.datetime.fromisoformat(shown)
    except ValueError:
        return False
    whole = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
    if len(shown) == len("2026-03-31"):
        return read.date() == whole.date()
    return abs((read - whole).total_seconds()) <= 1


def _seconds(text: str) -> float:
    parts = (float(part) for part in text.split(":"))
    return sum(part * 60.0 ** (2 - at) for at, part in enumerate(parts))


def _is_number(shown: str, value: float, code: str) -> bool | None:
    """Read the number back from what is shown, to the places that are shown."""
    found = re.search(r"\d[\d,]*(?:\.\d*)?(?:E[+-]\d+)?|\.\d+", re.sub(r'"[^"]*"', "", shown))
    if found is None or re.search(r'\\|"[^"]*\d|\[[<>=]|,(?=[^#0?]|$)|\[h|\[m|\[s', code):
        return None
    digits = found[0].replace(",", "")
    mantissa, _, power = digits.partition("E")
    scale = 10.0 ** int(power or 0) / (100 if "%" in shown else 1)
    places = len(mantissa.partition(".")[2])
    return abs(float(mantissa) * scale - abs(value)) <= 0.51 * 10.0**-places * scale


def _compare_parts(path: Path, table: Table, scratch: Path, count: Count) -> None:
    from ordersheet import reporter
    from ordersheet.core.model import Outcome, RowResult

    results = [RowResult(row.number, "", Outcome.INVALID, "x") for row in table.rows(())]
    written = reporter.write_report(path, table.facts, results, scratch / f"report{path.suffix}")
    if written.path.suffix != path.suffix or (written.note and "new workbook" in written.note):
        count.not_spliced += 1
        return
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(written.path) as after:
        names = set(after.namelist())
        for name in before.namelist():
            count.parts += 1
            if not MAY_CHANGE.fullmatch(name) and (
                name not in names or before.read(name) != after.read(name)
            ):
                count.changed.append(f"{path.name} {name}")


if __name__ == "__main__":
    sys.exit(main())
