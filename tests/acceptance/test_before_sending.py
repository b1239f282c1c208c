"""What a person is told before anything leaves: what is not sent, what customers see."""

from __future__ import annotations

import json
import sys

import pytest
from tests.support.terminal import converse

import ordersheet

SHEET = (
    "Order ID *,Internal comment *,atr:erp_reference,Kommentar,comment,Empty\n"
    "83600,one,R1,for whom?,On its way.,\n83601,two,R2,,On its way.,\n83602,three,,,,\n"
)


def test_every_filled_column_that_is_not_sent_is_named(desk):
    desk.file("orders.csv", SHEET)
    for command in (("check", "orders.csv"), ("send", "orders.csv", "--yes")):
        told = desk.run(*command)
        lines = [" ".join(line.split()) for line in told.out.splitlines()]
        assert 'C atr:erp_reference not recognised; did you mean "attr:erp_reference"?' in lines
        assert any(line.startswith("D Kommentar it does not say which comment is meant") for line in lines)
        assert "--save-mapping" in told.out
        assert "2 texts that customers may see" in told.out
        assert lines.index("Not sent:") < next(at for at, line in enumerate(lines) if "to send to" in line)


def test_scripts_are_told_the_same(desk):
    path = desk.file("orders.csv", SHEET)
    checked, sent = (
        desk.run(*command, "--json").json for command in (("check", path), ("send", path, "--yes"))
    )
    frame_like = ordersheet.check(path).summary
    for told in (checked, sent, json.loads(ordersheet.check(path).to_json())):
        assert [(one["column"], one["header"], one["field"]) for one in told["columns"]] == [
            ("A", "Order ID *", "order"),
            ("B", "Internal comment *", "internalComment"),
            ("E", "comment", "comment"),
        ]
        assert [(one["column"], one["header"], one["guess"]) for one in told["not_sent"]] == [
            ("C", "atr:erp_reference", "attr:erp_reference"),
            ("D", "Kommentar", None),
        ]
        assert told["customer_visible"] == 2
        assert told["folder_settings"] == {}
        assert told["left_out"] == 0
    assert [one.guess for one in frame_like.not_sent] == ["attr:erp_reference", None]


def test_a_value_for_every_row_is_among_what_is_told(desk):
    path = desk.file("orders.csv", "Order ID\n83600\n83601\n")
    told = desk.run("check", path, "--set", "comment=Delayed", "--json").json
    assert told["columns"][1] == {
        "column": None,
        "header": None,
        "field": "comment",
        "type": "text",
        "value": "Delayed",
    }
    assert told["customer_visible"] == 2


