"""Nothing silently blank, silently wrong or changed beyond the sheet: the measuring script, run small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from benchmarks.fidelity import Count, judge
from tests.support.cells import number_cell, text_cell
from tests.support.command import ROOT

CORPUS = Path(os.environ.get("ORDERSHEET_CORPUS", ROOT.parent / "shared" / "corpus"))


def test_nothing_is_lost_in_files_of_several_writers_and_of_other_people():
    folders = [str(CORPUS)] if CORPUS.is_dir() else []
    script = str(ROOT / "benchmarks" / "fidelity.py")
    done = subprocess.run(
        [sys.executable, script, "--rows", "60", *folders], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("0 cells silently blank", "0 cells silently wrong", "0 parts changed beyond the sheet"):
        assert line in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("value", "code", "ours", "blank", "wrong"),
    [
        (1188.44, "#,##0.00", number_cell(1188.44, "1,188.44"), 0, 0),
        (1188.44, "#,##0.00", number_cell(1188.44, "118,844"), 0, 1),
        (1188.44, "0.00", None, 1, 0),
        ("N/A", "General", None, 1, 0),
        ("a", "General", text_cell("b"), 0, 1),
        ("a", "General", text_cell("", problem="Nobody knows."), 0, 0),
        (True, "General", text_cell("TRUE"), 0, 0),
        (46112, "yyyy-mm-dd", text_cell("2026-03-30"), 0, 1),
    ],
)
def test_what_is_lost_is_counted(value, code, ours, blank, wrong):
    page = openpyxl.Workbook().worksheets[0]
    cell = page.cell(2, 2, value)
    cell.number_format = code
    count = Count()
    judge(ours, cell, value, "B2", count)
    assert (len(count.blank), len(count.wrong)) == (blank, wrong)
