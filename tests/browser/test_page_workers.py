"""The page where the ledger is shared and has workers: others send, and every desk's page shows it."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.support.browser import page_server
from tests.support.page_hands import drop, send_button
from tests.support.team import TeamDesk, home, team_desk, worker

from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page
    from tests.support.browser import PageServer

    from ordersheet.sandbox.server import Running

pytestmark = pytest.mark.needs("browser", "postgres", "dbos")
ORDERS = range(84000, 84230)
"""Two chunks."""
PATIENCE = 120_000
"""Milliseconds that workers may take on a busy machine."""


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store(orders=ORDERS)
    yield made
    made.close()


@pytest.fixture
def shop(store: Store) -> Iterator[Running]:
    with running(store) as one:
        yield one


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    path = tmp_path / "calls.csv"
    lines = "".join(f"{order},Called {order}\n" for order in ORDERS)
    path.write_text(f"order,internalComment\n{lines}", encoding="utf-8")
    return path


@contextmanager
def page_of(desk: TeamDesk, large_files: Path | None = None) -> Iterator[PageServer]:
    """Run the page of a desk; what it shares is the ledger, and the place for large files if any."""
    own = {"XDG_DATA_HOME": str(desk.folder / "data"), "XDG_CONFIG_HOME": str(desk.folder / "config")}
    if large_files is not None:
        own |= {"ORDERSHEET_LARGE_FILES": str(large_files), "ORDERSHEET_LARGE_FROM": "0.001"}
    with page_server(desk.folder, "--ledger", desk.url, environ=desk.env(**own)) as server:
        yield server


def handed_over(page: Page, server: PageServer, calls: Path) -> str:
    """Drop a sheet and send it; gives the run."""
    page.goto(server.address)
    drop(page, calls)
    send_button(page).click()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Waiting until a worker takes it.", timeout=PATIENCE)
    return page.url.rpartition("/")[2]


def texts(store: Store) -> Counter[str]:
    held = (store.get(order) for order in ORDERS)
    return Counter(
        text for one in held if one for text in re.findall(r"Called \d+", str(one.internal_comment))
    )


def test_what_a_page_hands_over_workers_send_and_another_desk_s_page_gives_the_sheet(
    browser: BrowserContext, tmp_path: Path, shop: Running, store: Store, calls: Path, team_writer: str
) -> None:
    clerk, server, other = (
        team_desk(home(tmp_path, name), shop, team_writer) for name in ("clerk", "server", "other")
    )
    share = home(tmp_path, "share")
    page = browser.new_page()
    with page_of(clerk, share) as first:
        run = handed_over(page, first, calls)
        expect(page.get_by_text("You may close this page")).to_be_visible()
        expect(page.locator(".figures")).to_contain_text("0 of 2 parts done")
        # The same sheet once more is refused, with the run that has it.
        page.goto(first.root)
        drop(page, calls)
        send_button(page).click()
        page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text(f"being sent already, as run {run}")).to_be_visible(timeout=PATIENCE)
    assert [path.read_bytes() for path in share.iterdir()] == [calls.read_bytes()]
    with page_of(other, share) as second, worker(server):
        page.goto(second.address)
        page.goto(f"{second.root}/runs/{run}")
        expect(page.get_by_role("link", name="Download sheet")).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".figures")).to_contain_text(f"{len(ORDERS)} ok")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download sheet").click()
        assert download.value.path().read_text(encoding="utf-8-sig").count(",ok,") == len(ORDERS)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download input").click()
        assert download.value.path().read_bytes() == calls.read_bytes()
    assert texts(store) == Counter(f"Called {order}" for order in ORDERS)


def test_stop_in_the_page_ends_the_run_on_all_machines(
    browser: BrowserContext, tmp_path: Path, shop: Running, store: Store, calls: Path, team_writer: str
) -> None:
    clerk = team_desk(home(tmp_path, "clerk"), shop, team_writer)
    page = browser.new_page()
    with page_of(clerk) as server:
        handed_over(page, server, calls)
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("The run was stopped before", timeout=PATIENCE)
        expect(page.get_by_role("link", name="Send what is not done")).to_be_visible()
    assert not texts(store)
