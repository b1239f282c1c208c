"""Old workbooks, as LibreOffice writes them: nothing else here can."""

from __future__ import annotations

import random
from datetime import datetime
from typing import TYPE_CHECKING

import openpyxl
import pytest
from tests.support.libreoffice import convert, needs_libreoffice

from ordersheet.core.errors import SourceError
from ordersheet.core.model import CellKind
from ordersheet.loader import open_table

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_libreoffice

HEADERS = ["Order ID", "Note", "Flag", "When", "Amount", "Code", "Length", "Broken"]


def is_id(text: str) -> bool:
    return text == "Order ID"


@pytest.fixture(scope="module")
def workbook(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("xls")
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Orders"
    sheet.append(["Week 47"])
    sheet.append(HEADERS)
    sheet.append(
        [83651, "två\nrader", True, datetime.fromisoformat("2026-01-02T09:30"), 1188.44, 123, 1.5, "=1/0"]
    )
    sheet.append([83652, "hidden", None, None, 0.5])
    sheet.append([83653, None, None, None, 7])
    sheet.append([None, "", None, None, None])
    sheet.append([83654, "merged"])
    sheet["A8"] = 83655
    sheet["E3"].number_format = "#,##0.00"
    sheet["F3"].number_format = "00000"
    sheet["G3"].number_format = "[h]:mm"
    sheet["E4"].number_format = "0%"
    sheet["E5"].number_format = "@"
    sheet.row_dimensions[4].hidden = True
    sheet.column_dimensions["E"].hidden = True
    sheet.merge_cells("B7:B8")
    book.create_sheet("Lists")["A1"] = "yes"
    secret = book.create_sheet("Secret")
    secret.append(["Order ID"])
    secret.append([1])
    secret.sheet_state = "hidden"
    source = folder / "orders.xlsx"
    book.save(source)
    return convert([source], "xls", folder)[0]


def test_cells_are_read_as_shown(workbook):
    table = open_table(workbook, is_id_header=is_id)
    assert (table.facts.form, table.facts.sheet, table.facts.header_row) == ("xls", "Orders", 2)
    first = next(table.rows())
    assert [(cell.shown, cell.kind) for cell in first.cells.values()] == [
        ("83651", CellKind.NUMBER),
        ("två\nrader", CellKind.TEXT),
        ("TRUE", CellKind.BOOLEAN),
        ("2026-01-02T09:30:00", CellKind.DATE),
        ("1,188.44", CellKind.NUMBER),
        ("00123", CellKind.NUMBER),
        ("36:00", CellKind.NUMBER),
        ("#DIV/0!", CellKind.ERROR),
    ]
    assert first.cells[4].value == 1188.44
    assert [cell.address for cell in first.cells.values() if cell.problem] == ["H3"]


def test_a_whole_number_in_a_column_of_texts_is_shown_as_it_stands(workbook):
    third = list(open_table(workbook, is_id_header=is_id).rows({4}))[2]
    assert third.cells[4][:3] == ("7", 7, CellKind.NUMBER)
    assert third.cells[4].problem is None


def test_only_rows_with_something_in_them_and_columns_asked_for(workbook):
    table = open_table(workbook, is_id_header=is_id)
    rows = [(row.number, row.hidden, list(row.cells)) for row in table.rows([0, 1])]
    assert rows == [
        (3, False, [0, 1]),
        (4, True, [0, 1]),
        (5, False, [0]),
        (7, False, [0, 1]),
        (8, False, [0]),
    ]


def test_what_is_hidden_or_merged_is_refused(workbook):
    table = open_table(workbook, is_id_header=is_id)
    assert (table.facts.hidden_rows, [h.letters for h in table.headers if h.hidden]) == (1, ["E"])
    codes = []
    for columns, hidden in (([0], "refuse"), ([0, 1], "include")):
        with pytest.raises(SourceError) as caught:
            table.refuse(columns, hidden=hidden)
        codes.append(caught.value.code)
    assert codes == ["hidden-rows", "merged-cells"]
    table.refuse([0, 4], hidden="skip")


def test_sheets_are_chosen_by_name_and_hidden_ones_only_so(workbook):
    assert open_table(workbook, is_id_header=is_id, sheet="Secret").facts.sheet == "Secret"
    with pytest.raises(SourceError, match='"Orders", "Lists", "Secret"'):
        open_table(workbook, is_id_header=is_id, sheet="x")
    with pytest.raises(SourceError) as caught:
        open_table(workbook, is_id_header=is_id, sheet="Lists")
    assert caught.value.code == "no-id-column"


def test_damaged_files_end_in_a_table_or_one_error(workbook, tmp_path):
    content = workbook.read_bytes()
    chance = random.Random(7)
    path = tmp_path / "orders.xls"
    ends: set[str] = set()
    for _ in range(16):
        broken = bytearray(content)
        for _ in range(chance.randint(1, 40)):
            broken[chance.randrange(8, len(broken))] = chance.randrange(256)
        path.write_bytes(broken[: chance.choice([len(broken), chance.randrange(600, len(broken))])])
        try:
            ends.add(f"{len(list(open_table(path, is_id_header=is_id).rows()))} rows")
        except SourceError as error:
            ends.add(error.code)
    assert "not-a-workbook" in ends
