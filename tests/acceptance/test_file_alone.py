"""`ordersheet FILE`, which is what dragging a file onto the program does."""

from __future__ import annotations

import sys

import pytest
from tests.support.terminal import converse

ORDERS = "Order ID,Internal comment,comment\n83600,one,On its way.\nx,two,\n"


@pytest.fixture
def viewer(desk):
    """A program that opens reports: it writes down what it was given."""
    program = desk.folder / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$1" > "{desk.folder}/opened"\n', encoding="utf-8")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:/usr/bin:/bin"}


@pytest.mark.skipif(sys.platform != "linux", reason="the viewer is Linux's")
def test_a_file_alone_is_checked_asked_about_sent_and_its_report_opened(desk, viewer, held):
    path = desk.file("orders.csv", ORDERS)
    question = "Send 1 row to "
    code, shown = converse(desk, [path], [("What goes where:", None), (question, "y")], viewer)
    assert code == 1, shown
    assert shown.count("1 row of 2 to send") == 1
    assert "1 text of them may be seen by customers" in shown
    (report,) = desk.reports()
    assert (desk.folder / "opened").read_text(encoding="utf-8").strip() == str(report)
    assert "one" in str(held(83600))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_no_sends_nothing(desk, held):
    path = desk.file("orders.csv", ORDERS)
    code, shown = converse(desk, [path], [("Send 1 row", "n")])
    assert code == 2, shown
    assert "Nothing was sent." in shown
    assert desk.reports() == []


def test_without_a_terminal_it_is_checked_and_not_sent(desk):
    ended = desk.run(desk.file("orders.csv", ORDERS))
    assert ended.code == 2
    assert "What goes where:" in ended.out
    assert "Add --yes" in ended.err


def test_where_no_shop_is_set_it_says_how_to_set_one(bare_desk):
    ended = bare_desk.run(bare_desk.file("orders.csv", ORDERS))
    assert ended.code == 2
    assert "ordersheet setup" in ended.err


@pytest.mark.parametrize("name", ["no such file.xlsx", "missing.csv"])
def test_a_file_that_is_not_there_is_no_unknown_command(desk, name):
    ended = desk.run(name)
    assert ended.code == 2
    assert name in ended.err
    assert "command" not in ended.err.lower()


def test_a_word_that_is_no_file_is_an_unknown_command(desk):
    ended = desk.run("chek")
    assert ended.code == 2
    assert "No such command" in ended.err
