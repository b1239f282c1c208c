"""Make the pictures of docs/web.md from a real run: `python -m tests.support.page_picture`."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tests.support.browser import chromium, page_server

ROOT = Path(__file__).parents[2]
SHEET = ROOT / "docs" / "web-sheet.png"
RUN = ROOT / "docs" / "web-run.png"


def main() -> None:
    """Practise with the sample, and keep what is seen before and after sending."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        sample = home / "calls.xlsx"
        shutil.copyfile(ROOT / "samples" / "customer-service.xlsx", sample)
        folders = ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
        environ = dict.fromkeys(folders, name) | dict.fromkeys(
            (one for one in os.environ if one.startswith("ORDERSHEET_")), ""
        )
        shape = {"width": 1120, "height": 840}
        with page_server(home, environ=environ) as server, chromium(viewport=shape) as context:
            page = context.new_page()
            page.goto(server.opened())
            page.get_by_role("button", name="Practise with the sandbox").click()
            page.get_by_label("Spreadsheet").set_input_files(sample)
            button = page.get_by_role("button", name="Send 36 rows")
            button.wait_for()
            page.screenshot(path=SHEET)
            button.click()
            page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
            page.get_by_role("link", name="Download sheet").wait_for()
            page.goto(page.url + "?outcome=no")
            page.screenshot(path=RUN)
            server.end()


if __name__ == "__main__":
    main()
