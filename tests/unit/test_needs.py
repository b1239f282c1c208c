"""A test that needs what is not there says so, and never passes unseen where it must be there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.needs import NEEDS, Need, required_by

ROOT = Path(__file__).parents[2]
ASKING = """
import pytest

@pytest.mark.needs("libreoffice")
def test_it():
    raise AssertionError("this ran")
"""


def ended(folder: Path, *, path: str, require: str) -> str:
    """Run a test that needs LibreOffice, and would fail if it ran."""
    (folder / "test_asking.py").write_text(ASKING, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = needs: see there\n", encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.support.needs",
            "-rsfE",
            "-c",
            folder / "pytest.ini",
            folder,
        ],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "ORDERSHEET_REQUIRE": require},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout + done.stderr


def test_what_is_not_there_is_skipped_with_a_line_that_names_it(tmp_path):
    shown = ended(tmp_path, path="", require="browser")
    assert "1 skipped" in shown
    assert "needs LibreOffice (soffice)" in shown


def test_it_fails_where_it_is_said_to_be_there(tmp_path):
    shown = ended(tmp_path, path="", require="libreoffice, browser")
    assert "1 skipped" not in shown
    assert "needs LibreOffice (soffice), and ORDERSHEET_REQUIRE says that it is there" in shown
    assert "this ran" not in shown


def test_it_runs_where_it_is_there(tmp_path):
    program = tmp_path / ("soffice.exe" if os.name == "nt" else "soffice")
    program.write_bytes(b"")
    program.chmod(0o755)
    assert "this ran" in ended(tmp_path, path=str(tmp_path), require="")


def test_a_word_that_is_no_need_is_refused():
    with pytest.raises(ValueError, match="libre is none of browser, dbos, libreoffice, pgbouncer, postgres"):
        required_by("browser,libre")


def test_a_module_is_found_by_its_name():
    assert Need("json", modules=("no_such_module", "json")).found() == "json"
    assert Need("nothing", modules=("no_such_module",)).found() is None
    assert all(need.what for need in NEEDS.values())
