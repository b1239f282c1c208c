"""Sheets whose rows are guarded, and what is left out because it stands there already: the command itself."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from openpyxl import Workbook, load_workbook
from tests.acceptance.test_contract import sandbox

import ordersheet
from ordersheet.core.model import column_letters

if TYPE_CHECKING:
    from tests.support.command import Desk

GIFT = "Gift wrap asked for by phone"
"""What the sandbox's order 83600 holds at first."""
GUARDED = "Order ID,Internal comment,Replace internal comment,expect:internalComment\n"


def reported(desk: Desk, name: str = "report.csv") -> list[str]:
    with (desk.folder / name).open(encoding="utf-8-sig", newline="") as file:
        return [line["update_outcome"] for line in csv.DictReader(file)]


def test_rows_go_out_only_where_the_order_holds_what_the_sheet_says(desk: Desk, held: Any) -> None:
    desk.file(
        "calls.csv",
        f"{GUARDED}83600,Called,,{GIFT}\n83600,Called again,,{GIFT}\n83601,Called,,nothing of the kind\n"
        "83601,Called again,,\n83602,same,yes,same\n",
    )
    told = desk.run("send", "calls.csv", "--yes", "--report", "report.csv", "--json")
    assert told.code == 1
    assert reported(desk) == ["applied", "applied", "changed since", "not sent", "unchanged"]
    assert told.json["status"] == {"ok": 3, "no": 2}
    assert held(83600)["internalComment"] == f"{GIFT}\nCalled\nCalled again"
    again = desk.run("send", "calls.csv", "--yes", "--report", "report.csv", "--overwrite", "--json")
    assert again.json["requests"]["put"] == 0
    assert reported(desk)[:2] == ["already applied"] * 2


def test_what_stands_already_is_left_out_if_asked(desk: Desk) -> None:
    desk.file(
        "calls.csv", f"Order ID,Internal comment,Replace internal comment\n83600,{GIFT},yes\n83601,x,yes\n"
    )
    told = desk.run("send", "calls.csv", "--yes", "--skip-unchanged", "--report", "report.csv", "--json")
    assert (told.code, told.json["requests"]["put"]) == (0, 1)
    assert reported(desk) == ["unchanged", "applied"]
    again = desk.run("send", "calls.csv", "--yes", "--report", "report.csv", "--overwrite", "--json")
    assert (again.code, again.json["requests"]["put"]) == (0, 0)
    assert reported(desk) == ["unchanged", "already applied"]
    assert desk.run("ledger", "check").code == 0


@pytest.mark.parametrize(
    ("sheet", "words", "said"),
    [
        (f"{GUARDED}83600,Called,,x\n", ("--no-baseline",), "--no-baseline"),
        ("Order ID,Internal comment,expect:comment\n83600,Called,\n", (), "not sent"),
        ("Order ID,Internal comment,expect:Notes\n83600,Called,\n", (), "guards no field"),
        (
            "Order ID,Internal comment,expect:internalComment,expect:Internal comment\n83600,Called,,\n",
            (),
            "both guard",
        ),
    ],
)
def test_a_guard_that_could_not_guard_stops_all_in_one_sentence(
    desk: Desk, held: Any, sheet: str, words: tuple[str, ...], said: str
) -> None:
    desk.file("calls.csv", sheet)
    told = desk.run("send", "calls.csv", "--yes", *words)
    assert (told.code, said in told.err, "Traceback" in told.err) == (2, True, False)
    assert held(83600)["internalComment"] == GIFT


def test_a_reviewed_sheet_leaves_alone_what_somebody_touched_meanwhile(desk: Desk, held: Any) -> None:
    desk.file(
        "calls.csv",
        "Order ID,Internal comment,attr:erp_reference\n83600,Called,\n"
        "83601,Called,X\n999,Called,\nabc,Called,\n",
    )
    told = desk.run("check", "calls.csv", "--guard", "guarded.csv", "--json")
    assert (told.code, told.json["requests"]["put"]) == (1, 0)
    assert "does not show" not in told.err
    lines = (desk.folder / "guarded.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [
        "Order ID,Internal comment,attr:erp_reference,expect:internalComment",
        f"83600,Called,,{GIFT}",
        "83601,Called,X,",
        "999,Called,,<not read>",
        "abc,Called,,<not read>",
    ]
    desk.file("touch.csv", "Order ID,Internal comment\n83601,By a colleague\n")
    desk.run("send", "touch.csv", "--yes", "--report", "touched.csv")
    seen = desk.run("check", "guarded.csv", "--online", "--json")
    assert seen.json["changes"]["changed since"] == {"internalComment": 1, "extraAttributes.erp_reference": 1}
    sent = desk.run("send", "guarded.csv", "--yes", "--report", "report.csv", "--json")
    assert reported(desk) == ["applied", "changed since", "invalid", "invalid"]
    assert "By a colleague" in (desk.folder / "report.csv").read_text(encoding="utf-8")
    assert held(83601)["internalComment"] == "By a colleague"
    assert [one["code"] for one in sent.json["problems"]] == ["not-read", "bad-order-id", "not-read"]
    for words in (("calls.csv", "--guard", "guarded.csv"), ("guarded.csv", "--guard", "twice.csv")):
        refused = desk.run("check", *words)
        assert (refused.code, "Traceback" in refused.err) == (2, False)


