"""The command undo: every option, every bucket, and what stands in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.command import Desk

CALLS = "Order ID,Internal comment\n83600,Called\n83601,Called too\n83602,Third\n83602,Fourth\n"
ORDERS = (83600, 83601, 83602)


@pytest.fixture
def texts(held: Any) -> Any:
    return lambda: [held(order)["internalComment"] for order in ORDERS]


def test_a_run_is_taken_back_and_can_be_sent_again(desk: Desk, texts: Any) -> None:
    before = texts()
    desk.file("calls.csv", CALLS)
    sent = desk.run("send", "calls.csv", "--yes", "--json").json["run"]
    after = texts()
    told = desk.run("undo", "last", "--yes", "--json", "--report", "undone.csv")
    assert told.code == 0
    assert (told.json["command"], told.json["undo_of"]) == ("undo", sent)
    assert told.json["outcomes"] == {"undone": 4}
    assert texts() == before
    report = (desk.folder / "undone.csv").read_text(encoding="utf-8")
    assert report.count("ok,undone,") == 4
    again = desk.run("send", "calls.csv", "--yes", "--json")
    assert again.json["outcomes"] == {"applied": 4}
    assert texts() == after


def test_what_somebody_wrote_since_is_kept(desk: Desk, texts: Any, held: Any) -> None:
    desk.file("calls.csv", CALLS)
    first = desk.run("send", "calls.csv", "--yes", "--json").json["run"]
    desk.file("more.csv", "Order ID,Internal comment\n83601,Later\n")
    desk.run("send", "more.csv", "--yes")
    asked = desk.run("undo", first)
    assert asked.code == 2
    assert "--yes" in asked.err
    told = desk.run("undo", first, "--yes", "--rows", "2,3,5", "--json", "--no-progress")
    assert told.code == 1
    assert told.json["outcomes"] == {"undone": 2, "kept": 1, "not sent": 1}
    assert held(83601)["internalComment"] == "Called too\nLater"
    assert held(83602)["internalComment"] == "Third"
    shown = desk.run("show", "last", "--rows", "--json").out
    assert "Undo that run first" in shown
