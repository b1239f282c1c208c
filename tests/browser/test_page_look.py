"""Names, contrast, sizes and room: what a person with a small screen, a dark one, or none at all, meets."""

from __future__ import annotations

import pytest
from tests.support.page_hands import drop, practise, send_button

pytestmark = pytest.mark.needs("browser")

FAULTS = """() => {
  const faults = [];
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const parse = (t) => { const n = t.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > .99) return c.slice(0, 3); } return [255, 255, 255]; };
  for (const e of document.querySelectorAll("body *")) {
    const style = getComputedStyle(e);
    const box = e.getBoundingClientRect();
    if (style.visibility === "hidden" || box.width < 2 || box.height < 2) continue;
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (own) {
      if (parseFloat(style.fontSize) < 14) faults.push(`small: ${e.outerHTML.slice(0, 80)}`);
      const a = light(parse(style.color).slice(0, 3)), b = light(behind(e));
      const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
      if (ratio < 4.5 && !e.disabled) faults.push(`contrast ${ratio.toFixed(2)}: ${e.outerHTML.slice(0, 80)}`);
    }
    if (e.matches("input:not([type=hidden]), select, textarea") && !e.labels?.length && !e.ariaLabel) faults.push(`no label: ${e.outerHTML.slice(0, 80)}`);
    if (e.matches("a, button") && !(e.textContent.trim() || e.ariaLabel)) faults.push(`no name: ${e.outerHTML.slice(0, 80)}`);
    if (e.matches("[style]")) faults.push(`inline style: ${e.outerHTML.slice(0, 80)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) faults.push(`wider than the window: ${document.documentElement.scrollWidth}`);
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one heading of the page");
  if (!document.documentElement.lang || !document.title) faults.push("no language or title");
  return faults;
}"""  # noqa: E501 - JavaScript


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (360, "light"),
        (1600, "dark"),
        pytest.param(360, "dark", marks=pytest.mark.torture),
        pytest.param(1600, "light", marks=pytest.mark.torture),
    ],
)
def test_every_page_can_be_read_and_has_names(chrome, server, sample, tmp_path, width, scheme):
    with chrome.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
        page = context.new_page()
        page.set_default_timeout(20_000)

        def look(where: str) -> None:
            page.wait_for_load_state("load")
            assert page.evaluate(FAULTS) == [], where
            assert len(page.content()) < 200_000

        page.goto(server.opened())
        look("setup")
        practise(page, server)
        look("start")
        drop(page, sample)
        look("file")
        page.get_by_role("button", name="Show old and new").click()
        page.get_by_role("heading", name="Old and new").wait_for()
        look("old and new")
        page.locator("tr[data-row='41'] td[data-column='0']").dblclick()
        look("a cell that is mended")
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Row 41: mend its cells").click()
        page.get_by_role("button", name="Save").wait_for()
        look("row")
        page.go_back()
        send_button(page).click()
        page.get_by_role("dialog").wait_for()
        look("dialog")
        page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
        page.get_by_role("link", name="Download sheet").wait_for()
        look("run")
        for path in ("/", "/runs", "/runs?search=none", "/orders?id=83601&now=yes", "/settings", "/nothing"):
            page.goto(server.root + path)
            look(path)
        picture = tmp_path / "picture.xlsx"
        picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 200)
        page.goto(server.root)
        page.get_by_label("Spreadsheet").set_input_files(picture)
        page.get_by_role("link", name="Choose another file").wait_for()
        look("a file that cannot be read")
