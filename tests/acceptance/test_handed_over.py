"""A sheet and its report go from hand to hand and between computers; the ledger is kept and moved."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import openpyxl
import pytest
from tests.support.command import SAMPLES, Desk

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.faults import parse_fault
from ordersheet.sandbox.server import running

DOCS = Path(__file__).parents[2] / "docs"
ORDERS = "Order ID,Internal comment\n83600,first\n83601,second\n83602,third\n"


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.fixture
def elsewhere(tmp_path, shop):
    """Another department's computer: the same shop, another ledger."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Desk(folder, shop.base_url, shop.key)


def test_a_report_goes_to_another_department_and_comes_back(desk, elsewhere, held):
    path = desk.file("calls.csv", ORDERS + "83750x,typo\n")
    assert desk.run("send", path, "--yes").code == 1
    (report,) = desk.reports()
    text = report.read_text(encoding="utf-8")

    # They mend the typo and add a row of their own, in the report itself.
    theirs = elsewhere.file("calls back.csv", text.replace("83750x", "83603") + "83604,theirs,,,,\n")
    refused = elsewhere.run("send", theirs, "--yes")
    assert refused.code == 2
    assert "--trust-report" in refused.err
    told = elsewhere.run("send", theirs, "--yes", "--json", "--trust-report", "--report", "done.csv")
    assert (told.code, told.json["outcomes"]) == (0, {"already applied": 3, "applied": 2})

    # Back at the first computer, whose ledger knows its own three rows, and learns to trust the others.
    back = desk.file("calls done.csv", (elsewhere.folder / "done.csv").read_text(encoding="utf-8"))
    refused = desk.run("send", back, "--yes")
    assert (refused.code, "2 rows ok" in refused.err) == (2, True), refused.err
    told = desk.run("send", back, "--yes", "--json", "--trust-report")
    assert (told.code, told.json["outcomes"], told.json["requests"]["put"]) == (0, {"already applied": 5}, 0)
    for order, text in ((83600, "first"), (83603, "typo"), (83604, "theirs")):
        assert str(held(order)["internalComment"]).count(text) == 1


def test_a_workbook_goes_there_and_back_too(desk, elsewhere):
    path = desk.folder / "calls.xlsx"
    shutil.copyfile(SAMPLES / "customer-service.xlsx", path)
    first = desk.run("send", path, "--yes", "--json")
    report = Path(first.json["report"])
    told = elsewhere.run("send", report, "--yes", "--json", "--trust-report", "--report", "back.xlsx")
    assert told.json["status"] == first.json["status"]
    assert told.json["rows"] == first.json["rows"]
    mine, theirs = (
        openpyxl.load_workbook(one)[first.json["sheet"]] for one in (report, elsewhere.folder / "back.xlsx")
    )
    assert mine.dimensions == theirs.dimensions


def test_a_sheet_corrected_after_a_typo_sends_the_mended_rows_alone(desk, held):
    desk.file("calls.csv", "Order ID,Internal comment\n83600,Calld twice\n8360I,second\n")
    first = desk.run("send", "calls.csv", "--yes", "--json")
    assert (first.code, first.json["outcomes"]) == (1, {"applied": 1, "invalid": 1})
    desk.file("calls.csv", "Order ID,Internal comment\n83600,Called twice\n83601,second\n")
    checked = desk.run("check", "calls.csv")
    assert "stands: Calld twice" in checked.out
    told = desk.run("send", "calls.csv", "--yes", "--json")
    assert (told.code, told.json["outcomes"], told.json["requests"]["put"]) == (0, {"applied": 2}, 2)
    # The API cannot take an appended text back: the mended one stands below it, as check said.
    assert str(held(83600)["internalComment"]).endswith("Calld twice\nCalled twice")


@pytest.mark.parametrize(
    ("fault", "verdict", "outcome"),
    [("close-after:1", "applied", "already applied"), ("close-before:1", "absent", "applied")],
)
def test_a_person_settles_what_cannot_be_known(tmp_path, store, fault, verdict, outcome):
    # The answer is lost, and nothing was read before: whether the text stands there cannot be known.
    blind = ("--yes", "--json", "--no-baseline", "--settle", "0.5")
    with running(store, SandboxConfig(faults=(parse_fault(fault),))) as shop:
        desk = Desk(tmp_path, shop.base_url, shop.key)
        desk.file("orders.csv", "Order ID,Internal comment\n83600,only once\n")
        told = desk.run("send", "orders.csv", *blind)
        assert (told.code, told.json["outcomes"]) == (1, {"unconfirmed": 1}), told.err
        assert "resolve" in rows_of(desk.reports()[0])[1][4]
        run = told.json["run"]
        assert desk.run("send", "orders.csv", *blind).json["requests"]["put"] == 0
        settled = desk.run("resolve", run, "--row", "2", verdict)
        assert settled.code == 0, settled.err
        assert "83600" in settled.out
        told = desk.run("send", "orders.csv", "--yes", "--json")
        assert (told.code, told.json["outcomes"]) == (0, {outcome: 1}), told.err
    assert store.get(83600).internal_comment.count("only once") == 1
    assert "settled by" in desk.run("show", "--order", "83600").out


def test_absent_is_refused_while_the_request_may_still_arrive(tmp_path, store):
    with running(store, SandboxConfig(faults=(parse_fault("close-after:1"),))) as shop:
        desk = Desk(tmp_path, shop.base_url, shop.key)
        desk.file("orders.csv", "Order ID,Internal comment\n83600,only once\n")
        settle = ("--no-baseline", "--settle", "3600", "--grace", "1")
        process = desk.run("send", "orders.csv", "--yes", "--json", *settle, "--max-no", "0")
    assert process.json["outcomes"] == {"unconfirmed": 1}, process.err
    refused = desk.run("resolve", "last", "--row", "2", "absent")
    assert refused.code == 2
    assert re.search(r"\d", refused.err)


