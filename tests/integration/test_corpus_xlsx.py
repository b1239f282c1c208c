"""Spreadsheets that other projects made, against what is known of them."""

from __future__ import annotations

import os
from pathlib import Path

import openpyxl
import pytest

from ordersheet.core.errors import SourceError
from ordersheet.core.model import CellKind
from ordersheet.loader.xlsx.workbook import WorkbookTable, open_workbook

CORPUS = Path(os.environ.get("ORDERSHEET_CORPUS", Path(__file__).parents[2].parent / "shared" / "corpus"))

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no folder of other people's files at {CORPUS}")


def table_of(name: str, header: str, sheet: str | None = None) -> WorkbookTable:
    return open_workbook(CORPUS / name, is_id_header=lambda text: text == header, sheet=sheet)


def test_every_error_word_is_refused():
    table = table_of("ErrorTypes.xlsx", "Error", "RawErrors")
    cells = [row.cells[0] for row in table.rows([0]) if row.number <= 8]
    words = ["#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"]
    assert [(cell.address, cell.shown) for cell in cells] == [
        (f"A{at}", word) for at, word in enumerate(words, 2)
    ]
    assert all(cell.kind is CellKind.ERROR and cell.problem for cell in cells)


def test_filtered_rows_are_counted_and_not_sent_without_a_decision():
    table = table_of("AutoFilter.xlsx", "Code", "One Cond")
    assert table.facts.hidden_rows == 12
    assert sum(row.hidden for row in table.rows()) == 12
    with pytest.raises(SourceError, match=r"12 rows of the sheet .* are hidden"):
        table.refuse([0], hidden="refuse")
    table.refuse([0], hidden="skip")


def test_dates_count_from_1904():
    table = table_of("1904.xlsx", "1")
    assert table.headers[1].text == "1904-01-02"
    # The next columns hold the same date as text: the file's own answer.
    for row in table.rows():
        assert row.cells[1].kind is CellKind.DATE
        assert row.cells[1].shown == row.cells[2].shown == row.cells[3].shown


def test_formatted_nothing_is_not_walked():
    table = table_of("issue_174.xlsx", "Your Ref #")
    assert len(table.headers) == 11
    assert [(row.number, len(row.cells)) for row in table.rows()] == [(2, 11)]


def test_escapes_are_decoded():
    headers: list[str] = []
    with pytest.raises(SourceError):
        open_workbook(CORPUS / "has_x000D_.xlsx", is_id_header=lambda text: bool(headers.append(text)))  # type: ignore[func-returns-value]
    assert headers == ["ABC DEF"]


def test_a_password_is_named_and_nothing_else():
    with pytest.raises(SourceError, match="protected by a password") as refused:
        table_of("password.xlsx", "Order ID")
    assert refused.value.code == "password"


def test_merges_are_refused_where_they_touch_data():
    table = table_of("merge_cells.xlsx", "A1:B2")
    with pytest.raises(SourceError, match="A3:B3"):
        table.refuse([0], hidden="refuse")
    with pytest.raises(SourceError, match="C1:C2"):
        table.refuse([2], hidden="refuse")


def test_hidden_sheets_are_not_offered():
    table = table_of("hidden_sheets.xlsx", "LastName")
    assert table.facts.sheet == "Sheet"


@pytest.mark.parametrize("name", ["legacy_drawing.xlsm", "sample_with_images.xlsx", "libreoffice_nrt.xlsx"])
def test_files_with_drawings_are_read(name):
    with pytest.raises(SourceError) as refused:
        table_of(name, "Order ID")
    assert refused.value.code in ("no-id-column", "empty-file")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_file_is_read_differently_by_openpyxl():
    compared = 0
    for path in sorted(CORPUS.glob("*.xls[xm]")):
        if path.name in ("password.xlsx", "issue_174.xlsx"):  # the latter is slow with openpyxl
            continue
        for theirs in openpyxl.load_workbook(path, data_only=True).worksheets:
            header = next((cell.value for row in theirs.iter_rows() for cell in row if cell.value), None)
            if header is None:
                continue
            try:
                table = table_of(path.name, " ".join(str(header).split()), theirs.title)
            except SourceError:
                continue
            for row in table.rows():
                for cell in row.cells.values():
                    value = theirs.cell(cell.row, cell.column + 1).value
                    if cell.kind is not CellKind.DATE and cell.problem is None:
                        assert cell.value == value
                        compared += 1
    assert compared > 100
