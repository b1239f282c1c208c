"""Make the pictures of real runs in docs, run, online and undo: `python -m tests.support.picture`."""

from __future__ import annotations

import shutil
import tempfile
from html import escape
from pathlib import Path

from tests.support.command import SAMPLES, Desk

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

DOCS = Path(__file__).parents[2] / "docs"
SEEN = """Order ID;Internal comment;Replace internal comment;attr:erp_reference
83600;Called, no answer;;
83604;Gift wrap asked for by phone;yes;
83608;Gift wrap paid for by phone;yes;ERP-4711
83612;Gift wrap asked for by phone;;
"""
WIDTH, LINE, LETTER = 112, 19, 8.43


def record() -> list[str]:
    """Run a check and a send on a sandbox, and give what a terminal shows."""
    store = Store(state="shop")
    with tempfile.TemporaryDirectory() as name, running(store) as shop:
        desk = Desk(Path(name), shop.base_url, shop.key)
        shutil.copyfile(SAMPLES / "customer-service.xlsx", desk.folder / "calls.xlsx")
        lines: list[str] = []
        for command in (
            ["check", "calls.xlsx"],
            ["send", "calls.xlsx", "--yes"],
            ["send", "calls.xlsx", "--yes"],
        ):
            ended = desk.run(*command)
            host = shop.base_url.split("/")[2]
            shown = ended.out.replace(str(desk.folder), "~/orders").replace(host, "shop.example.com")
            lines += [f"$ ordersheet {' '.join(command)}", *shown.rstrip().splitlines(), ""]
        return lines


def record_online() -> list[str]:
    """Look at the orders before anything is sent, and give what a terminal shows."""
    store = Store(state="shop")
    config = SandboxConfig(show_attributes=True)
    with tempfile.TemporaryDirectory() as name, running(store, config) as shop:
        desk = Desk(Path(name), shop.base_url, shop.key)
        (desk.folder / "calls.csv").write_text(SEEN, encoding="utf-8")
        command = ["check", "calls.csv", "--online"]
        shown = desk.run(*command).out.replace(shop.base_url.split("/")[2], "shop.example.com")
        start = shown.index("What stands in the orders now")
        return [f"$ ordersheet {' '.join(command)}", *shown[start:].rstrip().splitlines()]


def record_undo() -> list[str]:
    """Take a run back after somebody else wrote into one of its orders, and give what a terminal shows."""
    store = Store(state="shop")
    config = SandboxConfig(show_attributes=True)
    with tempfile.TemporaryDirectory() as name, running(store, config) as shop:
        desk = Desk(Path(name), shop.base_url, shop.key)
        (desk.folder / "calls.csv").write_text(SEEN, encoding="utf-8")
        desk.run("send", "calls.csv", "--yes")
        found = store.get(83604)
        assert found is not None
        store.edit(83604, "internalComment", f"{found.internal_comment}\nRibbon: red", "Karin")
        command = ["undo", "last", "--yes"]
        ended = desk.run(*command)
        shown = ended.out.replace(str(desk.folder), "~/orders").replace(
            shop.base_url.split("/")[2], "shop.example.com"
        )
        return [f"$ ordersheet {' '.join(command)}", *shown.rstrip().splitlines()]


def draw(lines: list[str]) -> str:
    """Set lines of text as a terminal window."""
    shown = [line if len(line) <= WIDTH else line[: WIDTH - 1] + "…" for line in lines]
    width, height = round(WIDTH * LETTER) + 40, LINE * len(shown) + 56
    fonts = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
    dots = zip((20, 38, 56), ("#f66", "#fc6", "#6c6"), strict=True)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" ',
        f'font-size="14" font-family="{fonts}">',
        f'<rect width="{width}" height="{height}" rx="8" fill="#1e2430"/>',
        *(f'<circle cx="{x}" cy="18" r="6" fill="{fill}"/>' for x, fill in dots),
    ]
    for number, line in enumerate(shown):
        place = f'x="20" y="{50 + number * LINE}" xml:space="preserve"'
        parts.append(f'<text {place} fill="{_colour(line)}">{escape(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _colour(line: str) -> str:
    return "#8fd3ff" if line.startswith("$ ") else "#e6e6e6"


if __name__ == "__main__":
    (DOCS / "run.svg").write_text(draw(record()), encoding="utf-8")
    (DOCS / "online.svg").write_text(draw(record_online()), encoding="utf-8")
    (DOCS / "undo.svg").write_text(draw(record_undo()), encoding="utf-8")
