"""The lines of the contract that no story of another test goes through."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

import pytest
from tests.support.command import Desk
from tests.support.terminal import converse

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.faults import parse_fault
from ordersheet.sandbox.server import running

ORDERS = "Order ID,Internal comment\n83600,first\n83601,second\n"


@pytest.fixture
def faulty(tmp_path, store):
    """Send one row to a shop with a fault, and give the outcome."""

    def send(fault: str, row: str, *flags: object) -> Any:
        with running(store, SandboxConfig(faults=(parse_fault(fault),))) as shop:
            desk = Desk(tmp_path, shop.base_url, shop.key)
            desk.file("orders.csv", f"Order ID,Internal comment,comment\n{row}\n")
            return desk.run("send", "orders.csv", "--yes", "--json", "--settle", "0.3", *flags).json

    return send


@pytest.mark.parametrize(
    ("fault", "row", "outcome", "code"),
    [
        ("close-after:1", "83600,once,", "confirmed", 0),
        ("close-before", "83600,never,", "unconfirmed", 1),
        ("no-part:1", "83601,this part,and that", "unconfirmed", 1),
    ],
)
def test_what_becomes_of_a_row_in_a_shop_with_a_fault(faulty, fault, row, outcome, code):
    told = faulty(fault, row, "--attempts", "2", "--timeout", "5")
    assert (told["outcomes"], told["exit_code"]) == ({outcome: 1}, code)
    assert told["retry"] is (outcome == "unconfirmed")


def test_a_row_is_partly_applied_where_another_one_shows_that_the_rest_would_be_seen(faulty):
    rows = "83601,this part,and that\n83602,all of it,this too"
    told = faulty("no-part:1", rows, "--settle", "20", "--concurrency", "1")
    assert (told["outcomes"], told["exit_code"]) == ({"applied": 1, "partly applied": 1}, 1)


def test_what_reading_back_finds_twice_is_left_to_a_person(faulty, store):
    text = "said once"
    found = threading.Event()

    def add_it_too() -> None:
        """Somebody writes the very same text, while we still wait for our answer."""
        order = store.get(83600)
        while text not in order.internal_comment and not found.is_set():
            time.sleep(0.01)
        order.internal_comment += f"\n{text}"

    thread = threading.Thread(target=add_it_too)
    thread.start()
    try:
        told = faulty("stall-after:1", f"83600,{text},", "--timeout", "3")
    finally:
        found.set()
        thread.join()
    assert (told["outcomes"], told["exit_code"]) == ({"applied twice": 1}, 1)


def test_what_is_decided_without_asking_anybody(desk):
    desk.file(
        "orders.csv",
        "Order ID,Internal comment\n83601,twin\n83601,twin\n83602,\n83600,Gift wrap asked for by phone\n",
    )
    told = desk.run("send", "orders.csv", "--yes", "--json").json
    assert told["outcomes"] == {"applied": 1, "duplicate": 1, "nothing to update": 1, "already there": 1}


def test_what_a_later_run_overwrote(desk):
    desk.file("first.csv", "Order ID,Internal comment\n83600,a note\n")
    desk.file("second.csv", "Order ID,Internal comment,Replace internal comment\n83600,all new,yes\n")
    for name in ("first.csv", "second.csv"):
        assert desk.run("send", name, "--yes").code == 0
    told = desk.run("send", "first.csv", "--yes", "--json")
    assert (told.code, told.json["outcomes"]) == (1, {"overwritten since": 1})


def test_what_was_refused_is_asked_again_where_that_is_wanted(desk):
    desk.file("orders.csv", "Order ID,Internal comment\n99,of no order\n")
    asked = [
        desk.run("send", "orders.csv", "--yes", "--json", *flags).json for flags in ((), (), ("--retry-no",))
    ]
    assert [one["outcomes"] for one in asked] == [{"refused": 1}] * 3
    assert [one["requests"]["put"] for one in asked] == [1, 0, 1]


@pytest.mark.parametrize(("duplicates", "code", "sent"), [("skip", 0, 1), ("send", 0, 2), ("refuse", 2, 0)])
def test_identical_rows(desk, store, duplicates, code, sent):
    desk.file("orders.csv", "Order ID,Internal comment\n83601,twin\n83601,twin\n")
    assert desk.run("check", "orders.csv", "--duplicates", duplicates).code == code
    assert desk.run("send", "orders.csv", "--yes", "--duplicates", duplicates).code == code
    assert store.get(83601).internal_comment.count("twin") == sent


def test_how_a_check_is_told_what_to_read(desk):
    desk.file("orders.csv", "Order ID|Internal comment|Note\n83600|first|x\n83601|second|y\n")
    flags = (
        "--delimiter",
        "pipe",
        "--limit",
        "1",
        "--only-columns",
        "Internal comment",
        "--set",
        "comment=hi",
    )
    told = desk.run("check", "orders.csv", "--verbose", "--log-format", "json", *flags)
    assert told.code == 0, told.err
    assert '"comment": "hi"' in told.out or '"comment":"hi"' in told.out
    assert "second" not in told.out
    sent = desk.run("send", "orders.csv", "--yes", "--json", "--verbose", *flags)
    assert sent.json["outcomes"] == {"applied": 1, "not sent": 1}


def test_every_command_takes_its_settings_from_where_it_is_told_to(bare_desk, shop, tmp_path):
    own = tmp_path / "mine.toml"
    own.write_text(f"[profiles.qa]\nbase-url = '{shop.base_url}'\n", encoding="utf-8")
    ledger = tmp_path / "kept" / "ledger.db"
    where = ("--config", own, "--profile", "qa", "--ledger", ledger)
    env = {"ORDERSHEET_API_KEY": shop.key}
    bare_desk.file("orders.csv", ORDERS)
    sent = bare_desk.run("send", "orders.csv", "--yes", "--json", *where, env=env)
    assert (sent.code, sent.json["profile"], sent.json["ledger"]) == (0, "qa", str(ledger))
    there = (*where, "--ledger-must-exist")
    checked = bare_desk.run("check", "orders.csv", "--json", *there, env=env)
    assert checked.json["outcomes"] == {"already applied": 2}
    for command in (
        ("runs", "--json"),
        ("show", "last", "--rows"),
        ("doctor", "--json"),
        ("report", "last", "--report", "again.csv"),
        ("purge", "--older-than", "90d"),
        ("ledger", "check", "--json"),
        ("ledger", "backup", "copy.db"),
    ):
        assert bare_desk.run(*command, *there, env=env).code == 0, command
    settled = bare_desk.run("resolve", "last", "--row", "2", "applied", *there, env=env)
    assert settled.code == 2
    assert "no ledger" not in settled.err
    elsewhere = {**env, "ORDERSHEET_CONFIG": str(own), "ORDERSHEET_PROFILE": "qa"}
    assert bare_desk.run("runs", "--ledger", ledger, env=elsewhere).code == 0


def test_an_address_can_be_given_with_each_call(bare_desk, shop):
    env = {"ORDERSHEET_API_KEY": shop.key}
    bare_desk.file("orders.csv", ORDERS)
    for command in (("check", "orders.csv"), ("send", "orders.csv", "--yes"), ("doctor",)):
        assert bare_desk.run(*command, "--base-url", shop.base_url, env=env).code == 0
        far = ("--base-url", "http://no-such-host.invalid/api/1")
        refused = bare_desk.run(*command, *far, env=env)
        assert refused.code == (1 if command == ("doctor",) else 2)
        assert "plain http" in refused.err + refused.out
        if command[0] != "send":
            allowed = bare_desk.run(*command, *far, "--allow-http", env=env)
            assert "plain http" not in allowed.err + allowed.out
    sent = bare_desk.run(
        "send", "orders.csv", "--allow-http", "--base-url", "http://no-such-host.invalid/1", env=env
    )
    assert sent.code == 2
    assert "--yes" in sent.err


def test_batch_is_part_of_what_check_counts(desk):
    desk.file("orders.csv", ORDERS)
    assert desk.run("send", "orders.csv", "--yes", "--batch", "monday").code == 0
    counts = [desk.run("check", "orders.csv", "--json", "--batch", day).json for day in ("monday", "tuesday")]
    assert [one["outcomes"].get("already applied", 0) for one in counts] == [2, 0]
    assert [one["batch"] for one in counts] == ["monday", "tuesday"]


def test_the_json_object_says_what_a_job_must_know(desk, shop):
    path = desk.file("orders.csv", ORDERS)
    told = desk.run("send", path, "--yes", "--json", "--rate", "50").json
    assert (told["schema"], told["command"], told["stopped_by"], told["retry"]) == (1, "send", None, False)
    assert (told["batch"], told["resume_after"], told["error"]) == (None, None, None)
    assert told["ledger_created"] is True
    assert len(told["sha256"]) == 64
    assert told["host"] in shop.base_url
    assert told["started"].endswith("Z")
    assert told["seconds"] > 0
    assert desk.run("send", path, "--yes", "--json").json["ledger_created"] is False


def test_a_server_that_says_when_to_come_back_is_left_until_then(tmp_path, store):
    with running(store, SandboxConfig(rate=0.0005, retry_after="seconds")) as shop:
        desk = Desk(tmp_path, shop.base_url, shop.key)
        desk.file(
            "orders.csv", "\n".join(["Order ID,Internal comment", *(f"{83600 + n},n" for n in range(40))])
        )
        told = desk.run("send", "orders.csv", "--yes", "--json", "--no-baseline")
    assert (told.code, told.json["stopped_by"], told.json["retry"]) == (3, "retry-after", True)
    assert told.json["resume_after"].endswith("Z")


@pytest.mark.skipif(sys.platform != "linux", reason="stands in for the desktop's xdg-open")
def test_the_report_is_opened_where_that_is_wanted(desk):
    tools = desk.folder / "tools"
    tools.mkdir()
    (tools / "xdg-open").write_text(f'#!/bin/sh\necho "$1" >> {desk.folder}/opened\n', encoding="utf-8")
    (tools / "xdg-open").chmod(0o755)
    env = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    path = desk.file("orders.csv", ORDERS)
    assert desk.run("send", path, "--yes", "--open", env=env).code == 0
    mine = desk.file("mine.csv", "not a report\n")
    assert desk.run("report", "last", "--report", mine).code == 2
    assert desk.run("report", "last", "--report", mine, "--overwrite", "--open", env=env).code == 0
    opened = desk.folder / "opened"
    for _ in range(100):
        if opened.exists() and len(opened.read_text().splitlines()) == 2:
            break
        time.sleep(0.05)
    first, second = opened.read_text().splitlines()
    assert first.endswith(str(desk.reports()[0].name))
    assert second.endswith("mine.csv")


def test_a_template_has_the_mapping_s_attributes_and_replaces_nothing(desk):
    mapping = desk.file("m.toml", 'version = 1\n[attributes]\n"ERP ref" = "erp_reference"\n')
    assert desk.run("template", "new.xlsx", "--mapping", mapping).code == 0
    refused = desk.run("template", "new.xlsx")
    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert desk.run("template", "new.xlsx", "--overwrite").code == 0


@contextmanager
def sandbox(desk: Desk, *flags: object):
    """The practice API as its command runs it; gives the environment in which its profile is found."""
    note = desk.folder / "note.json"
    env = {"ORDERSHEET_SANDBOX_FILE": str(note)}
    command = [sys.executable, "-m", "ordersheet", "sandbox", *map(str, flags)]
    process = subprocess.Popen(
        command, cwd=desk.folder, env=desk.env(**env), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        while not note.exists():
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.05)
        yield env
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_the_sandbox_keeps_its_orders_and_misbehaves_as_it_is_told(bare_desk):
    bare_desk.file("orders.csv", "Order ID,Internal comment\n12345678,anyone\n")
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    kept = ("--port", port, "--file", "shop.db", "--key", "mine", "--any-order")
    flags_ = (
        "--latency",
        "0.01",
        "--rate",
        "100",
        "--retry-after",
        "date",
        "--fault",
        "429:1",
        "--seed",
        "3",
    )
    send = ("send", "orders.csv", "--yes", "--json", "--profile", "sandbox")
    with sandbox(bare_desk, *kept, *flags_) as env:
        told = bare_desk.run(*send, env=env).json
        assert told["outcomes"] == {"applied": 1}
        assert told["requests"]["pushed_back"] >= 1
    with sandbox(bare_desk, *kept, "--no-get") as env:
        assert bare_desk.run(*send, env=env).json["outcomes"] == {"already applied": 1}
        told = bare_desk.run("doctor", "--json", "--profile", "sandbox", env=env)
        assert json.loads(told.out)["probe"]["code"] == "no-reading"


def test_the_sandbox_serves_another_market_and_joins_texts_as_it_is_told(bare_desk):
    bare_desk.file("orders.csv", "Order ID,Internal comment\n83692,more\n83601,elsewhere\n")
    with sandbox(bare_desk, "--port", 0, "--market", "no", "--separator", "space") as env:
        told = bare_desk.run("send", "orders.csv", "--yes", "--json", "--profile", "sandbox", env=env).json
        assert told["outcomes"] == {"applied": 1, "refused": 1}
        address = json.loads((bare_desk.folder / "note.json").read_text())["base_url"]
        with urllib.request.urlopen(urljoin(address, "/state.json")) as answer:
            orders = json.load(answer)["orders"]
    held = next(order for order in orders if order["id"] == 83692)
    assert held["internalComment"] == "Gift wrap asked for by phone more"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_setup_saves_that_plain_http_is_meant(bare_desk, own_folders):
    answers = [
        ("short name", "lab"), ("The address", "http://no-such-host.invalid/api/1"),
        ("The API key", "k"), ("another address or key?", "n"), ("all the same?", "y"),
    ]  # fmt: skip
    code, shown = converse(bare_desk, ["setup", "--allow-http"], answers)
    assert code == 0, shown
    saved = (own_folders / "ordersheet" / "ordersheet.toml").read_text(encoding="utf-8")
    assert "allow-http = true" in saved
