"""The main job: a spreadsheet in, one PUT for each row, the same back with ok or no beside every row."""

from __future__ import annotations

import csv
import io
import shutil
from typing import TYPE_CHECKING

import openpyxl
import pytest
from tests.support.command import SAMPLES
from tests.support.one_cell import ORDER, in_ods

from ordersheet.cli.demo import DESIGNED
from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = "Order ID,Internal comment\n83600,first\n83601,second\n83602,third\n"


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_demo_ends_as_designed_and_leaves_a_report(bare_desk):
    ended = bare_desk.run("demo")
    assert ended.code == 0, ended.err
    (report,) = bare_desk.reports()
    assert ended.out.strip().splitlines()[-1] == str(report)
    # What is gone with the demo is not said to be kept.
    assert "ledger" not in ended.out
    sheet = openpyxl.load_workbook(report)["Batch edit"]
    outcomes = [sheet.cell(row, 11).value for row in range(4, sheet.max_row + 1)]
    assert {outcome: outcomes.count(outcome) for outcome in set(outcomes)} == DESIGNED


def test_each_row_is_sent_once_and_reported(desk, held):
    path = desk.file("orders.csv", ORDERS)
    told = desk.run("send", path, "--yes", "--json")
    assert told.code == 0, told.err
    assert told.json["status"] == {"ok": 3, "no": 0}
    assert told.json["requests"]["put"] == 3
    assert held(83601)["internalComment"].endswith("second")
    (report,) = desk.reports()
    assert told.json["report"] == str(report)
    header, *rows = rows_of(report)
    assert header == [
        "Order ID",
        "Internal comment",
        "update_status",
        "update_outcome",
        "update_message",
        "update_time",
    ]
    assert [row[:4] for row in rows] == [
        ["83600", "first", "ok", "applied"],
        ["83601", "second", "ok", "applied"],
        ["83602", "third", "ok", "applied"],
    ]


def test_sending_again_sends_nothing_and_an_edited_cell_alone(desk, held):
    path = desk.file("orders.csv", ORDERS)
    assert desk.run("send", path, "--yes").code == 0
    before = held(83600)["internalComment"]
    again = desk.run("send", path, "--yes", "--json")
    assert (again.code, again.json["outcomes"], again.json["requests"]["put"]) == (
        0,
        {"already applied": 3},
        0,
    )
    desk.file("orders.csv", ORDERS.replace("second", "second; corrected"))
    edited = desk.run("send", path, "--yes", "--json")
    assert edited.json["outcomes"] == {"already applied": 2, "applied": 1}
    assert edited.json["requests"]["put"] == 1
    assert held(83600)["internalComment"] == before
    assert held(83601)["internalComment"].count("second") == 2


def test_a_corrected_text_is_announced_before_it_is_added(desk):
    path = desk.file("orders.csv", ORDERS)
    assert desk.run("send", path, "--yes").code == 0
    desk.file("orders.csv", ORDERS.replace("second", "a better text"))
    checked = desk.run("check", path)
    assert "stands: second" in checked.out
    assert "added:  a better text" in checked.out


def test_another_text_for_the_same_file_is_announced_as_what_it_is(desk):
    desk.file("ids.csv", "Order ID\n83601\n")
    sends = ("send", "ids.csv", "--yes", "--set")
    assert "other text" not in desk.run(*sends, "internalComment=strike", "--batch", "mon").out
    told = desk.run(*sends, "internalComment=snow", "--batch", "tue", "--same-file").out
    assert "1 other text added by earlier sends of this file; each new text goes below the old one:" in told
    assert "stands: strike" in told
    assert "added:  snow" in told


def test_a_text_that_was_replaced_since_or_is_about_to_be_is_not_announced(desk):
    head = "Order ID,Internal comment,Replace internal comment\n"
    for rows in ("83601,one,\n", "83601,two,yes\n", "83601,three,\n", "83601,four,yes\n83601,five,\n"):
        desk.file("orders.csv", head + rows)
        told = desk.run("send", "orders.csv", "--yes").out
        assert "stands:" not in told
    desk.file("orders.csv", head + "83601,six,\n")
    assert "stands: five" in desk.run("check", "orders.csv").out


