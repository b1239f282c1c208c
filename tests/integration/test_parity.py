"""The same table in every form reads as the same texts."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import openpyxl
import pytest
import xlsxwriter
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.support.libreoffice import convert, needs_libreoffice

from ordersheet.loader import open_table
from ordersheet.loader.error_words import ERROR_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

Value = str | float | bool | None
Shown = list[tuple[int, list[str]]]

HEADERS = ["Order ID", "Internal comment", "Flag", "Ref"]
LETTERS = "abcXYZ åäöÅÄÖéßñø € \"';,|\t=+-@#<>&_ 0123456789"
DIALECTS = [
    (";", "\r\n", "cp1252", None),
    (",", "\n", "utf-8", None),
    ("\t", "\r\n", "utf-16", None),
    ("|", "\r", "utf-8-sig", None),
    (",", "\r\n", "utf-8", "sep=,"),
    (";", "\n", "iso8859-15", None),
]

# Error words and texts of white space alone are not the same in every form, on purpose.
texts = st.one_of(
    st.sampled_from(["NA", "null", "TRUE", "007", "<clear>", "83,651", "1e5", "=1+1", "'x", "a  b"]),
    st.text(LETTERS, min_size=1, max_size=20),
    # LibreOffice drops a tab from a text with line breaks when it opens an .xlsx.
    st.text(LETTERS.replace("\t", ""), min_size=1, max_size=8).map(lambda text: f"a{text}\nb"),
).filter(lambda text: text not in ERROR_WORDS and text.strip() != "")
cents = st.integers(-(10**8), 10**8).map(lambda number: number / 100)
cells = st.one_of(st.none(), texts, st.integers(-(10**9), 10**9), cents, st.booleans())
records = st.tuples(st.integers(1, 10**9), texts, cells, cells).map(list)


def is_id(text: str) -> bool:
    return text == "Order ID"


def as_shown(value: Value) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)


def read(path: Path, **options: Any) -> Shown:
    table = open_table(path, is_id_header=is_id, **options)
    shown = []
    for row in table.rows():
        assert row.problem is None, row.problem
        assert not any(cell.problem for cell in row.cells.values()), row.cells
        fields = [row.cells[c].shown if c in row.cells else "" for c in range(len(HEADERS))]
        shown.append((row.number, fields))
    return shown


def write_csv(path: Path, rows: list[list[Value]], dialect: tuple[str, str, str, str | None]) -> None:
    delimiter, ending, encoding, first = dialect
    out = io.StringIO(newline="")
    if first is not None:
        out.write(first + ending)
    # With CR alone as its line ending, the csv module leaves a field with LF unquoted.
    quoting: Literal[0, 1] = csv.QUOTE_ALL if ending == "\r" else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerow(HEADERS)
    writer.writerows([as_shown(value) for value in row] for row in rows)
    path.write_bytes(out.getvalue().encode(encoding))


def write_openpyxl(path: Path, rows: list[list[Value]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADERS)
    for number, row in enumerate(rows, 2):
        for column, value in enumerate(row, 1):
            cell = sheet.cell(number, column, value)
            if isinstance(value, str):
                # Texts such as =1+1 are texts here.
                cell.data_type = "s"
                cell.number_format = "@"
    book.save(path)


def write_xlsxwriter(path: Path, rows: list[list[Value]]) -> None:
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Orders")
    sheet.write_row(0, 0, HEADERS)
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, column, value)
            elif value is not None:
                sheet.write(number, column, value)
    book.close()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp())
    yield made
    shutil.rmtree(made)


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(rows=st.lists(records, min_size=1, max_size=6))
def test_csv_and_workbooks_read_alike(folder, rows):
    expected = [(number, [as_shown(value) for value in row]) for number, row in enumerate(rows, 2)]
    for dialect in DIALECTS:
        path = folder / "orders.csv"
        write_csv(path, rows, dialect)
        # What a detector makes of ten letters of cp1252 is not what is tested here.
        decided = dialect[2] if dialect[2] in ("cp1252", "iso8859-15") else None
        assert read(path, encoding=decided) == expected, dialect
    path = folder / "orders.xlsx"
    for write in (write_openpyxl, write_xlsxwriter):
        write(path, rows)
        assert read(path) == expected, write.__name__


@needs_libreoffice
@settings(max_examples=2, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(rows=st.lists(records, min_size=20, max_size=40))
def test_what_libreoffice_saves_reads_alike(folder, rows):
    expected = [(number, [as_shown(value) for value in row]) for number, row in enumerate(rows, 2)]
    source = folder / "source.xlsx"
    write_xlsxwriter(source, rows)
    for form in ("ods", "xls", "xlsx"):
        made = folder / form
        made.mkdir(exist_ok=True)
        assert read(convert([source], form, made)[0]) == expected, form


KINDS: list[tuple[Value, str]] = [
    # A value and its format: dates with hidden times, lengths of time, rounding, hidden and long numbers.
    (46112, "yyyy-mm-dd"),
    (46112.599, "dd/mm/yyyy"),
    (46112.5, "dd/mm/yyyy hh:mm"),
    (46112, "dd/mm/yyyy hh:mm"),
    (46112.25, "hh:mm"),
    (0.75, "h:mm AM/PM"),
    (1.5, "[h]:mm"),
    (1.5, "[hh]:mm:ss"),
    (0.5, "hh:mm:ss"),
    (1188.44, "#,##0.00"),
    (1188.44, "0.0"),
    (-0.001, "0.00"),
    (-0.001, "0.00;-0.00"),
    (-12.5, "0.00;(0.00)"),
    (0.256, "0%"),
    (123, "00000"),
    (7, '"Box "0'),
    (7350012345678, "General"),
    (7350012345678, "0"),
    (0.5, "General"),
    (5, ";;;"),
    (True, "General"),
    ("a\u200bb", "General"),
    ("\u2800", "General"),
    ("00123", "General"),
    ("a  b", "General"),
]


@st.composite
def kinds_of_cells(draw: st.DrawFn) -> list[tuple[Value, str]]:
    """Draw the list above in any order, with numbers and dates of its own among it."""
    codes = ["0", "0.00", "#,##0", "dd/mm/yyyy", "dd/mm/yyyy hh:mm:ss", "hh:mm:ss"]
    seconds = st.integers(61 * 86_400, 80_000 * 86_400).map(lambda number: number / 86_400)
    # More hours than these LibreOffice shows as #FMT, which is refused in an .ods.
    hours = st.integers(1, 20_000 * 86_400).map(lambda number: number / 86_400)
    own = draw(st.lists(st.tuples(seconds, st.sampled_from(codes)), min_size=25, max_size=25))
    lengths = draw(st.lists(st.tuples(hours, st.just("[h]:mm:ss")), min_size=5, max_size=5))
    return draw(st.permutations([*KINDS, *own, *lengths]))


def write_formatted(path: Path, rows: list[tuple[Value, str]]) -> None:
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Orders")
    sheet.set_column(1, 1, 40)
    sheet.write_row(0, 0, HEADERS[:2])
    for number, (value, code) in enumerate(rows, 1):
        shown_as = book.add_format({"num_format": code})
        sheet.write_number(number, 0, 83650 + number)
        if isinstance(value, str):
            sheet.write_string(number, 1, value, shown_as)
        elif isinstance(value, bool):
            sheet.write_boolean(number, 1, value, shown_as)
        elif value is not None:
            sheet.write_number(number, 1, value, shown_as)
    book.close()


def as_judged(path: Path) -> list[str]:
    """Give what is read of each cell, or that it is refused."""
    out = []
    for row in open_table(path, is_id_header=is_id).rows():
        cell = row.cells[1]
        out.append("refused" if cell.problem else f"{cell.kind}: {cell.shown}")
    return out


@needs_libreoffice
@settings(
    max_examples=2, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(rows=kinds_of_cells())
def test_every_reader_judges_a_cell_alike(folder, rows):
    source = folder / "kinds.xlsx"
    write_formatted(source, rows)
    judged = as_judged(source)
    for form in ("xlsx", "xls", "ods"):
        made = folder / f"kinds-{form}"
        made.mkdir(exist_ok=True)
        found = as_judged(convert([source], form, made)[0])
        # Under General LibreOffice shows all digits of what Excel shortens, and an .ods is LibreOffice's.
        different = [
            (row, mine, other)
            for row, mine, other in zip(rows, judged, found, strict=True)
            if mine != other and not (form == "ods" and row == (7350012345678, "General"))
        ]
        assert not different, form
