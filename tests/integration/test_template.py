from __future__ import annotations

import subprocess

import openpyxl
import pytest

from ordersheet.mapping.headers import FIELDS, is_id_header, recognise
from ordersheet.reporter.template import HELP_SHEET, SHEET, write_template


@pytest.fixture
def book(tmp_path):
    path = write_template(tmp_path / "orders.xlsx", attributes=["erp_reference", "hold"])
    assert path == tmp_path / "orders.xlsx"
    return openpyxl.load_workbook(path)


def test_every_header_is_recognised(book):
    headers = [cell.value for cell in book[SHEET][1]]
    fields = [recognise(header) for header in headers]
    assert fields == [*FIELDS, "extraAttributes.erp_reference", "extraAttributes.hold"]


def test_ids_are_text_and_the_header_is_frozen(book):
    sheet = book[SHEET]
    assert sheet.freeze_panes == "A2"
    assert {sheet.column_dimensions[letter].number_format for letter in "ABCDEFG"} == {"@"}


def test_replace_columns_offer_yes_and_no(book):
    (choices,) = book[SHEET].data_validations.dataValidation
    assert choices.formula1 == '"yes,no"'
    letters = {str(block)[0] for block in choices.sqref.ranges}
    assert [book[SHEET][f"{letter}1"].value for letter in sorted(letters)] == [
        "Replace internal comment",
        "Replace customer comment",
    ]


def test_nothing_on_the_help_sheet_reads_like_an_id_header(book):
    texts = [value for row in book[HELP_SHEET].iter_rows(values_only=True) for value in row if value]
    assert any("Order ID" in text for text in texts)
    assert not any(is_id_header(text) for text in texts)


def test_help_explains_every_column_of_the_template(book):
    said = {row[0] for row in book[HELP_SHEET].iter_rows(values_only=True)}
    plain = [cell.value for cell in book[SHEET][1] if not cell.value.startswith("attr:")]
    assert {f"“{header}”" for header in plain} <= said


@pytest.mark.needs("libreoffice")
def test_libreoffice_keeps_what_is_typed_as_text(tmp_path):
    path = write_template(tmp_path / "orders.xlsx")
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
    subprocess.run([*call, str(path)], check=True, capture_output=True, timeout=120)
    sheet = openpyxl.load_workbook(tmp_path / "again" / "orders.xlsx")[SHEET]
    assert sheet.column_dimensions["A"].number_format == "@"
    assert len(sheet.data_validations.dataValidation) == 1
