"""Sheets whose rows are guarded, and what is left out because it stands there already: the command itself."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest

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
