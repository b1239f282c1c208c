"""The house's own rules, as far as import-linter (pyproject.toml) and ruff cannot say them."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ordersheet"
MODULES = sorted(SOURCE.rglob("*.py"))
ROOMS = {path.name for path in SOURCE.iterdir() if path.is_dir()}
TESTS = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])
WHOLE = {path: ast.parse(path.read_text(encoding="utf-8")) for path in [*MODULES, *TESTS]}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-cache",
        ],
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_the_contracts_of_import_linter_are_kept():
    found = lint_imports(ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("core", "import ordersheet.api"),
        ("loader", "from ordersheet.reporter import write"),
        ("pipeline", ""),
        ("delivery", "import httpx"),
        ("pipeline", "import sqlite3"),
        ("cli", "from sqlalchemy import select"),
        ("sandbox", "import ordersheet.core.model"),
        ("pipeline", "import ordersheet.sandbox.store"),
    ],
)
def test_a_breach_is_noticed(tmp_path, where, line):
    shutil.copytree(SOURCE, tmp_path / "src" / "ordersheet", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "src" / "ordersheet" / where / "breach.py").write_text(f"{line}\n", encoding="utf-8")
    found = lint_imports(tmp_path)
    assert found.returncode == 1
    assert "breach" in found.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_are_absolute_and_past_the_public_face(path):
    for node in ast.walk(WHOLE[path]):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            if node.module == "ordersheet":
                assert {alias.name for alias in node.names} <= ROOMS, f"line {node.lineno}: the public face"


def test_no_class_name_stands_twice():
    names = Counter(
        node.name for path in MODULES for node in ast.walk(WHOLE[path]) if isinstance(node, ast.ClassDef)
    )
    assert [name for name, number in names.items() if number > 1] == []


def test_no_module_is_loose_at_the_top():
    assert {path.name for path in SOURCE.iterdir() if path.is_file()} <= {
        "__init__.py",
        "__main__.py",
        "py.typed",
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_stay_small_enough_to_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize(
    "what", ["import ordersheet", "import ordersheet.__main__", "from ordersheet.cli import app"]
)
def test_help_imports_nothing_heavy(what):
    code = f"{what}\nimport sys\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = {
        "pandas",
        "numpy",
        "sqlalchemy",
        "httpx",
        "openpyxl",
        "uvicorn",
        "starlette",
        "xlrd",
        "chardet",
        "tqdm",
    }
    assert not heavy & set(loaded)
