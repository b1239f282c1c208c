"""stdout and stderr closed, or not read: the run goes on, and ends with the same exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.command import Desk

ROWS = 700
ORDERS = "Order ID,Internal comment\n" + "".join(
    f"{83600 + number % 20},text {number}\n" for number in range(ROWS)
)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX pipes")


def start(desk: Desk, *arguments: str, output: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ordersheet", *arguments],
        cwd=desk.folder,
        env=desk.env(),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )


@POSIX
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_verbose_run_into_a_pipe_that_nobody_reads_ends_as_ever(desk, form):
    desk.file("orders.csv", ORDERS)
    reader, writer = os.pipe()
    arguments = ("send", "orders.csv", "--yes", "--verbose", "--log-format", form)
    process = start(desk, *arguments, output=writer)
    assert process.wait(100) == 0
    os.close(writer)
    with open(reader, "rb") as file:  # noqa: PTH123 - a descriptor
        assert len(file.read()) >= 1 << 15
    assert len(desk.reports()) == 1


@POSIX
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_nothing(desk, closed):
    desk.file("orders.csv", "Order ID,Internal comment\n83600,first\n8360I,second\n")
    command = f'"{sys.executable}" -m ordersheet send orders.csv --yes --verbose {closed}'
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=desk.folder,
        env=desk.env(),
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    (report,) = desk.reports()
    assert "applied" in report.read_text(encoding="utf-8")
    assert desk.run("ledger", "check").code == 0


def test_every_line_on_stderr_is_json_and_the_last_sums_up(desk):
    desk.file("orders.csv", "Order ID,Internal comment\n83600,first\n8360I,second\n83601,third\n")
    send = ("send", "orders.csv", "--yes", "--json", "--verbose", "--log-format", "json")
    told = desk.run(*send)
    lines = [json.loads(line) for line in told.err.splitlines()]
    assert {line["file"] for line in lines} == {"orders.csv"}
    assert all(type(line["order"]) in (int, type(None)) for line in lines if "order" in line)
    assert all(
        line["run"] == told.json["run"] for line in lines if line["event"] in ("row", "attempt", "end")
    )
    end = lines[-1]
    assert (end["event"], end["exit_code"], end["outcomes"]) == ("end", 1, told.json["outcomes"])
    assert end["report"] == told.json["report"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("send", "missing.csv", "--yes"), "missing.csv"),
        (("send", "orders.csv"), "Add --yes"),
        (("send", "orders.csv", "--yes", "--nonsense"), "--nonsense"),
        (("send", "--yes"), "FILE"),
        (("runs", "--nonsense"), "--nonsense"),
    ],
)
def test_errors_are_json_too(desk, arguments, words):
    desk.file("orders.csv", "Order ID,Internal comment\n83600,first\n")
    told = desk.run(*arguments, *(() if arguments[0] == "runs" else ("--log-format", "json")), env=JSON)
    assert told.code == 2
    lines = [json.loads(line) for line in told.err.splitlines()]
    assert lines[-1]["event"] == "end"
    assert lines[-1]["exit_code"] == 2
    assert words in lines[-1]["error"]


JSON = {"ORDERSHEET_LOG_FORMAT": "json"}
