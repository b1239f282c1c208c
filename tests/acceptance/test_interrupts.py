"""Signals: a report after all but SIGKILL and a third Ctrl-C; a second send finishes the job."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.support.command import Desk

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running

ROWS = 60
pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")


@pytest.fixture
def slow_desk(store, tmp_path):
    """A desk whose shop takes its time, with a sheet to send."""
    with running(store, SandboxConfig(latency=0.15)) as shop:
        desk = Desk(tmp_path, shop.base_url, shop.key)
        lines = [f"{83600 + n},text {n}" for n in range(ROWS)]
        desk.file("orders.csv", "\n".join(["Order ID,Internal comment", *lines]) + "\n")
        yield desk


def start(desk: Desk) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ordersheet", "send", "orders.csv", "--yes", "--concurrency", "4"]
    return subprocess.Popen(
        command,
        cwd=desk.folder,
        env=desk.env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_some_rows(store, process, least: int = 4) -> None:
    """Wait until the shop has applied a few rows."""
    while process.poll() is None:
        if sum("text" in order.internal_comment for order in store) >= least:
            return
        time.sleep(0.02)
    raise AssertionError(process.communicate())


def outcomes(path) -> list[tuple[str, str]]:
    _, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
    return [(row[2], row[3]) for row in rows]


def finish(desk, store) -> None:
    """Send again until done, and hold the shop's own record against it: each text stands exactly once."""
    told = desk.run("send", "orders.csv", "--yes", "--json", "--settle", "1")
    assert told.code == 0, told.err
    assert told.json["status"] == {"ok": ROWS, "no": 0}
    for number in range(ROWS):
        order = store.get(83600 + number)
        assert order.internal_comment.split("\n").count(f"text {number}") == 1


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_one_signal_ends_the_run_with_a_report_and_a_second_send_goes_on(slow_desk, store, number, code):
    process = start(slow_desk)
    wait_for_some_rows(store, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    (report,) = slow_desk.reports()
    assert out.strip().splitlines()[-1] == str(report)
    found = outcomes(report)
    assert len(found) == ROWS
    assert ("no", "not sent") in found
    for row, (status, _) in enumerate(found):
        stands = f"text {row}" in store.get(83600 + row).internal_comment.split("\n")
        assert stands is (status == "ok")
    finish(slow_desk, store)


def test_two_signals_cut_requests_and_the_report_is_still_written(slow_desk, store):
    process = start(slow_desk)
    wait_for_some_rows(store, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert len(slow_desk.reports()) == 1
    finish(slow_desk, store)


def test_after_a_kill_the_report_can_be_written_and_a_second_send_goes_on(slow_desk, store):
    process = start(slow_desk)
    wait_for_some_rows(store, process)
    process.kill()
    process.communicate(timeout=60)
    assert not slow_desk.reports()
    (slow_desk.folder / "orders.csv").rename(slow_desk.folder / "moved.csv")
    written = slow_desk.run("report", "last")
    assert written.code == 0, written.err
    found = outcomes(slow_desk.reports()[0])
    assert len(found) == ROWS
    for row, (status, _) in enumerate(found):
        if status == "ok":
            assert f"text {row}" in store.get(83600 + row).internal_comment
    (slow_desk.folder / "moved.csv").rename(slow_desk.folder / "orders.csv")
    finish(slow_desk, store)


def test_two_processes_on_one_file_send_each_row_once(slow_desk, store):
    first, second = start(slow_desk), start(slow_desk)
    for process in (first, second):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    finish(slow_desk, store)


def test_ctrl_c_at_the_question_sends_nothing(slow_desk, store):
    controller, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ordersheet", "send", "orders.csv"],
        cwd=slow_desk.folder,
        env=slow_desk.env(),
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    # Nobody but the command holds the terminal now: where it ends without a question, reading ends too.
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):
        while b"[y/N]" not in shown and (more := os.read(controller, 4096)):
            shown += more
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    os.close(controller)
    assert process.returncode == 130
    assert b"Nothing was sent." in err
    assert not any("text" in order.internal_comment for order in store)
    assert not slow_desk.reports()


def test_a_terminal_that_is_closed_ends_the_run_with_a_report(slow_desk, store):
    """Closing the window sends SIGHUP, and from then on nothing can be written to it."""
    import pty

    leader, follower = pty.openpty()
    take = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, "
    command = [sys.executable, "-m", "ordersheet", "send", "orders.csv", "--yes", "--concurrency", "4"]
    process = subprocess.Popen(
        [sys.executable, "-c", f"{take}{command!r})"],
        cwd=slow_desk.folder,
        env=slow_desk.env(),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    wait_for_some_rows(store, process)
    os.close(leader)
    assert process.wait(60) == 128 + signal.SIGHUP
    (report,) = slow_desk.reports()
    assert len(outcomes(report)) == ROWS


def test_a_reader_that_goes_away_does_not_end_the_run(slow_desk):
    process = subprocess.Popen(
        [sys.executable, "-m", "ordersheet", "send", "orders.csv", "--yes", "-v"],
        cwd=slow_desk.folder,
        env=slow_desk.env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0
    (report,) = slow_desk.reports()
    assert outcomes(report) == [("ok", "applied")] * ROWS