def test_an_exported_sheet_is_edited_and_exactly_the_edited_cells_go_out(desk: Desk, held: Any) -> None:
    told = desk.run("export", "comments.xlsx", "--edit", "internalComment", "--json")
    assert told.code == 0
    book = load_workbook(desk.folder / "comments.xlsx")
    page = book.active
    assert page is not None
    names = [cell.value for cell in page[1]]
    guard = names.index("expect:internalComment")
    assert [one.hidden for one in page.column_dimensions.values()].count(True) == 1
    assert page.column_dimensions[column_letters(guard)].hidden
    unedited = desk.run("send", "comments.xlsx", "--yes", "--report", "none.xlsx", "--json")
    assert unedited.json["outcomes"] == {"unchanged": 90}
    assert unedited.json["requests"] == {"put": 0, "get": 0, "pushed_back": 0}
    text = names.index("Internal comment") + 1
    assert page.cell(2, text).value == GIFT
    page.cell(2, text).value = "Gift wrap done"
    page.cell(3, text).value = "Called"
    page.cell(6, text).value = None
    book.save(desk.folder / "comments.xlsx")
    edited = desk.run("send", "comments.xlsx", "--yes", "--report", "report.xlsx", "--json")
    assert edited.json["outcomes"] == {"applied": 2, "invalid": 1, "unchanged": 87}
    assert "<clear>" in edited.json["problems"][0]["message"]
    assert (held(83600)["internalComment"], held(83601)["internalComment"]) == ("Gift wrap done", "Called")
    refused = desk.run("export", "more.csv", "--edit", "internal")
    assert (refused.code, "internalComment or comment" in refused.err) == (2, True)
    assert desk.run("export", "more.csv", "--edit", "comment").code == 0
    same = desk.run("send", "more.csv", "--yes", "--report", "r.csv", "--json")
    assert same.json["outcomes"] == {"unchanged": 90}


def test_guards_that_cannot_be_compared_refuse_the_file_before_anything_is_sent(
    desk: Desk, bare_desk: Desk, held: Any
) -> None:
    desk.file("set.csv", "Order ID,attr:erp_reference,expect:attr:erp_reference\n83600,X,\n")
    told = desk.run("send", "set.csv", "--yes")
    assert (told.code, "do not show" in told.err) == (2, True)
    desk.file("calls.csv", f"{GUARDED}83600,Called,,{GIFT}\n")
    with sandbox(bare_desk, "--port", 0, "--no-get") as env:
        told = bare_desk.run("send", "calls.csv", "--yes", "--profile", "sandbox", env=env)
    assert (told.code, "may not read orders" in told.err) == (2, True)
    assert held(83600)["internalComment"] == GIFT


def test_a_hidden_guard_needs_no_leave(desk: Desk) -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(["Order ID", "Internal comment", "expect:internalComment"])
    page.append([83600, "Called", "something else"])
    page.column_dimensions["C"].hidden = True
    book.save(desk.folder / "calls.xlsx")
    for words in ((), ("--hidden", "skip"), ("--only-columns", "Internal comment")):
        told = desk.run("send", "calls.xlsx", "--yes", "--report", "report.xlsx", "--json", *words)
        assert told.json["outcomes"] == {"changed since": 1}


def test_the_same_from_python(desk: Desk, shop: Any) -> None:
    settings: Any = {"base_url": shop.base_url, "api_key": shop.key, "ledger": desk.folder / "python.db"}
    desk.file("calls.csv", "Order ID,Internal comment\n83600,Called\n")
    ordersheet.check(desk.folder / "calls.csv", guard=desk.folder / "guarded.csv", **settings)
    frame = pd.read_csv(desk.folder / "guarded.csv", dtype=str)
    assert list(frame["expect:internalComment"]) == [GIFT]
    frame["expect:internalComment"] = "something else"
    assert ordersheet.send(frame, **settings).outcomes == {"changed since": 1}
    same = pd.DataFrame({"order": ["83600"], "internalComment": [GIFT], "replaceInternalComment": ["yes"]})
    assert ordersheet.send(same, skip_unchanged=True, **settings).outcomes == {"unchanged": 1}
    reach: Any = {"base_url": shop.base_url, "api_key": shop.key}
    exported = ordersheet.export(desk.folder / "all.csv", edit="comment", **reach)
    assert (exported.orders, exported.missing) == (90, 0)
    wrongs: Any = ({"edit": "order"}, {"newer_than": "soon"})
    for wrong in wrongs:
        with pytest.raises(ordersheet.UsageError, match="must be"):
            ordersheet.export("more.csv", **reach, **wrong)
    with pytest.raises(ordersheet.UsageError, match="to_frame"):
        ordersheet.check(frame.drop(columns="expect:internalComment"), guard="x.csv", **settings)
