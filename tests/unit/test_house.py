"""The house's own rules: imports run downwards, each engine lives in one place, files stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "ordersheet"
MODULES = sorted(SOURCE.rglob("*.py"))

LAYERS = (
    {"core"},
    {"api", "ooxml"},
    {"config", "loader", "mapping", "delivery", "ledger", "reporter"},
    {"console"},
    {"pipeline", "setup"},
    {"cli", "__main__", "__init__"},
)
STAGES = {"loader", "mapping", "delivery", "ledger", "reporter"}
ENGINES = {
    "httpx": {"delivery"},
    "h11": {"delivery"},
    "tenacity": {"delivery"},
    "truststore": {"delivery"},
    "sqlalchemy": {"ledger"},
    "typer": {"cli"},
    "tqdm": {"console"},
    "keyring": {"config"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "xlrd": {"loader"},
    "chardet": {"loader"},
    "defusedxml": {"api"},
    "pandas": {"loader", "pipeline", "core"},
    "openpyxl": {"reporter", "loader"},
}


def room(path: Path) -> str:
    """The top-level module or package that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path.name}: relative import"
            found.add(node.module)
            if node.module == "ordersheet":
                found |= {f"ordersheet.{alias.name}" for alias in node.names}
    return found


def layer(name: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if name in rooms)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_run_downwards_and_stages_do_not_know_each_other(path):
    own = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "ordersheet" or len(parts) == 1:
            continue
        other = parts[1]
        if own in ("sandbox", other):
            assert other == own, f"the sandbox imports {name}"
            continue
        if other == "sandbox":
            assert own == "cli"
            continue
        assert layer(other) <= layer(own), f"{own} imports upwards: {name}"
        assert not ({own, other} <= STAGES), f"stages know each other: {own}, {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_each_engine_lives_in_one_place(path):
    for name in imports(path):
        allowed = ENGINES.get(name.split(".")[0])
        assert allowed is None or room(path) in allowed, f"{path.name} imports {name}"


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
