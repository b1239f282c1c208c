"""The same sheet, written by openpyxl and by XlsxWriter, read by us; LibreOffice as another pair of eyes."""

from __future__ import annotations

import csv
import datetime as dt
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.libreoffice import convert, needs_libreoffice

from ordersheet.core.model import Cell, CellKind
from ordersheet.loader.cells import text_problem
from ordersheet.loader.xlsx.workbook import open_workbook

if TYPE_CHECKING:
    from pathlib import Path

HEADERS = ["Order ID", "Text", "Number", "Date", "Truth"]

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=20,
).filter(lambda text: text.strip() and not text.startswith("=") and "_x" not in text)
cells = st.tuples(
    st.integers(1, 10**9),
    texts | st.none(),
    st.integers(-(10**9), 10**9) | st.decimals(-9999, 9999, places=2).map(float) | st.none(),
    st.dates(dt.date(1900, 3, 1)) | st.none(),
    st.booleans() | st.none(),
)
tables = st.lists(cells, min_size=1, max_size=8)


def write_openpyxl(path: Path, rows: list[tuple[Any, ...]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADERS)
    for number, row in enumerate(rows, 2):
        for column, value in enumerate(row, 1):
            cell = sheet.cell(number, column)
            cell.value = value
            if isinstance(value, dt.date):
                cell.number_format = "DD/MM/YYYY"
    book.save(path)


def write_openpyxl_streamed(path: Path, rows: list[tuple[Any, ...]]) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Orders")
    sheet.append(HEADERS)
    for row in rows:
        sheet.append(row)
    book.save(path)


def write_xlsxwriter(path: Path, rows: list[tuple[Any, ...]], **options: object) -> None:
    book = xlsxwriter.Workbook(path, {"strings_to_urls": False, **options})
    sheet = book.add_worksheet("Orders")
    dates = book.add_format({"num_format": "d mmmm yyyy"})
    sheet.write_row(0, 0, HEADERS)
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, column, value)
            elif isinstance(value, bool):
                sheet.write_boolean(number, column, value)
            elif isinstance(value, dt.date):
                sheet.write_datetime(number, column, value, dates)
            elif value is not None:
                sheet.write_number(number, column, value)
    book.close()


def write_xlsxwriter_in_constant_memory(path: Path, rows: list[tuple[Any, ...]]) -> None:
    write_xlsxwriter(path, rows, constant_memory=True)


def read(path: Path) -> list[dict[int, Cell]]:
    table = open_workbook(path, is_id_header=lambda text: text == HEADERS[0])
    return [dict(row.cells) for row in table.rows()]


def expected(value: Any) -> tuple[object, CellKind]:
    if isinstance(value, str):
        return value, CellKind.TEXT
    if isinstance(value, bool):
        return value, CellKind.BOOLEAN
    if isinstance(value, dt.date):
        return value.isoformat(), CellKind.DATE
    return value, CellKind.NUMBER


@pytest.mark.parametrize(
    "write",
    [write_openpyxl, write_openpyxl_streamed, write_xlsxwriter, write_xlsxwriter_in_constant_memory],
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(rows=tables)
def test_what_a_program_wrote_is_what_is_read(tmp_path, write, rows):
    path = tmp_path / "orders.xlsx"
    write(path, rows)
    found = read(path)
    wanted = [
        {column: expected(value) for column, value in enumerate(row) if value is not None} for row in rows
    ]
    assert [{at: (cell.value, cell.kind) for at, cell in row.items()} for row in found] == wanted
    assert all(cell.problem == text_problem(cell.shown) for row in found for cell in row.values())


def test_formulas_of_libraries_that_cannot_compute_are_refused(tmp_path):
    path = tmp_path / "orders.xlsx"
    book = openpyxl.Workbook()
    book.worksheets[0].append(HEADERS[:2])
    book.worksheets[0].append([1, "=1+1"])
    book.save(path)
    assert read(path)[0][1].problem is not None
    written = xlsxwriter.Workbook(path)
    sheet = written.add_worksheet()
    sheet.write_row(0, 0, HEADERS[:2])
    sheet.write_row(1, 0, [1, 2])
    sheet.write_formula(2, 1, "=1+1")
    sheet.write_formula(3, 1, "=1+1", None, 2)
    written.close()
    found = read(path)
    # It asks to be computed anew when it is opened, so that no saved value is trusted.
    assert found[1][1].problem is not None
    assert found[2][1].problem is not None


CODES = [
    "0", "0.00", "00000", "#,##0", "#,##0.00", "0%", "0.0%", "0.00E+00", "# ##0", '0" pcs"',
    "[$€-407] #,##0.00", "0;(0)", '0.0;-0.0;"nothing"', "[h]:mm:ss", "[mm]:ss", "0,", "#.##", "000-0000",
    '"$"#,##0.00_);("$"#,##0.00)', '[>=1000]0.0,"K";0', "yyyy-mm-dd", "hh:mm:ss", "yyyy-mm-dd\\Thh:mm:ss",
]  # fmt: skip
VALUES = [0, 1, 5, 12.5, 999.995, 1234567.891, 0.125, 46349.5729166667, 1.005, 83651]
# Where LibreOffice is known to differ from Excel, whose way is ours: it drops the point that "#.##" always
# shows, it multiplies 1.005 for a percentage in binary, and it has a largest length of time.
DIFFERENT = {("#.##", 0), ("#.##", 1), ("#.##", 5), ("#.##", 999.995), ("#.##", 83651), ("0%", 1.005)} | {
    (code, value) for code in ("[h]:mm:ss", "[mm]:ss") for value in (1234567.891, 83651)
}


@needs_libreoffice
def test_libreoffice_sees_the_same(tmp_path):
    path = tmp_path / "orders.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("Orders")
    sheet.write(0, 0, HEADERS[0])
    for column, code in enumerate(CODES, 1):
        sheet.write_string(0, column, f"c{column}")
        shown_as = book.add_format({"num_format": code})
        for row, value in enumerate(VALUES, 1):
            sheet.write_number(row, column, value, shown_as)
    for row in range(1, len(VALUES) + 1):
        sheet.write_number(row, 0, row)
    book.close()
    convert([path], "csv:Text - txt - csv (StarCalc):44,34,76,1,,1033,false,true", tmp_path)
    with (tmp_path / "orders.csv").open(encoding="utf-8", newline="") as file:
        theirs = list(csv.reader(file))[1:]
    differing = set()
    for their, ours in zip(theirs, read(path), strict=True):
        for column, code in enumerate(CODES, 1):
            cell = ours[column]
            if cell.problem is None and their[column].strip() != cell.shown.strip():
                differing.add((code, VALUES[cell.row - 2]))
    assert differing == DIFFERENT
