"""`check --online` as a person uses it: real sandbox, real files, the command itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from openpyxl import Workbook, load_workbook
from tests.support.command import Desk, Ended

import ordersheet
from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import Running, running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from pathlib import Path

ROWS = (
    ("Order ID", "Internal comment", "Replace internal comment", "attr:erp_reference"),
    (83600, "Called", "", ""),
    (83604, "Gift wrap asked for by phone", "yes", ""),
    (83608, "Something else", "yes", "X-1"),
    (83611, "", "", "ERP-83611"),
    (83612, "Gift wrap asked for by phone", "", ""),
    (999, "x", "", ""),
)
WORDS = {
    2: {"internalComment": "append"},
    3: {"internalComment": "unchanged"},
    4: {"internalComment": "replace", "extraAttributes.erp_reference": "set"},
    5: {"extraAttributes.erp_reference": "unchanged"},
    6: {"internalComment": "already there"},
    7: {"internalComment": "not visible"},
}


@pytest.fixture
def sandbox() -> Any:
    with running(Store(), SandboxConfig(show_attributes=True)) as found:
        yield found


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    book = Workbook()
    page = book.active
    assert page is not None
    for row in ROWS:
        page.append([cell if cell != "" else None for cell in row])
    path = tmp_path / "calls.xlsx"
    book.save(path)
    return path


def check(folder: Path, sandbox: Running, *words: str) -> Ended:
    home = {"HOME": str(folder), "ORDERSHEET_LEDGER": str(folder / "home" / "ledger.db")}
    return Desk(folder, sandbox.base_url, sandbox.key).run("check", *words, env=home)


def test_the_counts_and_the_changes_are_shown(tmp_path: Path, sandbox: Running, sheet: Path) -> None:
    ended = check(tmp_path, sandbox, "calls.xlsx", "--online", "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["changes"] == {
        "append": {"internalComment": 1},
        "unchanged": {"internalComment": 1, "extraAttributes.erp_reference": 1},
        "replace": {"internalComment": 1},
        "set": {"extraAttributes.erp_reference": 1},
        "already there": {"internalComment": 1},
        "not visible": {"internalComment": 1},
    }
    assert found["requests"]["put"] == 0
    assert found["requests"]["get"] <= 6
    assert "{+ ⏎ Called+}" in ended.err


def test_the_preview_is_the_own_file_with_old_and_new(tmp_path: Path, sandbox: Running, sheet: Path) -> None:
    ended = check(tmp_path, sandbox, "calls.xlsx", "--preview", "seen.xlsx")
    assert ended.code == 0, ended.err
    page = load_workbook(tmp_path / "seen.xlsx").active
    assert page is not None
    lines = [["" if cell is None else cell for cell in row] for row in page.iter_rows(values_only=True)]
    assert [tuple(line[:4]) for line in lines] == [tuple(row) for row in ROWS]
    assert lines[0][4:] == [
        f"{word} {header}"
        for header in ("Internal comment", "attr:erp_reference")
        for word in ("now:", "then:", "change:")
    ]
    for row, words in WORDS.items():
        assert lines[row - 1][6] == words.get("internalComment", "")
        assert lines[row - 1][9] == words.get("extraAttributes.erp_reference", "")
    assert lines[1][4:6] == ["Gift wrap asked for by phone", "Gift wrap asked for by phone\nCalled"]
    # Fed in again, its columns are known and sent nowhere, and no second preview is made of it.
    again = check(tmp_path, sandbox, "seen.xlsx", "--json").json
    assert again["not_sent"] == []
    assert again["rows"] == 6
    refused = check(tmp_path, sandbox, "seen.xlsx", "--preview", "twice.xlsx")
    assert refused.code == 2
    assert "is a preview already" in refused.err


def test_from_python(tmp_path: Path, sandbox: Running, sheet: Path) -> None:
    settings: Any = {"base_url": sandbox.base_url, "api_key": sandbox.key, "ledger": tmp_path / "ledger.db"}
    result = ordersheet.check(sheet, online=True, **settings)
    table = result.to_frame()
    assert list(table["change: Internal comment"]) == [
        WORDS[row].get("internalComment", "") for row in range(2, 8)
    ]
    frame = pd.DataFrame({"Order ID": [83600], "Internal comment": ["Called"]})
    seen = ordersheet.check(frame, online=True, **settings).to_frame()
    assert seen["now: Internal comment"][0] == "Gift wrap asked for by phone"


@pytest.mark.parametrize(
    ("config", "said"),
    [({"methods": frozenset({"PUT"})}, "may not read orders"), ({"key": "another"}, "key")],
)
def test_a_shop_that_does_not_let_orders_be_read(
    tmp_path: Path, sheet: Path, config: dict[str, Any], said: str
) -> None:
    with running(Store(), SandboxConfig(**config)) as sandbox:
        key = sandbox.key if "methods" in config else "wrong"
        ended = check(tmp_path, sandbox._replace(key=key), "calls.xlsx", "--online")
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_a_preview_replaces_no_other_file(tmp_path: Path, sandbox: Running, sheet: Path) -> None:
    (tmp_path / "own.xlsx").write_bytes(b"mine")
    ended = check(tmp_path, sandbox, "calls.xlsx", "--preview", "own.xlsx")
    assert ended.code == 2
    assert (tmp_path / "own.xlsx").read_bytes() == b"mine"
