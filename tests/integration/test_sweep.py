"""The sweep over folders of other people's files counts what it is there to count."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import openpyxl
from benchmarks.sweep import Figures, examine, first_text, read_again
from tests.support.command import ROOT

from ordersheet.loader import open_table

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, content: str = "Ref;Note\r\n1;Größe – 5 €\r\n2;x\r\n") -> Path:
    path = folder / "orders.csv"
    path.write_bytes(content.encode("cp1252"))
    return path


def test_a_folder_is_swept(tmp_path):
    written(tmp_path)
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["Ref", "Note"])
    book.active.append([1, "Größe"])
    book.save(tmp_path / "orders.xlsx")
    (tmp_path / "bad.csv").write_bytes(b'Ref;Note\n1;"open\n')
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "sweep.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "workbooks: 1 files, 1 read, 2 cells" in done.stdout
    assert "texts: 2 files, 1 read, 4 cells" in done.stdout
    assert "refused: unclosed-quote 1" in done.stdout
    assert done.stdout.endswith("0 lost\n")


def test_a_report_that_reads_differently_is_lost(tmp_path):
    path, is_id, found = written(tmp_path), first_text(), Figures()
    table = open_table(path, is_id_header=is_id)
    cells = {(row.number, column): cell for row in table.rows() for column, cell in row.cells.items()}
    read_again(path, table, cells, is_id, tmp_path, found)
    assert found.lost == []
    cells[2, 1] = cells[2, 1]._replace(shown="another")
    read_again(path, table, cells, is_id, tmp_path, found)
    assert len(found.lost) == 1


def test_a_doubt_about_the_encoding_is_a_refusal_and_nothing_lost(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_bytes("Ref;Note\n1;así es\n".encode("mac-roman"))
    found = Figures()
    examine(path, tmp_path, found)
    assert dict(found.refusals) == {"encoding": 1}
    assert found.lost == []
