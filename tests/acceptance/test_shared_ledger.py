"""A ledger that many share, by the command itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ordersheet.core.ledger_url import LedgerUrl

if TYPE_CHECKING:
    from tests.support.command import Desk
    from tests.support.postgres import Server

CALLS = "order,internalComment\n83600,Called\n83601,Called\n"


@pytest.mark.needs("postgres")
def test_a_clerk_sends_and_another_finds_what_was_sent(desk: Desk, postgres_server: Server, held) -> None:
    url = postgres_server.of(postgres_server.make_database())
    made = desk.run("ledger", "init", url)
    assert (made.code, "ordersheet_writer" in made.out + made.err) == (0, True)
    desk.file("calls.csv", CALLS)
    sent = desk.run("send", "calls.csv", "--yes", "--json", "--ledger", url)
    assert sent.code == 0, sent.err
    assert sent.json["outcomes"] == {"applied": 2}
    assert sent.json["ledger"] == str(LedgerUrl(url, Path()))
    desk.file("ledger-url", url.replace("postgres@", "postgres:s3cret@"))
    again = desk.run("send", "calls.csv", "--yes", "--json", "--ledger", "file:ledger-url")
    assert again.json["outcomes"] == {"already applied": 2}
    assert "s3cret" not in again.out + again.err
    assert str(held(83600)["internalComment"]).count("Called") == 1
    listed = desk.run("runs", "--json", env={"ORDERSHEET_LEDGER": url}).json["runs"]
    assert [run["state"] for run in listed] == ["finished", "finished"]
    checked = desk.run("ledger", "check", "--ledger", url, "--json")
    assert (checked.code, checked.json["runs"], checked.json["operations"]) == (0, 2, 2)


def test_a_password_that_others_could_read_is_refused(bare_desk: Desk) -> None:
    refused = bare_desk.run("ledger", "init", "postgresql://ann:s3cret@127.0.0.1:1/orders")
    assert (refused.code, "file:PATH" in refused.err) == (2, True)
    assert "s3cret" not in refused.out + refused.err


def test_upgrade_brings_a_ledger_in_a_file_up_to_date(desk: Desk) -> None:
    assert desk.run("ledger", "upgrade").code == 2
    desk.file("calls.csv", CALLS)
    desk.run("send", "calls.csv", "--yes")
    assert "version" in desk.run("ledger", "upgrade").out


@pytest.mark.needs("postgres")
def test_a_clerk_s_own_ledger_becomes_everybody_s(desk: Desk, postgres_server: Server) -> None:
    url = postgres_server.of(postgres_server.make_database())
    desk.run("ledger", "init", url)
    desk.file("calls.csv", CALLS)
    desk.run("send", "calls.csv", "--yes")
    moved = desk.run("ledger", "move", "ledger.db", url)
    assert (moved.code, "each compared" in moved.out) == (0, True)
    refused = desk.run("send", "calls.csv", "--yes")
    assert (refused.code, "was moved to postgresql://" in refused.err) == (2, True)
    again = desk.run("send", "calls.csv", "--yes", "--json", "--ledger", url)
    assert again.json["outcomes"] == {"already applied": 2}
