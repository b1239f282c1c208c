"""CSV files of other projects, as they are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ordersheet.loader import open_table

CORPUS = Path(os.environ.get("ORDERSHEET_CORPUS") or Path(__file__).parents[2].parent / "shared" / "corpus")
SPECTRUM = sorted((CORPUS / "csv-spectrum" / "csvs").glob("*.csv"))

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the folder of test files is not present")


@pytest.mark.parametrize("path", SPECTRUM, ids=lambda path: path.stem)
def test_each_file_of_the_csv_spectrum_reads_as_its_json_twin(path, tmp_path):
    twin = json.loads((CORPUS / "csv-spectrum" / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
    records = twin if isinstance(twin, list) else [twin]
    content = path.read_bytes()
    if path.stem.endswith("_crlf") and b"\r" not in content:
        # A checkout that translates line endings takes away what the file is about.
        content = content.replace(b"\n", b"\r\n")
    copy = tmp_path / path.name
    copy.write_bytes(content)
    first = next(iter(records[0]))
    table = open_table(copy, is_id_header=lambda text: text == first)
    names = [header.text for header in table.headers]
    rows = [
        dict.fromkeys(names, "") | {names[c]: cell.shown for c, cell in row.cells.items()}
        for row in table.rows()
    ]
    if path.stem == "location_coordinates":
        # The twin has another phone number.
        assert rows.pop()["Cities"] == records.pop()["Cities"]
    assert rows == records


def test_a_utf16_file_with_commas():
    path = CORPUS / "utf-16le_encoded.csv"
    table = open_table(path, is_id_header=lambda text: text == "Organisation_code")
    assert (table.facts.encoding, table.facts.delimiter) == ("utf-16", ",")
    lines = path.read_text(encoding="utf-16").splitlines()
    rows = list(table.rows())
    assert len(rows) == len(lines) - 1
    assert [row.number for row in rows] == list(range(2, len(lines) + 1))
    assert rows[0].cells[1].shown == "Enfield PCT"


@pytest.mark.parametrize("name", ["password.xlsx"])
def test_a_password_is_said(name):
    with pytest.raises(Exception, match="protected by a password"):
        open_table(CORPUS / name, is_id_header=lambda _: True)
