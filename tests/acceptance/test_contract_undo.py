"""The command undo: every option, every bucket, and what stands in its way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.acceptance.test_contract_online import REFUSES_THE_KEY
from tests.support.rawserver import RawProxy

import ordersheet

if TYPE_CHECKING:
    from pathlib import Path

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


def test_of_a_run_that_changed_nothing_the_one_that_did_is_named(desk: Desk, texts: Any) -> None:
    desk.file("calls.csv", CALLS)
    first = desk.run("send", "calls.csv", "--yes", "--json").json["run"]
    after = texts()
    desk.run("send", "calls.csv", "--yes")
    told = desk.run("undo", "last", "--yes", "--report", "undone.csv")
    assert (told.code, "That run changed no order" in told.out, texts()) == (0, True, after)
    assert (desk.folder / "undone.csv").read_text(encoding="utf-8").count(f"run {first} ") == 4
    assert "changed no order" not in desk.run("undo", first, "--yes").out
    assert "changed no order" not in desk.run("undo", first, "--yes").out


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


def test_undo_takes_what_other_commands_take(desk: Desk, texts: Any, tmp_path: Path) -> None:
    before = texts()
    desk.file("calls.csv", CALLS)
    ledger = str(tmp_path / "mine.db")
    settings = desk.file("own.toml", f'[profiles.shop]\nbase-url = "{desk.base_url}"\n')
    common = ("--config", settings, "--profile", "shop", "--ledger", ledger)
    missing = desk.run("undo", "last", "--yes", *common, "--ledger-must-exist")
    assert (missing.code, "no ledger" in missing.err) == (2, True)
    desk.run("send", "calls.csv", "--yes", *common)
    pace = ("--rate", "60", "--concurrency", "2", "--timeout", "20", "--attempts", "3", "--settle", "5")
    told = desk.run(
        "undo", "last", "--yes", *common, *pace, "--grace", "9", "--verbose", "--log-format", "json",
        "--same-store", "--guess-attributes", "--report", "undone.csv",
    )  # fmt: skip
    assert told.code == 0
    assert texts() == before
    assert all(json.loads(line) for line in told.err.splitlines())
    plain = desk.run("undo", "last", "--yes", "--ledger", ledger, "--base-url", "http://shop.invalid/api")
    assert (plain.code, "--allow-http" in plain.err) == (2, True)
    other = ("--base-url", "http://shop.invalid/api", "--allow-http")
    away = desk.run("undo", "last", "--yes", "--ledger", ledger, *other)
    assert (away.code, "wrote to" in away.err, "Nothing was sent." in away.err) == (2, True, True)
    desk.run("send", "calls.csv", "--yes", "--ledger", ledger, "--base-url", desk.base_url)
    stopped = desk.run("undo", "last", "--yes", "--ledger", ledger, "--ca-bundle", "no-such.pem")
    assert (stopped.code, "no-such.pem" in stopped.err) == (2, True)
    with RawProxy(REFUSES_THE_KEY) as proxy:
        stopped = desk.run("undo", "last", "--yes", "--ledger", ledger, "--proxy", proxy.url)
    assert (stopped.code, "refused the key" in stopped.err, bool(proxy.heads)) == (2, True, True)


def test_what_cannot_be_meant_is_one_sentence_and_exit_2(desk: Desk) -> None:
    desk.file("calls.csv", CALLS)
    sent = desk.run("send", "calls.csv", "--yes", "--json").json["run"]
    unknown = desk.run("undo", "19990101-0000", "--yes")
    assert (unknown.code, "holds no run" in unknown.err) == (2, True)
    undone = desk.run("undo", sent, "--yes", "--json").json["run"]
    finished = desk.run("undo", undone, "--yes")
    assert (finished.code, "it is finished" in finished.err) == (2, True)
    assert "undo of" in desk.run("runs").out
    assert desk.run("show", undone, "--json").json["undo_of"] == sent
    again = desk.run("undo", sent, "--yes", "--json")
    assert (again.code, again.json["outcomes"]) == (0, {"undone": 4})
    assert again.json["requests"]["put"] == 0


def test_the_sheet_of_an_undo_puts_back_what_nobody_changed(desk: Desk, texts: Any, held: Any) -> None:
    before = texts()
    desk.file("calls.csv", CALLS)
    desk.run("send", "calls.csv", "--yes")
    told = desk.run("undo", "last", "--sheet", "back.xlsx", "--json")
    assert (told.code, told.json["rows"]["undone"]) == (0, 4)
    assert desk.run("undo", "last", "--sheet", "back.xlsx").code == 2
    assert desk.run("undo", "last", "--sheet", "back.xlsx", "--overwrite").code == 0
    desk.file("more.csv", "Order ID,Internal comment\n83601,Later\n")
    desk.run("send", "more.csv", "--yes")
    sent = desk.run("send", "back.xlsx", "--yes", "--json")
    assert sent.json["outcomes"] == {"applied": 2, "changed since": 1}
    now = texts()
    assert (now[0], now[2]) == (before[0], before[2])
    assert held(83601)["internalComment"] == "Called too\nLater"


def test_a_report_does_not_count_what_was_undone(desk: Desk, texts: Any) -> None:
    desk.file("calls.csv", CALLS)
    sent = desk.run("send", "calls.csv", "--yes", "--report", "sent.csv", "--json").json["run"]
    after = texts()
    desk.run("undo", sent, "--yes", "--report", "undone.csv")
    assert desk.run("send", "sent.csv", "--yes", "--json").json["outcomes"] == {"applied": 4}
    assert texts() == after
    desk.run("undo", "last", "--yes", "--report", "undone2.csv")
    assert desk.run("send", "undone.csv", "--yes", "--json").json["outcomes"] == {"applied": 4}
    assert texts() == after


def test_purge_says_what_can_no_longer_be_undone(desk: Desk) -> None:
    desk.file("calls.csv", CALLS)
    desk.run("send", "calls.csv", "--yes")
    told = desk.run("purge", "--all", "--yes")
    assert "1 run can no longer be undone after this." in told.out
    after = desk.run("undo", "last", "--yes", "--json")
    assert (after.code, after.json["outcomes"]) == (1, {"cannot be undone": 4})


def test_an_again_run_that_is_undone_is_as_if_it_had_never_been(desk: Desk, texts: Any) -> None:
    desk.file("calls.csv", CALLS)
    desk.run("send", "calls.csv", "--yes")
    once = texts()
    desk.run("send", "calls.csv", "--yes", "--again")
    twice = texts()
    assert twice != once
    desk.run("undo", "last", "--yes")
    assert texts() == once
    assert desk.run("send", "calls.csv", "--yes", "--json").json["outcomes"] == {"already applied": 4}
    desk.run("send", "calls.csv", "--yes", "--again")
    assert texts() == twice


def test_undo_from_python(desk: Desk, texts: Any, tmp_path: Path) -> None:
    before = texts()
    desk.file("calls.csv", CALLS)
    given: dict[str, Any] = {"base_url": desk.base_url, "api_key": desk.key, "ledger": tmp_path / "p.db"}
    ordersheet.send(tmp_path / "calls.csv", **given, report=tmp_path / "sent.csv")
    told: list[object] = []
    result = ordersheet.undo(**given, progress=told.append, report=tmp_path / "undone.csv")
    assert (result.exit_code, dict(result.outcomes)) == (0, {"undone": 4})
    assert told
    assert texts() == before


def test_what_the_shop_does_not_show_cannot_be_undone_but_by_a_guess(desk: Desk, held: Any) -> None:
    desk.file("refs.csv", "Order ID,Internal comment,attr:erp_reference\n83600,Called,E-1\n83601,,E-2\n")
    desk.run("send", "refs.csv", "--yes")
    told = desk.run("undo", "last", "--yes", "--json")
    assert (told.code, told.json["outcomes"]) == (1, {"partly undone": 1, "cannot be undone": 1})
    guessed = desk.run("undo", "last", "--yes", "--json", "--guess-attributes")
    assert (guessed.code, guessed.json["outcomes"]) == (0, {"undone": 2})
    assert "E-1" not in json.dumps(held(83600))


def test_a_run_that_changed_nothing_leaves_nothing_to_undo(desk: Desk, texts: Any) -> None:
    desk.file("calls.csv", CALLS)
    first = desk.run("send", "calls.csv", "--yes", "--json").json["run"]
    after = texts()
    desk.run("send", "calls.csv", "--yes")
    told = desk.run("undo", "last", "--yes", "--json")
    assert (told.code, told.json["outcomes"]) == (0, {"nothing to undo": 4})
    assert f"run {first}" in desk.run("show", told.json["run"], "--rows", "--json").out
    assert texts() == after
