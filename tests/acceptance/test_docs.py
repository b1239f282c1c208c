"""Docs are executed: examples, help texts, tables and links."""

from __future__ import annotations

import asyncio
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.support.reference import MADE, between, reference

import ordersheet
from ordersheet.core.model import Outcome, StoppedBy
from ordersheet.pipeline.changes import ChangeWord

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "samples" / "README.md",
    *sorted(DOCS.glob("*.md")),
]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.fixture
def example(desk, shop, monkeypatch):
    """Run the Python page's examples as one program, in a desk's folder."""
    monkeypatch.chdir(desk.folder)
    desk.file("orders.csv", "Order ID,Internal comment\n83600,hello\n83601,world\n")

    def run() -> None:
        names = {"base_url": shop.base_url, "api_key": shop.key}
        for block in blocks(DOCS / "python.md", "python"):
            exec(compile(block, "python.md", "exec"), names)

    return run


def test_the_examples_for_python_run(example):
    example()


def test_they_run_inside_a_running_event_loop_too(example):
    async def notebook() -> None:
        example()

    asyncio.run(notebook())


def test_they_are_typed_as_strictly_as_can_be(tmp_path):
    program = tmp_path / "example.py"
    code = "\n".join(["base_url = api_key = ''", *blocks(DOCS / "python.md", "python")])
    program.write_text(code, encoding="utf-8")
    cache = f"--cache-dir={tmp_path / 'cache'}"  # not in `src`, which other tests read meanwhile
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", cache, "--config-file=", program],
        cwd=ROOT / "src",
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout.startswith("Success"), checked.stdout
    assert "stopped.result.outcomes" in code


def test_the_command_reference_is_what_the_command_prints():
    written = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert written == reference(), "make it anew with: python -m tests.support.reference"


@pytest.mark.parametrize("mark", MADE)
def test_what_is_made_from_the_tables_that_decide_is_what_they_say(mark):
    name, make = MADE[mark]
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page == between(page, mark, make()), "make it anew with: make docs"


def test_the_public_names_are_these_and_no_others():
    assert sorted(ordersheet.__all__) == [
        "Interrupted",
        "LedgerError",
        "MappingError",
        "OrdersheetError",
        "Outcome",
        "Problem",
        "RowPayload",
        "RowResult",
        "RunResult",
        "RunStopped",
        "RunSummary",
        "SentColumn",
        "SettingsError",
        "SourceError",
        "UnsentColumn",
        "UsageError",
        "check",
        "export",
        "send",
        "undo",
    ]
    listed = (DOCS / "python.md").read_text(encoding="utf-8")
    for name in ordersheet.__all__:
        assert f"`{name}`" in listed or f"`ordersheet.{name}`" in listed


def test_the_contract_lists_every_outcome_with_its_status():
    page = (DOCS / "contract.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `([a-z ]+)` \| (ok|no) \|", page, re.MULTILINE))
    assert table == {outcome.value: "ok" if outcome.ok else "no" for outcome in Outcome}


def test_the_contract_lists_every_word_of_stopped_by():
    page = (DOCS / "contract.md").read_text(encoding="utf-8")
    line = re.search(r"^\| `stopped_by` \|(.*)$", page, re.MULTILINE)
    assert line is not None
    assert re.findall(r"`([a-z-]+)`", line[1]) == list(StoppedBy)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_is_there(page):
    named = re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.py)`", page.read_text(encoding="utf-8"))
    homes = (ROOT, ROOT / "src" / "ordersheet")
    assert [name for name in named if not any((home / name).exists() for home in homes)] == []


DEVELOPMENT = (DOCS / "development.md").read_text(encoding="utf-8")
ROOMS = sorted(path.parent.name for path in (ROOT / "src" / "ordersheet").glob("*/__init__.py"))


@pytest.mark.parametrize("name", re.findall(rf"`((?:{'|'.join(ROOMS)})\.[A-Za-z_.]+)", DEVELOPMENT))
def test_every_name_of_the_page_for_developers_is_there(name):
    room, *rest = name.split(".")
    found = importlib.import_module(f"ordersheet.{room}")
    for part in rest:
        found = getattr(found, part, None) or importlib.import_module(f"{found.__name__}.{part}")


def test_the_words_of_a_preview_are_all_told():
    page = (DOCS / "see-it-first.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (`[^|]*`) \|", page, re.MULTILINE)
    assert re.findall(r"`([a-z ]+)`", " ".join(table)) == [word.value for word in ChangeWord]


def test_each_library_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for group in project["optional-dependencies"].values() for one in group]
    names = {re.split(r"[^\w-]", one, maxsplit=1)[0].lower() for one in [*project["dependencies"], *extras]}
    page = (DOCS / "decisions.md").read_text(encoding="utf-8").partition("## Dependencies")[2].lower()
    told = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\| ([^|]+)\|", page, re.MULTILINE))))
    assert names <= told
