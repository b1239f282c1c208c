"""What a person does with mouse and keys in the page; asked of the page by the names that people see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page
    from tests.support.browser import PageServer


def practise(page: Page, server: PageServer) -> None:
    page.goto(server.opened())
    page.get_by_role("button", name="Practise with the sandbox").click()
    expect(page.get_by_role("heading", name="Send a sheet")).to_be_visible()


def send_button(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile(r"^Send [\d,]+ rows?$"))


def drop(page: Page, path: Path) -> None:
    page.get_by_label("Spreadsheet").set_input_files(path)
    expect(send_button(page)).to_be_visible()


def send(page: Page) -> None:
    send_button(page).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("127.0.0.1")
    dialog.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("link", name="Download sheet")).to_be_visible()
