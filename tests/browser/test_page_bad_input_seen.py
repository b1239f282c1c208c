"""What goes wrong, as a person sees it in a browser: one sentence, in view, with script and without."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.browser.test_page_bad_input import BAD, HEAD

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.needs("browser")

SHEET = (HEAD + "83600;a text\n").encode()
NAMES = {
    "../../etc/passwd.csv": "passwd.csv",
    "<img src=x onerror=alert(1)>.csv": "_img src=x onerror=alert(1)_.csv",
    "ü" * 150 + ".csv": "ü" * 48 + ".csv",
    "\u202evsc.live": "vsc.live",
}


def bring(page: Page, name: str, data: bytes) -> None:
    page.get_by_label("Spreadsheet").set_input_files({"name": name, "mimeType": "", "buffer": data})
    button = page.get_by_role("button", name="Upload")
    if button.is_visible():
        button.click()
    page.wait_for_url(re.compile("/files/"))


def fits(page: Page) -> bool:
    """Tell whether nothing stands beyond the right edge."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.fixture(params=["script", "no script"])
def page(request, shared_server):
    context = request.getfixturevalue("browser" if request.param == "script" else "without_script")
    page = context.new_page()
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(shared_server.opened())
    if page.get_by_role("button", name="Practise with the sandbox").is_visible():
        page.get_by_role("button", name="Practise with the sandbox").click()
    return page


def test_each_bad_file_is_one_sentence_in_view(page, shared_server):
    for name, data, says in BAD.values():
        page.goto(shared_server.root + "/")
        bring(page, name, data)
        told = page.get_by_role("alert")
        expect(told).to_have_text(re.compile(says), timeout=30_000)
        expect(told).to_be_in_viewport()
        expect(told).to_have_count(1)
        expect(page.get_by_role("button", name=re.compile("^Send"))).to_have_count(0)
        assert fits(page), name


def test_a_name_that_means_harm_is_a_name_and_no_more(page, shared_server):
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    for name, shown in NAMES.items():
        page.goto(shared_server.root + "/")
        bring(page, name, SHEET)
        expect(page.get_by_role("heading", level=1)).to_have_text(shown)
        expect(page.locator("main img")).to_have_count(0)
        assert fits(page), name


def test_a_wide_sheet_and_the_longest_cell_stay_within_the_page(page, shared_server):
    head = ";".join(["Order ID", "Internal comment", *(f"h{number}" for number in range(2_000))])
    longest = ("שלום " * 6_554)[:32_767]
    page.goto(shared_server.root + "/")
    bring(page, "wide.csv", f"{head}\n83600;{longest}{';' * 2_000}\n".encode())
    expect(page.get_by_role("button", name="Send 1 row")).to_be_visible(timeout=60_000)
    assert fits(page)
    expect(page.get_by_role("link", name="Further columns")).to_be_visible()
