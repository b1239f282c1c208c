"""Cells that a person mended: read as they were typed, and nothing else changed."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import TYPE_CHECKING

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.core.errors import UsageError
from ordersheet.loader import open_table
from ordersheet.mapping import id_header_test
from ordersheet.reporter.cells import write_cells

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.loader.table import Table

TEXTS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="\ufffe\uffff"
    ),
    max_size=30,
).filter(lambda text: text == text.strip() and "_x" not in text)
PLACES = st.tuples(st.integers(2, 6), st.integers(0, 3))
EDITS = st.dictionaries(PLACES, TEXTS, min_size=1, max_size=6)


def opened(path: Path) -> Table:
    return open_table(path, is_id_header=id_header_test(None))


def shown(path: Path) -> dict[tuple[int, int], str]:
    found = {}
    for row in opened(path).rows(None):
        for column, cell in row.cells.items():
            found[row.number, column] = cell.shown
    return found


def workbook(path: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Order ID", "Internal comment", "attr:a", "attr:b"])
    for number in range(5):
        sheet.append([83600 + number, f"text {number} & more", number / 2, None])
    sheet["C3"].number_format = "0.00"
    book.save(path)
    return path


def delimited(path: Path, encoding: str = "utf-8") -> Path:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(["Order ID", "Internal comment", "attr:a", "attr:b"])
    for number in range(5):
        writer.writerow([83600 + number, f'te"xt; {number}', number / 2, "åäö"])
    path.write_bytes(out.getvalue().encode(encoding))
    return path


@pytest.mark.parametrize(("make", "name"), [(workbook, "a.xlsx"), (delimited, "a.csv")])
@given(edits=EDITS)
def test_mended_cells_are_read_as_typed_and_all_others_as_before(tmp_path_factory, make, name, edits):
    folder = tmp_path_factory.mktemp("cells")
    source = make(folder / name)
    before = source.read_bytes()
    write_cells(source, opened(source).facts, edits, folder / f"copy-{name}")
    wanted = shown(source) | edits
    assert {place: text for place, text in shown(folder / f"copy-{name}").items() if text} == {
        place: text for place, text in wanted.items() if text
    }
    assert source.read_bytes() == before


def test_the_bytes_of_other_records_and_parts_stay(tmp_path):
    source = delimited(tmp_path / "a.csv")
    write_cells(source, opened(source).facts, {(3, 1): "=SUM(A1)"}, tmp_path / "b.csv")
    old, new = (path.read_bytes().split(b"\r\n") for path in (source, tmp_path / "b.csv"))
    assert [line for line in new if line not in old] == [b"83601;=SUM(A1);0.5;" + "åäö".encode()]
    book = workbook(tmp_path / "a.xlsx")
    write_cells(book, opened(book).facts, {(3, 1): "new"}, tmp_path / "b.xlsx")
    with zipfile.ZipFile(book) as one, zipfile.ZipFile(tmp_path / "b.xlsx") as other:
        changed = [name for name in one.namelist() if one.read(name) != other.read(name)]
    assert changed == ["xl/worksheets/sheet1.xml"]


def test_what_cannot_be_mended_truly_is_refused_with_a_sentence(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Order ID", "Internal comment"])
    sheet.append([83600, "=1+1"])
    book.save(tmp_path / "formula.xlsx")
    facts = opened(tmp_path / "formula.xlsx").facts
    with pytest.raises(UsageError, match="B2 holds a formula"):
        write_cells(tmp_path / "formula.xlsx", facts, {(2, 1): "x"}, tmp_path / "out.xlsx")
    narrow = delimited(tmp_path / "narrow.csv", "cp1252")
    facts = open_table(narrow, is_id_header=id_header_test(None), encoding="cp1252").facts
    with pytest.raises(UsageError, match="cannot be written in the encoding cp1252"):
        write_cells(narrow, facts, {(2, 1): "日本"}, tmp_path / "out.csv")
    with pytest.raises(UsageError, match="cannot hold"):
        write_cells(narrow, facts, {(2, 1): "x" * 40_000}, tmp_path / "out.csv")
