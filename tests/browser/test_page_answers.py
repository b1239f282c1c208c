"""What the page asks a person, and what the answer does: setting up, going on, trusting, forgetting."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from tests.support.browser import page_server
from tests.support.clerk import alert, clerk_of, figure

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

SHEET = b"Order ID;Internal comment\n83600;first\n83601;second\n"


@pytest.fixture
def shop(tmp_path):
    store = Store(tmp_path / "store.db")
    with running(store) as sandbox:
        yield sandbox, store


@pytest.fixture
def opened(shop, tmp_path):
    """Opens a page that sends to the shop, in a home by its name."""
    sandbox, _ = shop
    with ExitStack() as stack:

        def open_page(name: str, **environ: str):
            home = tmp_path / name
            home.mkdir(mode=0o700, exist_ok=True)
            told = {"ORDERSHEET_BASE_URL": sandbox.base_url, "ORDERSHEET_API_KEY": sandbox.key, **environ}
            server = stack.enter_context(page_server(home, environ=told))
            return server, stack.enter_context(clerk_of(server))

        yield open_page


def test_a_shop_is_tried_explained_and_kept_with_its_key_unseen(home, shop):
    sandbox, store = shop
    with page_server(home) as server, clerk_of(server) as clerk:
        start = clerk.client.get("/").text
        assert "Where do the orders live?" in start
        assert "What the shop's plugin must allow" in html.unescape(start)
        for typed, says in (
            ({"address": sandbox.base_url, "key": "wrong"}, "key"),
            ({"address": "http://127.0.0.1:1/api/order-api/1", "key": sandbox.key}, "not reached"),
            ({"address": "http://shop.example.com/api/order-api/1", "key": sandbox.key}, "plain http"),
            ({"address": "no address", "key": sandbox.key}, "address"),
            ({"address": sandbox.base_url, "key": sandbox.key, "name": "a b"}, "name"),
        ):
            answer = clerk.client.post("/setup", data={"name": "mine", **typed})
            told = alert(html.unescape(answer.text))
            assert answer.status_code == 409
            assert says in told.casefold(), told
            assert f'value="{typed["address"]}"' in html.unescape(answer.text)
            assert sandbox.key not in answer.text
            assert "Send a sheet" not in answer.text
        typed = {"name": "mine", "address": sandbox.base_url, "key": sandbox.key}
        assert clerk.client.post("/setup", data=typed).status_code == 303
        start = clerk.client.get("/").text
        assert "Send a sheet" in start
        assert "(mine)" in start
        path = clerk.drop("a.csv", SHEET, profile="mine")
        clerk.settled(path)
        assert figure(clerk.send(path), "ok") == 2
        assert sandbox.key not in clerk.client.get("/settings").text
    assert len(list(store)) > 2


def test_a_file_is_forgotten_with_all_that_was_made_of_it(opened):
    server, clerk = opened("home")
    path = clerk.drop("a.csv", SHEET)
    clerk.settled(path)
    folder = server.ledger.parent / "web" / path.lstrip("/")
    assert folder.is_dir()
    assert clerk.client.post(path + "/forget").headers["location"] == "/"
    assert clerk.client.get(path).status_code == 404
    assert not folder.exists()
    assert "a.csv" not in clerk.client.get("/").text


def test_the_bytes_of_an_earlier_batch_go_out_where_that_is_meant(opened, shop):
    for batch in ("monday", "tuesday"):
        server, clerk = opened("home", ORDERSHEET_BATCH=batch)
        path = clerk.drop("a.csv", SHEET)
        clerk.settled(path)
        page = clerk.send(path)
        if batch == "tuesday":
            assert "was not sent" in page
            assert 'press "Send it all the same"' in alert(page)
            assert "--" not in alert(page)
            page = clerk.send(path, "same_file")
        assert figure(page, "ok") == 2
        server.end()
    found = shop[1].get(83600)
    assert found is not None
    assert found.internal_comment.count("first") == 2


def test_a_report_of_another_computer_is_trusted_where_that_is_said(opened, shop):
    _, clerk = opened("theirs")
    path = clerk.drop("a.csv", SHEET)
    clerk.settled(path)
    run = clerk.client.post(path + "/send", data=clerk.form_to_send(path)).headers["location"]
    clerk.ended(run)
    run = clerk.client.get(run, follow_redirects=True).url.path
    report = clerk.client.get(run + "/sheet").content
    _, clerk = opened("ours")
    path = clerk.drop("a report.csv", report.replace(b"second", b"second, corrected"))
    clerk.settled(path)
    page = clerk.send(path)
    assert 'Press "Leave those that nobody changed"' in alert(page)
    assert figure(clerk.send(path, "trust_report"), "ok") == 2
    found = [shop[1].get(order) for order in (83600, 83601)]
    assert found[0].internal_comment.count("first") == 1
    assert "second, corrected" in found[1].internal_comment


def test_a_report_without_fingerprints_is_left_where_that_is_said(opened, shop):
    _, clerk = opened("theirs")
    path = clerk.drop("a.csv", SHEET)
    clerk.settled(path)
    run = clerk.client.post(path + "/send", data=clerk.form_to_send(path)).headers["location"]
    clerk.ended(run)
    run = clerk.client.get(run, follow_redirects=True).url.path
    report = clerk.client.get(run + "/sheet").content
    bare = re.sub(rb" \[[0-9a-z]+ [0-9a-z]+\]|\[[0-9a-z -]+\]", b"", report)
    assert bare != report
    _, clerk = opened("ours")
    path = clerk.drop("a report.csv", bare + b"83602;third;;;;\n")
    clerk.settled(path)
    page = clerk.send(path, "trust_report")
    assert 'press "Leave all of them"' in alert(page)
    assert "--" not in alert(page)
    assert "Leave all of them</button>" in page
    assert figure(clerk.send(path, "trust_all"), "ok") == 3
    texts = [order.internal_comment for order in shop[1]]
    assert [sum(text.count(word) for text in texts) for word in ("first", "second", "third")] == [1, 1, 1]


def test_another_key_goes_on_where_it_is_the_same_shop(tmp_path):
    store, home, port = Store(tmp_path / "store.db"), tmp_path / "home", 0
    home.mkdir(mode=0o700)
    before = [order.internal_comment for order in store]
    run = ""
    for key in ("the-first-key", "another-key"):
        with running(store, SandboxConfig(key=key), port=port) as sandbox:
            port = urlsplit(sandbox.base_url).port or 0
            told = {"ORDERSHEET_BASE_URL": sandbox.base_url, "ORDERSHEET_API_KEY": key}
            with page_server(home, environ=told) as server, clerk_of(server) as clerk:
                path = clerk.drop("a.csv", SHEET)
                clerk.settled(path)
                if not run:
                    page = clerk.send(path)
                    assert figure(page, "ok") == 2
                    run = re.findall(r'href="(/runs/[\w-]+)/undo"', page)[0]
                    continue
                # As Undo by itself meets it: what it would do is shown, and who the shop is, is asked.
                form, _ = clerk.form_to_undo(run)
                page = clerk.ended(clerk.client.post(run + "/undo", data=form).headers["location"])
                assert "Nothing was undone" in page
                assert 'press "It is the same shop"' in alert(page)
                assert "It is the same shop</button>" in page
                page = clerk.send(path)
                assert 'press "It is the same shop"' in alert(page)
                assert "--" not in alert(page)
                assert "It is the same shop</button>" in page
                form = {**form, "once": "0123456789abcdef", "same_store": "yes"}
                assert 'name="same_store" value="yes"' in clerk.client.get(f"{run}/undo?with=same_store").text
                page = clerk.ended(clerk.client.post(run + "/undo", data=form).headers["location"])
                assert figure(page, "ok") == 2
                assert [order.internal_comment for order in store] == before
                page = clerk.send(path)
                assert figure(page, "ok") == 2
    assert sum(order.internal_comment.count("first") for order in store) == 1


def test_what_the_command_sent_is_gone_on_with_in_the_page(opened, shop, tmp_path):
    server, clerk = opened("home")
    sandbox, _ = shop
    sheet = tmp_path / "terminal.csv"
    sheet.write_bytes(SHEET)
    told = {"ORDERSHEET_BASE_URL": sandbox.base_url, "ORDERSHEET_API_KEY": sandbox.key}
    command = [sys.executable, "-m", "ordersheet", "send", str(sheet), "--yes", "--limit", "1"]
    done = subprocess.run(
        [*command, "--ledger", str(server.ledger), "--report", str(tmp_path / "out.csv")],
        env={**os.environ, **told},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "terminal.csv" in clerk.client.get("/").text
    run = clerk.client.get("/runs").text.split('href="/runs/')[1].split('"')[0]
    assert clerk.client.get(f"/runs/{run}/input").content == SHEET
    path = clerk.client.post(f"/runs/{run}/take").headers["location"]
    page = clerk.settled(path)
    assert figure(page, "already done") == 1
    assert figure(page, "of 2 rows to send") == 1
    assert figure(clerk.send(path), "ok") == 2
