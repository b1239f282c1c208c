"""What --help shows of commands that take a file works as it stands."""

from __future__ import annotations

import shlex

import pytest
from openpyxl import Workbook
from typer.testing import CliRunner

from ordersheet.cli import app

CSV = "Bestell-Nr.;Interner Kommentar\n83600;Tür zu\n"


def examples(command: str) -> list[list[str]]:
    shown = CliRunner().invoke(app, [command, "--help"], prog_name="ordersheet").output
    lines = [line.strip() for line in shown.partition("Examples:")[2].splitlines() if line.strip()]
    return [shlex.split(line) for line in lines]


@pytest.fixture
def at_work(desk):
    """A desk with the files that the examples name."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("Order ID", "Internal comment"), (83600, "one"), (83601, "two")):
        sheet.append(row)
    book.save(desk.folder / "calls.xlsx")
    desk.file("calls.csv", CSV.encode("cp1252"))
    desk.file("ids.csv", "Order ID\n83602\n")
    desk.file("mapping.toml", '[attributes]\n"ERP ref" = "erp_reference"\n')
    return desk


@pytest.mark.parametrize("command", ["check", "export", "send", "template"])
def test_three_examples_work(at_work, command):
    found = examples(command)
    assert len(found) == 3
    for program, *words in found:
        assert (program, words[0]) == ("ordersheet", command)
        # Nobody is there to answer, and nobody to look at what would be opened.
        answered = ["--yes"] if command == "send" and "--yes" not in words else []
        ended = at_work.run(*[word for word in words if word != "--open"], *answered)
        assert ended.code == 0, ended.err
