"""Other people's workbooks come back with every other part, and every cell, byte for byte as it was."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.support.reporting import cells, grid, load_book, parts, results, sheet_facts

from ordersheet.reporter import write_report

CORPUS = Path(os.environ.get("ORDERSHEET_CORPUS") or Path(__file__).parents[2].parent / "shared" / "corpus")
FAR = "issue_174.xlsx"
"""Styled blanks up to the last cell of a sheet: openpyxl would walk all of it."""
BOOKS = sorted(path for path in CORPUS.glob("*.xls[xm]") if path.name not in ("password.xlsx", FAR))

SHEET = "xl/worksheets/sheet1.xml"

pytestmark = pytest.mark.skipif(not BOOKS, reason=f"no test files of others at {CORPUS}")


def filled_rows(path: Path, sheet: str) -> list[int]:
    """Give the numbers of the rows with something in them, as openpyxl sees them."""
    page = load_book(path)[sheet]
    return sorted({cell.row for row in page.iter_rows() for cell in row if cell.value is not None})


def sheets() -> list[tuple[Path, str]]:
    return [(path, name) for path in BOOKS for name in load_book(path).sheetnames]


@pytest.mark.parametrize(("path", "sheet"), sheets(), ids=lambda value: getattr(value, "name", value))
def test_every_part_and_every_cell_is_kept(tmp_path, path, sheet):
    rows = filled_rows(path, sheet)
    if not rows:
        pytest.skip("an empty sheet cannot be sent")
    facts = sheet_facts(sheet, rows[0], form=path.suffix[1:])
    target = tmp_path / path.name
    written = write_report(path, facts, results(rows[1:], bad=rows[2:]), target)
    assert written == (type(written))(target, None)
    old, new = parts(path), parts(target)
    assert list(old) == list(new)
    changed = {name for name in old if old[name] != new[name]}
    (sheet_part,) = (name for name in changed if name.startswith("xl/worksheets/"))
    assert changed - {sheet_part} <= {"xl/styles.xml", "xl/workbook.xml"}
    kept = iter(cells(new[sheet_part]))
    assert all(cell in kept for cell in cells(old[sheet_part]) if not cell.endswith(b"/>"))
    before, after = grid(path, sheet), grid(target, sheet)
    width = max(n + 1 for row in before for n, value in enumerate(row) if value is not None)
    assert [row[:width] for row in after] == [row[:width] for row in before]
    statuses = {n: row[width] for n, row in enumerate(after, 1) if len(row) > width and row[width]}
    expected = {n: "ok" if n == rows[1] else "no" for n in rows[1:]}
    assert statuses == {rows[0]: "update_status", **expected}


def test_blanks_up_to_the_last_cell_of_a_sheet_are_kept_and_not_in_the_way(tmp_path):
    path = CORPUS / FAR
    written = write_report(path, sheet_facts("Sheet1"), results([2]), tmp_path / "out.xlsx")
    assert written.note is None
    old, new = cells(parts(path)[SHEET]), cells(parts(written.path)[SHEET])
    added = [cell for cell in new if b"update_" in cell or b">ok<" in cell]
    assert [place for cell in added for place in re.findall(rb'r="(\w+)"', cell)] == [
        b"L1",
        b"M1",
        b"N1",
        b"O1",
        b"L2",
    ]
    assert len(new) == len(old) + 8
    kept = iter(new)
    assert all(cell in kept for cell in old)


@pytest.mark.needs("libreoffice")
def test_libreoffice_opens_a_report(tmp_path):
    path = CORPUS / "AutoFilter.xlsx"
    rows = filled_rows(path, "One Cond")
    written = write_report(path, sheet_facts("One Cond", rows[0]), results(rows[1:]), tmp_path / "out.xlsx")
    home = f"-env:UserInstallation=file://{tmp_path}/office"
    call = [
        "soffice",
        home,
        "--headless",
        "--convert-to",
        "xlsx:Calc MS Excel 2007 XML",
        "--outdir",
        str(tmp_path / "again"),
    ]
    subprocess.run([*call, str(written.path)], check=True, capture_output=True, timeout=120)
    assert grid(tmp_path / "again" / "out.xlsx", "One Cond") == grid(written.path, "One Cond")
