"""The whole way in the system's own browser: from nothing to the sheet that comes back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import openpyxl
import pytest
from playwright.sync_api import expect
from tests.support.page_hands import drop, practise, send, send_button

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.needs("browser")
expect.set_options(timeout=20_000)


def downloaded(page: Page, name: str, tmp_path: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    path = tmp_path / "download" / download.value.suggested_filename
    download.value.save_as(path)
    return path


def statuses(path: Path) -> dict[str, str]:
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    head = next(row for row in sheet.iter_rows(values_only=True) if "update_status" in row)
    status, order = head.index("update_status"), head.index("Order ID")
    rows = [row for row in sheet.iter_rows(values_only=True) if row[status] in ("ok", "no")]
    return {str(row[order]): str(row[status]) for row in rows}


def test_from_nothing_to_the_sheet_that_comes_back(browser, server, sample, tmp_path):
    page = browser.new_page()
    practise(page, server)
    drop(page, sample)
    expect(send_button(page)).to_have_text("Send 36 rows")
    expect(page.locator("td", has_text="8364O")).to_contain_text("is not an order ID")
    page.get_by_role("button", name="Show old and new").click()
    expect(page.get_by_role("heading", name="Old and new")).to_be_visible()
    expect(page.locator("ins").first).to_be_visible()
    send(page)
    expect(page.locator(".figures")).to_contain_text("35")
    page.get_by_role("link", name=re.compile("^refused 2$")).click()
    expect(page.locator("tbody tr")).to_have_count(2)
    report = downloaded(page, "Download sheet", tmp_path)
    found = statuses(report)
    assert found["83601"] == "ok"
    assert found["8364O"] == "no"
    given = downloaded(page, "Download input", tmp_path)
    assert given.read_bytes() == sample.read_bytes()
    page.goto(server.root + "/orders?id=83601")
    expect(page.locator("blockquote").first).to_contain_text("wants delivery after")
    page.get_by_role("button", name="Read the order").click()
    expect(page.locator("dd").first).to_be_visible()
    page.goto(server.root + "/runs?search=customer")
    expect(page.locator(".runs li")).to_have_count(1)


def test_what_is_mended_unticked_and_chosen_is_kept_and_comes_back(browser, server, sample, tmp_path):
    page = browser.new_page()
    practise(page, server)
    drop(page, sample)
    cell = page.locator("tr[data-row='41'] td[data-column='0']")
    cell.dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type("83640")
    page.keyboard.press("Enter")
    expect(send_button(page)).to_have_text("Send 37 rows")
    page.locator("tr[data-row='5']").get_by_role("checkbox").uncheck()
    expect(send_button(page)).to_have_text("Send 36 rows")
    page.get_by_label("I Handled by feeds").select_option("comment")
    expect(page.get_by_text("Customers may see this text.")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("call-center")
    page.get_by_role("button", name="Save this mapping").click()
    expect(page.get_by_text("The mapping “call-center” is in use")).to_be_visible()
    page.reload()
    expect(page.locator("tr[data-row='41'] td[data-column='0']")).to_have_text("83640")
    expect(page.locator("tr[data-row='5']").get_by_role("checkbox")).not_to_be_checked()
    expect(page.get_by_label("I Handled by feeds")).to_have_value("comment")
    upload = page.url
    send_button(page).click()
    expect(page.get_by_role("dialog")).to_contain_text("may be seen by customers")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    send(page)
    sheet = openpyxl.load_workbook(downloaded(page, "Download sheet", tmp_path)).active
    assert sheet is not None
    assert sheet["A41"].value == "83640"
    assert "not sent" in [cell.value for cell in sheet[5]]
    page.goto(upload)
    given = downloaded(page, "Download input", tmp_path)
    assert given.read_bytes() == sample.read_bytes()
    page.goto(server.root)
    drop(page, sample)
    expect(page.get_by_label("I Handled by feeds")).to_have_value("comment")


def test_a_cell_is_left_by_escape_and_mended_by_keyboard_alone(browser, server, sample):
    page = browser.new_page()
    practise(page, server)
    drop(page, sample)
    cell = page.locator("tr[data-row='41'] td[data-column='0']")
    cell.focus()
    page.keyboard.press("F2")
    page.keyboard.type("1")
    page.keyboard.press("Escape")
    expect(cell).to_contain_text("8364O")
    cell.focus()
    page.keyboard.press("F2")
    page.keyboard.press("Control+A")
    page.keyboard.type("83640")
    page.keyboard.press("Enter")
    expect(send_button(page)).to_have_text("Send 37 rows")


def test_it_works_without_script(without_script, server, sample):
    page = without_script.new_page()
    practise(page, server)
    page.get_by_label("Spreadsheet").set_input_files(sample)
    page.get_by_role("button", name="Upload").click()
    expect(send_button(page)).to_be_visible()
    page.get_by_role("link", name="Row 41: mend its cells").click()
    page.get_by_label("A Order ID").fill("83640")
    page.get_by_role("button", name="Save").click()
    while send_button(page).count() == 0:
        page.reload()  # without script, that is how news come
    expect(page.locator("tr[data-row='41'] td[data-column='0']")).to_have_text("83640")
    expect(send_button(page)).to_have_text("Send 37 rows")
    send_button(page).click()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("link", name="Download sheet")).to_be_visible()
