"""`export` as a person uses it: a real sandbox, the command itself, the sheet sent back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook
from tests.support.command import Desk, Ended

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import Running, running
from ordersheet.sandbox.store import Store, order_date

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def sandbox(store: Store) -> Any:
    with running(store, SandboxConfig(show_attributes=True, largest_page=25)) as found:
        yield found


def run(folder: Path, sandbox: Running, *words: str) -> Ended:
    home = {"HOME": str(folder), "ORDERSHEET_LEDGER": str(folder / "home" / "ledger.db")}
    return Desk(folder, sandbox.base_url, sandbox.key).run(*words, env=home)


def table(path: Path) -> list[dict[str, Any]]:
    page = load_workbook(path).active
    assert page is not None
    first, *rest = page.iter_rows(values_only=True)
    return [{str(name): cell for name, cell in zip(first, row, strict=True)} for row in rest]


def test_all_visible_orders_as_a_sheet_that_can_be_sent(
    tmp_path: Path, sandbox: Running, store: Store
) -> None:
    ended = run(tmp_path, sandbox, "export", "out.xlsx", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    rows = table(tmp_path / "out.xlsx")
    assert [int(row["Order ID"]) for row in rows] == list(range(83600, 83690))
    assert (told["orders"], told["missing"]) == (90, 0)
    for row in rows:
        order = store.get(int(row["Order ID"]))
        assert order is not None
        assert (row["now: Internal comment"] or "") == order.internal_comment
        assert (row["now: Customer comment"] or "") == order.comment
        assert row["Order date"] == str(order.date)
        assert (row["now: attr:erp_reference"] or "") == order.attributes.get("erp_reference", "")
    # Filled in and handed over, exactly what was filled in is sent.
    book = load_workbook(tmp_path / "out.xlsx")
    page = book.active
    assert page is not None
    column = next(cell.column for cell in page[1] if cell.value == "Internal comment")
    page.cell(3, column).value = "Called"
    book.save(tmp_path / "out.xlsx")
    sent = run(tmp_path, sandbox, "send", "out.xlsx", "--yes", "--json", "--allow-empty-rows")
    assert json.loads(sent.out)["outcomes"]["applied"] == 1
    changed = store.get(83601)
    assert changed is not None
    assert changed.internal_comment == "Called"


def test_orders_between_two_times_with_a_status_and_further_fields(tmp_path: Path, sandbox: Running) -> None:
    newer, older = order_date(83620), order_date(83640)
    ended = run(
        tmp_path,
        sandbox,
        "export",
        "out.csv",
        "--newer-than",
        str(newer),
        "--older-than",
        str(older),
        "--status",
        "pending",
        "--fields",
        "orderCurrency,products",
    )
    assert ended.code == 0, ended.err
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(83621, 83640))
    assert "now: orderCurrency" in lines[0]
    assert "SEK" in lines[1]
    assert "example.com" not in "".join(lines)


def test_the_orders_of_a_sheet(tmp_path: Path, sandbox: Running) -> None:
    (tmp_path / "ids.csv").write_text("Order ID\n83601\n83650\n999\n83601\n", encoding="utf-8")
    ended = run(tmp_path, sandbox, "export", "out.xlsx", "--orders", "ids.csv", "--json")
    told = json.loads(ended.out)
    assert (told["orders"], told["missing"]) == (2, 1)
    assert {int(row["Order ID"]) for row in table(tmp_path / "out.xlsx")} == {83601, 83650}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("out.pdf",), ".xlsx or .csv"),
        (("there.xlsx",), "exists already"),
        (("out.xlsx", "--newer-than", "yesterday"), "must be a date such as 2026-11-27"),
        (("out.xlsx", "--newer-than", "2026-11-27", "--older-than", "2026-11-26"), "Exchange them"),
        (("out.xlsx", "--orders", "none.csv"), "none.csv"),
        (("out.xlsx", "--orders", "bad.csv"), "bad.csv, row 2"),
        (("out.xlsx", "--orders", "ids.csv", "--newer-than", "2026-11-27"), "no meaning beside it"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    tmp_path: Path, sandbox: Running, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "there.xlsx").write_bytes(b"mine")
    (tmp_path / "bad.csv").write_text("Order ID\n8,37E+04\n", encoding="utf-8")
    (tmp_path / "ids.csv").write_text("Order ID\n83601\n", encoding="utf-8")
    ended = run(tmp_path, sandbox, "export", *words)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert (tmp_path / "there.xlsx").read_bytes() == b"mine"
    assert not (tmp_path / "out.xlsx").exists()


def test_a_key_that_may_not_read_exports_nothing(tmp_path: Path, store: Store) -> None:
    with running(store, SandboxConfig(methods=frozenset({"PUT"}))) as sandbox:
        ended = run(tmp_path, sandbox, "export", "out.xlsx")
    assert ended.code == 2
    assert "may not read orders" in ended.err
    assert "--online" not in ended.err
    assert not (tmp_path / "out.xlsx").exists()
