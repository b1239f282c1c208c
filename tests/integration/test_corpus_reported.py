"""Files with traps from public reports, where a folder of them is named by ORDERSHEET_CORPUS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ordersheet.core.errors import SourceError
from ordersheet.loader import open_table

CORPUS = Path(os.environ.get("ORDERSHEET_CORPUS", Path(__file__).parents[2].parent / "shared" / "corpus"))
FOLDER = CORPUS / "reported"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no folder of other people's files at {FOLDER}")

EXPECTED = [
    ("biff5_cp1252_cyr.xls", "B2", "Позвонить клиенту"),
    ("biff5_nocp_euro.xls", "B2", "Refund 12 € – customer’s wish"),
    ("biggest-number.xlsx", "B2", "!General"),
    ("cfnumfmt.xlsx", "B2", "!conditional format"),
    ("dispimg.xlsx", "B2", "!picture"),
    ("ean.xlsx", "C2", "!General"),
    ("ean.xlsx", "C3", "!General"),
    ("forcefull.xlsx", "B2", "!out of date"),
    ("forcefull.xlsx", "B3", "!out of date"),
    ("forcefull.xlsx", "B5", "!out of date"),
    ("hidden-truth-value.xlsx", "B2", "!not shown"),
    ("imgcell.xlsx", "B2", "!picture"),
    ("inh-saved-by-libreoffice.ods", "B2", "36:00"),
    ("inh-saved-by-libreoffice.ods", "B3", "36:00"),
    ("inh-saved-by-libreoffice.ods", "B4", "2026-03-31T00:00:00"),
    ("iso-date-1899.xlsx", "B2", "!1900-03-01"),
    ("iso-date-1899.xlsx", "B3", "!1900-03-01"),
    ("negative-zero.xlsx", "B2", "0.000"),
    ("negative-zero.xlsx", "B3", "0%"),
    ("negative-zero.xlsx", "B5", "-0.00"),
    ("no-mimetype.ods", "B2", "ok"),
    ("same.ods", "B2", "2026-03-31"),
    ("same.xlsx", "B2", "2026-03-31"),
    ("showzeros.xlsx", "B2", "!not seen"),
    ("space.xlsx", "B2", "both ends"),
    ("space.xlsx", "C3", " kept "),
    ("space.xlsx", "B5", "<clear>"),
    ("template.xltx", "B2", "ok"),
    ("time-of-excel.ods", "B2", "12:00:00"),
    ("c_zwid.csv", "A2", "!U+202D"),
    ("us.csv", "B2", "!U+001F"),
]


@pytest.mark.parametrize(("name", "address", "expected"), EXPECTED)
def test_a_trap_gives_what_a_person_sees_or_a_problem(name, address, expected):
    table = open_table(FOLDER / name, is_id_header=lambda text: text == "Order ID")
    cells = {cell.address: cell for row in table.rows() for cell in row.cells.values()}
    found = cells[address]
    if expected.startswith("!"):
        assert expected[1:] in (found.problem or "")
    else:
        assert (found.shown, found.problem) == (expected, None)


@pytest.mark.parametrize("name", ["xls-NaN.xls", "xls-format-is-NUL.xls"])
def test_one_bad_cell_is_no_damaged_file(name):
    with pytest.raises(SourceError) as refused:
        open_table(FOLDER / name, is_id_header=lambda text: text == "Order ID")
    assert refused.value.code in ("empty-file", "no-id-column")


def test_a_full_last_column_is_said(tmp_path):
    table = open_table(FOLDER / "last-column-used.xlsx", is_id_header=lambda text: text == "Order ID")
    assert "no room" in " ".join(table.facts.notices)