def test_what_is_done_already_is_not_counted_as_seen_by_customers(desk):
    path = desk.file("orders.csv", "Order ID,comment\n83600,On its way.\n")
    assert desk.run("send", path, "--yes", "--json").json["customer_visible"] == 1
    assert desk.run("check", path, "--json").json["customer_visible"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("yes", ["ja", "J", "oui", "s\u00ed", "yes"])
def test_a_yes_may_be_one_of_the_office_s_own_language(desk, held, yes):
    desk.file("orders.csv", "Order ID,Internal comment\n83600,one\n")
    code, shown = converse(desk, ["send", "orders.csv"], [("[y/N]", yes)])
    assert code == 0, shown
    assert "one" in str(held(83600))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_the_question_counts_the_texts_that_customers_may_see(desk):
    desk.file("orders.csv", SHEET)
    code, shown = converse(desk, ["send", "orders.csv"], [("2 texts of them may be seen by customers.", "n")])
    assert code == 2
    assert "Nothing was sent." in shown


def test_a_settings_file_of_the_folder_is_named_with_what_it_set(desk):
    desk.file("ordersheet.toml", 'delimiter = ";"\nduplicates = "send"\n')
    path = desk.file("orders.csv", "Order ID;Internal comment\n83600;one\n")
    for command in (("check", path), ("send", path, "--yes")):
        told = desk.run(*command)
        assert f'{desk.folder / "ordersheet.toml"} lies in this folder and sets delimiter = ";", ' in told.out
    told = desk.run("check", path, "--duplicates", "skip", "--json").json
    assert told["folder_settings"] == {"delimiter": ";"}


@pytest.mark.parametrize(
    ("key", "line"), [("set", 'set = ["comment=Buy more!"]'), ("hidden", 'hidden = "include"')]
)
def test_a_settings_file_of_the_folder_decides_nothing_that_is_written(desk, held, key, line):
    desk.file("ordersheet.toml", line + "\n")
    path = desk.file("orders.csv", "Order ID,Internal comment\n83600,one\n")
    told = desk.run("send", path, "--yes")
    assert told.code == 2
    assert f"sets {key}, which a file in the working folder may not" in told.err
    assert "Buy more" not in str(held(83600))


def test_ids_of_other_numberings_are_told_as_what_they_are(desk):
    path = desk.file("orders.csv", f"Order ID,Internal comment\n83651-1,a\n{'0af3' * 8},b\n")
    told = desk.run("check", path, "--json").json
    assert [problem["code"] for problem in told["problems"]] == ["bad-order-id"] * 2
    assert "shipment" in told["problems"][0]["message"]
    assert "newer API" in told["problems"][1]["message"]


def test_dates_in_an_office_s_own_form_are_read_where_it_is_stated(desk, store):
    desk.file(
        "map.toml",
        '[attributes]\nLiefertermin = { key = "delivery_date", type = "date", format = "TT.MM.JJJJ" }\n',
    )
    path = desk.file("termine.csv", "Bestellnummer;Liefertermin\n83600;31.03.2026\n83601;3/4/2026\n")
    told = desk.run("send", path, "--yes", "--mapping", "map.toml", "--json").json
    assert told["outcomes"] == {"applied": 1, "invalid": 1}
    assert store.get(83600).attributes["delivery_date"] == "2026-03-31"
    assert "TT.MM.JJJJ" in told["problems"][0]["message"]


def test_the_first_payloads_are_the_first_that_would_be_sent_and_long_texts_are_cut(desk):
    rows = "".join(f"8360{at},{'done' if at < 3 else 'x' * 3000 + str(at)}\n" for at in range(6))
    done = desk.file("done.csv", "Order ID,Internal comment\n83600,done\n83601,done\n83602,done\n")
    path = desk.file("orders.csv", f"Order ID,Internal comment\n{rows}83603,{'x' * 3000}3\n")
    assert desk.run("send", done, "--yes").code == 0
    told = desk.run("check", path).out.partition("The first rows as payloads:")[2]
    assert [line.split(":")[0].strip() for line in told.strip().splitlines()] == ["row 5", "row 6", "row 7"]
    assert "… (3,001 characters)" in told
    assert all(len(line) < 200 for line in told.splitlines())
    whole = desk.run("check", path, "-v").out.partition("The first rows as payloads:")[2]
    assert "x" * 3000 + "3" in whole


def test_rows_left_out_on_purpose_are_no_no_in_the_headline(desk):
    path = desk.file("orders.csv", "Order ID,Internal comment\n83600,a\n83601,b\n99,c\n83602,d\n83603,e\n")
    told = desk.run("send", path, "--yes", "--rows", "2-4")
    assert told.code == 1
    assert "2 rows ok, 1 no, 2 left out on purpose (run " in told.out


def test_a_check_of_somebody_else_s_report_says_what_send_will_ask_for(desk, tmp_path):
    path = desk.file("orders.csv", "Order ID,Internal comment\n83600,a\n83601,b\n")
    (report,) = (desk.run("send", path, "--yes"), desk.reports())[1]
    elsewhere = {"ORDERSHEET_LEDGER": str(tmp_path / "other" / "ledger.db")}
    told = " ".join(desk.run("check", report, env=elsewhere).out.split())
    assert "2 rows of these are ok as the report has it, and the ledger does not know of it" in told
    assert desk.run("send", report, "--yes", env=elsewhere).code == 2
    told = desk.run("check", report, env={**elsewhere, "ORDERSHEET_BASE_URL": ""}).out
    assert "counted where an address is set" in told
    # Where the ledger knows them, there is nothing to ask.
    assert "as the report has it" not in desk.run("check", report).out
