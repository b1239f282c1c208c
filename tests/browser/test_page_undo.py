"""Undo in the page: looked at in the dialog that asks, done once, and told afterwards."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.support.browser import page_server
from tests.support.clerk import alert, clerk_of, figure
from tests.support.page_hands import drop, send

from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

SHEET = b"Order ID;Internal comment\n83600;first\n83601;second\n83602;third\n"


@pytest.fixture
def shop(tmp_path, home):
    store = Store(tmp_path / "store.db")
    with running(store) as sandbox:
        told = {"ORDERSHEET_BASE_URL": sandbox.base_url, "ORDERSHEET_API_KEY": sandbox.key}
        with page_server(home, environ=told) as server:
            yield server, store


def texts(store: Store) -> list[str]:
    found = [store.get(order) for order in (83600, 83601, 83602)]
    return [order.internal_comment for order in found if order is not None]


def test_what_nobody_touched_is_put_back_once_and_the_rest_is_kept(shop):
    server, store = shop
    before = texts(store)
    with clerk_of(server) as clerk:
        path = clerk.drop("a.csv", SHEET)
        clerk.settled(path)
        sent = clerk.client.post(path + "/send", data=clerk.form_to_send(path)).headers["location"]
        clerk.ended(sent)
        run = clerk.client.get(sent, follow_redirects=True).url.path
        store.edit(83601, "internalComment", texts(store)[1] + "\nsomebody else", "Karin")
        form, dialog = clerk.form_to_undo(run)
        assert "Undo 2 rows at 127.0.0.1" in dialog
        assert figure(dialog, "would be put back") == 2
        assert figure(dialog, "stay, since somebody wrote since") == 1
        assert clerk.client.post(run + "/undo", data={"once": "x"}).status_code == 409
        undone = [clerk.client.post(run + "/undo", data=form).headers["location"] for _ in range(2)]
        assert undone[0] == undone[1]
        page = clerk.ended(undone[0])
        assert figure(page, "ok") == 2
        assert "kept" in page
        now = texts(store)
        assert [now[0], now[2]] == [before[0], before[2]]
        assert now[1].endswith("somebody else")
        assert "This was undone by" in clerk.client.get(run).text
        assert figure(clerk.settled(path), "of 3 rows to send") == 2
        late = clerk.client.post(run + "/undo", data=form)
        clerk.ended(late.headers["location"])
        assert texts(store) == now
        _, dialog = clerk.form_to_undo(run)
        assert "There is nothing to undo" in dialog


def test_a_run_that_cannot_be_undone_says_why_in_the_dialog(shop):
    server, _ = shop
    with clerk_of(server) as clerk:
        path = clerk.drop("a.csv", SHEET)
        clerk.settled(path)
        sent = clerk.client.post(path + "/send", data=clerk.form_to_send(path)).headers["location"]
        clerk.ended(sent)
        run = clerk.client.get(sent, follow_redirects=True).url.path
        form, _ = clerk.form_to_undo(run)
        clerk.ended(clerk.client.post(run + "/undo", data=form).headers["location"])
        undo = clerk.client.get("/runs").text.split('href="/runs/')[1].split('"')[0]
        page = clerk.client.get(f"/runs/{undo}").text
        assert "This undoes" in page
        assert "Send what is not done" not in page
        assert f'href="/runs/{undo}/undo"' not in page
        _, dialog = clerk.form_to_undo(f"/runs/{undo}")
        assert "it is finished" in alert(dialog)
        assert "Undo</button>" not in dialog


@pytest.mark.needs("browser")
def test_the_whole_way_from_drop_to_undo(browser, shop, tmp_path):
    server, store = shop
    before = texts(store)
    path = tmp_path / "calls.csv"
    path.write_bytes(SHEET)
    page = browser.new_page()
    page.goto(server.opened())
    drop(page, path)
    send(page)
    assert texts(store) != before
    page.get_by_role("link", name="Undo", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Undo 3 rows at 127.0.0.1")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Undo", exact=True).click()
    expect(dialog.locator("ins").first).to_be_visible()
    dialog.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_text("This undoes")).to_be_visible()
    expect(page.locator(".figures .good strong")).to_have_text("3")
    assert texts(store) == before
