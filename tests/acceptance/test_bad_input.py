"""Bad input: a clear sentence, exit 2, nothing sent, nothing lost."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest
from tests.support.command import SAMPLES, Desk

GOOD = "Order ID,Internal comment\n83600,hello\n"


def refused(
    desk: Desk, *arguments: object, said: str, code: int = 2, env: dict[str, str] | None = None
) -> str:
    """Run a command that must be refused with a sentence, in text and as JSON."""
    ended = desk.run(*arguments, env=env)
    assert ended.code == code, ended.err + ended.out
    assert said in ended.err
    told = desk.run(*arguments, "--json", env=env)
    assert told.code == code
    assert said in told.json["error"]
    assert told.json["exit_code"] == code
    return ended.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "The file is empty: it has no header row and no data."),
        ("header.csv", b"Order ID,Internal comment\n", "a header row but no data rows"),
        ("none.csv", b"Name,Internal comment\nA,b\n", "There is no column of order IDs in the file"),
        (
            "two.csv",
            b"Order ID,Order number,Internal comment\n1,2,x\n",
            "Several columns could hold the order IDs",
        ),
        ("binary.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "The file is a picture, which is not read here."),
        ("nul.csv", b"Order ID,Internal comment\n1,a\0b\n", "NUL characters (the first is byte 30, line 2)"),
        ("notzip.xlsx", b"this is no zip file at all", "it is plain text, not a workbook"),
        (
            "quote.csv",
            b'Order ID,Internal comment\n1,"never closed\n',
            "The quote that opens in line 2 (row 2) is not closed",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(desk, name, content, said):
    path = desk.file(name, content)
    refused(desk, "check", path, said=said)
    refused(desk, "send", path, "--yes", said=said)
    assert not desk.reports()


def test_a_missing_file_and_a_folder_are_refused(desk):
    refused(desk, "check", "nowhere.csv", said="There is no file nowhere.csv.")
    refused(desk, "check", desk.folder, said="is a folder. Give a file in it.")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom file modes bind")
def test_an_unreadable_file_is_refused(desk):
    path = desk.file("orders.csv", GOOD)
    path.chmod(0)
    refused(desk, "check", path, said="cannot be read")


def test_an_unknown_sheet_names_the_known_ones(desk):
    refused(
        desk,
        "check",
        SAMPLES / "customer-service.xlsx",
        "--sheet",
        "Nope",
        said='There is no sheet "Nope". The file has "Batch edit", "Read me".',
    )


def test_all_faults_of_a_mapping_file_are_told_at_once(desk):
    path = desk.file("orders.csv", GOOD)
    mapping = desk.file(
        "m.toml", 'version = 1\ncolour = 1\n[columns]\n"Nope" = "order"\n"Internal comment" = "colour"\n'
    )
    said = refused(desk, "check", path, "--mapping", mapping, said='"colour" in the file is unknown')
    assert '[columns] "Internal comment": "colour" is no field' in said


def test_an_unknown_option_value_names_the_option_and_its_source(desk):
    path = desk.file("orders.csv", GOOD)
    refused(
        desk,
        "check",
        path,
        "--hidden",
        "maybe",
        said="hidden must be one of refuse, include, skip, not 'maybe' (from --hidden)",
    )
    refused(
        desk,
        "send",
        path,
        "--yes",
        said="not 'x' (from environment variable ORDERSHEET_TIMEOUT)",
        env={"ORDERSHEET_TIMEOUT": "x"},
    )


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"ORDERSHEET_BASE_URL": ""}, "No address is set."),
        ({"ORDERSHEET_API_KEY": ""}, "No API key is known for "),
        ({"ORDERSHEET_BASE_URL": "shop.example.com/api"}, "The store's address must begin with https://"),
        (
            {"ORDERSHEET_BASE_URL": "http://shop.example.com/api"},
            "is plain http, so the key could be read on its way",
        ),
    ],
)
def test_no_address_no_key_and_unsafe_addresses_are_refused(desk, env, said):
    path = desk.file("orders.csv", GOOD)
    refused(desk, "send", path, "--yes", said=said, env=env)


def test_nothing_is_sent_where_nobody_can_be_asked(desk, held):
    path = desk.file("orders.csv", GOOD)
    before = held(83600)
    refused(desk, "send", path, said="There is no terminal to ask at. Add --yes")
    assert held(83600) == before


def test_a_report_never_replaces_the_input_or_somebody_s_file(desk, held):
    path = desk.file("orders.csv", GOOD)
    other = desk.file("other.csv", "mine\n")
    before = held(83600)
    refused(
        desk,
        "send",
        path,
        "--yes",
        "--report",
        path,
        "--overwrite",
        said="orders.csv is the input, which is never replaced.",
    )
    refused(
        desk,
        "send",
        path,
        "--yes",
        "--report",
        other,
        said="other.csv exists and is no earlier report, so it is not replaced.",
    )
    refused(
        desk,
        "send",
        path,
        "--yes",
        "--report",
        desk.folder / "no" / "such" / "folder" / "r.csv",
        said="There is no folder ",
    )
    assert held(83600) == before
    assert other.read_text() == "mine\n"


def test_a_ledger_that_is_none_is_refused(desk):
    path = desk.file("orders.csv", GOOD)
    other = desk.file("notes.db", "these are my notes, and no database")
    refused(desk, "send", path, "--yes", "--ledger", other, said="notes.db is not a ledger of ordersheet.")
    assert other.read_text() == "these are my notes, and no database"


def test_a_newer_ledger_is_refused(desk):
    path = desk.file("orders.csv", GOOD)
    assert desk.run("send", path, "--yes").code == 0
    with closing(sqlite3.connect(desk.folder / "ledger.db")) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute(f"PRAGMA user_version = {version + 1}")
    refused(desk, "send", path, "--yes", said="was written by a newer version of ordersheet.")


def test_a_missing_ledger_can_be_refused(desk):
    path = desk.file("orders.csv", GOOD)
    refused(desk, "send", path, "--yes", "--ledger-must-exist", said="There is no ledger at ")


@pytest.mark.parametrize(
    "row",
    [
        ",text,",
        "0,text,",
        "-5,text,",
        "1.5,text,",
        "abc,text,",
        "1000000000000000,text,",
        "83600,text,maybe",
        "83600,,yes",
    ],
)
def test_a_row_with_a_problem_is_invalid_and_stops_no_other(desk, held, row):
    path = desk.file(
        "orders.csv", f"Order ID,Internal comment,Replace internal comment\n{row}\n83601,fine,\n"
    )
    assert desk.run("check", path).code == 1
    told = desk.run("send", path, "--yes", "--json")
    assert told.code == 1
    assert told.json["outcomes"] == {"invalid": 1, "applied": 1}
    assert told.json["problems"][0]["row"] == 2
    assert "fine" in str(held(83601))


def test_json_that_does_not_parse_is_invalid(desk):
    path = desk.file("orders.csv", "Order ID,Data\n83600,{oops\n")
    mapping = desk.file("m.toml", 'version = 1\n[attributes]\n"Data" = { key = "x_data", type = "json" }\n')
    told = desk.run("check", path, "--mapping", mapping, "--json")
    assert told.code == 1
    assert told.json["problems"][0]["code"] == "bad-json"
