"""Spreadsheets as clerks have them: checked, sent to the sandbox, and the report held beside the original."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from tests.support import clerk_files
from tests.support.libreoffice import convert, needs_libreoffice
from tests.support.reporting import load_book, parts

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet
    from tests.support.command import Desk

RESULTS = ["update_status", "update_outcome", "update_message", "update_time"]


def page_of(path: Path, sheet: str) -> Worksheet:
    page: Worksheet = load_book(path)[sheet]
    return page


def looks(page: Worksheet, address: str) -> tuple[str, ...]:
    """Give how a cell looks; openpyxl's styles of two workbooks do not compare by themselves."""
    cell = page[address]
    return cell.number_format, repr(cell.font), repr(cell.fill)


def same_cells(before: Worksheet, after: Worksheet) -> bool:
    """Tell whether every cell of the one stands in the other with the same value and looks."""
    return all(
        cell.value == after[cell.coordinate].value
        and looks(before, cell.coordinate) == looks(after, cell.coordinate)
        for row in before.iter_rows()
        for cell in row
    )


def sent(desk: Desk, path: Path, *options: str, code: int) -> Path:
    ended = desk.run("send", path, "--yes", "--no-progress", *options)
    assert ended.code == code, ended.err + ended.out
    (report,) = desk.reports()
    assert ended.out.strip().splitlines()[-1] == str(report)
    return report


def test_a_workbook_with_a_filter_on(desk, held):
    path = clerk_files.filtered(desk.folder / "returns.xlsx")
    refused = desk.run("check", path)
    assert refused.code == 2
    assert '9 rows of the sheet "Returns" are hidden' in refused.err
    assert "rows 3-5, 7-9, 11-13. " in refused.err
    unsent = desk.run("send", path, "--yes")
    assert unsent.code == 2
    assert unsent.err == refused.err + "Nothing was sent.\n"
    checked = desk.run("check", path, "--hidden", "skip")
    assert checked.code == 0
    assert "9 hidden rows: left out, as --hidden skip says" in checked.out
    report = sent(desk, path, "--hidden", "skip", code=0)
    assert "refund agreed" in str(held(83605))
    assert "refund agreed" not in str(held(83602))
    before, after = page_of(path, "Returns"), page_of(report, "Returns")
    assert same_cells(before, after)
    assert [cell.value for cell in after[1]][6:] == RESULTS
    assert looks(after, "G1") == looks(after, "F1")
    assert after.freeze_panes == before.freeze_panes == "B2"
    assert after.auto_filter.ref == "A1:J13"
    assert [after.row_dimensions[n].hidden for n in range(2, 14)] == [n % 4 != 2 for n in range(2, 14)]
    assert {n: after.column_dimensions[n].width for n in "ABCDEF"} == {
        n: before.column_dimensions[n].width for n in "ABCDEF"
    }
    kept = [name for name in parts(path) if "chart" in name or "drawing" in name]
    assert kept
    assert all(parts(report)[name] == parts(path)[name] for name in kept)


def test_a_csv_of_a_german_excel(desk, held):
    path = clerk_files.german_csv(desk.folder / "spedition.csv")
    checked = desk.run("check", path)
    assert checked.code == 1
    assert (
        'encoding cp1252 (as its letters tell: --encoding decides), delimiter semicolon; reads "Müller"'
        in checked.out
    )
    assert 'rename it to "Internal comment" or "Customer comment"' in checked.out
    assert "--save-mapping mapping.toml" in checked.out
    assert "shows the error #NV" in checked.out
    report = sent(desk, path, code=1)
    assert 'laut "Spedition Groß" am 10.11.' in str(held(83610)["internalComment"])
    old, new = path.read_bytes().splitlines(), report.read_bytes().splitlines()
    assert all(after.startswith(before) for before, after in zip(old, new, strict=True))
    rows = list(csv.reader(io.StringIO(report.read_bytes().decode("cp1252")), delimiter=";"))
    assert rows[0][6:] == RESULTS
    assert [row[6] for row in rows[1:]] == ["ok"] * 9 + ["no"]


def test_a_sheet_as_google_exports_it(desk, held):
    path = clerk_files.google_export(desk.folder / "google.xlsx")
    checked = desk.run("check", path)
    assert checked.code == 0
    assert '"attr:gift_wrap" holds only yes/no words' in checked.out
    report = sent(desk, path, code=0)
    assert "😀" in str(held(83623))
    before, after = page_of(path, "Blad1"), page_of(report, "Blad1")
    assert same_cells(before, after)
    assert [after.cell(row, 6).value for row in range(1, 9)] == ["update_status", *["ok"] * 6, None]
    assert after.freeze_panes == before.freeze_panes == "A2"
    assert after["F1"].font.b


@needs_libreoffice
@pytest.mark.parametrize("form", ["ods", "xls"])
def test_what_libreoffice_saves(desk, held, form):
    source = clerk_files.for_libreoffice(desk.folder / "retouren.xlsx")
    target = desk.folder / form
    target.mkdir()
    (path,) = convert([source], form, target)
    checked = desk.run("check", path)
    assert checked.code == 1
    assert '"Retouren", header in row 3, 6 rows' in checked.out
    assert "1 x E9" in checked.out
    report = sent(desk, path, code=1)
    assert "bitte prüfen" in str(held(83640))
    page = page_of(report, "Retouren")
    assert (page["A4"].value, page["E4"].value, page["G9"].value) == ("83640", "00123", "no")
    assert (page["E9"].value, page["E9"].data_type) == ("#DIV/0!", "e")
    again = desk.run("check", report)
    assert "An earlier report; it calls 5 rows ok." in again.out
    assert "1 x E9" in again.out
    told = desk.run("send", report, "--yes", "--json")
    assert told.json["outcomes"] == {"already applied": 5, "invalid": 1}


def test_a_template_filled_in_by_hand(desk, held):
    assert desk.run("template", "orders.xlsx").code == 0
    path = clerk_files.fill_in_template(desk.folder / "orders.xlsx")
    checked = desk.run("check", path)
    assert checked.code == 1
    assert "comment (the customer may see it)" in checked.out
    assert "2 comments appended, 1 comment replaced, 1 field cleared" in checked.out
    for cell in ("C6", "A7", "C8"):
        assert f"1 x {cell}" in checked.out
    report = sent(desk, path, code=1)
    assert held(83651)["internalComment"] == "Replaced text"
    after = page_of(report, "Orders")
    assert same_cells(page_of(path, "Orders"), after)
    assert [after.cell(row, 6).value for row in range(2, 9)] == ["ok"] * 4 + ["no"] * 3
    assert [after.cell(row, 6).fill.fill_type for row in (2, 6)] == [None, "solid"]
    told = desk.run("send", report, "--yes", "--json", "--report", desk.folder / "again.xlsx")
    assert told.json["outcomes"] == {"already applied": 4, "invalid": 3}
    assert [cell.value for cell in page_of(desk.folder / "again.xlsx", "Orders")[1]][5:] == RESULTS


def test_problems_of_one_kind_stand_together_and_others_apart(desk):
    rows = ["83600,x,maybe", "83601,x,perhaps", "#REF!,x,", "83603,#N/A,", "83604,  ,"]
    text = "Order ID,Internal comment,Replace internal comment\n" + "\n".join(rows) + "\n"
    checked = desk.run("check", desk.file("orders.csv", text))
    assert checked.code == 1
    lines = [" ".join(line.split()) for line in checked.out.splitlines()]
    assert "2 x C2 (maybe), C3 (perhaps)" in lines
    assert "2 x A4 (#REF!), B5 (#N/A)" in lines
    assert "1 x B6" in lines
