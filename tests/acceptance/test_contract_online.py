"""The options of the commands that read the shop, watch folders and look after the ledger."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from tests.acceptance.test_contract import sandbox
from tests.support.rawserver import RawProxy
from tests.support.terminal import converse

if TYPE_CHECKING:
    from tests.support.command import Desk

NOBODY = "http://127.0.0.1:9"
REFUSES_THE_KEY = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
"""What an HTTP proxy hands back from a shop that does not know the key."""
CALLS = "Order ID,Internal comment\n83600,Called\n"


def own_settings(desk: Desk, text: str = "") -> str:
    """Write a settings file of one's own, with a profile for the sandbox; gives its path."""
    lines = [f'[profiles.shop]\nbase-url = "{desk.base_url}"', text]
    return str(desk.file("own.toml", "\n".join(lines)))


def test_check_looks_at_the_orders(desk: Desk) -> None:
    desk.file("calls.csv", CALLS)
    told = desk.run(
        "check", "calls.csv", "--online", "--preview", "seen.csv", "--rate", "50", "--timeout", "20", "--json"
    )
    assert told.code == 0
    assert told.json["changes"] == {"append": {"internalComment": 1}}
    assert "now: Internal comment" in (desk.folder / "seen.csv").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_what_comes_in_colours_and_none_of_their_codes(desk: Desk) -> None:
    desk.file("calls.csv", CALLS)
    words = ("check", "calls.csv", "--online", "--no-progress")
    code, shown = converse(desk, words, [("The first 1 of 1", None)], env={"TERM": "xterm"})
    assert (code, "\N{REPLACEMENT CHARACTER}" in shown) == (0, False)
    assert re.search(r"\x1b\[32m\{\+.*Called\+\}\x1b\[0m", shown)
    code, shown = converse(desk, words, [("The first 1 of 1", None)], env={"TERM": "xterm", "NO_COLOR": "1"})
    assert (code, "{+" in shown, "\x1b" in shown) == (0, True, False)


@pytest.mark.parametrize(
    ("command", "words"), [("check", ("calls.csv", "--online")), ("export", ("out.xlsx",))]
)
def test_what_stands_in_the_way_of_reading_is_one_sentence(
    desk: Desk, command: str, words: tuple[str, ...]
) -> None:
    desk.file("calls.csv", CALLS)
    bundle = desk.run(command, *words, "--ca-bundle", "no-such.pem")
    assert (bundle.code, "no-such.pem" in bundle.err) == (2, True)
    with RawProxy(REFUSES_THE_KEY) as proxy:
        refused = desk.run(command, *words, "--proxy", proxy.url, "--timeout", "20")
    assert (refused.code, "refused the key" in refused.err, bool(proxy.heads)) == (2, True, True)


@pytest.mark.torture
@pytest.mark.parametrize(
    ("command", "words"), [("check", ("calls.csv", "--online")), ("export", ("out.xlsx",))]
)
def test_a_proxy_where_nobody_listens_is_named(desk: Desk, command: str, words: tuple[str, ...]) -> None:
    """Its readings are tried again for a quarter of a minute."""
    desk.file("calls.csv", CALLS)
    slow = desk.run(command, *words, "--proxy", NOBODY, "--timeout", "2")
    assert slow.code == 2
    assert "127.0.0.1:9" in slow.err


def test_export_takes_what_other_commands_take(desk: Desk) -> None:
    common = ("--config", own_settings(desk), "--profile", "shop", "--no-progress", "--log-format", "json")
    told = desk.run("export", "all.csv", *common, "--rate", "100", "--timeout", "20", "--json")
    assert told.code == 0
    assert told.json["orders"] == 90
    refused = desk.run("export", "all.csv", *common)
    assert (refused.code, "--overwrite" in refused.err) == (2, True)
    chosen = ("--newer-than", "2026-09-01", "--older-than", "2026-09-01 12:00", "--status", "pending")
    some = desk.run(
        "export", "all.csv", *common, *chosen, "--fields", "orderCurrency", "--overwrite", "--json"
    )
    assert 0 < some.json["orders"] < 90
    desk.file("ids.csv", "Order ID\n83600\n")
    one = desk.run("export", "one.csv", "--base-url", desk.base_url, "--orders", "ids.csv", "--json")
    assert one.json["orders"] == 1
    plain = desk.run("export", "none.csv", "--base-url", "http://shop.invalid/api")
    assert (plain.code, "--allow-http" in plain.err) == (2, True)
    with RawProxy(REFUSES_THE_KEY) as proxy:
        way = ("--base-url", "http://shop.invalid/api", "--allow-http", "--proxy", proxy.url)
        away = desk.run("export", "none.csv", *way)
    assert (away.code, "refused the key" in away.err) == (2, True)


