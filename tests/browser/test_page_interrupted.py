"""A run that is stopped, waits, or loses its server or its tabs: no row twice, none lost, the truth told."""

from __future__ import annotations

import re
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest
from playwright.sync_api import expect
from tests.support.browser import PageServer, page_server
from tests.support.clerk import clerk_of, figure
from tests.support.gate import Gate
from tests.support.page_hands import drop, send_button

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

expect.set_options(timeout=20_000)
FIRST = 83600


class Shop(NamedTuple):
    """A shop that answers when it is let."""

    store: Store
    gate: Gate
    environ: dict[str, str]

    def times(self, number: int) -> int:
        """Count how often a row's text stands in its order."""
        found = self.store.get(FIRST + number)
        assert found is not None
        return found.internal_comment.count(text(number))


def text(number: int) -> str:
    return f"<row {number}>"


def sheet(rows: int) -> bytes:
    lines = [f"{FIRST + number};{text(number)}" for number in range(rows)]
    return "\n".join(["Order ID;Internal comment", *lines, ""]).encode()


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path, 5) as one:
        yield one


@contextmanager
def shop_in(folder: Path, lets: int) -> Iterator[Shop]:
    gate = Gate(lets)
    store = Store(folder / "store.db")
    with running(store, SandboxConfig(latency=1.0, sleep=gate.sleep)) as sandbox:
        told = {"ORDERSHEET_BASE_URL": sandbox.base_url, "ORDERSHEET_API_KEY": sandbox.key}
        yield Shop(store, gate, {**told, "ORDERSHEET_CONCURRENCY": "1", "ORDERSHEET_SETTLE": "1"})
        gate.open()


def send_sheet(page: Page, server: PageServer, folder: Path, rows: int) -> None:
    path = folder / f"calls {rows}.csv"
    path.write_bytes(sheet(rows))
    page.goto(server.opened())
    drop(page, path)
    send_button(page).click()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()


def go_on(page: Page, shop: Shop, rows: int) -> None:
    page.get_by_role("link", name="Send what is not done").click()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".figures .good strong")).to_have_text(str(rows), timeout=60_000)
    assert [shop.times(number) for number in range(rows)] == [1] * rows


@pytest.mark.needs("browser")
def test_a_run_is_wound_down_then_cut_off_and_gone_on_with(browser, home, shop, tmp_path):
    with page_server(home, environ=shop.environ) as server:
        page = browser.new_page()
        send_sheet(page, server, tmp_path, 6)
        expect(page.locator("[data-is=done]")).to_have_text(re.compile("^[1-9]"))
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.locator("[data-is=state]")).to_have_text("Winding down: what is under way may finish.")
        page.get_by_role("button", name="Stop now", exact=True).click()
        expect(page.get_by_role("link", name="Send what is not done")).to_be_visible()
        shop.gate.open()
        go_on(page, shop, 6)


@pytest.mark.needs("browser")
def test_a_reload_a_closed_tab_and_a_second_one_find_the_run_again(browser, home, shop, tmp_path):
    with page_server(home, environ=shop.environ) as server:
        page = browser.new_page()
        send_sheet(page, server, tmp_path, 6)
        expect(page.locator("[data-is=done]")).to_have_text(re.compile("^[1-9]"))
        page.reload()
        expect(page.locator("[data-is=state]")).to_have_text("Sending.")
        address = page.url
        second = browser.new_page()
        second.goto(server.root + "/runs")
        expect(second.get_by_text("under way")).to_be_visible()
        second.goto(address)
        page.close()
        shop.gate.open()
        expect(second.get_by_role("link", name="Download sheet")).to_be_visible()
        expect(second.locator(".figures .good strong")).to_have_text("6")
        assert [shop.times(number) for number in range(6)] == [1] * 6


@pytest.mark.needs("browser")
def test_double_clicks_and_a_second_tab_s_dialog_send_once(browser, home, shop, tmp_path):
    shop.gate.open()
    with page_server(home, environ=shop.environ) as server:
        page = browser.new_page()
        path = tmp_path / "calls.csv"
        path.write_bytes(sheet(4))
        page.goto(server.opened())
        drop(page, path)
        second = browser.new_page()
        second.goto(page.url)
        send_button(second).click()
        expect(second.get_by_role("dialog")).to_be_visible()
        send_button(page).dblclick()
        page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).dblclick()
        expect(page.get_by_role("link", name="Download sheet")).to_be_visible()
        second.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
        expect(
            second.get_by_role("alert").or_(second.get_by_role("link", name="Download sheet"))
        ).to_be_visible()
        page.goto(server.root + "/runs")
        expect(page.locator(".runs li").first).to_contain_text("4 ok")
        assert [shop.times(number) for number in range(4)] == [1] * 4


