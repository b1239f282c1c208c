"""The options of submit, worker and stop."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.postgres import carried_out
from tests.support.team import TeamDesk, team_desk, until, worker

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.sandbox.server import Running

pytestmark = pytest.mark.needs("postgres", "dbos")
CALLS = "Order ID,Internal comment\n83600,Called\n83601,Called\n"


@pytest.fixture
def team(tmp_path: Path, shop: Running, team_url: LedgerUrl) -> TeamDesk:
    return team_desk(tmp_path, shop, team_url.url)


def own_settings(team: TeamDesk) -> str:
    """Write a settings file with a profile for the sandbox; gives its path."""
    text = f'[profiles.shop]\nbase-url = "{team.base_url}"\nledger = "{team.url}"\n'
    return str(team.file("own.toml", text))


def submitted(team: TeamDesk, file: str, *words: object) -> Any:
    told = team.run("submit", file, "--yes", "--json", *words)
    assert told.code == 0, told.err
    return told.json


def test_submit_reads_as_it_is_told_to(team: TeamDesk) -> None:
    team.file(
        "calls.csv",
        "Order ID;Internal comment;Sent\n83600;Grüße;x\n83601;;\n83602;Called;y\n".encode("cp1252"),
    )
    reading = ("--encoding", "cp1252", "--delimiter", "semicolon", "--allow-empty-rows", "--hidden", "skip")
    columns = ("--only-columns", "Internal comment", "--save-mapping", "found.toml", "--set", "comment=Late")
    told = submitted(team, "calls.csv", *reading, *columns, "--problems", "problems.csv", "--no-progress")
    assert (told["command"], told["rows"], told["customer_visible"]) == ("submit", 3, 3)
    assert (team.folder / "problems.csv").exists()
    mapped = submitted(
        team, "calls.csv", *reading, "--mapping", "found.toml", "--limit", 2, "--batch", "two",
        "--problems", "problems.csv", "--overwrite", "--log-format", "json", "--verbose",
    )  # fmt: skip
    assert (mapped["batch"], mapped["rows"]) == ("two", 3)
    refused = team.run("submit", "calls.csv", "--yes", *reading, "--sheet", "Orders")
    assert (refused.code, "sheet" in refused.err) == (2, True)
    team.file("header.csv", "Order ID,Internal comment\n")
    assert submitted(team, "header.csv", "--allow-empty")["rows"] == 0
    assert team.run("show", "last", "--json").json["state"] == "finished"


def test_submit_refuses_what_send_refuses(team: TeamDesk) -> None:
    team.file("calls.csv", "Order ID,Internal comment\n83600,Called\nnone,Called\n83600,Called\n")
    problems = team.run("submit", "calls.csv", "--yes", "--max-no", "0")
    assert (problems.code, "--max-no" in problems.err) == (2, True)
    twins = team.run("submit", "calls.csv", "--yes", "--duplicates", "refuse")
    assert (twins.code, "repeat" in twins.err) == (2, True)
    plain = team.run("submit", "calls.csv", "--yes", "--base-url", "http://shop.invalid/api")
    assert (plain.code, "--allow-http" in plain.err) == (2, True)
    unasked = team.run("submit", "calls.csv")
    assert (unasked.code, "--yes" in unasked.err) == (2, True)


def test_what_is_handed_over_goes_along_to_the_worker(team: TeamDesk, shop: Running) -> None:
    settings = own_settings(team)
    where = ("--config", settings, "--profile", "shop", "--ledger-must-exist")
    way = ("--base-url", shop.base_url, "--allow-http", "--proxy", "env", "--ca-bundle", _bundle(team))
    team.file("calls.csv", CALLS)
    with worker(
        team,
        *where,
        *way,
        "--stores",
        "shop",
        "--log-format",
        "json",
        "--poll",
        "0.3",
        name="worker",
    ) as one:
        pace = (
            "--concurrency",
            1,
            "--timeout",
            20,
            "--attempts",
            2,
            "--rate",
            90,
            "--settle",
            1,
            "--grace",
            3,
        )
        first = submitted(
            team, "calls.csv", *where, *way, *pace, "--wait", "--no-baseline", "--xml", "--batch", "one"
        )
        assert (first["outcomes"], first["requests"]["get"]) == ({"applied": 2}, 0)
        until(lambda: '"event": "chunk"' in one.said, "its log")
        refused = team.run("submit", "calls.csv", "--yes", "--batch", "two")
        assert (refused.code, "--same-file" in refused.err) == (2, True)
        meant = submitted(
            team, "calls.csv", "--wait", "--batch", "two", "--same-file", "--same-store", "--retry-no"
        )
        assert meant["outcomes"] == {"applied": 2}
        once_more = submitted(team, "calls.csv", "--wait", "--batch", "two", "--again")
        assert once_more["outcomes"] == {"applied": 2}
        team.file("set.csv", "Order ID,Internal comment,Replace internal comment\n83605,Same,yes\n")
        assert submitted(team, "set.csv", "--wait")["outcomes"] == {"applied": 1}
        same = submitted(team, "set.csv", "--wait", "--skip-unchanged", "--batch", "again", "--same-file")
        assert same["outcomes"] == {"unchanged": 1}
        report = first["report"]
        carried_out_elsewhere(team)
        unknown = team.run("submit", report, "--yes")
        assert (unknown.code, "--trust-report" in unknown.err) == (2, True)
        trusted = submitted(team, report, "--trust-report", "--wait", "--report", "trusted.csv")
        assert trusted["outcomes"] == {"already applied": 2}
    with urllib.request.urlopen(shop.page_url + "state.json") as answer:
        orders = json.load(answer)["orders"]
    assert sum(str(one["internalComment"]).count("Called") for one in orders) == 6


def carried_out_elsewhere(team: TeamDesk) -> None:
    """Let the ledger forget what was sent, as one on another computer never knew it."""
    from ordersheet.core.ledger_url import LedgerUrl

    url = LedgerUrl(team.url, team.folder)
    for table in ("baseline", "attempt", "operation", "row"):
        carried_out(url, f"SET session_replication_role = replica; DELETE FROM ordersheet.{table}")


def _bundle(team: TeamDesk) -> str:
    import ssl

    paths = ssl.get_default_verify_paths()
    return str(paths.cafile or paths.openssl_cafile)


def test_the_report_is_opened_where_somebody_waits(team: TeamDesk) -> None:
    team.file("calls.csv", CALLS)
    alone = team.run("submit", "calls.csv", "--yes", "--open")
    assert (alone.code, "--wait" in alone.err) == (2, True)


def test_stop_finds_the_ledger_where_it_is_told_to(team: TeamDesk) -> None:
    team.file("calls.csv", CALLS)
    submitted(team, "calls.csv")
    settings = own_settings(team)
    where = ("--config", settings, "--profile", "shop", "--ledger", team.url, "--ledger-must-exist")
    assert team.run("stop", "last", *where).code == 0
    told = team.run("show", "last", "--json").json
    assert (told["state"], told["outcomes"]) == ("stopped", {"not sent": 2})
