"""The house's own rules, as far as import-linter (pyproject.toml) and ruff cannot say them."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from tests.support.loaded_modules import loaded_by

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


BREACHES = (
    ("core", "import ordersheet.api"),
    ("loader", "from ordersheet.reporter import write"),
    ("pipeline", ""),
    ("delivery", "import httpx"),
    ("pipeline", "import sqlite3"),
    ("cli", "from sqlalchemy import select"),
    ("sandbox", "import ordersheet.core.model"),
    ("pipeline", "import ordersheet.sandbox.store"),
)
"""A line in a new module of a room, each against another contract; none at all: a verb without its place."""


def test_each_breach_is_noticed(tmp_path):
    shutil.copytree(SOURCE, tmp_path / "src" / "ordersheet", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    named = {}
    for number, (where, line) in enumerate(BREACHES):
        (tmp_path / "src" / "ordersheet" / where / f"breach_{number}.py").write_text(
            f"{line}\n", encoding="utf-8"
        )
        target = line.split()[1].removesuffix(".model").removesuffix(".store") if line else ""
        named[number] = (
            rf"\b{where}\.breach_{number} -> {target}" if line else rf"\b{where}\.breach_{number}\b"
        )
    found = lint_imports(tmp_path)
    assert found.returncode == 1
    assert [number for number, words in named.items() if not re.search(words, found.stdout)] == []


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


def test_the_page_for_developers_names_every_room():
    page = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| [0-9–]* *\| `([a-z]+)` \|", page, re.MULTILINE)
    assert sorted(named) == sorted(ROOMS - {"__pycache__"})


def test_no_module_is_loose_at_the_top():
    assert {path.name for path in SOURCE.iterdir() if path.is_file()} <= {
        "__init__.py",
        "__main__.py",
        "py.typed",
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_stay_small_enough_to_read(path):
    # A state machine is one thing, and easier to follow in one place.
    longest = 700 if path.name == "order.py" else 400
    assert len(path.read_text(encoding="utf-8").splitlines()) <= longest


def test_functions_fit_a_screen():
    found = [
        f"{path.relative_to(SOURCE)}: {node.name}"
        for path in MODULES
        for node in ast.walk(WHOLE[path])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= 60
    ]
    assert found == []


HEAVY = {"pandas", "numpy", "sqlalchemy", "httpx", "openpyxl", "uvicorn", "starlette", "xlrd", "tqdm"}


@pytest.mark.parametrize(
    "what", ["import ordersheet", "import ordersheet.__main__", "from ordersheet.cli import app"]
)
def test_help_imports_nothing_heavy(what):
    assert not HEAVY & loaded_by(what)


def test_a_check_imports_no_network_and_no_ledger(tmp_path):
    sheet = tmp_path / "orders.csv"
    sheet.write_text("order,comment\n1,called\n", encoding="utf-8")
    what = f"import sys\nsys.argv = ['ordersheet', 'check', {str(sheet)!r}]\nfrom ordersheet.cli import app"
    loaded = loaded_by(f"{what}\ntry:\n    app()\nexcept SystemExit as end:\n    assert not end.code")
    assert "ordersheet.pipeline.check" in loaded
    assert not {*HEAVY, "asyncio", "ssl", "h11", "tenacity"} & loaded


PRIVATE = frozenset(
    ("asides", "scribe", "spool", "survey", "pacer", "taking", "ticker", "apikey", "eventlog")
)
"""Words of our own that once stood for what glossary and trade have a word for, as parts of a name."""
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def parts_of(name: str) -> set[str]:
    """Give the words that a name is made of: `read_body` and `ReadBody` both of read and body."""
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


def names_in(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found


def test_no_name_is_made_of_a_private_word():
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in WHOLE.items()
        for name in sorted({path.stem, *names_in(tree)})
        if parts_of(name) & PRIVATE
    ]
    assert found == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_uses_a_private_word(page):
    text = page.read_text(encoding="utf-8").lower()
    assert set(re.findall(r"[a-z]+", text)) & (PRIVATE - {"taking", "survey"}) == set()


def glossary() -> list[str]:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    return [word for word in re.findall(r"^\| ([a-z -]+) \|", page, re.MULTILINE) if word != "word"]


def stem(word: str) -> str:
    """Give what a word has in common with its other forms, roughly: claim, claims, claimed."""
    return re.sub(r"(e|y)$", "", word)


def test_the_glossary_defines_no_word_twice():
    assert sorted(glossary()) == sorted(set(glossary()))


@pytest.mark.parametrize("word", glossary())
def test_each_word_of_the_glossary_is_used_in_the_code(word):
    pattern = r"\w*?[\s_-]*".join(re.escape(stem(part)) for part in re.split(r"[ -]", word))
    used = [path for path in MODULES if re.search(pattern, path.read_text(encoding="utf-8"), re.IGNORECASE)]
    assert used


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_line_of_a_page_is_longer_than_160_characters_but_in_tables(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    long = [n for n, line in enumerate(lines, 1) if len(line) > 160 and not line.lstrip().startswith("|")]
    assert long == []


def test_the_workflow_calls_targets_that_make_knows_on_every_python_that_is_promised():
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    called = re.findall(r"make PYTHON=python (\S+)", workflow)
    assert called
    assert set(called) <= targets
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert re.findall(r'"(3\.\d+)"', workflow.split("matrix:", 1)[1]) == promised


def test_no_test_patches_what_it_tests():
    """A fault comes through a seam that the product has: a parameter, a file, a server that misbehaves."""
    found = [
        f"{path.relative_to(ROOT)}, line {node.lineno}"
        for path in TESTS
        for node in ast.walk(WHOLE[path])
        if (isinstance(node, ast.Attribute) and node.attr in ("setattr", "delattr", "patch"))
        or (isinstance(node, ast.ImportFrom) and node.module in ("mock", "unittest.mock", "pytest_mock"))
        or (isinstance(node, ast.arg) and node.arg == "mocker")
    ]
    assert found == []
