"""Yesterday's file, a new key, an edited report, nothing at all: as the command meets them."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

import pytest

ORDERS = "Order ID,Internal comment\n83600,first\n83601,second\n"


def test_the_same_bytes_in_a_new_batch_need_same_file(desk):
    desk.file("orders.csv", ORDERS)
    send = ("send", "orders.csv", "--yes", "--json")
    assert desk.run(*send, "--batch", "monday").code == 0
    refused = desk.run(*send, "--batch", "tuesday")
    assert (refused.code, refused.json["retry"], refused.json["run"]) == (2, False, None)
    assert "add --same-file" in refused.json["error"]
    assert refused.json["file"] == "orders.csv"
    meant = desk.run(*send, "--batch", "tuesday", "--same-file")
    assert (meant.code, meant.json["requests"]["put"]) == (0, 2)


def test_a_new_key_at_a_known_address_needs_same_store(desk, store):
    desk.file("orders.csv", ORDERS)
    send = ("send", "orders.csv", "--yes", "--json")
    assert desk.run(*send).code == 0
    store.key = "another-key"
    new = {"ORDERSHEET_API_KEY": "another-key"}
    refused = desk.run(*send, env=new)
    assert refused.code == 2
    assert "add --same-store" in refused.json["error"]
    assert "may be another shop" in desk.run("check", "orders.csv", env=new).out
    assert desk.run(*send, "--same-store", env=new).json["outcomes"] == {"already applied": 2}
    assert desk.run(*send, env=new).json["outcomes"] == {"already applied": 2}


@pytest.mark.parametrize("given", [("--trust-report", "report.csv"), ("report.csv", "--trust-report")])
def test_a_trusted_report_names_the_rows_that_were_edited(desk, given):
    desk.file("orders.csv", ORDERS)
    report = Path(desk.run("send", "orders.csv", "--yes", "--json").json["report"])
    desk.file("report.csv", report.read_text(encoding="utf-8").replace("second", "edited"))
    elsewhere = {"ORDERSHEET_LEDGER": str(desk.folder / "elsewhere.db")}
    told = desk.run("send", *given, "--yes", env=elsewhere)
    assert (told.code, "changed since it was written (row 3)" in told.out) == (0, True)
    old = report.read_text(encoding="utf-8")
    rows = [[cell.split(" [")[0] for cell in row] for row in csv.reader(old.splitlines())]
    desk.file("old.csv", "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows))
    other = {"ORDERSHEET_LEDGER": str(desk.folder / "other.db")}
    refused = desk.run("send", "old.csv", "--yes", "--trust-report", env=other)
    assert (refused.code, "--trust-report all" in refused.err) == (2, True)
    trusted = desk.run("send", "--trust-report", "all", "old.csv", "--yes", "--json", env=other)
    assert trusted.json["outcomes"] == {"already applied": 2}


def test_an_empty_file_and_rows_that_ask_for_nothing_make_no_night_red(desk):
    desk.file("nothing.csv", "")
    refused = desk.run("send", "nothing.csv", "--yes", "--json")
    assert (refused.code, "empty" in refused.json["error"]) == (2, True)
    checked, sent = (
        desk.run(*command, "nothing.csv", "--allow-empty", "--json")
        for command in (("check",), ("send", "--yes"))
    )
    assert [(told.code, told.json["rows"]) for told in (checked, sent)] == [(0, 0), (0, 0)]
    report = Path(sent.json["report"])
    assert report.read_text(encoding="utf-8-sig").startswith("row,order,update_status")
    again = desk.run("report", "last", "--report", "again.csv")
    assert (again.code, "gone" in again.out) == (0, False)
    desk.file("quiet.csv", "Order ID,Internal comment\n83600,\n83601,second\n")
    for command in (("check",), ("send", "--yes")):
        red = desk.run(*command, "quiet.csv", "--json")
        assert (red.code, red.json["outcomes"].get("nothing to update")) == (1, 1)
        green = desk.run(*command, "quiet.csv", "--allow-empty-rows", "--json")
        assert (green.code, green.json["outcomes"].get("nothing to update")) == (0, 1)


def test_a_ledger_is_backed_up_and_checked(desk):
    desk.file("orders.csv", ORDERS)
    assert desk.run("send", "orders.csv", "--yes").code == 0
    copy = desk.folder / "copy.db"
    assert desk.run("ledger", "backup", copy).out.splitlines() == [str(copy)]
    assert desk.run("ledger", "backup", copy).code == 2
    assert desk.run("ledger", "backup", copy, "--overwrite").code == 0
    assert desk.run("ledger", "backup", desk.folder / "ledger.db", "--overwrite").code == 2
    whole = desk.run("ledger", "check", "--ledger", copy)
    assert (whole.code, "is whole: 1 run, 2 operations." in whole.out) == (0, True)
    assert desk.run("ledger", "check", "--json", "--ledger", copy).json["faults"] == []
    with sqlite3.connect(copy) as database:
        database.execute("DROP TRIGGER operation_moves")
    database.close()
    broken = desk.run("ledger", "check", "--json", "--ledger", copy)
    assert (broken.code, len(broken.json["faults"])) == (1, 1)
    assert desk.run("ledger", "check", "--ledger", "nowhere.db").code == 2


def test_purge_all_asks(desk):
    desk.file("orders.csv", ORDERS)
    assert desk.run("send", "orders.csv", "--yes").code == 0
    refused = desk.run("purge", "--all")
    assert (refused.code, "Add --yes" in refused.err) == (2, True)
    assert "Purged: 1 run, 4 texts" in desk.run("purge", "--all", "--yes").out