def test_the_sandbox_shows_attributes_and_has_people_who_edit(bare_desk: Desk) -> None:
    """What sandbox is told to show, and whom to let in."""
    with sandbox(bare_desk, "--port", 0, "--show-attributes", "--edits", "600/min"):
        note = json.loads((bare_desk.folder / "note.json").read_text())
        ask = urllib.request.Request(
            f"{note['base_url']}/orders?order=83601", headers={"API-Authorization": note["key"]}
        )
        with urllib.request.urlopen(ask) as answer:
            (order,) = json.load(answer)["orders"]
        assert order["extraAttributes"] == {"erp_reference": "ERP-83601"}
        while True:
            with urllib.request.urlopen(urljoin(note["base_url"], "/")) as page:
                if "Nothing yet." not in page.read().decode():
                    break
            time.sleep(0.05)


def job(desk: Desk) -> tuple[str, ...]:
    """Set up a job on a folder; gives the options by which a command finds it."""
    inbox = desk.folder / "in"
    inbox.mkdir(exist_ok=True)
    text = (
        f'[jobs.nightly]\nsource = {json.dumps(str(inbox))}\npattern = "*.csv"\nstable = "0s"\nevery = "1s"\n'
    )
    return ("--config", own_settings(desk, text), "--ledger", str(desk.folder / "jobs.db"))


def test_jobs_are_listed_and_run(desk: Desk) -> None:
    options = job(desk)
    desk.file("in/calls.csv", CALLS)
    missing = desk.run("jobs", "run", "nightly", *options, "--ledger-must-exist")
    assert (missing.code, "no ledger" in missing.err) == (2, True)
    ran = desk.run("jobs", "run", "nightly", *options, "--log-format", "json", "--json")
    assert ran.code == 0
    assert [one["state"] for one in ran.json["files"]] == ["sent"]
    assert all(json.loads(line) for line in ran.err.splitlines())
    listed = desk.run("jobs", *options, "--json").json["jobs"]
    assert [(one["name"], one["file"], one["result"]) for one in listed] == [
        ("nightly", "calls.csv", "1 ok, 0 no")
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_watch_sends_what_comes_until_it_is_told_to_end(desk: Desk, held: Any) -> None:
    options = job(desk)
    words = ("watch", "nightly", *options, "--health", "alive", "--log-format", "json")
    assert desk.run(*words, "--ledger-must-exist").code == 2
    process = subprocess.Popen(
        [sys.executable, "-m", "ordersheet", *words],
        cwd=desk.folder, env=desk.env(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while not (desk.folder / "alive").exists():
            assert process.poll() is None
            time.sleep(0.05)
        partial = desk.file("in/calls.part", CALLS)
        partial.replace(desk.folder / "in" / "calls.csv")
        while not list((desk.folder / "in").glob("done/calls.csv")):
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert held(83600)["internalComment"] == "Gift wrap asked for by phone\nCalled"
    assert all(json.loads(line) for line in said.splitlines())


def test_the_ledger_is_backed_up_and_checked(desk: Desk) -> None:
    desk.file("calls.csv", CALLS)
    found = ("--config", own_settings(desk), "--profile", "shop", "--ledger", str(desk.folder / "mine.db"))
    assert desk.run("ledger", "check", *found, "--ledger-must-exist").code == 2
    assert desk.run("ledger", "backup", "copy.db", *found, "--ledger-must-exist").code == 2
    desk.run("send", "calls.csv", "--yes", "--ledger", str(desk.folder / "mine.db"))
    assert desk.run("ledger", "backup", "copy.db", *found).code == 0
    refused = desk.run("ledger", "backup", "copy.db", *found)
    assert (refused.code, "--overwrite" in refused.err) == (2, True)
    assert desk.run("ledger", "backup", "copy.db", *found, "--overwrite").code == 0
    checked = desk.run("ledger", "check", "--config", own_settings(desk), "--ledger", "copy.db", "--json")
    assert checked.code == 0
    assert checked.json["command"] == "ledger check"
