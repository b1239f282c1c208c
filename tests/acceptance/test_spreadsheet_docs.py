"""The tables of docs/spreadsheets.md, line by line, held against the real thing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.support import files_of_docs
from tests.support.command import ROOT
from tests.support.needs import need
from tests.support.one_cell import ORDER, TEXT, agrees, in_csv, in_ods, in_workbook, outcome

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "spreadsheets.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """Give the rows of the first table below a heading."""
    section = PAGE.split(f"## {heading}", 1)[1]
    lines = re.search(r"^\|.*?(?=^[^|])", section, re.MULTILINE | re.DOTALL)
    assert lines is not None
    rows = [[cell.strip(" ") for cell in line[1:-1].split("|")] for line in lines[0].splitlines()]
    return rows[2:]


def code(cell: str) -> str:
    """Give what stands between a cell's backticks, and `""` for an empty one."""
    return cell.removeprefix("`").removesuffix("`")


def both(path_of, said_text: str, said_order: str) -> None:
    for place, said in ((TEXT, said_text), (ORDER, said_order)):
        found = outcome(path_of(place), place)
        assert agrees(said, found), (place, said, found)


def names(rows: list[list[str]]) -> list[str]:
    return [row[0] for row in rows]


CELLS = table("What a cell of an Excel workbook")
FIELDS = table("What a field of a CSV file")
ODS = table("What a cell of an .ods file")
FILES = table("Files and sheets")
REPORTS = table("What comes back")


@pytest.mark.parametrize("row", CELLS, ids=names(CELLS))
def test_cells_of_workbooks(row, tmp_path):
    _, stored, number_format, *said = row
    both(lambda place: in_workbook(tmp_path / "a.xlsx", code(stored), code(number_format), place), *said)


@pytest.mark.parametrize("row", FIELDS, ids=names(FIELDS))
def test_fields_of_csv_files(row, tmp_path):
    _, stored, *said = row
    both(lambda place: in_csv(tmp_path / "a.csv", code(stored).replace("⏎", "\n"), place), *said)


@pytest.mark.parametrize("row", ODS, ids=names(ODS))
def test_cells_of_ods_files(row, tmp_path):
    _, stored, shown, *said = row
    both(lambda place: in_ods(tmp_path / "a.ods", code(stored), code(shown), place), *said)


def said_of_file(path: Path) -> str:
    kind, text = files_of_docs.outcome(path)
    return kind if not text else f"{kind}: {text}"


@pytest.mark.parametrize("row", FILES, ids=names(FILES))
def test_files_and_sheets(row, tmp_path):
    name, said = row
    if name.startswith((".ods", ".xls, ")):
        need("libreoffice")
    found = said_of_file(files_of_docs.FILES[name](tmp_path))
    kind, _, words = said.partition(": ")
    assert found.startswith(kind), found
    assert words in found
    assert words or found == kind


@pytest.mark.parametrize("row", REPORTS, ids=names(REPORTS))
def test_what_comes_back(row, tmp_path):
    files_of_docs.REPORTS[row[0]](tmp_path)


def test_every_file_that_can_be_built_stands_on_the_page():
    assert names(FILES) == list(files_of_docs.FILES)
    assert names(REPORTS) == list(files_of_docs.REPORTS)