def test_a_report_can_be_fed_in_again(desk):
    path = desk.file("orders.csv", ORDERS)
    assert desk.run("send", path, "--yes").code == 0
    (report,) = desk.reports()
    told = desk.run("send", report, "--yes", "--json", "--report", desk.folder / "again.csv")
    assert (told.code, told.json["outcomes"]) == (0, {"already applied": 3})
    header, *_ = rows_of(desk.folder / "again.csv")
    assert len(header) == 6


def test_a_report_of_another_computer_is_not_sent_a_second_time(desk, held, tmp_path):
    path = desk.file("orders.csv", ORDERS)
    assert desk.run("send", path, "--yes").code == 0
    (report,) = desk.reports()
    text = report.read_text(encoding="utf-8")
    other = desk.file(
        "handed-over.csv", text + "83603,new,,,,\r\n" if "\r\n" in text else text + "83603,new,,,,\n"
    )
    elsewhere = {"ORDERSHEET_LEDGER": str(tmp_path / "other.db")}
    refused = desk.run("send", other, "--yes", env=elsewhere)
    assert refused.code == 2
    assert "3 rows ok" in refused.err
    told = desk.run("send", other, "--yes", "--json", "--trust-report", env=elsewhere)
    assert told.json["outcomes"] == {"already applied": 3, "applied": 1}
    assert held(83600)["internalComment"].count("first") == 1


def test_the_same_text_is_sent_in_a_new_batch_and_not_twice_in_one(desk, held):
    path = desk.file("orders.csv", ORDERS)
    ended = [
        desk.run("send", path, "--yes", "--json", "--batch", day, "--same-file")
        for day in ("monday", "monday", "tuesday")
    ]
    counts = [one.json["requests"]["put"] for one in ended]
    assert counts == [3, 0, 3]
    assert held(83600)["internalComment"].count("first") == 2


def test_again_sends_the_same_texts_once_more(desk, held):
    path = desk.file("orders.csv", ORDERS)
    assert desk.run("send", path, "--yes").code == 0
    assert desk.run("send", path, "--yes", "--again").code == 0
    assert held(83600)["internalComment"].count("first") == 2
    assert desk.run("send", path, "--yes", "--json").json["requests"]["put"] == 0


@pytest.mark.parametrize(
    ("sample", "options", "ok"),
    [
        ("carrier-delay.csv", (), 12),
        ("attributes.csv", ("--mapping", SAMPLES / "attributes.toml"), 8),
        ("order-ids.csv", ("--set", "internalComment=Delayed by strike"), 8),
    ],
)
def test_every_sample_can_be_sent(desk, sample, options, ok):
    path = desk.folder / sample
    shutil.copyfile(SAMPLES / sample, path)
    told = desk.run("send", path, "--yes", "--json", *options)
    assert told.code == 0, told.err
    assert told.json["status"] == {"ok": ok, "no": 0}
    report = desk.reports()[0].read_bytes()
    assert report.startswith(path.read_bytes().splitlines()[0])


def test_rows_and_limit_leave_the_others_out_on_purpose(desk):
    path = desk.file("orders.csv", ORDERS)
    told = desk.run("send", path, "--yes", "--json", "--rows", "3")
    assert (told.code, told.json["outcomes"]) == (0, {"applied": 1, "not sent": 2})
    told = desk.run("send", path, "--yes", "--json", "--limit", "2")
    assert told.json["outcomes"] == {"applied": 1, "already applied": 1, "not sent": 1}


def test_only_columns_and_set(desk, held):
    path = desk.file("orders.csv", "Order ID,Internal comment,attr:a_b\n83600,hello,x\n")
    told = desk.run("send", path, "--yes", "--json", "--only-columns", "attr:a_b", "--set", "comment=hi")
    assert told.code == 0, told.err
    order = held(83600)
    assert "hello" not in str(order)
    assert "hi" in str(order)


def test_an_empty_sheet_is_fine_where_that_is_meant(desk):
    path = desk.file("orders.csv", "Order ID,Internal comment\n")
    told = desk.run("send", path, "--yes", "--json", "--allow-empty")
    assert (told.code, told.json["rows"]) == (0, 0)
    assert len(desk.reports()) == 1


def test_the_mapping_that_was_recognised_can_be_kept(desk):
    path = desk.file("orders.csv", ORDERS)
    kept = desk.folder / "m.toml"
    assert desk.run("check", path, "--save-mapping", kept).code == 0
    assert desk.run("check", path, "--mapping", kept).code == 0
    refused = desk.run("check", path, "--save-mapping", kept)
    assert refused.code == 2
    assert "--overwrite" in refused.err