def test_who_wrote_this_tells_the_store_and_the_earlier_text_of_a_replaced_comment(desk, shop, held):
    before = str(held(83600)["internalComment"])
    assert before
    path = desk.file("orders.csv", "Order ID,Internal comment,Replace internal comment\n83600,all new,yes\n")
    run = desk.run("send", path, "--yes", "--json").json["run"]
    shown = desk.run("show", "--order", "83600")
    assert shown.code == 0
    assert f"before: {before}" in shown.out
    for part in ("all new", run, "row 2", "orders.csv", " on "):
        assert part in shown.out
    (line,) = desk.run("show", "--order", "83600", "--json").out.splitlines()
    assert f'"earlier": "{before}"' in line
    assert json.loads(line)["store"] == shop.base_url
    assert f"Order 83600 at {shop.base_url}:" in shown.out


@pytest.mark.parametrize("then", ["moved", "edited"])
def test_the_report_of_an_earlier_run_is_written_again(desk, then):
    path = desk.file("orders.csv", ORDERS)
    run = desk.run("send", path, "--yes", "--json").json["run"]
    before = rows_of(desk.reports()[0])
    desk.reports()[0].unlink()
    if then == "moved":
        path.rename(desk.folder / "archive.csv")
    else:
        path.write_text("Order ID,Internal comment\n1,something else\n", encoding="utf-8")
    written = desk.run("report", run, "--report", "again.csv")
    assert written.code == 0, written.err
    assert rows_of(Path(written.out.strip().splitlines()[-1])) == before


def test_where_the_copy_of_the_input_is_gone_the_report_is_a_fresh_table_and_says_why(desk):
    path = desk.file("orders.csv", ORDERS)
    run = desk.run("send", path, "--yes", "--json").json["run"]
    assert desk.run("purge", "--all", "--yes").code == 0
    path.unlink()
    desk.reports()[0].unlink()
    written = desk.run("report", run)
    assert written.code == 0, written.err
    note, place = written.out.strip().splitlines()
    assert note.endswith(".")
    assert Path(place).exists()


# ---- the ledger, as docs/operations.md has it ----


def test_a_backup_of_an_open_ledger_can_be_put_in_its_place(desk, tmp_path):
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    assert "`ordersheet ledger backup TARGET`" in page
    path = desk.file("orders.csv", ORDERS)
    assert desk.run("send", path, "--yes").code == 0
    ledger, copy = desk.folder / "ledger.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(ledger)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM run").fetchall()
        assert desk.run("ledger", "backup", copy).code == 0
    for old in desk.folder.glob("ledger.db*"):
        if old.is_file():
            old.unlink()
    shutil.copyfile(copy, ledger)
    told = desk.run("send", path, "--yes", "--json", "--ledger-must-exist")
    assert (told.code, told.json["outcomes"]) == (0, {"already applied": 3}), told.err


def test_after_a_restore_the_report_stands_in_for_what_the_backup_does_not_know(desk, tmp_path, held):
    first = desk.file("monday.csv", "Order ID,Internal comment\n83600,monday\n")
    assert desk.run("send", first, "--yes").code == 0
    with (
        closing(sqlite3.connect(desk.folder / "ledger.db")) as source,
        closing(sqlite3.connect(tmp_path / "copy.db")) as copy,
    ):
        source.backup(copy)
    second = desk.file("tuesday.csv", "Order ID,Internal comment\n83601,tuesday\n")
    report = desk.run("send", second, "--yes", "--json").json["report"]
    for old in desk.folder.glob("ledger.db*"):
        if old.is_file():
            old.unlink()
    shutil.copyfile(tmp_path / "copy.db", desk.folder / "ledger.db")
    assert desk.run("send", report, "--yes").code == 2
    told = desk.run("send", report, "--yes", "--json", "--trust-report")
    assert told.json["outcomes"] == {"already applied": 1}
    assert str(held(83601)["internalComment"]).count("tuesday") == 1


def test_the_ledger_moves_to_another_computer_with_its_folders(desk, elsewhere):
    path = desk.file("orders.csv", ORDERS)
    assert desk.run("send", path, "--yes", "--ledger", desk.folder / "kept" / "ledger.db").code == 0
    shutil.copytree(desk.folder / "kept", elsewhere.folder / "moved")
    moved = ("--ledger", elsewhere.folder / "moved" / "ledger.db")
    elsewhere.file("orders.csv", ORDERS)
    told = elsewhere.run("send", "orders.csv", "--yes", "--json", "--ledger-must-exist", *moved)
    assert (told.code, told.json["outcomes"]) == (0, {"already applied": 3}), told.err
    written = elsewhere.run("report", "last", *moved, "--report", "again.csv")
    assert written.code == 0, written.err


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_log_line_holds_a_text_or_a_value_at_any_level(desk, form):
    path = desk.file(
        "orders.csv",
        "Order ID,Internal comment,attr:erp_reference\n"
        "83600,very private words,secret-value\nx,other words,v\n",
    )
    told = desk.run("send", path, "--yes", "--json", "-v", "--log-format", form)
    assert told.json["outcomes"] == {"applied": 1, "invalid": 1}
    logged = [line for line in told.err.splitlines() if re.match(r"\d{4}-|\{", line)]
    assert any("83600" in line for line in logged)
    for words in ("private", "secret-value", "other words"):
        assert words not in "\n".join(logged)