@pytest.mark.needs("browser")
def test_a_kill_of_the_server_loses_nothing_and_sends_nothing_twice(browser, home, shop, tmp_path):
    with page_server(home, environ=shop.environ) as server:
        page = browser.new_page()
        send_sheet(page, server, tmp_path, 6)
        expect(page.locator("[data-is=done]")).to_have_text(re.compile("^[1-9]"))
        server.process.kill()
        server.process.wait()
    shop.gate.open()
    with page_server(home, environ=shop.environ) as server:
        page.goto(server.opened())
        page.get_by_text("not finished: go on").wait_for()
        page.get_by_role("link", name=re.compile("calls 6.csv.*127.0.0.1")).click()
        expect(page.get_by_role("alert")).to_contain_text("Not finished")
        go_on(page, shop, 6)


@pytest.mark.needs("browser")
def test_a_second_run_waits_in_line_and_says_so(browser, home, shop, tmp_path):
    with page_server(home, environ=shop.environ) as server:
        # A tab each, as somebody has who watches the first run.
        first, second = browser.new_page(), browser.new_page()
        for tab, rows in ((first, 6), (second, 5)):
            send_sheet(tab, server, tmp_path, rows)
            expect(tab.locator("[data-is=state]")).to_be_visible()
        expect(second.locator("[data-is=state]")).to_have_text("Waiting in line: 1 run goes first.")
        second.get_by_role("button", name="Stop", exact=True).click()
        expect(second.get_by_role("alert")).to_contain_text("taken out of the line")
        shop.gate.open()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_signal_winds_the_run_down_and_the_rest_goes_on_later(home, shop):
    with page_server(home, environ=shop.environ) as server, clerk_of(server) as clerk:
        path = clerk.drop("calls.csv", sheet(6))
        clerk.settled(path)
        run = clerk.client.post(path + "/send", data=clerk.form_to_send(path)).headers["location"]
        assert shop.gate.held.wait(30)
        server.process.send_signal(signal.SIGTERM)
        while "Winding down" not in clerk.client.get(run, follow_redirects=True).text:
            pass
        shop.gate.open()
        assert server.process.wait(60) == 0
    done = sum(shop.times(number) for number in range(6))
    assert 0 < done < 6
    with page_server(home, environ=shop.environ) as server, clerk_of(server) as clerk:
        assert "stopped" in clerk.client.get("/").text
        clerk.settled(path)
        assert figure(clerk.send(path), "ok") == 6
        assert [shop.times(number) for number in range(6)] == [1] * 6


# ---- at any moment ----

MOMENTS = (3,)
"""After the upload, the count, the question; else in the run, after so many of its requests."""
EVERY_MOMENT = ("brought", "counted", "asked", *range(9))


def kill_at(home: Path, moment: str | int, shop: Shop) -> str:
    """Bring a sheet in, and kill the server at a moment; gives the address of the file's page."""
    with page_server(home, environ=shop.environ) as server, clerk_of(server) as clerk:
        path = clerk.drop("calls.csv", sheet(4))
        if moment != "brought":
            clerk.settled(path)
        form = clerk.form_to_send(path) if moment not in ("brought", "counted") else {}
        if isinstance(moment, int):
            sent = clerk.client.post(path + "/send", data=form)
            assert sent.status_code == 303
            while not shop.gate.held.wait(0.05) and clerk.is_live(sent.headers["location"]):
                pass
        server.process.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        server.process.wait()
    return path


def kills_lose_nothing(folder: Path, moment: str | int) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    with shop_in(folder, moment if isinstance(moment, int) else 1 << 30) as shop:
        path = kill_at(home, moment, shop)
        shop.gate.open()
        with page_server(home, environ=shop.environ) as server, clerk_of(server) as clerk:
            page = clerk.settled(path)
            killed = "not finished: go on" in clerk.client.get("/").text
            assert killed == (isinstance(moment, int) and shop.gate.held.is_set())
            assert "calls.csv" in page
            if not all(shop.times(number) for number in range(4)):
                assert figure(clerk.send(path), "ok") == 4
        assert [shop.times(number) for number in range(4)] == [1] * 4


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_any_moment_loses_no_row_and_sends_none_twice(tmp_path, moment):
    kills_lose_nothing(tmp_path, moment)


@pytest.mark.torture
@pytest.mark.parametrize("moment", EVERY_MOMENT)
def test_a_kill_at_every_moment_loses_no_row_and_sends_none_twice(tmp_path, moment):
    kills_lose_nothing(tmp_path, moment)