def test_xml_answers_are_read_too(desk):
    path = desk.file("orders.csv", ORDERS)
    told = desk.run("send", path, "--yes", "--json", "--xml")
    assert (told.code, told.json["outcomes"]) == (0, {"applied": 3})


def test_runs_show_and_report_tell_what_was_done(desk):
    path = desk.file("orders.csv", ORDERS)
    run = desk.run("send", path, "--yes", "--json").json["run"]
    assert run in desk.run("runs").out
    assert desk.run("runs", "--json").json["runs"][0]["run"] == run
    shown = desk.run("show", run[:-1], "--rows")
    assert "83601" in shown.out
    lines = desk.run("show", "last", "--rows", "--json").out.splitlines()
    assert len(lines) == 3
    who = desk.run("show", "--order", "83601")
    assert "second" in who.out
    assert run in who.out
    desk.reports()[0].unlink()
    path.rename(desk.folder / "moved.csv")
    written = desk.run("report", "last")
    assert written.code == 0, written.err
    assert [row[3] for row in rows_of(desk.reports()[0])[1:]] == ["applied"] * 3


def test_purge_keeps_what_was_applied_known(desk):
    path = desk.file("orders.csv", ORDERS)
    assert desk.run("send", path, "--yes").code == 0
    assert desk.run("purge", "--all", "--yes").code == 0
    assert "second" not in desk.run("show", "--order", "83601").out
    assert desk.run("send", path, "--yes", "--json").json["outcomes"] == {"already applied": 3}


def test_problems_come_back_beside_their_rows(desk):
    path = desk.file("orders.csv", "Order ID,Internal comment\n83600,fine\nx,bad\n")
    problems = desk.folder / "problems.csv"
    assert desk.run("check", path, "--problems", problems).code == 1
    rows = rows_of(problems)
    assert rows[0][:2] == ["Order ID", "Internal comment"]
    assert rows[1][2] == ""
    assert "order ID" in rows[2][2]


def test_problems_of_a_file_that_takes_no_columns_come_in_a_new_workbook(desk):
    path = in_ods(desk.folder / "orders.ods", "string", "x", ORDER)
    checked = desk.run("check", path, "--problems", "problems.xlsx")
    assert checked.code == 1
    assert "problems.xlsx\nThis is a new workbook, because columns" in checked.out
    sent = desk.run("send", path, "--yes", "--problems", "again.xlsx")
    assert "again.xlsx: This is a new workbook, because columns" in sent.out


def test_max_no_sends_nothing_where_too_many_rows_have_problems(desk, held):
    path = desk.file("orders.csv", "Order ID,Internal comment\n83600,fine\nx,bad\ny,bad\n")
    refused = desk.run("send", path, "--yes", "--max-no", "1")
    assert refused.code == 2
    assert "--max-no" in refused.err
    assert "fine" not in str(held(83600))


def test_the_key_is_in_nothing_that_is_left_behind(desk, shop, store):
    with running(store, SandboxConfig(key="s3cret-key-of-this-test")) as one:
        path = desk.file("orders.csv", ORDERS)
        env = {"ORDERSHEET_BASE_URL": one.base_url, "ORDERSHEET_API_KEY": "s3cret-key-of-this-test"}
        ended = desk.run("send", path, "--yes", "--json", "-v", env=env)
        assert ended.code == 0
        told = desk.run("doctor", "--json", env=env)
        assert told.code == 0
    assert "s3cret" not in ended.out + ended.err + told.out + told.err
    for file in desk.folder.rglob("*"):
        assert not file.is_file() or b"s3cret" not in file.read_bytes()


def test_send_writes_the_problems_and_the_mapping_too(desk):
    path = desk.file("orders.csv", "Order ID,Internal comment\n83600,fine\nx,bad\n")
    told = desk.run("send", path, "--yes", "--problems", "p.csv", "--save-mapping", "m.toml")
    assert told.code == 1
    assert "order ID" in rows_of(desk.folder / "p.csv")[2][2]
    assert "version = 1" in (desk.folder / "m.toml").read_text(encoding="utf-8")


def test_a_new_ledger_is_announced(desk):
    path = desk.file("orders.csv", ORDERS)
    assert str(desk.folder / "ledger.db") in desk.run("send", path, "--yes").out
    assert "new ledger" not in desk.run("send", path, "--yes").out
